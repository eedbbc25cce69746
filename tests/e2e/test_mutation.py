"""Changed policies tried by packets, in a lab of the command's own."""

import signal
import threading

import pytest

from npol.errors import ExitCode
from tests.e2e.conftest import NPOL
from tests.e2e.shop import write_shop
from tests.e2e.test_kill import env, lab_of, running  # noqa: F401 - a fixture
from tests.lab.test_session import left

FAILING = """
  - name: open
    flows: [{name: closed, from: client, to: web, port: 80, expect: deny}]
"""


@pytest.mark.nightly
@pytest.mark.lab
def test_mutants_are_noticed_or_survive_by_packets_as_predicted(tmp_path, npol):
    write_shop(tmp_path)

    done = npol("check", "--mutate", "--lab", "--most", "2", "shop.npol.yaml")

    lines = [x for x in done.stdout.splitlines() if not x.startswith("read ")]
    assert done.returncode == ExitCode.DIFFERS
    assert lines[1] == "shop: 2 of 3 mutants, in the lab"
    assert lines[2] == "1/2 noticed: shop/deny-all (deny.yaml:2): policy removed"
    assert lines[3] == "  by deny all: the shop is closed"
    assert lines[4].startswith("2/2 survived: shop/deny-all (deny.yaml:2): Egress taken out")
    assert "predicted" not in "".join(lines[2:-1])
    assert lines[-3] == (
        "left out (--most 2): shop/deny-all (deny.yaml:2): Ingress taken out of policyTypes"
    )
    assert lines[-2] == "flows to add: npol check --mutate shop.npol.yaml"
    assert lines[-1] == (
        "mutation of shop in the lab: 1 of 2 noticed, 1 survived, 0 cannot be noticed, "
        "0 not known; 0 otherwise than predicted"
    )


@pytest.mark.lab
def test_a_story_that_fails_as_it_is_says_nothing_of_mutants(tmp_path, npol):
    write_shop(tmp_path, FAILING)

    done = npol("check", "--mutate", "--lab", "shop.npol.yaml")

    assert done.returncode == ExitCode.UNKNOWN
    assert "shop fails in the lab as it is: open: closed" in done.stderr


@pytest.mark.lab
@pytest.mark.parametrize(
    "until",
    ["mutants, in the lab", pytest.param("1/3 noticed", marks=pytest.mark.nightly)],
)
def test_ctrl_c_leaves_nothing(tmp_path, env, until):  # noqa: F811
    write_shop(tmp_path / "shop")
    command = (NPOL, "check", "--mutate", "--lab", "shop.npol.yaml")
    with running(*command, env=env, until=until, cwd=tmp_path / "shop") as (process, lines):
        id = lab_of(tmp_path)
        assert left(id), "it was there"
        process.send_signal(signal.SIGINT)
        deadline = threading.Timer(30, process.kill)
        deadline.start()
        said = "".join([*lines, *process.stdout])
        deadline.cancel()
        assert process.wait() == 130, said
    assert "Traceback" not in said
    assert left(id) == []
    assert list((tmp_path / "tmp").iterdir()) == []


def test_a_lab_is_for_mutants_of_stories_only(tmp_path, npol_here):
    write_shop(tmp_path)

    alone = npol_here("check", "--lab", "shop.npol.yaml")
    storyless = npol_here("check", "--mutate", "--lab", "deny.yaml")

    assert (alone.returncode, storyless.returncode) == (ExitCode.BAD_INPUT,) * 2
    assert "try: add --mutate" in alone.stderr
    assert "--lab needs a story file" in storyless.stderr
