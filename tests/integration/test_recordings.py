"""Recordings in a real object store: looked into before they are paid for, staged where the API needs
it, and nothing of the copies left behind."""

import gzip
import hashlib
import json
import pathlib
import struct

import jsonschema
import pytest
from harness.account import result_body
from harness.s3 import S3, FaultProxy
from harness.topics import job_value
from harness.waiting import wait_until

STAGING = ".backscribe/staging"
SCHEMAS = pathlib.Path(__file__).resolve().parents[2] / "schemas"
RESULT = jsonschema.Draft202012Validator(json.loads((SCHEMAS / "result.schema.json").read_text()))
PCM, FLOAT, ALAW, MULAW, EXTENSIBLE = 1, 3, 6, 7, 0xFFFE


# ---- recordings, made here by the formats' own definitions


def noise(count, seed):
    """Bytes in which each sample is another one."""
    return hashlib.shake_128(str(seed).encode()).digest(count)


def format_chunk(tag, channels, rate, bits):
    block = channels * bits // 8
    return struct.pack("<HHIIHH", tag, channels, rate, rate * block, block, bits)


def extensible_chunk(tag, channels, rate, bits):
    guid = struct.pack("<H", tag) + bytes.fromhex("000000001000800000aa00389b71")
    return format_chunk(EXTENSIBLE, channels, rate, bits) + struct.pack("<HHI", 22, bits, 0) + guid


def chunk(name, data, size=None):
    size = len(data) if size is None else size
    return name + struct.pack("<I", size) + data + b"\0" * (len(data) % 2)


def wav(form, data, before=b"", size=None, behind=b""):
    body = b"WAVE" + chunk(b"fmt ", form) + before + chunk(b"data", data, size) + behind
    return b"RIFF" + struct.pack("<I", len(body)) + body


def from_u8(data):
    return b"".join(struct.pack("<h", (byte - 128) << 8) for byte in data)


def alaw_sample(byte):
    """ITU-T G.711."""
    byte ^= 0x55
    exponent, mantissa = byte >> 4 & 7, byte & 15
    value = mantissa * 16 + 8 if exponent == 0 else (mantissa * 16 + 264) << (exponent - 1)
    return value if byte & 0x80 else -value


def mulaw_sample(byte):
    byte ^= 0xFF
    exponent, mantissa = byte >> 4 & 7, byte & 15
    value = ((mantissa * 8 + 132) << exponent) - 132
    return -value if byte & 0x80 else value


def expanded(data, sample):
    return b"".join(struct.pack("<h", sample(byte)) for byte in data)


SECOND = 8000
# name: (file, what the API is to hear, its rate and channels)
STAGED = {
    "pcm16-8k": (
        wav(format_chunk(PCM, 1, 8000, 16), noise(2 * 3 * SECOND, 1)),
        noise(2 * 3 * SECOND, 1),
        (8000, 1),
    ),
    "pcm16-48k-stereo": (
        wav(format_chunk(PCM, 2, 48000, 16), noise(4 * 48000, 2)),
        noise(4 * 48000, 2),
        (48000, 2),
    ),
    "pcm8-16k": (
        wav(format_chunk(PCM, 1, 16000, 8), noise(16000, 3)),
        from_u8(noise(16000, 3)),
        (16000, 1),
    ),
    "alaw-8k-stereo": (
        wav(format_chunk(ALAW, 2, 8000, 8), noise(4 * SECOND, 4)),
        expanded(noise(4 * SECOND, 4), alaw_sample),
        (8000, 2),
    ),
    "mulaw-8k": (
        wav(format_chunk(MULAW, 1, 8000, 8), noise(3 * SECOND, 5)),
        expanded(noise(3 * SECOND, 5), mulaw_sample),
        (8000, 1),
    ),
    "extensible list + tail %41 'é' ж 🎧": (
        wav(
            extensible_chunk(PCM, 2, 16000, 16),
            noise(4 * 16000, 6),
            before=chunk(b"LIST", b"INFOISFT\x05\0\0\0sound\0"),
            behind=chunk(b"id3 ", b"not sound"),
        ),
        noise(4 * 16000, 6),
        (16000, 2),
    ),
    "streamed": (
        wav(format_chunk(PCM, 1, 8000, 16), noise(2 * SECOND, 7), size=0xFFFFFFFF),
        noise(2 * SECOND, 7),
        (8000, 1),
    ),
}


