"""What debug pods that do not run yet wait for, and when more waiting is of no use."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress

from npol.errors import NpolError, Refused
from npol.kube.connection import Connection
from npol.kube.objects import EVENTS
from npol.model.inventory import Obj
from npol.probe.pod_startup import hopeless, is_unscheduled, last_warning, scale_up, waits_for

EVENTS_EVERY = 5.0
"""Seconds between two looks at the events of a pod that has no node."""


class StartWatch:
    """Looks at pods while they start, and at the events of those that have no node."""

    def __init__(
        self, connection: Connection, *, within: float, hint: str, say: Callable[[str], None]
    ) -> None:
        """
        Args:
            within: seconds in which they must run.
            hint: what to try where one does not run.
            say: told how many run while they start, and what the others wait for.
        """
        self._connection = connection
        self._within = within
        self._hint = hint
        self._say = say
        self._scaling: dict[str, str] = {}
        self._looked: dict[str, float] = {}

    def tell(
        self, running: Collection[str], names: Sequence[str], missing: Mapping[str, Obj | None]
    ) -> None:
        """How far they are, and what the first of those that are missing waits for."""
        told = f"starting debug pods: {len(running)} of {len(names)} running"
        for name, pod in missing.items():
            if pod and (reason := waits_for(pod)):
                scaling = self._scaling.get(pod["metadata"]["uid"], "")
                also = f" ({scaling})" if scaling and scaling not in reason else ""
                told += f"; {name} waits: {reason}{also}"
                break
        self._say(told)

    def despair(self, name: str, pod: Obj | None, waited: float) -> Refused | None:
        """Why more waiting is of no use; None while it is of some."""
        why = hopeless(pod, waited, self._look_for_scaling(pod, waited)) if pod else ""
        if not why and waited < self._within:
            return None
        waits = f", {reason}" if pod and (reason := waits_for(pod)) else ""
        why = why or f"not within {self._within:g} s{waits}"
        where = f"{pod['metadata']['namespace']}/{pod['metadata']['name']}" if pod else "no pod yet"
        told = self._warning(pod) if pod else ""
        more = f" ({told})" if told and told not in why else ""
        return Refused(
            f"the debug pod of peer {name!r} does not run ({where}): {why}{more}",
            hint=self._hint,
        )

    def _look_for_scaling(self, pod: Obj, waited: float) -> str:
        """Whether a node is on its way to a pod that has none, looked at now and then."""
        uid = pod["metadata"]["uid"]
        if is_unscheduled(pod) and waited >= self._looked.get(uid, 0.0) + EVENTS_EVERY:
            self._looked[uid] = waited
            with suppress(NpolError):
                self._scaling[uid] = scale_up(self._events(pod), uid)
        return self._scaling.get(uid, "")

    def _events(self, pod: Obj) -> Sequence[Obj]:
        fields = f"involvedObject.uid={pod['metadata']['uid']}"
        return self._connection.list(EVENTS, pod["metadata"]["namespace"], fields=fields)

    def _warning(self, pod: Obj) -> str:
        with suppress(NpolError):
            return last_warning(self._events(pod), pod["metadata"]["uid"])
        return ""
