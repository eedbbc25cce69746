"""Names: what the server answers, and that it does so in a pod."""

import dns.flags
import dns.message
import dns.rcode
import dns.reversename
import pytest

from npol_lab.families import IPV4, IPV6
from npol_lab.net.dns import NameServer, answer
from npol_lab.net.dns_records import Names
from npol_lab.net.external_hosts import PLACES
from npol_lab.store import Store

SLICES = "endpointslices.discovery.k8s.io"


def _slice(name, service, *endpoints, port=8080):
    labels = {"kubernetes.io/service-name": service}
    metadata = {"name": name, "namespace": "shop", "labels": labels}
    ports = [{"name": "http", "port": port, "protocol": "TCP"}]
    return {"metadata": metadata, "endpoints": list(endpoints), "ports": ports}


@pytest.fixture(scope="module")
def names():
    store = Store()
    store.put("namespaces", {"metadata": {"name": "shop"}})
    ports = [{"name": "http", "port": 80, "protocol": "TCP"}]

    def service(name, **spec):
        metadata = {"name": name, "namespace": "shop"}
        store.put("services", {"metadata": metadata, "spec": {"ports": ports, **spec}})

    service("web", clusterIP="10.96.0.20")
    service("headless", clusterIP="None")
    service("lonely", clusterIP="None")
    service("wide", clusterIP="None")
    service("partner", type="ExternalName", externalName="www.example.test")
    service("nowhere", type="ExternalName", externalName="www.nowhere.invalid")
    service("long", type="ExternalName", externalName=f"{'a' * 64}.test")
    store.put(
        SLICES,
        _slice(
            "headless",
            "headless",
            {"addresses": ["10.244.1.5"], "hostname": "db-0"},
            {"addresses": ["10.244.2.6"]},
            {"addresses": ["10.244.2.7"], "conditions": {"ready": False}},
        ),
    )
    many = [{"addresses": [f"10.244.1.{n}"]} for n in range(10, 90)]
    store.put(SLICES, _slice("wide", "wide", *many))
    return Names(store, PLACES)


def ask(names, name, kind="A"):
    return answer(dns.message.make_query(name, kind), names)


def values(response):
    return [str(record) for rrset in response.answer for record in rrset]


@pytest.mark.parametrize(
    ("name", "kind", "expected"),
    [
        pytest.param("web.shop.svc.cluster.local", "A", ["10.96.0.20"], id="service"),
        pytest.param("WEB.Shop.svc.cluster.LOCAL", "A", ["10.96.0.20"], id="any-case"),
        pytest.param(
            "headless.shop.svc.cluster.local", "A", ["10.244.1.5", "10.244.2.6"], id="headless"
        ),
        pytest.param("db-0.headless.shop.svc.cluster.local", "A", ["10.244.1.5"], id="host-name"),
        pytest.param(
            "10-244-2-6.headless.shop.svc.cluster.local", "A", ["10.244.2.6"], id="dashed"
        ),
        pytest.param("10-244-1-5.shop.pod.cluster.local", "A", ["10.244.1.5"], id="pod"),
        pytest.param(
            "partner.shop.svc.cluster.local",
            "A",
            ["www.example.test.", "203.0.113.10"],
            id="external-name",
        ),
        pytest.param("partner.shop.svc.cluster.local", "CNAME", ["www.example.test."], id="cname"),
        pytest.param(
            "_http._tcp.web.shop.svc.cluster.local",
            "SRV",
            ["0 100 80 web.shop.svc.cluster.local."],
            id="srv",
        ),
        pytest.param(
            "_http._tcp.headless.shop.svc.cluster.local",
            "SRV",
            [
                "0 100 8080 db-0.headless.shop.svc.cluster.local.",
                "0 100 8080 10-244-2-6.headless.shop.svc.cluster.local.",
            ],
            id="srv-headless",
        ),
        pytest.param("20.0.96.10.in-addr.arpa", "PTR", ["web.shop.svc.cluster.local."], id="ptr"),
        pytest.param("example.test", "A", ["203.0.113.10"], id="outside"),
        pytest.param("deep.below.outside.test", "A", ["203.0.113.10"], id="outside-below"),
        pytest.param("backup.test", "A", ["192.168.5.10"], id="backup"),
    ],
)
def test_a_name_has_its_records(names, name, kind, expected):
    response = ask(names, name, kind)
    assert response.rcode() == dns.rcode.NOERROR
    assert values(response) == expected


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        pytest.param("web.shop.svc.cluster.local", "AAAA", id="no-ipv6"),
        pytest.param("partner.shop.svc.cluster.local", "AAAA", id="alias-without-ipv6"),
        pytest.param("shop.svc.cluster.local", "A", id="namespace"),
        pytest.param("svc.cluster.local", "A", id="zone-part"),
        pytest.param("example.test", "AAAA", id="outside-no-ipv6"),
    ],
)
def test_a_name_without_such_records_exists(names, name, kind):
    response = ask(names, name, kind)
    assert response.rcode() == dns.rcode.NOERROR
    assert [v for v in values(response) if not v.endswith("test.")] == []


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("nope.shop.svc.cluster.local", id="service"),
        pytest.param("web.nope.svc.cluster.local", id="namespace"),
        pytest.param("lonely.shop.svc.cluster.local", id="headless-without-endpoints"),
        pytest.param("x.web.shop.svc.cluster.local", id="below-a-service"),
        pytest.param("_nope._tcp.web.shop.svc.cluster.local", id="port"),
        pytest.param("nonsense.shop.pod.cluster.local", id="pod"),
        pytest.param("www.example.com", id="outside"),
        pytest.param("example.test.shop.svc.cluster.local", id="search-path"),
        pytest.param("nowhere.shop.svc.cluster.local", id="alias-to-nothing"),
        pytest.param("web", id="bare"),
    ],
)
def test_other_names_do_not_exist(names, name):
    assert ask(names, name).rcode() == dns.rcode.NXDOMAIN


