"""Kubeconfigs and credential plugins: what is read, and how what is wrong is said."""

from __future__ import annotations

import json
import os
import stat
import sys
import textwrap
import time
import traceback
from pathlib import Path

import pytest

from npol.errors import InputError, Refused
from npol.kube import in_cluster
from npol.kube.connection import connect
from npol.kube.exec_credentials import run_plugin
from npol.kube.kubeconfig import contexts, pick
from tests.kube.fake_api import reply
from tests.kube.fake_api import status as refusal

VERSION = "client.authentication.k8s.io/v1"
SECRET = "s3cr3t-token-that-nobody-may-see-0123456789"


def write(path, *, names=("dev",), server="https://api.example.test", user=None, cluster=None):
    entries = [{"name": n, "context": {"cluster": f"c-{n}", "user": f"u-{n}"}} for n in names]
    clusters = [{"name": f"c-{n}", "cluster": {"server": server, **(cluster or {})}} for n in names]
    users = [{"name": f"u-{n}", "user": user or {"token": SECRET}} for n in names]
    content = {"contexts": entries, "clusters": clusters, "users": users}
    path.write_text(json.dumps({**content, "current-context": names[0]}))
    return str(path)


def test_contexts_are_listed_in_the_files_order(tmp_path):
    first = write(tmp_path / "a", names=("dev", "prod"))
    second = write(tmp_path / "b", names=("prod", "qa"))

    assert contexts(f"{first}{os.pathsep}{second}") == ["dev", "prod", "qa"]


def test_the_environment_names_the_file(tmp_path, monkeypatch):
    monkeypatch.setenv("KUBECONFIG", write(tmp_path / "a"))

    assert contexts(None) == ["dev"]


def test_the_first_file_that_names_a_thing_wins(tmp_path):
    first = write(tmp_path / "a", server="https://first")
    second = write(tmp_path / "b", server="https://second")

    assert pick(f"{first}{os.pathsep}{second}", "dev").server == "https://first"


@pytest.mark.parametrize("context", ["", "production"])
def test_a_context_must_be_named_and_the_choice_is_shown(tmp_path, context):
    with pytest.raises(InputError, match="name one of: dev, prod"):
        connect(kubeconfig=write(tmp_path / "a", names=("dev", "prod")), context=context)


def test_paths_are_relative_to_the_file_that_names_them(tmp_path):
    (tmp_path / "token").write_text("x")
    file = write(tmp_path / "a", user={"tokenFile": "token"})

    assert pick(file, "dev").user["tokenFile"] == str(tmp_path / "token")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("- a", "a kubeconfig is one YAML mapping"),
        ("a: [", "not YAML"),
        ("contexts: 5", "contexts is not a list"),
        ("contexts: [5]", "contexts: entry 1 is not a name with a context"),
        (
            "contexts: [{name: dev, context: {cluster: c, user: u}}]",
            "context dev names cluster 'c', not in it",
        ),
        (
            "contexts: [{name: dev, context: {cluster: c, user: u}}]\n"
            "clusters: [{name: c, cluster: {server: https://x}}]",
            "context dev names user 'u', not in it",
        ),
        (
            "contexts: [{name: dev, context: {cluster: c}}]\nclusters: [{name: c, cluster: {}}]",
            "cluster c: it has no server URL",
        ),
    ],
)
def test_a_broken_file_is_named_with_what_is_wrong(tmp_path, content, words):
    (tmp_path / "broken").write_text(content)

    with pytest.raises(InputError, match="broken.*" + words):
        pick(str(tmp_path / "broken"), "dev")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match=r"there is no kubeconfig at .*nowhere"):
        contexts(str(tmp_path / "nowhere"))


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(InputError, match="the kubeconfig cannot be read: Is a directory"):
        contexts(str(tmp_path))


def test_a_missing_key_file_is_named(tmp_path):
    file = write(tmp_path / "a", user={"client-certificate": "c.pem", "client-key": "k.pem"})

    with pytest.raises(InputError, match=r"client-certificate names .*c\.pem, which cannot"):
        pick(file, "dev")


