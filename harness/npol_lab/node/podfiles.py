"""The files that the kubelet writes for a pod: names and name resolution."""

from __future__ import annotations

from collections.abc import Iterable

from npol.api_rules.objects import Obj
from npol_lab.node.environment import hostname

DOMAIN = "cluster.local"
CLUSTER_DNS = "10.96.0.10"

_HOSTS = """\
# Kubernetes-managed hosts file.
127.0.0.1\tlocalhost
::1\tlocalhost ip6-localhost ip6-loopback
fe00::0\tip6-localnet
fe00::0\tip6-mcastprefix
fe00::1\tip6-allnodes
fe00::2\tip6-allrouters
"""


def hosts(pod: Obj, addresses: Iterable[str]) -> str:
    """/etc/hosts: the pod's own name, then its `hostAliases`."""
    name = hostname(pod)
    subdomain = pod["spec"].get("subdomain")
    if subdomain:
        full = f"{name}.{subdomain}.{pod['metadata']['namespace']}.svc.{DOMAIN}"
        name = f"{full}\t{name}"
    text = _HOSTS + "".join(f"{address}\t{name}\n" for address in addresses)
    aliases = pod["spec"].get("hostAliases") or []
    if aliases:
        text += "\n# Entries added by HostAliases.\n"
    for alias in aliases:
        text += alias["ip"] + "\t" + "\t".join(alias.get("hostnames") or []) + "\n"
    return text


def resolv_conf(pod: Obj) -> str:
    """
    /etc/resolv.conf by `dnsPolicy` and `dnsConfig`.

    The nodes' own resolver is the cluster's, without its search list: the lab has no
    other.
    """
    spec, namespace = pod["spec"], pod["metadata"]["namespace"]
    policy = spec.get("dnsPolicy", "ClusterFirst")
    if policy == "ClusterFirst" and spec.get("hostNetwork"):
        policy = "Default"
    servers, searches, options = [CLUSTER_DNS], [], {}
    if policy.startswith("ClusterFirst"):
        searches = [f"{namespace}.svc.{DOMAIN}", f"svc.{DOMAIN}", DOMAIN]
        options = {"ndots": "5"}
    elif policy == "None":
        servers = []
    config = spec.get("dnsConfig") or {}
    servers = list(dict.fromkeys(servers + (config.get("nameservers") or [])))[:3]
    searches = list(dict.fromkeys(searches + (config.get("searches") or [])))
    options |= {o["name"]: o.get("value") or "" for o in config.get("options") or []}
    return _printed(servers, searches, options)


def _printed(servers: list[str], searches: list[str], options: dict[str, str]) -> str:
    lines = [f"search {' '.join(searches)}"] if searches else []
    lines += [f"nameserver {server}" for server in servers]
    if options:
        lines.append("options " + " ".join(k + (f":{v}" if v else "") for k, v in options.items()))
    return "".join(f"{line}\n" for line in lines)
