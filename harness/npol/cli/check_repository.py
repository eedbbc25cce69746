"""`npol check DIR`: each kustomization, each chart and the plain manifests, each apart."""

from __future__ import annotations

import functools
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import BinaryIO

from npol.cli import inputs
from npol.cli.rendered import rendered
from npol.cli.scope_lines import scope_lines
from npol.cli.variants import worlds
from npol.errors import Mistake, Mistakes, Position
from npol.model.change import Manifest
from npol.policy.lint import LintFinding, LintRule, lint, of_files
from npol.policy.lint.platform_objects import CONTROLLERS
from npol.policy.objects.dialects import SPEC, Dialect
from npol.policy.parse.object_source import Source, sources
from npol.policy.state.apply_changes import build
from npol.policy.state.cluster_state import ClusterState
from npol.story import Survey, files
from npol.story.field_validators import NotValid
from npol.story.repository import Repository, repository

RENDERERS = 4
KIND = "NetworkPolicy"
NAMED = re.compile(rb"""kind["']?\s*:\s*["']?\w*NetworkPolicy""")


@dataclass(frozen=True, slots=True, kw_only=True)
class RepositoryFindings:
    """Findings about policies, and what is said of the rest in a line each."""

    findings: tuple[LintFinding, ...]
    lines: tuple[str, ...]
    incomplete: bool
    """Whether nothing could be judged, or something that names NetworkPolicies was not rendered."""


@dataclass(slots=True)
class _Surveyed:
    plain: Survey | None = None
    rendered: list[Survey] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    """Directory -> why it was not rendered."""

    @property
    def surveys(self) -> list[Survey]:
        return [*([self.plain] if self.plain else []), *self.rendered]


def check_repositories(
    directories: Sequence[str],
    beside: Sequence[Manifest],
    root: str | None,
    around: ClusterState,
    dialect: Dialect,
    named: Sequence[Survey] = (),
) -> RepositoryFindings:
    """
    Everything that is odd about the policies of directories, and of what was rendered by name.

    Their plain manifests and those `beside` them are one world, but for directories that are
    variants of each other; of those beside them all is told.

    Raises:
        Mistakes: a directory cannot be read, or holds nothing to be judged.
    """
    parts = _joined([_parts(d, root) for d in directories])
    surveyed = _surveyed(parts, root, [os.path.realpath(d) for d in directories])
    surveyed.rendered += named
    nothing = not any(s.manifests or s.unreadable for s in surveyed.surveys)
    if directories and nothing and not surveyed.failed:
        left_out = [m for s in surveyed.surveys for m in s.left_out]
        empty = [Mistake(Position(d), "there are no manifests here") for d in directories]
        raise Mistakes([*empty, *left_out])
    told = {m.at.file for m in beside}
    findings: list[LintFinding] = []
    everything: list[Source] = []
    for survey in _judged(surveyed, beside):
        objects = list(sources(survey.manifests))
        everything += objects
        for found in (*_unreadable(survey), *_of_worlds(objects, around, dialect)):
            if found.rule is LintRule.NO_NAMESPACE and survey.is_of_chart:
                continue  # a chart leaves it to who installs it
            is_named = found.at is not None and found.at.file in told
            if found.about_policy or found.rule is LintRule.UNREADABLE or is_named:
                findings.append(found)
    failed = any(map(_names_policies, surveyed.failed)) or any(
        _is_open_policy(m) for s in surveyed.surveys for m in s.unreadable
    )
    return RepositoryFindings(
        findings=tuple(dict.fromkeys(findings)),
        lines=tuple(_lines(parts, surveyed, everything, None if dialect is SPEC else dialect)),
        incomplete=failed or bool(directories and nothing),
    )


def _parts(directory: str, root: str | None) -> Repository:
    try:
        return repository(files.inside(directory, root))
    except NotValid as error:
        raise Mistakes([Mistake(Position(directory), str(error), error.hint)]) from None


def _joined(parts: Sequence[Repository]) -> Repository:
    return Repository(
        kustomizations=tuple(dict.fromkeys(d for p in parts for d in p.kustomizations)),
        charts=tuple(dict.fromkeys(d for p in parts for d in p.charts)),
        plain=tuple(dict.fromkeys(f for p in parts for f in p.plain)),
    )


def _of_worlds(
    objects: Sequence[Source], around: ClusterState, dialect: Dialect
) -> Iterator[LintFinding]:
    for world in worlds(objects):
        for found in lint(world.objects, around, dialect):
            if found.at is None or world.tells(found.at.file):
                yield found


def _judged(surveyed: _Surveyed, beside: Sequence[Manifest]) -> Iterator[Survey]:
    """What lies there as it is, and each rendering."""
    plain = surveyed.plain or Survey(manifests=())
    yield replace(plain, manifests=each_once((*beside, *plain.manifests)))
    yield from surveyed.rendered