@pytest.mark.parametrize(
    "user",
    [
        {"client-certificate-data": "%%%", "client-key-data": SECRET},
        {"auth-provider": {"name": "oidc", "config": {"id-token": SECRET}}, "tokenFile": 7},
    ],
)
def test_credentials_that_cannot_be_used_are_not_shown(tmp_path, user):
    file = write(tmp_path / "a", user=user)

    with pytest.raises((InputError, Refused)) as caught:
        connect(kubeconfig=file, context="dev").raw("GET", "/version")

    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    "token", [f"{SECRET}\n", f"a\r\nX: {SECRET}", f"{SECRET}ż", f"\x00{SECRET}"]
)
@pytest.mark.parametrize("field", ["token", "as"])
def test_a_value_that_no_header_can_carry_is_named_and_not_shown(tmp_path, token, field):
    file = write(tmp_path / "a", user={"token": "t", field: token})

    with pytest.raises(InputError) as caught:
        connect(kubeconfig=file, context="dev")

    assert caught.value.exit_code == 2
    assert f"{file}: the value for " in str(caught.value)
    assert "user " in str(caught.value)
    shown = "".join(traceback.format_exception(caught.value))
    assert SECRET not in shown


@pytest.mark.parametrize("key", ["server", "proxy-url"])
@pytest.mark.parametrize("rest", ["@[::1", "/path@host", "@host:port", "@a\u2100b", "@x:99999"])
def test_an_url_that_cannot_be_read_is_named_and_not_shown(tmp_path, key, rest):
    file = write(tmp_path / "a", cluster={"server": "https://x", key: f"https://u:{SECRET}{rest}"})

    with pytest.raises(InputError, match=f"{key} is not a valid URL") as caught:
        pick(file, "dev")

    assert SECRET not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("held", [f"u:{SECRET}@{{}}", f"u:a@{SECRET}@{{}}", f"{{}}?token={SECRET}"])
def test_a_servers_address_is_shown_without_credentials(tmp_path, held):
    server = f"https://{held.format('host:6443/k')}"
    file = write(tmp_path / "a", server=server)

    assert pick(file, "dev").address == "https://host:6443/k"


def test_a_file_that_all_may_read_is_known(tmp_path):
    file = tmp_path / "a"
    write(file)
    file.chmod(0o600)
    assert not pick(str(file), "dev").exposed
    file.chmod(stat.S_IRUSR | stat.S_IROTH)
    assert pick(str(file), "dev").exposed


def test_a_fleets_file_of_seven_megabytes_is_read(tmp_path):
    authority = "QUJD" * 6000
    names = [f"cluster-{number}" for number in range(300)]
    file = write(tmp_path / "fleet", names=names, cluster={"certificate-authority-data": authority})

    assert (tmp_path / "fleet").stat().st_size > 7_000_000
    assert pick(file, "cluster-299").cluster["certificate-authority-data"] == authority


def test_inside_a_pod_its_account_is_the_last_context(tmp_path, monkeypatch):
    (tmp_path / "token").write_text("t")
    monkeypatch.setattr(in_cluster, "ACCOUNT", tmp_path)
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "fd00::1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("KUBECONFIG", raising=False)

    assert contexts(None) == ["in-cluster"]
    assert contexts(write(tmp_path / "a")) == ["dev", "in-cluster"]
    assert pick(None, "in-cluster").server == "https://[fd00::1]:443"


# -- plugins


def plugin(tmp_path, code):
    """A credential plugin made of Python code."""
    script = tmp_path / "plugin"
    script.write_text(f"#!{sys.executable}\n" + textwrap.dedent(code))
    script.chmod(0o700)
    return {"apiVersion": VERSION, "interactiveMode": "Never", "command": str(script)}


def run(spec, **settings):
    return run_plugin(
        spec, user="tester", cluster={"server": "https://x"}, directory="", **settings
    )


def printing(**status):
    return f"print({json.dumps(json.dumps({'apiVersion': VERSION, 'status': status}))})"


def test_a_plugins_token_is_used(tmp_path):
    spec = plugin(tmp_path, printing(token=SECRET, expirationTimestamp="2030-01-01T00:00:00Z"))

    credential = run(spec)

    assert credential.token == SECRET
    assert credential.expires == 1893456000.0
    assert SECRET not in repr(credential)


def test_a_plugins_certificate_is_used(tmp_path):
    spec = plugin(tmp_path, printing(clientCertificateData="CERT", clientKeyData="KEY"))

    assert run(spec).certificates() == {
        "client-certificate-data": "Q0VSVA==",
        "client-key-data": "S0VZ",
    }


