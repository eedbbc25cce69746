"""Wrong inputs, through the real command line: the exit code, and what to do about it."""

import base64
import json
import re

import pytest
import trustme

from npol.errors import ExitCode
from tests.e2e.shop import write_shop

AUTHORITY = base64.b64encode(trustme.CA().cert_pem.bytes()).decode()
TEN_MISTAKES = """\
version: 2
nmae: shop
defaults: {timeout: fast}
peers:
  client: {namespace: shop, labels: {app: client}}
  web: {namespace: shop, servce: web}
steps:
  - name: open
    flows:
      - {from: cleint, to: client, port: 80, expect: allow}
      - {from: client, to: client, port: 80000, expect: allow}
      - {from: client, to: client, port: 80, expect: alow}
      - {from: client, port: 80, expect: allow}
  - name: deny
    apply: [missing.yaml]
  - name: deny
    apply: [broken.yaml]
  - name: back
    same_as: opne
"""
TEN_PLACES = ["broken.yaml:2:1"] + [
    f"s.npol.yaml:{place}"
    for place in (
        *("1:10", "2:1", "3:21", "6:26", "10:16", "11:42"),
        *("12:54", "13:9", "15:13", "16:11", "19:14"),
    )
]


def kubeconfig(path, cluster=None, contexts=("dev", "prod"), token="t"):
    """A kubeconfig; without a `cluster`, of an API server that is not there."""
    nowhere = {"server": "https://127.0.0.1:1", "certificate-authority-data": AUTHORITY}
    pairs = [{"name": c, "context": {"cluster": "c", "user": "u"}} for c in contexts]
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "c", "cluster": cluster or nowhere}],
        "users": [{"name": "u", "user": {"token": token}}],
        "contexts": pairs,
        "current-context": "prod",
    }
    path.write_text(json.dumps(config))
    return path


def test_ten_mistakes_are_told_at_once_each_with_its_place(tmp_path, npol):
    (tmp_path / "broken.yaml").write_text("kind: [NetworkPolicy\n")
    story = tmp_path / "s.npol.yaml"
    story.write_text(TEN_MISTAKES)
    done = npol("run", story.name)
    assert done.returncode == ExitCode.BAD_INPUT
    assert done.stdout == ""
    told = done.stderr.removeprefix("npol: ").splitlines()
    assert [line.partition(": ")[0] for line in told] == TEN_PLACES
    assert "did you mean 'service'?" in told[4]
    assert "did you mean 'client'?" in told[5]


def test_a_manifest_that_is_no_yaml_is_told_with_its_line(tmp_path, npol):
    story = write_shop(tmp_path)
    (tmp_path / "deny.yaml").write_text("kind: NetworkPolicy\nmetadata: {name: x\nspec: {}\n")
    done = npol("run", story.name)
    assert done.returncode == ExitCode.BAD_INPUT
    assert "deny.yaml:3:" in done.stderr
    assert "not YAML" in done.stderr


def test_a_missing_manifest_is_told_where_the_story_names_it(tmp_path, npol):
    story = write_shop(tmp_path)
    (tmp_path / "deny.yaml").rename(tmp_path / "deni.yaml")
    done = npol("run", story.name)
    assert done.returncode == ExitCode.BAD_INPUT
    line = story.read_text().splitlines().index("    apply: [deny.yaml]") + 1
    assert f"shop.npol.yaml:{line}:13: " in done.stderr
    assert "deni.yaml" in done.stderr, "a suggestion"


@pytest.mark.parametrize("command", ["run", "plan", "check"])
def test_a_missing_story_is_bad_input(npol_here, command):
    done = npol_here(command, "nowhere.npol.yaml")
    assert done.returncode == ExitCode.BAD_INPUT
    assert "nowhere.npol.yaml" in done.stderr


def test_an_unreachable_api_server_is_named(tmp_path, npol_here, impatient):
    config = kubeconfig(tmp_path / "config")
    done = npol_here("run", write_shop(tmp_path).name, "--kubeconfig", config, "--context", "dev")
    assert done.returncode == ExitCode.REFUSED
    assert "https://127.0.0.1:1" in done.stderr
    assert "try: " in done.stderr


@pytest.mark.parametrize(
    ("command", "fact"),
    [
        ("run shop.npol.yaml --context staging", "'staging'"),
        ("run shop.npol.yaml --context=", "a context must be named"),
        ("run shop.npol.yaml", "a context must be named"),
        ("doctor --context=", "a context must be named"),
        ("recover", "a context must be named"),
        ("explain shop/deny-all", "a context must be named"),
    ],
)
def test_a_context_that_is_not_named_is_refused_with_those_there_are(
    tmp_path, npol_here, command, fact
):
    write_shop(tmp_path)
    done = npol_here(*command.split(), "--kubeconfig", kubeconfig(tmp_path / "config"))
    assert done.returncode == ExitCode.BAD_INPUT
    assert fact in done.stderr
    assert "dev, prod" in done.stderr


def test_an_empty_context_without_any_kubeconfig_starts_no_lab(tmp_path, npol):
    done = npol("run", write_shop(tmp_path).name, "--context", "")
    assert done.returncode == ExitCode.BAD_INPUT
    assert "there is no kubeconfig" in done.stderr
    assert done.stdout == ""


