"""Verdicts: what counts as allowed, what counts as denied, and what proves nothing."""

from dataclasses import replace

import pytest

from npol.errors import Position
from npol.judge.controls import Controls
from npol.judge.verdict import judge
from npol.model.expectation import Outcome, Verdict, parse_expectation
from npol.model.packet_fate import Fate, PacketFate
from npol.model.probe import Answer, Role
from npol.model.result import Evidence
from npol.model.sending import Sending
from npol.model.story import Flow, HttpCheck, Protocol

HERE = Position("story.npol.yaml", 1, 1)
SELF_OK = Answer(key="self", outcome=Outcome.REFUSED)
SERVICE, POD = "ClusterIP 10.96.0.7:80", "pod web-1 10.244.1.2:3001"
ALIVE = {SERVICE: "its pods are alive", POD: "open before"}


def flow(expect, **kwargs):
    kwargs.setdefault("target", "web")
    return Flow(name="f", at=HERE, source="a", port=80, expect=parse_expectation(expect), **kwargs)


def evidence(name="open", service="open", pod="open", **answer):
    def one(role, subject, word):
        return Evidence(
            role=role, subject=subject, answer=Answer(key=subject, outcome=Outcome(word), **answer)
        )

    found = [one(Role.NAME, "name web.", name)] if name else []
    found += [one(Role.SERVICE, SERVICE, service)] if service else []
    return found + ([one(Role.POD, POD, pod)] if pod else [])


def verdict_of(expect, found, *, source=SELF_OK, alive=ALIVE, problem="", http=None, **kwargs):
    controls = Controls(source=source, alive=alive, **kwargs)
    f = flow(expect, http=http)
    return judge(f, f.expect, found, controls, problem).verdict


@pytest.mark.parametrize(
    ("expect", "found", "verdict"),
    [
        pytest.param("allow", evidence(), Verdict.AS_EXPECTED, id="allow-open"),
        pytest.param("allow", evidence("dns timeout"), Verdict.TOO_CLOSED, id="allow-no-dns"),
        pytest.param(
            "allow", evidence(service="timeout"), Verdict.TOO_CLOSED, id="allow-service-closed"
        ),
        pytest.param("allow", evidence(service="refused"), Verdict.TOO_CLOSED, id="allow-refused"),
        pytest.param(
            "allow", evidence(pod="timeout"), Verdict.TOO_CLOSED, id="allow-needs-every-endpoint"
        ),
        pytest.param("allow", evidence(pod="error"), Verdict.UNKNOWN, id="allow-error"),
        pytest.param(
            "deny", evidence(service="timeout", pod="timeout"), Verdict.AS_EXPECTED, id="deny"
        ),
        pytest.param(
            "deny",
            evidence("dns timeout", "timeout", "timeout"),
            Verdict.AS_EXPECTED,
            id="deny-name-and-addresses",
        ),
        pytest.param("deny", evidence("dns timeout"), Verdict.TOO_OPEN, id="deny-name-only"),
        pytest.param("deny", evidence(service="timeout"), Verdict.TOO_OPEN, id="deny-pod-open"),
        pytest.param("deny", evidence(pod="timeout"), Verdict.TOO_OPEN, id="deny-service-open"),
        pytest.param(
            "deny", evidence(service="refused", pod="timeout"), Verdict.UNKNOWN, id="deny-refused"
        ),
        pytest.param(
            "deny",
            evidence(service="unreachable", pod="timeout"),
            Verdict.UNKNOWN,
            id="deny-unreachable",
        ),
        pytest.param(
            "deny", evidence(service="timeout", pod="error"), Verdict.UNKNOWN, id="deny-error"
        ),
        pytest.param(
            "refused",
            evidence(service="refused", pod="refused"),
            Verdict.AS_EXPECTED,
            id="refused",
        ),
        pytest.param(
            "refused",
            evidence(service="timeout", pod="timeout"),
            Verdict.WRONG_ANSWER,
            id="refused-silent",
        ),
        pytest.param(
            "timeout",
            evidence(service="timeout", pod="timeout"),
            Verdict.AS_EXPECTED,
            id="timeout",
        ),
    ],
)
def test_verdict_follows_every_address(expect, found, verdict):
    assert verdict_of(expect, found) is verdict


