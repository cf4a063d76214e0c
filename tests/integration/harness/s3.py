"""A real S3 server (s3proxy, which verifies Signature V4), a client of its own, and a proxy in front
of it that goes wrong.

    with S3(tmp_path) as store:                      # a loopback port, the bucket "recordings"
        store.put("recordings", "a b.wav", b"...")
        store.objects()                              # the configuration's part "objects"
        store.keys("recordings")
"""

import datetime
import hashlib
import hmac
import http.client
import json
import os
import pathlib
import re
import socket
import threading
import urllib.parse
import xml.etree.ElementTree

from harness.process import Process
from harness.waiting import free_ports, wait_until

ACCESS_KEY_ID = "key-of-the-store"
# Looked for in everything that leaves a program under test.
SECRET_ACCESS_KEY = "a-store-secret-that-must-never-be-seen"
REGION = "ru-central1"
START_SECONDS = 60
NAMESPACE = "{http://s3.amazonaws.com/doc/2006-03-01/}"


class Refused(Exception):
    """An answer that is no success: its status, S3's code, and what was said."""

    def __init__(self, status, body):
        code = re.search(rb"<Code>([^<]*)</Code>", body)
        self.status = status
        self.code = code[1].decode() if code else ""
        super().__init__(f"{status} {body[:300]!r}")


def encode(text, safe="/"):
    """As Signature V4 wants it; of bytes too."""
    return urllib.parse.quote(text, safe=safe + "-_.~")


class S3(Process):
    """`folder`: objects are files there instead of in the server's memory (for large ones).
    `virtual_host`: buckets are names below localhost, and nothing else is known."""

    def __init__(
        self, directory, buckets=("recordings",), folder=None, port=None, virtual_host=False
    ):
        self.port = port or free_ports(1)[0]
        self.host = f"{'localhost' if virtual_host else '127.0.0.1'}:{self.port}"
        self.url = f"http://{self.host}"
        self.buckets = list(buckets)
        self.directory = pathlib.Path(directory)
        self.key_file = self.write_key_file("store-key")
        properties = self.directory / "s3.properties"
        settings = {
            "s3proxy.endpoint": self.url,
            "s3proxy.authorization": "aws-v4",
            "s3proxy.identity": ACCESS_KEY_ID,
            "s3proxy.credential": SECRET_ACCESS_KEY,
            "jclouds.provider": "filesystem-nio2" if folder else "transient",
            "jclouds.identity": "unused",
            "jclouds.credential": "unused",
        }
        if virtual_host:
            settings["s3proxy.virtual-host"] = "localhost"
        if folder:
            settings["jclouds.filesystem.basedir"] = str(folder)
        properties.write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
        jars = pathlib.Path(os.environ["BACKSCRIBE_S3_JARS"])
        assert any(jars.glob("s3proxy-*.jar")), f"no S3 server in {jars}: run sh tests/run.sh"
        command = ["java", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]
        # Its standard error is led into its log, so the log must not go there.
        command += ["-Dorg.slf4j.simpleLogger.logFile=System.out"]
        command += ["-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp", f"{jars}/*"]
        command += ["org.gaul.s3proxy.Main", "--properties", properties]
        super().__init__("s3", command, self.directory)

    def __enter__(self):
        return self.start()

    def __exit__(self, *problem):
        self.kill()

    def start(self):
        """Returns once it answers and has the buckets."""
        super().start()
        try:
            wait_until(self._answers, START_SECONDS, self.situation)
            for bucket in self.buckets:
                self.request("PUT", bucket)
        except BaseException:
            self.kill()
            raise
        return self

    def _answers(self):
        assert self.running, self.situation()
        try:
            self.request("GET", "")
            return True
        except (OSError, http.client.HTTPException):
            return False

    # ---- for the configuration of a program under test

    def write_key_file(self, name, secret=SECRET_ACCESS_KEY):
        path = self.directory / name
        key = {"access_key_id": ACCESS_KEY_ID, "secret_access_key": secret}
        path.write_text(json.dumps(key))
        return path

    def objects(self, **changes):
        """The configuration's part "objects"; `changes` replace or add settings."""
        return {
            "endpoint": self.url,
            "region": REGION,
            "auth": {"static_key_file": str(self.key_file)},
            "buckets": self.buckets,
            **changes,
        }

    # ---- a client of its own

    def request(self, method, bucket, key="", query=None, body=b"", headers=None, **signing):
        """One signed request: (headers, body), or Refused."""
        path = f"/{bucket}/{encode(key)}" if bucket else "/"
        pairs = sorted((query or {}).items())
        text = "&".join(f"{encode(name, '')}={encode(str(value), '')}" for name, value in pairs)
        signed = sign(method, self.host, path, text, body, headers or {}, **signing)
        return self.send(method, path + ("?" + text if text else ""), body, signed)

    def send(self, method, target, body, headers):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, target, body, headers)
            answer = connection.getresponse()
            content = answer.read()
        finally:
            connection.close()
        if answer.status >= 300:
            raise Refused(answer.status, content)
        return answer.headers, content

    def put(self, bucket, key, body, headers=None):
        self.request("PUT", bucket, key, body=body, headers=headers)

    def get(self, bucket, key):
        return self.request("GET", bucket, key)[1]

    def head(self, bucket, key):
        """The headers."""
        return self.request("HEAD", bucket, key)[0]

    def delete(self, bucket, key):
        self.request("DELETE", bucket, key)

    def list(self, bucket, prefix=""):
        """{key: size}, over all pages."""
        found = {}
        query = {"prefix": prefix, "encoding-type": "url"}
        while True:
            page = xml.etree.ElementTree.fromstring(self.request("GET", bucket, query=query)[1])
            entries = list(page.iter(f"{NAMESPACE}Contents"))
            for entry in entries:
                key = urllib.parse.unquote_plus(entry.findtext(f"{NAMESPACE}Key"))
                found[key] = int(entry.findtext(f"{NAMESPACE}Size"))
            if page.findtext(f"{NAMESPACE}IsTruncated") != "true":
                return found
            assert entries and query.get("marker") != key, "the listing does not move on"
            query["marker"] = key

    def keys(self, bucket, prefix=""):
        return sorted(self.list(bucket, prefix))


