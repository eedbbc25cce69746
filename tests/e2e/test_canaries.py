"""
Secrets planted in every place that may hold one: none is in anything that npol writes.

Every canary is one of its own, so that a leak names its place.
"""

from __future__ import annotations

import base64
import hashlib
import inspect
import json
import tarfile
import time
from importlib import import_module
from typing import get_args

import pytest

from npol.cli.app import COMMANDS
from npol.report.formats import FORMATS
from npol.report.json import from_json
from tests.e2e.shop import HEAD, STEPS, write_shop

pytestmark = pytest.mark.lab
AGNHOST = "registry.k8s.io/e2e-test-images/agnhost:2.53"
BUSYBOX = "docker.io/library/busybox:1.36"
APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


class Canaries:
    """Planted words, by the place where they are."""

    def __init__(self):
        self.planted = {}

    def __call__(self, place):
        word = f"Kz{hashlib.sha256(place.encode()).hexdigest()[:14]}"
        assert place not in self.planted
        self.planted[place] = word
        return word

    def found(self, text):
        """The places of those that a text holds, in clear or as base64."""
        return sorted(
            place
            for place, word in self.planted.items()
            if word in text or base64.b64encode(word.encode()).decode().rstrip("=") in text
        )


def container(plant, of, **fields):
    """A container with secrets in all that describes it; it serves all the same."""
    return {
        "name": "main",
        "image": AGNHOST,
        "env": [
            {"name": "DB_PASSWORD", "value": plant(f"{of} env")},
            {"name": "PLAIN", "value": plant(f"{of} env without a telling name")},
        ],
        "args": [
            *("netexec", "--http-port=8080"),
            *(f"-p{plant(f'{of} -p')}", plant(f"{of} bare argument")),
            *("--token", plant(f"{of} --token"), f"--url=https://u:{plant(f'{of} url')}@h/"),
        ],
        **fields,
    }


def hooked(plant, of):
    """A pod's spec with secrets in probes and hooks, too; it is never Ready, and stays."""
    get = {"port": 8080}
    header = {"name": "X-Key", "value": plant(f"{of} header")}
    main = container(plant, of)
    main |= {
        "startupProbe": {"exec": {"command": ["redis-cli", "-a", plant(f"{of} startup probe")]}},
        "readinessProbe": {
            "httpGet": {**get, "path": f"/r?sig={plant(f'{of} query')}", "httpHeaders": [header]}
        },
        "livenessProbe": {"exec": {"command": ["mysql", f"-p{plant(f'{of} liveness probe')}"]}},
        "lifecycle": {
            "postStart": {"exec": {"command": ["sh", "-c", f": {plant(f'{of} postStart')}"]}},
            "preStop": {"httpGet": {**get, "path": f"/stop?code={plant(f'{of} preStop')}"}},
        },
    }
    init = {
        "name": "init",
        "image": BUSYBOX,
        "command": ["sh", "-c", f": curl -u me:{plant(f'{of} init command')}"],
        "env": [{"name": "A", "value": plant(f"{of} init env")}],
    }
    return {"terminationGracePeriodSeconds": 0, "initContainers": [init], "containers": [main]}


def metadata(plant, of, **fields):
    annotations = {"vault.example/word": plant(f"{of} annotation"), APPLIED: plant(f"{of} applied")}
    return {"annotations": annotations, **fields}


def words(plant, of):
    """What programs print, one line each."""
    return [
        f"token={plant(f'{of} assigned')}",
        f"Authorization: Bearer {plant(f'{of} bearer')}",
        f"Authorization: Basic {plant(f'{of} basic')}",
        f"https://me:{plant(f'{of} userinfo')}@db.test/x",
        f"https://store.test/a?sig={plant(f'{of} signature')}",
        f"mysql -p{plant(f'{of} mysql')} failed",
        f"-----BEGIN PRIVATE KEY----- {plant(f'{of} key')} -----END PRIVATE KEY-----",
    ]


