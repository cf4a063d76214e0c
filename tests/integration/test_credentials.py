"""Credentials: how they are got and kept fresh, that they stand nowhere, and that they go nowhere but
to the configured hosts."""

import http.server
import io
import itertools
import json
import pathlib
import re
import resource
import signal
import socket
import threading
import time
import wave

import pytest
from harness.dump import found_in_dump
from harness.iam import Iam
from harness.s3 import S3, SECRET_ACCESS_KEY, FaultProxy
from harness.scene import API_KEY
from harness.topics import job_value
from harness.waiting import wait_until

PLACES = {
    "staging": "s3://recordings/.backscribe/staging",
    "transcripts": "s3://recordings/.backscribe/transcripts",
}


@pytest.fixture
def iam(scene, tmp_path):
    """A stand-in that takes tokens for an hour, and who gives them."""
    scene.create_topics(partitions=1)
    scene.start_standin(duration_ms=200)
    with Iam(tmp_path, scene.standin.url) as service:
        yield service
    assert service.refusals == []


@pytest.fixture
def store(tmp_path):
    with S3(tmp_path) as server:
        yield server


def with_key(iam, **changes):
    auth = {"api_key_file": None, "authorized_key_file": str(iam.key_file)}
    # What jobs name is not there: no store is asked (its address answers nothing).
    return {"speechkit": {"auth": auth, "iam_url": iam.url}, **changes}


def stated(scene, count, prefix="call"):
    """Jobs that say all about their recordings, so that nobody looks for those."""
    return scene.enqueue(
        count,
        prefix=prefix,
        audio={"durationSeconds": 30},
        config={"specification": {"audioEncoding": "OGG_OPUS"}},
    )


def expect_results(scene, jobs, timeout_seconds=90):
    scene.wait_for_answers(len(jobs), timeout_seconds)
    scene.account.expect_only_results(jobs)


# ---- getting them, keeping them fresh


def test_an_authorized_key_does_the_main_job_and_another_one_without_a_restart(scene, iam):
    jobs = stated(scene, 5)
    (worker,) = scene.start_workers(1, with_key(iam))
    expect_results(scene, jobs)
    assert len(iam.jwts) == 1
    life = worker.metric("credentials_expiry_timestamp_seconds") - time.time()
    assert 43_000 < life <= 43_200

    iam.make_key()
    wait_until(lambda: len(iam.jwts) == 2, 30, scene.situation)
    jobs += stated(scene, 3, "by-another")
    expect_results(scene, jobs)
    assert len(iam.tokens) == 2 and worker.running
    scene.stop_workers()


def test_a_token_is_renewed_before_it_ends_so_that_no_request_is_refused(scene, tmp_path):
    scene.create_topics(partitions=1)
    standin = scene.start_standin(duration_ms=200, token_seconds=4)
    with Iam(tmp_path, standin.url) as iam:
        jobs = stated(scene, 3)
        scene.start_workers(1, with_key(iam))
        for number in range(4):
            wait_until(lambda: len(iam.jwts) > number, 30, scene.situation)
            jobs += stated(scene, 2, f"round-{number}")
        expect_results(scene, jobs)
        assert iam.refusals == []
    assert {each.outcome for each in standin.submissions()} == {"accepted"}
    assert "refused" not in {each.outcome for each in standin.checks()}
    scene.stop_workers()


def test_a_token_that_the_service_refuses_is_replaced_and_nothing_is_lost(scene, iam):
    iam.answer = "foreign"
    jobs = stated(scene, 5)
    worker = scene.start_worker(with_key(iam))
    wait_until(lambda: "refused" in {s.outcome for s in scene.standin.submissions()}, 60,
               scene.situation)
    iam.answer = "token"
    worker.wait_until_ready()
    expect_results(scene, jobs)
    assert len(iam.jwts) <= 4
    scene.stop_workers()


