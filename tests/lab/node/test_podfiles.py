import pytest

from npol_lab.node.podfiles import hosts, resolv_conf


def pod(**spec):
    return {"metadata": {"name": "web", "namespace": "demo"}, "spec": {"nodeName": "lab-1", **spec}}


SEARCH = "search demo.svc.cluster.local svc.cluster.local cluster.local\n"


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        pytest.param({}, SEARCH + "nameserver 10.96.0.10\noptions ndots:5\n", id="cluster-first"),
        pytest.param({"dnsPolicy": "Default"}, "nameserver 10.96.0.10\n", id="default"),
        pytest.param({"hostNetwork": True}, "nameserver 10.96.0.10\n", id="host-network"),
        pytest.param(
            {"hostNetwork": True, "dnsPolicy": "ClusterFirstWithHostNet"},
            SEARCH + "nameserver 10.96.0.10\noptions ndots:5\n",
            id="host-network-with-cluster-dns",
        ),
        pytest.param(
            {
                "dnsPolicy": "None",
                "dnsConfig": {
                    "nameservers": ["9.9.9.9"],
                    "searches": ["a.test"],
                    "options": [{"name": "ndots", "value": "1"}, {"name": "edns0"}],
                },
            },
            "search a.test\nnameserver 9.9.9.9\noptions ndots:1 edns0\n",
            id="none",
        ),
    ],
)
def test_resolv_conf_follows_the_dns_policy(spec, expected):
    assert resolv_conf(pod(**spec)) == expected


@pytest.mark.parametrize(
    ("spec", "line"),
    [
        ({}, "10.244.1.5\tweb\n"),
        ({"hostname": "h", "subdomain": "s"}, "10.244.1.5\th.s.demo.svc.cluster.local\th\n"),
        ({"hostNetwork": True}, "10.244.1.5\tlab-1\n"),
        ({"hostAliases": [{"ip": "1.2.3.4", "hostnames": ["a", "b"]}]}, "1.2.3.4\ta\tb\n"),
    ],
)
def test_hosts_names_the_pod_and_its_aliases(spec, line):
    assert line in hosts(pod(**spec), ["10.244.1.5"])
