import pytest

from npol_lab.isolation.launch import CannotRun, find
from npol_lab.isolation.tree import Tree


@pytest.fixture
def base(tmp_path):
    """The host's part, as plain directories."""
    base = tmp_path / "base"
    html = base / "usr/share/nginx/html"
    html.mkdir(parents=True)
    (html / "index.html").write_text("the host's")
    (base / "usr/share/zoneinfo").mkdir()
    return base


@pytest.fixture
def root(tmp_path, base):
    root = Tree(tmp_path / "root", base)
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
    assert list((base / "usr/share/nginx/html").iterdir()) == [
        base / "usr/share/nginx/html/index.html"
    ]


def test_a_file_of_the_host_gives_way(root, base):
    root.place("/usr/share/nginx/html/index.html").write_text("mine")

    assert (base / "usr/share/nginx/html/index.html").read_text() == "the host's"
    assert (root.path / "usr/share/nginx/html/index.html").read_text() == "mine"


@pytest.mark.parametrize("target", ["{host}", "../../../../host"])
def test_links_of_the_host_show_nothing_that_the_container_does_not_have(
    root, base, tmp_path, target
):
    """As `/usr/lib/ssl/private` leads to a directory of the host's that only root may list."""
    (tmp_path / "host").mkdir()
    (tmp_path / "host/secret.pem").write_text("")
    (base / "usr/share/private").symlink_to(target.format(host=tmp_path / "host"))
    root.place("/usr/share/private/mine").mkdir()

    assert [p.name for p in (root.path / "usr/share/private").iterdir()] == ["mine"]
    assert [p.name for p in (tmp_path / "host").iterdir()] == ["secret.pem"]


def test_links_between_the_hosts_files_are_followed(root, base):
    (base / "usr/share/absolute").symlink_to("/usr/share/nginx")
    (base / "usr/share/relative").symlink_to("nginx/html")
    root.place("/usr/share/absolute/mine").mkdir()
    root.place("/usr/share/relative/mine").mkdir()

    assert {p.name for p in (root.path / "usr/share/absolute").iterdir()} == {"html", "mine"}
    assert {p.name for p in (root.path / "usr/share/relative").iterdir()} == {"index.html", "mine"}


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


@pytest.fixture
def programs(tmp_path, monkeypatch):
    """`curl` is in the path, `notes` is no program, and `bin` is a directory."""
    for name, mode in (("bin/curl", 0o755), ("bin/notes", 0o644), ("elsewhere/wget", 0o755)):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
        (tmp_path / name).chmod(mode)
    monkeypatch.chdir(tmp_path)
    return f"{tmp_path}/none:{tmp_path}/bin"


@pytest.mark.parametrize("program", ["curl", "bin/curl", "./elsewhere/wget"])
def test_programs_are_found_in_the_path_or_where_they_are_said_to_be(programs, program, tmp_path):
    expected = program if "/" in program else f"{tmp_path}/bin/curl"

    assert find([program], programs) == expected


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["wget"], 'exec: "wget": executable file not found in $PATH'),
        ([], 'exec: "": executable file not found in $PATH'),
        (["/no/such"], 'exec: "/no/such": stat /no/such: no such file or directory'),
        (["./bin"], 'exec: "./bin": is a directory'),
        (["bin/notes"], 'exec: "bin/notes": permission denied'),
    ],
)
def test_a_program_that_cannot_run_is_reported_in_the_runtimes_words(programs, argv, words):
    with pytest.raises(CannotRun) as caught:
        find(argv, programs)

    assert str(caught.value) == words