def test_while_iam_is_down_the_worker_waits_says_why_and_goes_on(scene, iam):
    iam.answer = "down"
    jobs = stated(scene, 5)
    worker = scene.start_worker(with_key(iam))
    reason = worker.wait_until_not_ready("credentials_rejected")
    assert "/iam/v1/tokens answers 503 (try again later)" in reason
    assert scene.standin.submissions() == []
    iam.answer = "token"
    worker.wait_until_ready(120)
    expect_results(scene, jobs)
    scene.stop_workers()


def test_a_virtual_machines_token_does_the_main_job(scene, iam, monkeypatch):
    monkeypatch.setenv("GCE_METADATA_HOST", iam.host)
    jobs = stated(scene, 3)
    auth = {"api_key_file": None, "metadata_service": True}
    (worker,) = scene.start_workers(1, {"speechkit": {"auth": auth}})
    expect_results(scene, jobs)
    assert len(iam.tokens) == 1
    life = worker.metric("credentials_expiry_timestamp_seconds") - time.time()
    assert 41_000 < life <= 42_000
    scene.stop_workers()


# ---- check


def lines_of(command):
    return command.output.decode().splitlines()


def test_check_tells_what_the_credentials_may_do(scene, iam, store, tmp_path):
    store.put("recordings", "call.ogg", b"OggS")
    good = with_key(iam, objects=store.objects(**PLACES))
    status, command = scene.run_command(["check"], good)
    said = lines_of(command)
    assert status == 0, said
    (token,) = [line for line in said if "speechkit.auth: IAM gave a token" in line]
    assert re.search(r"good until 20\d\d-\d\d-\d\dT", token)
    assert "ok    objects.auth: the credential can be read" in said
    assert "ok    bucket recordings: may be listed and read" in said
    for name, place in PLACES.items():
        assert f"ok    objects.{name}: {place}: put, read and deleted" in said
    assert store.keys("recordings") == ["call.ogg"]

    with FaultProxy(store.port) as proxy:
        objects = store.objects(endpoint=proxy.url, **PLACES)
        proxy.forbid("DELETE")
        status, command = scene.run_command(["check"], with_key(iam, objects=objects))
        (warning,) = [line for line in lines_of(command) if line.startswith("warn  objects")]
        assert status == 0 and "objects.staging" in warning
        assert "storage.editor" in warning and "lifecycle rule" in warning
        proxy.forbid("PUT")
        status, command = scene.run_command(["check"], with_key(iam, objects=objects))
        failed = [line for line in lines_of(command) if line.startswith("FAIL")]
        assert status == 1 and len(failed) == 2
        assert all("storage.uploader" in line and "AccessDenied" in line for line in failed)


def test_check_names_what_is_wrong_with_credentials_without_showing_them(scene, iam, store):
    wrong = store.write_key_file("wrong-key", secret="a-secret-that-is-wrong")
    objects = store.objects(auth={"static_key_file": str(wrong)}, buckets=["recordings", "absent"])
    status, command = scene.run_command(["check"], with_key(iam, objects=objects))
    failed = "\n".join(line for line in lines_of(command) if line.startswith("FAIL"))
    assert status == 1 and "SignatureDoesNotMatch" in failed and "objects.auth" in failed
    assert "bucket recordings: may not be listed" in failed, failed
    assert "a-secret-that-is-wrong" not in command.output.decode() + command.log

    objects = store.objects(buckets=["absent-bucket"])
    iam.key_file.write_text(json.dumps({"id": "a", "private_key": "not-a-pem-but-secret"}))
    status, command = scene.run_command(["check"], with_key(iam, objects=objects))
    said = "\n".join(line for line in lines_of(command) if line.startswith("FAIL"))
    assert status == 1 and 'it has no text "service_account_id"' in said
    assert "bucket absent-bucket: there is none" in said
    assert "not-a-pem-but-secret" not in command.output.decode() + command.log

    status, command = scene.run_command(["check"])  # an API key, and nothing for the store
    (line,) = [line for line in lines_of(command) if "objects" in line]
    assert status == 0 and line.startswith("ok") and "objects.auth" in line


