"""
Lying worlds as packets: a lab in which sources fall silent, targets die and others meddle, all of
them inside one step of a story, and policies bite late. Times are a tenth of the pure worlds'.
"""

from __future__ import annotations

import json
import math
import random
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from npol.kube.connection import Connection, Mode, connect
from npol.kube.objects import NETWORK_POLICIES, PODS, Ref
from npol.model.expectation import Verdict
from npol.model.result import FlowResult
from npol.run import Options
from npol_lab.session import Lab, LabOptions
from tests import shop
from tests.e2e.pod_network import in_network_of, oldest_with
from tests.judge.lying_world import NEVER, Window

DELAYS = (0.0, 0.1, 0.5, 2.0)
"""Seconds after which a lab enforces a policy."""
ENDS_BY = 2.5
WITHIN = 8.0
NEAR = 0.5
"""Seconds before a step's end in which a change by others may be too late to be seen."""
SPACE = "lies"
DEFAULTS = f"{{timeout: 500ms, settle: {{within: {WITHIN:g}s}}}}"
QUIET_POLICY = {"podSelector": {"matchLabels": {"app": "nobody"}}, "policyTypes": ["Ingress"]}
LIE = "add table inet lie; add chain inet lie c {{ type filter hook {hook} priority 0; }}; {rule}"
MUTE = "add rule inet lie c ip daddr != {ip} drop"
DEAD = "add rule inet lie c tcp dport 8080 drop"


@dataclass(frozen=True, slots=True, kw_only=True)
class PacketWorld:
    """What is open before and after a step, what is expected of it, and every lie."""

    before: bool
    after: bool
    expect: str
    silent: Window = NEVER
    """While the source cannot send across the network."""
    dead: Window = NEVER
    """While the target answers nobody, itself included."""
    foreign: float = math.inf
    """When somebody else makes a policy."""

    @property
    def holds(self) -> bool:
        return self.after is (self.expect == "allow")


def drawn(seed: int, count: int) -> list[PacketWorld]:
    choose = random.Random(seed)
    return [_drawn(choose) for _ in range(count)]


def _drawn(choose: random.Random) -> PacketWorld:
    start = choose.uniform(0.0, ENDS_BY)
    lie = Window(start, min(ENDS_BY, start + choose.uniform(0.1, ENDS_BY)))
    lies: dict[str, Any] = choose.choice([{}, {"silent": lie}, {"dead": lie}])
    return PacketWorld(
        before=choose.random() < 0.5,
        after=choose.random() < 0.5,
        expect=choose.choice(["allow", "deny"]),
        foreign=choose.choice([math.inf] * 4 + [choose.uniform(0.0, ENDS_BY)]),
        **lies,
    )


def steps_of(worlds: Sequence[PacketWorld]) -> str:
    """Two steps for each world: how it was, and how it is then."""
    text, is_open = "", True
    for number, world in enumerate(worlds):
        was = "allow" if world.before else "deny"
        text += _step(f"before {number}", is_open, world.before, was)
        text += _step(f"last {number}", world.before, world.after, world.expect)
        is_open = world.after
    return text


def _step(name: str, was: bool, now: bool, expect: str) -> str:
    change = "apply: [quiet.yaml]"
    if was is not now:
        change = "delete: [deny.yaml]" if now else "apply: [deny.yaml]"
    flow = f"{{from: client, to: web, port: 80, expect: {expect}}}"
    return f"\n  - name: {name}\n    {change}\n    flows: [{flow}]"


