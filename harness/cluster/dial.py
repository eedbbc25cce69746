"""What it takes to open a WebSocket to the API server, in values of the standard library."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Dial:
    """Where to, and as whom; `url` is ws:// or wss://, `proxy` an HTTP proxy's URL or empty."""

    url: str
    headers: Mapping[str, str]
    tls: ssl.SSLContext | None
    tls_name: str
    proxy: str
    no_proxy: str


def tls_context(*, verify: bool, authority: str, certificate: str, key: str) -> ssl.SSLContext:
    """
    The client's side of TLS; all but `verify` are file names, "" for none.

    Raises:
        ssl.SSLError, OSError: a file is missing or not what it should be.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif authority:
        context.load_verify_locations(cafile=authority)
    else:
        context.load_default_certs(ssl.Purpose.SERVER_AUTH)
    if certificate:
        context.load_cert_chain(certificate, key or None)
    return context
