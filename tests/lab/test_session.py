"""A lab's life: it comes up whole, and whatever ends it leaves nothing."""

import concurrent.futures
import contextlib
import fcntl
import json
import os
import random
import re
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
from kubernetes import client, config

from npol.errors import Refused
from npol_lab import requirements, session
from npol_lab.node.limits import capacity, own_memory
from npol_lab.session import Lab, LabOptions, sweep

ROOT = str(Path(__file__).parents[2])
OWNER = """
import sys, time
from npol_lab.session import Lab
lab = Lab.start()
print(lab.id, flush=True)
time.sleep(600)
"""


@contextlib.contextmanager
def core(lab):
    api = config.new_client_from_config(str(lab.kubeconfig), lab.context)
    try:
        yield client.CoreV1Api(api)
    finally:
        api.rest_client.close()


def processes(mark):
    """Ids of all processes that carry the mark in their command line."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            with contextlib.suppress(OSError):
                if mark.encode() in (entry / "cmdline").read_bytes():
                    found.append(int(entry.name))
    return found


def left(mark):
    """Everything on this machine that carries the mark: processes, mounts, links, tables."""
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    for command in (["ip", "-o", "link"], ["nft", "list", "tables"]):
        lines += subprocess.run(command, capture_output=True, text=True).stdout.splitlines()
    return [*processes(mark), *(line for line in lines if mark in line)]


def seconds_until_gone(mark, most=30.0, files=list):
    started = time.monotonic()
    while there := [*left(mark), *files()]:
        assert time.monotonic() - started < most, f"left after {most} s: {there}"
        time.sleep(0.005)
    return time.monotonic() - started


def owner(tmp_path):
    """A process that wants a lab, with a temporary directory that marks all that is its own."""
    return subprocess.Popen(
        [sys.executable, "-c", OWNER],
        env={**os.environ, "TMPDIR": str(tmp_path), "PYTHONPATH": ROOT},
        stdout=subprocess.PIPE,
        text=True,
    )


@pytest.mark.lab
def test_lab_is_complete_when_it_has_started(lab):
    with core(lab) as api:
        pods = api.list_pod_for_all_namespaces().items
    names = sorted(pod.metadata.name.split("-")[0] for pod in pods)
    assert names == ["backup", "coredns", "internet", "npol", "npol"], "one of npol's on each node"
    assert {pod.status.phase for pod in pods} == {"Running"}


@pytest.mark.lab
def test_lab_says_what_it_is(lab):
    with core(lab) as api:
        version = client.VersionApi(api.api_client).get_code()
        about = api.read_namespaced_config_map("npol-lab", "kube-system")
    assert "npol-lab" in version.git_version
    assert about.data["id"] == lab.id


@pytest.mark.lab
def test_external_hosts_are_tainted_nodes_without_pods(lab):
    with core(lab) as api:
        nodes = {n.metadata.name: n.spec.taints for n in api.list_node().items}
    assert {name for name, taints in nodes.items() if taints} == {"internet", "backup"}
    assert {"lab-1", "lab-2"} < nodes.keys()


@pytest.mark.lab
def test_files_are_for_their_owner_only(lab):
    assert stat.S_IMODE(lab.kubeconfig.stat().st_mode) == 0o600
    assert stat.S_IMODE(lab.kubeconfig.parent.stat().st_mode) == 0o700


@pytest.mark.lab
def test_a_labs_own_process_is_held_to_its_memory_and_what_it_writes(lab):
    texts = [Path(f"/proc/{pid}/limits").read_text() for pid in processes(lab.id)]
    found = [re.findall(r"Max (?:data|core file) size +(\S+)", text) for text in texts]
    assert [str(own_memory()), "0"] in [kept[:2] for kept in found]

    mounts = [Path(f"/proc/{pid}/mountinfo").read_text() for pid in processes(lab.id)]
    shape = rf"{lab.id}/state .*size=(\d+)k,nr_inodes=262144"
    (size,) = {int(size) for text in mounts for size in re.findall(shape, text)}
    assert size << 10 <= capacity() // 4


@pytest.mark.lab
def test_the_kubeconfig_has_one_context_on_a_loopback_port(lab):
    said = json.loads(lab.kubeconfig.read_text())
    assert said["current-context"] == lab.context == "lab"
    assert said["clusters"][0]["cluster"]["server"].startswith("https://127.0.0.1:")


@pytest.mark.lab
def test_five_labs_live_side_by_side_and_apart():
    with concurrent.futures.ThreadPoolExecutor(5) as pool, contextlib.ExitStack() as stack:
        labs = [stack.enter_context(lab) for lab in pool.map(lambda _: Lab.start(), range(5))]
        for number, lab in enumerate(labs):
            with core(lab) as api:
                api.create_namespace({"metadata": {"name": f"only-{number}"}})
        for number, lab in enumerate(labs):
            with core(lab) as api:
                names = {n.metadata.name for n in api.list_namespace().items}
            assert {n for n in names if n.startswith("only-")} == {f"only-{number}"}


@pytest.mark.lab
def test_a_stopped_lab_is_gone():
    with Lab.start(LabOptions(nodes=1)) as lab:
        assert lab.running
        directory = lab.kubeconfig.parent
    assert not lab.running
    assert not directory.exists()
    assert left(lab.id) == []
    lab.stop()


@pytest.mark.lab
def test_a_lab_that_dies_is_noticed():
    with Lab.start() as lab:
        for pid in processes(lab.id):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        seconds_until_gone(lab.id, files=lambda: ["running"] if lab.running else [])


@pytest.mark.lab
def test_a_lab_goes_when_its_main_process_does():
    with Lab.start(LabOptions(nodes=1)) as lab:
        inside = processes(lab.id)
        threads = {pid: len(list(Path(f"/proc/{pid}/task").iterdir())) for pid in inside}
        os.kill(max(inside, key=threads.__getitem__), signal.SIGKILL)
        seconds_until_gone(lab.id, files=lambda: ["running"] if lab.running else [])


@pytest.mark.lab
def test_programs_in_pods_end_with_the_lab():
    mark = f"{random.randint(10**6, 10**7)}.25"
    with Lab.start(LabOptions(nodes=1)) as lab, core(lab) as api:
        container = {"name": "main", "image": "nicolaka/netshoot", "command": ["sleep", mark]}
        spec = {"containers": [container]}
        api.create_namespaced_pod("default", {"metadata": {"name": "sleeper"}, "spec": spec})
        deadline = time.monotonic() + 20
        while not processes(f"sleep\0{mark}"):
            assert time.monotonic() < deadline, "it never ran"
            time.sleep(0.02)
    assert processes(mark) == []


@pytest.mark.lab
def test_a_killed_owner_leaves_nothing(tmp_path):
    wants = owner(tmp_path)
    id = wants.stdout.readline().strip()
    assert left(id), "it was there"
    wants.kill()
    took = seconds_until_gone(id)
    wants.wait()
    wants.stdout.close()
    assert list(tmp_path.iterdir()) == [], "files"
    assert took < 20, "about 50 ms on an idle machine"


def swept(directory):
    """What is left there after a sweep. A lab that is still starting or dying holds its lock."""
    sweep(directory, young=0.0)
    return list(directory.iterdir())


def kill_at_random_times(tmp_path, kills, within):
    """SIGKILL the owner at `kills` moments of its first seconds; how long the rest took to go."""
    chance, took = random.Random(20261121), []
    for number in range(kills):
        directory = tmp_path / f"kill-{number}"
        directory.mkdir(parents=True)
        wants = owner(directory)
        time.sleep(chance.uniform(0.0, within))
        wants.kill()
        wants.wait()
        took.append(seconds_until_gone(str(directory), files=lambda d=directory: swept(d)))
        wants.stdout.close()
    return took


@pytest.mark.lab
@pytest.mark.nightly
def test_twenty_random_kills_leave_nothing(tmp_path):
    assert max(kill_at_random_times(tmp_path, 20, within=0.9)) < 2.0


@pytest.mark.lab
@pytest.mark.nightly
@pytest.mark.timeout(1200)
def test_three_hundred_random_kills_leave_nothing(tmp_path):
    early = kill_at_random_times(tmp_path / "early", 150, within=0.3)
    late = kill_at_random_times(tmp_path / "late", 150, within=1.5)
    assert max(*early, *late) < 2.0


def _stale(tmp_path, name, *, age=3600.0):
    directory = tmp_path / f"{session.PREFIX}{name}"
    directory.mkdir()
    (directory / "lock").touch()
    (directory / "kubeconfig").touch()
    os.utime(directory, (time.time() - age,) * 2)
    return directory


def test_temporary_files_go_where_they_may_without_one_to_try_it(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path / "missing"))
    monkeypatch.setenv("TEMP", str(tmp_path))
    (tmp_path / "other").write_text("")
    before = tmp_path.stat().st_mtime_ns

    assert session.temporary_files() == tmp_path
    assert tmp_path.stat().st_mtime_ns == before


def test_sweep_removes_directories_without_a_holder(tmp_path):
    stale = _stale(tmp_path, "stale")
    sweep(tmp_path)
    assert not stale.exists()


def test_sweep_leaves_the_living_the_young_and_strangers(tmp_path):
    held, young = _stale(tmp_path, "held"), _stale(tmp_path, "young", age=0.0)
    stranger, namesake = tmp_path / "something-else", tmp_path / f"{session.PREFIX}notes"
    for directory in (stranger, namesake):
        directory.mkdir()
    (namesake / "notes.md").touch()
    os.utime(namesake, (time.time() - 3600,) * 2)
    lock = os.open(held / "lock", os.O_RDWR)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        sweep(tmp_path)
    finally:
        os.close(lock)
    left = {held.name, young.name, stranger.name, namesake.name}
    assert {d.name for d in tmp_path.iterdir()} == left


def test_a_machine_without_linux_is_told_of_clusters_and_containers(monkeypatch):
    monkeypatch.setattr("npol_lab.requirements.sys.platform", "darwin")
    with pytest.raises(Refused, match="Linux namespaces") as refused:
        requirements.require_tools()
    assert "--context" in refused.value.hint
    assert "docker run" in refused.value.hint
    assert "seccomp=unconfined" in refused.value.hint


def test_missing_programs_are_named_with_their_packages(tmp_path):
    (tmp_path / "nft").touch(mode=0o755)
    with pytest.raises(Refused, match="nginx") as refused:
        requirements.require_tools(search=str(tmp_path))
    assert "nft," not in refused.value.message
    assert "sudo apt install" in refused.value.hint
    assert "nginx-light" in refused.value.hint


def test_missing_python_packages_are_named(monkeypatch):
    monkeypatch.setattr(requirements, "MODULES", ("json", "no_such_module"))
    with pytest.raises(Refused, match="no_such_module") as refused:
        requirements.require_tools()
    assert "pip install" in refused.value.hint


@pytest.mark.parametrize(
    ("name", "value", "fact"),
    [
        ("kernel/apparmor_restrict_unprivileged_userns", "1", "AppArmor"),
        ("kernel/unprivileged_userns_clone", "0", "switched off"),
        ("user/max_user_namespaces", "0", "max_user_namespaces"),
        ("kernel/something", "0", "Operation not permitted"),
    ],
)
def test_forbidden_namespaces_are_explained_by_their_switch(tmp_path, name, value, fact):
    (tmp_path / name).parent.mkdir()
    (tmp_path / name).write_text(f"{value}\n")
    reason = "unshare: unshare failed: Operation not permitted"
    refused = requirements.no_namespaces(reason, settings=tmp_path)
    assert fact in refused.message
    assert refused.hint
    assert refused.exit_code == 4


@pytest.mark.lab
def test_a_machine_without_user_namespaces_refuses_with_the_reason():
    """In a user namespace that allows no further ones, as containers often are."""
    script = (
        "from npol.errors import Refused\n"
        "from npol_lab.session import Lab\n"
        "try: Lab.start()\n"
        "except Refused as why: print(why)\n"
    )
    limit = 'echo 0 > /proc/sys/user/max_user_namespaces; exec "$@"'
    done = subprocess.run(
        [
            "unshare",
            "--user",
            "--map-root-user",
            "sh",
            "-c",
            limit,
            "-",
            sys.executable,
            "-c",
            script,
        ],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": ROOT},
    )
    assert "max_user_namespaces=0" in done.stdout, done.stderr
    assert "Traceback" not in done.stdout


@pytest.mark.lab
def test_an_ordinary_user_can_have_a_lab():
    script = (
        "import os\n"
        "from npol_lab.session import Lab\n"
        "with Lab.start() as lab: print(os.getuid(), lab.running)\n"
    )
    ordinary = ["unshare", "--user", "--map-user=1000", "--map-group=1000"]
    done = subprocess.run(
        [*ordinary, sys.executable, "-c", script],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": ROOT},
    )
    assert done.stdout == "1000 True\n", done.stderr


@pytest.mark.parametrize("wrong", [{"nodes": 0}, {"nodes": 10}, {"enforcement_delay": -1.0}])
def test_options_out_of_range_are_refused(wrong):
    with pytest.raises(ValueError, match=r"nodes|delay"):
        LabOptions(**wrong)


@pytest.mark.parametrize(
    ("load", "told"),
    [(15.0, ""), (127.4, "again when the machine has time: its load is 127, on 2 CPUs")],
)
def test_a_machine_without_time_is_no_defect_of_the_lab(monkeypatch, load, told):
    monkeypatch.setattr("os.getloadavg", lambda: (load, 0.0, 0.0))
    monkeypatch.setattr("os.cpu_count", lambda: 2)

    assert session.busy_machine() == told
