"""The object store's edge against a real S3 server that verifies Signature V4."""

import hashlib
import json
import os
import subprocess
import threading
import time

import pytest
from harness.s3 import SECRET_ACCESS_KEY, FaultProxy, Refused, S3, encode, sign
from harness.waiting import free_ports

BUCKET = "recordings"
CONTENT = bytes(range(256)) * 400
KEYS = [
    "plain.wav",
    "with a space.wav",
    "a+b.wav",
    "100%.wav",
    "a%20b",
    "a%2Fb",
    "quotes '\" `.wav",
    "&=?#;:@,$!*().wav",
    "[br]{ac}|^\\",
    "<xml>&amp;",
    "~tilde_-.",
    "Запись разговора № 5.wav",
    "Я" * 500,
    "k" * 1020 + ".wav",
    "🎧 emoji 🎙️.ogg",
    "a/b/../c.wav",
    "./a/./b",
    "..",
    "//two slashes",
    "trailing/",
    "tab\tnewline\nand\x01\x7f",
]


class Edge:
    """The edge, driven by its command line (object_client.c)."""

    def __init__(self, directory, objects):
        self._configuration = directory / "edge.json"
        address = "http://127.0.0.1:1"
        urls = {name: address for name in ("transcribe_url", "operation_url", "iam_url")}
        self._configuration.write_text(
            json.dumps(
                {
                    "kafka": {"bootstrap.servers": "127.0.0.1:1"},
                    "speechkit": {"auth": {"none": True}, **urls},
                    "objects": objects,
                }
            )
        )

    def command(self, *arguments, limit_ms=20_000):
        program = os.environ["BACKSCRIBE_OBJECT_CLIENT"]
        return [program, "--limit-ms", str(limit_ms), str(self._configuration), *arguments]

    def run(self, *arguments, limit_ms=20_000):
        """(what it wrote, "" or "CODE message")"""
        command = self.command(*arguments, limit_ms=limit_ms)
        ended = subprocess.run(command, capture_output=True, timeout=120)
        said = ended.stderr.decode().strip()
        assert ended.returncode == (1 if said else 0), said
        assert SECRET_ACCESS_KEY not in said
        return ended.stdout, said

    def do(self, *arguments, limit_ms=20_000):
        output, said = self.run(*arguments, limit_ms=limit_ms)
        assert said == ""
        return output

    def refused(self, *arguments, limit_ms=20_000):
        """The code, and the message."""
        _, said = self.run(*arguments, limit_ms=limit_ms)
        assert said != "", f"{arguments} was not refused"
        code, _, message = said.partition(" ")
        return code, message

    def head(self, key):
        """size, modified in ms, sha256 or "-", etag"""
        size, modified, sha256, etag = self.do("head", BUCKET, key).decode().split()
        return int(size), int(modified), sha256, etag

    def list(self, prefix="", *more):
        """[(key, size, modified in ms, etag)] in the order of the listing"""
        lines = self.do("list", BUCKET, prefix, *more).decode().splitlines()
        found = []
        for line in lines:
            size, modified, key, etag = line.split()
            found.append((bytes.fromhex(key).decode(), int(size), int(modified), etag))
        return found


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    with S3(tmp_path_factory.mktemp("s3")) as store:
        yield store


@pytest.fixture
def edge(store, tmp_path):
    for key in store.keys(BUCKET):
        store.delete(BUCKET, key)
    return Edge(tmp_path, store.objects())


@pytest.fixture
def faults(store):
    with FaultProxy(store.port) as proxy:
        yield proxy


@pytest.fixture
def edge_behind_faults(edge, store, faults, tmp_path):
    return Edge(tmp_path, store.objects(endpoint=faults.url))


@pytest.fixture
def recording(tmp_path):
    path = tmp_path / "recording"
    path.write_bytes(CONTENT)
    return path


# ---- names


def test_keys_of_every_kind_name_the_same_object_to_the_edge_and_to_others(edge, store, recording):
    for key in KEYS:
        edge.do("put", BUCKET, key, recording)
        assert store.get(BUCKET, key) == CONTENT, key
        assert edge.do("get", BUCKET, key) == CONTENT, key
        assert edge.head(key)[0] == len(CONTENT), key
    assert sorted(KEYS, key=str.encode) == [key for key, *_ in edge.list()]
    for key in KEYS:
        edge.do("delete", BUCKET, key)
    assert store.keys(BUCKET) == []


def test_the_virtual_host_style_names_the_same_objects(recording, tmp_path):
    keys = [key for key in KEYS if key != ".."]  # which this server takes for a way out of it
    with S3(tmp_path, virtual_host=True) as store:
        edge = Edge(tmp_path, store.objects(style="virtual_host"))
        for key in keys:
            edge.do("put", BUCKET, key, recording)
            assert store.get(BUCKET, key) == CONTENT, key
            assert edge.do("get-range", BUCKET, key, "100", "20") == CONTENT[100:120]
        assert [key for key, *_ in edge.list()] == sorted(keys, key=str.encode)


# ---- signatures


