"""`hubble observe` in a lab's agent pods: its options, words and exit codes."""

import contextlib
import json
import signal
import socket
import threading

import pytest

from npol_lab.node import hubble


def flow(source="shop/client", target="shop/web", *, port=80, kind=5, verdict="FORWARDED", **more):
    ends = {}
    for end, name in (("source", source), ("destination", target)):
        space, _, pod = name.rpartition("/")
        ends[end] = {"namespace": space, "pod_name": pod} if space else {"labels": [name]}
    return {
        "time": "2026-11-28T22:40:06.193302Z",
        "verdict": verdict,
        "IP": {"source": "10.244.1.2", "destination": "10.244.2.3"},
        "l4": {"TCP": {"source_port": 61000, "destination_port": port}},
        "event_type": {"type": kind},
        "traffic_direction": "INGRESS",
        "Summary": "TCP Flags: SYN",
        **ends,
        **more,
    }


ALLOWED = flow()
DENIED = flow("shop/other", verdict="DROPPED")
ARRIVED = flow("reserved:world", port=8080, kind=4)
LOST = {"lost_events": {"source": "PERF_EVENT_RING_BUFFER", "num_events_lost": "7"}}


def words(value):
    """Options as a test's name."""
    listed = isinstance(value, list) and all(isinstance(word, str) for word in value)
    return " ".join(value) or "none" if listed else ""


@pytest.fixture
def served(tmp_path, monkeypatch):
    """Answers one request with these events; the request is what is appended to the result."""
    path = str(tmp_path / "socket")
    monkeypatch.setattr(hubble, "SERVER", path)
    asked = []
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(socket.socket(socket.AF_UNIX))
        server.bind(path)
        server.listen()

        def serve(*events):
            def answer():
                client, _ = server.accept()
                with client, client.makefile("rwb") as both:
                    asked.append(json.loads(both.readline()))
                    both.writelines(json.dumps(event).encode() + b"\n" for event in events)

            thread = threading.Thread(target=answer)
            thread.start()
            stack.callback(thread.join)
            return asked

        yield serve


def test_each_record_is_a_line_for_people(served, capsys):
    served({"flow": ALLOWED}, {"flow": DENIED}, {"flow": ARRIVED}, LOST)

    assert hubble.main(["observe"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "Nov 28 22:40:06.193: shop/client:61000 -> shop/web:80 "
        "policy-verdict:L3-L4 INGRESS ALLOWED (TCP Flags: SYN)",
        "Nov 28 22:40:06.193: shop/other:61000 <> shop/web:80 "
        "policy-verdict:none INGRESS DENIED (TCP Flags: SYN)",
        "Nov 28 22:40:06.193: 10.244.1.2:61000 (world) -> shop/web:8080 "
        "to-endpoint FORWARDED (TCP Flags: SYN)",
        "EVENTS LOST: PERF_EVENT_RING_BUFFER CPU(0) 7",
    ]


def test_a_broken_pipe_ends_the_program_and_no_process_that_imports_it(served):
    served()
    before = signal.getsignal(signal.SIGPIPE)

    hubble.main(["observe"])

    assert signal.getsignal(signal.SIGPIPE) is before is signal.SIG_IGN


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        ([], [ALLOWED, DENIED, ARRIVED]),
        (["-t", "policy-verdict"], [ALLOWED, DENIED]),
        (["-t", "drop", "-t", "trace:to-endpoint"], [ARRIVED]),
        (["--verdict", "DROPPED"], [DENIED]),
        (["--verdict=forwarded", "--type=policy-verdict"], [ALLOWED]),
        (["--from-pod", "shop/client"], [ALLOWED]),
        (["--pod", "shop/web", "--port", "8080"], [ARRIVED]),
        (["--to-pod", "web"], []),
        (["-n", "shop", "--protocol", "tcp"], [ALLOWED, DENIED, ARRIVED]),
        (["--ip", "10.244.9.9"], []),
    ],
    ids=words,
)
def test_options_choose_what_is_shown(served, capsys, arguments, shown):
    served(*({"flow": f} for f in (ALLOWED, DENIED, ARRIVED)))

    hubble.main(["observe", "-o", "jsonpb", *arguments])

    assert [json.loads(x)["flow"] for x in capsys.readouterr().out.splitlines()] == shown


@pytest.mark.parametrize(
    ("arguments", "request_"),
    [
        ([], {"follow": False, "since": None, "last": 20}),
        (["-f"], {"follow": True, "since": None, "last": None}),
        (["-f", "--since", "2.5s"], {"follow": True, "since": 2.5, "last": None}),
        (["--since", "1m30s", "--last=3"], {"follow": False, "since": 90.0, "last": 3}),
        (["--from-ip", "10.0.0.1", "--from-ip", "10.0.0.2"], {"from_ip": ["10.0.0.1", "10.0.0.2"]}),
    ],
)
def test_the_node_is_asked_for_what_was_asked(served, arguments, request_):
    asked = served()
    hubble.main(["observe", *arguments])

    assert request_.items() <= asked[0].items()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["observe", "--bogus"], "unknown flag: --bogus"),
        (["observe", "-x"], "unknown shorthand flag: 'x' in -x"),
        (["observe", "--since"], "flag needs an argument: --since"),
        (["observe", "--since", "soon"], "failed to parse the since time"),
        (["observe", "-o", "xml"], "invalid output format: xml"),
        (["observe", "pods"], 'unknown command "pods" for "hubble observe"'),
        (["listen"], 'unknown command "listen" for "hubble"'),
        (["observe"], "failed to connect to 'unix:///var/run/cilium/hubble.sock'"),
    ],
    ids=words,
)
def test_what_it_cannot_do_it_says_and_ends_with_1(arguments, said, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(hubble, "SERVER", str(tmp_path / "nobody"))

    assert hubble.main(arguments) == 1
    assert said in capsys.readouterr().err
