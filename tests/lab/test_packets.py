"""Packets through the whole lab: objects by the API, questions by exec, as users ask them."""

import contextlib
import shlex
import time
from typing import Any

import pytest
import yaml
from kubernetes import client, config
from kubernetes.stream import stream

from npol_lab.session import Lab, LabOptions

pytestmark = pytest.mark.lab

NETSHOOT = {"name": "main", "image": "nicolaka/netshoot:v0.15", "command": ["sleep", "infinity"]}
AGNHOST = {
    "name": "main",
    "image": "registry.k8s.io/e2e-test-images/agnhost:2.53",
    "args": ["netexec", "--http-port=8080", "--udp-port=8081"],
    "ports": [{"name": "web", "containerPort": 8080}],
    "readinessProbe": {"httpGet": {"path": "/healthz", "port": 8080}, "periodSeconds": 1},
}
READY_WITHIN = 20.0


class User:
    """Somebody with a kubeconfig."""

    def __init__(self, lab):
        self.config = (str(lab.kubeconfig), lab.context)
        self.api = config.new_client_from_config(*self.config)
        self.core: Any = client.CoreV1Api(self.api)
        self.policies: Any = client.NetworkingV1Api(self.api)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.api.rest_client.close()

    def pod(self, name, container=NETSHOOT, *, namespace="default", node=None, labels=None):
        spec = {"containers": [container], "terminationGracePeriodSeconds": 0}
        spec |= {"nodeSelector": {"kubernetes.io/hostname": node}} if node else {}
        metadata = {"name": name, "labels": labels or {"app": name}}
        self.core.create_namespaced_pod(namespace, {"metadata": metadata, "spec": spec})

    def wait_until_ready(self, namespace="default"):
        deadline = time.monotonic() + READY_WITHIN
        while True:
            pods = self.core.list_namespaced_pod(namespace).items
            if all(self._is_ready(pod) for pod in pods):
                return {pod.metadata.name: pod.status.pod_ip for pod in pods}
            assert time.monotonic() < deadline, [pod.status for pod in pods]
            time.sleep(0.02)

    @staticmethod
    def _is_ready(pod):
        return any(c.type == "Ready" and c.status == "True" for c in pod.status.conditions or [])

    def service(self, name, target, *, namespace="default", **spec):
        port = {"port": 80, "targetPort": 8080} | spec.pop("port", {})
        body = {
            "metadata": {"name": name},
            "spec": {"selector": {"app": target}, "ports": [port], **spec},
        }
        return self.core.create_namespaced_service(namespace, body)

    @contextlib.contextmanager
    def policy(self, text, *, namespace="default"):
        """A NetworkPolicy's spec in force (or on its way), for a while."""
        body = {"metadata": {"name": "policy"}, "spec": yaml.safe_load(text)}
        self.policies.create_namespaced_network_policy(namespace, body)
        time.sleep(0.1)
        try:
            yield
        finally:
            self.policies.delete_namespaced_network_policy("policy", namespace)
            time.sleep(0.1)

    def run(self, pod, command, *, namespace="default", container="main"):
        """Output and exit code, on a connection of its own as each exec needs it."""
        api = config.new_client_from_config(*self.config)
        session = stream(
            client.CoreV1Api(api).connect_get_namespaced_pod_exec,
            pod,
            namespace,
            container=container,
            command=["sh", "-c", command],
            stdout=True,
            stderr=True,
            _preload_content=False,
        )
        session.run_forever(timeout=30)
        code = session.returncode  # `read_all` would swallow it
        output = session.read_all().strip()
        session.sock.shutdown()  # `close` leaves the socket where the server went first
        api.rest_client.close()
        return output, code

    def curl(self, pod, url, **where):
        """curl's output, or "exit 28" and the like."""
        output, code = self.run(pod, f"curl -s -m 1 {shlex.quote(url)}", **where)
        return output if code == 0 else f"exit {code}"


@pytest.fixture(scope="module")
def user():
    with Lab.start() as lab, User(lab) as user:
        user.pod("client", node="lab-1")
        user.pod("near", AGNHOST, node="lab-1")
        user.pod("far", AGNHOST, node="lab-2")
        user.service("far", "far", type="NodePort", port={"nodePort": 30080})
        user.service("near", "near")
        user.service("udp", "far", port={"protocol": "UDP", "targetPort": 8081})
        user.service("empty", "nobody")
        user.service("headless", "far", clusterIP="None")
        user.ips = user.wait_until_ready()
        time.sleep(0.2)
        yield user


DENY_ALL = "{podSelector: {}, policyTypes: [Ingress, Egress]}"
DENIED = "exit 28"
REFUSED = "exit 7"


@pytest.mark.parametrize("target", ["near", "far"])
def test_pods_answer_by_address_service_and_name(user, target):
    address = user.core.read_namespaced_service(target, "default").spec.cluster_ip
    assert user.curl("client", f"http://{user.ips[target]}:8080/hostname") == target
    assert user.curl("client", f"http://{address}/hostname") == target
    assert user.curl("client", f"http://{target}/hostname") == target
    assert user.curl("client", f"http://{target}.default.svc.cluster.local/hostname") == target


def test_udp_answers_through_a_service(user):
    output, _ = user.run("client", "echo hostname | nc -u -w1 udp 80")
    assert output == "far"


