"""What holds for a whole story: patience, and how its pods are made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from npol.model.gap import GapBudget


@dataclass(frozen=True, slots=True, kw_only=True)
class Settle:
    """How long to wait for a verdict, in seconds; None: what the story or the engine says."""

    within: float | None = None
    stable: int | None = None
    """How many equal samples make an answer final; None: two."""
    quiet: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PodSettings:
    """How debug pods are made."""

    image: str = "docker.io/nicolaka/netshoot:v0.15"
    pull_secrets: tuple[str, ...] = ()
    requests: Mapping[str, str] = field(default_factory=dict)
    """What is limited and not requested is requested as 0: there is room on every node."""
    limits: Mapping[str, str] = field(default_factory=lambda: {"cpu": "500m", "memory": "256Mi"})
    tolerations: tuple[Mapping[str, Any], ...] = ()
    annotations: Mapping[str, str] = field(default_factory=dict)
    as_deployment: bool = False
    start_within: float = 180.0
    """Seconds in which they must run: a node may have to be added, an image to be pulled."""
    user: int | str = ""
    """A uid; `platform`: the platform assigns one; "": npol's own, or the platform's where it
    refuses that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CanarySettings:
    """What is different for npol's pods outside the story's namespaces."""

    namespace: str = ""
    """Of the canary; npol's own by default."""
    image: str = ""
    pull_secrets: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Defaults:
    """What holds for the whole story unless a step or flow says otherwise."""

    timeout: float = 2.0
    """Seconds of silence after which a probe's outcome is TIMEOUT."""
    settle: Settle = Settle()
    pod: PodSettings = PodSettings()
    canary: CanarySettings = CanarySettings()
    namespace: str = ""
    converge_within: float | None = None
    at_most: GapBudget | None = None
    leak: float | None = None
    trust_packets: bool = False
    """Packets that meet the expectation count although the prediction differs."""
    pairs: int = 10_000
    """The most pairs that a flow between selected namespaces asks; of more, a sample."""

    @property
    def pod_outside(self) -> PodSettings:
        """How pods are made in namespaces that are not the story's."""
        return replace(
            self.pod,
            image=self.canary.image or self.pod.image,
            pull_secrets=self.canary.pull_secrets or self.pod.pull_secrets,
        )
