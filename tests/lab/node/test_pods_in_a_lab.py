"""Real processes in a lab's pods: programs, files, networks, probes, logs and ends."""

import itertools
import json
import time
from typing import Any

import pytest
from kubernetes import client, config
from kubernetes.stream import stream
from kubernetes.stream.ws_client import ERROR_CHANNEL

pytestmark = pytest.mark.lab

NETSHOOT = "nicolaka/netshoot:v0.15"
AGNHOST = "registry.k8s.io/e2e-test-images/agnhost:2.53"
NGINX = """
server { listen 3001; location /api/health { return 200 'ok\\n'; } }
server { listen 127.0.0.1:9000; return 204; }
"""
WITHIN = 60.0
_NUMBERS = itertools.count(1)


class User:
    """Somebody with a kubeconfig and a namespace of their own."""

    def __init__(self, lab):
        self._config = (str(lab.kubeconfig), lab.context)
        self._api = config.new_client_from_config(*self._config)
        self.core: Any = client.CoreV1Api(self._api)
        self.policies: Any = client.NetworkingV1Api(self._api)
        self.namespace = f"user-{next(_NUMBERS)}"
        body: Any = {"metadata": {"name": self.namespace}}
        self.core.create_namespace(body)

    def close(self):
        self._api.rest_client.close()

    def pod(self, name, *containers, labels=None, **spec):
        spec = {
            "containers": list(containers),
            "terminationGracePeriodSeconds": 1,
            "automountServiceAccountToken": False,
            **spec,
        }
        metadata = {"name": name, "labels": labels or {"app": name}}
        self.core.create_namespaced_pod(self.namespace, {"metadata": metadata, "spec": spec})

    def config_map(self, name, **data):
        body = {
            "metadata": {"name": name},
            "data": {k.replace("_", "."): v for k, v in data.items()},
        }
        self.core.create_namespaced_config_map(self.namespace, body)

    def read(self, name):
        return self.core.read_namespaced_pod(name, self.namespace)

    def until(self, holds, name="pod", within=WITHIN):
        deadline = time.monotonic() + within
        while not holds(self.read(name)):
            assert time.monotonic() < deadline, self.read(name).status
            time.sleep(0.01)
        return self.read(name)

    def ready(self, name="pod"):
        return self.until(is_ready, name)

    def exec(self, name, *argv, container=None):
        """(exit code, output, errors); the code is the server's words when nothing was run."""
        api = config.new_client_from_config(*self._config)
        try:
            call = client.CoreV1Api(api).connect_get_namespaced_pod_exec
            more = {"container": container} if container else {}
            channel = stream(
                call,
                name,
                self.namespace,
                command=list(argv),
                stdout=True,
                stderr=True,
                stdin=False,
                tty=False,
                _preload_content=False,
                **more,
            )
            try:
                channel.run_forever(timeout=WITHIN)
                status = json.loads(channel.read_channel(ERROR_CHANNEL))
                return exit_code(status), channel.read_stdout(), channel.read_stderr()
            finally:
                channel.sock.shutdown()  # `close` leaves the socket where the server went first
        finally:
            api.rest_client.close()

    def logs(self, name, container, **query):
        return self.core.read_namespaced_pod_log(name, self.namespace, container=container, **query)


def exit_code(status):
    if status["status"] == "Success":
        return 0
    causes = {c.get("reason"): c["message"] for c in status.get("details", {}).get("causes") or []}
    return int(causes["ExitCode"]) if "ExitCode" in causes else status["message"]


def is_ready(pod):
    return any(c.type == "Ready" and c.status == "True" for c in pod.status.conditions or [])


def tool(*command, name="c", image=NETSHOOT, **container):
    command = command or ("sleep", "infinity")
    return {"name": name, "image": image, "command": list(command), **container}


@pytest.fixture
def user(lab):
    user = User(lab)
    yield user
    user.close()


def test_a_command_sees_the_pods_own_name_files_and_processes(user):
    user.pod("pod", tool(env=[{"name": "GREETING", "value": "hi"}], workingDir="/tmp"))
    address = user.ready().status.pod_ip

    script = "hostname; pwd; echo $GREETING; grep -c pod /etc/hosts; cat /etc/resolv.conf; ls /proc"
    code, output, _ = user.exec("pod", "sh", "-c", script)

    lines = output.splitlines()
    assert (code, lines[:4]) == (0, ["pod", "/tmp", "hi", "1"])
    assert "nameserver 10.96.0.10" in lines
    assert len([line for line in lines if line.isdigit()]) <= 6
    assert address in user.exec("pod", "ip", "-4", "-br", "address")[1]