# ---- a scene with a store


@pytest.fixture
def store(tmp_path):
    with S3(tmp_path) as server:
        yield server


@pytest.fixture
def proxy(store):
    """The way of the worker and of the stand-in to the store."""
    with FaultProxy(store.port) as between:
        yield between


def settings(store, url=None, **objects):
    """The configuration of a worker that reaches the store at `url`."""
    staging = f"s3://recordings/{STAGING}"
    transcripts = "s3://recordings/.backscribe/transcripts"
    changes = {"staging": staging, "transcripts": transcripts, **objects}
    checks = {"seconds_per_audio_minute": 0, "first_guess_seconds": 1}
    return {"checks": checks, "objects": store.objects(**({"endpoint": url} if url else {}), **changes)}


def start(scene, store, url=None, **options):
    """The stand-in reads what it hears from the store, at the same `url` as the worker."""
    scene.create_topics(partitions=1)
    return scene.start_standin(
        objects=url or store.url,
        objects_key_file=store.key_file,
        **{"duration_ms": 0, **options},
    )


def put_job(scene, store, name, content, **fields):
    store.put("recordings", name, content)
    return scene.enqueue_value(job_value(f"s3://recordings/{name}", id=name, **fields), b"k")


def heard(scene):
    """{operation: what the stand-in read to hear it}"""
    lines = (scene.directory / "standin.journal").read_text().splitlines()
    entries = [json.loads(line) for line in lines]
    return {each["operation"]: each for each in entries if each["event"] == "recording"}


def staged_keys(store):
    return store.keys("recordings", STAGING)


# ---- the way there


def test_each_wav_without_loss_is_heard_as_exactly_its_samples_and_its_copy_is_gone(scene, store):
    start(scene, store)
    jobs = {
        name: put_job(scene, store, f"{name}.wav", content)
        for name, (content, _, _) in STAGED.items()
    }
    (worker,) = scene.start_workers(1, settings(store))
    scene.wait_for_answers(len(jobs), 60)
    results = scene.account.expect_only_results(jobs.values())
    recordings = heard(scene)
    for name, (content, samples, (rate, channels)) in STAGED.items():
        body = results[jobs[name].source][1]
        RESULT.validate(body)
        recording = recordings[body["operation"]["id"]]
        assert recording["sizeBytes"] == len(samples), name
        assert recording["sha256"] == hashlib.sha256(samples).hexdigest(), name
        assert recording["encoding"] == "LINEAR16_PCM"
        assert (recording["sampleRateHertz"], recording["channels"]) == (rate, channels), name
        seconds = len(samples) / (2 * rate * channels)
        audio = body["audio"]
        assert audio.pop("uri").startswith(f"{store.url}/recordings/"), audio
        assert audio == {
            "encoding": "LINEAR16_PCM",
            "sampleRateHertz": rate,
            "channels": channels,
            "durationSeconds": pytest.approx(seconds, abs=0.001),
            "sizeBytes": len(content),
        }
        assert body["billedSeconds"] == 15
        assert body["specification"]["sampleRateHertz"] == rate
    assert staged_keys(store) == []
    assert scene.account.repeated() == {}
    assert worker.metric("object_tasks_total", work="stage", outcome="done") == len(jobs)
    assert worker.metric("object_tasks_total", work="unstage", outcome="done") == len(jobs)
    scene.stop_workers()


