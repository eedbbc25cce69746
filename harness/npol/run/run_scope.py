"""What a run may touch, and what it asks of a cluster for that before its first step. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass

from npol.changes.begin import TransactionOptions
from npol.changes.dry_run.kubectl_commands import other_policies_of
from npol.changes.rollback.rollback import story_id
from npol.cni.preflight_request import PreflightProblem, PreflightRequest
from npol.judge.probes import has_denies
from npol.kube.connection import Mode
from npol.kube.objects import Resource
from npol.model.story import Story
from npol.probe.debug_pod_manifest import debug_pod
from npol.probe.source_peers import debug_pod_peers
from npol.run.namespaces import (
    changed_namespaces,
    extras_of,
    named_namespaces,
    namespaces_of,
    peer_places,
    written_subresources,
)
from npol.run.options import Options


@dataclass(frozen=True, slots=True, kw_only=True)
class RunScope:
    """A story as it is run here."""

    story: Story
    options: Options
    run_id: str

    @property
    def creates(self) -> bool:
        """Whether what is `given` is made, and goes again."""
        return self.options.create and bool(self.story.given)

    @property
    def mode(self) -> Mode:
        writes = self.story.writes or self.creates or self.options.namespaces
        return Mode.APPLY if writes else Mode.SMOKE

    @property
    def changed(self) -> list[str]:
        """The namespaces in which something is written."""
        known = changed_namespaces(self.story, creates=self.creates)
        return sorted(known | set(self.options.namespaces))

    @property
    def canary_namespaces(self) -> set[str]:
        """Where the canary runs, if not in npol's own."""
        named = self.story.defaults.canary.namespace
        return {named} if named and not self.options.assume_enforced else set()

    def preflight_request(
        self, against: Callable[[], Iterable[PreflightProblem]]
    ) -> PreflightRequest:
        """`against`: what speaks against the blast radius of its policies."""
        defaults = self.story.defaults
        given = sorted(namespaces_of(self.story.given))
        return PreflightRequest(
            namespaces=sorted(named_namespaces(self.story) | self.canary_namespaces),
            changed=self.changed,
            named_at=peer_places(self.story),
            given=given,
            created=given if self.creates else [],
            pods=[
                debug_pod(peer, defaults.pod, run_id=self.run_id)
                for peer in debug_pod_peers(self.story)
            ],
            leave_user=not defaults.pod.user,
            extras=extras_of(self.story),
            denies=has_denies(self.story.steps, "") and not self.options.assume_enforced,
            against=lambda: [*self._no_place_for_canary(), *against()],
        )

    def _no_place_for_canary(self) -> Iterator[PreflightProblem]:
        for name in self.canary_namespaces & {*self.changed, *named_namespaces(self.story)}:
            yield PreflightProblem(
                what=f"the canary would run in {name}, which is the story's own",
                hint="`defaults.canary.namespace` names one that the story does not use",
            )

    def transaction_options(self, kinds: Collection[Resource]) -> TransactionOptions:
        """`kinds`: of the objects of `given` that are made."""
        return TransactionOptions(
            run_id=self.run_id,
            namespaces=self.changed,
            story=story_id(self.story),
            create_namespaces=self.creates,
            replace=self.options.replace,
            allow_gitops=self.options.allow_gitops,
            allow_left_changes=self.options.leave or not self.story.writes,
            disposable=self.options.disposable,
            wait=self.options.wait,
            recover_stale=self.options.recover_stale,
            kinds=sorted(kinds, key=lambda k: k.qualified),
            other_policies=other_policies_of(self.story),
            subresources=written_subresources(self.story),
        )