CLOSED = evidence(service="timeout", pod="timeout")


def test_a_target_that_is_known_to_refuse_was_reached_when_it_refuses_again():
    refused = evidence("", "", "refused")

    assert verdict_of("deny", refused, refusing={POD}) is Verdict.TOO_OPEN
    assert verdict_of("deny", refused, refusing={SERVICE}) is Verdict.UNKNOWN
    assert verdict_of("deny", evidence("", "", "timeout"), refusing={POD}) is Verdict.AS_EXPECTED


@pytest.mark.parametrize("word", ["deny", "timeout"])
def test_silence_without_the_sources_control_proves_nothing(word):
    silent = Answer(key="self", outcome=Outcome.TIMEOUT)

    assert verdict_of(word, CLOSED, source=silent) is Verdict.UNKNOWN
    assert verdict_of(word, CLOSED, source=None) is Verdict.UNKNOWN


def test_silence_of_a_source_that_nobody_hears_proves_nothing():
    """It reaches itself; what the policies let through does not arrive either."""
    assert verdict_of("deny", CLOSED, sending=Sending.NOT_HEARD) is Verdict.UNKNOWN
    assert (
        verdict_of("deny", evidence(service="timeout"), sending=Sending.NOT_HEARD)
        is Verdict.TOO_OPEN
    )


@pytest.mark.parametrize("missing", [SERVICE, POD])
def test_silence_of_a_target_that_may_be_dead_proves_nothing(missing):
    alive = {k: v for k, v in ALIVE.items() if k != missing}

    assert verdict_of("deny", CLOSED, alive=alive) is Verdict.UNKNOWN


def test_no_address_is_no_denial():
    assert verdict_of("deny", evidence(service="", pod="")) is Verdict.UNKNOWN
    assert verdict_of("deny", [], problem="Service x/y does not exist") is Verdict.UNKNOWN


def test_an_engine_that_rejects_denies_by_what_its_canary_showed():
    rejected = evidence(service="unreachable", pod="unreachable")
    denial = {Outcome.TIMEOUT, Outcome.UNREACHABLE}

    assert verdict_of("deny", rejected, denial=denial) is Verdict.AS_EXPECTED
    assert verdict_of("timeout", rejected, denial=denial) is Verdict.UNKNOWN


@pytest.mark.parametrize(
    ("expect", "status", "body", "verdict"),
    [
        pytest.param("http 200", 200, "ok", Verdict.AS_EXPECTED, id="status-and-body"),
        pytest.param("http 2xx", 204, "ok", Verdict.AS_EXPECTED, id="status-class"),
        pytest.param("http 200", 504, "ok", Verdict.WRONG_ANSWER, id="other-status"),
        pytest.param("http 200", 200, "no", Verdict.WRONG_ANSWER, id="other-body"),
        pytest.param("http 200", 0, "ok", Verdict.WRONG_ANSWER, id="open-but-no-http"),
        pytest.param("allow", 503, "ok", Verdict.AS_EXPECTED, id="allow-means-the-network"),
    ],
)
def test_http_is_judged_by_status_and_body(expect, status, body, verdict):
    found = evidence(status=status, body=body)

    assert verdict_of(expect, found, http=HttpCheck(body="ok")) is verdict


@pytest.mark.parametrize(
    ("body", "verdict"),
    [
        pytest.param("no", Verdict.UNKNOWN, id="it-may-stand-behind"),
        pytest.param("ok", Verdict.AS_EXPECTED, id="it-stands-there"),
    ],
)
def test_a_body_that_was_not_read_to_its_end_may_hold_the_text(body, verdict):
    found = evidence(status=200, body=body, body_cut_off=True)

    assert verdict_of("http 200", found, http=HttpCheck(body="ok")) is verdict


