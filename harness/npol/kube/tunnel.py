"""
Connections to the API server that are more than a request: where to, and how they are opened.

websocket-client would look for proxies in the environment by rules of its own, so it is given
sockets that are open already.
"""

from __future__ import annotations

import http.client
import socket
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, cast
from urllib.parse import urlsplit

from npol.kube.proxy import Proxy

if TYPE_CHECKING:
    import urllib3


class TlsSettings(Protocol):
    """What the official client's configuration knows of TLS; file names, None for none."""

    verify_ssl: bool
    ssl_ca_cert: str | None
    cert_file: str | None
    key_file: str | None


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Dial:
    """
    Where to, and as whom; `url` is ws:// or wss://, `proxy` None for none.

    `ready`: gives a connection that was opened ahead, where there is one.
    """

    url: str
    headers: Sequence[tuple[str, str]]
    tls: ssl.SSLContext | None
    tls_name: str
    proxy: Proxy | None
    ready: Callable[[], socket.socket | None] = lambda: None

    def open(self, timeout: float) -> socket.socket:
        """
        A connection to the server, TLS and proxy included; no byte of HTTP has been sent to it.

        Raises:
            OSError, ssl.SSLError: no connection; `timeout` holds for each wait.
        """
        if ready := self.ready():
            ready.settimeout(timeout)
            return ready
        target = urlsplit(self.url)
        host, port = target.hostname or "", target.port or (443 if self.tls else 80)
        opened = _direct(host, port, timeout) if self.proxy is None else None
        opened = opened or _through(cast(Proxy, self.proxy), host, port, timeout, self.tls)
        if self.tls is None:
            return opened
        try:
            return _secured(opened, self.tls, self.tls_name or host)
        except BaseException:
            opened.close()
            raise


def pool_of(
    tls: ssl.SSLContext | None, tls_name: str, proxy: Proxy | None, size: int
) -> urllib3.PoolManager:
    """Connections for requests, kept open between them; their errors are those of urllib3."""
    import urllib3

    options: dict[str, Any] = {"maxsize": size}
    if tls is not None:
        options["ssl_context"] = tls
        options["cert_reqs"] = tls.verify_mode
        if not tls.check_hostname:
            options["assert_hostname"] = False
    if tls_name:
        options["server_hostname"] = tls_name
    if proxy is None:
        return urllib3.PoolManager(**options)
    if proxy.scheme == "socks5":
        from urllib3.contrib.socks import SOCKSProxyManager

        # `socks5h`: the name is resolved by the proxy, as Go does it
        url = proxy.url.replace("socks5", "socks5h", 1)
        return cast(
            urllib3.PoolManager,
            SOCKSProxyManager(url, username=proxy.user, password=proxy.password, **options),
        )
    return urllib3.ProxyManager(
        proxy.url, proxy_headers=_proxy_headers(proxy), proxy_ssl_context=tls, **options
    )


def tls_context(settings: TlsSettings) -> ssl.SSLContext:
    """
    The client's side of TLS.

    Raises:
        ssl.SSLError, OSError: a file is missing or not what it should be.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if not settings.verify_ssl:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif settings.ssl_ca_cert:
        context.load_verify_locations(cafile=settings.ssl_ca_cert)
    else:
        context.load_default_certs(ssl.Purpose.SERVER_AUTH)
    if settings.cert_file:
        context.load_cert_chain(settings.cert_file, settings.key_file)
    return context


def _direct(host: str, port: int, timeout: float) -> socket.socket:
    opened = socket.create_connection((host, port), timeout)
    opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return opened


def _through(
    proxy: Proxy, host: str, port: int, timeout: float, tls: ssl.SSLContext | None
) -> socket.socket:
    if proxy.scheme == "socks5":
        import socks

        return cast(
            socket.socket,
            socks.create_connection(
                (host, port),
                cast(int, timeout),
                proxy_type=socks.SOCKS5,
                proxy_addr=proxy.host,
                proxy_port=proxy.port,
                proxy_username=proxy.user,
                proxy_password=proxy.password or None,
            ),
        )
    opened = _direct(proxy.host, proxy.port, timeout)
    try:
        if proxy.scheme == "https":
            opened = _secured(opened, tls or ssl.create_default_context(), proxy.host)
        _ask_for_tunnel(opened, proxy, f"[{host}]:{port}" if ":" in host else f"{host}:{port}")
    except BaseException:
        opened.close()
        raise
    return opened


def _ask_for_tunnel(opened: socket.socket, proxy: Proxy, target: str) -> None:
    """CONNECT (RFC 9110, section 9.3.6). Raises OSError when the proxy does not open one."""
    lines = [f"CONNECT {target} HTTP/1.1", f"Host: {target}"]
    lines += [f"{name}: {value}" for name, value in (_proxy_headers(proxy) or {}).items()]
    opened.sendall("\r\n".join([*lines, "", ""]).encode("latin-1"))
    answer = http.client.HTTPResponse(opened, method="CONNECT")
    try:
        answer.begin()
    except http.client.HTTPException as error:
        raise OSError(f"the proxy {proxy.url} does not speak HTTP: {error!r}") from None
    if answer.status != 200:
        raise OSError(f"the proxy {proxy.url} refused: HTTP {answer.status} {answer.reason}")


def _proxy_headers(proxy: Proxy) -> dict[str, str] | None:
    if proxy.user is None:
        return None
    import urllib3

    return dict(urllib3.util.make_headers(proxy_basic_auth=f"{proxy.user}:{proxy.password}"))


def _secured(opened: socket.socket, tls: ssl.SSLContext, name: str) -> socket.socket:
    if not isinstance(opened, ssl.SSLSocket):
        return tls.wrap_socket(opened, server_hostname=name)
    from urllib3.util.ssltransport import SSLTransport  # TLS within TLS; `ssl` has none

    return cast(socket.socket, SSLTransport(opened, tls, name))
