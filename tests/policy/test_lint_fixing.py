"""Certain fixes of the lint: one place of a file, and nothing else of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from npol.policy.lint import lint
from npol.policy.lint.certain import replaced
from npol.policy.lint.fixing import mended
from npol.policy.parse.object_source import sources
from tests.policy.worlds import documents

TEXT = """\
# Why this policy is here.
apiVersion: networking.k8s.io/v1   # the only version
kind: NetworkPolicy
metadata: {name: p, namespace: x, annotations: {note: "a text that  keeps its: blanks # and all"}}
spec:
  # the web pods
  podSelector: {matchLabels: {app: a}}
  policyTypes: [Ingress]  # in force
  ingress:
  - from: [{ipBlock: {cidr: '203.0.113.9/24'}}]    # the office
    ports: [{protocol: TCP,  port: 80}, {port: 443}]
"""
BEHIND = """\
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: x}
spec: {selector: {app: a}, clusterIP: 10.96.0.9, ports: [{port: 80, targetPort: 8080}]}
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: x, labels: {app: a}}
spec: {containers: [{name: c, image: web, ports: [{containerPort: 8080}, {containerPort: 443}]}]}
"""


def fixed(text):
    new, done = mended(text, lint(documents(text, "p.yaml")))
    return new, [f.id for f in done]


@pytest.mark.parametrize(
    ("old", "new", "id_"),
    [
        ("203.0.113.9/24", "203.0.113.0/24", "NP042"),
        ("networking.k8s.io/v1 ", "networking.k8s.io/v1 ", ""),
    ],
    ids=["quoted", "nothing-wrong"],
)
def test_a_fix_changes_one_value_and_keeps_comments_quotes_and_blanks(old, new, id_):
    text = TEXT if id_ else TEXT.replace("203.0.113.9/24", "203.0.113.0/24")

    assert fixed(text) == (text.replace(old, new), [id_] if id_ else [])


def test_types_are_written_before_the_first_key_as_it_stands():
    block = TEXT.replace("  policyTypes: [Ingress]  # in force\n", "").replace(".9/24", ".0/24")
    flow = "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\n" \
           "metadata: {name: p, namespace: x}\nspec: { ingress: [] }  # none\n"  # fmt: skip
    added = "  # the web pods\n  policyTypes: [Ingress]\n  podSelector"

    assert fixed(block) == (block.replace("  # the web pods\n  podSelector", added), ["NP030"])
    assert fixed(flow)[0].endswith("spec: { policyTypes: [Ingress], ingress: [] }  # none\n")


def test_a_service_port_becomes_the_port_of_its_pods():
    text = TEXT.replace(".9/24", ".0/24").replace("[{ipBlock: {cidr: '203.0.113.0/24'}}]",
                                                  "[{podSelector: {}}]") + BEHIND  # fmt: skip

    assert fixed(text) == (text.replace("TCP,  port: 80}", "TCP,  port: 8080}"), ["NP021"])


def test_pods_with_several_ports_behind_one_are_nobodys_certain_fix():
    other = BEHIND.partition("---\napiVersion: v1\nkind: Pod")[2].replace("8080", "web")
    named = BEHIND.replace("targetPort: 8080", "targetPort: web")
    named = named.replace("{containerPort: 8080}", "{name: web, containerPort: 8080}")
    second = other.replace("{containerPort: web}", "{name: web, containerPort: 9090}")
    second = "---\napiVersion: v1\nkind: Pod" + second.replace("name: web, n", "name: other, n")
    text = TEXT.replace("[{ipBlock: {cidr: '203.0.113.9/24'}}]", "[{podSelector: {}}]")

    assert "NP021" in [f.id for f in lint(documents(text + named + second, "p.yaml"))]
    assert "NP021" not in fixed(text + named + second)[1]


def test_an_anchor_that_others_share_is_left_alone():
    """The fix would reach into the second policy, which nobody asked for."""
    second = TEXT.replace("name: p", "name: q").replace("'203.0.113.9/24'", "'203.0.113.0/24'")
    text = TEXT.replace("{cidr: '203.0.113.9/24'}", "&office {cidr: 203.0.113.9/24}").replace(
        "{port: 443}", "{port: 443}]\n  - from: [{ipBlock: *office}]\n    ports: [{port: 8443}"
    )
    new, done = fixed(f"{text}---\n{second}")

    assert new == f"{text}---\n{second}"
    assert done == []


@pytest.mark.parametrize("name", ["p: q", "a # b", "it's", '"'])
def test_a_text_that_would_be_read_otherwise_is_not_written(name):
    """A fix is one only if the file, read again, differs by its value alone."""
    (source,) = sources(documents(TEXT, "p.yaml"))
    (finding,) = lint(documents(TEXT, "p.yaml"))
    odd = replace(finding, certain=replaced(source, ("kind",), name))

    assert mended(TEXT, [odd])[0] in (TEXT, TEXT.replace("NetworkPolicy", name))
    assert "cut" not in mended(TEXT, [odd])[0]
