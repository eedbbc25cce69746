"""A certificate authority per run, and the server's certificate for the loopback address."""

from __future__ import annotations

import ssl
from dataclasses import dataclass

import trustme

NAMES = (
    *("127.0.0.1", "localhost", "10.96.0.1", "10.98.1.1"),
    *("kubernetes", "kubernetes.default", "kubernetes.default.svc"),
    "kubernetes.default.svc.cluster.local",
)


@dataclass(frozen=True, slots=True)
class Certificates:
    """`authority` is what clients are to trust, in PEM."""

    authority: bytes
    context: ssl.SSLContext


def issue() -> Certificates:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    authority.issue_cert(*NAMES).configure_cert(context)
    return Certificates(authority.cert_pem.bytes(), context)