def objects(plant):
    """Path below `namespaces/` and body of what is planted in the cluster."""
    core = {"apiVersion": "v1"}
    labels = {"labels": {"app": "d"}}
    shell = {"name": "calico-node", "image": BUSYBOX}
    log = "; ".join(f"echo '{line}'" for line in words(plant, "log"))
    yield "vault/pods", {**core, "kind": "Pod", "spec": hooked(plant, "pod"),
                         "metadata": metadata(plant, "pod", name="keeper")}  # fmt: skip
    template = {"metadata": metadata(plant, "template", **labels), "spec": hooked(plant, "deploy")}
    yield (
        "vault/deployments",
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": metadata(plant, "deployment", name="d"),
            "spec": {"selector": {"matchLabels": labels["labels"]}, "template": template},
        },
    )
    yield (
        "vault/services",
        {
            **core,
            "kind": "Service",
            "metadata": metadata(plant, "service", name="s"),
            "spec": {"ports": [{"port": 80}]},
        },
    )
    yield (
        "vault/networkpolicies",
        {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "NetworkPolicy",
            "metadata": metadata(plant, "policy", name="p"),
            "spec": {"podSelector": {"matchLabels": {"app": "none"}}},
        },
    )
    yield "vault/secrets", {**core, "kind": "Secret", "metadata": metadata(plant, "s", name="db"),
                            "stringData": {"password": plant("Secret")}}  # fmt: skip
    yield "vault/configmaps", {**core, "kind": "ConfigMap", "metadata": {"name": "c"},
                               "data": {"word": plant("ConfigMap")}}  # fmt: skip
    for number, line in enumerate(words(plant, "event")):
        about = {"kind": "Pod", "name": "keeper", "namespace": "vault"}
        yield "vault/events", {**core, "kind": "Event", "metadata": {"name": f"e{number}"},
                               "involvedObject": about, "message": line}  # fmt: skip
    yield (
        "calico-system/pods",
        {
            **core,
            "kind": "Pod",
            "metadata": {"name": "calico-node-abcde"},
            "spec": {
                "terminationGracePeriodSeconds": 0,
                "containers": [{**shell, "command": ["sh", "-c", f"{log}; sleep 600"]}],
            },
        },
    )


GROUPS = {"deployments": "apps/v1", "networkpolicies": "networking.k8s.io/v1"}


@pytest.fixture(scope="module")
def plant():
    return Canaries()


@pytest.fixture(scope="module")
def cluster(server, plant):
    for name in ("vault", "calico-system"):
        body = {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata(plant, name)}
        body["metadata"]["name"] = name
        server.ask("POST", "/api/v1/namespaces", body)
    for place, body in objects(plant):
        namespace, _, plural = place.partition("/")
        group = f"/apis/{GROUPS[plural]}" if plural in GROUPS else "/api/v1"
        server.ask("POST", f"{group}/namespaces/{namespace}/{plural}", body)
    path = "/api/v1/namespaces/calico-system/pods/calico-node-abcde"
    until = time.monotonic() + 30
    while server.ask("GET", path)["status"].get("phase") != "Running":
        assert time.monotonic() < until
        time.sleep(0.05)


@pytest.fixture
def there(lab, plant, tmp_path, home):
    """The lab's kubeconfig with a credential plugin, and a password in the server's address."""
    config = json.loads(lab.kubeconfig.read_text())
    user = config["users"][0]["user"]
    plant.planted["kubeconfig token"] = token = user["token"]
    version = "client.authentication.k8s.io/v1"
    answer = {"apiVersion": version, "kind": "ExecCredential", "status": {"token": token}}
    plugin = tmp_path / "plugin"
    failing = f'echo "$A $1 password={plant("plugin crash")}" >&2; exit 1'
    printing = f"echo 'password={plant('plugin output')}' >&2; echo '{json.dumps(answer)}'"
    plugin.write_text(f'#!/bin/sh\nif [ "$BROKEN" ]; then {failing}; fi\n{printing}\n')
    plugin.chmod(0o700)
    spec = {
        "apiVersion": version,
        "command": str(plugin),
        "args": [plant("plugin argument"), "get-token"],
        "env": [{"name": "A", "value": plant("plugin env")}],
        "installHint": f"token: {plant('plugin hint')}",
        "interactiveMode": "Never",
    }
    config["users"][0]["user"] = {"exec": spec}
    there = config["clusters"][0]["cluster"]
    password = plant("password of the server's address")
    there["server"] = there["server"].replace("://", f"://user:{password}@")
    path = tmp_path / "config"
    path.write_text(json.dumps(config))
    path.chmod(0o600)
    home["CLOUD_SECRET_KEY"] = plant("npol's own environment")
    return "--kubeconfig", str(path), "--context", lab.context


def story(plant, directory):
    """A story that fails in every way that shows values."""
    claim = "{object: secret/db, namespace: vault, path: data.password, "
    drift = json.loads(json.dumps(next(iter(objects(Canaries())))[1]))
    drift["metadata"]["namespace"] = "vault"
    drift["spec"]["containers"][0]["env"][0]["value"] = plant("manifest env")
    drift["spec"]["containers"][0]["args"][2] = f"-p{plant('manifest argument')}"
    kept = base64.b64encode(plant("manifest Secret").encode()).decode()
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "db", "namespace": "vault"},
        "data": {"password": kept},
    }
    checks = f"""    state:
      - {claim}equals: {plant("equals")}}}
      - {claim}name: m, matches: "^{plant("matches")}$"}}
      - {{applied: [{{file: drift.yaml}}, {{file: secret.yaml}}]}}
"""
    steps = STEPS.replace("expect: deny", "expect: allow").replace(
        "  - name: open\n", f"  - name: open\n{checks}"
    )
    path = write_shop(directory, steps, head=HEAD)
    (directory / "drift.yaml").write_text(json.dumps(drift))
    (directory / "secret.yaml").write_text(json.dumps(secret))
    return path