# ---- no secret stands anywhere


def sound():
    """A WAV of a second, which is staged."""
    with io.BytesIO() as file:
        with wave.open(file, "wb") as writer:
            writer.setnchannels(1)
            writer.setsampwidth(2)
            writer.setframerate(8000)
            writer.writeframes(bytes(16_000))
        return file.getvalue()


def texts_of(scene, worker):
    """Everything that leaves the worker, by where it stands."""
    found = {path: worker.get(path)[1] for path in ("/metrics", "/status", "/readyz", "/healthz")}
    for path in scene.directory.glob("*.log"):
        found[path.name] = path.read_text(errors="replace")
    for path in scene.directory.glob("*.out"):
        found[path.name] = path.read_text(errors="replace")
    for name, topic in scene.topics.items():
        messages = scene.cluster.read(topic, isolation="read_uncommitted")
        found[name] = repr([(each.key, each.value, each.headers) for each in messages])
    return found


def test_no_secret_stands_in_any_log_metric_message_or_dump(scene, store, tmp_path):
    scene.create_topics(partitions=2)
    standin = scene.start_standin(
        duration_ms=200, objects=store.url, objects_key_file=store.key_file
    )
    store.put("recordings", "call.wav", sound())
    with Iam(tmp_path, standin.url) as iam:
        changes = with_key(iam, objects=store.objects(**PLACES))
        for name in ("call-0", "call-1", "call-2", "later-0"):
            store.put("recordings", f"{name}.ogg", b"OggS")
        results = [scene.enqueue_value(job_value("s3://recordings/call.wav", id="call.wav"))]
        results += stated(scene, 3)
        scene.enqueue_value(job_value("s3://recordings/absent.wav", id="absent"))
        scene.enqueue_value(job_value(f"https://u:{API_KEY}@evil.example/b/k", id="evil"))
        scene.enqueue_value(b"no job")
        debug = ["--log-level", "debug", "--log-format"]
        workers = [scene.start_worker(changes, [*debug, form]) for form in ("logfmt", "json")]
        scene.wait_for_answers(len(results), 90, dead_letters=3)
        # Refused, and renewed; down, and back.
        standin.faults({"fault": "unauthenticated", "on": "submit"})
        stated(scene, 1, "later")
        wait_until(lambda: len(iam.jwts) >= 3, 60, scene.situation)
        standin.faults()
        scene.wait_for_answers(len(results) + 1, 90, dead_letters=3)
        for arguments in (["check"], ["enqueue", "--dry-run", "s3://absent-bucket/"]):
            scene.run_command([*arguments, "--log-level", "debug"], changes)
        wrong = {"objects": {"auth": {"static_key_file": str(scene.key_file)}}}
        scene.run_command(["check"], {**changes, **wrong})

        secrets = [*iam.secrets(), SECRET_ACCESS_KEY]
        assert len(secrets) > 25
        for place, text in {**texts_of(scene, workers[0]), **texts_of(scene, workers[1])}.items():
            if not place.startswith(("standin", "s3")):
                assert [secret for secret in secrets if secret in text] == [], place
                # The link was the job's own: it stands where its bytes do, and nowhere else.
                assert API_KEY not in text or place in ("jobs", "dead_letters", "state"), place

        for worker in workers:
            expect_no_secret_in_dumps(worker, secrets)


def expect_no_secret_in_dumps(worker, secrets):
    soft, _ = resource.prlimit(worker.pid, resource.RLIMIT_CORE)
    # 1 holds also where dumps are piped into a program; the address sanitizer sets 0 before us.
    assert soft in (0, 1), "a crash would leave a dump"
    assert found_in_dump(worker.pid, secrets) == set()

    # By the same rule: with all of its memory they would be seen, so the look is not blind.
    filter_path = f"/proc/{worker.pid}/coredump_filter"
    with open(filter_path, "w") as kinds:
        kinds.write("0x33")
    assert SECRET_ACCESS_KEY in found_in_dump(worker.pid, secrets)
    with open(filter_path, "w") as kinds:
        kinds.write("0")

    # A real crash leaves no dump at all: the registers, too, hold pieces of what was copied last.
    folder = pathlib.Path(f"/proc/{worker.pid}/cwd").readlink()
    worker.send(signal.SIGABRT)
    worker.wait_for_end(30)
    assert list(folder.glob("core*")) == []


