"""
The variations: kubeconfigs, environments and options, with placeholders for ports and files.

`{dir}` is the case's own directory; see `Servers.words` for the rest.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field

import yaml

SERVER = "https://127.0.0.1:{port}"
NAMED = "https://api.example.test:{port}"
ADDRESS = "https://10.1.2.3:{port}"
HTTPS = "https://127.0.0.1:{https_proxy}"
LOCAL_HTTP = "http://127.0.0.1:{http_proxy}"
SOCKS = "socks5://127.0.0.1:{socks}"


@dataclass(frozen=True, kw_only=True)
class Case:
    """One way to be called; `files` by name under `{dir}`, `options` as kubectl spells them."""

    name: str
    files: dict[str, str] = field(default_factory=dict)
    env: dict[str, str] = field(default_factory=dict)
    kubeconfig: str | None = "{dir}/config"
    context: str = "dev"
    account: dict[str, str] | None = None
    """The files of an in-cluster ServiceAccount."""


def config(*, server=SERVER, cluster=None, user=None, context=None, name="dev"):
    """A kubeconfig of one context; the certificate is verified unless `cluster` says how."""
    trust = {"certificate-authority": "{ca.crt}"}
    if cluster and {"certificate-authority-data", "insecure-skip-tls-verify"} & set(cluster):
        trust = {}
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "contexts": [
            {"name": name, "context": {"cluster": "c", "user": "u", **(context or {})}},
        ],
        "clusters": [{"name": "c", "cluster": {"server": server, **trust, **(cluster or {})}}],
        "users": [{"name": "u", "user": {"token": "t-1"} if user is None else user}],
    }
    return yaml.safe_dump(content)


def one(name, *, env=None, **more):
    """A case of one file."""
    return Case(name=name, files={"config": config(**more)}, env=env or {})


def plugin(script, *, name, user=None, cluster=None, **spec):
    """A case whose user has a credential plugin, a shell script in the case's directory."""
    described = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "command": "./plugin",
        "interactiveMode": "Never",
        **spec,
    }
    described = {key: value for key, value in described.items() if value is not None}
    return Case(
        name=name,
        files={
            "config": config(user={"exec": described, **(user or {})}, cluster=cluster),
            "plugin": "#!/bin/sh\n" + script,
        },
    )


def printed(version="v1", **status):
    credential = {
        "apiVersion": f"client.authentication.k8s.io/{version}",
        "kind": "ExecCredential",
        "status": status,
    }
    return f"echo '{json.dumps(credential)}'"


def proxied(server=NAMED, **env):
    return {"server": server, "env": env}