@pytest.mark.parametrize(
    ("expect", "name", "dns_alive", "verdict"),
    [
        pytest.param("dns timeout", "dns timeout", "yes", Verdict.AS_EXPECTED, id="blocked"),
        pytest.param("deny", "dns timeout", "yes", Verdict.AS_EXPECTED, id="deny"),
        pytest.param("dns timeout", "dns timeout", "", Verdict.UNKNOWN, id="dns-may-be-dead"),
        pytest.param("dns timeout", "dns negative", "yes", Verdict.TOO_OPEN, id="answered"),
        pytest.param("dns negative", "dns negative", "", Verdict.AS_EXPECTED, id="negative"),
        pytest.param("dns negative", "open", "", Verdict.TOO_OPEN, id="it-exists"),
        pytest.param("allow", "open", "", Verdict.AS_EXPECTED, id="resolves"),
        pytest.param("allow", "dns negative", "", Verdict.TOO_CLOSED, id="no-such-name"),
    ],
)
def test_names_are_judged_by_the_dns_servers_answer(expect, name, dns_alive, verdict):
    f = flow(expect, target="", resolve="web.shop")
    controls = Controls(source=SELF_OK, dns_alive=dns_alive)

    assert judge(f, f.expect, evidence(name, "", ""), controls).verdict is verdict


@pytest.mark.parametrize(
    ("found", "decided"),
    [
        pytest.param(evidence(service="refused"), False, id="address"),
        pytest.param(evidence("dns negative"), False, id="name"),
        pytest.param(evidence(service="refused", pod="refused"), None, id="nobody-listens"),
        pytest.param(evidence(service="refused", pod=""), None, id="no-pod"),
    ],
)
def test_a_service_that_nodes_do_not_know_yet_is_waited_for(found, decided):
    f = flow("allow")

    judged = judge(f, f.expect, found, Controls(source=SELF_OK))

    assert (judged.verdict, judged.decided) == (Verdict.TOO_CLOSED, decided)


@pytest.mark.parametrize("expect", ["dns timeout", "deny"])
@pytest.mark.parametrize("fate", [Fate.ARRIVED, Fate.DROPPED_OTHERWISE])
def test_a_question_that_no_policy_stopped_is_no_blocked_name(expect, fate):
    f = flow(expect, target="", resolve="web.shop")
    controls = Controls(source=SELF_OK, dns_alive="yes")
    (name,) = evidence("dns timeout", "", "")

    told = [replace(name, fate=PacketFate(fate=fate))]

    assert judge(f, f.expect, told, controls).verdict is Verdict.UNKNOWN


@pytest.mark.parametrize(
    ("expect", "answers", "verdict"),
    [
        pytest.param("allow", ["open", "dns negative"], Verdict.AS_EXPECTED, id="the-first"),
        pytest.param("allow", ["dns negative", "open"], Verdict.AS_EXPECTED, id="the-next"),
        pytest.param("allow", ["dns negative"] * 2, Verdict.TOO_CLOSED, id="none"),
        pytest.param("allow", ["dns timeout", "open"], Verdict.TOO_CLOSED, id="no-answer"),
        pytest.param("dns negative", ["dns negative"] * 2, Verdict.AS_EXPECTED, id="negative"),
        pytest.param("dns negative", ["open", "dns negative"], Verdict.TOO_OPEN, id="one-exists"),
        pytest.param("deny", ["dns timeout"] * 2, Verdict.AS_EXPECTED, id="silence"),
        pytest.param("deny", ["dns timeout", "dns negative"], Verdict.TOO_OPEN, id="one-answered"),
    ],
)
def test_of_several_names_an_application_gets_the_first_that_exists(expect, answers, verdict):
    f = flow(expect, target="", resolve="pg-0.pg")
    found = [one for word in answers for one in evidence(word, "", "")]

    judged = judge(f, f.expect, found, Controls(source=SELF_OK, dns_alive="yes"))

    assert judged.verdict is verdict


@pytest.mark.parametrize(
    ("fate", "own_name", "verdict"),
    [
        pytest.param(Fate.ARRIVED, True, Verdict.UNKNOWN, id="asked-and-silent"),
        pytest.param(Fate.ARRIVED, False, Verdict.TOO_CLOSED, id="it-asks-others-itself"),
        pytest.param(Fate.UNTOLD, True, Verdict.TOO_CLOSED, id="nothing-told"),
        pytest.param(Fate.DROPPED_BY_POLICY, True, Verdict.TOO_CLOSED, id="dropped"),
    ],
)
def test_a_name_server_that_was_asked_and_is_silent_is_no_closed_flow(fate, own_name, verdict):
    name, *rest = evidence("dns timeout")
    found = [replace(name, fate=PacketFate(fate=fate)), *rest]

    assert verdict_of("allow", found, own_name=own_name) is verdict


