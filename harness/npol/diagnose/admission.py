"""Admission that changes or makes what stories apply: Kyverno, and webhooks of others."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from npol.diagnose.finding import DoctorFinding, FindingState
from npol.diagnose.reader import ExaminedObjects
from npol.model.inventory import Obj

TOPIC = "admission"
POLICIES = "NetworkPolicy"
CHANGES = "what is applied is then not what the files say: exempt the namespaces of the stories"


def findings(seen: ExaminedObjects) -> Iterator[DoctorFinding]:
    found = [*_kyverno(seen), *_webhooks(seen)]
    yield from found
    if not found and not any("kyverno" in what or "webhook" in what for what in seen.unread):
        yield DoctorFinding(TOPIC, FindingState.OK, "nothing here changes or makes NetworkPolicies")


def _kyverno(seen: ExaminedObjects) -> Iterator[DoctorFinding]:
    for obj in seen.of_kind("ClusterPolicy", "Policy"):
        yield from _rules(obj)
    for obj in seen.of_kind("ValidatingPolicy", "MutatingPolicy", "GeneratingPolicy"):
        yield _by_kind(obj)


def _rules(obj: Obj) -> Iterator[DoctorFinding]:
    """A ClusterPolicy: what its rules do, and with which validationFailureAction."""
    spec = obj.get("spec") or {}
    rules = [r for r in spec.get("rules") or () if isinstance(r, Mapping)]
    verbs = ("validate", "mutate", "generate", "verifyImages")
    does = ", ".join(v for v in verbs if any(v in r for r in rules)) or "no rule"
    action = f", validationFailureAction {_action(spec, rules)}" if "validate" in does else ""
    text = f"Kyverno {_name(obj)}: {does}{action}"
    if not _is_ready(obj):
        yield DoctorFinding(
            TOPIC, FindingState.PROBLEM, f"{text}, not Ready", f"kubectl describe {_path(obj)}"
        )
        return
    if any(_touches(rule) for rule in rules):
        yield DoctorFinding(TOPIC, FindingState.PROBLEM, f"{text}, of NetworkPolicies", CHANGES)
        return
    yield DoctorFinding(TOPIC, FindingState.OK, text)


def _action(spec: Mapping[str, Any], rules: Iterable[Mapping[str, Any]]) -> str:
    """Of the rules where they say so, else of the whole policy; Audit is Kyverno's default."""
    own = {str(r["validate"].get("failureAction") or "") for r in rules if "validate" in r}
    default = str(spec.get("validationFailureAction") or "Audit")
    return "/".join(sorted({action or default for action in own}))


def _touches(rule: Mapping[str, Any]) -> bool:
    """Whether a rule generates NetworkPolicies, or mutates them."""
    made = POLICIES in str(rule.get("generate"))
    return made or ("mutate" in rule and POLICIES in str(rule.get("match")))


def _by_kind(obj: Obj) -> DoctorFinding:
    """Kyverno's newer kinds, one for each verb."""
    spec, word = obj.get("spec") or {}, obj["kind"].removesuffix("ingPolicy").lower()
    text = f"Kyverno {_name(obj)}"
    if word == "validat":
        actions = "/".join(map(str, spec.get("validationActions") or ["Audit"]))
        return DoctorFinding(TOPIC, FindingState.OK, f"{text}: validationActions {actions}")
    if "networkpolic" in str(spec).lower():  # by kind or by resource
        return DoctorFinding(
            TOPIC, FindingState.PROBLEM, f"{text} speaks of NetworkPolicies", CHANGES
        )
    return DoctorFinding(TOPIC, FindingState.OK, text)


def _is_ready(obj: Obj) -> bool:
    """Without a status nothing is known to be wrong."""
    status = obj.get("status") or {}
    conditions = {c.get("type"): c.get("status") for c in status.get("conditions") or ()}
    return conditions.get("Ready", "True") == "True" and status.get("ready") is not False


def _webhooks(seen: ExaminedObjects) -> Iterator[DoctorFinding]:
    for obj in seen.of_kind("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"):
        covered = {r for hook in obj.get("webhooks") or () for r in _covered(hook)}
        if "networkpolicies" in covered and obj["kind"].startswith("Mutating"):
            text = f"{_name(obj)} may change NetworkPolicies"
            yield DoctorFinding(TOPIC, FindingState.PROBLEM, text, CHANGES)
        elif covered:
            what = " and ".join(sorted(covered))
            word = "may change" if obj["kind"].startswith("Mutating") else "may refuse"
            yield DoctorFinding(TOPIC, FindingState.OK, f"{_name(obj)} {word} {what}")
    for obj in seen.of_kind("MutatingAdmissionPolicy"):
        if "networkpolicies" in str((obj.get("spec") or {}).get("matchConstraints")):
            yield DoctorFinding(
                TOPIC, FindingState.PROBLEM, f"{_name(obj)} may change NetworkPolicies", CHANGES
            )


def _covered(hook: Mapping[str, Any]) -> Iterator[str]:
    """Which of pods and networkpolicies a webhook is asked about."""
    for rule in hook.get("rules") or ():
        groups, resources = rule.get("apiGroups") or (), rule.get("resources") or ()
        for name, group in (("pods", ""), ("networkpolicies", "networking.k8s.io")):
            named = any(r in (name, "*", "*/*") for r in resources)
            if named and any(g in (group, "*") for g in groups):
                yield name


def _name(obj: Obj) -> str:
    meta = obj["metadata"]
    place = f"{meta['namespace']}/" if meta.get("namespace") else ""
    return f"{obj['kind']} {place}{meta['name']}"


def _path(obj: Obj) -> str:
    meta = obj["metadata"]
    place = f"-n {meta['namespace']} " if meta.get("namespace") else ""
    return f"{place}{obj['kind'].lower()} {meta['name']}"