PROXIES = [
    one("proxy: https_proxy", **proxied(HTTPS_PROXY=LOCAL_HTTP)),
    one("proxy: lower case", **proxied(https_proxy=LOCAL_HTTP)),
    one("proxy: without scheme", **proxied(HTTPS_PROXY="127.0.0.1:{http_proxy}")),
    one("proxy: with password", **proxied(HTTPS_PROXY="http://u:p%40ss@127.0.0.1:{http_proxy}")),
    one("proxy: user without password", **proxied(HTTPS_PROXY="http://u@127.0.0.1:{http_proxy}")),
    one("proxy: loopback server", **proxied(SERVER, HTTPS_PROXY=LOCAL_HTTP)),
    one("proxy: localhost", **proxied("https://localhost:{port}", HTTPS_PROXY=LOCAL_HTTP)),
    one("proxy: socks5", **proxied(HTTPS_PROXY=SOCKS)),
    one(
        "proxy: socks5 with password",
        **proxied(HTTPS_PROXY="socks5://u:pw@127.0.0.1:{socks}"),
    ),
    one("proxy: all_proxy is nobody's", **proxied(ALL_PROXY="http://127.0.0.1:1")),
    one("proxy: http_proxy is not for https", **proxied(HTTP_PROXY="http://127.0.0.1:1")),
    one("proxy: no_proxy name", **proxied(HTTPS_PROXY=LOCAL_HTTP, NO_PROXY="api.example.test")),
    one("proxy: no_proxy domain", **proxied(HTTPS_PROXY=LOCAL_HTTP, NO_PROXY="x, .example.test")),
    one("proxy: no_proxy suffix", **proxied(HTTPS_PROXY=LOCAL_HTTP, NO_PROXY="example.test")),
    one("proxy: no_proxy half a label", **proxied(HTTPS_PROXY=LOCAL_HTTP, NO_PROXY="ple.test")),
    one("proxy: no_proxy star", **proxied(HTTPS_PROXY=LOCAL_HTTP, NO_PROXY="*")),
    one("proxy: no_proxy wildcard", **proxied(HTTPS_PROXY=LOCAL_HTTP, NO_PROXY="*.example.test")),
    one(
        "proxy: no_proxy name and port",
        **proxied(HTTPS_PROXY=LOCAL_HTTP, NO_PROXY="api.example.test:{port}"),
    ),
    one(
        "proxy: no_proxy another port",
        **proxied(HTTPS_PROXY=LOCAL_HTTP, NO_PROXY="api.example.test:1"),
    ),
    one("proxy: no_proxy cidr", **proxied(ADDRESS, HTTPS_PROXY=LOCAL_HTTP, NO_PROXY="10.0.0.0/8")),
    one(
        "proxy: no_proxy other cidr",
        **proxied(ADDRESS, HTTPS_PROXY=LOCAL_HTTP, NO_PROXY="10.2.0.0/16"),
    ),
    one(
        "proxy: no_proxy address and port",
        **proxied(ADDRESS, HTTPS_PROXY=LOCAL_HTTP, NO_PROXY="10.1.2.3:{port}"),
    ),
    one("proxy: proxy-url", server=NAMED, cluster={"proxy-url": LOCAL_HTTP}),
    one("proxy: proxy-url for loopback", cluster={"proxy-url": LOCAL_HTTP}),
    one(
        "proxy: proxy-url before the environment",
        cluster={"proxy-url": LOCAL_HTTP},
        **proxied(HTTPS_PROXY="http://127.0.0.1:1", NO_PROXY="*"),
    ),
    one("proxy: proxy-url socks5", server=NAMED, cluster={"proxy-url": SOCKS}),
    one("proxy: proxy-url https", server=NAMED, cluster={"proxy-url": HTTPS}),
    one("proxy: proxy-url of another scheme", server=NAMED, cluster={"proxy-url": "ftp://x:1"}),
    one("proxy: proxy-url without scheme", server=NAMED, cluster={"proxy-url": "127.0.0.1:1"}),
    one(
        "proxy: server without TLS",
        env={"HTTP_PROXY": LOCAL_HTTP},
        server="http://api.example.test:{plain}",
    ),
]

SECOND = config(server="https://second.test:1", user={"token": "t-2"})
OTHER = config(name="other", user={"token": "t-2"})


def merged(name, *files, path=None, **more):
    names = [f"f{number}" for number in range(len(files))]
    named = {n: text for n, text in zip(names, files, strict=True) if text is not None}
    path = path or ":".join("{dir}/" + n for n in names)
    return Case(name=name, files=named, env={"KUBECONFIG": path}, kubeconfig=None, **more)


MERGING = [
    merged("merging: the first wins", config(), SECOND),
    merged("merging: a context of the second", OTHER, config()),
    merged("merging: a missing file", None, config()),
    merged("merging: an empty file", "", config()),
    merged("merging: comments only", "# nothing yet\n", config()),
    merged("merging: a null document", "null\n", config()),
    merged("merging: a broken second file", config(), "a: [\n"),
    merged("merging: all missing", None, None),
    merged("merging: empty parts of the path", config(), path="::{dir}/f0:"),
    merged(
        "merging: parts in two files",
        "contexts: [{name: dev, context: {cluster: c, user: u, namespace: shop}}]\n",
        config(name="x"),
    ),
    merged(
        "merging: a context without its user",
        "contexts: [{name: dev, context: {cluster: c, user: nobody}}]\n",
        config(name="x"),
    ),
    merged(
        "merging: a context without its cluster",
        "contexts: [{name: dev, context: {cluster: nowhere, user: u}}]\n",
        config(name="x"),
    ),
    Case(
        name="merging: the option before the environment",
        files={"config": config(), "other": SECOND},
        env={"KUBECONFIG": "{dir}/other"},
    ),
    Case(name="merging: the option names nothing", kubeconfig="{dir}/nowhere"),
    Case(
        name="merging: ~/.kube/config",
        files={".kube/config": config()},
        env={"HOME": "{dir}"},
        kubeconfig=None,
    ),
    Case(name="merging: a namespace", files={"config": config(context={"namespace": "shop"})}),
]

