"""Addresses and ports of Endpoints and EndpointSlices, refused in the API server's words."""

import pytest

from npol_lab.registry import Registry, StatusError
from npol_lab.store import Store

SLICES = "endpointslices.discovery.k8s.io"
RULE = '10.0.0.1:80\ninclude "/etc/shadow"'
LOOPBACK = "may not be in the loopback range (127.0.0.0/8, ::1/128)"


@pytest.fixture
def registry():
    registry = Registry(Store())
    registry.create("namespaces", {"metadata": {"name": "demo"}})
    return registry


def refusal(registry, resource, **content):
    with pytest.raises(StatusError) as caught:
        registry.create(resource, {"metadata": {"name": "s", "namespace": "demo"}, **content})
    causes = caught.value.status()["details"]["causes"]
    return [(c["field"], c["message"].partition(": ")[2]) for c in causes]


@pytest.mark.parametrize(
    ("kind", "address", "rules"),
    [
        ("IPv4", RULE, ["must be a valid IPv4 address"]),
        ("IPv4", "fd00::1", ["must be a valid IPv4 address"]),
        ("IPv6", "10.0.0.1", ["must be a valid IPv6 address"]),
        ("IPv6", '2001:db8::1%x }\ninclude "shadow"', ["must be a valid IPv6 address"]),
        ("IPv4", "127.0.0.1", [LOOPBACK]),
    ],
)
def test_an_address_of_a_slice_is_one_of_its_type(registry, kind, address, rules):
    found = refusal(registry, SLICES, addressType=kind, endpoints=[{"addresses": [address]}])

    assert [field for field, _ in found] == ["endpoints[0].addresses[0]"] * len(rules)
    assert [text.rpartition('": ')[2] for _, text in found] == rules


@pytest.mark.parametrize(
    ("content", "field"),
    [
        ({"endpoints": [{"addresses": ["10.0.0.1"], "hostname": "a b"}]}, "endpoints[0].hostname"),
        ({"ports": [{"port": 80, "protocol": "drop"}]}, "ports[0].protocol"),
    ],
)
def test_other_fields_of_a_slice_are_looked_at(registry, content, field):
    ((found, _),) = refusal(registry, SLICES, addressType="IPv4", **content)
    assert found == field


def test_a_name_in_a_slice_is_one_of_domains(registry):
    endpoints = [{"addresses": [RULE]}]
    ((field, _),) = refusal(registry, SLICES, addressType="FQDN", endpoints=endpoints)
    assert field == "endpoints[0].addresses[0]"


@pytest.mark.parametrize(
    ("subset", "field"),
    [
        ({"addresses": [{"ip": RULE}]}, "addresses[0].ip"),
        ({"notReadyAddresses": [{"ip": "::1"}]}, "notReadyAddresses[0].ip"),
        ({"ports": [{"port": 0}]}, "ports[0].port"),
        ({"ports": [{"port": 80, "protocol": "drop"}]}, "ports[0].protocol"),
    ],
)
def test_a_subset_of_endpoints_is_looked_at(registry, subset, field):
    ((found, _),) = refusal(registry, "endpoints", subsets=[subset])
    assert found == f"subsets[0].{field}"


def test_an_address_with_a_zone_is_none(registry):
    spec = {"ports": [{"port": 80}], "externalIPs": ['2001:db8::1%x }\ninclude "shadow"']}
    ((field, _),) = refusal(registry, "services", spec=spec)
    assert field == "spec.externalIPs[0]"
