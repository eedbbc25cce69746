"""Certificates that nobody trusts, for servers inside the lab."""

from __future__ import annotations

import functools
import ssl

import trustme


@functools.cache
def _issued() -> trustme.LeafCert:
    return trustme.CA(organization_name="Acme Co").issue_cert("localhost", "127.0.0.1")


def server_context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    _issued().configure_cert(context)
    return context


def key_and_chain() -> bytes:
    """PEM of the private key and the certificates, as nginx reads them from one file."""
    pem: bytes = _issued().private_key_and_cert_chain_pem.bytes()
    return pem
