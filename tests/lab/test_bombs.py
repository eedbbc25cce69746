"""Pods that use all they can get end or meet an error, and their neighbours do not notice."""

import os
import re
import time
from pathlib import Path

import pytest

from npol_lab.node.limits import capacity
from tests.lab.escapes.machine import HeldLab, tool, users

pytestmark = pytest.mark.lab

SERVER = {
    "name": "c",
    "image": "registry.k8s.io/e2e-test-images/agnhost:2.53",
    "args": ["netexec", "--http-port=3001"],
}
WITHIN = 10.0
SMALL = {"limits": {"memory": "64Mi"}}
FORK = "f() { f | f & }; f; sleep 100"
ORPHANS = FORK.removesuffix("00")
MEMORY = "kept = []\nwhile True: kept.append(b'x' * (8 << 20))"
SHARED = """
import mmap
kept = []
while True:
    kept.append(mmap.mmap(-1, 8 << 20))
    kept[-1].write(b'x' * (8 << 20))
"""
MANY = """
import os, time
for _ in range(64):
    if os.fork() == 0:
        kept = b'x' * (8 << 20)
        time.sleep(1000)
time.sleep(1000)
"""
WATCHERS = """
import ctypes, itertools
make = ctypes.CDLL(None).inotify_init
print(next(number for number in itertools.count() if make() < 0))
"""
CONNECTIONS = """
import socket, sys, time
kept = []
while True:
    made = socket.socket()
    made.setblocking(False)
    try:
        made.connect((sys.argv[1], 3001))
    except BlockingIOError:
        pass
    except OSError:
        time.sleep(0.01)
    kept.append(made)
"""


@pytest.fixture(scope="module", params=users(pytest.mark.nightly))
def lab(request):
    """Root may make control groups where the machine has them; without root there is the sum."""
    lab = HeldLab(user=request.param)
    lab.pod("server", SERVER)
    lab.pod("client", tool())
    assert lab.is_ready("server")
    assert lab.is_ready("client")
    yield lab
    lab.close()


def status(lab, name):
    (found,) = lab.core.read_namespaced_pod(name, "default").status.container_statuses or [None]
    return found


def ended(lab, name):
    """How the bomb's first run ended, within the time that it has."""
    deadline = time.monotonic() + WITHIN
    while time.monotonic() < deadline:
        found = status(lab, name)
        over = found and (found.state.terminated or found.last_state.terminated)
        if over:
            return over.reason, over.exit_code
        time.sleep(0.05)
    return None


def neighbours_verdicts(lab):
    """What the client sees of the server, again and again: `server` and nothing else is right."""
    address = lab.core.read_namespaced_pod("server", "default").status.pod_ip
    ask = f"curl -s -m 2 http://{address}:3001/hostname; echo"
    script = f"for i in $(seq 20); do {ask}; sleep 0.05; done"
    return lab.exec("client", "sh", "-c", script).split()


@pytest.mark.parametrize(
    ("command", "ends"),
    [
        pytest.param(["bash", "-c", FORK], [("Error", 137)], id="forks", marks=pytest.mark.nightly),
        pytest.param(
            ["bash", "-c", ORPHANS],
            [("Completed", 0), ("Error", 137)],
            id="forks of a parent that ends",
            marks=pytest.mark.nightly,
        ),
        pytest.param(["python3", "-c", MEMORY], [("OOMKilled", 137)], id="memory"),
        pytest.param(["python3", "-c", SHARED], [("OOMKilled", 137)], id="shared memory"),
        pytest.param(["python3", "-c", MANY], [("OOMKilled", 137)], id="memory of many processes"),
    ],
)
def test_a_bomb_ends_in_its_pod_and_neighbours_keep_their_verdicts(lab, command, ends, request):
    name = f"bomb-{request.node.callspec.id.replace(' ', '-')}"
    lab.pod(name, tool("c", *command, resources=SMALL), restartPolicy="Never")

    over = ended(lab, name)

    assert over in ends
    assert neighbours_verdicts(lab) == ["server"] * 20
    lab.core.delete_namespaced_pod(name, "default")


@pytest.mark.parametrize(
    ("place", "most"),
    [("/tmp", 260), ("/dev/shm", 70), ("/v", 20), ("/w", 260)],
    ids=["root", "shared memory", "emptyDir", "emptyDir of size 0"],
)
def test_a_write_beyond_the_limit_of_a_container_ends_with_an_error(lab, place, most, request):
    name = f"writer-{request.node.callspec.id.replace(' ', '-').lower()}"
    mounts = [{"name": n, "mountPath": f"/{n}"} for n in "vw"]
    sizes = {"v": "16Mi", "w": "0"}
    volumes = [{"name": n, "emptyDir": {"sizeLimit": size}} for n, size in sizes.items()]
    none = {"limits": {"ephemeral-storage": "0"}}
    lab.pod(name, tool(volumeMounts=mounts, resources=none), volumes=volumes)
    assert lab.is_ready(name)

    output = lab.exec(
        name, "sh", "-c", f"dd if=/dev/zero of={place}/big bs=1M count=600; stat -c %s {place}/big"
    )

    assert "No space left on device" in output
    assert int(output.split("\n")[0]) <= most << 20
    lab.core.delete_namespaced_pod(name, "default")


