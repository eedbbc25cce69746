"""Policies as they are read: defaults as the API server sets them, refusals with their place."""

from __future__ import annotations

import ipaddress

import pytest

from npol.model.story import Protocol
from npol.policy.objects.netpol_types import Direction, IpBlock
from npol.policy.parse.parse_policies import parse_policy
from tests.policy.worlds import documents, policy

IN, OUT = Direction.INGRESS, Direction.EGRESS


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        pytest.param("{}", {IN}, id="no-section"),
        pytest.param("{egress: [{}]}", {IN, OUT}, id="egress-section"),
        pytest.param("{egress: []}", {IN}, id="empty-egress-is-no-section"),
        pytest.param("{policyTypes: []}", {IN}, id="empty-types-are-no-types"),
        pytest.param("{policyTypes: [Egress]}", {OUT}, id="stated-types-win"),
        pytest.param("{policyTypes: [Egress], ingress: [{}]}", {OUT}, id="over-sections-too"),
    ],
)
def test_directions_default_as_the_api_server_defaults_them(spec, expected):
    assert parse_policy(policy("p", spec)).policy.directions == expected


def test_rules_of_a_direction_that_is_not_in_force_are_kept_but_not_returned():
    read = parse_policy(policy("p", "{policyTypes: [Egress], ingress: [{}]}")).policy

    assert len(read.ingress) == 1
    assert read.rules(IN) == ()


def test_port_defaults_to_tcp_and_keeps_what_it_names():
    spec = "{ingress: [{ports: [{port: 80}, {port: web, protocol: UDP}, {port: 1, endPort: 9}]}]}"

    ports = parse_policy(policy("p", spec)).policy.ingress[0].ports

    assert [(p.protocol, p.port, p.end_port) for p in ports] == [
        (Protocol.TCP, 80, None),
        (Protocol.UDP, "web", None),
        (Protocol.TCP, 1, 9),
    ]


def test_missing_and_empty_selectors_are_told_apart():
    spec = "{ingress: [{from: [{podSelector: {}}, {namespaceSelector: {}}]}]}"

    first, second = parse_policy(policy("p", spec)).policy.ingress[0].peers

    assert (first.pod_selector, first.namespace_selector) == ({}, None)
    assert (second.pod_selector, second.namespace_selector) == (None, {})


def test_ip_block_holds_its_addresses_but_not_those_excepted():
    block = IpBlock(
        ipaddress.ip_network("203.0.113.0/24"), (ipaddress.ip_network("203.0.113.5/32"),)
    )

    assert ipaddress.ip_address("203.0.113.4") in block
    assert ipaddress.ip_address("203.0.113.5") not in block
    assert ipaddress.ip_address("::1") not in block


MANIFEST = """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: p
  namespace: shop
spec:
  podSelector: {matchLabels: {app: db}}
  ingress:
    - from:
        - podSelector: {matchLabels: {app: web}}
        - ipBlock: {cidr: 10.0.0.0/8}
      ports:
        - port: 5432
"""


def test_every_part_knows_its_place_in_the_file():
    (document,) = documents(MANIFEST, "shop/db.yaml")

    read = parse_policy(document).policy

    rule = read.ingress[0]
    assert str(read.origin) == "shop/db.yaml:1"
    assert str(rule.origin) == "shop/db.yaml:9"
    assert str(rule.peers[1].origin) == "shop/db.yaml:11"
    assert str(rule.ports[0].origin) == "shop/db.yaml:13"
    assert rule.ports[0].origin.path == "spec.ingress[0].ports[0]"


def test_policy_of_a_cluster_is_named_where_there_is_no_file():
    (document,) = documents(MANIFEST)

    read = parse_policy(document.data).policy

    assert str(read.ingress[0].peers[1].origin) == "NetworkPolicy shop/p spec.ingress[0].from[1]"


def test_policy_inside_a_list_knows_its_place():
    text = "kind: List\napiVersion: v1\nitems:\n" + "".join(
        f"  {'- ' if n == 0 else '  '}{line}\n" for n, line in enumerate(MANIFEST.splitlines())
    )
    (document,) = documents(text, "list.yaml")

    read = parse_policy(document).policy

    assert (str(read), str(read.ingress[0].origin)) == ("shop/p", "list.yaml:12")


