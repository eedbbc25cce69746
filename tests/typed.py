"""What the original documents tell their readers to type, and what really comes of it."""

from __future__ import annotations

import os
import re
import select
import shutil
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

KUBECTL = os.environ.get("NPOL_KUBECTL") or shutil.which("kubectl")
WITHIN = 60.0
"""Seconds that a command has to say what is expected: pods start, endpoints come."""
ENDS_WITHIN = 60.0
FIXTURES = Path(__file__).parents[1] / "fixtures"
SHELL_IS_THERE = b"try pressing enter"


@dataclass(frozen=True, kw_only=True)
class Line:
    """One command and what it answers: an expression found in all that it prints."""

    typed: str
    says: str = ""
    code: int = 0
    with_plugin: str | None = None
    """What it answers, with 0, where the network plugin has pods."""
    repeat: bool = False
    """Typed again until it answers so; only for what changes nothing."""
    keys: str | None = None
    """At a terminal, where these keys follow once a shell is there."""


@dataclass(frozen=True, kw_only=True)
class Script:
    lines: Sequence[Line]
    namespaces: tuple[str, ...] = ()
    """Names in it that stand for namespaces; another cluster may need others."""
    files: str = ""
    """A directory of `fixtures/`, which is where it is typed."""


def do(typed: str, says: str = "", code: int = 0) -> Line:
    """Once."""
    return Line(typed=typed, says=says, code=code)


def see(typed: str, says: str, code: int = 0, keys: str | None = None) -> Line:
    """Until it is so."""
    return Line(typed=typed, says=says, code=code, repeat=True, keys=keys)


NO_WGET = r'exec: "wget": executable file not found in \$PATH'
"""The image has none: these commands of the tutorial tell nothing about a policy."""
WGET = "wget -O- --timeout=2"
EN_DASH = "\N{EN DASH}-"
ASK = "curl -sS -m2 -o /dev/null -w '%{http_code}'"
BLOCKED = r"curl: \(28\)"
TOOLS = "--image=docker.io/nicolaka/netshoot:v0.15 --image-pull-policy=IfNotPresent"


def pods(*names: str) -> list[Line]:
    made = [f'kubectl run {name} --image=nginx:1.21 --labels="app={name}"' for name in names]
    everybody = " ".join(f"pod/{name}" for name in names)
    ready = f"kubectl wait --for=condition=Ready {everybody} --timeout=60s"
    return [*(do(line, "created") for line in made), do(ready, "condition met")]


def expose(pod: str) -> list[Line]:
    return [
        do(f"kubectl expose pod {pod} --port=80", f"service/{pod} exposed"),
        see(f"kubectl get endpoints {pod}", rf"{pod} +(\d+\.){{3}}\d+:80 "),
    ]


def calls(source: str, target: str, answer: str = "200") -> list[Line]:
    """As the tutorial types it, which its image cannot do, and from a pod that can."""
    asker = f"kubectl run asker --rm -i --restart=Never {TOOLS} --labels=app={source}"
    return [
        see(f"kubectl exec {source} -- {WGET} http://{target}", NO_WGET, code=1),
        see(f"{asker} -- {ASK} http://{target}", answer, code=0 if answer == "200" else 28),
    ]


def policy(name: str, selected: str, allowed: str) -> str:
    return f"""\
cat <<EOF | kubectl apply -f -
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: {name}
spec:
  podSelector:
    matchLabels:
      app: {selected}
  policyTypes:
  - Ingress
  ingress:
  - from:
    - podSelector:
        matchLabels:
          app: {allowed}
EOF"""


