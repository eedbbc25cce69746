"""What is watched, and when something counts as saved."""

from npol.cli.watch import changed, stamps, wait_for_change


def test_manifests_and_stories_below_are_watched(tmp_path):
    (tmp_path / "policies").mkdir()
    for name in ("a.npol.yaml", "policies/deny.yml", "notes.txt"):
        (tmp_path / name).write_text("x")

    found = stamps([str(tmp_path / "a.npol.yaml")])

    assert {name.removeprefix(f"{tmp_path}/") for name in found} == {
        "a.npol.yaml",
        "policies/deny.yml",
    }


def test_a_file_that_is_new_other_or_gone_has_changed():
    before = {"a": (1, 1), "b": (1, 1), "c": (1, 1)}

    assert changed(before, {"a": (1, 1), "b": (2, 1), "d": (1, 1)}) == ["b", "c", "d"]


def test_a_save_counts_when_it_holds_still():
    first, second, third = ({"a": (stamp, 1)} for stamp in (1, 2, 3))
    looks = iter([first, second, third, third])
    slept = []

    names, now = wait_for_change(lambda: next(looks), first, slept.append)

    assert (names, now) == (["a"], third)
    assert len(slept) == 4
