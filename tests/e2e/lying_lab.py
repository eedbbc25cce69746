"""A lab whose network lies while the flows of a step settle, and what npol says there."""

from __future__ import annotations

import math
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from npol.kube.connection import Connection, Mode, connect
from npol.kube.objects import NETWORK_POLICIES, PODS, Ref
from npol.run import Options, StoryRun
from npol.run.settle_loop import settle
from npol_lab.session import Lab, LabOptions
from tests import shop
from tests.e2e.lying_stories import policy, written
from tests.e2e.packet_worlds import Drawing, PacketWorld, Told
from tests.e2e.pod_network import in_network_of, oldest_with
from tests.judge.lying_world import NEVER, Window

NEAR = 0.5
"""Seconds before a step's end in which a change by others may be too late to be seen."""
SOON = 4.0
"""Seconds after which a step ends in which nothing may ever become true."""
LIE = "add table inet lie; add chain inet lie c {{ type filter hook {hook} priority 0; }}; {rule}"
MUTE = "add rule inet lie c ip daddr != {ip} drop"
DEAD = "add rule inet lie c tcp dport 8080 drop"
TRUTH = "delete table inet lie"


@dataclass(slots=True)
class Liar:
    """Does to a lab's network what the worlds of a step say, while its flows settle."""

    lab: Lab
    connection: Connection
    space: str
    ends: Mapping[str, tuple[int, str]]
    """By `app`: a process in the pod's network namespace, and the pod's address."""
    meddled: float = math.inf
    """When the policy of others was there, by the monotonic clock."""
    _over: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def begin(self, worlds: Sequence[PacketWorld]) -> None:
        self.meddled = math.inf
        self._over.clear()
        for number, world in enumerate(worlds):
            source, ip = self.ends[f"client-{number}"]
            target, _ = self.ends[f"web-{number}"]
            mute = LIE.format(hook="output", rule=MUTE.format(ip=ip))
            dead = LIE.format(hook="input", rule=DEAD)
            for window, pid, rules in ((world.silent, source, mute), (world.dead, target, dead)):
                if window is not NEVER:
                    self._lie(
                        window, partial(self._nft, pid, rules), partial(self._nft, pid, TRUTH)
                    )
        if worlds[0].foreign < math.inf:
            self._lie(Window(worlds[0].foreign, math.inf), self._meddle, self._repent)

    def end(self) -> None:
        """Everything is true again."""
        self._over.set()
        for thread in self._threads:
            thread.join()
        self._threads.clear()

    def _lie(self, window: Window, begin: Callable[[], None], end: Callable[[], None]) -> None:
        def lie(began: float) -> None:
            if not self._over.wait(window.start):
                begin()
                left = began + window.end - time.monotonic()
                self._over.wait(None if left == math.inf else max(0.0, left))
                end()

        thread = threading.Thread(target=lie, args=(time.monotonic(),))
        thread.start()
        self._threads.append(thread)

    def _meddle(self) -> None:
        self.connection.create(policy(self.space, "theirs"))
        self.meddled = time.monotonic()

    def _repent(self) -> None:
        self.connection.delete(Ref(NETWORK_POLICIES, self.space, "theirs"))

    def _nft(self, pid: int, rules: str) -> None:
        argv = [*in_network_of(self.lab, pid), "nft", rules]
        subprocess.run(argv, check=True, capture_output=True)


class Lies(dict[str, Callable[[], None]]):
    """By step: what is done when its flows begin to settle."""

    def settle(self, rounds: Any, *args: Any) -> Any:
        """In the place of the real one, which it calls."""
        self.pop(rounds.step, lambda: None)()
        return settle(rounds, *args)


def told(drawing: Drawing, seed: int, directory: Path, lies: Lies, records: str) -> list[Told]:
    """What is said of each world; the stories are told at once, in one lab."""
    stories = drawing.drawn(seed)
    spaces = [f"lies-{number}" for number in range(len(stories))]
    files = [
        written(directory / space, space, steps, drawing.behind)
        for space, steps in zip(spaces, stories, strict=True)
    ]
    with (
        Lab.start(_lab_options(drawing)) as lab,
        ThreadPoolExecutor(max_workers=len(stories)) as pool,
    ):
        options = Options(
            kubeconfig=str(lab.kubeconfig),
            context=lab.context,
            create=True,
            disposable=True,
            flow_records=records,
            assume_enforced=not drawing.enforces,
            settle=None if drawing.enforces else SOON,
        )
        tell = partial(_told_story, lab, options, lies)
        return [one for story in pool.map(tell, spaces, files, stories) for one in story]


def _lab_options(drawing: Drawing) -> LabOptions:
    if drawing.enforces:
        return LabOptions(enforcement_delay=drawing.delay)
    return LabOptions(enforcement=False)


def _told_story(
    lab: Lab,
    options: Options,
    lies: Lies,
    space: str,
    file: str,
    steps: Sequence[Sequence[PacketWorld]],
) -> list[Told]:
    connection = connect(kubeconfig=str(lab.kubeconfig), context=lab.context, mode=Mode.APPLY)
    connection.permit(namespaces=[space])
    with shop.opened(shop.read(file), options) as run:
        run.reach(f"{space} open")
        liar = Liar(lab, connection, space, _ends(lab, connection, space))
        return list(_told_steps(run, liar, lies, steps))


def _told_steps(
    run: StoryRun, liar: Liar, lies: Lies, steps: Sequence[Sequence[PacketWorld]]
) -> Iterator[Told]:
    for number, worlds in enumerate(steps):
        name = f"{liar.space} {number}"
        lies[name] = partial(liar.begin, worlds)
        result = run.reach(name)
        assert not result.error, result.error
        ended = time.monotonic()
        liar.end()
        near = math.inf > liar.meddled > ended - NEAR
        for world, flow in zip(worlds, result.flows, strict=True):
            yield Told(world=world, flow=flow, meddled=None if near else liar.meddled < ended)


def _ends(lab: Lab, connection: Connection, space: str) -> dict[str, tuple[int, str]]:
    pods = connection.list(PODS, space)
    ips = {p["metadata"]["labels"]["app"]: p["status"]["podIP"] for p in pods}
    oldest = oldest_with(lab, set(ips.values()))
    return {app: (oldest[ip], ip) for app, ip in ips.items()}