@pytest.mark.parametrize(("script", "code"), [("exit 7", 7), ("kill -9 $$", 137), ("true", 0)])
def test_exit_codes_come_through(user, script, code):
    user.pod("pod", tool())
    user.ready()

    assert user.exec("pod", "sh", "-c", script)[0] == code


def test_output_and_errors_come_apart(user):
    user.pod("pod", tool())
    user.ready()

    assert user.exec("pod", "sh", "-c", "echo out; echo err >&2")[1:] == ("out\n", "err\n")


@pytest.mark.parametrize(
    ("image", "command", "words"),
    [
        ("nginx:1.27", "curl", 'exec: "curl": executable file not found in $PATH'),
        ("nginx:1.27", "wget", 'exec: "wget": executable file not found in $PATH'),
        (NETSHOOT, "wget", 'exec: "wget": executable file not found in $PATH'),
        (NETSHOOT, "/no/such", 'exec: "/no/such": stat /no/such: no such file or directory'),
    ],
)
def test_a_program_that_the_image_lacks_is_the_runtimes_error(user, image, command, words):
    user.pod("pod", {"name": "c", "image": image} if "nginx" in image else tool())
    user.ready()

    message, output, errors = user.exec("pod", command)

    assert words in str(message)
    assert (output, errors) == ("", "")


def test_nginx_runs_with_its_configuration_from_a_config_map(user):
    user.config_map("conf", default_conf=NGINX)
    probe = {"httpGet": {"path": "/api/health", "port": 3001}}
    mounts = [{"name": "conf", "mountPath": "/etc/nginx/conf.d"}]
    nginx = {"name": "c", "image": "nginx:1.27", "readinessProbe": probe, "volumeMounts": mounts}
    user.pod("pod", nginx, volumes=[{"name": "conf", "configMap": {"name": "conf"}}])
    user.pod("client", tool())
    address = user.ready().status.pod_ip
    user.ready("client")

    asked = user.exec("client", "curl", "-sS", "-m3", f"http://{address}:3001/api/health")
    loopback = user.exec("client", "curl", "-sS", "-m3", f"http://{address}:9000/")

    assert asked == (0, "ok\n", "")
    assert loopback[0] == 7
    assert '"GET /api/health HTTP/1.1" 200' in user.logs("pod", "c")


def test_the_unprivileged_nginx_listens_on_8080_as_any_user_over_a_read_only_root(user):
    secure = {"runAsUser": 101, "runAsNonRoot": True, "readOnlyRootFilesystem": True}
    user.pod(
        "pod",
        {
            "name": "c",
            "image": "nginxinc/nginx-unprivileged:1.27",
            "readinessProbe": {"httpGet": {"path": "/", "port": 8080}, "periodSeconds": 1},
            "securityContext": secure,
            "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],
        },
        volumes=[{"name": "tmp", "emptyDir": {}}],
    )
    user.ready()
    assert "emerg" not in user.logs("pod", "c")


def test_containers_of_a_pod_share_network_and_empty_dirs(user):
    mounts = [{"name": "shared", "mountPath": "/shared"}]
    writer = tool("sh", "-c", "echo hello > /shared/f; sleep 1000", name="w", image="busybox")
    server = {"name": "s", "image": AGNHOST, "args": ["netexec", "--http-port=3001"]}
    reader = tool(name="r", volumeMounts=mounts)
    volumes = [{"name": "shared", "emptyDir": {}}]
    user.pod("pod", writer | {"volumeMounts": mounts}, server, reader, volumes=volumes)
    user.ready()

    assert user.exec("pod", "cat", "/shared/f", container="r")[1] == "hello\n"
    asked = user.exec("pod", "curl", "-s", "localhost:3001/hostname", container="r")
    assert asked[1] == "pod"


def test_init_containers_run_in_order_before_the_main_one(user):
    mounts = [{"name": "v", "mountPath": "/v"}]
    init = [
        tool("sh", "-c", f"echo {n} >> /v/f", name=f"i{n}", image="busybox", volumeMounts=mounts)
        for n in (1, 2)
    ]
    main = tool("sleep", "1000", image="busybox", volumeMounts=mounts)
    user.pod("pod", main, initContainers=init, volumes=[{"name": "v", "emptyDir": {}}])
    user.ready()

    assert user.exec("pod", "cat", "/v/f", container="c")[1] == "1\n2\n"


def test_a_single_file_can_be_mounted_over_the_images_own(user):
    user.config_map("conf", nginx_conf="events {} http { server { listen 81; return 200 mine; } }")
    mount = {"name": "conf", "mountPath": "/etc/nginx/nginx.conf", "subPath": "nginx.conf"}
    probe = {"tcpSocket": {"port": 81}}
    nginx = {"name": "c", "image": "nginx", "volumeMounts": [mount], "readinessProbe": probe}
    user.pod("pod", nginx, volumes=[{"name": "conf", "configMap": {"name": "conf"}}])
    user.pod("client", tool())
    address = user.ready().status.pod_ip
    user.ready("client")

    assert user.exec("client", "curl", "-s", f"{address}:81")[1] == "mine"