def test_the_client_is_seen_by_its_own_address(user):
    assert user.curl("client", "http://far/clientip").startswith(f"{user.ips['client']}:")


@pytest.mark.parametrize("flags", ["+notcp", "+tcp"])
def test_names_resolve_over_udp_and_tcp(user, flags):
    output, _ = user.run("client", f"dig +short +search {flags} headless")
    assert output == user.ips["far"]


def test_nslookup_knows_good_names_from_bad_ones(user):
    output, code = user.run("client", "nslookup far")
    assert code == 0
    assert "far.default.svc.cluster.local" in output
    output, code = user.run("client", "nslookup nowhere")
    assert code == 1
    assert "NXDOMAIN" in output


def test_a_service_without_endpoints_refuses(user):
    assert user.curl("client", "http://empty/") == REFUSED


@pytest.mark.parametrize("port", [80, 443, 8080])
@pytest.mark.parametrize(
    ("host", "place"), [("www.example.test", "internet"), ("backup.test", "backup")]
)
def test_places_outside_answer_by_name(user, host, place, port):
    assert user.curl("client", f"http://{host}:{port}/hostname") == place


@pytest.mark.parametrize("node", ["10.98.1.11", "10.98.1.12"])
def test_a_node_port_answers_a_client_outside_the_cluster(user, node):
    outside = {"namespace": "outside", "container": "web"}
    assert user.curl("internet", f"http://{node}:30080/hostname", **outside) == "far"


def test_pods_reach_the_api_server(user):
    output, _ = user.run("client", "curl -s -k -m 2 https://kubernetes.default/version")
    assert "npol-lab" in output


def test_kubelets_listen_on_their_nodes(user):
    output, _ = user.run("client", "curl -s -k -m 2 https://10.98.1.12:10250/pods")
    assert output == "Unauthorized"


def test_deny_all_is_silence_and_goes_again(user):
    assert user.run("client", f"ping -c1 -W1 {user.ips['far']}")[1] == 0
    with user.policy(DENY_ALL):
        assert user.curl("client", f"http://{user.ips['far']}:8080/") == DENIED
        assert user.run("client", "dig +time=1 +tries=1 far")[1] == 9
        assert user.run("client", f"ping -c1 -W1 {user.ips['far']}")[1] == 1
    assert user.curl("client", "http://far/hostname") == "far"


def test_pods_stay_ready_under_deny_all(user):
    """The kubelet of a pod's own node always reaches it."""
    with user.policy(DENY_ALL):
        time.sleep(2.5)  # two readiness probes later
        user.wait_until_ready()


def test_name_resolution_alone_can_be_allowed(user):
    rules = """
      podSelector: {matchLabels: {app: client}}
      policyTypes: [Egress]
      egress:
        - to: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: kube-system}},
                podSelector: {matchLabels: {k8s-app: kube-dns}}}]
          ports: [{port: 53, protocol: UDP}]
    """
    with user.policy(rules):
        assert user.run("client", "dig +short +search far")[1] == 0
        assert user.run("client", "dig +tcp +time=1 +tries=1 far")[1] == 9
        assert user.curl("client", f"http://{user.ips['far']}:8080/") == DENIED


def test_all_pods_are_not_the_api_server(user):
    rules = """
      podSelector: {matchLabels: {app: client}}
      policyTypes: [Egress]
      egress: [{to: [{namespaceSelector: {}}]}]
    """
    with user.policy(rules):
        assert user.curl("client", "http://far/hostname") == "far"
        assert user.run("client", "curl -s -k -m 1 https://kubernetes.default/version")[1] == 28


def test_policies_name_the_pods_port(user):
    """The Service's port 80 is translated to 8080 before egress is judged."""
    selected = "podSelector: {matchLabels: {app: client}}, policyTypes: [Egress]"
    address = user.core.read_namespaced_service("far", "default").spec.cluster_ip
    with user.policy(f"{{{selected}, egress: [{{ports: [{{port: 80}}]}}]}}"):
        assert user.curl("client", f"http://{address}/") == DENIED
    with user.policy(f"{{{selected}, egress: [{{ports: [{{port: 8080}}]}}]}}"):
        assert user.curl("client", f"http://{address}/hostname") == "far"


def test_options_reach_the_network():
    """A lab that ignores policies, to see that others notice; and one that is late with them."""
    with Lab.start(LabOptions(nodes=1, enforcement=False)) as ignorant:
        assert _denies_after(ignorant, 0.3) is False
    with Lab.start(LabOptions(nodes=1, enforcement_delay=1.0)) as late:
        assert _denies_after(late, 0.3) is False
    with Lab.start(LabOptions(nodes=1)) as prompt:
        assert _denies_after(prompt, 0.3) is True


def _denies_after(lab, seconds):
    with User(lab) as user:
        user.pod("client")
        user.pod("target", AGNHOST)
        ip = user.wait_until_ready()["target"]
        body = {"metadata": {"name": "deny"}, "spec": yaml.safe_load(DENY_ALL)}
        user.policies.create_namespaced_network_policy("default", body)
        time.sleep(seconds)
        return user.run("client", f"curl -s -m 0.4 http://{ip}:8080/hostname")[1] != 0
