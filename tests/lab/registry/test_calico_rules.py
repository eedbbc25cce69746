"""What Calico's API server fills in and refuses, and what the lab cannot enforce."""

from __future__ import annotations

import pytest

from npol_lab.registry import Registry, StatusError
from npol_lab.registry.calico_definitions import calico_definitions, tiers
from npol_lab.registry.calico_rules import TIERS
from npol_lab.store import Store

GROUP = "projectcalico.org"
POLICIES = f"globalnetworkpolicies.{GROUP}"


@pytest.fixture(scope="module")
def registry():
    found = Registry(Store())
    for definition in calico_definitions():
        found.create("customresourcedefinitions.apiextensions.k8s.io", definition)
    for tier in tiers():
        found.create(TIERS, tier)
    found.create("namespaces", {"metadata": {"name": "shop"}})
    return found


def tried(registry, spec, *, kind="globalnetworkpolicies", name="p", **metadata):
    body = {"metadata": {"name": name, **metadata}, "spec": spec}
    return registry.create(f"{kind}.{GROUP}", body, dry_run=True)


def refusal(registry, *args, **kwargs):
    with pytest.raises(StatusError) as caught:
        tried(registry, *args, **kwargs)
    return caught.value


@pytest.mark.parametrize(
    ("spec", "types"),
    [
        pytest.param({}, ["Ingress"], id="no-rules"),
        pytest.param({"ingress": [{"action": "Deny"}]}, ["Ingress"], id="ingress"),
        pytest.param({"egress": [{"action": "Deny"}]}, ["Egress"], id="egress"),
        pytest.param(
            {"egress": [{"action": "Deny"}], "ingress": [{"action": "Deny"}]},
            ["Ingress", "Egress"],
            id="both",
        ),
        pytest.param({"types": ["Egress"]}, ["Egress"], id="stated"),
    ],
)
def test_types_default_by_the_rules_that_are_there(registry, spec, types):
    made = tried(registry, spec)

    assert made["spec"]["types"] == types
    assert made["spec"]["tier"] == "default"
    assert made["metadata"]["labels"] == {"projectcalico.org/tier": "default"}


def rule(direction="ingress", **fields):
    return {direction: [{"action": "Allow", **fields}]}


PORT = {"ports": [80]}
SERVICE = {"services": {"name": "web", "namespace": "shop"}}
REFUSED = {
    "selector": ({"selector": "a = 'b'"}, "spec.selector: Invalid value"),
    "global-in-a-selector": ({"selector": "global()"}, "can only be used alone"),
    "global-with-others": (
        rule(source={"namespaceSelector": "global() || has(a)"}),
        "can only be used alone",
    ),
    "a-rule's-selector": (rule(source={"notSelector": "has("}), "source.notSelector"),
    "account-selector": (
        rule(source={"serviceAccounts": {"selector": "x"}}),
        "source.serviceAccounts.selector",
    ),
    "types-twice": ({"types": ["Ingress", "Ingress"]}, "a type is given twice"),
    "action": ({"ingress": [{"action": "allow"}]}, "Unsupported value"),
    "ports-without-protocol": (rule(destination=PORT), "requires the protocol TCP, UDP or SCTP"),
    "ports-of-icmp": (rule(protocol="ICMP", source=PORT), "requires the protocol TCP"),
    "port-zero": (rule(protocol="TCP", source={"ports": [0]}), "must be 1 to 65535"),
    "range-backwards": (rule(protocol="TCP", source={"notPorts": ["9:8"]}), "in order"),
    "protocol": (rule(protocol="HTTP"), "must be a protocol"),
    "protocol-in-small-letters": (rule(protocol="tcp"), "must be a protocol"),
    "protocol-of-the-other-version": (rule(protocol="ICMP", ipVersion=6), "is not of IP version 6"),
    "icmp-without-protocol": (rule(icmp={"type": 8}), "requires the protocol ICMP"),
    "icmp-code-alone": (rule(protocol="ICMP", icmp={"code": 0}), "a code without a type"),
    "no-cidr": (rule(source={"nets": ["10.0.0.1"]}), "must be a CIDR"),
    "two-ip-versions": (
        rule(source={"nets": ["10.0.0.0/8"]}, destination={"nets": ["fd00::/8"]}),
        "IP version",
    ),
    "not-everything": (rule(source={"notNets": ["0.0.0.0/0"]}), "nothing lies outside"),
    "service-of-ingress-target": (rule(destination=SERVICE), "not on this side"),
    "service-without-namespace": (
        rule("egress", destination={"services": {"name": "web"}}),
        "must specify a namespace",
    ),
    "service-and-selector": (rule(source={**SERVICE, "selector": "has(a)"}), "with services"),
    "service-and-ports": (
        rule("egress", protocol="TCP", destination={**SERVICE, **PORT}),
        "with services",
    ),
    "order": ({"order": "5"}, "must be of type number"),
    "tier": ({"tier": "nowhere"}, 'tiers.projectcalico.org "nowhere" not found'),
}
UNENFORCED = {
    "http": (rule(http={"methods": ["GET"]}), "it sees packets, not requests"),
    "not-icmp-of-anything": (rule(notICMP={"type": 8}), "the lab cannot enforce it"),
    "do-not-track": ({"doNotTrack": True}, "the lab cannot enforce it"),
    "pre-dnat": ({"preDNAT": True}, "the lab cannot enforce it"),
    "apply-on-forward": ({"applyOnForward": True}, "it has no HostEndpoints"),
}


@pytest.mark.parametrize(
    ("spec", "told"),
    [pytest.param(*row, id=name) for name, row in (REFUSED | UNENFORCED).items()],
)
def test_a_policy_is_refused_with_the_reason(registry, spec, told):
    assert told in refusal(registry, spec).message


@pytest.mark.parametrize(
    ("kind", "spec", "names", "told"),
    [
        ("globalnetworkpolicies", {}, {"name": "a.b.c"}, "two joined by a dot"),
        ("tiers", {"order": 5}, {"name": "a.b"}, "must be a DNS label"),
        ("tiers", {"order": 5}, {"name": "default"}, "must be 1000000 in the tier default"),
        ("globalnetworksets", {"nets": ["shop.test"]}, {}, "must be an address or a CIDR"),
        (
            "networksets",
            {},
            {"namespace": "shop", "labels": {"projectcalico.org/namespace": "x"}},
            "not a valid label name",
        ),
    ],
)
def test_what_else_is_refused(registry, kind, spec, names, told):
    assert told in refusal(registry, spec, kind=kind, **names).message


def test_a_namespaced_policy_means_services_of_its_own_namespace(registry):
    spec = rule("egress", destination={"services": {"name": "web"}})

    assert tried(registry, spec, kind="networkpolicies", namespace="shop")["spec"]


def test_a_tier_that_everybody_has_or_that_is_used_stays(registry):
    registry.create(TIERS, {"metadata": {"name": "own"}, "spec": {"order": 5}})
    registry.create(POLICIES, {"metadata": {"name": "inside"}, "spec": {"tier": "own"}})
    for name in ("own", "default"):
        with pytest.raises(StatusError, match="cannot delete"):
            registry.delete(TIERS, None, name)

    registry.delete(POLICIES, None, "inside")
    assert registry.delete(TIERS, None, "own")


def test_both_groups_show_the_same_objects(registry):
    kind = registry.catalogue.in_version("tiers.crd.projectcalico.org", "v1")

    assert kind.api_version == "crd.projectcalico.org/v1"
    assert registry.resource(kind.name).api_version == "projectcalico.org/v3"
    assert registry.catalogue.type(kind) == registry.catalogue.type(registry.resource(kind.name))
