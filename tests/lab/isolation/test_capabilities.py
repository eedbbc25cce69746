import pytest

from npol_lab.isolation.capabilities import DEFAULT, NUMBERS, granted


def names(security):
    mask = granted(security)
    return {name for name, number in NUMBERS.items() if mask >> number & 1}


@pytest.mark.parametrize(
    ("security", "expected"),
    [
        ({}, DEFAULT),
        ({"capabilities": {"drop": ["ALL"]}}, set()),
        ({"capabilities": {"drop": ["ALL"], "add": ["NET_RAW"]}}, {"NET_RAW"}),
        ({"capabilities": {"add": ["NET_ADMIN"]}}, DEFAULT | {"NET_ADMIN"}),
        ({"capabilities": {"drop": ["CAP_NET_RAW"]}}, DEFAULT - {"NET_RAW"}),
        ({"capabilities": {"add": ["ALL"], "drop": ["SYS_ADMIN"]}}, set(NUMBERS) - {"SYS_ADMIN"}),
        ({"capabilities": {"add": ["NO_SUCH"]}}, DEFAULT),
        ({"privileged": True}, set(NUMBERS)),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
def test_a_containers_capabilities_are_the_default_ones_changed_as_it_says(security, expected):
    assert names(security) == expected


def test_the_numbers_are_the_kernels():
    assert [NUMBERS[n] for n in ("CHOWN", "NET_RAW", "SYS_ADMIN", "CHECKPOINT_RESTORE")] == [
        0,
        13,
        21,
        40,
    ]
    assert granted({}) == 0xA80425FB, "what /proc/PID/status shows in a container"