def shapes():
    """The commands that write in several shapes, with these; a new one is found here."""
    for command in COMMANDS:
        module = import_module(f"npol.cli.arguments.{command}")
        fields = inspect.signature(getattr(module, f"{command.title()}Arguments"), eval_str=True)
        if shape := fields.parameters.get("shape"):
            yield from ((command, str(each)) for each in get_args(shape.annotation)[0])


def under_pytest(pytester, path, there, plant, monkeypatch):
    """The story's first step under pytest, with everything shown that pytest can show."""
    for name in ("KUBECONFIG", "PYTEST_ADDOPTS", "PYTEST_XDIST_WORKER"):
        monkeypatch.delenv(name, raising=False)
    pytester.makeini("[pytest]")
    (_, config), (_, context) = batched(there)
    written = pytester.path
    junit = written / "junit.xml"
    loud = ("-vv", "-l", "-k", "open", "--log-level=DEBUG", "-rA", f"--junitxml={junit}")
    files = (f"--npol-report={written}/reports", f"--npol-collect={written}/collected.tar.gz")
    named = (f"--kubeconfig={config}", f"--kube-context={context}", "--npol-create")

    def session(name, *options):
        ended = pytester.runpytest_inprocess(
            *loud, *named, *options, path, f"--rootdir={path.parent}"
        )
        yield f"pytest {name}", f"{ended.stdout}\n{ended.stderr}"
        yield f"pytest {name} junit", junit.read_text()

    yield from session("fails", *files)
    for file in (written / "reports").iterdir():
        yield f"pytest report {file.suffix}", file.read_text()
    yield from archived("pytest", written / "collected.tar.gz")
    monkeypatch.setattr("npol.run.step_runner.check_all", breaks(plant))
    yield from session("crashes")


def batched(options):
    return zip(options[::2], options[1::2], strict=True)


def breaks(plant):
    """A part of npol that breaks with all secrets in its hands, and in its words."""

    def broken(*_, **__):
        held = json.dumps(plant.planted)
        raise KeyError(held)

    return broken


def archived(name, path):
    with tarfile.open(path) as tar:
        for each in tar.getnames():
            yield f"{name} archive {each}", tar.extractfile(each).read().decode()


def test_no_output_holds_any_of_the_planted_secrets(
    npol_here, cluster, there, tmp_path, plant, server, monkeypatch, pytester
):
    told = {}
    monkeypatch.chdir(tmp_path)

    def npol(name, *arguments):
        done = npol_here(*arguments)
        told[name] = done.stdout + done.stderr
        return done

    path = story(plant, tmp_path / "shop")
    ran = npol("run", "run", path, *there, "--create", "--leave", "--report", "run.json", "-vv")
    assert ran.returncode == 1, told["run"]
    assert "differs (not shown)" in told["run"]
    assert "not shown: a Secret's" in told["run"]
    report = from_json((tmp_path / "run.json").read_bytes())
    told |= {f"format {name}": write(report) for name, write in FORMATS.items()}
    journals = server.ask("GET", "/api/v1/namespaces/npol-system/configmaps")
    assert report.run_id in json.dumps(journals)
    told["journal"] = json.dumps(journals)
    npol("plan", "plan", path)
    npol("document", "document", path)
    npol("explain", "explain", *there, "vault/keeper -> vault/s:80")
    npol("init", "init", "--from-cluster", *there, "-n", "vault")
    npol("probe", "probe", "vault/keeper -> vault/s:80", *there, "-vv")
    npol("recover", "recover", "--list", *there, "-vv")
    npol("doctor", "doctor", *there, "--no-canary", "-n", "vault", "-vv",
         "--collect", "x.tar.gz", "--report", "run.json")  # fmt: skip
    told |= archived("doctor", tmp_path / "x.tar.gz")
    assert "restored in" in npol("rollback", "rollback", path, *there, "--no-verify", "-vv").stdout
    read = {"check": path.parent, "report": "run.json"}
    for command, shape in shapes():
        npol(f"{command} {shape}", command, read[command], "--format", shape)

    monkeypatch.setenv("BROKEN", "1")
    assert "password=***" in npol("plugin", "recover", "--list", *there, "-vv").stderr
    monkeypatch.delenv("BROKEN")
    told |= under_pytest(pytester, path, there, plant, monkeypatch)
    npol("crash", "run", path, *there, "--create", "-vv")
    assert "npol itself broke" in told["crash"]
    assert "npol itself broke" in told["pytest crashes"]
    assert "differs (not shown)" in told["pytest fails"]
    assert "GET /api/v1/" in told["pytest fails"]
    assert "GET /api/v1/" in told["doctor"]
    assert [name for name, text in told.items() if not text] == ["check github"]  # no findings
    assert "doctor archive npol/engine/calico-system/calico-node-abcde/calico-node.log" in told
    assert "keeper" in told["doctor archive npol/namespaces/vault/pods.json"]
    assert {name.partition(" ")[0] for name in told} >= COMMANDS.keys() - {"lab"}
    leaks = {name: found for name, text in told.items() if (found := plant.found(text))}
    assert leaks == {}
    assert len(plant.planted) >= 60
