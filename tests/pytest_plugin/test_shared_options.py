"""`--kubeconfig` and `--kube-context` beside plugins and conftests that have them as well."""

import json

import pytest

THEIRS = """
def pytest_addoption(parser):
    parser.addoption("--kubeconfig", default=None)
    parser.getgroup("theirs").addoption("--kube-context", default=None)

def pytest_report_header(config):
    return f"theirs: {config.getoption('--kubeconfig')} {config.getoption('--kube-context')}"
"""

SHOWS = """
import pytest
from npol.pytest_plugin.options import cluster_of

@pytest.hookimpl(trylast=True)
def pytest_report_header(config):
    return "npol: {} {}".format(*cluster_of(config))
"""


@pytest.fixture
def kubeconfig(shop):
    """A context of a server that is not there."""
    contexts = [{"name": "dev", "context": {"cluster": "c", "user": "u"}}]
    shop.makepyfile(shows=SHOWS)
    shop.syspathinsert()
    path = shop.path / "config"
    path.write_text(json.dumps({"apiVersion": "v1", "kind": "Config", "contexts": contexts}))
    return path


def header(result):
    return [line for line in result.outlines if line.startswith(("theirs: ", "npol: "))]


@pytest.mark.parametrize("apart", [False, True], ids=["=", "apart"])
def test_what_is_typed_counts_for_npol_and_for_who_has_the_same_option(shop, kubeconfig, apart):
    shop.makeconftest(THEIRS)
    typed = {"--kubeconfig": str(kubeconfig), "--kube-context": "dev"}
    together = [f"{name}={value}" for name, value in typed.items()]
    options = [word for pair in typed.items() for word in pair] if apart else together

    result = shop.runpytest_inprocess("-p", "shows", "--co", *options)

    assert sorted(header(result)) == [f"npol: {kubeconfig} dev", f"theirs: {kubeconfig} dev"]


def test_own_names_are_for_npol_alone(shop, kubeconfig):
    shop.makeconftest(THEIRS)
    options = [f"--npol-kubeconfig={kubeconfig}", "--npol-kube-context=dev"]

    result = shop.runpytest_inprocess("-p", "shows", "--co", *options)

    assert sorted(header(result)) == [f"npol: {kubeconfig} dev", "theirs: None None"]


def test_plugin_that_is_there_before_npol_keeps_its_option(shop, kubeconfig):
    shop.makepyfile(kubetest=THEIRS)
    options = [f"--kubeconfig={kubeconfig}", "--kube-context=dev"]

    result = shop.runpytest_inprocess("-p", "kubetest", "-p", "shows", "--co", *options)

    assert sorted(header(result)) == [f"npol: {kubeconfig} dev", f"theirs: {kubeconfig} dev"]


def test_default_of_others_names_no_cluster(shop):
    shop.makeconftest(THEIRS.replace("default=None", "default='their-default'", 1))

    result = shop.runpytest_inprocess("--co", "-q")

    assert result.ret == 0
    assert "theirs: their-default None" in shop.runpytest_inprocess("--co").outlines


def test_both_names_stand_in_the_help(shop):
    said = str(shop.runpytest_inprocess("--help").stdout)
    for name in ("--kubeconfig=FILE", "--kube-context=NAME", "--npol-kubeconfig=FILE"):
        assert name in said