def sign(method, host, path, query, body, headers, secret=SECRET_ACCESS_KEY, signed_path=None):
    """`headers` and what Signature V4 adds to them. `signed_path`: sign another one than is sent."""
    now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")
    body_hash = hashlib.sha256(body).hexdigest()
    everything = {name.lower(): value for name, value in headers.items()}
    everything |= {"host": host, "x-amz-date": now, "x-amz-content-sha256": body_hash}
    names = ";".join(sorted(everything))
    lines = [f"{name}:{everything[name].strip()}\n" for name in sorted(everything)]
    canonical = [method, signed_path or path, query, "".join(lines), names, body_hash]
    scope = f"{now[:8]}/{REGION}/s3/aws4_request"
    digest = hashlib.sha256("\n".join(canonical).encode()).hexdigest()
    to_sign = f"AWS4-HMAC-SHA256\n{now}\n{scope}\n{digest}"
    key = ("AWS4" + secret).encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    signature = hmac.digest(key, to_sign.encode(), "sha256").hex()
    everything["authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={ACCESS_KEY_ID}/{scope}, "
        f"SignedHeaders={names}, Signature={signature}"
    )
    return everything


class FaultProxy:
    """Stands in front of a server, connection by connection. `faults` is a list of what becomes of
    the next requests (one each; then all is well), or one word for all of them until it is changed:

    "pass"        goes through
    "cut"         half of the answer's body comes, then the connection ends
    "unavailable" 503 SlowDown, in S3's own words
    "hang"        no answer comes
    "drop"        the connection ends without an answer
    "forbidden"   403 AccessDenied; `forbid` and `deny` have it for every request of a kind

    `hold` leaves all but the first few requests of a kind without an answer.
    """

    ERRORS = {
        "unavailable": (
            "503 Slow Down",
            b"<Error><Code>SlowDown</Code><Message>Please reduce your rate.</Message></Error>",
        ),
        "forbidden": (
            "403 Forbidden",
            b"<Error><Code>AccessDenied</Code><Message>Access denied.</Message></Error>",
        ),
    }

    def __init__(self, port, faults=(), listen=("127.0.0.1", 0)):
        self._target = port
        self._lock = threading.Lock()
        self._faults = faults
        self._forbidden = self._denied = self._held = None
        self.requests = []  # the first line of each
        self._sockets = set()
        host, family = listen[0], socket.AF_INET6 if ":" in listen[0] else socket.AF_INET
        self._listener = socket.create_server(listen, family=family)
        self.port = self._listener.getsockname()[1]
        self.url = f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *problem):
        self.stop()

    def stop(self):
        """From now on nobody listens, and every connection is gone."""
        with self._lock:
            sockets, self._sockets = self._sockets | {self._listener}, set()
        for each in sockets:
            try:
                each.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            each.close()

    def deny(self, part):
        """From now on nobody has a right to what has this in its name; None: everybody has."""
        with self._lock:
            self._denied = part

    def forbid(self, method):
        """From now on whoever asks for it has no right to; None: everybody has."""
        with self._lock:
            self._forbidden = method

    def hold(self, method, but=0):
        """From now on requests of this kind hang, but for the next few; None: they go through."""
        with self._lock:
            self._held, self._before_held = method, but

    def set(self, faults):
        with self._lock:
            self._faults = faults

    def _accept(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _next_fault(self, line):
        with self._lock:
            self.requests.append(line)
            method, target, _ = line.split()
            if method == self._forbidden or (self._denied and self._denied in target):
                return "forbidden"
            if method == self._held:
                self._before_held -= 1
                if self._before_held < 0:
                    return "hang"
            if isinstance(self._faults, str):
                return self._faults
            if not self._faults:
                return "pass"
            fault, *self._faults = self._faults
            return fault

    def _serve(self, client):
        try:
            with client, socket.create_connection(("127.0.0.1", self._target)) as server:
                with self._lock:
                    self._sockets |= {client, server}
                while self._serve_request(client, server):
                    pass
        except OSError:
            pass

    def _serve_request(self, client, server):
        head = read_head(client)
        if not head:
            return False
        fault = self._next_fault(head.split(b"\r\n")[0].decode())
        if fault == "hang":
            while client.recv(65536):
                pass
            return False
        if fault == "drop":
            return False
        if fault in self.ERRORS:
            status, body = self.ERRORS[fault]
            said = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n"
            client.sendall(said.encode() + b"Connection: close\r\n\r\n" + body)
            return False
        server.sendall(head)
        if has_header(head, "expect: 100-continue"):
            client.sendall(read_head(server))
        pump(client, server, body_size(head))
        answer = read_head(server)
        client.sendall(answer)
        size = body_size(answer)
        if head.startswith(b"HEAD") or b" 204 " in answer.split(b"\r\n")[0]:
            size = 0
        if fault == "cut":
            pump(server, client, size // 2)
            return False
        if has_header(answer, "transfer-encoding: chunked") and not head.startswith(b"HEAD"):
            pump_chunks(server, client)
        else:
            pump(server, client, size)
        return True


def read_head(connection):
    """Up to the empty line, byte by byte, so that nothing of what follows is taken."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        byte = connection.recv(1)
        if not byte:
            return b""
        head += byte
    return head


def has_header(head, line):
    return f"\r\n{line}".encode() in head.lower()


def body_size(head):
    found = re.search(rb"\r\ncontent-length: *(\d+)", head.lower())
    return int(found[1]) if found else 0


def pump(source, target, size):
    while size > 0:
        piece = source.recv(min(size, 65536))
        if not piece:
            raise OSError("the other side is gone")
        target.sendall(piece)
        size -= len(piece)


def pump_chunks(source, target):
    while True:
        line = b""
        while not line.endswith(b"\r\n"):
            line += source.recv(1) or b"\r\n"
        target.sendall(line)
        size = int(line, 16)
        pump(source, target, size + 2)
        if size == 0:
            return
