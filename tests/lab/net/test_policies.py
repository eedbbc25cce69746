"""Policies compiled: what the rules say, and that a large cluster stays fast."""

import time

import pytest

from npol_lab.net.pods import Pod, is_judged, pod_of
from npol_lab.net.policies import Selection, World, rules_for
from npol_lab.net.policy import compile_policy


def _policy(**spec):
    metadata = {"name": "p", "namespace": "default", "uid": spec.pop("uid", "1")}
    return {"metadata": metadata, "spec": {"podSelector": {}, **spec}}


def _lines(direction="ingress", **rule):
    policy = compile_policy(_policy(policyTypes=[direction.capitalize()], **{direction: [rule]}))
    return list(policy.rules[policy.chains[direction]])


@pytest.mark.parametrize(
    ("spec", "directions"),
    [
        pytest.param({}, {"ingress"}, id="no-section"),
        pytest.param({"egress": [{}]}, {"ingress", "egress"}, id="egress-section"),
        pytest.param({"egress": []}, {"ingress"}, id="empty-egress-is-no-section"),
        pytest.param(
            {"policyTypes": ["Egress"], "ingress": [{}]}, {"egress"}, id="stated-types-win"
        ),
    ],
)
def test_directions_default_as_the_api_server_defaults_them(spec, directions):
    """Source: kubernetes/kubernetes pkg/apis/networking/v1/defaults.go."""
    assert set(compile_policy(_policy(**spec)).chains) == directions


@pytest.mark.parametrize(
    ("ports", "match"),
    [
        pytest.param([{"port": 80}], "tcp dport { 80 }", id="number"),
        pytest.param([{"port": 80}, {"port": 443}], "tcp dport { 80, 443 }", id="two"),
        pytest.param([{"port": 80}, {"port": 81}], "tcp dport { 80-81 }", id="neighbours"),
        pytest.param([{"port": 1, "endPort": 9}, {"port": 5}], "tcp dport { 1-9 }", id="overlap"),
        pytest.param(
            [{"port": 1, "endPort": 9}, {"port": 5, "endPort": 20}],
            "tcp dport { 1-20 }",
            id="chain",
        ),
        pytest.param([{}], "tcp dport { 0-65535 }", id="any"),
        pytest.param([{"port": 5, "protocol": "SCTP"}], "sctp dport { 5 }", id="sctp"),
    ],
)
def test_ports_become_disjoint_ranges(ports, match):
    assert _lines(ports=ports) == [f"{match} accept"]


@pytest.mark.parametrize(
    ("block", "match"),
    [
        pytest.param({"cidr": "10.0.0.0/8"}, "{ 10.0.0.0/8 }", id="plain"),
        pytest.param({"cidr": "10.1.2.3/8"}, "{ 10.0.0.0/8 }", id="host-bits"),
        pytest.param({"cidr": "0.0.0.0/0"}, "{ 0.0.0.0/0 }", id="everything"),
        pytest.param(
            {"cidr": "10.0.0.0/30", "except": ["10.0.0.1/32"]},
            "{ 10.0.0.0/32, 10.0.0.2/31 }",
            id="hole",
        ),
        pytest.param(
            {"cidr": "10.0.0.0/30", "except": ["10.0.0.0/31", "10.0.0.1/32"]},
            "{ 10.0.0.2/31 }",
            id="overlapping-holes",
        ),
        pytest.param(
            {"cidr": "10.0.0.0/30", "except": ["192.168.0.0/16"]},
            "{ 10.0.0.0/30 }",
            id="hole-elsewhere",
        ),
    ],
)
def test_blocks_become_disjoint_prefixes(block, match):
    assert _lines(**{"from": [{"ipBlock": block}]}) == [f"ip saddr {match} accept"]


@pytest.mark.parametrize(
    "block", [{"cidr": "10.0.0.0/30", "except": ["10.0.0.0/30"]}, {"cidr": "fd00::/8"}]
)
def test_a_block_without_addresses_allows_nothing(block):
    """Not even everything, which a rule without peers would."""
    assert _lines(**{"from": [{"ipBlock": block}]}) == []


