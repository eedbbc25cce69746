"""The filter, run as the kernel runs it: by a small interpreter of its instructions."""

import errno
import struct

import pytest

from npol_lab.isolation import seccomp

ALLOW = 0x7FFF0000
ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7, "riscv64": 0xC00000F3}


def answer(machine, number, argument=0, architecture=None):
    """0 for a call that is let through, else its errno."""
    data = struct.pack(
        "=iIQ6Q", number, architecture or ARCHITECTURES[machine], 0, argument, 0, 0, 0, 0, 0
    )
    steps = list(struct.iter_unpack("=HBBI", seccomp.program(machine)))
    value, place = 0, 0
    while True:
        code, when, otherwise, operand = steps[place]
        place += 1
        if code == 0x20:
            (value,) = struct.unpack_from("=I", data, operand)
        elif code == 0x06:
            return 0 if operand == ALLOW else operand & 0xFFFF
        else:
            tests = {0x15: value == operand, 0x25: value > operand, 0x45: bool(value & operand)}
            place += when if tests[code] else otherwise


@pytest.mark.parametrize(
    ("machine", "number", "argument", "expected"),
    [
        pytest.param("x86_64", 0, 0, 0, id="read"),
        pytest.param("x86_64", 161, 0, 0, id="chroot"),
        pytest.param("x86_64", 165, 0, errno.EPERM, id="mount"),
        pytest.param("x86_64", 308, 0, errno.EPERM, id="setns"),
        pytest.param("x86_64", 272, 0, errno.EPERM, id="unshare"),
        pytest.param("x86_64", 321, 0, errno.EPERM, id="bpf"),
        pytest.param("x86_64", 56, 17, 0, id="fork"),
        pytest.param("x86_64", 56, 0x3D0F00, 0, id="thread"),
        pytest.param("x86_64", 56, 0x10000011, errno.EPERM, id="clone of users"),
        pytest.param("x86_64", 56, 0x00020011, errno.EPERM, id="clone of mounts"),
        pytest.param("x86_64", 435, 0, errno.ENOSYS, id="clone3"),
        pytest.param("x86_64", 319, 0, errno.ENOSYS, id="memfd_create"),
        pytest.param("x86_64", 206, 0, errno.ENOSYS, id="io_setup"),
        pytest.param("aarch64", 0, 0, errno.ENOSYS, id="io_setup on arm"),
        pytest.param("x86_64", 41, 2, 0, id="IPv4 socket"),
        pytest.param("x86_64", 41, 17, 0, id="packet socket"),
        pytest.param("x86_64", 41, 40, errno.EAFNOSUPPORT, id="vsock"),
        pytest.param("x86_64", 135, 0xFFFFFFFF, 0, id="personality asked for"),
        pytest.param("x86_64", 135, 0x0400000, errno.EPERM, id="personality set"),
        pytest.param("x86_64", 0x40000000 + 165, 0, errno.ENOSYS, id="mount by x32"),
        pytest.param("x86_64", 9999, 0, errno.ENOSYS, id="not known yet"),
        pytest.param("aarch64", 40, 0, errno.EPERM, id="mount on arm"),
        pytest.param("aarch64", 63, 0, 0, id="read on arm"),
        pytest.param("aarch64", 165, 0, 0, id="getrusage on arm"),
        pytest.param("aarch64", 220, 0x10000000, errno.EPERM, id="clone of users on arm"),
        pytest.param("riscv64", 97, 0, errno.EPERM, id="unshare on risc-v"),
    ],
)
def test_a_call_is_let_through_or_refused(machine, number, argument, expected):
    assert answer(machine, number, argument) == expected


def test_calls_of_another_architecture_do_not_exist():
    assert answer("x86_64", 21, architecture=0x40000003) == errno.ENOSYS