def test_what_the_api_would_refuse_is_told_and_costs_nothing(scene, store):
    start(scene, store)
    good = wav(format_chunk(PCM, 1, 8000, 16), noise(2 * SECOND, 1))
    stated = {"config": {"specification": {"audioEncoding": "OGG_OPUS"}}}
    refused = {
        "float.wav": (wav(format_chunk(FLOAT, 1, 8000, 32), noise(4 * SECOND, 1)), {}),
        "pcm24.wav": (wav(format_chunk(PCM, 1, 8000, 24), noise(3 * SECOND, 1)), {}),
        "cd.wav": (wav(format_chunk(PCM, 2, 44100, 16), noise(4 * 44100, 1)), {}),
        "a.flac": (b"fLaC" + noise(4000, 1), {}),
        "empty.ogg": (b"", {}),
        "cut.wav": (good[:30], {}),
        "other-encoding.wav": (good, stated),
        "other-length.wav": (good, {"audio": {"durationSeconds": 3600}}),
        "other-size.wav": (good, {"audio": {"sizeBytes": 7}}),
    }
    jobs = {}
    for name, (content, fields) in refused.items():
        jobs[name] = put_job(scene, store, name, content, **fields)
    missing = scene.enqueue_value(job_value("s3://recordings/not there.ogg", id="missing"), b"k")
    (worker,) = scene.start_workers(1, settings(store))
    scene.wait_for_answers(0, 60, dead_letters=len(jobs) + 1)
    results, dead_letters = scene.account.expect_one_answer_each([*jobs.values(), missing])
    assert not results and scene.standin.submissions() == []

    def why(job):
        letter = dead_letters[job.source]
        assert letter.header("backscribe-error-stage") == "probe"
        assert letter.value == job.value
        return letter.header("backscribe-error-code"), letter.header("backscribe-error-message")

    assert why(missing)[0] == "audio_not_found" and "not there.ogg" in why(missing)[1]
    for name in ("float.wav", "pcm24.wav", "cd.wav", "a.flac", "empty.ogg", "cut.wav"):
        assert why(jobs[name])[0] == "unsupported_audio", (name, why(jobs[name]))
    for name, both in {
        "other-encoding.wav": ("OGG_OPUS", "WAV"),
        "other-length.wav": ("3600", "1.0 s"),
        "other-size.wav": ("7", str(len(good))),
    }.items():
        code, message = why(jobs[name])
        assert code == "invalid_job" and all(each in message for each in both), message
    assert store.keys("recordings", STAGING) == []
    assert worker.not_ready_reasons() == set()
    scene.stop_workers()


def test_a_worker_killed_between_acceptance_and_end_leaves_no_copy_behind(scene, store):
    standin = start(scene, store, duration_ms=3_600_000)
    jobs = [put_job(scene, store, f"{name}.wav", STAGED[name][0]) for name in ("mulaw-8k", "streamed")]
    worker = scene.start_worker(settings(store))
    scene.wait_for_submissions(len(jobs))
    wait_until(lambda: worker.metric("transactions_total", outcome="committed") > 0, 30, "recorded")
    assert len(staged_keys(store)) == len(jobs)
    worker.kill()
    assert len(staged_keys(store)) == len(jobs)

    scene.start_worker(settings(store))
    standin.end_running()
    scene.wait_for_answers(len(jobs), 60)
    results = scene.account.expect_only_results(jobs)
    assert staged_keys(store) == []
    for _, body in results.values():
        assert body["audio"]["uri"].endswith(".wav") and body["audio"]["durationSeconds"] > 0
    scene.stop_workers()


def test_a_worker_killed_while_it_stages_does_it_again_and_leaves_nothing(scene, store, proxy):
    start(scene, store, proxy.url)
    samples = noise(4 * 4_000_000, 1)
    job = put_job(scene, store, "long.wav", wav(format_chunk(PCM, 2, 48000, 16), samples))
    worker = scene.start_worker(settings(store, proxy.url))
    wait_until(lambda: any(each.startswith("PUT") for each in proxy.requests), 60, scene.situation)
    worker.kill()
    assert scene.standin.submissions() == []

    scene.start_worker(settings(store, proxy.url))
    scene.wait_for_answers(1, 90)
    scene.account.expect_only_results([job])
    (recording,) = heard(scene).values()
    assert recording["sha256"] == hashlib.sha256(samples).hexdigest()
    assert staged_keys(store) == []
    assert len(scene.standin.accepted_submissions()) == 1
    scene.stop_workers()