def test_each_peer_goes_with_each_kind_of_port():
    peers = [{"ipBlock": {"cidr": "10.0.0.0/8"}}, {"podSelector": {}}]
    lines = _lines(**{"from": peers}, ports=[{"port": 80}, {"port": 53, "protocol": "UDP"}])
    assert len(lines) == 4


def test_egress_goes_on_to_be_judged_at_arrival():
    assert _lines("egress") == ["goto arrive"]
    assert _lines("ingress") == ["accept"]


def test_user_text_never_reaches_nft():
    evil = "x; } flush ruleset"
    policy = compile_policy(
        _policy(
            ingress=[
                {
                    "from": [{"podSelector": {"matchLabels": {evil: evil}}}],
                    "ports": [{"port": evil}],
                }
            ]
        )
    )
    assert "flush" not in str(policy.rules)


def test_an_unknown_protocol_is_no_rule():
    with pytest.raises(ValueError, match="ICMP"):
        _lines(ports=[{"protocol": "ICMP"}])


def _object(**spec):
    metadata = {"name": "p", "namespace": "default", "uid": "u"}
    return {"metadata": metadata, "spec": {"nodeName": "lab-1", "containers": [], **spec}}


def test_sidecars_have_named_ports_and_other_init_containers_have_none():
    """KEP-753: https://kubernetes.io/docs/concepts/workloads/pods/sidecar-containers/"""
    port = {"name": "web", "containerPort": 1}
    init = [{"ports": [port], "restartPolicy": "Always"}, {"ports": [port | {"containerPort": 2}]}]
    assert pod_of(_object(initContainers=init), "10.0.0.1").ports == (("web", "TCP", 1),)


@pytest.mark.parametrize(
    ("pod", "judged"),
    [
        pytest.param(_object(), True, id="ordinary"),
        pytest.param(_object(hostNetwork=True), False, id="host-network"),
        pytest.param(_object() | {"status": {"phase": "Succeeded"}}, False, id="finished"),
        pytest.param(_object() | {"status": {"phase": "Failed"}}, False, id="failed"),
    ],
)
def test_policies_see_pods_of_their_own_network_only(pod, judged):
    assert is_judged(pod) is judged


def _world(pods, policies):
    namespaces = {
        f"ns{n}": frozenset({("kubernetes.io/metadata.name", f"ns{n}")}) for n in range(10)
    }
    made = tuple(
        Pod(
            uid=str(n),
            namespace=f"ns{n % 10}",
            node=f"lab-{n % 2 + 1}",
            ip=f"10.244.{n % 2 + 1}.{n // 2 + 2}",
            labels=frozenset({("app", f"app{n % 50}"), ("pod", str(n))}),
            ports=(("web", "TCP", 8080),),
        )
        for n in range(pods)
    )
    compiled = []
    for n in range(policies):
        peer = {
            "namespaceSelector": {
                "matchExpressions": [
                    {
                        "key": "kubernetes.io/metadata.name",
                        "operator": "In",
                        "values": [f"ns{n % 10}", f"ns{(n + 1) % 10}"],
                    }
                ]
            },
            "podSelector": {"matchLabels": {"app": f"app{n % 50}"}},
        }
        spec = {
            "podSelector": {"matchLabels": {"app": f"app{n % 50}"}},
            "policyTypes": ["Ingress", "Egress"],
            "ingress": [{"from": [peer], "ports": [{"port": "web"}]}],
            "egress": [{"to": [peer, {"ipBlock": {"cidr": f"10.{n}.0.0/16"}}]}],
        }
        obj = _policy(uid=str(n), **spec)
        obj["metadata"]["namespace"] = f"ns{n % 10}"
        compiled.append(compile_policy(obj))
    return World(tuple(compiled), made, namespaces, Selection())


def test_five_hundred_pods_and_a_hundred_policies_compile_fast():
    world = _world(500, 100)
    rules_for("lab-1", world)
    started = time.process_time()
    rules_for("lab-1", world)
    assert time.process_time() - started < 0.5, "about 30 ms on an idle machine"


def test_only_what_the_nodes_own_pods_need_is_programmed():
    world = _world(20, 20)
    here = rules_for("lab-1", world)
    assert 0 < len(here.sets["ingress"].elements) <= 10
    assert not {"10.244.2.2"} & here.sets["ingress"].elements.keys()
