"""
A renderer as a process that is given nothing.

What it renders comes from whoever opens a pull request. So it sees no variable of npol's own (no
token, no KUBECONFIG), no home, no program that it could start, no network where the machine allows
that (`enclosed`), and its time, its memory and what it may write are limited.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from npol.story import enclosed
from npol.yaml_positions import MAX_RENDERED

PATIENCE = 60.0
"""Seconds after which a renderer is given up."""
MOST_SAID = 8_000
"""Bytes of a renderer's messages that are kept, from their start and from their end each."""
_PIECE = 65_536
_NOWHERE = "http://127.0.0.1:0"


class GivenUp(Exception):
    """It was ended before its end; the text says what it did, as in "took more than 60 s"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendering:
    code: int
    written: bytes
    said: bytes


_OUT_OF_MEMORY = (b"out of memory", b"pthread_create failed")
"""What Go's runtime says, of its heap and of a thread's stack."""


def render(command: Sequence[str]) -> Rendering:
    """
    What a command writes; its program is named by an absolute path.

    Raises:
        GivenUp: it takes too long, too much memory, or writes too much.
    """
    end = time.monotonic() + PATIENCE
    with _process(command) as process:
        try:
            written, said = _read(process, end)
            code = process.wait(max(end - time.monotonic(), 0.0))
        except subprocess.TimeoutExpired:
            raise GivenUp(f"took more than {PATIENCE:g} s") from None
        finally:
            _kill(process)
    if code and any(words in said for words in _OUT_OF_MEMORY):
        raise GivenUp(f"took more than {enclosed.MEMORY >> 20} MiB of memory")
    return Rendering(code=code, written=written, said=said)


@contextlib.contextmanager
def _process(command: Sequence[str]) -> Iterator[subprocess.Popen[bytes]]:
    with tempfile.TemporaryDirectory(prefix="npol-") as home:
        os.mkdir(os.path.join(home, "empty"))
        with subprocess.Popen(
            [sys.executable, "-I", "-S", enclosed.__file__, *command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=home,
            env=_environment(home),
            start_new_session=True,
        ) as process:
            yield process


def _environment(home: str) -> dict[str, str]:
    """All that it is given. Where it keeps npol's network, the proxy lets it out to no host."""
    return {
        "HOME": home,
        "TMPDIR": home,
        "PATH": os.path.join(home, "empty"),
        "GOTRACEBACK": "none",
        "GOMEMLIMIT": str(enclosed.MEMORY * 3 // 4),
        "HTTP_PROXY": _NOWHERE,
        "HTTPS_PROXY": _NOWHERE,
    }


def _read(process: subprocess.Popen[bytes], end: float) -> tuple[bytes, bytes]:
    """Both streams to their ends, no more of them in memory than is allowed."""
    written, said = bytearray(), bytearray()
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout or 0, selectors.EVENT_READ, written)
        selector.register(process.stderr or 0, selectors.EVENT_READ, said)
        while selector.get_map():
            ready = selector.select(max(end - time.monotonic(), 0.0))
            if not ready:
                raise subprocess.TimeoutExpired(process.args, PATIENCE)
            for key, _ in ready:
                piece = os.read(key.fd, _PIECE)
                key.data.extend(piece)
                if not piece:
                    selector.unregister(key.fileobj)
            del said[MOST_SAID:-MOST_SAID]
            if len(written) > MAX_RENDERED:
                raise GivenUp(f"wrote more than {MAX_RENDERED // 1_000_000} MB")
    return bytes(written), bytes(said)


def _kill(process: subprocess.Popen[bytes]) -> None:
    """With all that it started, unless it has ended."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
