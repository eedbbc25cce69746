"""
What single words of a story may look like: names, labels, hosts, durations, ports.

Each function takes text, returns it in its canonical form, and raises NotValid. Nothing that
passes here can be read as an option or as code by a shell.
"""

from __future__ import annotations

import difflib
import functools
import re
from collections.abc import Iterable


class NotValid(ValueError):
    """A word breaks a rule; `hint` is what to write instead."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


def shown(value: object, most: int = 64) -> str:
    """A value for a message: one line, no control or look-alike characters, not too long."""
    text = str(value).lower() if isinstance(value, bool) else ascii(value)
    return text if len(text) <= most else f"{text[: most - 3]}..."


def did_you_mean(word: object, known: Iterable[str]) -> str:
    """A hint that names the nearest known word, or ""."""
    if not isinstance(word, str) or len(word) > 64:
        return ""
    near = _nearest(word.lower(), tuple(known))
    return f"did you mean '{near}'?" if near else ""


@functools.lru_cache(maxsize=128)  # a mistake that a file makes once it makes a thousand times
def _nearest(word: str, known: tuple[str, ...]) -> str:
    by_lower = {k.lower(): k for k in known}
    close = difflib.get_close_matches(word, by_lower, n=1)
    return by_lower[close[0]] if close else ""


_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_SUBDOMAIN = re.compile(rf"{_LABEL.pattern}(\.{_LABEL.pattern})*")
_LABEL_VALUE = re.compile(r"(([A-Za-z0-9][-A-Za-z0-9_.]{0,61})?[A-Za-z0-9])?")
_HOST = re.compile(r"(_?[a-z0-9]([-a-z0-9_]{0,61}[a-z0-9])?\.)*[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_IMAGE = re.compile(
    r"[a-z0-9][a-z0-9./_-]*(:[0-9]+/[a-z0-9./_-]+)?(:[\w][\w.-]{0,127})?(@sha256:[0-9a-f]{64})?"
)
_PEER = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?")
_TAG = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,62}")
_PATH = re.compile(r"/[!-~]*")
_KIND = re.compile(r"[A-Za-z][A-Za-z0-9]{0,62}(\.[a-z0-9.-]{1,253})?")
_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h)")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_RESERVED_TAGS = {"skip", "skipif", "xfail", "parametrize", "usefixtures", "filterwarnings"}
TEMPLATED = ("deployment", "statefulset", "daemonset")
"""Workloads whose own objects are read: what checks look at besides their pods."""
WORKLOADS = (*TEMPLATED, "replicaset", "replicationcontroller", "job", "cronjob")


def _lowered(text: str, pattern: re.Pattern[str]) -> str:
    """A hint for names that only have the wrong case or an underscore."""
    fixed = text.lower().replace("_", "-")
    return f"did you mean '{fixed}'?" if fixed != text and pattern.fullmatch(fixed) else ""


def namespace(text: str) -> str:
    """A namespace's, Service's or container's name: an RFC 1123 label."""
    if _LABEL.fullmatch(text):
        return text
    rule = "lower-case letters, digits and '-', at most 63 characters"
    raise NotValid(f"not a valid name here: {shown(text)} ({rule})", _lowered(text, _LABEL))


def object_name(text: str) -> str:
    """An object's name: an RFC 1123 subdomain."""
    if len(text) <= 253 and _SUBDOMAIN.fullmatch(text):
        return text
    rule = "lower-case letters, digits, '-' and '.', at most 253 characters"
    raise NotValid(f"not a valid name: {shown(text)} ({rule})", _lowered(text, _SUBDOMAIN))


def policy_claim(text: str) -> str:
    """`NAME` or `NAMESPACE/NAME` of a policy."""
    place, slash, name = text.rpartition("/")
    if slash:
        namespace(place)
    object_name(name)
    return text


def peer_name(text: str) -> str:
    """A peer's name, as it stands in `from:`, in matrices and in pytest's node ids."""
    if _PEER.fullmatch(text):
        return text
    rule = "letters, digits, '-', '_' and '.', at most 63 characters"
    raise NotValid(f"not a valid name for a peer: {shown(text)} ({rule})")


def label_key(text: str) -> str:
    """`name` or `prefix/name` (apimachinery's IsQualifiedName)."""
    prefix, slash, name = text.rpartition("/")
    prefix_fine = not slash or (len(prefix) <= 253 and _SUBDOMAIN.fullmatch(prefix))
    if prefix_fine and name and _LABEL_VALUE.fullmatch(name):
        return text
    raise NotValid(
        f"not a valid label key: {shown(text)} ([prefix/]name, the name at most 63 characters)"
    )


