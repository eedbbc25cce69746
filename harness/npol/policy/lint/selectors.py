"""Rules about what selectors select."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from npol.model.peer_selection import lasting
from npol.policy.lint.context import Checked, Scope
from npol.policy.lint.findings import LintFinding, LintRule
from npol.policy.lint.near_names import nearest_namespace
from npol.policy.objects.entities import NAME_LABEL, Pod
from npol.policy.objects.netpol_types import PeerClause, Rule
from npol.policy.state.selected_pods import namespaces_of, selected_pods
from npol.selectors import Labels, Selector, keys_of, matches, spell, spell_labels

FEW = 3
"""Labels that a finding has room for."""
ALWAYS_THERE = ("kube-system", "default", "kube-public", "kube-node-lease")
"""Namespaces of every cluster, with no label but the one that the API server sets."""


def selects_no_pod(scope: Scope, checked: Checked) -> Iterator[LintFinding]:
    policy = checked.policy
    if scope.selects_none(checked):
        message = f"podSelector {spell(policy.selector)} selects no pod in {policy.namespace}"
        harmless = not scope.may_be_mistyped(policy.selector, [policy.namespace])
        fix = _pods_meant(scope, policy.namespace, policy.selector, elsewhere=harmless)
        place = ("spec", "podSelector")
        finding = checked.finding(LintRule.SELECTS_NO_POD, place, message, fix)
        yield replace(finding, harmless=harmless)


def host_network_only(scope: Scope, checked: Checked) -> Iterator[LintFinding]:
    pods = scope.selected(checked.policy)
    if pods and all(p.host_network for p in pods):
        message = f"matches only hostNetwork pods ({pods[0]}): the policy has no effect"
        fix = "policies act on pods with a network of their own"
        yield checked.finding(LintRule.HOST_NETWORK_ONLY, ("spec", "podSelector"), message, fix)


def host_network_peers(scope: Scope, checked: Checked) -> Iterator[LintFinding]:
    """Their packets come from their nodes' addresses, which no selector means."""
    for rule in checked.policy.all_rules:
        for peer in rule.peers:
            pods = [] if peer.ip_block else [*_selected_by(scope, checked, peer)]
            if pods and all(p.host_network for p in pods):
                message = f"selects only hostNetwork pods ({pods[0]}): this peer fits no packet"
                fix = "allow the addresses of their nodes (ipBlock)"
                yield checked.finding_at(LintRule.HOST_NETWORK_PEER, peer.origin, message, fix)


def _selected_by(scope: Scope, checked: Checked, peer: PeerClause) -> Iterator[Pod]:
    return selected_pods(scope.seen, checked.policy.namespace, peer)


def no_such_namespace(scope: Scope, checked: Checked) -> Iterator[LintFinding]:
    name = checked.policy.namespace
    if name in ALWAYS_THERE or not scope.knows_namespaces or scope.knows_pods([name]):
        return
    meant = nearest_namespace(name, scope.seen.namespaces)
    if not scope.knows_cluster and not meant:
        return  # the cluster may have it
    if not scope.seen.namespace(name).declared:
        message = f"namespace {name} does not exist here"
        known = ", ".join(sorted(scope.seen.namespaces))
        fix = f"did you mean {meant}?" if meant else f"known: {known}"
        yield checked.finding(LintRule.NO_SUCH_NAMESPACE, ("metadata", "namespace"), message, fix)


def peers_select_nothing(scope: Scope, checked: Checked) -> Iterator[LintFinding]:
    for rule in checked.policy.all_rules:
        for peer in rule.peers:
            if peer.ip_block is None:
                yield from _peer_selects_nothing(scope, checked, peer)


def _peer_selects_nothing(
    scope: Scope, checked: Checked, peer: PeerClause
) -> Iterator[LintFinding]:
    chosen = namespaces_of(scope.seen, peer, checked.policy.namespace)
    if peer.namespace_selector is not None and not chosen:
        yield from _no_namespace(scope, checked, peer, peer.namespace_selector)
        return
    names = [n.name for n in chosen]
    everywhere = peer.namespace_selector == {} and not scope.knows_pods(["kube-system"])
    if not peer.pod_selector or everywhere or not all(scope.knows_pods([n]) for n in names):
        return
    if peer.namespace_selector is None and not scope.knows_pods_of(checked):
        return
    if not any(True for _ in selected_pods(scope.seen, checked.policy.namespace, peer)):
        message = f"{spell(peer.pod_selector)} selects no pod in {', '.join(names)}"
        harmless = not scope.may_be_mistyped(peer.pod_selector, names)
        fix = _pods_meant(scope, names[0], peer.pod_selector, elsewhere=harmless)
        rule, at = LintRule.PEER_SELECTS_NO_POD, peer.origin
        yield checked.finding_at(rule, at, message, fix, harmless=harmless)


def _no_namespace(
    scope: Scope, checked: Checked, peer: PeerClause, selector: Selector
) -> Iterator[LintFinding]:
    """Without any Namespace object, only what Kubernetes itself never labels is told."""
    wanted = selector.get("matchLabels") or {}
    if any(matches(selector, {NAME_LABEL: name}) for name in ALWAYS_THERE):
        return
    if not scope.knows_namespaces and wanted.get("name") not in ALWAYS_THERE:
        return
    meant = _mistyped_namespace(scope, selector)
    labelled = _namespaces_are_labelled(scope, selector, wanted)
    if not (scope.knows_cluster or labelled or meant):
        return
    message = f"no namespace that is known here has {spell(selector)}"
    fix = f"did you mean {meant}?" if meant else _namespace_meant(scope, wanted)
    yield checked.finding_at(LintRule.NO_SUCH_NAMESPACE_LABEL, peer.origin, message, fix)


