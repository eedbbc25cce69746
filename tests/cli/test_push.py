"""`--push`: what a Pushgateway is sent, and what is said where it does not take it."""

from __future__ import annotations

import socket
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from npol.cli.arguments.run import RunArguments
from npol.cli.push import check_address, push
from npol.cli.run import run
from npol.errors import InputError
from tests.e2e.shop import write_shop


class Gateway(HTTPServer):
    """Remembers what it was sent, and answers `status`."""

    status = 200

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.got = []
        self.signed_in = ""


class Handler(BaseHTTPRequestHandler):
    server: Gateway

    def do_PUT(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.server.got.append((self.path, self.headers["Content-Type"], body))
        self.server.signed_in = self.headers["Authorization"]
        self.send_response(self.server.status)
        self.end_headers()
        self.wfile.write(b"pushed metrics are invalid")

    def log_message(self, *_):
        pass


@pytest.fixture
def gateway():
    with Gateway() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def url_of(gateway, path="/metrics/job/npol"):
    return f"http://user:secret@127.0.0.1:{gateway.server_port}{path}"


def test_a_group_is_replaced(gateway):
    push(url_of(gateway), "npol_run_exit_code 0\n")

    text = "text/plain; version=0.0.4"
    assert gateway.got == [("/metrics/job/npol", text, "npol_run_exit_code 0\n")]
    assert gateway.signed_in == "Basic dXNlcjpzZWNyZXQ="


def test_a_gateway_that_does_not_take_them_is_told(gateway):
    gateway.status = 400

    with pytest.raises(InputError, match=r"400 pushed metrics are invalid") as told:
        push(url_of(gateway), "x")
    assert "secret" not in str(told.value)


def test_a_gateway_that_is_not_there_is_told():
    with socket.socket() as held:  # nobody listens, and nobody else gets the port meanwhile
        held.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{held.getsockname()[1]}/metrics/job/npol"

        with pytest.raises(InputError, match="refused"):
            push(address, "x")


@pytest.mark.parametrize(
    "url", ["pushgateway:9091", "http://pushgateway:9091", "ftp://a/metrics/job/b"]
)
def test_what_is_no_group_is_refused_before_anything_is_asked(url, tmp_path):
    with pytest.raises(InputError, match="is no Pushgateway's address"):
        check_address(url)
    with pytest.raises(InputError, match="is no Pushgateway's address"):
        run(RunArguments(stories=[str(tmp_path / "none.npol.yaml")], push=url))


def test_a_shard_without_stories_clears_its_group(gateway, tmp_path):
    story = str(write_shop(tmp_path))

    assert run(RunArguments(stories=[story], shard="1/2", push=url_of(gateway))) == 0
    assert [body.strip() for _, _, body in gateway.got] == [""]
