"""Every row of the table of signals, asked from every image, on a real cluster."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from npol.model.expectation import Outcome
from npol.model.probe import Probe, ProbeKind
from npol.model.story import Protocol
from tests.live.conftest import wait_until
from tests.live.probe.conftest import COMMANDS, IMAGES, connect_probe, deny, pod, server, service

pytestmark = pytest.mark.live

OPEN, REFUSED, SILENT = Outcome.OPEN, Outcome.REFUSED, Outcome.TIMEOUT
UNREACHABLE, ERROR = Outcome.UNREACHABLE, Outcome.ERROR
DNS_SILENT, NEGATIVE = Outcome.DNS_TIMEOUT, Outcome.DNS_NEGATIVE
UDP = Protocol.UDP
SHELLED = [name for name in IMAGES if name != "http-echo"]


@pytest.fixture(scope="module")
def scene(place):
    """Targets, sources with a twin that may send nothing, policies in force."""
    space = place.namespace
    wanted = {
        "open": server(space, "open"),
        "denied": server(space, "denied"),
        **{n: pod(space, n, IMAGES[n], **COMMANDS[n]) for n in IMAGES},
        **{
            f"muted-{n}": pod(
                space, f"muted-{n}", IMAGES[n], labels={"app": "muted"}, **COMMANDS[n]
            )
            for n in SHELLED
        },
    }
    for made in (
        service(space, "open", "open"),
        service(space, "empty", "nobody"),
        deny(space, "denied", "Ingress"),
        deny(space, "muted", "Egress"),
    ):
        place.connection.create(made)
    with ThreadPoolExecutor(4) as pool:
        pods = dict(zip(wanted, pool.map(place.start, wanted.values()), strict=True))
    for source, address in [("netshoot", pods["denied"].ip), ("muted-netshoot", pods["open"].ip)]:
        probe = connect_probe("k", address)
        wait_until(partial(_is_silent, place, pods[source], probe), "the policies")
    return pods


def _is_silent(place, source, probe):
    return place.ask(source, probe)["k"].outcome is SILENT


def muted(space, image):
    labels = {"app": "muted"}
    return pod(space, f"muted-{image}", IMAGES[image], labels=labels, **COMMANDS[image])


def questions(place, scene):
    """Key -> probe and the outcomes that are right."""
    there, denied = scene["open"].ip, scene["denied"].ip
    name = f"open.{place.namespace}.svc.cluster.local."
    rows = [
        (connect_probe("tcp open", there), {OPEN}),
        (connect_probe("tcp nothing listens", there, 81), {REFUSED}),
        (connect_probe("tcp service", place.cluster_ip("open")), {OPEN}),
        (connect_probe("tcp denied", denied), {SILENT}),
        (udp("udp answered", there, "hostname"), {OPEN}),
        (udp("udp silent", there, "no such command"), {SILENT}),
        (udp("udp nothing listens", there, port=99), {REFUSED}),
        (udp("udp denied", denied, "hostname"), {SILENT}),
        (udp("udp service without endpoints", place.cluster_ip("empty")), {REFUSED}),
        (http("http open", there, path="/hostname"), {OPEN}),
        (http("http nothing listens", there, port=81), {REFUSED}),
        (http("http denied", denied), {SILENT}),
        (http("https to a plain port", there, tls=True, name="web.test"), {OPEN}),
        (dns("dns udp", name), {OPEN}),
        (dns("dns tcp", name, protocol=Protocol.TCP), {OPEN}),
        (dns("dns no such name", f"x{name}"), {NEGATIVE}),
        (dns("dns denied", name, address=denied), {DNS_SILENT}),
        (dns("dns tcp denied", name, address=denied, protocol=Protocol.TCP), {DNS_SILENT}),
        (dns("dns nothing listens", name, address=there), {REFUSED}),
    ]
    return {probe.key: (probe, outcomes) for probe, outcomes in rows}


def udp(key, address, payload="", port=8081):
    return connect_probe(key, address, port, protocol=UDP, payload=payload)


def http(key, address, *, port=80, **values):
    return Probe(key=key, kind=ProbeKind.HTTP, address=address, port=port, **values)


def dns(key, name, *, address="", protocol=UDP):
    return Probe(key=key, kind=ProbeKind.DNS, address=address, name=name, protocol=protocol)


MUST = {
    "netshoot": ("tcp", "udp", "http", "https", "dns"),
    "agnhost": ("tcp", "udp", "http", "https", "dns"),
    "busybox": ("tcp", "dns udp", "dns no such name", "dns denied"),
    "nginx": ("tcp", "udp", "dns"),
}
"""What each image has something to ask with; for the rest an error is right, too."""


@pytest.mark.parametrize("image", SHELLED)
def test_each_row_of_the_table_has_its_outcome(place, scene, image):
    rows = questions(place, scene)

    answers = place.ask(scene[image], *(probe for probe, _ in rows.values()))
    wrong = {
        key: (answer.outcome.value, answer.tool, answer.detail)
        for key, answer in answers.items()
        if answer.outcome not in rows[key][1] | (set() if key.startswith(MUST[image]) else {ERROR})
    }

    assert wrong == {}


@pytest.mark.parametrize("image", SHELLED)
def test_a_source_that_may_send_nothing_hears_nothing_but_itself(place, scene, image):
    source = scene[f"muted-{image}"]
    name = f"open.{place.namespace}.svc.cluster.local."

    answers = place.ask(
        source,
        connect_probe("egress denied", scene["open"].ip),
        dns("dns denied", name),
        connect_probe("itself", source.ip, 9),
    )

    assert answers["egress denied"].outcome is SILENT
    assert answers["dns denied"].outcome is DNS_SILENT
    assert answers["itself"].outcome is REFUSED


@pytest.mark.parametrize("image", SHELLED)
def test_a_service_without_endpoints_does_not_answer(place, scene, image):
    """
    kube-proxy refuses by ICMP, which may find the connecting socket locked and is lost then
    (LockDroppedIcmps): always so on Cilium 1.20, where the packet turns around in BPF.
    """
    answer = place.ask(scene[image], connect_probe("k", place.cluster_ip("empty")))["k"]

    assert answer.outcome in (REFUSED, SILENT)


@pytest.mark.parametrize("image", SHELLED)
def test_no_route_is_told_from_denied(target, place, scene, image):
    if target.context != "rig":
        pytest.skip("only the rig is known to have no route to 1.1.1.1")

    assert place.ask(scene[image], connect_probe("k", "1.1.1.1"))["k"].outcome is UNREACHABLE


def test_an_image_without_a_shell_or_tools_gives_errors_that_say_so(place, scene):
    rows = questions(place, scene)

    answers = place.ask(scene["http-echo"], *(probe for probe, _ in rows.values()))

    assert {a.outcome for a in answers.values()} == {ERROR}
    assert answers["tcp open"].detail.startswith("there is no sh, curl, nc, /agnhost")


def test_agnhost_is_asked_even_without_a_shell(place, scene):
    """The plain way: one exec for each probe, and a success that is confirmed."""
    from npol.kube.exec import open_exec
    from npol.probe.shellless import Plain

    plain = Plain(lambda argv: open_exec(place.connection, scene["agnhost"], argv))
    plain._missing.update({"curl", "nc", "dig", "nslookup"})

    answers = plain.ask(
        [
            connect_probe("open", scene["open"].ip),
            connect_probe("closed", scene["open"].ip, 81),
            connect_probe("denied", scene["denied"].ip),
            udp("udp", scene["open"].ip),
        ],
        deadline=30,
    )

    assert {k: a.outcome for k, a in answers.items()} == {
        "open": OPEN,
        "closed": REFUSED,
        "denied": SILENT,
        "udp": OPEN,
    }


def test_the_prober_knows_the_pod_it_is_in(place, scene):
    """By its uid where the kubelet's mounts show it, else by its host name."""
    for image in SHELLED:
        prober = place.prober(scene[image])
        prober.open()
        box = prober._kept.latest.toolbox

        assert box.uid in ("", scene[image].uid)
        assert box.host == scene[image].name