def test_a_wrong_secret_is_refused_with_the_server_s_own_code(edge, store, recording, tmp_path):
    edge.do("put", BUCKET, "call.wav", recording)
    wrong = store.write_key_file("wrong-key", secret="not-the-secret")
    thief = Edge(tmp_path, store.objects(auth={"static_key_file": str(wrong)}))
    calls = (
        ("head", BUCKET, "call.wav"),
        ("get", BUCKET, "call.wav"),
        ("get-range", BUCKET, "call.wav", "0", "10"),
        ("put", BUCKET, "call.wav", str(recording)),
        ("delete", BUCKET, "call.wav"),
        ("list", BUCKET, ""),
    )
    for call in calls:
        code, message = thief.refused(*call)
        assert code == "DENIED"
        assert "SignatureDoesNotMatch" in message and "403" in message
        assert f"{call[0].split('-')[0]} s3://recordings/{call[2]}" in message
        assert "not-the-secret" not in message
    assert store.get(BUCKET, "call.wav") == CONTENT


def test_the_server_refuses_a_signature_over_another_encoding_of_the_key(store):
    """Without this the tests of keys would prove nothing of signatures."""
    path = f"/{BUCKET}/{encode('a b+c.wav')}"
    host = store.host
    for wrong in ("a b+c.wav", "a+b%2Bc.wav", "a%20b+c.wav"):
        headers = sign("PUT", host, path, "", b"x", {}, signed_path=f"/{BUCKET}/{wrong}")
        with pytest.raises(Refused, match="SignatureDoesNotMatch"):
            store.send("PUT", path, b"x", headers)
    store.send("PUT", path, b"x", sign("PUT", host, path, "", b"x", {}))
    assert store.get(BUCKET, "a b+c.wav") == b"x"
    store.delete(BUCKET, "a b+c.wav")


# ---- objects


def test_a_hash_is_noted_with_the_object_and_checked_by_the_server(edge, store, recording):
    sha256 = hashlib.sha256(CONTENT).hexdigest()
    begin = time.time()
    edge.do("put", BUCKET, "call.wav", recording, sha256)
    size, modified, noted, etag = edge.head("call.wav")
    assert (size, noted) == (len(CONTENT), sha256)
    assert etag == hashlib.md5(CONTENT).hexdigest()
    assert abs(modified / 1000 - begin) < 60
    assert edge.list() == [("call.wav", size, modified, etag)]
    code, message = edge.refused("put", BUCKET, "call.wav", recording, "0" * 64)
    assert code == "INVALID" and "XAmzContentSHA256Mismatch" in message
    assert store.get(BUCKET, "call.wav") == CONTENT


def test_parts_of_an_object_are_what_was_asked_for(edge, store):
    store.put(BUCKET, "call.wav", CONTENT)
    store.put(BUCKET, "empty.wav", b"")
    size = len(CONTENT)
    for begin, length in ((0, 1), (0, size), (0, size + 5), (1000, 300), (size - 1, 100)):
        part = edge.do("get-range", BUCKET, "call.wav", str(begin), str(length))
        assert part == CONTENT[begin : begin + length]
    assert edge.do("get-range", BUCKET, "call.wav", str(size), "10") == b""
    assert edge.do("get-range", BUCKET, "call.wav", str(size * 2), "10") == b""
    assert edge.do("get-range", BUCKET, "empty.wav", "0", "10") == b""
    assert edge.do("get", BUCKET, "empty.wav") == b""


def test_a_part_of_an_object_that_was_replaced_is_not_given(edge, store):
    store.put(BUCKET, "call.wav", CONTENT)
    etag = edge.head("call.wav")[3]
    assert edge.do("get-range", BUCKET, "call.wav", "0", "10", etag) == CONTENT[:10]
    store.put(BUCKET, "call.wav", CONTENT[::-1])
    code, message = edge.refused("get-range", BUCKET, "call.wav", "0", "10", etag)
    assert code == "INVALID" and "replaced" in message


def test_what_is_not_there_is_said_to_be_missing(edge):
    for call in ("head", "get"):
        code, message = edge.refused(call, BUCKET, "none.wav")
        assert code == "NOT_FOUND" and "s3://recordings/none.wav" in message
    assert edge.refused("get", "no-such-bucket", "none.wav")[0] == "NOT_FOUND"
    code, message = edge.refused("list", "no-such-bucket", "")
    assert code == "NOT_FOUND" and "NoSuchBucket" in message
    edge.do("delete", BUCKET, "none.wav")


def test_an_object_is_copied_while_it_is_read_in_parts(edge, store):
    content = os.urandom(10_000_000)
    store.put(BUCKET, "long call.wav", content)
    edge.do("copy", BUCKET, "long call.wav", "copy of a long call.wav")
    assert store.get(BUCKET, "copy of a long call.wav") == content


# ---- listings