@dataclass(slots=True)
class Liar:
    """Does to the lab's network what a world says, while the flows of its step settle."""

    lab: Lab
    connection: Connection
    source: int
    target: int
    """Processes in the network namespaces of both ends."""
    source_ip: str
    meddled: float = math.inf
    """When the policy of others was there, by the monotonic clock."""
    _timers: list[threading.Timer] = field(default_factory=list)

    def begin(self, world: PacketWorld) -> None:
        mute = LIE.format(hook="output", rule=MUTE.format(ip=self.source_ip))
        dead = LIE.format(hook="input", rule=DEAD)
        for window, pid, rules in (
            (world.silent, self.source, mute),
            (world.dead, self.target, dead),
        ):
            if window is not NEVER:
                self._at(window.start, self._nft, pid, rules)
                self._at(window.end, self._nft, pid, "delete table inet lie")
        if world.foreign < math.inf:
            self._at(world.foreign, self._meddle)

    def end(self) -> None:
        """Everything is true again."""
        for timer in self._timers:
            timer.cancel()
            timer.join()
        self._timers.clear()
        for pid in (self.source, self.target):
            with suppress(subprocess.CalledProcessError):
                self._nft(pid, "delete table inet lie")
        if self.meddled < math.inf:
            self.connection.delete(Ref(NETWORK_POLICIES, SPACE, "theirs"))
        self.meddled = math.inf

    def _at(self, seconds: float, do: Any, *args: Any) -> None:
        timer = threading.Timer(seconds, do, args)
        timer.start()
        self._timers.append(timer)

    def _meddle(self) -> None:
        self.connection.create(policy("theirs"))
        self.meddled = time.monotonic()

    def _nft(self, pid: int, rules: str) -> None:
        subprocess.run(
            [*in_network_of(self.lab, pid), "nft", rules], check=True, capture_output=True
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What npol said of a world's last step."""

    world: PacketWorld
    flow: FlowResult
    meddled: bool | None
    """Whether somebody changed the cluster in it; None: at about its end."""

    @property
    def wrong(self) -> str:
        """Why it is not the truth; "" if it is."""
        invalid = self.flow.verdict is Verdict.INVALID
        if self.meddled is None or (self.meddled and invalid):
            return ""
        if not self.meddled and self.flow.verdict in self._true:
            return ""
        return f"{self.flow.verdict.value} ({self.flow.reason}) in {self.world}"

    @property
    def _true(self) -> tuple[Verdict, ...]:
        if self.world.holds:
            return (Verdict.AS_EXPECTED,)
        closed = self.world.expect == "allow"
        return (Verdict.TOO_CLOSED if closed else Verdict.TOO_OPEN, Verdict.FLAPPING)


def told(
    worlds: Sequence[PacketWorld], delay: float, directory: Path, lie: Callable[[Any], None]
) -> Iterator[Told]:
    """Each world in turn; `lie` is given what must be called when the flows of a step settle."""
    with Lab.start(LabOptions(enforcement_delay=delay)) as lab:
        connection = connect(kubeconfig=str(lab.kubeconfig), context=lab.context, mode=Mode.APPLY)
        connection.permit(namespaces=[SPACE])
        options = Options(
            kubeconfig=str(lab.kubeconfig), context=lab.context, create=True, disposable=True
        )
        path = shop.write(directory, SPACE, steps=steps_of(worlds), defaults=DEFAULTS)
        (directory / "quiet.yaml").write_text(json.dumps(policy("quiet")))
        with shop.opened(shop.read(path), options) as run:
            run.reach("open")
            liar = Liar(lab, connection, *_ends(lab, connection))
            for number, world in enumerate(worlds):
                lie(lambda: None)
                run.reach(f"before {number}")
                lie(lambda world=world: liar.begin(world))
                (flow,) = run.reach(f"last {number}").flows
                ended, meddled = time.monotonic(), liar.meddled
                liar.end()
                near = math.inf > meddled > ended - NEAR
                yield Told(world=world, flow=flow, meddled=None if near else meddled < ended)


def _ends(lab: Lab, connection: Connection) -> tuple[int, int, str]:
    """A process of the source's pod and one of the target's, and the source's address."""
    pods = {p["metadata"]["labels"]["app"]: p for p in connection.list(PODS, SPACE)}
    source, target = (pods[app]["status"]["podIP"] for app in ("client", "web"))
    return oldest_with(lab, source), oldest_with(lab, target), source


def policy(name: str) -> dict[str, Any]:
    """One that selects nobody."""
    kind = {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy"}
    return kind | {"metadata": {"name": name, "namespace": SPACE}, "spec": QUIET_POLICY}