TOKEN = printed(token="p-1")
PLUGINS = [
    plugin(TOKEN, name="plugin: a token"),
    plugin(
        printed("v1beta1", token="p-1"),
        name="plugin: v1beta1",
        apiVersion="client.authentication.k8s.io/v1beta1",
        interactiveMode=None,
    ),
    plugin(
        printed("v1alpha1", token="p-1"),
        name="plugin: v1alpha1",
        apiVersion="client.authentication.k8s.io/v1alpha1",
    ),
    plugin(
        printed("v1beta1", token="p-1"),
        name="plugin: another version than asked for",
    ),
    plugin(TOKEN, name="plugin: v1 without interactiveMode", interactiveMode=None),
    plugin(TOKEN, name="plugin: interactiveMode Always", interactiveMode="Always"),
    plugin(TOKEN, name="plugin: interactiveMode IfAvailable", interactiveMode="IfAvailable"),
    plugin(
        'test "$GREETING" = hello && test "$1" = --as-told && ' + TOKEN,
        name="plugin: arguments and environment",
        args=["--as-told"],
        env=[{"name": "GREETING", "value": "hello"}],
    ),
    plugin(TOKEN, name="plugin: without apiVersion", apiVersion=None),
    plugin(TOKEN, name="plugin: a static token wins", user={"token": "t-1"}),
    plugin("exit 3", name="plugin: fails"),
    plugin("echo not-json", name="plugin: prints something else"),
    plugin(printed(), name="plugin: prints no credential"),
    plugin(
        "printf '%s' \"$KUBERNETES_EXEC_INFO\" > info; " + TOKEN,
        name="plugin: provideClusterInfo",
        provideClusterInfo=True,
        cluster={
            "certificate-authority-data": "{ca.crt:data}",
            "tls-server-name": "api.example.test",
            "extensions": [
                {
                    "name": "client.authentication.k8s.io/exec",
                    "extension": {"audience": "x", "depth": {"level": 1}},
                }
            ],
        },
    ),
    plugin(
        "printf '%s' \"$KUBERNETES_EXEC_INFO\" > info; " + TOKEN,
        name="plugin: no cluster info unless asked for",
    ),
    plugin(
        "printf '%s' \"$KUBERNETES_EXEC_INFO\" > info; " + TOKEN,
        name="plugin: cluster info of a CA in a file",
        provideClusterInfo=True,
    ),
    plugin(TOKEN, name="plugin: not installed", command="no-such-plugin-anywhere"),
    plugin(
        TOKEN,
        name="plugin: beside an auth-provider",
        user={"auth-provider": {"name": "oidc", "config": {}}},
    ),
]

JANE = {"client-certificate": "{jane.crt}", "client-key": "{jane.key}"}
JANE_DATA = {
    "client-certificate-data": "{jane.crt:data}",
    "client-key-data": "{jane.key:data}",
}
CERTIFICATES = [
    one("certificate: files", user=JANE),
    one("certificate: data", user=JANE_DATA),
    one(
        "certificate: data before files",
        user={
            **JANE_DATA,
            "client-certificate": "{john.crt}",
            "client-key": "{john.key}",
        },
    ),
    one("certificate: without its key", user={"client-certificate": "{jane.crt}"}),
    one("certificate: a key without it", user={"client-key": "{jane.key}"}),
    one(
        "certificate: another one's key",
        user={"client-certificate": "{jane.crt}", "client-key": "{john.key}"},
    ),
    one(
        "certificate: a missing file",
        user={"client-certificate": "{dir}/none.crt", "client-key": "{jane.key}"},
    ),
    one("certificate: no base64", user={**JANE_DATA, "client-certificate-data": "%%%"}),
    one("certificate: beside a token", user={**JANE, "token": "t-1"}),
    one(
        "certificate: the server's by data", cluster={"certificate-authority-data": "{ca.crt:data}"}
    ),
    one("certificate: a foreign authority", cluster={"certificate-authority": "{foreign.crt}"}),
    one(
        "certificate: data of the authority before the file",
        cluster={
            "certificate-authority": "{foreign.crt}",
            "certificate-authority-data": "{ca.crt:data}",
        },
    ),
    one("certificate: not verified", cluster={"insecure-skip-tls-verify": True}),
    one(
        "certificate: not verified beside an authority",
        cluster={"insecure-skip-tls-verify": True, "certificate-authority": "{ca.crt}"},
    ),
    one("certificate: server name", cluster={"tls-server-name": "api.example.test"}),
    one("certificate: wrong server name", cluster={"tls-server-name": "wrong.example.test"}),
    one(
        "certificate: server name behind a proxy",
        cluster={"tls-server-name": "other.example.test", "proxy-url": LOCAL_HTTP},
    ),
]


def file_token(name, text, **user):
    return Case(
        name=name,
        files={"config": config(user={"tokenFile": "token", **user}), "token": text},
    )


