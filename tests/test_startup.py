"""What is loaded before there is anything to do; `benchmarks/startup.py` has the seconds."""

import os
import subprocess
import sys

import pytest

from npol.cli.app import COMMANDS

HEAVY = {
    *("aiohttp", "dns", "jinja2", "kubernetes", "pydantic", "rich", "tenacity", "urllib3"),
    *("websocket", "yaml", "npol_lab", "npol.model", "npol.run", "npol.story"),
}
NPOL = "import sys; sys.argv[0] = 'npol'; from npol.cli import main; main()"


MAY_COMPLETE = {
    *("npol", "npol.errors", "npol.cli", "npol.cli.app", "npol.cli.crashes", "npol.cli.streams"),
    *(
        "npol.cli.light_command",
        "npol.cli.log_output",
        "npol.cli.arguments",
        "npol.cli.arguments.shared",
    ),
    "npol.cli.arguments.completion",
    *("npol.kube", "npol.kube.guard", "npol.kube.sanitize", "npol.kube.signals"),
    *("npol.report", "npol.report.escape"),
}
"""What the completion of an option may load of npol, beside that command's arguments."""


def loaded(code, *arguments, also=frozenset(), **environment):
    """Which of the heavy modules a Python has loaded when it ends, and what it printed."""
    modules, printed = modules_of(code, *arguments, **environment)
    return (HEAVY | also) & modules, printed


def modules_of(code, *arguments, **environment):
    """All modules that a Python has loaded when it ends, and what it printed."""
    report = "import atexit, sys; atexit.register(lambda: print(*sys.modules, file=sys.stderr))\n"
    done = subprocess.run(
        [sys.executable, "-c", report + code, *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return set(done.stderr.split()), done.stdout


def test_help_loads_no_command():
    heavy, shown = loaded(NPOL, "--help")

    assert heavy == set()
    assert "Does it hold?" in shown


def test_completing_a_command_s_name_loads_no_command():
    heavy, completions = loaded(
        NPOL, _NPOL_COMPLETE="complete_bash", COMP_WORDS="npol ro", COMP_CWORD="1"
    )

    assert heavy == set()
    assert completions.split() == ["rollback"]


CHART = """\
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {selector: {app: web}, ports: [{port: 80}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec: {podSelector: {matchLabels: {app: web}}, ingress: [{}]}
"""


def test_commands_about_manifests_load_neither_stories_nor_runs_nor_clusters(tmp_path):
    file = tmp_path / "chart.yaml"
    file.write_text(CHART)
    commands = (
        ["check", str(file)],
        ["explain", "shop/web", str(file)],
        ["init", "--from-manifests", str(file)],
        ["plan", str(file), "--against", str(file)],
    )
    code = "from npol.cli.app import app"
    code += "".join(f"\napp({words}, standalone_mode=False)" for words in commands)
    modules, said = modules_of(code)

    unwanted = {"npol.story.loading", "npol.run", "npol.mutation", "npol.policy.simulate"}
    unwanted |= {"npol.kube.connection", "kubernetes", "urllib3", "aiohttp", "dns", "jinja2"}
    unwanted |= {"pydantic"}
    assert modules & unwanted == set()
    assert said.count("read 1 policy, 0 pods, 1 Service") == len(commands)


@pytest.mark.parametrize("command", COMMANDS)
def test_completing_an_option_loads_what_can_be_said_and_nothing_that_acts(command):
    completion = {"COMP_WORDS": f"npol {command} --help", "COMP_CWORD": "2"}
    modules, completions = modules_of(NPOL, _NPOL_COMPLETE="complete_bash", **completion)

    ours = {m for m in modules if m.split(".")[0] in ("npol", "npol_lab")}
    assert ours - MAY_COMPLETE == {f"npol.cli.arguments.{command}"}
    assert HEAVY & modules == set()
    assert completions.split() == ["--help"]


def test_the_plugin_loads_neither_client_nor_commands_nor_stories():
    """Every test session of a user pays for what the plugin imports."""
    heavy, _ = loaded("import npol.pytest_plugin", also={"typer", "npol.cli"})

    assert heavy == set()


def test_a_session_without_stories_loads_none_of_it(tmp_path):
    (tmp_path / "test_it.py").write_text("def test_it(): pass")
    words = [str(tmp_path), "-p", "npol.pytest_plugin"]

    heavy, shown = loaded(
        f"import pytest; assert pytest.main({words}) == 0",
        also={"typer", "npol.cli"},
        PYTEST_DISABLE_PLUGIN_AUTOLOAD="1",
    )

    assert heavy == set()
    assert "1 passed" in shown


def test_lab_without_faults_does_not_load_them():
    faults = {"npol_lab.api.faults", "npol_lab.api.exec_faults"}
    code = "import npol_lab.bootstrap, npol_lab.api.server, npol_lab.__main__"

    assert loaded(code, also=faults | {"npol_lab.api.execs"})[0] & faults == set()
