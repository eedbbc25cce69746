"""A machine that refuses nested user namespaces, as a container's default seccomp profile does."""

import subprocess
import sys

import pytest

pytestmark = pytest.mark.lab

REFUSING = """
import errno, platform, sys
from npol.errors import Refused
from npol_lab.isolation import kernel, seccomp
from npol_lab.session import Lab

_, refused, special = seccomp.MACHINES[platform.machine()]
code = seccomp._step(seccomp._LOAD, seccomp._NUMBER)
code += seccomp._refuse(special["clone3"], errno.ENOSYS)
code += seccomp._refuse(refused["unshare"], errno.EPERM)
flags = seccomp._step(seccomp._ANY_BIT, seccomp.NAMESPACE_FLAGS, 0, 1)
code += seccomp._look(special["clone"], flags + seccomp._fail(errno.EPERM))
kernel.prctl(kernel.SET_NO_NEW_PRIVS, 1)
kernel.set_filter(code + seccomp._step(seccomp._RETURN, seccomp._ALLOW))
try:
    Lab.start().stop()
except Refused as refused:
    print(refused)
"""


def test_refused_namespaces_are_told_with_the_reason_and_the_way_out():
    command = [sys.executable, "-c", REFUSING]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    said, _, way_out = done.stdout.partition("\n")
    assert done.stderr == ""
    assert said.startswith("the lab cannot make its namespaces: unshare: ")
    assert said.endswith("Operation not permitted")
    assert "--security-opt seccomp=unconfined" in way_out
    assert "name a cluster with --context" in way_out
