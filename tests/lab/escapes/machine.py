"""A host with canaries, and labs on it: what pods say they saw, and whether they were out."""

import contextlib
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from kubernetes import client, config
from kubernetes.client.exceptions import ApiException
from kubernetes.stream import stream

from tests.lab.escapes.machine_user import ROOT, SYSTEM_PYTHON, MachineUser, Ourselves

HERE = Path(__file__).parent
NOBODY = 65534
NETSHOOT = "nicolaka/netshoot:v0.15"
ALL = {"privileged": True}
WITHIN = 20.0
FAILED = ("CreateContainerConfigError", "CreateContainerError")


class Canaries:
    """What a pod must not reach: each holds a word that nobody can guess."""

    def __init__(self, owner):
        self.words = {
            name: f"canary-{secrets.token_hex(8)}"
            for name in ("file", "environment", "loopback", "abstract", "socket", "program")
        }
        self.directory = Path(tempfile.mkdtemp(prefix="npol-canary-"))
        self.written = self.directory / "written"
        self.written.mkdir()
        (self.directory / "secret").write_text(self.words["file"])
        (self.directory / "secret").chmod(0o600)
        program = self.directory / "program"
        program.write_text(f"#!/bin/sh\necho {self.words['program']}\n")
        program.chmod(0o755)
        self.abstract = f"npol-canary-{secrets.token_hex(4)}"
        self._sockets = [
            self._serve(socket.AF_INET, ("127.0.0.1", 0), "loopback"),
            self._serve(socket.AF_UNIX, f"\0{self.abstract}", "abstract"),
            self._serve(socket.AF_UNIX, f"{self.directory}/socket", "socket"),
        ]
        self.port = self._sockets[0].getsockname()[1]
        for path in (self.directory, *self.directory.iterdir()):
            os.chown(path, owner, -1)

    def _serve(self, family, address, word):
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.bind(address)
        listener.listen()
        threading.Thread(target=self._answer, args=(listener, word), daemon=True).start()
        return listener

    def _answer(self, listener, word):
        with contextlib.suppress(OSError):
            while True:
                channel, _ = listener.accept()
                with channel:
                    channel.sendall(self.words[word].encode())

    def close(self):
        for listener in self._sockets:
            listener.close()
        shutil.rmtree(self.directory)


class HeldLab:
    """
    A lab of a user of the machine, with canaries around it.

    Args:
        user: of the machine; None is ourselves.
        off: the layers of `protections.py` that are switched off.
    """

    def __init__(self, *, user, off=()):
        self.off, self.user = off, user
        self.canaries = Canaries(os.getuid() if user is None else user)
        self._user = Ourselves() if user is None else MachineUser(user)
        path = [str(ROOT / "harness"), str(HERE), *filter(None, sys.path)]
        program = self._user.path(str(HERE / "hold_lab.py"))
        self._process = subprocess.Popen(
            [*self._user.command, program, json.dumps(off)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={
                "PATH": os.environ["PATH"],
                "PYTHONPATH": os.pathsep.join(map(self._user.path, path)),
                "PYTHONDONTWRITEBYTECODE": "1",
                "CI_JOB_TOKEN": self.canaries.words["environment"],
            },
            cwd="/",
        )
        self.told = json.loads(self._process.stdout.readline())
        kubeconfig = yaml.safe_load(Path(self.told["kubeconfig"]).read_text())
        self.canaries.words["kubeconfig"] = kubeconfig["users"][0]["user"]["token"]
        self._api = config.new_client_from_config(self.told["kubeconfig"])
        self.core = client.CoreV1Api(self._api)

    @property
    def world(self):
        """What an attacker may know."""
        return {
            "directory": str(self.canaries.directory),
            "kubeconfig": self.told["kubeconfig"],
            "log": self.told["log"],
            "socket": f"{self.canaries.directory}/socket",
            "port": self.canaries.port,
            "abstract": self.canaries.abstract,
            "disk": os.stat("/").st_dev,
        }

    def pod(self, name, *containers, **spec):
        """False: the API refused it."""
        spec = {"containers": list(containers), "terminationGracePeriodSeconds": 0, **spec}
        body: Any = {"metadata": {"name": name}, "spec": spec}
        try:
            self.core.create_namespaced_pod("default", body)
        except ApiException as refused:
            if refused.status != 422:
                raise
            return False
        return True

    def make_ingress(self, host):
        networking = client.NetworkingV1Api(self._api)
        controller = {"controller": "k8s.io/ingress-nginx"}
        body: Any = {"metadata": {"name": "nginx"}, "spec": controller}
        if not networking.list_ingress_class().items:
            networking.create_ingress_class(body)
        service = {"name": "kubernetes", "port": {"number": 443}}
        path = {"path": "/", "pathType": "Prefix", "backend": {"service": service}}
        rules = [{"host": host, "http": {"paths": [path]}}]
        spec = {"ingressClassName": "nginx", "rules": rules}
        ingress: Any = {"metadata": {"name": host}, "spec": spec}
        networking.create_namespaced_ingress("default", ingress)

    def is_ready(self, name, within=WITHIN):
        deadline = time.monotonic() + within
        while time.monotonic() < deadline:
            status = self.core.read_namespaced_pod(name, "default").status
            if any(c.type == "Ready" and c.status == "True" for c in status.conditions or []):
                return True
            states = [c.state.waiting for c in status.container_statuses or []]
            if any(waiting and waiting.reason in FAILED for waiting in states):
                return False
            time.sleep(0.02)
        return False

    def exec(self, name, *argv):
        api = config.new_client_from_config(self.told["kubeconfig"])
        try:
            call = client.CoreV1Api(api).connect_get_namespaced_pod_exec
            channel = stream(
                call,
                name,
                "default",
                container="c",
                command=list(argv),
                stdout=True,
                stderr=True,
                _preload_content=False,
            )
            channel.run_forever(timeout=120)
            output = channel.read_stdout() + channel.read_stderr()
            channel.sock.shutdown()
            return output
        finally:
            api.rest_client.close()

    def close(self):
        self._api.rest_client.close()
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait(20)
        self.canaries.close()
        self._user.close()


def tool(name="c", *command, **container):
    argv = list(command) or ["sleep", "infinity"]
    return {"name": name, "image": NETSHOOT, "command": argv, **container}


def users(*marks):
    """
    Both kinds of users who start labs, as far as this machine lets us be them.

    `marks`: of the second, where both are there.
    """
    if os.getuid() != 0:
        return [pytest.param(None, id="ordinary")]
    able = pytest.mark.skipif(
        not os.path.exists(SYSTEM_PYTHON), reason=f"an ordinary user needs {SYSTEM_PYTHON} to run"
    )
    return [
        pytest.param(None, id="root"),
        pytest.param(NOBODY, id="ordinary", marks=[able, *marks]),
    ]
