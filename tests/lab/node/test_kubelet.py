"""Lives of pods whose programs the lab serves itself, on the loopback."""

import asyncio

import pytest

from npol_lab.node import kubelet

AGNHOST = "registry.k8s.io/e2e-test-images/agnhost:2.53"


def netexec(*arguments, name="c", **container):
    args = ["netexec", "--udp-port=-1", *(arguments or ("--http-port=8080",))]
    return {"name": name, "image": AGNHOST, "args": args, **container}


async def get(address, port, target):
    reader, writer = await asyncio.open_connection(address, port)
    writer.write(f"GET {target} HTTP/1.0\r\n\r\n".encode())
    answer = await reader.read()
    writer.close()
    return answer.partition(b"\r\n\r\n")[2].decode()


def live(node, work):
    async def run():
        async with node.running():
            return await work()

    return asyncio.run(run())


def test_a_pod_comes_up_with_address_status_and_events(node):
    async def work():
        node.create(containers=[netexec()])
        await node.until(node.ready)
        return await get(node.pod()["status"]["podIP"], 8080, "/hostname")

    assert live(node, work) == "pod"
    status = node.pod()["status"]
    assert (status["phase"], status["hostIP"]) == ("Running", "10.98.1.11")
    assert status["podIPs"] == [{"ip": status["podIP"]}]
    assert node.container()["imageID"].startswith("registry.k8s.io/e2e-test-images/agnhost@sha256:")
    assert [reason for _, reason, _ in node.events()] == ["Pulled", "Created", "Started"]


def test_a_finished_pod_keeps_its_status_and_nothing_else(node):
    volumes = [{"name": "v", "configMap": {"name": "none", "optional": True}}]

    async def work():
        node.create(containers=[netexec()], restartPolicy="Never", volumes=volumes)
        await node.until(node.ready)
        before = list(node.network.removed)
        await get(node.pod()["status"]["podIP"], 8080, "/exit?code=0")
        await node.until(lambda: node.pod()["status"]["phase"] == "Succeeded")
        await node.until(lambda: node.condition("PodReadyToStartContainers")["status"] == "False")
        return before, node.network.removed, node.pod()

    before, removed, pod = live(node, work)
    assert (before, removed) == ([], [pod["metadata"]["uid"]])
    assert pod["status"]["podIP"]
    assert not list(node.kubelet.host.state.glob("pods/*/volumes/*"))


def test_a_full_node_turns_pods_away_that_name_it(node, monkeypatch):
    monkeypatch.setattr(kubelet, "PODS", 1)

    async def work():
        node.create("first", containers=[netexec()])
        node.create("second", containers=[netexec()])
        await node.until(lambda: node.ready("first"))
        return node.pod("second")["status"]

    status = live(node, work)
    assert (status["phase"], status["reason"]) == ("Failed", "OutOfpods")
    assert status["message"].endswith("pods, requested: 1, used: 1, capacity: 1")


def test_a_pod_that_names_no_node_of_the_lab_waits(node):
    async def work():
        node.create("elsewhere", nodeName="no-such-node", containers=[netexec()])
        node.create(containers=[netexec()])
        await node.until(node.ready)

    live(node, work)
    assert node.pod("elsewhere").get("status", {}).get("phase", "Pending") == "Pending"


def test_readiness_follows_the_probe(node):
    probe = {"httpGet": {"path": "/healthz", "port": 8080}, "periodSeconds": 1}

    async def work():
        node.create("good", containers=[netexec(readinessProbe=probe | {"tcpSocket": None})])
        node.create("closed", containers=[netexec(readinessProbe={"tcpSocket": {"port": 81}})])
        await node.until(lambda: node.pod("closed").get("status", {}).get("phase") == "Running")

    live(node, work)
    assert not node.ready("closed")
    assert node.container("closed")["started"]
    assert node.condition("Ready", "closed")["reason"] == "ContainersNotReady"


def test_a_pod_is_ready_after_its_first_good_probe(node):
    probe = {"httpGet": {"path": "/hostname", "port": "web"}}
    ports = [{"name": "web", "containerPort": 8080}]

    async def work():
        node.create(containers=[netexec(readinessProbe=probe, ports=ports)])
        await node.until(node.ready)

    live(node, work)


