"""
Signed in to one cluster: the one door to the official client.

The client's loader turns a kubeconfig's entry into certificates, files and the tokens of
auth-providers; urllib3 moves the bytes. Proxies, plugins and the headers of a user are npol's
own (decision 4).
"""

from __future__ import annotations

import json
import os
import socket
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from npol.errors import InputError, Refused
from npol.kube.api_errors import Unreachable
from npol.kube.exec_credentials import Credential, credential_of
from npol.kube.kubeconfig import Context
from npol.kube.proxy import proxy_to
from npol.kube.ready_connections import ReadySockets, in_background
from npol.kube.responses import Reply
from npol.kube.retry import Transient
from npol.kube.sanitize import cause_of, is_header, plain
from npol.kube.tunnel import Dial, pool_of, tls_context

if TYPE_CHECKING:
    from kubernetes.client import Configuration

CONNECTIONS = 32
"""Kept open to the server at most."""
Headers = list[tuple[str, str]]
"""By name; one that stands several times is sent several times."""


class Login:
    """
    The official client, signed in once; thread-safe.

    Raises:
        InputError: a value is none that HTTP can carry.
        Refused: the credentials cannot be used, or their plugin failed.
    """

    def __init__(self, context: Context, *, like: Login | None = None) -> None:
        """`like`: a login whose credential serves this one too, while it holds."""
        self.context = context
        self.credential = _shared(context, like) or credential_of(context)
        self.proxy = proxy_to(context.server, context.proxy_url, os.environ)
        self.configuration = _configuration(context, self.credential)
        self._authorization = _authorization(context, self.credential, self.configuration)
        self.headers()  # what cannot be sent is told at once
        self._tls = _tls(context, self.configuration)
        self._tls_name = self.configuration.tls_server_name or ""
        self._pool = pool_of(self._tls, self._tls_name, self.proxy, CONNECTIONS)
        self._ready = ReadySockets(lambda within: self._dial("", ()).open(within))

    def headers(self) -> Headers:
        """
        Authorization and impersonation, as the kubeconfig's user asks for them.

        Nothing of it is sent to a server without TLS, as client-go has it.

        Raises:
            InputError: a value is none that HTTP can carry; http.client's error would show it.
        """
        if not self.context.server.startswith("https://"):
            return []
        found = self.context.impersonation()
        if self._authorization:
            found.append(("Authorization", self._authorization))
        for name, value in found:
            if not is_header(value):
                raise InputError(
                    f"user {self.context.who}: the value for {name} holds a line break or "
                    "another character that HTTP headers cannot carry",
                    hint="write the token on one line; it is not shown here",
                )
        return found

    def secrets(self) -> list[str]:
        """Values that no message may hold."""
        words = [word for _, value in self.headers() for word in value.split()[1:]]
        urls = self.context.server, self.context.proxy_url
        passwords = [password for url in urls if (password := urlsplit(url).password)]
        known = [self.proxy.password] if self.proxy and self.proxy.password else []
        return [*words, *known, *passwords, *map(unquote, passwords)]

    def stale(self) -> bool:
        """Whether the credential has expired."""
        expires = self.credential.expires
        return expires is not None and expires <= time.time()

    def send(
        self,
        method: str,
        target: str,
        body: Any,
        about: Mapping[str, str],
        timeout: tuple[float, float],
    ) -> Reply:
        """
        One attempt; `about`: the headers that say of what type answer and body are.

        Raises:
            Transient: no reply, for a reason that may pass.
            Unreachable: no reply, for a reason that will not.
        """
        import urllib3

        if self.context.insecure:  # npol says so itself, once, instead of at each request
            urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
        headers = urllib3.HTTPHeaderDict({"User-Agent": "npol", "Accept": about["Accept"]})
        if body is not None:
            headers["Content-Type"] = about["Content-Type"]
        for name, value in self.headers():
            headers.add(name, value)
        try:
            response = self._pool.request(
                method,
                self.context.server + target,
                body=None if body is None else json.dumps(body),
                headers=headers,
                timeout=urllib3.Timeout(connect=timeout[0], read=timeout[1]),
                retries=False,
                redirect=False,
            )
        except urllib3.exceptions.SSLError as error:
            raise self._broken_tls(str(error)) from None
        except (
            urllib3.exceptions.NewConnectionError,
            urllib3.exceptions.ConnectTimeoutError,
            urllib3.exceptions.ProxyError,
        ) as error:
            raise Transient(cause_of(error), sent=False) from None
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise Transient(cause_of(error), sent=True) from None
        return Reply(status=response.status, body=response.data, headers=dict(response.headers))

    def _broken_tls(self, reason: str) -> Exception:
        cause = plain(reason.replace("SSLError", ""), limit=200)
        if "EOF" in reason:
            return Transient(f"the TLS connection was cut: {cause}", sent=True)
        return Unreachable(
            f"no TLS connection with {self.context.address}: {cause}",
            hint=f"look at certificate-authority and the user's certificate, "
            f"context {self.context.name} in {self.context.file}",
        )

    def close(self) -> None:
        """Close the connections that wait for a request; one that is in use closes after it."""
        self._pool.clear()
        self._ready.close()

    def open_ahead(self, execs: int) -> None:
        """Begin to open connections for so many execs; through a proxy none is."""
        if self.proxy is None:
            in_background(self._ready.add_one, execs)

    def dial(self, target: str) -> Dial:
        """How to open a WebSocket at `target` (path and query)."""
        return self._dial(target, self.headers(), self._ready.take)

    def _dial(
        self,
        target: str,
        headers: Sequence[tuple[str, str]],
        ready: Callable[[], socket.socket | None] = lambda: None,
    ) -> Dial:
        return Dial(
            url=self.context.server.replace("http", "ws", 1) + target,
            headers=headers,
            tls=self._tls,
            tls_name=self._tls_name,
            proxy=self.proxy,
            ready=ready,
        )


