"""`npol document`: write it down."""

from __future__ import annotations

import contextlib
import difflib
import os
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from npol.cli import inputs
from npol.cli.arguments.document import DocumentArguments
from npol.cli.cluster_inputs import connected
from npol.cli.rendered import rendered, to_be_rendered
from npol.cli.scope_lines import scope_lines
from npol.cli.streams import say
from npol.document.cluster_document import as_applied
from npol.document.markdown import BEGIN, END, page_markdown
from npol.document.story_document import Meant, meant, story_page
from npol.errors import ExitCode, InputError, Mistake, Position
from npol.model.change import Apply, Manifest
from npol.model.policy_document import PolicyDocument
from npol.model.story import Step, Story
from npol.policy.objects.dialects import dialect_of
from npol.report.escape import safe
from npol.story import Survey, files, load_story
from npol.story.field_validators import NotValid
from npol.story.mixed_manifests import is_split_off


def document(arguments: DocumentArguments) -> int:
    if arguments.output and arguments.check:
        raise InputError("--output writes a page and --check compares one", hint="one of them")
    source = to_be_rendered(arguments)
    if bool(source) is bool(arguments.what):
        raise InputError("name a story or manifests, or what renders to them", hint="one of them")
    page, scope = _rendered_page(arguments, source) if source else _page(arguments)
    text = page_markdown(page)
    if arguments.check and (different := _compare(arguments.check, text)):
        return different
    if arguments.output:
        _write(arguments.output, text)
    elif not arguments.check:
        say(text, nl=False)
    return _complete(page, scope)


@dataclass(frozen=True, slots=True, kw_only=True)
class _PageScope:
    """What a page is of, and what of that it says nothing of."""

    lines: tuple[str, ...]
    unreadable: tuple[str, ...] = ()

    @classmethod
    def of(cls, found: Meant, survey: Survey | None = None) -> _PageScope:
        left_out = len(survey.left_out) if survey else 0
        lines = scope_lines(found.at.world, dialect_of(found.engine), left_out=left_out)
        return cls(lines=tuple(lines), unreadable=_texts(survey.unreadable if survey else ()))


def _texts(mistakes: Iterable[Mistake]) -> tuple[str, ...]:
    return tuple(map(str, mistakes))


def _complete(page: PolicyDocument, scope: _PageScope) -> ExitCode:
    """A page on which some answers are not known says so to whoever runs this, too."""
    flows = (f"{flow.source} -> {flow.target}" for flow in page.flows if not flow.foretold)
    unknown = [*(f"cannot be foretold: {flow}" for flow in flows), *map(str, page.refused)]
    unknown += scope.unreadable
    for line in (*unknown, *scope.lines):
        say(safe(line), err=True)
    return ExitCode.UNKNOWN if unknown else ExitCode.AS_EXPECTED


def _page(arguments: DocumentArguments) -> tuple[PolicyDocument, _PageScope]:
    """The same page wherever it is written from: all of it is told from beside the file."""
    what = arguments.what or ""
    told = os.path.basename(os.path.abspath(what))
    is_dir = os.path.isdir(what)
    if not is_dir:  # mistakes are told by their paths from here
        load_story(what, root=arguments.root, overlay=arguments.peers)
    beside = {"overlay": _absolute(arguments.peers), "root": _absolute(arguments.root)}
    kubeconfig = _absolute(arguments.kubeconfig)
    real = _inside(what, arguments.root)
    with contextlib.chdir(real if is_dir else os.path.dirname(os.path.abspath(what))):
        survey = inputs.surveyed(["."], ".", "default") if is_dir else None
        story = _one_step(told, survey.manifests) if survey else load_story(told, **beside)
        found = _meant(story, arguments.at or "")
        if arguments.context or kubeconfig:
            found = as_applied(found, connected(kubeconfig, arguments.context))
        command = _command(arguments, ["." if is_dir else told])
        page = story_page(found, command=command, from_file=not is_dir)
        return page, _PageScope.of(found, survey)