REMOVED = "--now --wait"
TESTING = Script(
    namespaces=("prod",),
    lines=[
        do("kubectl create namespace prod", "created"),
        do("kubectl label namespace prod environment=prod", "labeled"),
        do("kubectl get namespace prod --show-labels", "environment=prod"),
        *pods("frontend", "backend", "database"),
        *expose("backend"),
        *expose("database"),
        *calls("frontend", "backend"),
        *calls("frontend", "database"),
        do(policy("test-policy", "database", "backend"), "test-policy created"),
        *calls("frontend", "database", BLOCKED),
        *calls("backend", "database"),
        do(policy("backend-policy", "backend", "nobody"), "backend-policy created"),
        *calls("frontend", "backend", BLOCKED),
        do("kubectl get networkpolicies", r"NAME +POD-SELECTOR +AGE\s+backend-policy +app=backend"),
        do(
            "kubectl describe networkpolicy backend-policy",
            r"PodSelector: +app=backend\n"
            r" +Allowing ingress traffic:\n"
            r" +To Port: <any> \(traffic allowed to all ports\)\n"
            r" +From:\n +PodSelector: app=nobody\n"
            r" +Not affecting egress traffic\n +Policy Types: Ingress",
        ),
        do(
            "kubectl get pod frontend --show-labels",
            r"LABELS\n.*frontend +1/1 +Running +0 .* app=frontend\n",
        ),
        do("kubectl get pod backend --show-labels", r"app=backend\n"),
        # No result, and policies work none the less: what enforces them need not be a pod.
        Line(
            typed="kubectl get pods -n kube-system | grep -E 'calico|cilium|weave'",
            says="^$",
            code=1,
            with_plugin=r"^(calico|cilium|weave)\S* .*Running",
        ),
        do("kubectl delete networkpolicy backend-policy", "deleted"),
        *calls("frontend", "backend"),
        do(f"kubectl delete pod,service,networkpolicy --all {REMOVED}", "deleted"),
        do("kubectl delete namespace prod", "deleted"),
    ],
)
EXERCISE_1 = Script(
    lines=[
        *pods("frontend", "backend"),
        *expose("backend"),
        *calls("frontend", "backend"),
        do(policy("backend-allow-frontend", "backend", "frontend"), "created"),
        *calls("frontend", "backend"),
        *pods("hacker"),
        *calls("hacker", "backend", BLOCKED),
        do(f"kubectl delete pod frontend backend hacker {REMOVED}", 'pod "hacker" deleted'),
        do("kubectl delete service backend", 'service "backend" deleted'),
        do("kubectl delete networkpolicy backend-allow-frontend", "deleted"),
        do("kubectl get pods,networkpolicies", "No resources found"),
    ]
)
ISOLATION = """\
cat <<EOF | kubectl apply -f -
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: deny-other-namespaces
  namespace: team-a
spec:
  podSelector: {}
  policyTypes:
  - Ingress
  ingress:
  - from:
    - podSelector: {}
EOF"""
APP_A = "http://app-a.team-a.svc.cluster.local"
EXERCISE_2 = Script(
    namespaces=("team-a", "team-b"),
    lines=[
        do("kubectl create namespace team-a", "created"),
        do("kubectl create namespace team-b", "created"),
        do("kubectl run app-a --image=nginx:1.21 -n team-a", "created"),
        do("kubectl expose pod app-a --port=80 -n team-a", "exposed"),
        do("kubectl run app-b --image=nginx:1.21 -n team-b", "created"),
        do(f"kubectl run shell -n team-a {TOOLS} -- sleep 1d", "created"),
        do(f"kubectl run shell -n team-b {TOOLS} -- sleep 1d", "created"),
        see(f"kubectl exec -n team-b app-b -- {WGET} {APP_A}", NO_WGET, code=1),
        see(f"kubectl exec -n team-b shell -- {ASK} {APP_A}", "200"),
        do(ISOLATION, "created"),
        see(f"kubectl exec -n team-b shell -- {ASK} {APP_A}", BLOCKED, code=28),
        see(f"kubectl exec -n team-a shell -- {ASK} {APP_A}", "200"),
        do("kubectl delete namespace team-a team-b", 'namespace "team-b" deleted'),
        do("kubectl get namespace team-a", "NotFound", code=1),
    ],
)
WEB = "$(kubectl get pod -n frontend -l app=web-app -o name)"
USER_API = "http://user-api.backend:8080/user/123"
WEBAPP = Script(
    namespaces=("frontend", "backend", "sandbox"),
    files="webapp",
    lines=[
        do("kubectl apply -f apps", "deployment.apps/web-app created"),
        do(f"kubectl run dnsutils -n frontend {TOOLS} -- sleep 1d", "created"),
        do("kubectl rollout status deployment/web-app -n frontend", "successfully rolled out"),
        do("kubectl rollout status deployment/user-api -n backend", "successfully rolled out"),
        see(f"kubectl exec -it {WEB} -n frontend -c webapp -- {ASK} {USER_API}", "200", keys=""),
        # The document has an en dash before "max-time", and curl takes what follows for addresses:
        # nothing bounds the call, so it is typed where everything is open.
        see(
            f"kubectl exec -it {WEB} -n frontend -c webapp -- curl {EN_DASH}max-time 2 {USER_API}",
            r"curl: \(3\)[\s\S]*curl: \(\d+\) .*0\.0\.0\.2[\s\S]*\"id\": ?\"123\"",
            keys="",
        ),
        do("kubectl apply -f policies/default-deny.yaml", "created"),
        see(
            "kubectl exec -ti dnsutils -n frontend -- nslookup -timeout=1 -retry=1 cecg.io",
            "timed out.*\\s.*no servers could be reached",
            code=1,
            keys="",
        ),
        do("kubectl apply -f policies/allow-dns-access.yaml", "created"),
        # An answer: the name's own servers, which no cluster here can reach, are another matter.
        see(
            "kubectl exec -ti dnsutils -n frontend -- nslookup cecg.io",
            r"Address:\s+10\.96\.0\.10#53\s+.*server can't find cecg.io",
            code=1,
            keys="",
        ),
        see(
            f"kubectl exec -it {WEB} -n frontend -c webapp -- curl --max-time 2 {USER_API}",
            r"curl: \(28\) .*timed? ?out",
            code=28,
            keys="",
        ),
        do("kubectl apply -f policies/allow-web-app-to-call-user-api.yaml", "created"),
        see(
            f"kubectl exec -it {WEB} -n frontend -c webapp -- curl --max-time 2 {USER_API}",
            r'"id": ?"123"',
            keys="",
        ),
        do(
            "kubectl describe networkpolicy default-deny -n frontend",
            r"PodSelector: +<none> \(Allowing the specific traffic to all pods in this namespace\)"
            r"\n +Not affecting ingress traffic\n +Allowing egress traffic:\n"
            r" +<none> \(Selected pods are isolated for egress connectivity\)\n"
            r" +Policy Types: Egress",
        ),
        see(
            f"kubectl run tmp-shell --rm -i --tty {TOOLS}",
            r'in-42\s[\s\S]*pod "tmp-shell" deleted',
            keys="\recho in-$((40+2))\rexit\r",
        ),
        # A pod has no name of that form: only what a Service names can be called so.
        see(
            f"kubectl exec -it {WEB} -n frontend -c webapp -- "
            "curl http://user-api-0.backend.svc.cluster.local",
            r"curl: \(6\) Could not resolve host",
            code=6,
            keys="",
        ),
        do("kubectl logs -n kube-system -l k8s-app=calico-node", "No resources found|calico-node"),
        do("kubectl delete namespace frontend backend sandbox", "deleted"),
    ],
)
BASELINE = Script(
    namespaces=("frontend-dev", "backend-dev"),
    files="baseline/infra/manifests",
    lines=[
        do("kubectl create namespace backend-dev", "created"),
        do("kubectl create namespace frontend-dev", "created"),
        do("kubectl label namespace backend-dev name=backend-dev", "labeled"),
        do("kubectl label namespace frontend-dev name=frontend-dev", "labeled"),
        do("kubectl apply -f apps/10-backend.yaml -f apps/20-frontend.yaml", "created"),
        do("kubectl rollout status deploy -n backend-dev", r'"reports" successfully rolled out'),
        do("kubectl rollout status deploy -n frontend-dev", "successfully rolled out"),
        do("kubectl get pods -n kube-system", r"coredns-\S+ +1/1 +Running"),
        # One namespace is meant where two are named: there is none of that name.
        do(
            "kubectl get pods -n tigera-operator,calico-system",
            "No resources found in tigera-operator,calico-system namespace",
        ),
        do("kubectl get cpol", 'doesn\'t have a resource type "cpol"', code=1),
        do(
            "kubectl get applications.argoproj.io -n argocd",
            'doesn\'t have a resource type "applications"',
            code=1,
        ),
        do("kubectl get svc -n backend-dev", r"backend-sample +ClusterIP +\S+ +<none> +80/TCP"),
        see(
            "kubectl get endpoints backend-sample -n backend-dev",
            r"backend-sample +(\d+\.){3}\d+:3001 ",
        ),
        # Without -R the directory itself holds no manifest.
        do("kubectl apply -f network-policies", "recognized file extensions", code=1),
        do("kubectl apply -R -f network-policies", "deny-all created"),
        do("kubectl get netpol -n frontend-dev", r"allow-dns +<none>[\s\S]*deny-all +<none>"),
        do("kubectl get netpol -n backend-dev", r"allow-from-frontend +app=backend"),
        do(
            "kubectl describe netpol -n backend-dev allow-from-frontend",
            r"To Port: 3001/TCP\n +From:\n +NamespaceSelector: name=frontend-dev",
        ),
        see(
            f"kubectl run asker -n frontend-dev --rm -i --restart=Never {TOOLS} "
            f"--labels=app=frontend -- {ASK} http://backend-sample.backend-dev.svc.cluster.local/api/health",
            "200",
        ),
        do("kubectl logs -n backend-dev deploy/backend-sample --tail=-1", "GET /api/health"),
        do("kubectl delete -f network-policies --dry-run=client", "recognized", code=1),
        do("kubectl delete -R -f network-policies --dry-run=server", r"deleted \(server dry run\)"),
        do("kubectl delete -f network-policies/backend-dev", '"deny-all" deleted'),
        do("kubectl delete -f network-policies/frontend-dev", '"deny-all" deleted'),
        do("kubectl get netpol -n backend-dev", "No resources found in backend-dev"),
        do("kubectl delete namespace backend-dev frontend-dev", "deleted"),
    ],
)
SCRIPTS = {
    "testing": TESTING,
    "exercise-1": EXERCISE_1,
    "exercise-2": EXERCISE_2,
    "webapp": WEBAPP,
    "baseline": BASELINE,
}


