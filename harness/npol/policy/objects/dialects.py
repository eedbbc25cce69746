"""
How engines read NetworkPolicies where the specification leaves them room, as data.

Three-valued: True and False are what was measured on Calico 3.30 and Cilium 1.20 (each with
kube-proxy, Kubernetes 1.33); None is latitude: undefined, or never measured. An evaluation that
meets None goes on with it, and says `unknown` only if the answer hangs on it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from npol.model import engine
from npol.policy.objects.netpol_types import Policy


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """One engine's reading. Source of each field: docs/semantics.md, "Dialects"."""

    name: str
    ip_block_selects_pods: bool | None = None
    """Whether `0.0.0.0/0`, or a block around a pod's address, selects that pod."""
    ip_block_selects_nodes: bool | None = None
    """Whether it selects a node other than the pod's own, and the own one as a target."""
    ip_block_selects_control_plane: bool | None = None
    """The same for a node of the control plane."""
    networks_select_cluster: bool | None = True
    """Whether `networks` of a ClusterNetworkPolicy hold pods and nodes, as its types say."""
    baseline_opens_isolated: bool = False
    """Whether a Baseline Accept opens what NetworkPolicies close by isolating alone."""
    baseline_pass_may_close: bool = False
    """Whether a Pass in the Baseline tier may close what NetworkPolicies that isolate allow."""
    ip_block_selects_service_addresses: bool | None = None
    """Whether an egress block around a ClusterIP opens the Service."""
    selectors_select_host_network: bool | None = None
    """Whether pod and namespace selectors select pods on the host's network as peers."""
    names_ports_of_host_network: bool | None = None
    """Whether a port's name is looked up on a pod on the host's network."""
    isolates_host_network: bool | None = None
    """Whether policies that select a pod on the host's network act on it."""
    isolates_from_itself_by_service: bool | None = None
    """Whether policies act on a pod that reaches itself through its own Service."""
    judges_unanswered_services: bool = False
    """Whether a Service's own address is judged where nothing is behind it: what egress does not
    allow is silent then, and not refused."""
    rules_outrank_types: bool = False
    """Whether a rule puts its direction in force although `policyTypes` does not name it."""
    reads_cilium_kinds: bool = False
    """Whether CiliumNetworkPolicies and their clusterwide kind act; elsewhere they are data."""
    reads_calico_kinds: bool = False
    """The same of Calico's NetworkPolicies and GlobalNetworkPolicies."""
    breaks_ties_by_name: bool = False
    """Whether of two ClusterNetworkPolicies of one priority the first by name comes first."""
    cuts_established: bool | None = None
    """Whether a connection that is open already is cut when the policies come to deny it."""
    node_port_clients: tuple[str, ...] = ("client", "node", "replaced")
    """Which source a pod may see behind a NodePort: the client's own address, another node's,
    or one that is neither."""

    masquerades_external_addresses: bool | None = None
    """Whether the target of a pod that asks a Service at its externalIPs or its load balancer's
    address sees the pod's node, where that is another one than its own and externalTrafficPolicy
    is Cluster: kube-proxy's way."""

    def read(self, policy: Policy) -> Policy:
        """A policy with the directions in force that they are for this engine."""
        return policy.by_its_rules if self.rules_outrank_types else policy


SPEC = Dialect(name="spec")
CALICO = Dialect(
    name=engine.CALICO,
    ip_block_selects_pods=True,
    ip_block_selects_nodes=True,
    ip_block_selects_control_plane=True,
    ip_block_selects_service_addresses=False,
    selectors_select_host_network=False,
    isolates_host_network=False,
    isolates_from_itself_by_service=True,
    judges_unanswered_services=True,
    reads_calico_kinds=True,
    breaks_ties_by_name=True,
    cuts_established=False,
    node_port_clients=("client", "node"),
)
LAB = replace(
    CALICO,
    name=engine.LAB,
    names_ports_of_host_network=False,
    masquerades_external_addresses=True,
)
"""What was never measured on Calico, the lab still has to do somehow."""
CILIUM = Dialect(
    name="cilium",
    ip_block_selects_pods=False,
    networks_select_cluster=False,
    baseline_opens_isolated=True,
    baseline_pass_may_close=True,
    ip_block_selects_nodes=False,
    ip_block_selects_control_plane=None,
    ip_block_selects_service_addresses=False,
    selectors_select_host_network=False,
    names_ports_of_host_network=False,
    isolates_host_network=False,
    isolates_from_itself_by_service=False,
    rules_outrank_types=True,
    reads_cilium_kinds=True,
    cuts_established=True,
    node_port_clients=("replaced",),
)

ENGINES = (CALICO, CILIUM)
"""The measured engines: a prediction that differs between them depends on the dialect."""

BY_ENGINE = {dialect.name: dialect for dialect in (SPEC, CALICO, LAB, CILIUM)}


def dialect_of(name: str) -> Dialect:
    """The dialect of a detected engine; one that was never measured gets the specification's."""
    return BY_ENGINE.get(name, SPEC)
