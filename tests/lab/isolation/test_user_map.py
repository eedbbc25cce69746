import pytest

from npol_lab.user_map import pods_user


@pytest.mark.parametrize(
    ("mapped", "uid", "expected"),
    [
        pytest.param("0 0 4294967295\n", 0, 2_000_000_000, id="root of the machine"),
        pytest.param("0 100000 65536\n", 0, 65534, id="root of a container"),
        pytest.param("0 1000 1\n", 0, 0, id="root that is one user only"),
        pytest.param("0 1000 1\n1 100000 65536\n", 0, 65534, id="root with users of its own"),
        pytest.param("0 0 4294967295\n", 1000, 0, id="an ordinary user"),
    ],
)
def test_pods_of_a_lab_run_by_root_get_a_user_of_their_own(tmp_path, mapped, uid, expected):
    users = tmp_path / "uid_map"
    users.write_text(mapped)

    assert pods_user(users, uid=uid) == expected
