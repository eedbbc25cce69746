"""Whole runs: the `npol` command as a user has it, and one lab for each module."""

from __future__ import annotations

import base64
import json
import os
import re
import ssl
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from importlib import import_module
from pathlib import Path

import pytest
import urllib3
from kubernetes import client, config

from npol.cli import main
from npol.cli.app import COMMANDS
from npol.kube.connection import Connection, Mode, connect
from npol.kube.retry import RetryBudget
from npol.pytest_plugin.reports import ItemReports
from tests.e2e.shop import write_shop

# Sessions inside this one (pytester) forget the modules that they were the first to load,
# packages keep them as attributes, and classes exist twice. What is loaded by now stays.
LOADED = ItemReports, *(import_module(f"npol.cli.{name}") for name in COMMANDS)

ROOT = Path(__file__).parents[2]
NOT_IN_THE_LAB = "cilium"
"""The lab behaves as Calico, and refuses Cilium's own kinds."""
SHIPPED = sorted(
    str(file.relative_to(ROOT / "fixtures")).removesuffix(".npol.yaml")
    for file in (ROOT / "fixtures").glob("*/*.npol.yaml")
    if file.parent.name != NOT_IN_THE_LAB
)
"""The stories below `fixtures/` that the lab can run, without their ending."""
NPOL = Path(sys.executable).with_name("npol")
RECORDS = "NPOL_FLOW_RECORDS"
"""Kept of the environment: whether runs read flow records."""
PROGRESS = re.compile(r"^npol: .*, \d+ s\n", re.MULTILINE)
"""What a run that is slow says of where it is."""
Told = subprocess.CompletedProcess[str]


@pytest.fixture
def impatient(monkeypatch):
    """A server that is not there is given up at once; tests/kube says after how long else."""
    at_once = partial(RetryBudget, first=0.0)
    monkeypatch.setattr("npol.kube.connection.RetryBudget", at_once)


@pytest.fixture
def home(tmp_path_factory) -> dict[str, str]:
    """An environment without a kubeconfig, with directories of its own."""
    place = str(tmp_path_factory.mktemp("home"))
    kept = {
        k: v
        for k, v in os.environ.items()
        if k == RECORDS or not k.startswith(("KUBE", "XDG", "NPOL", "GITHUB"))
    }
    return {**kept, "HOME": place, "NO_COLOR": "1", "COLUMNS": "160"}


@pytest.fixture
def npol(tmp_path, home) -> Callable[..., Told]:
    """Run `npol ARGUMENTS` in `tmp_path`; whatever it says, it says without a traceback."""

    def run(*arguments: object, cwd: Path = tmp_path, before: tuple[str, ...] = ()) -> Told:
        command = [*before, str(NPOL), *map(str, arguments)]
        done = subprocess.run(command, cwd=cwd, env=home, capture_output=True, text=True)
        assert "Traceback" not in done.stdout + done.stderr, done.stdout + done.stderr
        return done

    return run


@pytest.fixture
def unread(home, tmp_path) -> Callable[..., tuple[int, str]]:
    """Run `npol ARGUMENTS`, go away after some lines; its exit code and what it complained of."""

    def run(
        *arguments: object, lines: int, meanwhile: Callable[[], None] = lambda: None
    ) -> tuple[int, str]:
        with subprocess.Popen(
            [NPOL, *map(str, arguments)],
            cwd=tmp_path,
            env=home,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            bufsize=1,
        ) as process:
            for _ in range(lines):
                assert process.stdout.readline()
            meanwhile()
            process.stdout.close()
            said = process.stderr.read()
        return process.returncode, PROGRESS.sub("", said)

    return run


@pytest.fixture
def npol_here(tmp_path, home, monkeypatch, capsys) -> Callable[..., Told]:
    """The same in this process, which is faster; what is no error of npol's is raised."""
    for name in set(os.environ) - home.keys():
        monkeypatch.delenv(name)
    for name, value in home.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)

    def run(*arguments: object) -> Told:
        command = ["npol", *map(str, arguments)]
        monkeypatch.setattr(sys, "argv", command)
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        code = ended.value.code
        assert isinstance(code, int)
        return subprocess.CompletedProcess(command, code, *capsys.readouterr())

    return run


@pytest.fixture(scope="module")
def connection(lab) -> Connection:
    """The lab as npol reads it."""
    return connect(kubeconfig=str(lab.kubeconfig), context=lab.context, mode=Mode.SMOKE)


@pytest.fixture(scope="module")
def api(lab):
    """The lab as its users write to it."""
    api = config.new_client_from_config(str(lab.kubeconfig), lab.context)
    yield api
    api.rest_client.close()


@pytest.fixture(scope="module")
def core(api):
    return client.CoreV1Api(api)


@pytest.fixture(scope="module")
def policies(api):
    return client.NetworkingV1Api(api)


@pytest.fixture
def shop(pytester, monkeypatch):
    """A directory with the shop's story, in which pytest runs."""
    for name in ("KUBECONFIG", "PYTEST_ADDOPTS", "PYTEST_XDIST_WORKER"):
        monkeypatch.delenv(name, raising=False)
    pytester.makeini("[pytest]\naddopts = --strict-markers --strict-config")
    write_shop(pytester.path)
    return pytester


@pytest.fixture
def named(lab):
    """The options that name the lab as if it were any cluster."""
    return (f"--kubeconfig={lab.kubeconfig}", "--kube-context=lab", "--npol-create")


class Server:
    """The lab's API server, asked as its administrator."""

    def __init__(self, kubeconfig: Path) -> None:
        self.kubeconfig = json.loads(kubeconfig.read_text())
        self.cluster = self.kubeconfig["clusters"][0]["cluster"]
        self._token = self.kubeconfig["users"][0]["user"]["token"]
        tls = ssl.create_default_context(cadata=_pem(self.cluster))
        self._pool = urllib3.PoolManager(ssl_context=tls)

    def ask(
        self, method: str, path: str, body: object = None, kind: str = "application/json"
    ) -> dict:
        answer = self._pool.request(
            method,
            self.cluster["server"] + path,
            body=None if body is None else json.dumps(body),
            headers={"Authorization": f"Bearer {self._token}", "Content-Type": kind},
        )
        assert answer.status < 400, answer.data
        return answer.json()

    def requests(self) -> dict[str, int]:
        """How often what was asked, by verb and resource."""
        return self.ask("GET", "/npol-lab/requests")["requests"]

    def names(self, path: str) -> set[str]:
        """Names of the objects of a list."""
        return {item["metadata"]["name"] for item in self.ask("GET", path)["items"]}


def _pem(cluster: dict[str, str]) -> str:
    return base64.b64decode(cluster["certificate-authority-data"]).decode()


@pytest.fixture(scope="module")
def server(lab) -> Server:
    return Server(lab.kubeconfig)