# ---- no credential goes elsewhere


class Trap:
    """Notes every connection that anybody makes to it, and what comes through it."""

    def __init__(self):
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self._listener.getsockname()[1]
        self.caught = []
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._listener.close()

    def _accept(self):
        while True:
            try:
                connection, address = self._listener.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(2)
                try:
                    self.caught.append(connection.recv(65536))
                except OSError:
                    self.caught.append(b"")


def serve(answer):
    """An HTTP server whose every request goes to `answer(handler)`; the caller closes it."""

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self):
            size = int(self.headers.get("Content-Length") or 0)
            if size:
                self.rfile.read(size)
            answer(self)

        do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = answer  # noqa: N815

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.url = f"http://127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def hostile_uris(store, trap):
    """Each names the trap to somebody: a parser, a resolver, or a server that redirects."""
    good, evil = f"127.0.0.1:{store}", f"127.0.0.1:{trap}"
    return [
        f"http://{evil}/recordings/call.ogg",
        f"http://localhost:{trap}/recordings/call.ogg",
        f"http://[::1]:{trap}/recordings/call.ogg",
        f"http://0:{trap}/recordings/call.ogg",
        f"http://127.1:{trap}/recordings/call.ogg",
        f"http://2130706433:{trap}/recordings/call.ogg",
        f"http://recordings.{evil}/call.ogg",
        f"http://{good}@{evil}/recordings/call.ogg",
        f"http://{good}%40{evil}/recordings/call.ogg",
        f"http://user:{store}@{evil}/recordings/call.ogg",
        f"http://{evil}\\@{good}/recordings/call.ogg",
        f"http://{good}\\@{evil}/recordings/call.ogg",
        f"http://{evil}#@{good}/recordings/call.ogg",
        f"http://{evil}?@{good}/recordings/call.ogg",
        f"http://{evil}%23@{good}/recordings/call.ogg",
        f"http://{evil}%2f@{good}/recordings/call.ogg",
        f"http://{evil}%00.{good}/recordings/call.ogg",
        f"http://{good}.{evil}/recordings/call.ogg",
        f"http://{good}:{trap}/recordings/call.ogg",
        f"http://127.0.0.1.:{trap}/recordings/call.ogg",
        f"http://ⓛocalhost:{trap}/recordings/call.ogg",
        f"http:/{evil}/recordings/call.ogg",
        f"http:\\\\{evil}\\recordings\\call.ogg",
        f"//{evil}/recordings/call.ogg",
        f"https://{evil}/recordings/call.ogg",
        f"ftp://{evil}/recordings/call.ogg",
        f"s3://{evil}/recordings/call.ogg",
        f"s3://recordings@{evil}/call.ogg",
        f"s3://other-bucket/{evil}/call.ogg",
        f"http://{good}/recordings/../other-bucket/call.ogg",
        f"http://{good}/recordings/%2e%2e/other-bucket/call.ogg",
        f"http://{good}/other-bucket/call.ogg",
        f"http://{good}//{evil}/call.ogg",
        f"http://{good}/@{evil}/call.ogg",
        f"http://other-bucket.{good}/call.ogg",
    ]


