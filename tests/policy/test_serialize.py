"""What is written reads as what it was written from."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given

from npol.mutation.operators import mutants
from npol.policy.objects.netpol_types import Policy
from npol.policy.parse.parse_policies import parse_policy
from npol.policy.parse.serialize import spec_of
from tests.examples import examples
from tests.policy.clusters import clusters
from tests.policy.worlds import policy

EVERYTHING = policy(
    "p",
    "{podSelector: {matchExpressions: [{key: app, operator: Exists}]}, policyTypes: [Egress],"
    " ingress: [{}], egress: [{to: [{ipBlock: {cidr: 10.0.0.0/8, except: [10.1.0.0/16]}},"
    " {namespaceSelector: {}, podSelector: {matchLabels: {app: a}}}], ports: [{port: web},"
    " {port: 80, endPort: 90, protocol: UDP}, {protocol: SCTP}]}]}",
)


def again(read):
    body = {"kind": "NetworkPolicy", "apiVersion": "networking.k8s.io/v1", "spec": spec_of(read)}
    written = parse_policy({**body, "metadata": {"name": read.name, "namespace": read.namespace}})
    assert written.mistakes == ()
    return spec_of(written.policy), replace(written.policy, origin=read.origin)


def test_every_field_of_a_policy_is_written():
    assert spec_of(parse_policy(EVERYTHING).policy) == EVERYTHING["spec"] | {
        "egress": [
            {
                "to": EVERYTHING["spec"]["egress"][0]["to"],
                "ports": [
                    {"protocol": "TCP", "port": "web"},
                    {"protocol": "UDP", "port": 80, "endPort": 90},
                    {"protocol": "SCTP"},
                ],
            }
        ]
    }


@examples(20)
@given(cluster=clusters())
def test_mutants_of_any_policy_are_written_as_what_they_are(cluster):
    for body in cluster["policies"]:
        read = parse_policy(body).policy
        for one in (read, *(m.becomes for m in mutants(read) if isinstance(m.becomes, Policy))):
            spec, same = again(one)
            assert spec == spec_of(one)
            assert (same.selector, same.directions) == (one.selector, one.directions)
