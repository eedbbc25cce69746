"""What a manifest may set, and what the lab grants where it sets nothing."""

import pytest

from npol_lab.node import limits
from npol_lab.node.limits import MEMORY, WRITTEN, limits_of, most_processes, size_of


@pytest.fixture(autouse=True)
def machine(monkeypatch):
    """All pods may use 4 GiB of it."""
    monkeypatch.setattr(limits, "capacity", lambda: 4 << 30)


@pytest.mark.parametrize(
    ("asked", "granted"),
    [
        ("16Mi", 16 << 20),
        ("3Gi", 3 << 30),
        ("5Gi", 4 << 30),
        ("1e20", 4 << 30),
        ("1e1000000", 4 << 30),
        ("0", None),
        (0, None),
        ("0.0001", None),
        ("-1", None),
        (None, None),
    ],
)
def test_a_limit_is_one_that_the_machine_has(asked, granted):
    set_to = {} if asked is None else {"memory": asked, "ephemeral-storage": asked}
    found = limits_of({"resources": {"limits": set_to}})

    assert (found.memory, found.written) == (granted or MEMORY, granted or WRITTEN)
    assert size_of({"sizeLimit": asked}) == (granted or WRITTEN)


def test_pods_may_have_half_of_the_machines_processes(tmp_path):
    (tmp_path / "pid_max").write_text("32768\n")
    (tmp_path / "threads-max").write_text("190000\n")

    assert most_processes(tmp_path) == 16384