def _namespaces_are_labelled(scope: Scope, selector: Selector, wanted: Labels) -> bool:
    """
    Whether manifests label namespaces by a key that the selector asks for.

    Else namespaces that no manifest shows may be meant; `name` is a label that none has by itself.
    """
    if wanted.get("name") in (*ALWAYS_THERE, *scope.seen.namespaces):
        return True
    return bool(scope.labels_of_namespaces & set(keys_of(selector)))


def _mistyped_namespace(scope: Scope, selector: Selector) -> str:
    """The namespace that is nearly called as one that a selector names; "" for none."""
    one = (selector.get("matchLabels") or {}).get(NAME_LABEL)
    several = selector.get("matchExpressions") or ()
    named = [
        e.get("values") or () for e in several if (e["key"], e["operator"]) == (NAME_LABEL, "In")
    ]
    names = [*([one] if one else []), *(name for values in named for name in values)]
    return next(filter(None, (nearest_namespace(n, scope.seen.namespaces) for n in names)), "")


def _namespace_meant(scope: Scope, wanted: Labels) -> str:
    """Certain only where the label is `name` and a namespace is called so."""
    known = sorted(
        {*scope.seen.namespaces, *ALWAYS_THERE}
        if NAME_LABEL not in wanted
        else scope.seen.namespaces
    )
    if set(wanted) == {"name"} and wanted["name"] in known:
        return f"select {NAME_LABEL}={wanted['name']}, which that namespace has by itself"
    if NAME_LABEL in wanted:
        return f"known: {', '.join(known)}"
    return f"label the namespace that is meant, or select it by its name ({NAME_LABEL}=NAME)"


def stray_dash(_: Scope, checked: Checked) -> Iterator[LintFinding]:
    for rule in checked.policy.all_rules:
        for first, second in zip(rule.peers, rule.peers[1:], strict=False):
            if _lonely(first) | _lonely(second) == {"pods", "namespaces"}:
                yield _stray(checked, first, second)


def _lonely(peer: PeerClause) -> set[str]:
    """What a peer with just one selector, which is not empty, selects by."""
    if peer.pod_selector and peer.namespace_selector is None:
        return {"pods"}
    if peer.namespace_selector and peer.pod_selector is None:
        return {"namespaces"}
    return set()


def _stray(checked: Checked, first: PeerClause, second: PeerClause) -> LintFinding:
    pods = first if first.pod_selector else second
    spaces = second if pods is first else first
    message = (
        f"two peers, either of which is enough: pods with {spell(pods.pod_selector or {})} in "
        f"{checked.policy.namespace} alone, or every pod of namespaces with "
        f"{spell(spaces.namespace_selector or {})}"
    )
    fix = "if pods that are both were meant, take away the dash before the second selector"
    return checked.finding_at(LintRule.STRAY_DASH, second.origin, message, fix)


def wrong_selector(scope: Scope, checked: Checked) -> Iterator[LintFinding]:
    """`name` and kubernetes.io/metadata.name are what namespaces are selected by."""
    for rule in checked.policy.all_rules:
        yield from _wrong_in_rule(scope, checked, rule)


def _wrong_in_rule(scope: Scope, checked: Checked, rule: Rule) -> Iterator[LintFinding]:
    for peer in rule.peers:
        for key in keys_of(peer.pod_selector or {}):
            if key in ("name", NAME_LABEL) and key not in scope.labels_of_pods:
                message = f"{key} in a podSelector is a label of pods, and no pod here has it"
                fix = "a namespace's label belongs into a namespaceSelector of the same entry"
                yield checked.finding_at(LintRule.WRONG_SELECTOR, peer.origin, message, fix)


def _pods_meant(scope: Scope, namespace: str, selector: Selector, *, elsewhere: bool) -> str:
    """What to do about it; `elsewhere`: its pods may come from what no manifest shows."""
    if extra := superfluous_label(selector, scope.seen.pods_in(namespace)):
        return extra
    if elsewhere:
        return "nothing, if a chart or an operator makes its pods, which no manifest here shows"
    return _labels_there(scope, namespace, selector)


def superfluous_label(selector: Selector, pods: Iterable[Pod]) -> str:
    """The one label without which it would select one of these pods, in words; "" for none."""
    wanted = selector.get("matchLabels") or {}
    every = list(pods)
    for key in wanted if len(wanted) > 1 else ():
        rest = {**selector, "matchLabels": {k: v for k, v in wanted.items() if k != key}}
        if met := next((pod for pod in every if matches(rest, pod.labels)), None):
            label = spell_labels({key: wanted[key]})
            return (
                f"without {label} it would select {met}; kustomize's commonLabels, for one, "
                "write a label into selectors"
            )
    return ""


def _labels_there(scope: Scope, namespace: str, selector: Selector) -> str:
    """A namespace's labels with a key or a value that is asked for; all keys, if none has any."""
    keys, values = dict.fromkeys(keys_of(selector)), (selector.get("matchLabels") or {}).values()
    every = [lasting(pod.labels) for pod in scope.seen.pods_in(namespace)]
    like = ({k: v for k, v in own.items() if k in keys or v in values} for own in every)
    asked = list(filter(None, like))
    if asked:
        return f"pods there have {_few(map(spell_labels, asked), ' or ')}"
    others = _few((key for own in every for key in own), ", ")
    return f"no pod there has {' or '.join(keys)}; they have {others or 'no labels'}"


def _few(words: Iterable[str], between: str) -> str:
    """Each once, and how many more there are."""
    every = list(dict.fromkeys(words))
    more = [f"{len(every) - FEW} more"] if len(every) > FEW else []
    return between.join([*every[:FEW], *more])
