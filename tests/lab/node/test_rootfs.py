import pytest

from npol_lab.node.rootfs import Root
from npol_lab.node.shared_rootfs import Base


@pytest.fixture
def base(tmp_path):
    """The host's part, as plain directories."""
    base = Base(tmp_path)
    html = base.base / "usr/share/nginx/html"
    html.mkdir(parents=True)
    (html / "index.html").write_text("the host's")
    (base.base / "usr/share/zoneinfo").mkdir()
    return base


@pytest.fixture
def root(tmp_path, base):
    root = Root(tmp_path / "root", base)
    (root.path / "usr/bin").mkdir(parents=True)
    (root.path / "run").mkdir()
    (root.path / "var").mkdir()
    (root.path / "var/run").symlink_to("../run")
    (root.path / "usr/share").symlink_to("../.lab/usr/share")
    (root.path / "bin").symlink_to("usr/bin")
    (root.path / "usr/bin/curl").symlink_to("/.lab/usr/bin/curl")
    return root


def test_a_place_below_the_hosts_files_becomes_real_and_keeps_its_neighbours(root, base):
    (root.place("/usr/share/nginx/html") / "mine").write_text("x")

    share = root.path / "usr/share"
    assert not share.is_symlink()
    assert str((share / "zoneinfo").readlink()) == "/.lab/usr/share/zoneinfo"
    assert str((share / "nginx/html/index.html").readlink()).endswith("nginx/html/index.html")
    assert list((base.base / "usr/share/nginx/html").iterdir()) == [
        base.base / "usr/share/nginx/html/index.html"
    ]


def test_a_file_of_the_host_gives_way(root, base):
    root.place("/usr/share/nginx/html/index.html").write_text("mine")

    assert (base.base / "usr/share/nginx/html/index.html").read_text() == "the host's"
    assert (root.path / "usr/share/nginx/html/index.html").read_text() == "mine"


@pytest.mark.parametrize(
    ("at", "where"),
    [
        ("/data/deep/er", "data/deep/er"),
        ("/var/run/secrets", "run/secrets"),
        ("/../../etc", "etc"),
        ("/", "."),
    ],
)
def test_places_follow_the_roots_own_links_and_stay_inside(root, at, where):
    assert root.place(at) == root.path / where


@pytest.mark.parametrize(
    ("program", "found"),
    [("curl", "/usr/bin/curl"), ("wget", None), ("/bin/curl", "/bin/curl"), ("/bin/wget", None)],
)
def test_programs_are_found_in_the_path_only(root, program, found):
    assert root.find(program, "/usr/local/bin:/usr/bin:/bin") == found