@pytest.mark.parametrize(
    ("protocol", "fates", "verdict"),
    [
        pytest.param(Protocol.UDP, (Fate.ARRIVED, Fate.ARRIVED), Verdict.UNKNOWN, id="datagrams"),
        pytest.param(
            Protocol.TCP, (Fate.ARRIVED, Fate.ARRIVED), Verdict.TOO_CLOSED, id="connections"
        ),
        pytest.param(
            Protocol.UDP,
            (Fate.ARRIVED, Fate.DROPPED_BY_POLICY),
            Verdict.TOO_CLOSED,
            id="one-dropped",
        ),
    ],
)
def test_a_datagram_that_arrived_and_was_not_answered_is_no_closed_flow(protocol, fates, verdict):
    f = flow("allow", protocol=protocol)
    name, service, pod = evidence(service="timeout", pod="timeout")
    found = [
        name,
        *(replace(e, fate=PacketFate(fate=x)) for e, x in zip((service, pod), fates, strict=True)),
    ]

    assert judge(f, f.expect, found, Controls(source=SELF_OK)).verdict is verdict


@pytest.mark.parametrize(
    ("answered", "verdict"),
    [
        pytest.param(("10.96.0.7",), Verdict.AS_EXPECTED, id="its-own"),
        pytest.param(("203.0.113.9",), Verdict.WRONG_ANSWER, id="another"),
        pytest.param(("10.96.0.7", "203.0.113.9"), Verdict.WRONG_ANSWER, id="another-beside-it"),
    ],
)
@pytest.mark.parametrize("expect", ["allow", "http 200"])
def test_an_application_goes_where_dns_sends_it(expect, answered, verdict):
    """What is asked are the addresses of the API: an open one is not the application's."""
    found = evidence(status=200 if expect != "allow" else 0, addresses=answered)

    assert verdict_of(expect, found, addresses=("10.96.0.7",)) is verdict


def test_an_address_that_dns_servers_still_remember_is_waited_for():
    """They answer with the addresses of pods that are gone for as long as their cache holds."""
    f = flow("allow")
    found = evidence(service="", addresses=("10.0.0.3",))

    judged = judge(f, f.expect, found, Controls(source=SELF_OK, addresses=("10.0.0.1",)))

    assert (judged.verdict, judged.decided) == (Verdict.WRONG_ANSWER, False)


ANSWERS_OF_TWO = [
    pytest.param("http 403", (403, "ok"), (200, "ok"), id="one-is-let-through"),
    pytest.param("http 200", (200, "ok"), (503, "ok"), id="one-fails"),
    pytest.param("http 200", (200, "ok"), (0, ""), id="one-speaks-no-http"),
    pytest.param("http 200", (200, "ok"), (200, "no"), id="another-body"),
    pytest.param("allow", (200, "ok"), (200, "no"), id="another-body-where-any-status-will-do"),
]


@pytest.mark.parametrize("roles", [(Role.SERVICE, Role.POD), (Role.POD, Role.POD)])
@pytest.mark.parametrize(("expect", "first", "other"), ANSWERS_OF_TWO)
def test_each_address_must_give_the_answer(expect, first, other, roles):
    found = [
        Evidence(
            role=role,
            subject=f"{role.value} {number}",
            answer=Answer(key=str(number), outcome=Outcome.OPEN, status=status, body=body),
        )
        for number, (role, (status, body)) in enumerate(zip(roles, (first, other), strict=True))
    ]
    f = flow(expect, http=HttpCheck(body="" if expect == "http 403" else "ok"))

    seen = judge(f, f.expect, found, Controls(source=SELF_OK))

    assert seen.verdict is Verdict.WRONG_ANSWER
    assert seen.reason is not None
    assert seen.reason.subject == f"{roles[1].value} 1"