def test_a_copy_that_may_not_be_deleted_stays_with_a_warning_that_names_the_role(
    scene, store, proxy
):
    start(scene, store, proxy.url)
    proxy.forbid("DELETE")
    job = put_job(scene, store, "a.wav", STAGED["alaw-8k-stereo"][0])
    (worker,) = scene.start_workers(1, settings(store, proxy.url))
    scene.wait_for_answers(1, 60)
    scene.account.expect_only_results([job])
    (warning,) = [line for line in worker.log.splitlines() if "the staged copy stays" in line]
    assert "level=warn" in warning and "storage.editor" in warning and "lifecycle" in warning
    assert "job=a.wav" in warning
    assert len(staged_keys(store)) == 1
    assert worker.not_ready_reasons() == set()
    scene.stop_workers()


def test_while_the_store_is_down_the_worker_waits_and_says_so(scene, store, proxy):
    start(scene, store, proxy.url)
    proxy.set("drop")
    jobs = [put_job(scene, store, f"{number}.wav", STAGED["mulaw-8k"][0]) for number in range(5)]
    worker = scene.start_worker(settings(store, proxy.url))
    reason = worker.wait_until_not_ready("recordings_unreadable", 120)
    assert "s3://recordings/" in reason
    assert scene.account.dead_letters() == {} and scene.standin.submissions() == []
    assert worker.status()["operations"]["preparing"] > 0
    proxy.set([])
    worker.wait_until_ready(90)
    scene.wait_for_answers(len(jobs), 60)
    scene.account.expect_only_results(jobs)
    assert staged_keys(store) == []
    scene.stop_workers()


def test_sigterm_waits_for_no_store_that_hangs(scene, store, proxy):
    start(scene, store, proxy.url)
    job = put_job(scene, store, "a.wav", STAGED["mulaw-8k"][0])
    proxy.set("hang")
    worker = scene.start_worker(settings(store, proxy.url))
    wait_until(lambda: proxy.requests, 60, scene.situation)
    assert worker.stop(timeout_seconds=10) == 0, worker.situation()
    proxy.set([])
    scene.start_worker(settings(store, proxy.url))
    scene.wait_for_answers(1, 60)
    scene.account.expect_only_results([job])
    scene.stop_workers()


def test_one_recording_that_is_denied_holds_no_others_up(scene, store, proxy):
    start(scene, store)
    proxy.deny("secret.wav")
    names = ["a.wav", "secret.wav", "b.wav", "c.wav"]
    jobs = {name: put_job(scene, store, name, STAGED["mulaw-8k"][0]) for name in names}
    (worker,) = scene.start_workers(1, settings(store, proxy.url))
    scene.wait_for_answers(len(jobs) - 1, 60)
    tried = worker.metric("object_tasks_total", work="probe", outcome="denied")
    wait_until(
        lambda: worker.metric("object_tasks_total", work="probe", outcome="denied") > tried,
        30,
        scene.situation,
    )
    assert worker.not_ready_reasons() == set()
    # A right that was given only just now is no reason to give up at once.
    assert scene.account.dead_letters() == {}
    proxy.deny(None)
    scene.wait_for_answers(len(jobs), 60)
    scene.account.expect_only_results(jobs.values())
    scene.stop_workers()


def test_a_wrong_secret_loses_nothing_and_is_an_operators_matter(scene, store):
    start(scene, store)
    jobs = [put_job(scene, store, f"{number}.wav", STAGED["mulaw-8k"][0]) for number in range(3)]
    wrong = store.write_key_file("wrong-key", secret="not-the-secret-of-the-store")
    changed = settings(store, auth={"static_key_file": str(wrong)})
    worker = scene.start_worker(changed)
    reason = worker.wait_until_not_ready("recordings_unreadable")
    assert "SignatureDoesNotMatch" in reason
    assert scene.account.dead_letters() == {} and scene.standin.submissions() == []
    store.write_key_file("wrong-key")
    worker.wait_until_ready(120)
    scene.wait_for_answers(len(jobs), 60)
    scene.account.expect_only_results(jobs)
    assert "not-the-secret-of-the-store" not in worker.log
    scene.stop_workers()


# ---- results too large for a message

SMALL_MESSAGES = {"results": {"compress_over_bytes": 1024, "inline_bytes": 60_000}}