def each_once(manifests: Iterable[Manifest]) -> tuple[Manifest, ...]:
    """Without what is met again by another way to the same file: the first one stays."""
    real = functools.cache(os.path.realpath)  # asked once for each file, not for each object
    found: dict[tuple[str, int, int], Manifest] = {}
    for manifest in manifests:
        at = manifest.at
        found.setdefault((real(at.file), at.line, at.column), manifest)
    return tuple(found.values())


def _surveyed(parts: Repository, root: str | None, directories: Sequence[str]) -> _Surveyed:
    result = _Surveyed()
    if parts.plain:
        result.plain = inputs.surveyed([os.path.relpath(p) for p in parts.plain], root)
    sources = [("kustomize", d) for d in parts.kustomizations]
    sources += [("helm", d) for d in parts.charts]
    with ThreadPoolExecutor(max_workers=RENDERERS) as pool:
        roots = [root or _root_of(place, directories) for _, place in sources]
        answers = pool.map(lambda s, top: _rendered(s[0], s[1], top), sources, roots)
        for (_, place), answer in zip(sources, answers, strict=True):
            if isinstance(answer, Survey):
                result.rendered.append(answer)
            else:
                result.failed[place] = answer
    return result


def _root_of(place: str, directories: Sequence[str]) -> str:
    """The repository of the directory that was named, else that directory itself."""
    named = next(d for d in directories if os.path.commonpath([d, place]) == d)
    return files.root_around(named)


def _rendered(tool: str, directory: str, root: str) -> Survey | str:
    try:
        return rendered({tool: os.path.relpath(directory)}, root, "")
    except Mistakes as error:
        first = error.mistakes[0]
        return first.message + (f" - {first.hint}" if first.hint else "")


def _unreadable(survey: Survey) -> Iterator[LintFinding]:
    """Policies, files that hold one, and misspelt kinds: the others are left out, and counted."""
    about = (m for m in survey.unreadable if not _is_open_policy(m) and _is_about_policy(m))
    yield from of_files(about, ())


def _is_about_policy(mistake: Mistake) -> bool:
    if mistake.misspelt:
        return True
    return KIND in mistake.about if mistake.about else _names_policy(mistake.at)


def _is_open_policy(mistake: Mistake) -> bool:
    """Whether it is a policy with variables to be filled in."""
    return mistake.unfilled and KIND in mistake.about


def _names_policy(at: Position) -> bool:
    """Whether a text holds such words; so may what was rendered, or cannot be looked into."""
    if at.is_rendered:
        return True
    try:
        with files.opened(files.inside(at.file), at.file) as text:
            return any(NAMED.search(piece) for piece in _pieces(text))
    except (NotValid, OSError):
        return True


def _pieces(text: BinaryIO) -> Iterator[bytes]:
    """All of a file, each piece with the end of the one before; UTF-16 as if it were ASCII."""
    before = b""
    while chunk := text.read(1 << 20):
        chunk = chunk.replace(b"\0", b"")
        yield before + chunk
        before = chunk[-256:]


def _names_policies(directory: str) -> bool:
    every = (os.path.join(d, n) for d, _, names in os.walk(directory) for n in names)
    return any(_names_policy(Position(file)) for file in every)


def _lines(
    parts: Repository, surveyed: _Surveyed, objects: Sequence[Source], dialect: Dialect | None
) -> Iterator[str]:
    """`dialect` None: no plugin was named, so every kind is looked at that some plugin reads."""
    unreadable = [m for survey in surveyed.surveys for m in survey.unreadable]
    unread = {m.at.file for m in unreadable if not m.about and not _names_policy(m.at)}
    left_out = sum(len(s.left_out) for s in surveyed.surveys)
    worlds = len(surveyed.rendered)
    if parts != Repository():
        yield f"judged: {worlds} kustomization(s) and chart(s), {len(parts.plain)} plain file(s)"
    yield from scope_lines(build(objects), dialect, left_out=left_out, unread=len(unread))
    if others := sum(bool(m.about) and not _is_about_policy(m) for m in unreadable):
        yield f"not read: {others} other object(s) that the API server would not take as they stand"
    if open_ones := [m for m in unreadable if _is_open_policy(m)]:
        count = "1 policy" if len(open_ones) == 1 else f"{len(open_ones)} policies"
        where = f"the first at {open_ones[0].at}"
        yield f"not judged: {count} with variables to be filled in, {where}"
    controlled = Counter(o.kind for o in objects if o.kind in CONTROLLERS)
    if controlled:
        counted = ", ".join(f"{n} {kind}" for kind, n in sorted(controlled.items()))
        yield f"rendered by controllers only, so not judged: {counted}"
    for place, why in sorted(surveyed.failed.items()):
        yield f"not rendered: {os.path.relpath(place)}: {why}"
