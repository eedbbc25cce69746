"""When a container's probes are sent, and what their results do to it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Protocol

from npol.api_rules.objects import Obj
from npol_lab.node import probes
from npol_lab.node.container_start import Launcher
from npol_lab.node.environment import ConfigError
from npol_lab.node.pod_interface import ContainerPod
from npol_lab.node.probes import Failed, Means, Tally
from npol_lab.node.stand_ins import passes_unasked
from npol_lab.pause_processes import CannotStart

EAGER_FOR = 3.0
"""
Seconds after the start in which a failed readiness or startup probe is not counted and
tried again soon.

A kubelet's first probe comes at any time within the first period, so a program that
needs a moment to listen is not failed by it.
"""
EAGER_FIRST, EAGER_MOST = 0.02, 0.3
"""Seconds between these tries: the first pause, doubled each time, and the longest."""
LIVENESS_AFTER = 1.0
"""Seconds before the first liveness probe, if the period is not shorter."""
LATE, TRIES = 0.2, 3
"""A probe that ends so many seconds after its timeout was starved of processor time."""
WORDS = {"readinessProbe": "Readiness", "livenessProbe": "Liveness", "startupProbe": "Startup"}


class ProbedContainer(Protocol):
    """What probes ask of a container and do to it."""

    pod: ContainerPod
    spec: Obj
    name: str
    launcher: Launcher

    @property
    def stopping(self) -> bool: ...

    def set_started(self, *, has_readiness: bool) -> None: ...

    def set_ready(self, ready: bool) -> None: ...

    async def restart(self, why: str) -> None: ...


class Prober:
    """The probes of one run of a container."""

    def __init__(self, container: ProbedContainer) -> None:
        self._container = container
        self._spec = container.spec
        self._tasks: list[asyncio.Task[None]] = []
        self.has_startup = bool(self._spec.get("startupProbe"))
        self.has_readiness = bool(self._spec.get("readinessProbe"))

    def start(self) -> None:
        if any(self._spec.get(kind) for kind in WORDS):
            self._tasks.append(asyncio.create_task(self._run()))

    def stop(self) -> None:
        for task in self._tasks:
            if task is not asyncio.current_task():
                task.cancel()

    async def _run(self) -> None:
        if self.has_startup and not await self._startup():
            return
        self._container.set_started(has_readiness=self.has_readiness)
        for kind in ("readinessProbe", "livenessProbe"):
            if self._spec.get(kind):
                follow = self._readiness if kind == "readinessProbe" else self._liveness
                self._tasks.append(asyncio.create_task(follow()))

    async def _startup(self) -> bool:
        return await self._until("startupProbe", True, "failed startup probe, will be restarted")

    async def _liveness(self) -> None:
        await self._until("livenessProbe", False, "failed liveness probe, will be restarted")

    async def _until(self, kind: str, stop_at_success: bool, why: str) -> bool:
        """Probe until it counts as failed, which restarts the container (False), or succeeded."""
        probe = self._spec[kind]
        tally = _tally(probe)
        async for good in self._results(kind, probe):
            counted = tally.add(good)
            if counted is False:
                if not self._container.stopping:
                    asyncio.get_running_loop().create_task(self._container.restart(why))
                return False
            if counted and stop_at_success:
                return True
        return False

    async def _readiness(self) -> None:
        probe = self._spec["readinessProbe"]
        tally = _tally(probe)
        async for good in self._results("readinessProbe", probe):
            counted = tally.add(good)
            if counted is not None:
                self._container.set_ready(counted)

    async def _results(self, kind: str, probe: Obj) -> AsyncIterator[bool]:
        """True or False, once a period, as long as the container runs."""
        loop = asyncio.get_running_loop()
        period = probe.get("periodSeconds") or 10
        if not self._container.launcher.stands_in:
            await asyncio.sleep(probe.get("initialDelaySeconds") or 0)
        if kind == "livenessProbe":
            await asyncio.sleep(min(period, LIVENESS_AFTER))
        elif await self._eagerly(probe):
            yield True
            await asyncio.sleep(period)
        while True:
            due = loop.time() + period
            good, why = await self._once(probe)
            if not good:
                self._complain(f"{WORDS[kind]} probe failed: {why}")
            yield good
            await asyncio.sleep(max(0.0, due - loop.time()))

    async def _eagerly(self, probe: Obj) -> bool:
        """Whether a probe succeeded in the first seconds."""
        loop = asyncio.get_running_loop()
        until, pause = loop.time() + EAGER_FOR, EAGER_FIRST
        while loop.time() < until:
            good, _ = await self._once(probe)
            if good:
                return True
            await asyncio.sleep(pause)
            pause = min(pause * 2, EAGER_MOST)
        return False

    async def _once(self, probe: Obj) -> tuple[bool, str]:
        """What fails late says more about this process than about the container: ask again."""
        loop = asyncio.get_running_loop()
        limit = (probe.get("timeoutSeconds") or 1) + LATE
        for _ in range(TRIES):
            started = loop.time()
            why = await self._ask(probe)
            if not why:
                return True, ""
            if loop.time() - started < limit:
                break
        return False, why

    async def _ask(self, probe: Obj) -> str:
        """Why the probe failed, or nothing."""
        pod, launcher = self._container.pod, self._container.launcher
        if launcher.stands_in and passes_unasked(probe):
            return ""
        means = Means(
            address=pod.facts.pod_ip,
            ports=self._spec.get("ports") or [],
            connect=pod.connect,
            run=launcher.output_of,
        )
        try:
            await probes.ask(probe, means)
        except (Failed, CannotStart, ConfigError) as error:
            return str(error) or "failed"
        return ""

    def _complain(self, message: str) -> None:
        pod = self._container.pod
        field = f"spec.containers{{{self._container.name}}}"
        pod.recorder.warning(pod.obj, "Unhealthy", message, field=field)


def _tally(probe: Obj) -> Tally:
    return Tally(
        success_threshold=probe.get("successThreshold") or 1,
        failure_threshold=probe.get("failureThreshold") or 3,
    )