TOKENS = [
    one("token: plain"),
    file_token("token: in a file", "f-1"),
    file_token("token: in a file with a line's end", "f-1\n"),
    file_token("token: the file wins", "f-1", token="t-1"),
    file_token("token: an empty file", ""),
    file_token("token: an empty file beside a token", "", token="t-1"),
    one("token: a missing file", user={"tokenFile": "{dir}/none"}),
    one("token: a missing file beside a token", user={"tokenFile": "{dir}/none", "token": "t-1"}),
    one("token: none at all", user={}),
    one("token: basic", user={"username": "jane", "password": "pw"}),
    one("token: basic beside a token", user={"username": "jane", "password": "pw", "token": "t"}),
    one("token: basic without password", user={"username": "jane"}),
    one("token: as", user={"token": "t-1", "as": "jane"}),
    one(
        "token: as with groups",
        user={"token": "t-1", "as": "jane", "as-uid": "7", "as-groups": ["dev", "ops"]},
    ),
    one(
        "token: as with extra",
        user={
            "token": "t-1",
            "as": "jane",
            "as-user-extra": {"Scopes": ["a", "b"], "x/Y z": ["c"]},
        },
    ),
    one("token: groups without as", user={"token": "t-1", "as-groups": ["dev"]}),
    one("token: a server's path", server=SERVER + "/k8s/clusters/c-1/"),
    one("token: without TLS", server="http://127.0.0.1:{plain}"),
]

ACCOUNT = {"token": "a-1", "ca.crt": "{ca.crt}", "namespace": "shop"}
INSIDE = {"KUBERNETES_SERVICE_HOST": "127.0.0.1", "KUBERNETES_SERVICE_PORT": "{port}"}


def inside(name, *, account=ACCOUNT, env=INSIDE, files=None, kubeconfig=None):
    return Case(
        name=name,
        account=account,
        env={"HOME": "{dir}", **env},
        files=files or {},
        kubeconfig=kubeconfig,
        context="in-cluster",
    )


IN_CLUSTER = [
    inside("in-cluster: as it comes"),
    inside("in-cluster: the token's line end", account={**ACCOUNT, "token": "a-1\n"}),
    inside("in-cluster: no namespace", account={**ACCOUNT, "namespace": ""}),
    inside("in-cluster: no port", env={"KUBERNETES_SERVICE_HOST": "127.0.0.1"}),
    inside("in-cluster: no host", env={"KUBERNETES_SERVICE_PORT": "{port}"}),
    inside("in-cluster: no account", account=None),
    inside("in-cluster: an empty token", account={**ACCOUNT, "token": ""}),
    inside("in-cluster: a foreign authority", account={**ACCOUNT, "ca.crt": "{foreign.crt}"}),
    inside("in-cluster: a proxy that is not used", env={**INSIDE, "HTTPS_PROXY": LOCAL_HTTP}),
    inside(
        "in-cluster: through a proxy",
        env={**INSIDE, "KUBERNETES_SERVICE_HOST": "10.1.2.3", "HTTPS_PROXY": LOCAL_HTTP},
    ),
]

BROKEN = [
    Case(name="broken: not YAML", files={"config": "a: [\n"}),
    Case(name="broken: a list", files={"config": "- a\n"}),
    Case(name="broken: contexts is a number", files={"config": "contexts: 5\n"}),
    Case(name="broken: an entry is a number", files={"config": "contexts: [5]\n"}),
    Case(name="broken: another apiVersion", files={"config": config().replace("v1\n", "v2\n", 1)}),
    Case(name="broken: no such context", files={"config": config()}, context="prod"),
    one("broken: no server", server=""),
    one("broken: a server without scheme", server="127.0.0.1:{port}"),
    one("broken: a server of another scheme", server="ftp://127.0.0.1:{port}"),
    Case(name="broken: empty", files={"config": ""}),
    Case(name="broken: tabs", files={"config": "contexts:\n\t- name: dev\n"}),
    Case(name="broken: unknown fields", files={"config": config() + "surplus: {a: 1}\n"}),
    Case(
        name="broken: wrong types",
        files={"config": config(cluster={"insecure-skip-tls-verify": "yes"})},
    ),
    Case(name="broken: JSON", files={"config": json.dumps(yaml.safe_load(config()))}),
    Case(
        name="broken: a context twice",
        files={
            "config": "contexts:\n"
            "- {name: dev, context: {cluster: c, user: u, namespace: one}}\n"
            "- {name: dev, context: {cluster: c, user: u, namespace: two}}\n"
            "clusters: [{name: c, cluster: {server: 'https://127.0.0.1:{port}',"
            " certificate-authority: '{ca.crt}'}}]\n"
            "users: [{name: u, user: {token: t-1}}]\n"
        },
    ),
]
CASES = [*PROXIES, *MERGING, *PLUGINS, *CERTIFICATES, *TOKENS, *IN_CLUSTER, *BROKEN]
