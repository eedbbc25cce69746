"""What paths of stories lie below, also where pytest takes a kubeconfig for a path with tests."""

import json

import pytest

from tests.e2e.shop import write_shop


@pytest.fixture
def project(pytester, monkeypatch, tmp_path):
    """A repository without settings of pytest; the story names manifests beside its folder."""
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    top = pytester.path / "repo"
    (top / ".git").mkdir(parents=True)
    write_shop(top / "stories")
    (top / "stories" / "deny.yaml").rename(top / "deny.yaml")
    story = top / "stories" / "shop.npol.yaml"
    story.write_text(story.read_text().replace("deny.yaml", "../deny.yaml"))
    contexts = [{"name": "dev", "context": {"cluster": "c", "user": "u"}}]
    (pytester.path / "kube").mkdir()
    config = pytester.path / "kube" / "config"
    config.write_text(json.dumps({"apiVersion": "v1", "kind": "Config", "contexts": contexts}))
    monkeypatch.chdir(top)
    return pytester


def collected(result):
    return [line for line in result.outlines if "::" in line]


@pytest.mark.parametrize("tests", [["stories"], ["."], []], ids=["folder", "top", "nothing"])
def test_paths_of_a_story_lie_below_the_git_top(project, tests):
    result = project.runpytest_inprocess("--co", "-q", *tests)

    assert len(collected(result)) == 5, result.outlines


def test_a_kubeconfig_is_no_path_with_tests(project):
    options = ["--kubeconfig", str(project.path / "kube" / "config"), "--kube-context", "dev"]

    result = project.runpytest_inprocess("--co", *options)

    assert f"rootdir: {project.path / 'repo'}" in result.outlines
    assert not (project.path / "kube" / ".pytest_cache").exists()
    flows = project.runpytest_inprocess("--co", "-q", *options)
    assert collected(flows)[0] == "stories/shop.npol.yaml::open::the shop answers"


def test_conftest_is_found_although_a_kubeconfig_is_named(project):
    (project.path / "repo" / "conftest.py").write_text(
        "def pytest_addoption(parser): parser.addoption('--mine')"
    )
    config = str(project.path / "kube" / "config")

    result = project.runpytest_inprocess(
        "--co", "-q", "--kubeconfig", config, "--kube-context", "dev", "--mine=1"
    )

    assert len(collected(result)) == 5, str(result.stderr)


def test_settings_that_pytest_missed_are_said_with_the_way_out(project):
    (project.path / "repo" / "pytest.ini").write_text("[pytest]\n")

    result = project.runpytest_inprocess("--co", "--kubeconfig", str(project.path / "kube/config"))

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert "try: --kubeconfig=VALUE, with an equals sign" in str(result.stderr)


def test_rootdir_that_was_chosen_stays(project):
    result = project.runpytest_inprocess("--co", "-q", "--rootdir=stories", "stories")

    assert "outside of the root" in str(result.stdout)
