"""Why a verdict is what it is, in words: the one place that makes them of a `Reason`."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping

from npol.errors import did_you_mean
from npol.model.expectation import CLOSED, Outcome
from npol.model.packet_fate import Fate
from npol.model.reason import Reason, ReasonCode
from npol.model.sending import Sending

_MOST_CHANGES = 3
_UNANSWERED = (
    "it refuses at once, or is silent where the source's egress does not allow its ClusterIP"
)
"""Measured on Calico, which judges the untranslated ClusterIP then; Cilium is always silent."""


def reason_words(reason: Reason | None) -> str:
    """The whole reason; "" for none."""
    if reason is None:
        return ""
    words = _WORDS[reason.code](reason)
    if reason.besides:
        words = f"{words}; {reason_words(reason.besides)}"
    if (pods := reason.pods) is None:
        return words
    who = f"{pods.failing} of {pods.asked} source pods: {pods.pod}"
    return f"{who}: {words}" if words else who


def _nothing_to_ask(reason: Reason) -> str:
    return reason_words(reason.because) or "there is no address to ask"


def _no_such_service(reason: Reason) -> str:
    _, _, name = reason.subject.partition("/")
    there = f"there are {', '.join(reason.names) or 'none'}"
    told = did_you_mean(name, reason.names, there)
    return f"Service {reason.subject} does not exist: {told}"


def _not_run(reason: Reason) -> str:
    return f"the probe did not run: {reason.said or reason.subject}"


def _closed(reason: Reason) -> str:
    """`count` others answer, of `total` pods; `names`: what was looked up."""
    if reason.count:
        return f"the Service's address is closed while {reason.count} other(s) answer"
    if not reason.total:
        return "no answer"
    resolved = "the name resolves; " if reason.names else ""
    return f"{resolved}neither ClusterIP nor pod address answers"


def _dns_blocked(reason: Reason) -> str:
    """A question that arrived was not blocked."""
    tail = "; its addresses answer" if reason.count else ""
    fate = reason.besides.fate if reason.besides else None
    blocked = "" if fate and fate.fate is Fate.ARRIVED else "DNS is blocked: "
    return f"{blocked}no DNS server answered{tail}"


def _name_answered(reason: Reason) -> str:
    resolved = reason.seen[0].outcome is Outcome.OPEN
    return "resolved" if resolved else "a DNS server answered"


def _foreign_address(reason: Reason) -> str:
    foreign, own = ", ".join(reason.names), ", ".join(reason.wanted)
    return f"DNS answers {foreign} for {reason.subject}, the Service has {own}"


def _endpoint_closed(reason: Reason) -> str:
    outcome = _outcome(reason)
    return f"{reason.count} of {reason.total} endpoints answer; {reason.subject}: {outcome}"


def _one_family_closed(reason: Reason) -> str:
    told = ", ".join(f"{seen.subject}: {seen}" for seen in reason.seen)
    return f"closed over IPv{reason.family}, open over IPv{10 - reason.family}; {told}"


def _one_family_open(reason: Reason) -> str:
    families = f"open over IPv{10 - reason.family}, closed over IPv{reason.family}"
    return f"{families}: {reason.subject}" if reason.subject else families


def _other_status(reason: Reason) -> str:
    status = reason.seen[0].status
    answer = f"HTTP status {status}" if status else "no HTTP answer"
    return f"{_of(reason)}{answer} instead of {reason.wanted[0]}"


def _of(reason: Reason) -> str:
    """Which address it is about, where it is not the one that an application meets first."""
    return f"{reason.subject}: " if reason.subject else ""


def _not_silent(reason: Reason) -> str:
    subject, what = reason.subject, reason.seen[0].outcome
    if what is Outcome.REFUSED:
        return f"{subject} refused at once: nothing listens, which is no proof of a policy"
    if what in CLOSED:
        return f"{subject} answered {_outcome(reason)}, which is not how this engine denies"
    return f"{subject}: {_outcome(reason)}"


def _outcome(reason: Reason) -> str:
    """What was seen, without the status of an answer."""
    outcome = reason.seen[0].outcome
    return outcome.value if outcome else ""


_NOT_SENDING = {
    Sending.NOT_HEARD: "nothing from this source arrives, not even what the policies let through: "
    "its silence proves nothing",
    Sending.NODE_NOT_HEARD: "nothing arrives from the source's node, not even from a pod there "
    "that no policy selects: silence proves nothing",
    Sending.NEVER_SHOWN: "nothing has shown in this story that this source can send, and nothing "
    "is predicted: its silence proves nothing",
}


def _source_not_proven(reason: Reason) -> str:
    if reason.sending:
        over = f"over IPv{reason.family} " if reason.family else ""
        return over + _NOT_SENDING[reason.sending]
    if not reason.seen:
        return "the source's control probe to itself was not asked"
    return (
        f"the source does not reach its own address ({_outcome(reason)}): the probe is "
        "broken, not the flow blocked"
    )


def _target_not_proven(reason: Reason) -> str:
    if not reason.subject:
        return "there is no address to deny: no ready endpoint"
    return f"nothing shows that {reason.subject} is alive, so its silence proves nothing"


def _target_silent(reason: Reason) -> str:
    node = reason.fate.node if reason.fate else ""
    return f"{reason.subject} got the packet ({node}): it is silent, not denied"


def _name_server_silent(reason: Reason) -> str:
    node = reason.fate.node if reason.fate else ""
    return f"{reason.subject}: the name server was asked ({node}) and is silent: slow, not denied"


def _not_enforced(reason: Reason) -> str:
    by = ", ".join(map(str, reason.fate.policies)) if reason.fate else ""
    return (
        f"{reason.subject}: policies deny it{f' ({by})' if by else ''} and let it pass: "
        "policy audit mode is on (policy-audit-mode, Helm: policyAuditMode)"
    )


def _source_pods_differ(reason: Reason) -> str:
    """Without a count where it is about the pod that is named."""
    if not reason.total:
        return ""
    asked = f"{reason.count} of {reason.total} pods of the source were asked"
    return f"{asked}, and policies differ between its pods"


def _other_policy(reason: Reason) -> str:
    decides = ", ".join(reason.names) or "no policy does"
    return f"policy {reason.wanted[0]!r} is not what decides it: {decides}"


def _names_differ(reason: Reason) -> str:
    claim, others = reason.wanted[0], ", ".join(reason.names)
    return f"the prediction says that policy {claim!r} decides it, the data plane names {others}"


def _decider_unknown(reason: Reason) -> str:
    return f"whether policy {reason.wanted[0]!r} decides it is not known"


def _changed(reason: Reason) -> str:
    heads = (name.partition("\n")[0] for name in reason.names)  # a diff may follow
    changes = "; ".join(itertools.islice(heads, _MOST_CHANGES))
    return f"somebody else changed the cluster meanwhile: {changes}"


_WORDS: Mapping[ReasonCode, Callable[[Reason], str]] = {
    ReasonCode.NOTHING_TO_ASK: _nothing_to_ask,
    ReasonCode.PROBE_FAILED: _not_run,
    ReasonCode.SOURCE_STARVED: _not_run,
    ReasonCode.NOT_HELD: lambda r: f"whether the connection lives is not known: {r.said}",
    ReasonCode.HELD: lambda r: r.said,
    ReasonCode.NO_SUCH_SERVICE: _no_such_service,
    ReasonCode.NO_RUNNING_POD: lambda r: f"no running pod is peer {r.subject!r}",
    ReasonCode.NO_EXTERNAL_ENDPOINT: lambda r: (
        f"this cluster has no place outside called {r.subject!r} (give one with --peers)"
    ),
    ReasonCode.NO_ANSWERING_NODE: lambda r: f"no node answers for {r.subject} from outside",
    ReasonCode.NAME_NOT_RESOLVED: lambda r: (
        f"{r.subject} has not resolved at {r.names[0]} in this run: there is no address to ask"
    ),
    ReasonCode.ADDRESSES_NOT_ASKED: lambda r: (
        "its name resolves by now; none of its addresses has been asked yet"
    ),
    ReasonCode.NO_ROUTE: lambda r: reason_words(r.because) or r.said,
    ReasonCode.OTHER_FAMILY: lambda r: (
        f"{r.subject} has IPv{r.family} only, and {r.names[0]} has IPv{10 - r.family}"
    ),
    ReasonCode.NO_SUCH_OBJECT: lambda r: f"there is no {r.subject}",
    ReasonCode.KIND_NOT_SERVED: lambda r: r.said,
    ReasonCode.ALIAS_FOR_ITSELF: lambda r: f"{r.subject} is an ExternalName for itself",
    ReasonCode.ALIAS_FOR_NOBODY: lambda r: (
        f"{r.subject} is an ExternalName for {r.names[0]}, no Service known here"
    ),
    ReasonCode.NO_SUCH_PORT: lambda r: (
        f"{r.subject} has no port {r.wanted[0]}; it has {', '.join(r.names) or 'none'}"
    ),
    ReasonCode.NO_ENDPOINT_KNOWN: lambda r: (
        f"{r.subject} has no selector, and no endpoints are known"
    ),
    ReasonCode.NO_POD_SELECTED: lambda r: f"{r.subject} selects no pod: {_UNANSWERED}",
    ReasonCode.NO_READY_POD: lambda r: f"{r.subject} has no ready pod: {_UNANSWERED}",
    ReasonCode.NO_POD_WITH_PORT: lambda r: (
        f"no pod of {r.subject} has a port named {r.wanted[0]!r}"
    ),
    ReasonCode.NO_READY_ENDPOINT: lambda r: f"{r.subject} has no ready endpoint: {_UNANSWERED}",
    ReasonCode.NO_ENDPOINT_OF_FAMILY: lambda r: (
        f"no endpoint of {r.subject} has an IPv{r.family} address"
    ),
    ReasonCode.NOT_FROM_OUTSIDE: lambda r: (
        f"{r.subject} is of type {r.names[0]}: not reachable from outside"
    ),
    ReasonCode.NO_NODE_PORT: lambda r: f"{r.subject} has no nodePort",
    ReasonCode.POD_FINISHED: lambda r: f"pod {r.subject} has finished",
    ReasonCode.NO_ADDRESS_OF_FAMILY: lambda r: f"{r.subject} has no IPv{r.family} address",
    ReasonCode.NO_SOURCE_HERE: lambda r: f"no pod here is peer {r.subject!r}",
    ReasonCode.NO_TARGET_HERE: lambda r: f"nothing here is peer {r.subject!r}",
    ReasonCode.KNOWN_AT_SOURCE: lambda r: (
        f"what {r.subject} resolves to is known at the source only"
    ),
    ReasonCode.UNKNOWN_CLUSTER_IP: lambda r: (
        f"{r.subject} lies among the ClusterIPs, and no Service known here has it"
    ),
    ReasonCode.OPEN: lambda r: f"open: {r.subject}",
    ReasonCode.CLOSED: _closed,
    ReasonCode.DNS_BLOCKED: _dns_blocked,
    ReasonCode.NO_SUCH_NAME: lambda r: "the name does not exist",
    ReasonCode.NAME_ANSWERED: _name_answered,
    ReasonCode.FOREIGN_ADDRESS: _foreign_address,
    ReasonCode.REFUSED: lambda r: (
        "refused at once: nothing listens there, or the Service has no endpoints"
    ),
    ReasonCode.REFUSES_WHOM_IT_HEARS: lambda r: f"{r.subject} refused, as it does whom it hears",
    ReasonCode.ENDPOINT_CLOSED: _endpoint_closed,
    ReasonCode.ONE_FAMILY_CLOSED: _one_family_closed,
    ReasonCode.ONE_FAMILY_OPEN: _one_family_open,
    ReasonCode.OTHER_STATUS: _other_status,
    ReasonCode.SEEN_ONCE: lambda r: (
        f"as expected at the last moment only, not {r.total} times in a row: a longer "
        "`settle.within` tells"
    ),
    ReasonCode.OTHER_BODY: lambda r: f"{_of(r)}the answer does not contain {r.wanted[0]!r}",
    ReasonCode.BODY_CUT_OFF: lambda r: (
        f"{_of(r)}the beginning of the answer, which is all that is read, does not "
        f"contain {r.wanted[0]!r}"
    ),
    ReasonCode.OTHER_OUTCOME: lambda r: f"closed, but not {r.wanted[0]}",
    ReasonCode.NOT_SILENT: _not_silent,
    ReasonCode.SOURCE_NOT_PROVEN: _source_not_proven,
    ReasonCode.DNS_NOT_PROVEN: lambda r: (
        "nothing shows that the cluster's DNS answers anybody, so silence proves nothing"
    ),
    ReasonCode.TARGET_NOT_PROVEN: _target_not_proven,
    ReasonCode.TARGET_SILENT: _target_silent,
    ReasonCode.NAME_SERVER_SILENT: _name_server_silent,
    ReasonCode.NOT_BY_POLICY: lambda r: f"{r.subject}: {r.fate}: that is no policy",
    ReasonCode.NOT_ENFORCED: _not_enforced,
    ReasonCode.CONTRADICTION: lambda r: f"answered, and then {r.fate}",
    ReasonCode.RECORDED: lambda r: f"{r.subject}: {r.fate}",
    ReasonCode.FLAPPING: lambda r: f"the answer keeps changing: ... {', '.join(map(str, r.seen))}",
    ReasonCode.AGAINST_PREDICTION: lambda r: (
        f"packets and policies differ: seen {r.seen[0]}, predicted otherwise"
    ),
    ReasonCode.SOURCE_PODS_DIFFER: _source_pods_differ,
    ReasonCode.BUDGET_NOT_SHOWN: lambda r: (
        f"first seen to be so {r.seconds or 0.0:.1f} s after the change: nothing shows that it was "
        f"within {r.budget or 0.0:g} s"
    ),
    ReasonCode.TOO_SLOW: lambda r: (
        f"as expected after {r.seconds or 0.0:.1f} s only, budget {r.budget or 0.0:g} s"
    ),
    ReasonCode.LEAKED: lambda r: (
        f"open for {r.seconds or 0.0:.2f} s once the pod had started, budget {r.budget or 0.0:g} s"
    ),
    ReasonCode.LEAK_NOT_EXCLUDED: lambda r: (
        f"not seen for {r.seconds or 0.0:.2f} s once the pod had started, in which it may have been"
        f" open; budget {r.budget or 0.0:g} s"
    ),
    ReasonCode.START_NOT_SEEN: lambda r: f"the first seconds of the pod were not seen: {r.said}",
    ReasonCode.OTHER_POLICY_DECIDES: _other_policy,
    ReasonCode.DECIDING_POLICY_UNKNOWN: _decider_unknown,
    ReasonCode.DATA_PLANE_NAMES_NOBODY: lambda r: (
        f"{_decider_unknown(r)}; the data plane names nobody"
    ),
    ReasonCode.POLICY_NAMES_DIFFER: _names_differ,
    ReasonCode.CHANGED_BY_OTHERS: _changed,
    ReasonCode.CHANGES_NOT_READ: lambda r: (
        f"whether somebody else changed the cluster meanwhile is not known: {r.said}"
    ),
}