def enqueue_long(scene, name):
    """Its job states all, so that nobody looks for the recording."""
    opus = {"specification": {"audioEncoding": "OGG_OPUS"}}
    value = job_value(
        f"s3://recordings/{name}.ogg", id=name, audio={"durationSeconds": 14_400}, config=opus
    )
    return scene.enqueue_value(value, name.encode())


def start_long(scene):
    """The stand-in makes the transcripts up: two hours of words, in messages of 60,000 bytes."""
    scene.create_topics(partitions=1)
    return scene.start_standin(duration_ms=0, audio_seconds=7200)


def test_a_result_too_large_for_its_message_is_stored_whole_and_followed(scene, store):
    start_long(scene)
    changes = {**settings(store), **SMALL_MESSAGES}
    job = enqueue_long(scene, "long")
    scene.start_workers(1, changes)
    scene.wait_for_answers(1, 60)
    message, body = scene.account.expect_only_results([job])[job.source]
    assert len(message.value) <= 60_000
    assert "chunks" not in body and "utterances" not in body and len(body["text"]) > 50_000
    RESULT.validate(body)
    transcript = body["transcript"]
    key = transcript["uri"].removeprefix("s3://recordings/")
    assert key.startswith(".backscribe/transcripts/")
    stored = store.get("recordings", key)
    assert len(stored) == transcript["sizeBytes"] > 60_000
    assert hashlib.sha256(stored).hexdigest() == transcript["sha256"]
    whole = json.loads(gzip.decompress(stored))
    RESULT.validate(whole)
    assert {name: whole[name] for name in body if name != "transcript"} == {
        name: body[name] for name in body if name != "transcript"
    }
    assert whole["chunks"][0]["alternatives"][0]["words"]

    status, command = scene.run_command(["results", "--format", "jsonl"], changes)
    assert status == 0, command.log
    assert json.loads(command.output) == whole
    status, command = scene.run_command(["results"], changes)
    lines = command.output.decode().splitlines()
    assert status == 0 and len(lines) == len(whole["utterances"]) + 2
    assert lines[1].startswith("[0:0")

    # Without credentials, and with an object that is another one: told, and what is there written.
    status, command = scene.run_command(["results", "--format", "jsonl"], SMALL_MESSAGES)
    assert status == 1 and "objects.auth" in command.log
    assert json.loads(command.output) == body
    store.put("recordings", key, stored[:-1] + b"x")
    status, command = scene.run_command(["results", "--format", "jsonl"], changes)
    assert status == 1 and "SHA-256" in command.log and json.loads(command.output) == body
    scene.stop_workers()


def test_while_nothing_can_be_stored_large_results_are_held_back_and_small_ones_go_on(
    scene, store, proxy
):
    start_long(scene)
    scene.standin.faults({"fault": "empty", "uri": "small"})
    proxy.forbid("PUT")
    changes = {**settings(store, proxy.url), **SMALL_MESSAGES}
    large = [enqueue_long(scene, f"large-{number}") for number in range(3)]
    worker = scene.start_worker(changes)
    reason = worker.wait_until_not_ready("object_store_unwritable")
    assert "AccessDenied" in reason
    small = [enqueue_long(scene, f"small-{number}") for number in range(3)]
    scene.wait_for_answers(len(small), 60)
    scene.account.expect_one_answer_each(small + large, skipped=len(large))
    assert worker.status()["operations"]["finishing"] == len(large)
    assert store.keys("recordings", ".backscribe") == []

    # A worker that is killed with them in its hands leaves them at the service.
    worker.kill()
    worker = scene.start_worker(changes)
    worker.wait_until_not_ready("object_store_unwritable")
    proxy.forbid(None)
    worker.wait_until_ready(120)
    scene.wait_for_answers(len(small + large), 60)
    results = scene.account.expect_only_results(small + large)
    for job in large:
        transcript = result_body(results[job.source][0])["transcript"]
        stored = store.get("recordings", transcript["uri"].removeprefix("s3://recordings/"))
        assert json.loads(gzip.decompress(stored))["chunks"]
    assert scene.account.repeated() == {}
    scene.stop_workers()