def test_a_closed_readiness_gate_holds_the_pod_back_until_it_opens(node):
    async def work():
        node.create(
            containers=[netexec()], readinessGates=[{"conditionType": "npol.dev/never-ready"}]
        )
        await node.until(lambda: node.condition("ContainersReady")["status"] == "True")
        held = node.condition("Ready")["reason"]
        conditions = node.pod()["status"]["conditions"]
        opened = [*conditions, {"type": "npol.dev/never-ready", "status": "True"}]
        node.registry.set_status("pods", "demo", "pod", {"conditions": opened})
        await node.until(node.ready)
        return held

    assert live(node, work) == "ReadinessGatesNotReady"


def test_a_crashed_container_is_started_again_and_keeps_its_last_state(node):
    """Its ports are free again by then, over UDP, too."""

    async def work():
        node.create(containers=[netexec("--http-port=8080", "--udp-port=8081")])
        await node.until(node.ready)
        await get(node.pod()["status"]["podIP"], 8080, "/exit?code=3")
        await node.until(lambda: node.container()["restartCount"] == 1 and node.ready())

    live(node, work)
    assert node.container()["lastState"]["terminated"]["exitCode"] == 3


def test_a_container_that_fails_its_liveness_probe_is_restarted(node):
    probe = {"tcpSocket": {"port": 81}, "periodSeconds": 1, "failureThreshold": 1}

    async def work():
        node.create(containers=[netexec("--udp-port=8081", livenessProbe=probe)])
        await node.until(lambda: node.container()["restartCount"] == 1 and node.ready())

    live(node, work)
    assert node.container()["lastState"]["terminated"]["exitCode"] == 2
    killing = ("Normal", "Killing", "Container c failed liveness probe, will be restarted")
    assert killing in node.events()


def test_a_container_that_goes_on_crashing_backs_off(node):
    async def work():
        node.create(containers=[netexec("--http-port=nonsense")])
        await node.until(
            lambda: node.container()["state"].get("waiting", {}).get("reason") == "CrashLoopBackOff"
        )

    live(node, work)
    assert ("Warning", "BackOff") in [event[:2] for event in node.events()]


@pytest.mark.parametrize(
    ("policy", "code", "phase"),
    [("Never", 0, "Succeeded"), ("Never", 4, "Failed"), ("OnFailure", 0, "Succeeded")],
)
def test_the_restart_policy_decides_how_a_pod_ends(node, policy, code, phase):
    async def work():
        node.create(containers=[netexec()], restartPolicy=policy)
        await node.until(node.ready)
        await get(node.pod()["status"]["podIP"], 8080, f"/exit?code={code}")
        await node.until(lambda: node.pod()["status"]["phase"] == phase)

    live(node, work)


def test_an_image_that_does_not_exist_is_reported_as_the_runtime_would(node):
    async def work():
        node.create(containers=[{"name": "c", "image": "does-not-exist:1"}])
        await node.until(lambda: ("Warning", "Failed", "Error: ErrImagePull") in node.events())
        await node.until(lambda: node.waits_for() == "ErrImagePull")

    live(node, work)
    assert node.pod()["status"]["phase"] == "Pending"
    assert ("Warning", "Failed", "Error: ErrImagePull") in node.events()


def test_a_missing_config_map_of_a_variable_is_reported(node):
    reference = {"configMapKeyRef": {"name": "nope", "key": "k"}}

    async def work():
        node.create(containers=[netexec(env=[{"name": "A", "valueFrom": reference}])])
        await node.until(lambda: node.events() and node.events()[-1][1] == "Failed")
        await node.until(lambda: node.waits_for() == "CreateContainerConfigError")

    live(node, work)
    waiting = node.container()["state"]["waiting"]
    assert waiting == {
        "reason": "CreateContainerConfigError",
        "message": 'configmap "nope" not found',
    }


def test_a_pod_waits_for_the_config_map_of_its_volume(node):
    volume = {"name": "v", "configMap": {"name": "later"}}

    async def work():
        node.create(containers=[netexec()], volumes=[volume])
        await node.until(lambda: "status" in node.pod() and node.pod()["status"].get("hostIP"))
        before = node.container()["state"]
        node.registry.create(
            "configmaps", {"metadata": {"name": "later", "namespace": "demo"}, "data": {}}
        )
        await node.until(node.ready)
        return before

    assert live(node, work) == {"waiting": {"reason": "ContainerCreating"}}