def test_a_negative_answer_in_the_zone_carries_its_start_of_authority(names):
    assert "SOA" in str(ask(names, "nope.shop.svc.cluster.local").authority[0])


def test_srv_answers_bring_the_addresses_along(names):
    response = ask(names, "_http._tcp.web.shop.svc.cluster.local", "SRV")
    assert [str(r) for rrset in response.additional for r in rrset] == ["10.96.0.20"]


def test_a_long_answer_over_udp_says_that_it_is_cut(names):
    query = dns.message.make_query("wide.shop.svc.cluster.local", "A", use_edns=False)
    server = NameServer(names)
    short = dns.message.from_wire(server._respond(query.to_wire(), 512))
    assert short.flags & dns.flags.TC
    assert len(values(dns.message.from_wire(server._respond(query.to_wire(), None)))) == 80


def test_an_alias_that_is_no_name_of_dns_is_a_failure_of_the_server(names):
    query = dns.message.make_query("long.shop.svc.cluster.local", "A")
    answers = [NameServer(names)._respond(query.to_wire(), room) for room in (512, None)]

    rcodes = [dns.message.from_wire(answer or b"").rcode() for answer in answers]
    assert rcodes == [dns.rcode.SERVFAIL] * 2


@pytest.mark.parametrize("data", [b"", b"nonsense", b"\x00" * 12])
def test_a_malformed_dns_query_gets_no_answer_or_an_error(names, data):
    said = NameServer(names)._respond(data, 512)
    assert said is None or dns.message.from_wire(said).rcode() == dns.rcode.FORMERR


@pytest.fixture(scope="module")
def dual_names():
    """A cluster of both families; `web` has both, `single` the first one only."""
    store = Store()
    store.put("namespaces", {"metadata": {"name": "shop"}})
    ports = [{"name": "http", "port": 80, "protocol": "TCP"}]
    addresses = {"single": ["10.96.0.21"], "web": ["10.96.0.20", "fd00:10:96::20"]}
    addresses["headless"] = ["None"]
    for name, given in addresses.items():
        spec = {"ports": ports, "clusterIP": given[0], "clusterIPs": given}
        store.put("services", {"metadata": {"name": name, "namespace": "shop"}, "spec": spec})
    for address in ("10.244.1.5", "fd00:10:244:1::5"):
        store.put(SLICES, _slice(f"headless-{address}", "headless", {"addresses": [address]}))
    return Names(store, PLACES, (IPV4, IPV6))


