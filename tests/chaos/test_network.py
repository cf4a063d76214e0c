"""The network does to connections what it is told to, and notes what became of submissions."""

import http.client
import http.server
import json
import socket
import threading

import network
import pytest
from harness.waiting import wait_until


class Service(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    seen = None  # client request ids, in order of arrival

    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        self.seen.append(self.headers["x-client-request-id"])
        self.send_response(200)
        self.send_header("content-length", "4")
        self.end_headers()
        self.wfile.write(b"done")

    def log_message(self, *_):
        pass


@pytest.fixture
def parts(tmp_path):
    """(network, port of W0's link, what the service has seen, the journal's lines)"""
    seen = []
    handler = type("Handler", (Service,), {"seen": seen})
    service = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=service.serve_forever, daemon=True).start()
    path = tmp_path / "journal"
    net = network.Network(path, 1)

    def journal():
        return [json.loads(line) for line in path.read_text().splitlines()]

    yield net, net.add_http("W0", service.server_address[1]), seen, journal
    net.close()
    service.shutdown()
    service.server_close()


def submit(port, name, timeout=10):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        connection.request("POST", "/speech/x", b"body", {"X-Client-Request-Id": name})
        return connection.getresponse().read()
    finally:
        connection.close()


def expect_fate(journal, name, fate):
    def found():
        return [line for line in journal() if line.get("client") == name]

    (line,) = wait_until(found, 10, "a line in the journal")
    assert (line["kind"], line["worker"], line["fate"]) == ("submission", "W0", fate)


def test_what_passes_is_noted_as_answered(parts):
    _, port, seen, journal = parts
    assert submit(port, "a") == b"done" and seen == ["a"]
    expect_fate(journal, "a", "answered")


@pytest.mark.parametrize(
    ("weather", "fate", "arrives"),
    [
        (network.Weather(lose_request=1), "unsent", False),
        (network.Weather(lose_answer=1), "lost", True),
        (network.Weather(cut_answer=1), "lost", True),
    ],
)
def test_what_is_lost_is_noted_as_what_it_is(parts, weather, fate, arrives):
    net, port, seen, journal = parts
    net.set_weather(weather)
    try:
        assert submit(port, "a") != b"done"
    except (OSError, http.client.HTTPException):
        pass  # as a client sees it, according to where the answer ended
    expect_fate(journal, "a", fate)
    assert seen == (["a"] if arrives else [])


def test_a_refusing_link_resets_what_is_there_and_what_comes(parts):
    net, port, seen, _ = parts
    with socket.create_connection(("127.0.0.1", port), timeout=10) as there:
        there.sendall(b"POST")
        net.cut("api", "W0", "refuse")
        with pytest.raises(ConnectionResetError):
            there.recv(1)
    with pytest.raises((OSError, http.client.HTTPException)):
        submit(port, "a")
    net.heal("api", "W0")
    assert submit(port, "b") == b"done" and seen == ["b"]


def test_what_a_silent_link_held_moves_on_when_it_heals(parts):
    net, port, seen, journal = parts
    net.cut("api", "W0", "silent")
    with pytest.raises(TimeoutError):
        submit(port, "a", timeout=0.3)
    assert seen == []
    answers = []
    waiting = threading.Thread(target=lambda: answers.append(submit(port, "b")))
    waiting.start()
    net.heal("api", "W0")
    waiting.join(10)
    assert answers == [b"done"] and "b" in seen
    expect_fate(journal, "b", "answered")


def test_bytes_pass_a_link_to_kafka_and_stop_when_it_is_cut(parts):
    net, *_ = parts
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = net.add_tcp("W0", server.getsockname()[1])
        with socket.create_connection(("127.0.0.1", port), timeout=10) as near:
            far, _ = server.accept()
            with far:
                near.sendall(b"hello")
                assert far.recv(5) == b"hello"
                far.settimeout(0.3)
                net.cut("kafka", "W0", "silent")
                near.sendall(b"later")
                with pytest.raises(TimeoutError):
                    far.recv(5)
                net.heal("kafka", "W0")
                far.settimeout(10)
                assert far.recv(5) == b"later"
                net.reset("kafka", "W0")
                with pytest.raises(ConnectionResetError):
                    near.recv(1)
