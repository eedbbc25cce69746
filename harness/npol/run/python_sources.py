"""Sources that need python3 in their image: one without it is named before anything is changed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Protocol

from npol.errors import NpolError, Refused
from npol.model.story import Peer, Story
from npol.model.story_settings import PodSettings
from npol.probe.prober import Prober
from npol.probe.source_peers import debug_pod_peers, needs_debug_pod

PYTHON = "python3"


class SourceProbers(Protocol):
    """What is needed of `npol.probe.sources.Sources`."""

    def prober(self, peer: str) -> Prober: ...


def check_python(story: Story, sources: SourceProbers) -> None:
    """
    Raises:
        Refused: a source that is to hold a connection, or to ask a fresh pod or as one, lacks it.
            Where that cannot be known yet, the flow says so itself.
    """
    needed = dict(_needed(story))
    if not needed:
        return
    asked = {peer.name for peer in debug_pod_peers(story)} | needed.keys()
    lacking = {name for name in asked if _lacks(story.peers[name], sources)}
    settings = story.defaults.pod
    images = {_image(story.peers[name], settings) for name in lacking}
    for name, what in needed.items():
        peer = story.peers[name]
        if name in lacking or (peer.fresh and _image(peer, settings) in images):
            raise _refusal(f"peer {name!r} {what}", _image(peer, settings))


def _refusal(what: str, image: str) -> Refused:
    where = f"the image {image}" if image else "its container"
    good = f"an image with {PYTHON} 3.7 or later, such as {PodSettings().image}"
    way = f"`defaults.pod.image`: {good}" if image else f"a debug pod instead of `workload`: {good}"
    return Refused(f"{what}, which needs {PYTHON}, and {where} has none", hint=way)


def _needed(story: Story) -> Iterator[tuple[str, str]]:
    for flow in (flow for step in story.steps for flow in step.flows):
        if flow.hold:
            yield flow.source, "holds a connection"
        elif story.peers[flow.source].fresh:
            yield flow.source, "asks from its first instant on"
        elif flow.target and story.peers[flow.target].fresh:
            yield flow.source, "asks a fresh pod"
            yield flow.target, "answers from its first instant on"


def _lacks(peer: Peer, sources: SourceProbers) -> bool:
    """False where it is not known: nothing runs yet, no exec reaches it, or it has no shell."""
    if peer.fresh or peer.external:
        return False
    with suppress(NpolError):
        prober = sources.prober(peer.name)
        prober.open()
        return bool(prober.tools) and PYTHON not in prober.tools
    return False


def _image(peer: Peer, settings: PodSettings) -> str:
    """Of a debug pod; "" for a pod that is there."""
    return (peer.image or settings.image) if needs_debug_pod(peer) else ""
