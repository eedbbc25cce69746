"""What it takes to open a WebSocket to the API server, in values of the standard library."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Dial:
    """Where to, and as whom; `url` is ws:// or wss://, `proxy` an HTTP proxy's URL or empty."""

    url: str
    headers: Mapping[str, str]
    tls: ssl.SSLContext | None
    tls_name: str
    proxy: str
    no_proxy: str

    def proxy_options(self) -> dict[str, Any]:
        """The same as websocket-client's options; empty without a proxy."""
        if not self.proxy:
            return {}
        proxy = urlsplit(self.proxy)
        return {
            "http_proxy_host": proxy.hostname,
            "http_proxy_port": proxy.port or (443 if proxy.scheme == "https" else 80),
            "http_proxy_auth": (proxy.username, proxy.password) if proxy.username else None,
            "http_no_proxy": [host.strip() for host in self.no_proxy.split(",") if host.strip()],
            "proxy_type": "http" if proxy.scheme.startswith("http") else proxy.scheme,
        }


class TlsSettings(Protocol):
    """What the official client's configuration knows of TLS; file names, None for none."""

    verify_ssl: bool
    ssl_ca_cert: str | None
    cert_file: str | None
    key_file: str | None


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