REFUSALS = [
    ("{ingress: [{from: [{}]}]}", "spec.ingress[0].from[0]: Required value: must specify a peer"),
    (
        "{ingress: [{from: [{podSelector: {}, ipBlock: {cidr: 10.0.0.0/8}}]}]}",
        "spec.ingress[0].from[0]: Forbidden: may not specify both ipBlock and another peer",
    ),
    (
        "{egress: [{to: [{ipBlock: {cidr: 10.0.0.1}}]}]}",
        'spec.egress[0].to[0].ipBlock.cidr: Invalid value: "10.0.0.1": must be a valid '
        "CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)",
    ),
    (
        "{egress: [{to: [{ipBlock: {cidr: 10.0.0.0/8, except: [11.0.0.0/8]}}]}]}",
        'spec.egress[0].to[0].ipBlock.except[0]: Invalid value: "11.0.0.0/8": must be a '
        "strict subset of `cidr`",
    ),
    (
        "{egress: [{to: [{ipBlock: {cidr: 10.0.0.0/8, except: [10.0.0.0/8]}}]}]}",
        'spec.egress[0].to[0].ipBlock.except[0]: Invalid value: "10.0.0.0/8": must be a '
        "strict subset of `cidr`",
    ),
    (
        "{ingress: [{ports: [{port: 0}]}]}",
        "spec.ingress[0].ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive",
    ),
    ("{policyTypes: [{Ingress: true}]}", "spec.policyTypes[0]: must be a string, not a mapping"),
    (
        "{policyTypes: [Ingress, Egress, Ingress]}",
        'spec.policyTypes: Invalid value: []networking.PolicyType{"Ingress", "Egress", '
        '"Ingress"}: may not specify more than two policyTypes',
    ),
    (
        "{ingress: [{ports: [{protocol: [TCP]}]}]}",
        "spec.ingress[0].ports[0].protocol: must be a string, not a list",
    ),
    (
        "{ingress: [{ports: [{protocol: ''}]}]}",
        'spec.ingress[0].ports[0].protocol: Unsupported value: "": supported values: '
        '"TCP", "UDP", "SCTP"',
    ),
    (
        "{ingress: [{ports: [{port: '80'}]}]}",
        'spec.ingress[0].ports[0].port: Invalid value: "80": must contain at least one '
        "letter (a-z)",
    ),
    (
        "{ingress: [{ports: [{endPort: 90}]}]}",
        "spec.ingress[0].ports[0].endPort: Invalid value: 90: may not be specified when "
        "`port` is not specified",
    ),
    (
        "{ingress: [{ports: [{port: web, endPort: 90}]}]}",
        "spec.ingress[0].ports[0].endPort: Invalid value: 90: may not be specified when "
        "`port` is non-numeric",
    ),
    (
        "{ingress: [{ports: [{port: 91, endPort: 90}]}]}",
        "spec.ingress[0].ports[0].endPort: Invalid value: 91: must be greater than or "
        "equal to `port`",
    ),
    (
        "{ingress: [{ports: [{protocol: tcp, port: 1}]}]}",
        'spec.ingress[0].ports[0].protocol: Unsupported value: "tcp": supported values: '
        '"TCP", "UDP", "SCTP"',
    ),
    (
        "{policyTypes: [ingress]}",
        'spec.policyTypes[0]: Unsupported value: "ingress": supported values: "Ingress", "Egress"',
    ),
    (
        "{podSelector: {matchLabels: {app: yes}}}",
        "spec.podSelector.matchLabels.app: must be a string, not a boolean",
    ),
    (
        "{podSelector: {matchExpressions: [{key: a, operator: in, values: [b]}]}}",
        'spec.podSelector.matchExpressions[0].operator: Invalid value: "in": not a valid '
        "selector operator",
    ),
    (
        "{podSelector: {matchExpressions: [{key: a, operator: In}]}}",
        "spec.podSelector.matchExpressions[0].values: Required value: must be specified "
        "when `operator` is 'In' or 'NotIn'",
    ),
    (
        "{podSelector: {matchExpressions: [{key: a, operator: Exists, values: [b]}]}}",
        "spec.podSelector.matchExpressions[0].values: Forbidden: may not be specified "
        "when `operator` is 'Exists' or 'DoesNotExist'",
    ),
    ("{podSelector: {app: db}}", "spec.podSelector.app: unknown field 'app'"),
    ("{ingres: [{}]}", "spec.ingres: unknown field 'ingres'"),
    ("{ingress: [{to: []}]}", "spec.ingress[0].to: unknown field 'to'"),
    ("{ingress: {}}", "spec.ingress: must be a list, not a mapping"),
    ("{ingress: [80]}", "spec.ingress[0]: must be a mapping, not a number"),
]


@pytest.mark.parametrize(("spec", "message"), REFUSALS, ids=[r[0] for r in REFUSALS])
def test_policies_that_the_api_server_refuses_are_refused(spec, message):
    """Source: pkg/apis/networking/validation/validation.go."""
    assert [m.message for m in parse_policy(policy("p", spec)).mistakes] == [message]


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (
            "namespace: shop",
            "namespace: y",
            "db.yaml:5:14: metadata.namespace: must be a string, not a boolean - put it in quotes: "
            "YAML reads y, yes, on and true (n, no, off, false) as booleans",
        ),
        (
            "name: p",
            "name: 7",
            'db.yaml:4:9: metadata.name: must be a string, not a number - put it in quotes: "7"',
        ),
        (
            "port: 5432",
            "prot: 5432",
            "db.yaml:13:11: spec.ingress[0].ports[0].prot: unknown field 'prot' - did you mean "
            "'port'?",
        ),
        (
            "port: 5432",
            "port: '5432'",
            'db.yaml:13:17: spec.ingress[0].ports[0].port: Invalid value: "5432": must contain at '
            "least one letter (a-z) - numbers stand without quotes",
        ),
        (
            "{app: db}",
            "{app: '{{ .Values.app }}'}",
            "db.yaml:7:36: spec.podSelector.matchLabels.app: Invalid value: "
            '"{{ .Values.app }}": a valid label must be an empty string or consist of '
            "alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric "
            "character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is "
            "'(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?') - an unrendered template: render the "
            "chart first (helm template)",
        ),
    ],
    ids=["boolean", "number", "unknown-field", "quoted-number", "template"],
)
def test_refusals_come_with_place_and_hint(old, new, told):
    (document,) = documents(MANIFEST.replace(old, new), "db.yaml")

    assert [str(m) for m in parse_policy(document).mistakes] == [told]


@pytest.mark.parametrize("spec", ["[]", "text", "{podSelector: 3}", "{ingress: [{from: [a]}]}"])
def test_nonsense_is_refused_and_never_raises(spec):
    assert parse_policy(policy("p", "{}") | {"spec": documents(f"s: {spec}")[0].data["s"]}).mistakes
