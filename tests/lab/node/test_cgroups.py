"""Trees of both versions, as directories; the kernel's files appear as they do there."""

import os
import subprocess
from pathlib import Path

import pytest

from npol_lab.cgroup_trees import CONTROLLERS, sweep
from npol_lab.node.cgroups import groups
from npol_lab.node.limits import PROCESSES, Limits, capacity, most_processes

LIMITS = Limits(memory=16 << 20, written=1 << 20)
LID = str((16 << 20) + (1 << 20) + (128 << 20))


@pytest.fixture
def proc(tmp_path):
    (tmp_path / "proc").mkdir()
    return tmp_path / "proc"


@pytest.fixture
def kernel(monkeypatch):
    """Groups come with files: the limits of their tree's controllers."""
    files = {}
    make = Path.mkdir

    def mkdir(path, *arguments, **options):
        make(path, *arguments, **options)
        for tree, names in files.items():
            if path.is_relative_to(tree):
                for name in names:
                    (path / name).touch()

    def rmdir(path):
        for file in path.iterdir():
            if file.is_dir():
                raise OSError("not empty")
        for file in path.iterdir():
            file.unlink()
        remove(path)

    remove = Path.rmdir
    monkeypatch.setattr(Path, "mkdir", mkdir)
    monkeypatch.setattr(Path, "rmdir", rmdir)
    return files


def version_1(tmp_path, proc, kernel):
    for name, limit in (("memory", "memory.limit_in_bytes"), ("pids", "pids.max")):
        (tmp_path / name / "job").mkdir(parents=True)
        kernel[tmp_path / name] = (limit, "cgroup.procs")
    (proc / "cgroup").write_text("4:memory:/job\n8:pids:/\n1:cpu,cpuacct:/\n0::/\n")
    mount = "40 25 0:35 / {} rw - cgroup cgroup rw,{}\n"
    lines = [mount.format(tmp_path / name, name) for name in ("memory", "pids")]
    (proc / "mountinfo").write_text("".join(lines))


def version_2(tmp_path, proc, kernel):
    (tmp_path / "slice/own").mkdir(parents=True)
    names = ("memory.max", "pids.max", "cgroup.procs", "cgroup.subtree_control")
    kernel[tmp_path / "slice"] = names
    (proc / "cgroup").write_text("0::/slice/own\n")
    (proc / "mountinfo").write_text(f"40 25 0:35 / {tmp_path} rw - cgroup2 cgroup2 rw\n")


def test_version_1_has_a_group_in_each_tree(tmp_path, proc, kernel):
    version_1(tmp_path, proc, kernel)

    group = groups("x", proc).make("c", LIMITS)

    memory, pids = (tmp_path / "memory/job/npol-lab-x/c", tmp_path / "pids/npol-lab-x/c")
    assert group.entries == [f"{memory}/cgroup.procs", f"{pids}/cgroup.procs"]
    assert (memory / "memory.limit_in_bytes").read_text() == LID
    assert (pids / "pids.max").read_text() == str(PROCESSES)
    assert (memory.parent / "memory.limit_in_bytes").read_text() == str(capacity())
    assert (pids.parent / "pids.max").read_text() == str(most_processes())


def test_version_2_has_one_group_and_passes_the_controllers_on(tmp_path, proc, kernel):
    version_2(tmp_path, proc, kernel)

    group = groups("x", proc).make("c", LIMITS)

    (lab,) = tmp_path.glob("slice/**/npol-lab-x")
    assert group.entries == [f"{lab}/c/cgroup.procs"]
    assert (lab / "cgroup.subtree_control").read_text() == "+memory +pids"
    assert [(lab / "c" / n).read_text() for n in ("memory.max", "pids.max")] == [
        LID,
        str(PROCESSES),
    ]
    assert (lab / "memory.max").read_text() == str(capacity())
    assert (lab / "pids.max").read_text() == str(most_processes())


def test_without_a_tree_there_are_no_groups(tmp_path, proc):
    (proc / "cgroup").write_text("0::/\n")
    (proc / "mountinfo").write_text("")

    assert groups("x", proc).make("c", LIMITS).entries == []


@pytest.mark.parametrize(
    ("file", "text", "expected"),
    [
        ("memory.events", "low 0\noom 1\noom_kill 1\n", True),
        ("memory.events", "low 0\noom 1\noom_kill 0\n", False),
        ("memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n", True),
    ],
)
def test_the_kernel_says_whether_it_has_ended_a_process(
    tmp_path, proc, kernel, file, text, expected
):
    version_2(tmp_path, proc, kernel)
    group = groups("x", proc).make("c", LIMITS)
    (group.directories[0] / file).write_text(text)

    assert group.out_of_memory is expected


def test_groups_of_labs_that_are_gone_are_swept(tmp_path, proc, kernel):
    version_1(tmp_path, proc, kernel)
    for lab in ("gone", "here"):
        groups(lab, proc).make("c", LIMITS)
    (tmp_path / "labs/npol-lab-here").mkdir(parents=True)

    sweep(tmp_path / "labs", proc)

    left = sorted(p.name for p in tmp_path.glob("memory/job/npol-lab-*"))
    assert left == ["npol-lab-here"]


def unified():
    """Where the kernel's own tree of version 2 is mounted; None: nowhere that may be written."""
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    found = (Path(line.split()[4]) for line in lines if " - cgroup2 " in line)
    return next((path for path in found if os.access(path, os.W_OK)), None)


@pytest.mark.skipif(unified() is None, reason="no tree of control groups of version 2")
def test_the_kernels_tree_of_version_2_is_used_if_it_has_both_controllers(proc):
    tree, lab = unified(), f"test{os.getpid()}"
    (proc / "cgroup").write_text("0::/\n")
    (proc / "mountinfo").write_text(f"40 25 0:35 / {tree} rw - cgroup2 cgroup2 rw\n")
    passed_on = (tree / "cgroup.subtree_control").read_text().split()

    group = groups(lab, proc).make("c", LIMITS)
    try:
        assert bool(group.entries) is (set(CONTROLLERS) <= set(passed_on))
        for entry in group.entries:
            enter = ["sh", "-c", f"echo 0 > {entry}; cat /proc/self/cgroup"]
            told = subprocess.run(enter, capture_output=True, text=True, check=True).stdout
            assert f"npol-lab-{lab}/c" in told
            assert (Path(entry).parent / "memory.max").read_text().strip() == LID
        assert not group.out_of_memory
    finally:
        group.remove()
        sweep(proc, proc)
    assert not list(tree.glob(f"npol-lab-{lab}"))