def test_a_job_never_sends_a_credential_where_it_wants(scene, store):
    scene.create_topics(partitions=1)
    scene.start_standin(duration_ms=200, objects=store.url, objects_key_file=store.key_file)
    store.put("recordings", "call.wav", sound())
    with Trap() as trap, FaultProxy(store.port) as way:
        uris = hostile_uris(way.port, trap.port)
        for number, uri in enumerate(uris):
            scene.enqueue_value(job_value(uri, id=f"hostile-{number}"), str(number).encode())
        good = scene.enqueue_value(job_value("s3://recordings/call.wav", id="good"), b"good")
        scene.start_workers(1, {"objects": store.objects(endpoint=way.url, **PLACES)})
        scene.wait_for_answers(1, 90, dead_letters=len(uris))
        results, letters = scene.account.results(), scene.account.dead_letters()
        assert set(results) == {good.source}
        codes = {each.header("backscribe-error-code") for each in letters.values()}
        assert codes == {"audio_forbidden", "invalid_job"}
        # Every request to the store was about the one good recording and its copy.
        assert way.requests and all(
            "/recordings/call.wav" in line or "/.backscribe/" in line for line in way.requests
        ), way.requests
        assert trap.caught == []
    assert len(scene.standin.submissions()) == 1
    scene.stop_workers()


def test_a_store_that_redirects_is_not_followed(scene, store):
    scene.create_topics(partitions=1)
    scene.start_standin(duration_ms=200)
    answers = itertools.cycle([301, 302, 303, 307, 308])
    given = set()
    with Trap() as trap:

        def redirect(handler):
            status = next(answers)
            given.add(status)
            handler.send_response(status)
            handler.send_header("Location", f"http://127.0.0.1:{trap.port}{handler.path}")
            handler.send_header("Content-Length", "0")
            handler.end_headers()

        server = serve(redirect)
        scene.enqueue_value(job_value("s3://recordings/call.ogg", id="call"), b"call")
        worker = scene.start_worker({"objects": store.objects(endpoint=server.url)})
        worker.wait_until_not_ready("recordings_unreadable")
        assert scene.account.dead_letters() == {} and scene.standin.submissions() == []
        changes = {"objects": store.objects(endpoint=server.url, **PLACES)}
        while len(given) < 5:
            status, command = scene.run_command(["check"], changes)
            assert status == 1, command.output
        server.shutdown()
        assert trap.caught == []
    scene.stop_workers()


def test_a_service_that_quotes_the_credential_does_not_spread_it(scene, tmp_path):
    """The API and the store answer with what they were sent, in body and headers."""
    scene.create_topics(partitions=1)
    token = "t1.token-that-is-quoted-by-everybody"
    token_file = tmp_path / "token"
    token_file.write_text(token)
    quoted = []

    def quote(handler):
        sent = handler.headers.get("Authorization", "")
        quoted.append(sent)
        if handler.path.startswith("/recordings"):
            said = f"<Error><Code>AccessDenied</Code><Message>{sent}</Message></Error>".encode()
            handler.send_response(403)
        else:
            said = json.dumps({"code": 3, "message": f"no good: {sent}"}).encode()
            handler.send_response(400)
        handler.send_header("x-request-id", sent.split()[-1] if sent else "")
        handler.send_header("x-server-trace-id", sent.split()[-1] if sent else "")
        handler.send_header("Content-Length", str(len(said)))
        handler.end_headers()
        if handler.command != "HEAD":
            handler.wfile.write(said)

    server = serve(quote)
    changes = {
        "speechkit": {
            "auth": {"api_key_file": None, "iam_token_file": str(token_file)},
            "transcribe_url": server.url,
            "operation_url": server.url,
        },
        "objects": {"endpoint": server.url, **PLACES},
    }
    stated(scene, 2)
    scene.enqueue_value(job_value("s3://recordings/call.ogg", id="looked-into"), b"k")
    worker = scene.start_worker(changes, arguments=["--log-level", "debug"])
    scene.wait_for_answers(0, 60, dead_letters=2)
    worker.wait_until_not_ready("recordings_unreadable")
    status, command = scene.run_command(["check"], changes)
    assert status == 1
    assert any(token in sent for sent in quoted)
    for place, text in texts_of(scene, worker).items():
        assert token not in text, place
    server.shutdown()
    scene.stop_workers()
