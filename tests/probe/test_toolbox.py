"""What a prober's greeting says of the place it runs in."""

import pytest

from npol.probe.toolbox import Nc, any_of, parse_toolbox

OPENBSD = "nc=OpenBSD netcat (Debian patchlevel 1.219-1)\nnc=usage: nc [-46CDdFhkl] [-W recvlimit]"


BUSYBOX = "nc=BusyBox v1.35.0 (Debian)\nnc=Usage: nc [-iN] [-wN] [-l] [-p PORT] [-e PROG]"
BUSYBOX_110 = "nc=BusyBox v1.36.1\nnc=Usage: nc [OPTIONS] HOST PORT\nnc=-e PROG\nnc=-u UDP\nnc=-z"
NO_LIMIT = "9223372036854771712"


@pytest.mark.parametrize(
    ("lines", "flavour", "udp"),
    [
        pytest.param(OPENBSD, Nc.OPENBSD, True, id="debian"),
        pytest.param("nc=usage: nc [-46cDdFhklNnrStUuvz]", Nc.OPENBSD, True, id="libressl"),
        pytest.param("nc=Ncat 7.93 ( https://nmap.org/ncat )", Nc.NCAT, False, id="nmap"),
        pytest.param(
            "nc=Ncat 7.93\nnc=  -u, --udp   Use UDP", Nc.NCAT, False, id="nmap-by-its-help"
        ),
        pytest.param(BUSYBOX, Nc.BUSYBOX, False, id="busybox"),
        pytest.param(BUSYBOX_110, Nc.CLASSIC, True, id="busybox-1.10"),
        pytest.param("nc=[v1.10-47]\nnc=-u UDP\nnc=-z", Nc.CLASSIC, True, id="traditional"),
        pytest.param("nc=who knows", None, False, id="unknown"),
    ],
)
def test_programs_that_are_called_nc_are_told_apart(lines, flavour, udp):
    box = parse_toolbox(f"tool=nc\n{lines}")

    assert (box.nc, box.nc_udp) == (flavour, udp)


def test_help_of_a_program_that_is_not_there_says_nothing():
    assert parse_toolbox(OPENBSD).nc is None


@pytest.mark.parametrize(
    ("lines", "memory", "cpus"),
    [
        pytest.param("memory=1024\ncpu=50000 100000", 1024, 0.5, id="cgroup-2"),
        pytest.param("memory=max\ncpu=max 100000", None, None, id="cgroup-2-no-limit"),
        pytest.param("memory=1024\nquota=25000\nperiod=100000", 1024, 0.25, id="cgroup-1"),
        pytest.param(f"memory={NO_LIMIT}\nquota=-1\nperiod=1", None, None, id="cgroup-1-no-limit"),
        pytest.param("", None, None, id="unreadable"),
    ],
)
def test_limits_are_read_from_either_cgroup(lines, memory, cpus):
    box = parse_toolbox(lines)

    assert (box.memory, box.cpus) == (memory, cpus)


def test_busybox_applets_are_known_as_such():
    box = parse_toolbox("tool=nslookup\ntool=wget\nnslookup=BusyBox v1.35\nwget=BusyBox v1.35")

    assert box.names == {"nslookup": "BusyBox", "wget": "BusyBox"}


@pytest.mark.parametrize(("usage", "tells"), [("[-cqS] [--spider]", True), ("[-c] [-q]", False)])
def test_a_wget_of_busybox_that_tells_what_servers_answer_is_known(usage, tells):
    box = parse_toolbox(f"tool=wget\nwget=BusyBox v1.36\nwget=Usage: wget {usage} URL...")

    assert box.busybox_wget_tells is tells


@pytest.mark.parametrize(
    ("lines", "domain"),
    [
        pytest.param(
            "search=a.svc.k8s.internal svc.k8s.internal k8s.internal", "k8s.internal", id="pod"
        ),
        pytest.param("search=corp.example", "", id="the-node-s"),
        pytest.param("", "", id="none"),
    ],
)
def test_the_cluster_s_domain_is_the_one_that_services_are_searched_in(lines, domain):
    assert parse_toolbox(f"tool=nc\n{lines}").cluster_domain == domain


def test_name_servers_keep_their_order():
    assert parse_toolbox("nameserver=10.96.0.10\nnameserver=fd00::a").nameservers == (
        "10.96.0.10",
        "fd00::a",
    )


def test_tools_are_listed_as_a_sentence_would():
    assert any_of(["nc"]) == "nc"
    assert any_of(["curl", "nc", "wget"]) == "curl, nc or wget"