class Typist:
    """
    Somebody at a shell with kubectl.

    Args:
        prefix: of all namespaces; empty: the documents' own names.
    """

    def __init__(self, directory: Path, kubeconfig: Path, context: str, prefix: str = "") -> None:
        if KUBECTL is None:
            pytest.skip("kubectl is not installed: put it on PATH, or name it in NPOL_KUBECTL")
        self._prefix, self._home = prefix, directory / "home"
        self._home.mkdir()
        (self._home / "kubectl").symlink_to(KUBECTL)
        path = f"{self._home}{os.pathsep}{os.environ['PATH']}"
        kept = {k: v for k, v in os.environ.items() if not k.startswith("KUBE")}
        self._env = {**kept, "PATH": path, "HOME": str(self._home), "KUBECONFIG": str(kubeconfig)}
        self._cwd = directory
        self._own(context)

    def _own(self, context: str) -> None:
        """A kubeconfig of our own, whose context is this one."""
        shown = self._run(f"kubectl config view --raw --flatten --minify --context {context}")[1]
        own = self._home / "config"
        own.write_text(shown)
        self._env["KUBECONFIG"] = str(own)
        use = f"--namespace={self._prefix or 'default'}"
        assert self._run(f"kubectl config set-context {context} {use}")[0] == 0
        assert self._run(f"kubectl config use-context {context}")[0] == 0

    def type(self, script: Script) -> None:
        """
        All lines, in their order.

        Raises:
            AssertionError: one answers otherwise.
        """
        if script.files:
            self._cwd = self._home / "files"
            shutil.copytree(FIXTURES / script.files, self._cwd)
            for file in self._cwd.rglob("*.yaml"):
                file.write_text(self._named(file.read_text(), script))
        for line in script.lines:
            self._line(self._named(line.typed, script), self._named(line.says, script), line)

    def _named(self, text: str, script: Script) -> str:
        for name in script.namespaces if self._prefix else ():
            text = re.sub(rf"(?<![\w/-]){name}(?![\w-])", f"{self._prefix}-{name}", text)
        return text

    def _line(self, typed: str, says: str, line: Line) -> None:
        deadline = time.monotonic() + WITHIN
        while True:
            code, said = self._run(typed) if line.keys is None else self._at_a_terminal(typed, line)
            if code == line.code and re.search(says, said):
                return
            if line.with_plugin and code == 0 and re.search(line.with_plugin, said):
                return
            if not line.repeat or time.monotonic() > deadline:
                pytest.fail(f"$ {typed}\n{said}\n-> {code}\nexpected {line.code}: {says}")

    def _run(self, typed: str) -> tuple[int, str]:
        done = subprocess.run(
            ["sh", "-c", typed],
            cwd=self._cwd,
            env=self._env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=ENDS_WITHIN,
        )
        return done.returncode, done.stdout.decode()

    def _at_a_terminal(self, typed: str, line: Line) -> tuple[int, str]:
        ours, theirs = os.openpty()
        process = subprocess.Popen(
            ["setsid", "--ctty", "--wait", "sh", "-c", typed],
            cwd=self._cwd,
            env=self._env,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
        )
        os.close(theirs)
        try:
            said = _conversation(ours, (line.keys or "").encode())
        finally:
            os.close(ours)
            process.kill()
        return process.wait(), said


def _conversation(terminal: int, keys: bytes) -> str:
    said, deadline = b"", time.monotonic() + ENDS_WITHIN
    while time.monotonic() < deadline:
        if not select.select([terminal], [], [], 0.2)[0]:
            continue
        try:
            said += os.read(terminal, 4096)
        except OSError:  # the other end is closed: it is over
            break
        if keys and SHELL_IS_THERE in said:
            os.write(terminal, keys)
            keys = b""
    return said.decode(errors="replace").replace("\r\n", "\n")
