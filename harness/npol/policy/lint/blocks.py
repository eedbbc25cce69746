"""Rules about ipBlock."""

from __future__ import annotations

import ipaddress
from bisect import bisect_left
from collections.abc import Iterator

from npol.policy.lint.certain import replaced
from npol.policy.lint.context import Checked, Scope
from npol.policy.lint.findings import LintFinding, LintRule
from npol.policy.objects.entities import Pod
from npol.policy.objects.netpol_types import Direction, IpBlock, Network, PeerClause, Rule
from npol.policy.parse.object_source import items, mapping
from npol.policy.state.families import pod_families


def blocks(scope: Scope, checked: Checked) -> Iterator[LintFinding]:
    for rule in checked.policy.all_rules:
        for peer in rule.peers:
            if peer.ip_block is not None:
                yield from _block(scope, checked, rule, peer)


def one_family(scope: Scope, checked: Checked) -> Iterator[LintFinding]:
    """`0.0.0.0/0` is no IPv6: a rule of it alone leaves pods of both families half open."""
    families = pod_families(scope.selected(checked.policy))
    for rule in checked.policy.all_rules if len(families) > 1 else ():
        whole = [p for p in rule.peers if p.ip_block and p.ip_block.whole_family]
        named = {p.ip_block.cidr.version for p in rule.peers if p.ip_block}
        if whole and len(named) == 1:
            (family,) = named
            other, cidr = (6, "::/0") if family == 4 else (4, "0.0.0.0/0")
            message = f"{whole[0].ip_block} holds no IPv{other}, and the pods have both families"
            fix = f"allow {cidr}, too, if both are meant"
            yield checked.finding_at(LintRule.ONE_FAMILY, whole[0].origin, message, fix)


def _block(scope: Scope, checked: Checked, rule: Rule, peer: PeerClause) -> Iterator[LintFinding]:
    block = peer.ip_block
    assert block
    if nobody := _nobody(block):
        message = f"{block} {nobody}: nobody has such an address"
        whole = "0.0.0.0/0" if block.cidr.version == 4 else "::/0"
        meant = f"write {whole} if every address is meant"
        fix = meant if int(block.cidr.network_address) == 0 else "take it away"
        yield checked.finding_at(LintRule.BLOCK_OF_NOBODY, peer.origin, message, fix)
        return
    if block.whole_family:
        if any(_is_every_pod(other) for other in rule.peers):
            return  # then the plugins do not differ
        message = f"on Calico {block} is every pod, too; on Cilium it is the outside alone"
        fix = "take the pods' and Services' networks out with `except` if the outside is meant"
        yield checked.finding_at(LintRule.BLOCK_OF_EVERYTHING, peer.origin, message, fix)
        return
    if pod := _pod_in(scope, block):
        message = f"{block} holds {pod}: addresses of pods change, and Cilium never matches them"
        fix = "select pods by their labels; ipBlock is for what is outside the cluster"
        yield checked.finding_at(
            LintRule.BLOCK_OF_PODS, peer.origin, message, fix, harmless=_is_wide(block)
        )
        return
    if rule.direction is Direction.INGRESS and _is_wide(block):
        return  # a Service is never where packets come from
    for service in scope.seen.services:
        if any(a in block for a in service.every_address):
            message = f"{block} holds the address of {service}, which no engine matches"
            fix = "select the pods behind it: policies are judged after translation"
            yield checked.finding_at(
                LintRule.BLOCK_OF_SERVICE, peer.origin, message, fix, harmless=_is_wide(block)
            )
            return


def _is_every_pod(peer: PeerClause) -> bool:
    return peer.namespace_selector == {} and not peer.pod_selector


def _is_wide(block: IpBlock) -> bool:
    """Whether a network is meant, and what of the cluster is in it only happens to be."""
    return block.cidr.max_prefixlen - block.cidr.prefixlen > MOST_MEANT


MOST_MEANT = 8
"""The bits of addresses in a block that may still be meant one by one."""
_UNUSED = [
    (ipaddress.ip_network(cidr), what)
    for cidr, what in (
        ("0.0.0.0/8", "lies in 0.0.0.0/8, which means no host"),
        ("127.0.0.0/8", "is the loopback of each host"),
        ("224.0.0.0/4", "is multicast"),
        ("::/127", "is the unspecified address and the loopback"),
        ("ff00::/8", "is multicast"),
    )
]


def _nobody(block: IpBlock) -> str:
    """Why no packet that a policy sees has an address in the block; "" if some may."""
    for network, what in _UNUSED:
        if block.cidr.version == network.version and block.cidr.subnet_of(network):  # type: ignore[arg-type]
            return what
    if block.cidr.version == 6 and int(block.cidr.network_address) == 0 and block.cidr.prefixlen:
        return "begins with zeros, where no host is" if block.cidr.prefixlen >= 8 else ""
    left = block.cidr.num_addresses
    for covered in _joined(block):
        left -= covered.num_addresses
    return "" if left else "is excepted altogether"


def _joined(block: IpBlock) -> Iterator[Network]:
    """The excepted networks, those that overlap once."""
    if block.cidr.version == 4:
        inner4 = [e for e in block.excepts if isinstance(e, ipaddress.IPv4Network)]
        yield from ipaddress.collapse_addresses(inner4)
    else:
        inner6 = [e for e in block.excepts if isinstance(e, ipaddress.IPv6Network)]
        yield from ipaddress.collapse_addresses(inner6)


def _pod_in(scope: Scope, block: IpBlock) -> str:
    """Some pod whose address is in the block, with the address; "" if none is."""
    low, high = int(block.cidr.network_address), int(block.cidr.broadcast_address)
    known = scope.addresses[block.cidr.version]
    for number, pod in known[bisect_left(known, low, key=_number) :]:
        if number > high:
            break
        address = pod.address(block.cidr.version)
        if address and address in block:
            return f"{pod} ({address})"
    return ""


def _number(entry: tuple[int, Pod]) -> int:
    return entry[0]


def host_bits(checked: Checked) -> Iterator[LintFinding]:
    for direction in ("ingress", "egress"):
        key = "from" if direction == "ingress" else "to"
        for r, rule in enumerate(items(checked.source.spec.get(direction))):
            for p, peer in enumerate(items(mapping(rule).get(key))):
                cidr = mapping(mapping(peer).get("ipBlock")).get("cidr")
                if isinstance(cidr, str) and (network := _loose(cidr)):
                    path = ("spec", direction, r, key, p, "ipBlock", "cidr")
                    message = f"{cidr} has bits behind its prefix; it means {network}"
                    yield checked.finding(
                        LintRule.HOST_BITS,
                        path,
                        message,
                        f"write {network}",
                        certain=replaced(checked.source, path, network),
                    )


def _loose(cidr: str) -> str:
    """The network that a cidr with host bits means; "" if it has none."""
    try:
        interface = ipaddress.ip_interface(cidr)
    except ValueError:
        return ""
    network = interface.network
    return "" if interface.ip == network.network_address else str(network)
