"""A bad job of each kind becomes a dead letter with its reason and its bytes; the rest goes on."""

import json
import pathlib

import jsonschema
import pytest

from harness.topics import job_value
from harness.waiting import wait_until

GOOD = "s3://recordings/good.ogg"
SCHEMAS = pathlib.Path(__file__).resolve().parents[2] / "schemas"
ERROR_HEADERS = jsonschema.Draft202012Validator(
    json.loads((SCHEMAS / "dead_letter_headers.schema.json").read_text())
)


def with_specification(**fields):
    return job_value(GOOD, config={"specification": fields})


# name: (value, key, code)
BAD_JOBS = {
    "malformed_json": (b'{"audio": {"uri": ', b"k", "invalid_job"),
    "not_an_object": (b'["s3://recordings/a.ogg"]', b"k", "invalid_job"),
    "wrong_utf8": (b'{"audio":{"uri":"s3://recordings/\xff\xfe.ogg"}}', b"k", "invalid_job"),
    "empty": (b"", b"k", "invalid_job"),
    "null": (None, b"k", "invalid_job"),
    "null_value_and_key": (None, None, "invalid_job"),
    "no_audio": (b'{"id":"a"}', b"k", "invalid_job"),
    "no_uri": (b'{"audio":{}}', b"k", "invalid_job"),
    "oversized": (job_value(GOOD, labels={"a": "b" * 70_000}), b"k", "invalid_job"),
    "deep_nesting": (b'{"audio":' + b"[" * 5000 + b"]" * 5000 + b"}", b"k", "invalid_job"),
    "id_too_long": (job_value(GOOD, id="i" * 201), b"k", "invalid_job"),
    "id_of_wrong_type": (job_value(GOOD, id=7), b"k", "invalid_job"),
    "deadline_not_a_time": (job_value(GOOD, deadline="tomorrow"), b"k", "invalid_job"),
    "labels_not_strings": (job_value(GOOD, labels={"a": 1}), b"k", "invalid_job"),
    "unknown_specification_field": (with_specification(modell="general"), b"k", "invalid_job"),
    "wrong_enum": (with_specification(audioEncoding="FLAC"), b"k", "invalid_job"),
    "wrong_type": (with_specification(rawResults="yes"), b"k", "invalid_job"),
    "wrong_rate": (
        with_specification(audioEncoding="LINEAR16_PCM", sampleRateHertz=44100),
        b"k",
        "unsupported_audio",
    ),
    "forbidden_host": (
        job_value("https://elsewhere.example/recordings/a.ogg"),
        b"k",
        "audio_forbidden",
    ),
    "forbidden_bucket": (job_value("s3://others/a.ogg"), b"k", "audio_forbidden"),
    "wav": (job_value("s3://recordings/a.wav"), b"k", "unsupported_audio"),
    "too_long": (job_value(GOOD, audio={"durationSeconds": 14_401}), b"k", "audio_too_long"),
    "too_large": (job_value(GOOD, audio={"sizeBytes": 1 << 31}), b"k", "audio_too_large"),
    "deadline_passed": (
        job_value(GOOD, deadline="2020-01-01T00:00:00Z"),
        b"k",
        "job_deadline_passed",
    ),
}
HEADERS = (("traceparent", b"00-1-2-03"), ("bytes", b"\x00\xff"))


def expect_dead_letter(message, job, code, stage=None):
    assert message.header("backscribe-error-code") == code, message.headers
    assert message.header("backscribe-error-message")
    if stage is not None:
        assert message.header("backscribe-error-stage") == stage
    assert message.header("backscribe-source") == job.source
    assert message.header("backscribe-failed-at").endswith("Z")
    assert message.value == job.value
    assert message.headers[: len(job.headers)] == job.headers
    error = {name: value.decode() for name, value in message.headers[len(job.headers) :]}
    ERROR_HEADERS.validate(error)
    assert error.keys() <= ERROR_HEADERS.schema["properties"].keys()


def test_a_bad_job_of_each_kind_is_a_dead_letter_with_its_reason_and_the_rest_goes_on(scene):
    scene.create_topics(partitions=2)
    standin = scene.start_standin(duration_ms=200)
    good = scene.enqueue(20, prefix="before")
    bad = {
        name: scene.enqueue_value(value, key, HEADERS) for name, (value, key, _) in BAD_JOBS.items()
    }
    good += scene.enqueue(20, prefix="after")
    scene.start_workers(1)
    scene.wait_for_answers(40, 90, dead_letters=len(bad))
    scene.stop_workers()

    results, dead_letters = scene.account.expect_one_answer_each(good + list(bad.values()))
    assert results.keys() == {job.source for job in good}
    for name, (_, key, code) in BAD_JOBS.items():
        message = dead_letters[bad[name].source]
        expect_dead_letter(message, bad[name], code)
        assert key is None or message.key == key, name
    assert len(standin.accepted_submissions()) == len(good), "a bad job was paid for"


