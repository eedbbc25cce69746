"""
Families of Services in a cluster that has both, as the API server chooses and refuses them.

Source: Kubernetes docs, "IPv4/IPv6 dual-stack", and pkg/registry/core/service/storage/alloc.go.
"""

from __future__ import annotations

import pytest

from npol_lab.families import IPV4, IPV6
from npol_lab.registry import Registry, StatusError
from npol_lab.store import Store

FOUR, SIX = "10.96.0.50", "fd00:10:96::50"
BOTH = ["IPv4", "IPv6"]
SINGLE, PREFER, REQUIRE = "SingleStack", "PreferDualStack", "RequireDualStack"


@pytest.fixture
def registry():
    found = Registry(Store(), families=(IPV4, IPV6))
    found.create("namespaces", {"metadata": {"name": "ns"}})
    return found


@pytest.fixture
def single():
    found = Registry(Store())
    found.create("namespaces", {"metadata": {"name": "ns"}})
    return found


def service(**spec):
    return {
        "metadata": {"name": "web", "namespace": "ns"},
        "spec": {"ports": [{"port": 80}], "selector": {"app": "web"}, **spec},
    }


def created(registry, **spec):
    return registry.create("services", service(**spec))["spec"]


def updated(registry, **changes):
    old = registry.get("services", "ns", "web")
    spec = {k: v for k, v in {**old["spec"], **changes}.items() if v is not None}
    return registry.update("services", {**old, "spec": spec})["spec"]


def families(spec):
    return spec["ipFamilyPolicy"], spec["ipFamilies"]


def refusal(call, *arguments, **spec):
    with pytest.raises(StatusError) as caught:
        call(*arguments, **spec)
    return {c["field"]: c["message"] for c in caught.value.details["causes"]}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param({}, (SINGLE, ["IPv4"]), id="default"),
        pytest.param({"ipFamilyPolicy": PREFER}, (PREFER, BOTH), id="prefer"),
        pytest.param({"ipFamilyPolicy": REQUIRE}, (REQUIRE, BOTH), id="require"),
        pytest.param({"ipFamilies": ["IPv6"]}, (SINGLE, ["IPv6"]), id="ipv6"),
        pytest.param(
            {"ipFamilies": ["IPv6"], "ipFamilyPolicy": PREFER},
            (PREFER, ["IPv6", "IPv4"]),
            id="ipv6-first",
        ),
        pytest.param({"clusterIP": SIX}, (SINGLE, ["IPv6"]), id="by-its-address"),
        pytest.param(
            {"clusterIP": SIX, "clusterIPs": [SIX, FOUR], "ipFamilyPolicy": REQUIRE},
            (REQUIRE, ["IPv6", "IPv4"]),
            id="by-both-addresses",
        ),
        pytest.param({"clusterIP": "None"}, (SINGLE, ["IPv4"]), id="headless"),
        pytest.param({"clusterIP": "None", "selector": None}, (REQUIRE, BOTH), id="bare"),
        pytest.param(
            {"clusterIP": "None", "ipFamilyPolicy": PREFER}, (PREFER, BOTH), id="headless-prefer"
        ),
    ],
)
def test_a_service_has_the_families_that_it_asks_for(registry, given, expected):
    spec = created(registry, **given)
    assert families(spec) == expected
    headless = spec["clusterIP"] == "None"
    assert len(spec["clusterIPs"]) == (1 if headless else len(expected[1]))
    kinds = ["IPv6" if ":" in ip else "IPv4" for ip in spec["clusterIPs"]]
    assert headless or kinds == expected[1]
    assert spec["clusterIP"] == spec["clusterIPs"][0]


def test_addresses_come_from_the_range_of_their_family(registry):
    spec = created(registry, ipFamilyPolicy=PREFER)
    assert spec["clusterIPs"] == ["10.96.1.1", "fd00:10:96::101"]


def test_preferring_two_families_is_content_with_one(single):
    assert families(created(single, ipFamilyPolicy=PREFER)) == (PREFER, ["IPv4"])


