"""Rules about the file as such: refusals, keys, names, characters."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any, Protocol

from npol.api_rules import addresses
from npol.errors import Position
from npol.model.peer_selection import ENDS, WORKLOADS
from npol.policy.lint.certain import replaced
from npol.policy.lint.context import Checked
from npol.policy.lint.findings import LintFinding, LintRule
from npol.policy.objects.netpol_types import Origin
from npol.policy.parse.object_source import Path, Source
from npol.policy.parse.parse_policies import GROUP
from npol.policy.parse.server_review import is_held, is_misnamed_policy, reviewed
from npol.policy.parse.validation_errors import Refusal

OTHER_GROUPS = ("crd.projectcalico.org", "projectcalico.org", "crd.antrea.io")
TYPOGRAPHIC = {
    "\u2010": "-",
    "\u2011": "-",
    "\u2012": "-",
    "\u2013": "-",
    "\u2014": "-",
    "\u2212": "-",
    "\u2018": "'",
    "\u2019": "'",
    "\u201c": '"',
    "\u201d": '"',
    "\u00a0": " ",
    "\u200b": "",
    "\ufeff": "",
}
"""Characters that editors and web pages put in the place of plain ones."""


def refusals(checked: Checked) -> Iterator[LintFinding]:
    for refusal in checked.reading.mistakes:
        yield refused(refusal, str(checked.policy), in_file=bool(checked.source.document))


def refused_objects(sources: Iterable[Source]) -> Iterator[LintFinding]:
    """The same of what the policies are for: who is refused is selected by nobody."""
    for source in filter(is_held, sources):
        subject = f"{source.kind} {source.namespace('')}/{source.name}"
        for refusal in reviewed(source)[1]:
            yield replace(refused(refusal, subject, in_file=True), about_policy=False)


class _PolicyAtPlace(Protocol):
    @property
    def origin(self) -> Origin: ...


class _ReadPolicy(Protocol):
    @property
    def policy(self) -> _PolicyAtPlace: ...
    @property
    def mistakes(self) -> tuple[Refusal, ...]: ...


def refusals_of(readings: Iterable[_ReadPolicy]) -> Iterator[LintFinding]:
    """The same of policies of other kinds, as each of them was read."""
    for reading in readings:
        in_file = reading.policy.origin.at is not None
        for refusal in reading.mistakes:
            yield refused(refusal, str(reading.policy), in_file=in_file)


def refused(refusal: Refusal, subject: str, *, in_file: bool) -> LintFinding:
    """What the server refuses, as a finding; `in_file`: the object stands in one."""
    by_agent = " (the API server takes it: it is Cilium's agent that refuses it)"
    return LintFinding(
        rule=_rule_of(refusal),
        message=refusal.message + (by_agent if refusal.by_agent else ""),
        fix=refusal.hint,
        subject=subject,
        at=refusal.at if in_file else None,
    )


def _rule_of(refusal: Refusal) -> LintRule:
    if refusal.unknown_field:
        return LintRule.UNKNOWN_FIELD
    is_range = addresses.network(str(refusal.value)) is not None
    return LintRule.EXCEPT_OUTSIDE if "except" in refusal.path and is_range else LintRule.REFUSED


def no_namespace(policies: Iterable[Checked], others: Iterable[Source]) -> Iterator[LintFinding]:
    """
    Once for each file. Whoever applies a bundle gives all of it a namespace, so nothing is told
    of policies that lie with pods or Services, where none of these names one.
    """
    homeless: dict[str, list[Checked]] = {}
    for checked in policies:
        if not checked.source.metadata.get("namespace"):
            homeless.setdefault(_file(checked.source), []).append(checked)
    beside: dict[str, set[bool]] = {}
    for source in others:
        if source.kind in ENDS:
            beside.setdefault(_file(source), set()).add(bool(source.metadata.get("namespace")))
    for file, found in homeless.items():
        if beside.get(file) == {False}:
            continue
        more = f", and so do {len(found) - 1} more policies of this file" if found[1:] else ""
        message = f"no namespace: it lands in whichever one the context names{more}"
        fix = "write metadata.namespace, or see to it that who applies it names one (kubectl -n)"
        yield found[0].finding(LintRule.NO_NAMESPACE, ("metadata",), message, fix)


def same_names(policies: Iterable[Checked], others: Iterable[Source]) -> Iterator[LintFinding]:
    """
    Policies that would replace each other; in directories of their own they may be for others.

    Variants do not: files that share other objects as well, or whose policies name no namespace.
    """
    files: dict[tuple[str, str, str], set[str]] = {}
    for source in others:
        files.setdefault((source.kind, source.namespace(""), source.name), set()).add(_file(source))
    shared = [names for names in files.values() if len(names) > 1]
    seen: dict[tuple[str, str], Checked] = {}
    for checked in policies:
        file = _file(checked.source)
        key = str(checked.policy), "" if checked.source.metadata.get("namespace") else file
        first = seen.setdefault(key, checked)
        both = {file, _file(first.source)}
        if first is not checked and not any(len(both) > 1 and both <= names for names in shared):
            message = f"{checked.policy} is written down twice, first at {first.policy.origin}"
            fix = "give one of them another name: the one applied last replaces the other"
            found = checked.finding(LintRule.SAME_NAME, ("metadata", "name"), message, fix)
            places = {first.policy.origin.directory, checked.policy.origin.directory}
            yield replace(found, harmless=len(places) > 1)


def _file(source: Source) -> str:
    return source.document.file if source.document else ""


def duplicate_keys(sources: Iterable[Source]) -> Iterator[LintFinding]:
    documents = {id(s.document): s for s in sources if s.document}
    for source in documents.values():
        assert source.document  # kept only with one
        for mistake in source.document.duplicates:
            fix = (
                "the last one wins, and kubectl drops the first without a word; an API server that "
                "is sent both refuses them if it validates strictly: join the two or drop one"
            )
            yield _in_file(LintRule.DUPLICATE_KEY, source, mistake.message, fix, mistake.at)


def wrong_api_version(source: Source) -> Iterator[LintFinding]:
    if source.group in OTHER_GROUPS or not is_misnamed_policy(source):
        return
    message = f"{source.kind} of {source.api_version} does not exist"
    fix = f"apiVersion: {GROUP}/v1, kind: NetworkPolicy (older versions went with Kubernetes 1.16)"
    key = "apiVersion" if source.kind == "NetworkPolicy" else "kind"
    value = f"{GROUP}/v1" if key == "apiVersion" else "NetworkPolicy"
    is_certain = source.group in (GROUP, "extensions")
    certain = replaced(source, (key,), value) if is_certain else None
    finding = _in_file(LintRule.WRONG_API_VERSION, source, message, fix, source.at(key))
    yield replace(finding, certain=certain)


def typographic(source: Source) -> Iterator[LintFinding]:
    for path, text in _texts(source.body, ()):
        found = [c for c in text if c in TYPOGRAPHIC]
        if found:
            name = unicodedata.name(found[0], hex(ord(found[0]))).lower()
            plain = "".join(TYPOGRAPHIC.get(c, c) for c in text)
            message = f"{text!r} holds a {name}, as editors and web pages put in"
            yield _in_file(
                LintRule.TYPOGRAPHIC, source, message, f"write {plain!r}", source.at(*path)
            )


def commands(source: Source) -> Iterator[LintFinding]:
    """Options of containers' commands that begin with a dash which is none."""
    if source.kind != "Pod" and source.kind not in WORKLOADS:
        return
    for path, text in _texts(source.spec, ("spec",)):
        if path[-2:-1] in (("command",), ("args",)) and TYPOGRAPHIC.get(text[:1]) == "-":
            name = unicodedata.name(text[0]).lower()
            message = (
                f"{text!r} begins with an {name}: a tool takes it for a name, not for an option; "
                "then it does not run, which is not the same as blocked"
            )
            fix = f"write {''.join(TYPOGRAPHIC.get(c, c) for c in text)!r}"
            yield _in_file(LintRule.TYPOGRAPHIC, source, message, fix, source.at(*path))


def _texts(value: Any, path: Path) -> Iterator[tuple[Path, str]]:
    """Every key and text of an object; annotations are prose and may hold anything."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if path == ("metadata",) and key == "annotations":
                continue
            if isinstance(key, str):
                yield (*path, key), key
            yield from _texts(inner, (*path, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _texts(inner, (*path, index))
    elif isinstance(value, str):
        yield path, value


def _in_file(
    rule: LintRule, source: Source, message: str, fix: str, at: Position | None
) -> LintFinding:
    return LintFinding(
        rule=rule,
        message=message,
        fix=fix,
        subject=f"{source.kind} {source.namespace('')}/{source.name}",
        at=at,
        about_policy=source.kind == "NetworkPolicy",
    )