def _rendered_page(
    arguments: DocumentArguments, source: Mapping[str, Any]
) -> tuple[PolicyDocument, _PageScope]:
    """Of what a chart or a kustomization renders to, named from here."""
    survey = rendered(source, arguments.root, "default")
    name = os.path.basename(os.path.abspath(arguments.chart or str(arguments.kustomization)))
    found = _meant(_one_step(name, survey.manifests), arguments.at or "")
    if arguments.context or arguments.kubeconfig:
        connection = connected(arguments.kubeconfig, arguments.context)
        found = as_applied(found, connection)
    options = [
        word
        for option, values in (
            ("--helm", [arguments.chart] if arguments.chart else []),
            ("--values", arguments.values or []),
            ("--kustomize", [arguments.kustomization] if arguments.kustomization else []),
        )
        for value in values
        for word in (option, value)
    ]
    page = story_page(found, command=_command(arguments, options), from_file=False)
    return page, _PageScope.of(found, survey)


def _command(arguments: DocumentArguments, named: Sequence[str]) -> str:
    options = ("--at", arguments.at), ("--context", arguments.context), ("--peers", arguments.peers)
    given = [word for name, value in options if value for word in (name, value)]
    return shlex.join(["npol", "document", *named, *given])


def _inside(path: str, root: str | None = None) -> str:
    try:
        return files.inside(path, root)
    except NotValid as error:
        raise InputError(str(error), hint=error.hint) from None


def _absolute(path: str | None) -> str | None:
    return os.path.abspath(path) if path else None


def _meant(story: Story, step: str) -> Meant:
    names = [s.name for s in story.steps]
    if step and step not in names:
        raise InputError(f"story {story.name!r} has no step {step!r}", hint=f"one of: {names}")
    found = meant(story, step)
    plugin = inputs.plugin_of(found.world)
    return replace(found, engine=plugin.name) if plugin else found


def _one_step(name: str, found: Sequence[Manifest]) -> Story:
    """A story after whose only step all policies are applied."""
    policies = tuple(m for m in found if is_split_off(m))
    given = tuple(m for m in found if not is_split_off(m))
    place = Position(name)
    step = Step(name="applied", at=place, changes=(Apply(at=place, manifests=policies),))
    return Story(name=name, path="manifests", root=".", given=given, steps=(step,))


def _compare(file: str, text: str) -> int:
    """Only what stands between the marks is compared."""
    old = _between(_read(file), file)
    if old == text:
        return int(ExitCode.AS_EXPECTED)
    names = (f"{file} as it is", f"{file} as it would be written")
    found = difflib.unified_diff(old.splitlines(), text.splitlines(), *names, lineterm="")
    for line in found:
        say(safe(line))
    return int(ExitCode.DIFFERS)


def _write(file: str, text: str) -> None:
    """A new file; of one that is there, only what stands between the marks."""
    if os.path.exists(file):
        old = _read(file)
        text = old.replace(_between(old, file), text, 1)
    try:
        Path(_inside(file)).write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError(f"{file}: {error.strerror}") from error


def _read(file: str) -> str:
    try:
        text = files.read_bytes(_inside(file), file).decode()
    except (NotValid, UnicodeDecodeError) as error:
        reason = str(error) if isinstance(error, NotValid) else f"{file}: not UTF-8 text"
        raise InputError(reason, hint="--output FILE writes a new page") from None
    return text.replace("\r\n", "\n")


def _between(text: str, file: str) -> str:
    """From mark to mark, both included."""
    _, begin, rest = text.partition(BEGIN)
    inside, end, _ = rest.partition(f"{END}\n")
    if not begin or not end:
        raise InputError(
            f"{file} does not hold the marks of a page that npol wrote",
            hint=f"put the lines {BEGIN} and {END} where it is to stand",
        )
    return begin + inside + end
