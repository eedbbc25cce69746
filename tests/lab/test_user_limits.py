"""A lab takes a part of what its user may have, and changes nothing of the machine."""

import pytest

from npol_lab.user_limits import LIMITS, go_first, leave_some_to_others


@pytest.fixture
def proc(tmp_path):
    for name, machines in LIMITS.items():
        for path in (tmp_path / "sys/user" / name, tmp_path / "sys/fs" / machines):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("128\n")
    (tmp_path / "self").mkdir()
    return tmp_path


def limits(proc):
    return [(proc / "sys/user" / name).read_text().strip() for name in LIMITS]


@pytest.mark.parametrize("users", ["0 0 1\n1 2000000000 1\n", "0 1000 1\n"])
def test_a_lab_has_a_quarter(proc, users):
    (proc / "self/uid_map").write_text(users)
    leave_some_to_others(proc)
    assert limits(proc) == ["32", "32"]


def test_the_machines_own_limits_stay(proc):
    (proc / "self/uid_map").write_text("         0          0 4294967295\n")
    leave_some_to_others(proc)
    assert limits(proc) == ["128", "128"]


def test_a_lab_goes_first_where_the_kernel_lets_it_say_so(proc):
    go_first(proc=proc)
    assert (proc / "self/oom_score_adj").read_text() == "500"
    go_first(7, proc)