def test_kubelet_probes_pass_a_policy_that_denies_all(user):
    deny = {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    body = {"metadata": {"name": "deny"}, "spec": deny}
    user.policies.create_namespaced_network_policy(user.namespace, body)
    probe = {"httpGet": {"path": "/healthz", "port": 3001}}
    args = ["netexec", "--http-port=3001"]
    user.pod("pod", {"name": "c", "image": AGNHOST, "args": args, "readinessProbe": probe})

    user.ready()


def test_a_process_that_fails_is_restarted_and_its_last_words_are_kept(user):
    user.pod("pod", tool("sh", "-c", "echo last words; exit 3", image="busybox"))

    def crashed(pod):
        return pod.status.container_statuses and pod.status.container_statuses[0].restart_count >= 1

    pod = user.until(crashed)
    assert pod.status.container_statuses[0].last_state.terminated.exit_code == 3
    assert user.logs("pod", "c", previous=True) == "last words\n"


def test_a_program_that_does_not_exist_cannot_start(user):
    user.pod("pod", tool("/no/such", image="busybox"), restartPolicy="Never")

    pod = user.until(lambda pod: pod.status.phase == "Failed")

    ended = pod.status.container_statuses[0].state.terminated
    assert (ended.reason, ended.exit_code) == ("StartError", 128)
    assert 'exec: "/no/such": stat /no/such: no such file or directory' in ended.message


def test_a_program_with_a_long_name_in_another_script_cannot_start(user):
    """JSON needs six bytes for each of its letters."""
    user.pod("pod", tool("é" * 1500, image="busybox"), restartPolicy="Never")

    pod = user.until(lambda pod: pod.status.phase == "Failed")

    assert pod.status.container_statuses[0].state.terminated.reason == "StartError"


def test_a_pod_on_the_host_network_has_the_nodes_address(user):
    user.pod("pod", tool(), hostNetwork=True)
    pod = user.ready()

    assert pod.status.pod_ip == pod.status.host_ip
    assert user.exec("pod", "hostname")[1].strip() == pod.spec.node_name


def test_a_deleted_pod_is_gone_soon_with_all_its_processes(user):
    deaf = "trap '' TERM; touch /tmp/deaf; while :; do sleep 1; done"
    probe = {"exec": {"command": ["test", "-e", "/tmp/deaf"]}}
    user.pod("pod", tool("sh", "-c", deaf, image="busybox", readinessProbe=probe))
    user.pod("quick", tool())
    user.ready()
    user.ready("quick")

    started = time.monotonic()
    for name in ("quick", "pod"):
        user.core.delete_namespaced_pod(name, user.namespace)
    gone = {}
    while len(gone) < 2 and time.monotonic() < started + WITHIN:
        left = {p.metadata.name for p in user.core.list_namespaced_pod(user.namespace).items}
        gone |= {n: time.monotonic() - started for n in {"pod", "quick"} - left - set(gone)}
        time.sleep(0.01)

    assert gone["quick"] < 0.9
    assert 0.9 <= gone["pod"] < 5.0  # it ignores SIGTERM and had one second of grace


def test_a_program_that_ends_when_told_to_is_not_kept_by_what_it_leaves_running(user):
    obedient = "trap 'exit 0' TERM; sleep 1000 & touch /tmp/ready; wait"
    probe = {"exec": {"command": ["test", "-e", "/tmp/ready"]}}
    command = tool("sh", "-c", obedient, readinessProbe=probe)
    user.pod("pod", command, terminationGracePeriodSeconds=600)
    user.ready()

    user.core.delete_namespaced_pod("pod", user.namespace)

    deadline = time.monotonic() + WITHIN
    while user.core.list_namespaced_pod(user.namespace).items:
        assert time.monotonic() < deadline, "its grace is waited for"
        time.sleep(0.05)


def test_agnhost_connect_tells_open_refused_and_silent_apart(user):
    user.pod("pod", {"name": "c", "image": AGNHOST, "args": ["netexec", "--http-port=3001"]})
    address = user.ready().status.pod_ip

    answers = [
        user.exec("pod", "/agnhost", "connect", f"{target}", "--timeout=500ms")
        for target in (f"{address}:3001", f"{address}:3002", "no-such-name.test:80")
    ]

    assert [code for code, _, _ in answers] == [0, 1, 1]
    assert answers[1][2] == "REFUSED\n"
    assert answers[2][2].startswith("DNS: ")