def test_a_plugin_is_told_what_it_asks_for(tmp_path):
    code = """
        import json, os
        info = json.loads(os.environ["KUBERNETES_EXEC_INFO"])
        token = info["spec"]["cluster"]["server"] + os.environ["E"]
        print(json.dumps({"apiVersion": info["apiVersion"], "status": {"token": token}}))
    """
    spec = {**plugin(tmp_path, code), "provideClusterInfo": True}
    spec["env"] = [{"name": "E", "value": "!"}]

    assert run(spec).token == "https://x!"


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("import sys; sys.exit('run: cloud login')", "status 1: run: cloud login"),
        (f"import sys; sys.exit('bad {SECRET}')", r"status 1: bad \*\*\*"),
        ("import sys; sys.exit('password=PW-1 no')", r"status 1: password=\*\*\* no"),
        ("import sys; sys.exit('token: PW-1')", r"status 1: token: \*\*\*\n"),
        ("import sys; sys.exit('at https://u:PW-1@h/?t=PW-1')", r"at https://\*\*\*@h/\?\*\*\*\n"),
        ("print('hello')", "printed no ExecCredential"),
        ("print('[]')", "printed no ExecCredential"),
    ],
)
def test_a_plugin_that_fails_is_named_with_its_words(tmp_path, code, words):
    with pytest.raises(Refused, match=f"credential plugin of user tester, .*plugin, .*{words}"):
        run(plugin(tmp_path, code))


def test_a_plugin_that_repeats_what_it_was_given_shows_none_of_it(tmp_path):
    code = "import os, sys; sys.exit(f'{os.environ[\"E\"]} {sys.argv[1]}')"
    spec = plugin(tmp_path, code) | {
        "args": ["word-1"],
        "env": [{"name": "E", "value": "word-two"}],
    }

    with pytest.raises(Refused, match=r"status 1: \*\*\* \*\*\*"):
        run(spec)


def test_a_plugin_that_is_not_installed_comes_with_its_own_hint(tmp_path):
    spec = {"command": "no-such-plugin", "installHint": "get it from the shop"}

    with pytest.raises(Refused, match="did not start: No such file") as caught:
        run(spec)

    assert "get it from the shop" in str(caught.value)


def test_a_plugin_that_hangs_is_ended_with_its_children(tmp_path):
    code = """
        import os, subprocess, sys, time
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
        open(sys.argv[0] + ".pid", "w").write(str(child.pid))
        time.sleep(60)
    """
    began = time.monotonic()

    with pytest.raises(Refused, match=r"did not answer within 0.5 s"):
        run(plugin(tmp_path, code), timeout=0.5)

    assert time.monotonic() - began < 30
    pid = int((tmp_path / "plugin.pid").read_text())
    while time.monotonic() - began < 10 and _runs(pid):
        time.sleep(0.01)  # the kernel ends what was killed when it gets to it
    assert not _runs(pid)


def _runs(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2][:2].strip() != "Z"
    except OSError:
        return False


@pytest.mark.parametrize(
    ("lives", "refused", "runs"), [(45, 0, "x"), (-1, 0, "xxxx"), (45, 1, "xx")]
)
def test_a_plugins_credential_is_used_until_it_ends_or_is_refused(
    api, to, tmp_path, lives, refused, runs
):
    ends = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + lives))
    credential = {"token": api.token, "expirationTimestamp": ends}
    code = f"""
        import json, pathlib
        with pathlib.Path({str(tmp_path / "count")!r}).open("a") as count:
            count.write("x")
        print(json.dumps({{"apiVersion": {VERSION!r}, "status": {credential!r}}}))
    """
    connection = to(kubeconfig=api.kubeconfig(user={"exec": plugin(tmp_path, code)}))
    api.on("GET", "/x", *[refusal(401, "Unauthorized", "no")] * refused, reply())

    for _ in range(3):
        connection.raw("GET", "/x")

    assert (tmp_path / "count").read_text() == runs


def test_another_connection_of_the_same_user_runs_no_plugin(api, to, tmp_path):
    code = f"""
        import pathlib
        pathlib.Path({str(tmp_path / "count")!r}).open("a").write("x")
        {printing(token=api.token)}
    """
    connection = to(kubeconfig=api.kubeconfig(user={"exec": plugin(tmp_path, code)}))
    api.on("GET", "/x", reply())

    connection.fresh().raw("GET", "/x")

    assert (tmp_path / "count").read_text() == "x"
