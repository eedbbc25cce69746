"""`--observed`: what plan, init and explain say of traffic that was seen."""

from __future__ import annotations

from pathlib import Path

import pytest

from npol.cli.app import app
from npol.errors import ExitCode, InputError
from npol.story import load_story
from npol.yaml_positions import YamlDialect, load
from tests.flow_records.hubble_lines import DENIED, line, place, pod
from tests.flow_records.test_whisker import answer, item

SAMPLES = Path(__file__).parents[1] / "flow_records" / "samples"
CLIENT, WEB = pod("client", "10.0.0.1"), pod("web-1", "10.0.0.2", workload="web", app="web")
OTHER = pod("other", "10.0.0.3")
FLOWS = [
    line(CLIENT, WEB, 80),
    line(CLIENT, WEB, 80, sport=40001, time="2026-11-28T22:41:00Z"),
    line(OTHER, WEB, 80, **DENIED),
    line(CLIENT, WEB, 8080),
    line(OTHER, WEB, 0, protocol="ICMPv4"),
    *(line(CLIENT, place("world", f"203.0.113.{n}"), 443, sport=n) for n in range(1, 9)),
]
POLICIES = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {matchLabels: {app: web}}
  ingress:
    - {from: [{podSelector: {matchLabels: {app: other}}}], ports: [{port: 80}]}
    - {from: [{podSelector: {matchLabels: {app: client}}}], ports: [{port: 8080}]}
    - {from: [{podSelector: {matchLabels: {app: nobody}}}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: client, namespace: shop}
spec:
  podSelector: {matchLabels: {app: client}}
  policyTypes: [Egress]
  egress: [{to: [{podSelector: {}}]}]
"""


@pytest.fixture(autouse=True)
def place_of_work(tmp_path, monkeypatch):
    (tmp_path / "flows.jsonl").write_text("".join(FLOWS))
    (tmp_path / "policies.yaml").write_text(POLICIES)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def npol(*arguments):
    return app(list(arguments), standalone_mode=False)


PLAN = ("plan", "policies.yaml", "--root", ".", "--observed", "flows.jsonl")


def test_plan_says_what_would_be_cut_and_how_often_it_was_seen(capsys):
    assert npol(*PLAN) == ExitCode.DIFFERS

    out = capsys.readouterr().out.splitlines()
    assert out[:3] == [
        "observed: 13 records of cilium (flows.jsonl)",
        "  12 flow(s), 13 connection(s), the last at 2026-11-28T22:41:00Z",
        "policies.yaml: 2 policies, read as cilium reads them",
    ]
    assert out[3:5] == [
        "  CUT shop/client -> outside (8 addresses, such as 203.0.113.1):443/tcp: 8 time(s), "
        "last 2026-11-28T22:40:06Z; denied by shop/client",
        "  CUT shop/client -> shop/web:80/tcp: 2 time(s), last 2026-11-28T22:41:00Z; "
        "denied by shop/web",
    ]
    assert [text.split(":")[0] for text in out[5:8]] == [
        "  OPENS shop/other -> shop/web",
        "  UNKNOWN shop/other -> shop/web (no port",
        "  UNUSED shop/web spec.ingress[2] (policies.yaml",
    ]
    assert out[8] == (
        "9 of 12 observed flow(s) would be cut, 1 opened, 1 cannot be predicted; "
        "1 allow rule(s) saw none"
    )


def test_plan_takes_the_policies_of_a_storys_step(place_of_work, capsys):
    (place_of_work / "open.yaml").write_text(
        "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\n"
        "metadata: {name: all, namespace: shop}\n"
        "spec: {podSelector: {}, ingress: [{}], egress: [{}], policyTypes: [Ingress, Egress]}\n"
    )
    (place_of_work / "s.npol.yaml").write_text(
        "version: 1\nname: s\nsteps:\n"
        "  - {name: opened, apply: [open.yaml]}\n  - {name: closed, apply: [policies.yaml]}\n"
    )
    story = ("plan", "s.npol.yaml", "--root", ".", "--observed", "flows.jsonl")

    assert npol(*story, "--at", "opened") == ExitCode.UNKNOWN  # ICMP
    assert "after step 'opened': 1 policies" in capsys.readouterr().out
    assert npol(*story) == ExitCode.UNKNOWN
    assert "after step 'closed': 3 policies" in capsys.readouterr().out
    with pytest.raises(InputError, match="has no step 'no'"):
        npol(*story, "--at", "no")


def test_plan_without_a_cut_ends_with_0(place_of_work, capsys):
    (place_of_work / "flows.jsonl").write_text(line(CLIENT, WEB, 8080))

    assert npol(*PLAN) == ExitCode.AS_EXPECTED


@pytest.mark.parametrize(
    ("told", "said"),
    [
        pytest.param(line(CLIENT, WEB, 8080) + "nonsense\n", "flows.jsonl:2: not JSON", id="mixed"),
        pytest.param(line(CLIENT, WEB, 8080, event_type={"type": 4}, is_reply=None),
                     "", id="nothing-but-traces"),
    ],
)  # fmt: skip
def test_plan_ends_with_3_where_something_was_not_read(place_of_work, capsys, told, said):
    (place_of_work / "flows.jsonl").write_text(told)

    assert npol(*PLAN) == ExitCode.UNKNOWN
    assert said in capsys.readouterr().err


def test_plan_reads_as_calico_what_whisker_told(place_of_work, capsys):
    (place_of_work / "flows.json").write_text(answer(item(), item(dest_port=8080)))

    assert npol(*PLAN[:-1], "flows.json") == ExitCode.DIFFERS

    out = capsys.readouterr().out
    assert "read as calico reads them" in out
    assert "CUT shop/client -> shop/web:80/tcp" in out


def test_plan_compares_either_manifests_or_traffic():
    with pytest.raises(InputError, match="name one of them"):
        npol(*PLAN, "--against", "policies.yaml")


def test_explain_says_how_often_a_flow_was_seen(capsys):
    flow = ("explain", "shop/client -> shop/web:80", "policies.yaml", "--root", ".")

    assert npol(*flow, "--observed", "flows.jsonl") == ExitCode.AS_EXPECTED

    out = capsys.readouterr().out
    assert "predicted deny (dialect cilium)" in out
    assert "observed: shop/client -> shop/web:80/tcp: 2 time(s), last 2026-11-28T22:41:00Z" in out


def test_explain_says_that_a_flow_was_never_seen(capsys):
    flow = ("explain", "shop/other -> shop/web:8080", "policies.yaml", "--root", ".")

    assert npol(*flow, "--observed", "flows.jsonl") == ExitCode.AS_EXPECTED
    assert "observed: never, in 13 record(s)" in capsys.readouterr().out


def test_explain_predicts_nothing_that_hangs_on_what_records_do_not_hold(place_of_work, capsys):
    (place_of_work / "policies.yaml").write_text(POLICIES.replace("{port: 8080}", "{port: http}"))
    flow = ("explain", "shop/client -> shop/web:8080", "policies.yaml", "--root", ".")

    assert npol(*flow, "--observed", "flows.jsonl") == ExitCode.UNKNOWN
    assert "the records do not say which port of shop/web is called 'http'" in (
        capsys.readouterr().out
    )


def test_init_writes_a_story_that_loads(place_of_work, capsys):
    assert npol("init", "--observed", "flows.jsonl") == ExitCode.AS_EXPECTED

    text = capsys.readouterr().out
    (place_of_work / "observed.npol.yaml").write_text(text)
    story = load_story("observed.npol.yaml", root=".")
    (step,) = story.steps
    told = {f.name: str(f.expect) for f in step.flows}
    assert told["client -> web-pods:80"] == "allow"
    assert told["other -> web-pods:80"] == "deny"
    assert len(told) == 11
    assert "# left out: shop/other -> shop/web (no port" in text


def test_init_puts_what_was_seen_beside_manifests(place_of_work, capsys):
    """A story that fails where the policies would cut what was seen."""
    arguments = ("--observed", "flows.jsonl", "--from-manifests", "policies.yaml", "--root", ".")

    assert npol("init", *arguments) == ExitCode.AS_EXPECTED

    text = capsys.readouterr().out
    (document,) = load(text, "s.npol.yaml", YamlDialect.STORY)
    assert [step["name"] for step in document.data["steps"]] == [
        "before policies",
        "policies",
        "rollback",
    ]
    assert "# doubt: shop/client -> shop/web:80/tcp was seen to pass, and shop/web would" in text


def test_init_without_a_flow_that_can_be_asked_ends_with_3(place_of_work, capsys):
    (place_of_work / "flows.jsonl").write_text(FLOWS[4])

    assert npol("init", "--observed", "flows.jsonl") == ExitCode.UNKNOWN


def test_init_needs_something_to_write_of():
    with pytest.raises(InputError, match="say what the story is for"):
        npol("init")


@pytest.mark.parametrize("file", ["told.jsonl", "l7.jsonl"])
@pytest.mark.parametrize(
    "command",
    [
        ("plan", "policies.yaml", "--root", "."),
        ("init",),
        ("explain", "shop/client -> internet:80", "policies.yaml", "--root", "."),
    ],
    ids=lambda command: command[0],
)
def test_nothing_that_a_proxy_saw_is_printed(capsys, command, file):
    """Names that were looked up, paths, headers: of the records that hold them."""
    sample = SAMPLES / file
    assert "secret" in sample.read_text()

    npol(*command, "--observed", str(sample))

    printed = capsys.readouterr()
    assert "secret" not in printed.out + printed.err
