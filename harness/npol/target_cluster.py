"""
Which cluster a door speaks to: the context that was named, else a lab of our own.

The lab is reached like any other cluster, by the kubeconfig that it wrote.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from npol.errors import InputError


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetCluster:
    """A cluster by its kubeconfig (None: the client's default) and context."""

    kubeconfig: str | None
    context: str
    is_lab: bool = False


def named(kubeconfig: str | None, context: str | None) -> TargetCluster | None:
    """
    The cluster that two options name; None when they name none.

    Raises:
        InputError: a kubeconfig without a context, an empty or an unknown context.
    """
    if context is None and kubeconfig is None:
        return None
    from npol.kube.connection import contexts  # every pytest session would pay for it

    known = contexts(kubeconfig)
    if not context:
        raise _not_usable("a context must be named: npol never uses the current one", known)
    if context not in known:
        raise _not_usable(f"there is no context {context!r} in the kubeconfig", known)
    return TargetCluster(kubeconfig=kubeconfig, context=context)


def required(command: str, kubeconfig: str | None, context: str | None) -> TargetCluster:
    """
    The cluster that two options name, for a command that needs one.

    Raises:
        InputError: they name none; or see `named`.
    """
    chosen = named(kubeconfig, context)
    if chosen is None:
        raise InputError(f"{command} needs a cluster", hint="--context NAME")
    return chosen


def _not_usable(message: str, known: list[str]) -> InputError:
    return InputError(message, hint=f"one of: {', '.join(known) or '(the kubeconfig has none)'}")


@contextmanager
def cluster(
    kubeconfig: str | None, context: str | None, *, ip_families: str | None = None
) -> Iterator[TargetCluster]:
    """
    The cluster that two options name, or a lab for as long as it is used.

    `ip_families`: of the lab, `IPv4` (the default) or `IPv4,IPv6`.

    Raises:
        InputError: see `named`; or families for a cluster that has its own.
        Refused: no lab can be started on this machine.
    """
    where = named(kubeconfig, context)
    if ip_families is not None:
        check_families(where, ip_families)
    if where is not None:
        yield where
        return
    from npol_lab.session import Lab, LabOptions  # a named cluster need not pay for it

    options = LabOptions(ip_families=lab_families(ip_families or "IPv4"))
    with Lab.start(options) as own:
        yield TargetCluster(kubeconfig=str(own.kubeconfig), context=own.context, is_lab=True)


def check_families(where: TargetCluster | None, text: str) -> None:
    """
    Raises:
        InputError: a cluster was named, or a lab cannot have them.
    """
    if where is not None:
        raise InputError("--ip-families is for a lab: a cluster has its families already")
    lab_families(text)


def lab_families(text: str) -> tuple[str, ...]:
    """
    What is said to `--ip-families`, as a lab's option.

    Raises:
        InputError: a lab cannot have them.
    """
    from npol_lab.families import named as families

    try:
        return tuple(family.name for family in families(text.split(",")))
    except ValueError as error:
        raise InputError(f"--ip-families: {error}") from None