@pytest.mark.parametrize(
    ("given", "field", "message"),
    [
        pytest.param(
            {"ipFamilyPolicy": REQUIRE},
            "spec.ipFamilyPolicy",
            "this cluster is not configured for dual-stack services",
            id="require",
        ),
        pytest.param(
            {"ipFamilies": ["IPv6"]},
            "spec.ipFamilies[0]",
            "not configured on this cluster",
            id="family",
        ),
        pytest.param(
            {"clusterIP": SIX},
            "spec.clusterIPs[0]",
            "IPv6 is not configured on this cluster",
            id="address",
        ),
    ],
)
def test_a_cluster_of_one_family_refuses_the_other(single, given, field, message):
    assert message in refusal(created, single, **given)[field]


@pytest.mark.parametrize(
    ("given", "field", "message"),
    [
        pytest.param(
            {"ipFamilies": BOTH},
            "spec.ipFamilyPolicy",
            "must be 'RequireDualStack' or 'PreferDualStack' when multiple IP families",
            id="two-families-single-stack",
        ),
        pytest.param(
            {"clusterIP": FOUR, "clusterIPs": [FOUR, SIX]},
            "spec.ipFamilyPolicy",
            "must be 'RequireDualStack' or 'PreferDualStack' when multiple cluster IPs",
            id="two-addresses-single-stack",
        ),
        pytest.param(
            {"ipFamilies": ["IPv6", "IPv6"], "ipFamilyPolicy": PREFER},
            "spec.ipFamilies[1]",
            'Duplicate value: "IPv6"',
            id="twice",
        ),
        pytest.param(
            {"clusterIP": FOUR, "ipFamilies": ["IPv6"]},
            "spec.clusterIPs[0]",
            "expected an IPv6 value as indicated by `ipFamilies[0]`",
            id="other-family",
        ),
        pytest.param(
            {
                "clusterIP": FOUR,
                "clusterIPs": [FOUR, "10.96.0.51"],
                "ipFamilyPolicy": REQUIRE,
            },
            "spec.clusterIPs",
            "may specify no more than one IP for each IP family",
            id="two-of-one-family",
        ),
        pytest.param(
            {"clusterIPs": [FOUR]},
            "spec.clusterIPs",
            "must be empty when `clusterIP` is not specified",
            id="list-only",
        ),
        pytest.param(
            {"clusterIP": "fd01::1"},
            "spec.clusterIPs",
            "the provided network does not match the current range",
            id="out-of-range",
        ),
    ],
)
def test_a_contradictory_service_is_refused(registry, given, field, message):
    assert message in refusal(created, registry, **given)[field]


def test_a_service_gets_its_second_family_by_an_update(registry):
    first = created(registry)["clusterIP"]
    spec = updated(registry, ipFamilyPolicy=PREFER)
    assert families(spec) == (PREFER, BOTH)
    assert spec["clusterIPs"] == [first, "fd00:10:96::101"]


def test_a_service_gives_its_second_family_back_who_asks_for_one(registry):
    first = created(registry, ipFamilyPolicy=REQUIRE)["clusterIP"]
    spec = updated(registry, ipFamilyPolicy=SINGLE)
    assert families(spec) == (SINGLE, ["IPv4"])
    assert spec["clusterIPs"] == [first]


def test_a_second_address_is_not_lost_by_a_client_that_knows_one_only(registry):
    before = created(registry, ipFamilyPolicy=REQUIRE)
    spec = updated(registry, clusterIPs=None, ipFamilies=None, ipFamilyPolicy=None)
    assert spec["clusterIPs"] == before["clusterIPs"]
    assert families(spec) == (REQUIRE, BOTH)


@pytest.mark.parametrize(
    ("change", "field", "message"),
    [
        pytest.param(
            {"ipFamilies": ["IPv4"]},
            "spec.ipFamilyPolicy",
            "must be set to 'SingleStack' when releasing the secondary ipFamily",
            id="released-silently",
        ),
        pytest.param(
            {"ipFamilies": ["IPv6", "IPv4"]},
            "spec.ipFamilies[0]",
            "may not change once set",
            id="turned-round",
        ),
    ],
)
def test_families_do_not_change_by_chance(registry, change, field, message):
    created(registry, ipFamilyPolicy=REQUIRE)
    assert message in refusal(updated, registry, **change)[field]
