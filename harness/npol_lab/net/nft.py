"""
A node's nftables rules as a value, and the one transaction that leads from one to the next.

Chains are named after what they hold (a digest), so that a change touches little:
a new pod adds elements to sets, a new policy adds a chain.
"""

from __future__ import annotations

import ctypes
import functools
import re
import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

_READS = re.compile(r"\binclude\b")


@dataclass(frozen=True, slots=True)
class Set:
    """
    A named set, or a map where the elements have values.

    `kind`: the type, such as `ipv4_addr . inet_service` or `ipv4_addr : verdict`.
    """

    kind: str
    elements: Mapping[str, str]
    """Element to value; the empty value in sets."""

    @property
    def noun(self) -> str:
        return "map" if ":" in self.kind else "set"


@dataclass(frozen=True, slots=True)
class Chain:
    rules: tuple[str, ...] = ()
    hook: str = ""
    """Such as `type filter hook forward priority filter`; empty: reached by a jump only."""


@dataclass(slots=True)
class Ruleset:
    """Everything in one table of one node."""

    sets: dict[str, Set] = field(default_factory=dict)
    chains: dict[str, Chain] = field(default_factory=dict)


def transaction(table: str, old: Ruleset, new: Ruleset, ip: str = "ip") -> str:
    """
    The commands that turn `old` into `new` in table `IP TABLE`, all at once.

    Empty where nothing changes. Order matters: what is referred to is made first and
    removed last.

    Raises:
        NftError: what others wrote would be a command of its own, or read a file.
    """
    table = f"{ip} {table}"
    steps = [
        *_declared(table, old, new),
        *_rewritten(table, old, new),
        *_members(table, old, new),
        *_removed(table, old, new),
    ]
    return "".join(f"{_checked(step)}\n" for step in steps)


def _checked(step: str) -> str:
    """nft's `include` reads any file of the machine, and shows what it does not understand."""
    if "\n" in step or _READS.search(step):
        raise NftError(f"not a rule: {step!r}")
    return step


def _declared(table: str, old: Ruleset, new: Ruleset) -> Iterator[str]:
    for name in sorted(new.sets.keys() - old.sets.keys()):
        made = new.sets[name]
        yield f"add {made.noun} {table} {name} {{ type {made.kind}; }}"
    for name in sorted(new.chains.keys() - old.chains.keys()):
        hook = new.chains[name].hook
        yield f"add chain {table} {name}" + (f" {{ {hook}; policy accept; }}" if hook else "")


def _rewritten(table: str, old: Ruleset, new: Ruleset) -> Iterator[str]:
    """Flush every changed chain before any is filled: they may refer to each other."""
    changed = [n for n in sorted(new.chains) if old.chains.get(n, Chain()) != new.chains[n]]
    for name in changed:
        if name in old.chains:
            yield f"flush chain {table} {name}"
    for name in changed:
        for rule in new.chains[name].rules:
            yield f"add rule {table} {name} {rule}"


def _members(table: str, old: Ruleset, new: Ruleset) -> Iterator[str]:
    for name, made in sorted(new.sets.items()):
        before = old.sets[name].elements if name in old.sets else {}
        if before == made.elements:
            continue
        gone = [k for k, v in before.items() if made.elements.get(k) != v]
        fresh = [f"{k} : {v}" if v else k for k, v in made.elements.items() if before.get(k) != v]
        if gone:
            yield f"delete element {table} {name} {{ {_comma(gone)} }}"
        if fresh:
            yield f"add element {table} {name} {{ {_comma(fresh)} }}"


def _removed(table: str, old: Ruleset, new: Ruleset) -> Iterator[str]:
    sets, chains = old.sets.keys() - new.sets.keys(), old.chains.keys() - new.chains.keys()
    for name in sorted(chains):
        yield f"flush chain {table} {name}"
    for name in sorted(sets):
        yield f"delete {old.sets[name].noun} {table} {name}"
    for name in sorted(chains):
        yield f"delete chain {table} {name}"


def _comma(items: Iterable[str]) -> str:
    return ", ".join(items)


class NftError(Exception):
    """nft did not accept a transaction; nothing of it is in force."""


_LIBRARY = "libnftables.so.1"
"""What the program `nft` is made of: a process for each transaction would cost fifty times that."""
_ONE_AT_A_TIME = threading.Lock()
"""The library promises nothing to threads."""
_threads = threading.local()


def apply(commands: str) -> None:
    """
    Run one transaction in the network namespace in which the calling thread lives.

    Raises:
        NftError: with what nft says of it.
    """
    with _ONE_AT_A_TIME:
        library, context = _opened()
        if library.nft_run_cmd_from_buffer(context, commands.encode()) != 0:
            raise NftError(library.nft_ctx_get_error_buffer(context).decode().strip())


def _opened() -> tuple[ctypes.CDLL, ctypes.c_void_p]:
    """The library, and a thread's own context of it: its socket belongs to the thread's network."""
    if not hasattr(_threads, "context"):
        library = _loaded()
        context = ctypes.c_void_p(library.nft_ctx_new(0))
        library.nft_ctx_buffer_error(context)
        library.nft_ctx_buffer_output(context)
        _threads.context = library, context
    found: tuple[ctypes.CDLL, ctypes.c_void_p] = _threads.context
    return found


@functools.cache
def _loaded() -> ctypes.CDLL:
    try:
        library = ctypes.CDLL(_LIBRARY)
    except OSError as error:
        raise NftError(str(error)) from None
    library.nft_ctx_new.restype = ctypes.c_void_p
    library.nft_ctx_get_error_buffer.restype = ctypes.c_char_p
    return library