def test_a_kubeconfig_that_is_missing_or_no_yaml_is_bad_input(tmp_path, npol_here):
    write_shop(tmp_path)
    (tmp_path / "broken").write_text("contexts: [\n")
    for name in ("missing", "broken"):
        done = npol_here("run", "shop.npol.yaml", "--kubeconfig", name, "--context", "dev")
        assert done.returncode == ExitCode.BAD_INPUT
        assert name in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["run"],
        ["run", "shop.npol.yaml", "--no-such-option"],
        ["run", "shop.npol.yaml", "--to", "no such step"],
        ["run", "shop.npol.yaml", "--lab", "--context", "dev"],
        ["explain", "no flow at all"],
        ["explain", "x -> y:80", "app.yaml"],
        ["explain", "client -> web:81", "--story", "shop.npol.yaml", "--at", "nowhere"],
        ["plan", "app.txt"],
        ["report", "app.yaml"],
        ["report", "nothing.json"],
        ["init"],
        ["init", "--from-manifests", "nowhere"],
        ["lab", "--nodes", "0"],
        ["dance"],
    ],
    ids=" ".join,
)
def test_wrong_arguments_end_with_two_and_a_reason(tmp_path, npol_here, arguments):
    write_shop(tmp_path)
    done = npol_here(*arguments)
    assert done.returncode == ExitCode.BAD_INPUT
    assert done.stderr.strip()


@pytest.mark.lab
def test_a_machine_without_user_namespaces_is_refused_with_its_switch(tmp_path, npol):
    limit = 'echo 0 > /proc/sys/user/max_user_namespaces; exec "$@"'
    before = ("unshare", "--user", "--map-root-user", "sh", "-c", limit, "-")
    done = npol("run", write_shop(tmp_path).name, before=before)
    assert done.returncode == ExitCode.REFUSED
    assert "max_user_namespaces=0" in done.stderr
    assert "try: sudo sysctl" in done.stderr


@pytest.fixture
def account(server, tmp_path):
    """A kubeconfig of a ServiceAccount with these rules in the whole cluster, and no others."""
    accounts, rbac = "/api/v1/namespaces/default/serviceaccounts", "rbac.authorization.k8s.io"
    made = []

    def make(rules):
        role = {"apiGroup": rbac, "kind": "ClusterRole", "name": "some"}
        subject = {"kind": "ServiceAccount", "namespace": "default", "name": "somebody"}
        for path, body in (
            (accounts, {}),
            (f"/apis/{rbac}/v1/clusterroles", {"rules": rules}),
            (f"/apis/{rbac}/v1/clusterrolebindings", {"roleRef": role, "subjects": [subject]}),
        ):
            name = "somebody" if path == accounts else "some"
            server.ask("POST", path, {"metadata": {"name": name}, **body})
            made.append(f"{path}/{name}")
        token = server.ask("POST", f"{accounts}/somebody/token", {})["status"]["token"]
        return kubeconfig(tmp_path / "somebody", server.cluster, token=token)

    yield make
    for path in made:
        server.ask("DELETE", path)


@pytest.mark.lab
def test_an_account_without_permissions_is_refused_with_the_missing_ones(
    tmp_path, npol, server, account
):
    story, config = write_shop(tmp_path), account([])
    before = server.names("/api/v1/namespaces")
    done = npol("run", story.name, "--kubeconfig", config, "--context", "dev", "--create")
    assert done.returncode == ExitCode.REFUSED
    assert re.search(r"may not [a-z, ]*\bcreate\b[a-z, ]* pods\b", done.stderr)
    assert "npol doctor --rbac" in done.stderr
    assert server.names("/api/v1/namespaces") == before


@pytest.mark.lab
@pytest.mark.parametrize(
    "missing", ["shop", pytest.param("npol-system", marks=pytest.mark.nightly)]
)
def test_an_account_that_may_not_create_namespaces_is_refused_with_that_permission(
    tmp_path, npol, server, account, missing
):
    if missing == "shop":
        server.ask("POST", "/api/v1/namespaces", {"metadata": {"name": "npol-system"}})
    everything = server.ask("GET", "/api/v1")["resources"]
    names = sorted({r["name"] for r in everything if r["name"].partition("/")[0] != "namespaces"})
    config = account(
        [
            {"apiGroups": [""], "resources": names, "verbs": ["*"]},
            {"apiGroups": [""], "resources": ["namespaces"], "verbs": ["get", "list"]},
            *(
                {"apiGroups": [g["name"]], "resources": ["*"], "verbs": ["*"]}
                for g in server.ask("GET", "/apis")["groups"]
            ),
        ]
    )
    before = server.names("/api/v1/namespaces")
    story = write_shop(tmp_path)
    done = npol("run", story.name, "--kubeconfig", config, "--context", "dev", "--create")
    assert done.returncode == ExitCode.REFUSED
    assert missing in done.stderr
    assert "namespace" in done.stderr
    assert "npol doctor --rbac" in done.stderr
    assert server.names("/api/v1/namespaces") == before
