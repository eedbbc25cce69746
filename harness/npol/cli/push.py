"""Metrics of a run, handed to a Pushgateway."""

from __future__ import annotations

import urllib.error
import urllib.request
from base64 import b64encode
from urllib.parse import unquote, urlsplit

from npol.errors import InputError
from npol.report.escape import safe

CONTENT_TYPE = "text/plain; version=0.0.4"
DEADLINE = 10.0
HINT = "the URL of a group: http://pushgateway:9091/metrics/job/npol"


def check_address(url: str) -> None:
    """
    Raises:
        InputError: it is no URL of a group of a Pushgateway.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or "/metrics/job" not in parts.path:
        raise InputError(f"--push: {_shown(url)} is no Pushgateway's address", hint=HINT)


def push(url: str, metrics: str) -> None:
    """
    Replace what the group holds: a flow that is no longer asked is no longer told of.

    Raises:
        InputError: the gateway cannot be reached, or does not take them.
    """
    headers = {"Content-Type": CONTENT_TYPE, **_signed_in(url)}
    request = urllib.request.Request(
        _shown(url), data=metrics.encode(), method="PUT", headers=headers
    )
    try:
        with urllib.request.urlopen(request, timeout=DEADLINE):
            return
    except urllib.error.HTTPError as error:
        with error:
            why = f"{error.code} {error.read(300).decode(errors='replace').strip()}"
    except OSError as error:
        why = str(getattr(error, "reason", error))
    raise InputError(safe(f"--push: {_shown(url)} did not take the run's metrics: {why}"))


def _signed_in(url: str) -> dict[str, str]:
    """The header for `http://user:password@host`, which urllib would take for a host's name."""
    user, at, _ = urlsplit(url).netloc.rpartition("@")
    return {"Authorization": f"Basic {b64encode(unquote(user).encode()).decode()}"} if at else {}


def _shown(url: str) -> str:
    """Without user and password."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