def test_a_job_that_the_api_refuses_is_a_dead_letter_with_its_words(scene):
    scene.create_topics(partitions=1)
    standin = scene.start_standin(duration_ms=200)
    standin.faults({"fault": "refuse", "on": "submit", "uri": "/call-1.ogg"})
    jobs = scene.enqueue(3)
    scene.start_workers(1)
    scene.wait_for_answers(2, 60, dead_letters=1)
    _, dead_letters = scene.account.expect_one_answer_each(jobs)
    expect_dead_letter(dead_letters[jobs[1].source], jobs[1], "invalid_argument", "submit")
    scene.stop_workers()


def test_an_operation_that_fails_for_good_is_a_dead_letter_with_its_id(scene):
    scene.create_topics(partitions=1)
    standin = scene.start_standin(duration_ms=200)
    standin.faults(
        {"fault": "fail", "code": 13, "uri": "/call-0.ogg"},
        {"fault": "fail", "code": 3, "uri": "/call-1.ogg"},
    )
    jobs = scene.enqueue(3)
    scene.start_workers(1, {"limits": {"submissions_per_job": 2}})
    scene.wait_for_answers(1, 120, dead_letters=2)
    _, dead_letters = scene.account.expect_one_answer_each(jobs)
    again_and_again, at_once = (dead_letters[job.source] for job in jobs[:2])
    expect_dead_letter(again_and_again, jobs[0], "recognition_failed", "check")
    assert again_and_again.header("backscribe-submissions") == "2"
    operations = [each.operation for each in standin.accepted_submissions()]
    assert again_and_again.header("backscribe-operation-id") in operations
    expect_dead_letter(at_once, jobs[1], "recognition_failed", "check")
    assert at_once.header("backscribe-submissions") == "1"
    scene.stop_workers()


def test_an_id_that_names_another_recording_is_a_conflict(scene):
    scene.create_topics(partitions=1)
    standin = scene.start_standin(duration_ms=1000)
    jobs = scene.enqueue(1)
    scene.start_workers(1)
    scene.wait_for_submissions(1, 30)
    other = job_value("s3://recordings/other.ogg", id="call-0")
    other_wish = job_value(
        "s3://recordings/call-0.ogg", id="call-0", config={"specification": {"rawResults": True}}
    )
    conflicts = [scene.enqueue_value(other, b"call-0"), scene.enqueue_value(other_wish, b"call-0")]
    scene.wait_for_answers(1, 60, dead_letters=2)
    conflicts.append(scene.enqueue_value(other, b"call-0"))
    scene.wait_for_answers(1, 60, dead_letters=3)

    _, dead_letters = scene.account.expect_one_answer_each(jobs + conflicts)
    for job in conflicts:
        expect_dead_letter(dead_letters[job.source], job, "id_conflict", "intake")
    assert len(standin.accepted_submissions()) == 1
    scene.stop_workers()


def test_a_dead_lettered_id_is_free_again(scene):
    scene.create_topics(partitions=1)
    standin = scene.start_standin(duration_ms=200)
    standin.faults({"fault": "refuse", "on": "submit", "uri": "/call-0.ogg", "next": 1})
    jobs = scene.enqueue(1)
    scene.start_workers(1)
    scene.wait_for_answers(0, 60, dead_letters=1)
    jobs += scene.enqueue(1)
    scene.wait_for_answers(1, 60, dead_letters=1)
    scene.account.expect_one_answer_each(jobs)
    scene.stop_workers()


def test_a_young_operation_that_is_not_found_is_asked_for_again_and_not_given_up(scene):
    scene.create_topics(partitions=1)
    standin = scene.start_standin(duration_ms=200)
    standin.faults({"fault": "expire", "uri": "/call-0.ogg"})
    jobs = scene.enqueue(1)
    (worker,) = scene.start_workers(1)
    wait_until(lambda: worker.metric("checks_total", outcome="not_found") >= 2, 90, scene.situation)
    assert scene.account.dead_letters() == {}
    scene.account.expect_one_answer_each(jobs, skipped=1)
    scene.stop_workers()


@pytest.mark.parametrize("fault", ["garble", "cut", "html", "internal", "huge", "endless_headers"])
def test_an_answer_that_cannot_be_read_is_asked_for_again(scene, fault):
    scene.create_topics(partitions=1)
    standin = scene.start_standin(duration_ms=200)
    standin.faults({"fault": fault, "on": "check", "next": 2})
    jobs = scene.enqueue(3)
    scene.start_workers(1)
    scene.wait_for_answers(3, 90)
    scene.account.expect_only_results(jobs)
    assert scene.account.repeated() == {}
    scene.stop_workers()


def test_redelivered_jobs_in_json_that_differ_in_form_only_are_the_same_job(scene):
    scene.create_topics(partitions=1)
    standin = scene.start_standin(duration_ms=200)
    job = {"id": "same", "audio": {"uri": "s3://recordings/a.ogg"}}
    first = scene.enqueue_value(json.dumps(job).encode(), b"same")
    turned = dict(reversed(job.items()))
    again = scene.enqueue_value(json.dumps(turned, indent=3).encode(), b"same")
    scene.start_workers(1)
    wait_until(lambda: scene.metric("jobs_skipped_total") == 1, 60, scene.situation)
    scene.wait_for_answers(1, 60)
    scene.account.expect_one_answer_each([first, again], skipped=1)
    assert len(standin.accepted_submissions()) == 1
    scene.stop_workers()
