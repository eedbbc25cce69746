"""The policies that a story's flows name as what decides, looked for among those that it has."""

from __future__ import annotations

from collections.abc import Iterator

from npol.errors import did_you_mean
from npol.model.change import Apply, Delete
from npol.model.policy_kinds import other_policy_kind
from npol.model.prediction import PolicyName
from npol.model.story import Step, Story
from npol.policy.lint.findings import LintFinding, LintRule


def story_claims(story: Story) -> Iterator[LintFinding]:
    """
    Of a story that has no policies, and where packets are trusted, nothing is said: the cluster
    has the policies then, or one that no file shows may decide.
    """
    known = set(_policies(story))
    listed = ", ".join(sorted(map(str, known)))
    names = sorted({text for one in known for text in (one.name, str(one))})
    told: set[tuple[str, str]] = set()
    for step in story.steps if known else ():
        for flow in step.flows if not _trusts_packets(story, step) else ():
            key = str(flow.at), flow.because
            if flow.because and key not in told and not _is_one_of(flow.because, known):
                told.add(key)
                yield LintFinding(
                    rule=LintRule.NO_SUCH_POLICY,
                    message=f"{flow.told_as}: the story has no policy {flow.because!r}",
                    fix=did_you_mean(flow.because, names, f"it has {listed}"),
                    subject=f"story {story.name}",
                    at=flow.at,
                    about_policy=False,
                )


def _policies(story: Story) -> Iterator[PolicyName]:
    changed = (c for c in story.changes if isinstance(c, Apply | Delete))
    for manifest in (*story.given, *(m for change in changed for m in change.manifests)):
        group = manifest.api_version.rpartition("/")[0]
        if manifest.kind == "NetworkPolicy" or other_policy_kind(group, manifest.kind):
            yield PolicyName(namespace=manifest.namespace, name=manifest.name, kind=manifest.kind)


def _is_one_of(claim: str, known: set[PolicyName]) -> bool:
    return any(policy.is_called(claim) for policy in known)


def _trusts_packets(story: Story, step: Step) -> bool:
    return story.defaults.trust_packets or step.trust_packets