@pytest.mark.parametrize(
    ("name", "kind", "expected"),
    [
        pytest.param("web.shop.svc.cluster.local", "A", ["10.96.0.20"], id="A"),
        pytest.param("web.shop.svc.cluster.local", "AAAA", ["fd00:10:96::20"], id="AAAA"),
        pytest.param("single.shop.svc.cluster.local", "AAAA", [], id="single-stack"),
        pytest.param(
            "headless.shop.svc.cluster.local", "AAAA", ["fd00:10:244:1::5"], id="headless"
        ),
        pytest.param(
            "fd00-10-244-1--5.headless.shop.svc.cluster.local",
            "AAAA",
            ["fd00:10:244:1::5"],
            id="dashed",
        ),
        pytest.param(
            "fd00-10-244-1--9.shop.pod.cluster.local", "AAAA", ["fd00:10:244:1::9"], id="pod"
        ),
        pytest.param(
            "_http._tcp.web.shop.svc.cluster.local",
            "SRV",
            ["0 100 80 web.shop.svc.cluster.local."],
            id="srv",
        ),
        pytest.param(
            dns.reversename.from_address("fd00:10:96::20").to_text(),
            "PTR",
            ["web.shop.svc.cluster.local."],
            id="ptr",
        ),
        pytest.param("example.test", "AAAA", ["2001:db8:113::10"], id="outside"),
    ],
)
def test_a_name_has_records_of_both_families(dual_names, name, kind, expected):
    response = ask(dual_names, name, kind)
    assert response.rcode() == dns.rcode.NOERROR
    assert values(response) == expected


def test_srv_answers_bring_the_addresses_of_both_families(dual_names):
    response = ask(dual_names, "_http._tcp.web.shop.svc.cluster.local", "SRV")
    found = [str(r) for rrset in response.additional for r in rrset]
    assert found == ["10.96.0.20", "fd00:10:96::20"]


@pytest.fixture(scope="module")
def dns_pod(cluster):
    cluster.pod("coredns", namespace="kube-system", node="lab-2", tcp=(), udp=())
    cluster.ask("serve_names", name="coredns")
    return cluster.ips["coredns"]


class TestInAPod:
    """The server in a pod behind the Service kube-dns; policies judge it like any pod."""

    pytestmark = pytest.mark.lab

    @pytest.fixture(autouse=True)
    def _services(self, net, dns_pod):
        net.service("web", "10.96.0.20", ("b1", "lab-2"))
        net.service("dns", "10.96.0.10", ("coredns", "lab-2"), port=53, target=53, protocol="UDP")
        net.service("dns-tcp", "10.96.0.11", ("coredns", "lab-2"), port=53, target=53)

    @pytest.mark.parametrize("way", [["@10.96.0.10"], ["+tcp", "@10.96.0.11"]], ids=["udp", "tcp"])
    def test_dig_resolves(self, net, way):
        told = net.run("a1", "dig", "+short", "+time=2", *way, "web.default.svc.cluster.local")
        assert told["output"].strip() == "10.96.0.20"

    def test_nslookup_resolves_without_complaint(self, net):
        told = net.run("a1", "nslookup", "web.default.svc.cluster.local", "10.96.0.10")
        assert told["code"] == 0, told["output"]
        assert "10.96.0.20" in told["output"]

    def test_nslookup_says_that_a_name_does_not_exist(self, net):
        told = net.run("a1", "nslookup", "nope.default.svc.cluster.local", "10.96.0.10")
        assert "NXDOMAIN" in told["output"]

    def test_a_policy_blocks_udp_and_tcp_apart(self, net):
        ports = [{"port": 53, "protocol": "UDP"}]
        net.policy(
            podSelector={"matchLabels": {"app": "a1"}},
            policyTypes=["Egress"],
            egress=[{"ports": ports}],
        )
        dig = ["dig", "+short", "+time=1", "+tries=1", "web.default.svc.cluster.local"]
        assert net.run("a1", *dig, "@10.96.0.10")["code"] == 0
        assert net.run("a1", *dig, "+tcp", "@10.96.0.11")["code"] == 9