def test_a_deleted_pod_ends_and_frees_everything(node, tmp_path):
    async def work():
        pod = node.create(containers=[netexec()])
        await node.until(node.ready)
        address = node.pod()["status"]["podIP"]
        node.registry.delete("pods", "demo", "pod")
        await node.until(lambda: node.pod() is None)
        assert node.network.removed == [pod["metadata"]["uid"]]
        with pytest.raises(ConnectionRefusedError):
            await get(address, 8080, "/")

    live(node, work)
    assert list((tmp_path / "pods").glob("*")) == []
    assert ("Normal", "Killing", "Stopping container c") in node.events()


def test_a_pod_that_ends_gets_its_grace(node):
    """Its program is asked to end first; nothing of it is cancelled before that."""
    hook = {"preStop": {"sleep": {"seconds": 1}}}

    async def work():
        node.create(containers=[netexec(lifecycle=hook)], terminationGracePeriodSeconds=5)
        await node.until(node.ready)
        address = node.pod()["status"]["podIP"]
        node.registry.delete("pods", "demo", "pod")
        await node.until(lambda: ("Normal", "Killing") in [e[:2] for e in node.events()])
        return await get(address, 8080, "/hostname")

    assert live(node, work) == "pod"


def test_a_pod_past_its_deadline_fails(node):
    async def work():
        node.create(containers=[netexec()], activeDeadlineSeconds=1)
        await node.until(lambda: node.pod().get("status", {}).get("phase") == "Failed")

    live(node, work)
    assert node.pod()["status"]["reason"] == "DeadlineExceeded"


def test_sidecars_start_before_and_run_beside_the_main_container(node):
    side = netexec("--http-port=8081", name="side", restartPolicy="Always")

    async def work():
        node.create(initContainers=[side], containers=[netexec()])
        await node.until(node.ready)
        address = node.pod()["status"]["podIP"]
        return [await get(address, port, "/hostname") for port in (8080, 8081)]

    assert live(node, work) == ["pod", "pod"]
    assert node.pod()["status"]["initContainerStatuses"][0]["started"]


def test_a_port_that_is_taken_ends_the_second_container(node):
    async def work():
        node.create(containers=[netexec(), netexec(name="again")])
        await node.until(
            lambda: any("terminated" in node.container(index=i)["lastState"] for i in (0, 1))
        )

    live(node, work)
    codes = [node.container(index=i)["lastState"].get("terminated") for i in (0, 1)]
    assert [c["exitCode"] for c in codes if c] == [1]


def test_logs_are_kept_for_the_run_and_the_one_before(node):
    async def logs(previous):
        found = node.kubelet.runtime.logs(
            node.pod(),
            "c",
            follow=False,
            tail_lines=None,
            since_seconds=None,
            previous=previous,
            timestamps=False,
        )
        return b"".join([chunk async for chunk in found]).decode()

    async def work():
        node.create(containers=[netexec()])
        await node.until(node.ready)
        with pytest.raises(LookupError, match='previous terminated container "c" in pod "pod"'):
            await logs(True)
        await get(node.pod()["status"]["podIP"], 8080, "/echo?msg=first")
        await get(node.pod()["status"]["podIP"], 8080, "/exit")
        await node.until(lambda: node.container()["restartCount"] == 1 and node.ready())
        return await logs(True), await logs(False)

    previous, current = live(node, work)
    assert "GET /echo?msg=first" in previous
    assert current == "Started HTTP server on port 8080\n"


def test_many_pods_get_ready_side_by_side(node):
    async def work():
        for number in range(20):
            node.create(f"p{number}", containers=[netexec()])
        await node.until(lambda: all(node.ready(f"p{n}") for n in range(20)))

    live(node, work)


def test_a_pod_without_a_network_waits_for_one(node):
    """Such as a node whose addresses are used up."""
    add_pod, refusals = node.network.add_pod, [OSError("no free address")]

    async def full(pod):
        if refusals:
            raise refusals.pop()
        return await add_pod(pod)

    async def work():
        node.network.add_pod = full
        node.create(containers=[netexec()])
        await node.until(node.ready)

    live(node, work)
    message = "Failed to create pod sandbox: no free address"
    assert ("Warning", "FailedCreatePodSandBox", message) in node.events()
