"""Changes of a step, and what they may touch."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from npol.errors import Mistake
from npol.model.change import Apply, Change, Delete, Label, Manifest, Restore
from npol.story.field_validators import did_you_mean, shown
from npol.story.manifests import Shelf
from npol.story.mixed_manifests import API, Identity, LeftOver, identity, is_policy
from npol.story.schema.change import ChangeEntry, ChangeFields, LabelEntry, SourceFields
from npol.story.workload_changes import restart, scale
from npol.story.yaml_node import YamlNode

KINDS = ("apply", "delete", "label", "restore", "restart", "scale")


@dataclass(slots=True, kw_only=True)
class Changes:
    """Reads changes; knows what a story may change and which steps lie behind."""

    shelf: Shelf
    given: Mapping[Identity, Manifest] | None
    """The objects that `given` lists; None when they could not be read."""
    steps: Collection[str]
    """The names of all steps."""
    left_over: LeftOver = field(default_factory=LeftOver)
    earlier: list[str] = field(default_factory=list)

    def of_step(self, entry: ChangeFields, node: YamlNode) -> tuple[Change, ...]:
        """The changes of a step, from its own keys or from `change:`, in order."""
        kinds = [k for k in KINDS if k in node.data]
        listed = list(node.items("change"))
        if len(kinds) > 1:
            message = f"`{kinds[0]}` and `{kinds[1]}` in one step have no order"
            hint = f"write change: [{{{kinds[0]}: ...}}, {{{kinds[1]}: ...}}]"
            node.wrong(message, hint, key=(kinds[1],))
        elif kinds and listed:
            node.wrong(f"`{kinds[0]}` and `change:` exclude each other", key=(kinds[0],))
        if entry.replace and "apply" not in kinds:
            node.wrong("`replace` goes with `apply:`", key=("replace",))
        found = [*self._one(entry, node)] if kinds else []
        for item in listed:
            found += self._listed(item)
        return tuple(found)

    def _listed(self, node: YamlNode) -> Iterator[Change]:
        entry = node.read(ChangeEntry)
        kinds = [k for k in KINDS if isinstance(node.data, dict) and k in node.data]
        if entry and len(kinds) != 1:
            node.wrong(f"a change has one of: {', '.join(KINDS)}")
        elif entry:
            if entry.replace and "apply" not in kinds:
                node.wrong("`replace` goes with `apply:`", key=("replace",))
            yield from self._one(entry, node)

    def _one(self, entry: ChangeFields, node: YamlNode) -> Iterator[Change]:
        """The one change that `entry` holds; nothing when it has mistakes."""
        if "apply" in node.data:
            manifests = self._manifests(entry.apply, node, "apply")
            yield Apply(at=node.key_at("apply"), manifests=manifests, replace=entry.replace)
        elif "delete" in node.data:
            manifests = self._manifests(entry.delete, node, "delete")
            yield Delete(at=node.key_at("delete"), manifests=manifests)
        elif entry.label:
            yield from _label(entry.label, node)
        elif entry.restore:
            yield from self._restore(entry.restore, node)
        elif entry.restart:
            yield from restart(entry.restart, node.child("restart"), self.given)
        elif entry.scale:
            yield from scale(entry.scale, node.child("scale"), self.given)

    def _manifests(
        self, sources: Sequence[SourceFields], node: YamlNode, key: str
    ) -> tuple[Manifest, ...]:
        if not sources:
            node.wrong(f"`{key}` names no manifests", on=(key,))
        places = node.one_or_more(key)
        found = [
            manifest
            for source, place in zip(sources, places, strict=True)
            for manifest in self.left_over.for_change(
                self.shelf.take(source, place), self.given or {}
            )
        ]
        for manifest in found:
            if not is_policy(manifest):
                self._check_given(manifest, node, key)
        return tuple(found)

    def _check_given(self, manifest: Manifest, node: YamlNode, key: str) -> None:
        if self.given is None or identity(manifest) in self.given:
            return
        name = "/".join(n for n in (manifest.namespace, manifest.name) if n)
        what = f"{manifest.api_version} {manifest.kind} {name}"
        message = f"{what} may not be changed by `{key}`: only policies may"
        hint = "list it under `given:`, if the story is to change it"
        if manifest.api_version == "extensions/v1beta1" and manifest.kind == "NetworkPolicy":
            hint = f"write apiVersion: {API}"
        node.mistakes.append(Mistake(manifest.at, message, hint))

    def not_earlier(self, step: str) -> tuple[str, str] | None:
        """Message and hint when `step` does not lie behind."""
        if step in self.earlier:
            return None
        if step in self.steps:
            return f"step {shown(step)} does not come before this one", ""
        return f"no step is called {shown(step)}", did_you_mean(step, self.earlier)

    def _restore(self, step: str, node: YamlNode) -> Iterator[Change]:
        if trouble := self.not_earlier(step):
            node.wrong(*trouble, on=("restore",))
        else:
            yield Restore(at=node.key_at("restore"), step=step)


def _label(entry: LabelEntry, node: YamlNode) -> Iterator[Label]:
    here = node.child("label")
    if not entry.namespace:
        what = "`namespace:` beside the pod" if entry.pod else "`namespace:`, or `pod:` and it"
        here.wrong(f"`label` needs {what}")
        return
    if not entry.set:
        here.wrong("`set` names no labels", on=("set",))
    yield Label(
        at=node.key_at("label"),
        kind="pod" if entry.pod else "namespace",
        name=entry.pod or entry.namespace,
        namespace=entry.namespace if entry.pod else "",
        set=dict(entry.set),
    )
