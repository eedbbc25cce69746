"""Why policies let a flow through or not, in words: the one place that makes them of a `Cause`."""

from __future__ import annotations

from collections.abc import Iterator

from npol.model.causes import (
    ActsByItsRules,
    AllowedBy,
    Cause,
    DeniedBy,
    EnginesDiffer,
    Fact,
    Isolated,
    LeadsTo,
    MoreRankedRulesMiss,
    NameUnresolved,
    NotActing,
    NotActingCode,
    NotEvaluated,
    NotExercised,
    NotFitting,
    NotSelected,
    RankedRule,
    RankedRuleFits,
    RankedRuleMisses,
    TierUndecided,
)
from npol.model.doubt import Doubt
from npol.model.fixes import AddPolicy, AllowPort, Fix, SelectOthers
from npol.model.prediction import PredictedDecision, Prediction
from npol.model.reason import Reason
from npol.model.sentence import Sentence
from npol.report.doubts import doubt_words
from npol.report.escape import safe
from npol.report.mismatches import mismatch_words
from npol.report.reasons import reason_words

_NOT_ACTING = {
    NotActingCode.NO_POD: "policies select pods only",
    NotActingCode.HOST_NETWORK: "is on its node's network: policies do not act on it",
    NotActingCode.ITSELF: "a pod always reaches its own address",
    NotActingCode.ITSELF_BY_SERVICE: "a pod reaches itself through its own Service",
    NotActingCode.OWN_NODE: "a pod's own node always reaches it",
}
_ACTIONS = {"Accept": "accepts", "Deny": "denies"}
_BEHIND = (
    "although NetworkPolicies isolate it and do not let it through: "
    "this network plugin asks the Baseline tier all the same"
)
_PLACES = {
    "Admin": "before NetworkPolicies are asked",
    "Baseline": "since no NetworkPolicy isolates it",
}


def cause_words(cause: Cause) -> str:
    """With whom it is about."""
    words = fact_words(cause.what)
    return f"{cause.subject}: {words}" if cause.subject else words


def fact_words(fact: Fact | Sentence | None) -> str:
    """The fact by itself; "" for none."""
    match fact:
        case None:
            return ""
        case Sentence():
            return str(fact)
        case Doubt():
            return doubt_words(fact)
        case Reason():
            return reason_words(fact)
        case NotActing():
            return f"{fact.pod} {_NOT_ACTING[fact.code]}".lstrip()
        case NotEvaluated():
            return f"{fact.policy} may select an end, and is not evaluated"
        case NotExercised():
            return f"{fact.policy}: {fact.direction} rule"
        case AllowPort() | SelectOthers() | AddPolicy():
            return _fix(fact)
        case NotSelected():
            return _not_selected(fact)
        case AllowedBy():
            return f"{fact.rule.policy} allows it ({fact.rule.place})"
        case DeniedBy():
            return f"{fact.rule.policy} denies it ({fact.rule.place}), whatever else allows it"
        case NotFitting():
            return _not_fitting(fact)
        case Isolated():
            return _isolated(fact)
        case LeadsTo():
            return _leads_to(fact)
        case NameUnresolved():
            return "the packets would pass, but the name does not resolve: applications fail"
        case EnginesDiffer():
            said = ", ".join(map(" ".join, fact.answers))
            return f"engines differ on this flow by design: {said}"
        case ActsByItsRules():
            types = f"isolates {fact.direction}, which its policyTypes do not name"
            return f"{fact.policy} {types}: {fact.engine} goes by the rules that it has"
        case RankedRuleFits() | RankedRuleMisses() | MoreRankedRulesMiss() | TierUndecided():
            return _of_tier(fact)


def _leads_to(fact: LeadsTo) -> str:
    words = f"{fact.service} port {fact.port} goes to {', '.join(fact.pods)} port {fact.pod_port}"
    if fact.pod_port == fact.port:
        return words
    return f"{words}: policies are judged on {fact.pod_port}, never on {fact.port}"


def _not_selected(fact: NotSelected) -> str:
    words = f"no policy selects it for {fact.direction}"
    near = f"; {fact.near} selects {fact.selector}, not {fact.labels}" if fact.near else ""
    return words + near


def _not_fitting(fact: NotFitting) -> str:
    why = (mismatch_words(fact.mismatches), fact_words(fact.doubt))
    word = "does not fit" if fact.sure else "may or may not fit"
    return f"{fact.clause} {word}: {'; '.join(filter(None, why))}"


def _isolated(fact: Isolated) -> str:
    names = ", ".join(map(str, fact.policies)) + (f" and {fact.more} more" if fact.more else "")
    whose = "their" if len(fact.policies) > 1 else "its"
    allows = "allows it" if fact.sure else "is known to allow it"
    return f"isolated by {names}, and none of {whose} rules {allows}{_forgotten(fact)}"


def _forgotten(fact: Isolated) -> str:
    if fact.from_dns:
        return ": names do not resolve; allow egress to the DNS pods on UDP and TCP 53"
    if fact.allowing is None:
        return ""
    return (
        f"; {fact.allowing} allows its {fact.other_direction}, "
        "but a flow needs the egress of its source and the ingress of its target"
    )


def _fix(fact: Fix) -> str:
    match fact:
        case AllowPort():
            return f"in {fact.ports} allow {fact.port}"
        case SelectOthers():
            return f"in {fact.peer} select {' and '.join(_selected(fact))}"
        case AddPolicy():
            return f"add a policy {fact.policy} that allows the {fact.side} on {fact.port}"


def _selected(fact: SelectOthers) -> Iterator[str]:
    if fact.namespaces is not None:
        yield f"namespaces with {fact.namespaces}"
    if fact.pods is not None:
        yield f"pods with {fact.pods}" if fact.pods else "every pod"


def _of_tier(
    fact: RankedRuleFits | RankedRuleMisses | MoreRankedRulesMiss | TierUndecided,
) -> str:
    match fact:
        case TierUndecided():
            return f"tier {fact.tier}: {doubt_words(fact.doubt)}"
        case MoreRankedRulesMiss():
            return f"tier {fact.tier}: {fact.count} more rules do not fit"
        case RankedRuleMisses():
            why = mismatch_words(fact.mismatches)
            return f"tier {fact.rule.tier}: {_ranked(fact.rule)} does not fit: {why}"
        case RankedRuleFits():
            if verb := _ACTIONS.get(fact.action):
                in_tier = f"in the tier {fact.rule.tier}"
                place = _BEHIND if fact.isolated else _PLACES.get(fact.rule.tier, in_tier)
                return f"{_ranked(fact.rule)} {verb} it {place}"
            return f"tier {fact.rule.tier}: {_ranked(fact.rule)} hands it on to the next tier"


def _ranked(rule: RankedRule) -> str:
    """`ClusterNetworkPolicy guard (guard.yaml:9), rule "no metadata", priority 10,`."""
    name = f", rule {rule.name!r}" if rule.name else ""
    return f"{rule.policy}{name}, {rule.rank},"


def prediction_words(prediction: Prediction) -> str:
    """`deny`, `unknown: the records do not say ...`."""
    word = prediction.decision.value
    told = (PredictedDecision.UNKNOWN, PredictedDecision.DIFFERS_BY_FAMILY)
    return f"{word}: {fact_words(prediction.detail)}" if prediction.decision in told else word


def placed(cause: Cause) -> str:
    """A cause with the line that says so, unless its text names it already."""
    text, place = cause_words(cause), f"{cause.at.file}:{cause.at.line}" if cause.at else ""
    return safe(text if place in text else f"{text} ({place})")