def test_fifteen_hundred_objects_are_listed_whole_and_in_order(edge, store):
    keys = sorted((f"архив/{n % 7} x/call {n:04}.wav" for n in range(1500)), key=str.encode)

    def put_every_fourth(first):
        for key in keys[first::4]:
            store.put(BUCKET, key, b"x" * (len(key) % 9))

    threads = [threading.Thread(target=put_every_fourth, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    store.put(BUCKET, "other.wav", b"x")

    listed = edge.list("архив/")
    assert [key for key, *_ in listed] == keys
    assert all(size == len(key) % 9 for key, size, *_ in listed)
    # A number of keys on a page that is a multiple of 32 hid further pages from libs3.
    assert [key for key, *_ in edge.list("архив/", "", "64")] == keys
    assert [key for key, *_ in edge.list("архив/", keys[1233], "7")] == keys[1234:]
    assert edge.list("архив/", keys[-1]) == []
    assert [key for key, *_ in edge.list("other")] == ["other.wav"]
    assert edge.list("none/") == []


# ---- faults


def test_what_can_pass_is_tried_again(edge_behind_faults, faults, store, recording):
    edge = edge_behind_faults
    for fault in ("unavailable", "drop"):
        faults.set([fault])
        edge.do("put", BUCKET, "call.wav", recording)
        assert store.get(BUCKET, "call.wav") == CONTENT
    for fault in ("cut", "unavailable", "drop"):
        faults.set([fault, fault])
        assert edge.do("get-range", BUCKET, "call.wav", "100", "90000") == CONTENT[100:90100]
        faults.set([fault])
        assert [key for key, *_ in edge.list()] == ["call.wav"]
    for fault in ("unavailable", "drop"):
        faults.set([fault])
        assert edge.head("call.wav")[0] == len(CONTENT)
        faults.set([fault])
        edge.do("delete", BUCKET, f"{fault}.wav")


def test_a_body_that_was_cut_is_never_taken_for_a_whole_one(edge_behind_faults, faults, store):
    store.put(BUCKET, "call.wav", CONTENT)
    faults.set("cut")
    for call in (("get-range", BUCKET, "call.wav", "0", "50000"), ("list", BUCKET, "")):
        output, said = edge_behind_faults.run(*call, limit_ms=1500)
        assert output == b""
        assert said.startswith("TEMPORARY") and "tried" in said
    output, said = edge_behind_faults.run("get", BUCKET, "call.wav", limit_ms=1500)
    assert said.startswith("TEMPORARY") and output == CONTENT[: len(output)]


def test_a_server_that_stays_unavailable_is_named_with_its_own_words(edge_behind_faults, faults):
    faults.set("unavailable")
    code, message = edge_behind_faults.refused("get", BUCKET, "call.wav", limit_ms=4000)
    assert code == "TEMPORARY"
    assert "SlowDown" in message and "503" in message and "Please reduce your rate." in message
    assert 3 <= len(faults.requests) <= 12, "with pauses that grow"


@pytest.mark.parametrize("fault", ["hang", "dead"])
def test_a_server_that_hangs_or_is_dead_takes_no_longer_than_the_limit(
    edge_behind_faults, faults, fault
):
    if fault == "dead":
        faults.stop()
    faults.set("hang")
    for call in (("head", BUCKET, "call.wav"), ("list", BUCKET, "")):
        begin = time.monotonic()
        code, message = edge_behind_faults.refused(*call, limit_ms=2000)
        assert code == "TEMPORARY" and message
        assert 0.9 < time.monotonic() - begin < 15


def test_a_server_that_comes_back_within_the_limit_is_waited_for(edge, store, tmp_path, recording):
    port = free_ports(1)[0]
    early = Edge(tmp_path, store.objects(endpoint=f"http://127.0.0.1:{port}"))
    command = early.command("put", BUCKET, "late.wav", str(recording), limit_ms=60_000)
    putting = subprocess.Popen(command, stderr=subprocess.PIPE)
    with pytest.raises(subprocess.TimeoutExpired):
        putting.wait(1)  # it goes on trying
    with FaultProxy(store.port, listen=("127.0.0.1", port)):
        said = putting.communicate(timeout=60)[1]
    assert putting.returncode == 0, said
    assert store.get(BUCKET, "late.wav") == CONTENT


def test_a_large_upload_that_was_turned_away_is_sent_again(
    edge_behind_faults, faults, store, tmp_path
):
    content = os.urandom(5_000_000)
    path = tmp_path / "large"
    path.write_bytes(content)
    faults.set(["unavailable", "drop"])
    edge_behind_faults.do("put", BUCKET, "large.wav", path)
    assert store.get(BUCKET, "large.wav") == content
    assert len(faults.requests) == 3


def test_an_endpoint_may_be_an_ipv6_address(edge, store, tmp_path, recording):
    with FaultProxy(store.port, listen=("::1", 0)) as proxy:
        other = Edge(tmp_path, store.objects(endpoint=proxy.url))
        other.do("put", BUCKET, "a b.wav", recording)
        assert other.do("get-range", BUCKET, "a b.wav", "100", "20") == CONTENT[100:120]
        assert [key for key, *_ in other.list()] == ["a b.wav"]
    assert store.get(BUCKET, "a b.wav") == CONTENT