def test_output_without_end_is_taken_slowly_and_kept_in_part(lab):
    lab.pod("loud", tool("c", "yes", "x" * 100))
    lab.pod("endless", tool("c", "sh", "-c", "tr '\\0' x < /dev/zero"))
    assert lab.is_ready("loud")
    assert lab.is_ready("endless")

    assert neighbours_verdicts(lab) == ["server"] * 20
    assert len(lab.core.read_namespaced_pod_log("loud", "default")) <= 10 << 20
    assert len(lab.core.read_namespaced_pod_log("endless", "default")) <= 10 << 20
    for name in ("loud", "endless"):
        lab.core.delete_namespaced_pod(name, "default")


def test_connections_without_end_are_the_clients_own_trouble(lab):
    address = lab.core.read_namespaced_pod("server", "default").status.pod_ip
    lab.pod("dialler", tool("c", "python3", "-c", CONNECTIONS, address))
    lab.pod("other-server", SERVER | {"args": ["netexec", "--http-port=3002"]})
    assert lab.is_ready("dialler")
    assert lab.is_ready("other-server")

    other = lab.core.read_namespaced_pod("other-server", "default").status.pod_ip
    ask = f"curl -s -m 2 http://{other}:3002/hostname; echo"
    asked = lab.exec("client", "sh", "-c", f"for i in $(seq 20); do {ask}; sleep 0.05; done")

    assert asked.split() == ["other-server"] * 20
    for name in ("dialler", "other-server"):
        lab.core.delete_namespaced_pod(name, "default")


def test_what_the_kernel_counts_for_each_user_is_left_to_others_in_part(lab):
    lab.pod("watcher", tool(securityContext={"privileged": True}))
    assert lab.is_ready("watcher")
    most = int(Path("/proc/sys/fs/inotify/max_user_instances").read_text())

    made = int(lab.exec("watcher", "python3", "-c", WATCHERS))
    limits = lab.exec("watcher", "bash", "-c", "ulimit -i; ulimit -q; cat /proc/sys/kernel/sem")

    assert 0 < made <= most // 4
    assert limits.split() == ["1024", "131072", "250", "32000", "32", "128"]
    lab.core.delete_namespaced_pod("watcher", "default")


def may_say_for_good():
    """Whether we have CAP_SYS_RESOURCE, on the machine itself: root in a container may lack it."""
    whole = Path("/proc/self/uid_map").read_text().split() == ["0", "0", str(2**32 - 1)]
    status = Path("/proc/self/status").read_text()
    return whole and bool(int(re.search(r"CapEff:\s+(\w+)", status)[1], 16) >> 24 & 1)


def test_a_pod_goes_before_others_where_memory_runs_out(lab):
    """What root has said of its lab, no program takes back."""
    lab.pod("meek", tool())
    assert lab.is_ready("meek")
    own = "/proc/self/oom_score_adj"

    kept = lab.exec("meek", "sh", "-c", f"cat {own}; echo 0 > {own}; exec cat {own}").split()[:2]

    assert kept[0] == "1000"
    assert int(kept[1]) == (1000 if lab.user is None and may_say_for_good() else 0)
    lab.core.delete_namespaced_pod("meek", "default")


def test_the_kernel_holds_a_container_too_where_the_lab_may_make_groups(lab):
    lab.pod("grouped", tool(resources={"limits": {"ephemeral-storage": "1Mi"}}))
    assert lab.is_ready("grouped")
    if "npol-lab-" not in lab.exec("grouped", "cat", "/proc/self/cgroup"):
        pytest.skip("this user may make no control groups here")
    script = "cat /proc/self/cgroup | sed -n 's/.*:memory:\\|^0:://p'"
    place = lab.exec("grouped", "sh", "-c", script).split()[0]
    files = [
        *Path("/sys/fs/cgroup").glob(f"*{place}/memory.limit_in_bytes"),
        Path(f"/sys/fs/cgroup{place}/memory.max"),
    ]
    own = next(file for file in files if file.exists())
    lids = [int((place / own.name).read_text()) for place in (own.parent, own.parent.parent)]

    page = os.sysconf("SC_PAGE_SIZE")
    assert lids == [(1 << 30) + (1 << 20) + (128 << 20), capacity() // page * page]
    lab.core.delete_namespaced_pod("grouped", "default")
