"""What errors say to try: in the options of the door that one came in by."""

import ast
import re
from pathlib import Path

import npol
import npol_lab
from npol.cli.app import load
from npol.pytest_plugin.spelling import OPTION, PYTEST, WORD, for_pytest

ROOMS = ("changes", "cni", "kube", "probe", "run", "policy", "judge", "story")
"""Whose errors come out of both doors."""
ELSEWHERE = {"--force-reinstall", "--security-opt"}
"""Options of other programs."""


def hints():
    """Each hint of the rooms that both doors stand on, with its place."""
    tops = [Path(npol.__path__[0]) / room for room in ROOMS]
    for path in (p for top in [*tops, Path(npol_lab.__path__[0])] for p in top.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.keyword) and node.arg == "hint":
                pieces = [n.value for n in ast.walk(node) if isinstance(n, ast.Constant)]
                yield (
                    f"{path}:{node.value.lineno}",
                    "".join(p for p in pieces if isinstance(p, str)),
                )


def named(text):
    return {m[2] for m in WORD.finditer(text) if m[2]}


def test_each_option_in_a_hint_is_one_of_both_doors(request):
    run = {name for option in load("run").params for name in option.opts}
    own = set(request.config._parser._opt2dest)
    for place, text in hints():
        for option in named(text) - ELSEWHERE:
            assert option in run | {"--create=all"}, f"{place}: {option} is no option of npol run"
            assert PYTEST[option] in own, f"{place}: {option} has no match in pytest"


def test_hints_are_found():
    assert {"--wait", "--create", "--context"} <= {o for _, text in hints() for o in named(text)}


def test_pytest_names_its_own_options():
    said = "wait for it (--wait SECONDS), or if it is dead: --recover-stale"
    assert for_pytest(said) == (
        "wait for it (--npol-wait SECONDS), or if it is dead: --npol-recover-stale"
    )


def test_whole_commands_stay_as_they_are():
    said = "or npol recover r1 --context dev --kubeconfig f, or --create"
    assert for_pytest(said) == "or npol recover r1 --context dev --kubeconfig f, or --npol-create"
    said = "what `npol doctor --rbac apply --context dev` prints; kubectl --context dev get pods"
    assert for_pytest(said) == said


def test_no_hint_names_an_option_of_pytest():
    assert not [place for place, text in hints() if re.search(r"--(kube-context|npol-)", text)]


def test_an_option_is_more_than_its_beginning():
    assert re.findall(OPTION, "--create=all --create --create-all x--wait") == [
        "--create=all",
        "--create",
        "--create-all",
    ]
