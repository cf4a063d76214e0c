"""A server that answers as no service should. Each operation (or submission) gets one behaviour."""

import http.server
import threading
import urllib.error
import urllib.request

MEGABYTE = b"x" * 1048576


def head(status=b"200 OK", *lines):
    return b"\r\n".join((b"HTTP/1.1 " + status, *lines, b"", b""))


def endless(write):
    write(head(b"200 OK", b"Transfer-Encoding: chunked"))
    while True:
        write(b"100000\r\n" + MEGABYTE + b"\r\n")


def hundred_megabytes(write):
    write(head(b"200 OK", b"Content-Length: 104857600"))
    for _ in range(100):
        write(MEGABYTE)


def endless_without_length(write):
    """A length that is not told cannot be refused by it."""
    write(head(b"200 OK", b"Connection: close"))
    while True:
        write(MEGABYTE)


def ten_thousand_headers(write):
    write(head(b"200 OK", *(b"x-%d: 1" % number for number in range(10_000))))


def one_header_of_a_megabyte(write):
    write(head(b"200 OK", b"x-request-id: " + MEGABYTE))


def whole(body):
    def answer(write):
        write(head(b"200 OK", b"Content-Length: %d" % len(body)) + body)

    return answer


def dripping(write):
    """A byte a second, for as long as somebody reads."""
    write(head(b"200 OK", b"Content-Length: 1000000"))
    rest = threading.Event()
    while not rest.wait(1):
        write(b"x")


class Hostile:
    """`behaviours` are taken in turn, one by each path that is asked for (of POSTs: by each request);
    None passes the request on to `service` and its answer back."""

    def __init__(self, service, behaviours):
        self._service = service
        self._behaviours = list(behaviours)
        self._given = {}
        self._lock = threading.Lock()
        hostile = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):  # noqa: N802 (the name that the library calls)
                hostile.serve(self, self.path)

            def do_POST(self):  # noqa: N802
                hostile.serve(self, None)

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 256

            def handle_error(self, *_):
                """The worker closes connections in the middle: that is what is tested."""

        self._server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()

    def given(self, path):
        """The behaviour of that path, if it was asked for."""
        return self._given.get(path)

    def _behaviour(self, path):
        with self._lock:
            if path is not None and path in self._given:
                return self._given[path]
            behaviour = self._behaviours.pop(0) if self._behaviours else None
            if path is not None:
                self._given[path] = behaviour
            return behaviour

    def serve(self, handler, path):
        size = int(handler.headers.get("Content-Length", 0))
        body = handler.rfile.read(size) if size else None
        behaviour = self._behaviour(path)
        if behaviour is None:
            self._pass_on(handler, body)
            return
        handler.close_connection = True
        behaviour(handler.wfile.write)

    def _pass_on(self, handler, body):
        request = urllib.request.Request(self._service + handler.path, data=body)
        for name, value in handler.headers.items():
            if name.lower() not in ("host", "content-length", "connection"):
                request.add_header(name, value)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                status, text = answer.status, answer.read()
        except urllib.error.HTTPError as error:
            status, text = error.code, error.read()
        handler.send_response(status)
        handler.send_header("Content-Length", str(len(text)))
        handler.end_headers()
        handler.wfile.write(text)
