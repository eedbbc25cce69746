"""The namespaces that a story's peers select, looked up before anything else is done."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from npol.errors import Refused
from npol.kube.connection import connect
from npol.kube.guard import STATE_NAMESPACE, protected
from npol.kube.objects import NAMESPACES
from npol.model.story import Peer, Story
from npol.policy.state.apply_changes import build
from npol.policy.state.paired_flows import selected_namespaces, selecting_peers, with_pairs
from npol.run.options import Options
from npol.selectors import Labels, spell

FEW = 5


def with_selected(story: Story, options: Options) -> Story:
    """
    The story with its selecting peers written out; namespaces that `given` makes count, too.

    Raises:
        Refused: a peer selects nothing, or what npol never touches, or a flow has no pair.
    """
    selecting = selecting_peers(story)
    if not selecting:
        return story
    labels = _labels(story, options)
    chosen = {peer.name: selected_namespaces(peer, labels) for peer in selecting}
    written_out = with_pairs(story, labels)
    problems = [p for peer in selecting for p in _problems(peer, chosen[peer.name])]
    problems = problems or list(_without_pair(written_out, chosen))
    if problems:
        raise Refused("; ".join(dict.fromkeys(problems)), hint="kubectl get ns --show-labels")
    return written_out


def _labels(story: Story, options: Options) -> dict[str, Labels]:
    given = dict(build(story.given).namespace_labels) if options.create else {}
    connection = connect(kubeconfig=options.kubeconfig, context=options.context, qps=options.qps)
    try:
        there = [n["metadata"] for n in connection.list(NAMESPACES)]
    finally:
        connection.close()
    return given | {m["name"]: m.get("labels") or {} for m in there}


def _problems(peer: Peer, chosen: Sequence[str]) -> Iterator[str]:
    selector = spell(peer.namespaces or {})
    if not chosen:
        yield f"peer {peer.name!r}: no namespace has the labels {selector}"
    if never := [name for name in chosen if protected(name) or name == STATE_NAMESPACE]:
        yield (
            f"peer {peer.name!r}: {selector} selects protected namespaces, which npol never asks "
            f"from: {', '.join(never[:FEW])}{', ...' if never[FEW:] else ''}"
        )


def _without_pair(story: Story, chosen: Mapping[str, Sequence[str]]) -> Iterator[str]:
    for flow in (flow for step in story.steps for flow in step.flows):
        if peer := next((end for end in (flow.source, flow.target) if end in chosen), None):
            yield f"{flow.name!r} has no pair: {peer!r} selects {', '.join(chosen[peer])} only"
