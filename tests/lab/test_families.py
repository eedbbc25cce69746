"""Addresses that pods' manifests name."""

import socket

import pytest

from npol_lab.families import IPV4, IPV6, numeric, plain
from npol_lab.net.calico_world import CalicoObjects, CalicoWorld


@pytest.mark.parametrize(
    ("host", "address"),
    [("10.0.0.1", "10.0.0.1"), ("FD00::1", "fd00::1"), ("localhost", "127.0.0.1")],
)
def test_an_address_is_taken_as_it_is(host, address):
    assert numeric(host) == address


@pytest.mark.parametrize("host", ["there.test", "", "10.0.0", "fd00::1%eth0"])
def test_a_name_is_asked_of_nobody(monkeypatch, host):
    monkeypatch.setattr(socket, "getaddrinfo", pytest.fail)
    with pytest.raises(OSError, match=f"lookup {host}: no such host"):
        numeric(host)


@pytest.mark.parametrize(
    ("text", "family", "found"),
    [
        ("010.0.0.1", IPV4, "10.0.0.1"),
        ("FD00::1", IPV6, "fd00::1"),
        ("fd00::1", IPV4, ""),
        ('10.0.0.1 }; include "x"', IPV4, ""),
        ('fd00::1%x }; include "x"', IPV6, ""),
    ],
)
def test_nftables_reads_an_address_as_the_api_server_does(text, family, found):
    assert plain(text, family) == found


def test_a_service_of_calicos_rules_has_addresses_and_ports_only():
    labels = {"kubernetes.io/service-name": "web"}
    ports = [{"port": n, "protocol": "TCP"} for n in (80, 70000, 0)]
    piece = {
        "metadata": {"namespace": "shop", "labels": labels},
        "endpoints": [{"addresses": [a]} for a in ("010.0.0.1", "drop", "fd00::1")],
        "ports": [*ports, {}],
    }
    world = CalicoWorld(CalicoObjects(), (), {}, [piece], IPV4)

    assert world.sources(("shop", "web")) == {"10.0.0.1": ""}
    assert world.targets(("shop", "web")) == {"10.0.0.1 . tcp . 80": ""}
