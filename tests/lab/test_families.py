"""Addresses that pods' manifests name."""

import socket

import pytest

from npol_lab.families import numeric


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
