"""
The reader's answers beside those of a real API server: taken or refused, which fields, why.

`tools/record_answers.py` recorded them from kube-apiserver 1.33, by kubectl with strict validation.
"""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from npol.api_rules.objects import as_sent
from npol.api_rules.review import NO_SUCH_KIND, UNKNOWN_FIELD, WRONG_TYPE, review
from npol.errors import Mistakes
from npol.story.manifest_validation import objects_of
from npol.yaml_positions import YamlDialect, load
from npol_lab.registry import Registry, StatusError
from npol_lab.store import Store
from tests.api_rules.documents import documents
from tests.api_rules.mutants import COUNT, mutants

HERE = Path(__file__).parent
ANSWERS = json.loads((HERE / "answers.json").read_text())["documents"]
MUTANTS = json.loads(gzip.decompress((HERE / "mutants.json.gz").read_bytes()))["mutants"]
TEXTS = documents()

DEVIATIONS = {
    "yaml/end-mark-and-more": "kubectl drops what stands behind `...` in silence; refused here",
    "yaml/two-json": "objects of JSON one behind the other are read by kubectl alone",
    "list/policies-of-another-kind": "kubectl refuses the whole list; read here item by item",
    "yaml/separator-in-a-block": "kubectl sends what stands before the line that it cannot read",
}
"""Where the reader differs from kubectl on purpose, and why."""


def objects(text):
    """What the reader hands on of a text, lists taken apart; None if it cannot be read."""
    try:
        found = load(text.encode(), "text.yaml", YamlDialect.MANIFEST)
    except Mistakes:
        return None
    return [as_sent(item.data) for document in found for item in objects_of(document)]


def reviewed(text):
    """Whether all is taken, and for each object the fields and the reasons of its refusal."""
    found = objects(text)
    if not found:
        return False, []
    answers = [review(obj) for obj in found if isinstance(obj, dict)]
    taken = len(answers) == len(found) and all(answer.accepted for answer in answers)
    return taken, [sorted({(e.field, e.reason) for e in a.errors}) for a in answers]


def recorded_causes(causes):
    """A server's answer in the same terms; where it decodes, its message names types of Go."""
    words = {"unknown": UNKNOWN_FIELD}
    return sorted(
        {(f.encode().decode("unicode_escape"), words.get(r, r)) for f, r in causes if f and r}
    )


COMPARED = sorted(TEXTS.keys() - DEVIATIONS.keys())
SENT = [name for name in sorted(TEXTS) if ANSWERS[name]["read"] and "/kind=" not in name]
KINDS = pytest.mark.parametrize("kind", sorted({name.partition("/")[0] for name in TEXTS}))


@KINDS
def test_reader_takes_what_the_server_takes_and_refuses_for_its_reasons(kind):
    for name in (n for n in COMPARED if n.startswith(f"{kind}/")):
        recorded = ANSWERS[name]
        taken, errors = reviewed(TEXTS[name])

        assert taken == recorded["accepted"], name
        for found, causes in zip(errors, recorded["causes"], strict=False):
            if any(reason == NO_SUCH_KIND for _, reason in found):
                assert "no kind" in causes[0][1], name
            elif causes and causes[0][1].startswith("400"):
                assert [reason for _, reason in found] == [WRONG_TYPE], name
            else:
                assert found == recorded_causes(causes), name


@KINDS
def test_reader_reads_what_kubectl_sends(kind):
    """But for the namespace, which kubectl writes where none is named."""
    for name in (n for n in SENT if n.startswith(f"{kind}/") and n in COMPARED and kind != "list"):
        for body in (found := objects(TEXTS[name])):
            if body.get("metadata", {}) is None:
                continue
            body["metadata"] = dict(body.get("metadata") or {})
            if body["kind"] == "Namespace":
                body["metadata"].pop("namespace", None)
            elif not body["metadata"].get("namespace"):
                body["metadata"]["namespace"] = "default"

        read, sent = (json.dumps(v, sort_keys=True) for v in (found, ANSWERS[name]["read"]))
        assert read == sent, name


@KINDS
def test_lab_answers_what_the_reader_and_the_server_answer(kind):
    for name in (n for n in SENT if n.startswith(f"{kind}/")):
        for sent, causes in zip(ANSWERS[name]["read"], ANSWERS[name]["causes"], strict=True):
            found = _of_lab(sent)
            if causes and causes[0][1].startswith("400"):
                assert causes[0][0] in found[0], name
            else:
                assert found == sorted({f for f, _ in recorded_causes(causes)}), name


def _of_lab(sent):
    """The fields that the lab refuses, or its message where it could not decode the object."""
    registry = Registry(Store())
    registry.create("namespaces", {"metadata": {"name": "default"}})
    kind = review(sent).resource
    try:
        _, unknown = registry.catalogue.decode(kind, sent)
        if not unknown:
            registry.create(kind.name, sent, dry_run=True)
        return unknown
    except StatusError as refused:
        causes = (refused.details or {}).get("causes")
        return sorted({c["field"] for c in causes}) if causes else [refused.message]


def test_the_corpus_is_large_and_has_both_answers():
    refused = sum(not answer["accepted"] for answer in ANSWERS.values())

    assert TEXTS.keys() == ANSWERS.keys()
    assert len(TEXTS) > 400
    assert min(refused, len(ANSWERS) - refused) > 100
    assert len(DEVIATIONS) <= 10


@pytest.mark.parametrize(
    "count", [pytest.param(300), pytest.param(COUNT, marks=pytest.mark.nightly)]
)
def test_mutants_are_taken_and_refused_as_by_the_server(count):
    for number, (mutant, (code, fields)) in enumerate(
        zip(mutants(count), MUTANTS[:count], strict=True)
    ):
        if json.dumps(as_sent(mutant)) != json.dumps(mutant):
            continue  # the server was asked about 80.0 as it stands, kubectl sends 80
        answer = review(mutant)

        assert answer.accepted == (code == 201), number
        if code == 422:
            assert sorted({error.field for error in answer.errors}) == fields, number
