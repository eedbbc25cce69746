"""Peers, and what a --peers file says of them on one cluster."""

from __future__ import annotations

from contextlib import suppress

import pytest

from npol.errors import Mistakes
from npol.story.peers import LAB_PLACES
from npol_lab.net.external_hosts import PLACES

TEXT = """\
version: 1
peers:
  web: {namespace: shop, labels: {app: web}, service: web}
  bare: {namespace: shop}
  shop: {host: Shop.Example.TEST., via: {namespace: ingress, service: nginx}}
  internet: {external: internet}
steps:
- name: one
  flows:
  - {from: web, to: internet, port: 80, expect: allow}
"""


def test_peers_keep_what_they_say(story):
    peers = story(TEXT).peers

    assert (peers["web"].service, peers["web"].labels) == ("web", {"app": "web"})
    assert (peers["shop"].host, peers["shop"].via_service) == ("shop.example.test", "nginx")
    assert str(peers["internet"].at) == "s.npol.yaml:6:3"


def test_an_overlay_wins_field_by_field(story):
    overlay = (
        "internet: {namespace: outside, pod: internet}\n"
        "web: {image: example.test/netshoot:1, node: worker-2}\n"
        "elsewhere: {address: 192.0.2.1}\n"
    )
    peers = story(TEXT, {"dev.yaml": overlay}, "dev.yaml").peers

    assert (peers["internet"].namespace, peers["internet"].pod) == ("outside", "internet")
    assert peers["internet"].external == "internet"
    assert (peers["web"].image, peers["web"].service) == ("example.test/netshoot:1", "web")
    assert "elsewhere" not in peers


def test_mistakes_of_an_overlay_stand_in_its_file(mistakes):
    overlay = (
        "web:\n  nod: x\n  image: A B\ninternet:\n  address: 10.0.0.0/8\nother: {adress: 1.1.1.1}\n"
    )

    assert mistakes(TEXT, {"dev.yaml": overlay}, "dev.yaml") == [
        "dev.yaml:2:3: unknown key 'nod' in a peer - did you mean 'node'?",
        "dev.yaml:3:10: not a valid image reference: 'A B' "
        "(such as docker.io/nicolaka/netshoot:v0.15)",
        "dev.yaml:5:12: '10.0.0.0/8' is a network - write one address, '10.0.0.0'",
        "dev.yaml:6:9: unknown key 'adress' in a peer - did you mean 'address'?",
    ]


def test_overlay_and_story_must_not_contradict(mistakes):
    overlay = "web:\n  host: a.example.test\n"

    assert mistakes(TEXT, {"dev.yaml": overlay}, "dev.yaml") == [
        "dev.yaml:2:3: `host` and `service` exclude each other"
    ]


@pytest.mark.parametrize(
    ("fields", "asks", "answers"),
    [
        ("{namespace: x}", True, False),
        ("{namespace: x, labels: {a: b}}", True, True),
        ("{namespace: x, labels: {}}", True, False),
        ("{namespace: x, service: s}", False, True),
        ("{namespace: x, labels: {}, service: s}", True, True),
        ("{namespace: x, workload: deployment/d}", True, True),
        ("{namespace: x, pod: p}", True, True),
        ("{namespace: x, host_network: true}", True, False),
        ("{host: a.example.test}", False, True),
        ("{address: 192.0.2.1}", False, True),
        ("{external: internet}", True, True),
    ],
)
def test_a_peer_is_a_source_or_a_target_by_what_it_says(story, fields, asks, answers):
    def fits(source: str, target: str) -> bool:
        text = (
            f"version: 1\npeers:\n  p: {fields}\n  o: {{external: o}}\nsteps:\n- name: one\n"
            f"  flows:\n  - {{from: {source}, to: {target}, port: 80, expect: allow}}\n"
        )
        with suppress(Mistakes):
            return bool(story(text))
        return False

    assert (fits("p", "o"), fits("o", "p")) == (asks, answers)


PLATFORM = """\
version: 1
peers:
  web: {namespace: shop, labels: {app: web}}
steps:
- name: one
  flows:
  - {from: web, to: "@apiserver", port: 443, expect: allow}
  - {from: "@node", to: web, port: 80, expect: allow}
  matrix: |
    | from \\ to | @dns:53/udp |
    | web         | allow       |
"""


def test_ends_of_the_platform_need_no_entry(story):
    peers = story(PLATFORM).peers

    assert (peers["@dns"].namespace, peers["@dns"].service) == ("kube-system", "kube-dns")
    assert (peers["@apiserver"].namespace, peers["@apiserver"].service) == ("default", "kubernetes")
    assert (peers["@node"].host_network, peers["@node"].node) == (True, "same")


def test_ends_of_the_platform_are_peers_only_where_they_are_named(story):
    """Their namespaces would be read and looked after by each run."""
    assert not [name for name in story(TEXT).peers if name.startswith("@")]


def test_a_peers_file_says_where_the_dns_of_a_cluster_is(story):
    overlay = "'@dns': {namespace: openshift-dns, service: dns-default}\n"
    peers = story(PLATFORM, {"openshift.yaml": overlay}, "openshift.yaml").peers

    assert (peers["@dns"].namespace, peers["@dns"].service) == ("openshift-dns", "dns-default")


def test_each_target_that_a_node_asks_is_asked_from_its_own(story):
    """Two pods seldom run on one node; from another one a deny-all stops a probe."""
    flows = (
        '  - {from: "@node", to: web, port: 80, expect: allow}\n'
        '  - {from: "@node", to: db, port: 80, expect: allow}\n'
    )
    db = "  db: {namespace: shop, labels: {app: db}}\n"
    head, _, _ = PLATFORM.partition("steps:")
    told = story(f"{head}{db}steps:\n- name: one\n  flows:\n{flows}")

    assert [(f.source, f.name) for f in told.steps[0].flows] == [
        ("@node of web", "@node -> web:80"),
        ("@node of db", "@node -> db:80"),
    ]
    assert told.peers["@node of db"].node == "same"


@pytest.mark.parametrize("word", ["intrnet", "Internet", "interent", "internett", "backp"])
def test_a_place_that_is_a_letter_off_one_of_the_labs_is_told(mistakes, word):
    (told,) = mistakes(TEXT.replace("external: internet", f"external: {word}"))

    place = "backup" if word == "backp" else "internet"
    assert told.startswith(f"s.npol.yaml:6:24: no place outside is called '{word}' - did you mean")
    assert f"'{place}'?" in told


@pytest.mark.parametrize("word", ["internet", "backup", "intranet", "partner", "dmz"])
def test_places_of_other_names_may_be_elsewhere(story, word):
    assert story(TEXT.replace("external: internet", f"external: {word}")).peers["internet"]


def test_a_place_of_which_an_overlay_says_where_it_is_may_be_called_anything(story):
    text = TEXT.replace("external: internet", "external: backups")
    found = story(text, {"dev.yaml": "internet: {address: 192.0.2.1}\n"}, "dev.yaml")

    assert found.peers["internet"].address == "192.0.2.1"


def test_the_places_that_are_known_are_the_labs():
    assert tuple(place.name for place in PLACES) == LAB_PLACES