def label_value(text: str) -> str:
    """Empty, or at most 63 characters that begin and end alphanumerically."""
    if _LABEL_VALUE.fullmatch(text):
        return text
    rule = "letters, digits, '-', '_' and '.', at most 63 characters"
    raise NotValid(f"not a valid label value: {shown(text)} ({rule})")


def one_line(text: str) -> str:
    """Free text for people: a name, an id."""
    if not text.strip():
        raise NotValid("must not be empty")
    if len(text) > 200:
        raise NotValid(f"{shown(text)} is longer than 200 characters")
    if not text.isprintable() or text != text.strip():
        raise NotValid(f"{shown(text)} must be one line of printable text, no blanks around it")
    if "::" in text:
        raise NotValid(f"{shown(text)} must not hold '::', which separates file, step and flow")
    return text


def tag(text: str) -> str:
    """A pytest marker's name."""
    if text in _RESERVED_TAGS:
        raise NotValid(f"tag {shown(text)} is a marker of pytest with a meaning of its own")
    if _TAG.fullmatch(text):
        return text
    raise NotValid(f"not a valid tag: {shown(text)} (a letter, then letters, digits, '_' and '-')")


def host(text: str) -> str:
    """A DNS name, lower-case, without its trailing dot; underscores may begin a label (SRV)."""
    name = text.lower().removesuffix(".")
    if len(name) <= 253 and _HOST.fullmatch(name):
        return name
    if not text.isascii():
        raise NotValid(
            f"not a valid host name: {shown(text)} (write international names as 'xn--...')"
        )
    raise NotValid(f"not a valid host name: {shown(text)} (letters, digits, '-' and '.')")


def name_to_look_up(text: str) -> str:
    """The same with the trailing dot, if it has one: search domains do not complete such a name."""
    return host(text) + ("." if text.endswith(".") else "")


def http_path(text: str) -> str:
    """The path and query of a request: begins with '/', printable ASCII, no blanks."""
    if len(text) <= 2000 and _PATH.fullmatch(text):
        return text
    raise NotValid(
        f"not a valid HTTP path: {shown(text)} (begins with '/', printable ASCII, no blanks)"
    )


def image(text: str) -> str:
    """A container image reference."""
    if len(text) <= 400 and _IMAGE.fullmatch(text):
        return text
    raise NotValid(
        f"not a valid image reference: {shown(text)} (such as docker.io/nicolaka/netshoot:v0.15)"
    )


def duration(text: str, *, zero: bool = False, most_minutes: int = 60) -> float:
    """`500ms`, `2s`, `1m`, in seconds: more than nothing unless it may be `zero`."""
    match = _DURATION.fullmatch(text) if len(text) <= 20 else None
    if not match:
        bare = re.fullmatch(r"[0-9]+(\.[0-9]+)?", text[:20])
        hint = f"did you mean '{text}s'?" if bare else ""
        raise NotValid(
            f"not a valid duration: {shown(text)} (a number and ms, s or m, as in 500ms)", hint
        )
    seconds = float(match[1]) * _UNITS[match[2]]
    if not 0 <= seconds <= 60 * most_minutes or not (seconds or zero):
        least = "0s" if zero else "more than 0"
        raise NotValid(f"{shown(text)} is out of range: {least}, at most {most_minutes}m")
    return seconds


def port(value: object) -> int:
    """A port number."""
    if type(value) is int and 1 <= value <= 65535:
        return value
    raise NotValid(f"not a valid port: {shown(value)} (ports are 1-65535)", _instead_of_port(value))


def _instead_of_port(value: object) -> str:
    match = (
        re.fullmatch(r" *([0-9]{1,5}) *(?:/(\w{1,8}))?", value) if isinstance(value, str) else None
    )
    if not match:
        return ""
    protocol = f", protocol: {match[2]}" if match[2] else ""
    return f"write port: {match[1]}{protocol}"


def kind_and_name(text: str, kinds: Iterable[str] = ()) -> str:
    """`KIND/NAME`; with `kinds`, only one of these."""
    kind, slash, name = text.partition("/")
    known = tuple(kinds)
    example = f"{known[0] if known else 'Deployment'}/NAME"
    if not slash or not _KIND.fullmatch(kind):
        raise NotValid(f"{shown(text)} must name kind and object, as in {example}")
    if known and kind not in known:
        listed = ", ".join(known)
        hint = did_you_mean(kind, known) or f"one of: {listed}"
        raise NotValid(f"not a valid kind here: {shown(kind)}", hint)
    object_name(name)
    return text


def workload(text: str) -> str:
    """`deployment/NAME` and its likes."""
    return kind_and_name(text, WORKLOADS)


def templated(text: str) -> str:
    """A workload whose own object is looked at."""
    return kind_and_name(text, TEMPLATED)