def _shared(context: Context, like: Login | None) -> Credential | None:
    """The credential of another login of the same user, while it holds."""
    if like is None or like.stale() or like.context.user != context.user:
        return None
    return like.credential


def _authorization(context: Context, credential: Credential, client: Configuration) -> str:
    if credential.token:
        return f"Bearer {credential.token}"
    if username := context.user.get("username"):
        import urllib3

        password = context.user.get("password") or ""
        return urllib3.util.make_headers(basic_auth=f"{username}:{password}")["authorization"]
    bearer = client.auth_settings().get("BearerToken")
    return str(bearer["value"]) if bearer else ""


def _configuration(context: Context, credential: Credential) -> Configuration:
    from kubernetes.client import Configuration
    from kubernetes.config import load_kube_config_from_dict

    own = {"exec", "token", "tokenFile", "username", "password"}
    user = {key: value for key, value in context.user.items() if key not in own}
    configuration = Configuration()
    try:
        load_kube_config_from_dict(  # type: ignore[no-untyped-call]
            context.loadable({**user, **credential.certificates()}),
            client_configuration=configuration,
        )
    except Exception as error:  # the loader raises whatever its parts do, content included
        raise Refused(
            f"the credentials of user {context.user_name} in {context.file} cannot be used "
            f"({type(error).__name__})",
            hint="does kubectl work with this context?",
        ) from None
    return configuration


def _tls(context: Context, configuration: Configuration) -> ssl.SSLContext | None:
    if not context.server.startswith("https://"):
        return None
    try:
        return tls_context(configuration)
    except (OSError, ValueError) as error:
        what = getattr(error, "reason", None) or getattr(error, "strerror", None) or "unreadable"
        raise Refused(
            f"the certificates of context {context.name} in {context.file} cannot be used: "
            f"{plain(str(what), limit=200)}",
            hint="look at certificate-authority, client-certificate and client-key",
        ) from None
