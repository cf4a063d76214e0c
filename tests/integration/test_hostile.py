"""Bytes from outside that mean harm, in messages, state, configurations and manifests: the reason is
clear, memory stays bounded, the rest goes on."""

import json
import os

import pytest

from harness.topics import job_value
from harness.waiting import wait_until

MEBIBYTE = 1048576


# ---- jobs


def padded_to(size):
    value = job_value("s3://recordings/padded.ogg", id="padded", labels={"a": ""})
    return value.replace(b'"a": ""', b'"a": "' + b"b" * (size - len(value)) + b'"')


def test_a_job_of_just_the_limit_is_taken_and_a_byte_more_is_not(scene):
    scene.create_topics(partitions=1)
    scene.start_standin(duration_ms=200)
    taken = scene.enqueue_value(padded_to(65536), key=b"taken")
    refused = scene.enqueue_value(padded_to(65537), key=b"refused")
    assert len(taken.value) == 65536 and len(refused.value) == 65537
    scene.start_workers(1)
    scene.wait_for_answers(1, 60, dead_letters=1)
    results, dead_letters = scene.account.expect_one_answer_each([taken, refused])
    assert taken.source in results
    message = dead_letters[refused.source]
    assert message.header("backscribe-error-code") == "invalid_job"
    assert "65536" in message.header("backscribe-error-message")
    assert message.value == refused.value
    scene.stop_workers()


def test_keys_and_headers_of_any_size_travel_or_are_refused_with_their_job(scene):
    scene.create_topics(partitions=1)
    scene.start_standin(duration_ms=200)
    many = tuple((f"h{number}", os.urandom(8)) for number in range(5000))
    good = [
        scene.enqueue_value(job_value("s3://recordings/a.ogg", id="a"), os.urandom(200_000)),
        scene.enqueue_value(job_value("s3://recordings/b.ogg", id="b"), b"\x00\xff", many),
        scene.enqueue_value(
            job_value("s3://recordings/c.ogg", id="c"), b"c", (("big", os.urandom(400_000)),)
        ),
    ]
    # Together they fit no state record, so the job is refused before it is paid for.
    too_much = scene.enqueue_value(
        job_value("s3://recordings/d.ogg", id="d"),
        os.urandom(500_000),
        (("big", os.urandom(500_000)),),
    )
    scene.start_workers(1)
    scene.wait_for_answers(3, 60, dead_letters=1)
    results, dead_letters = scene.account.expect_one_answer_each([*good, too_much])
    for job in good:
        message, _ = results[job.source]
        assert message.key == job.key
        assert message.headers[: len(job.headers)] == job.headers
    message = dead_letters[too_much.source]
    assert message.header("backscribe-error-code") == "invalid_job"
    assert "950000" in message.header("backscribe-error-message")
    assert message.key == too_much.key
    scene.stop_workers()


def test_a_dead_letter_whose_message_is_at_the_size_limit_omits_its_value_and_says_so(scene):
    scene.create_topics(partitions=1)
    scene.start_standin(duration_ms=200)
    # Just what the broker takes: with the headers of the error it is too large.
    value = os.urandom(MEBIBYTE - 100)
    job = scene.enqueue_value(value, b"large")
    others = scene.enqueue(5)
    scene.start_workers(1)
    scene.wait_for_answers(5, 60, dead_letters=1)
    (message,) = scene.cluster.read(scene.topics["dead_letters"])
    assert message.header("backscribe-source") == job.source
    assert message.header("backscribe-error-code") == "invalid_job"
    assert message.header("backscribe-value-omitted") == str(len(value))
    assert message.value is None and message.key == b"large"
    assert len(scene.account.results()) == len(others)
    scene.stop_workers()


# ---- state


NEWER = bytes([0x08, 0x07, 0x12, 0x00])  # version 7, whatever it says then
FOREIGN_STATE = {
    "a_newer_version": (b"o:3", NEWER, ("version 7", "newer backscribe")),
    "a_newer_control_record": (b"c", NEWER, ("version 7", "newer backscribe")),
    "a_key_of_no_kind": (b"\xff\x00\x1b[31m", b"\x08\x01\x1a\x00", ("none of ours",)),
    "random_bytes": (b"o:3", bytes(range(255, 100, -1)), ("cannot be read",)),
    "a_cut_record": (b"o:3", b"\x08\x01\x12\x7f\x0a", ("cut or damaged",)),
    "another_kind_under_the_key": (b"c", b"\x08\x01\x1a\x00", ("do not fit",)),
    "an_empty_record": (b"o:3", b"", ("does not begin as one",)),
}


@pytest.mark.parametrize("kind", list(FOREIGN_STATE))
def test_state_that_is_not_ours_stops_its_partition_with_its_place_and_the_rest_goes_on(
    scene, kind
):
    key, value, texts = FOREIGN_STATE[kind]
    scene.create_topics(partitions=2)
    standin = scene.start_standin(duration_ms=200)
    stopped = scene.enqueue(5, prefix="stopped", partition=0)
    scene.enqueue(5, prefix="going", partition=1)
    state = scene.topics["state"]
    scene.cluster.produce(state, [(b"o:1", b"\x08\x01\x1a\x00", (), 0), (key, value, (), 0)])
    # A share of 10 in the window: the stopped partition's five are not spent by anybody.
    quotas = {"submissions": 20, "checks": 1000, "window_seconds": 3600}
    worker = scene.start_worker({"quotas": quotas})
    text = worker.wait_until_not_ready("partition_stopped")
    for part in (*texts, "offset 1", f"{state}/0", "docs/operating.md"):
        assert part in text, text
    assert text.isprintable() or "\n" in text
    assert "\x1b" not in text and "\x1b" not in worker.log
    scene.wait_for_answers(5, 60)

    more = scene.enqueue(20, prefix="more", partition=1)
    wait_until(lambda: len(standin.accepted_submissions()) >= 10, 60, scene.situation)
    assert worker.stop() == 0
    accepted = [each.uri for each in standin.accepted_submissions()]
    assert not [uri for uri in accepted if "stopped" in uri]
    assert len(accepted) <= 10, "the stopped partition's share was spent"
    assert len(more) == 20 and len(stopped) == 5
    kept = [m for m in scene.cluster.read(state) if m.partition == 0]
    assert [(m.key, m.value) for m in kept][1] == (key, value), "the record was touched"


# ---- configurations and manifests


def write(directory, name, parts):
    path = directory / name
    with open(path, "wb") as file:
        for part in parts:
            file.write(part)
    return path


VALID = b'{"kafka":{"bootstrap.servers":"127.0.0.1:1"},"speechkit":{"auth":{"api_key_file":"/k"}}'
HOSTILE_CONFIGURATIONS = {
    "of_100_megabytes": ([b" " * MEBIBYTE] * 100, "at most 1 MiB"),
    "deep": ([b'{"a":' * 100_000], "nested too deeply"),
    "nul": ([VALID, b',"group":"a\x00b"}'], "not JSON"),
    "invalid_utf_8": ([VALID, b',"group":"a\xff\xfeb"}'], "not UTF-8"),
    "a_name_twice": ([VALID, b',"group":"a","group":"b"}'], "same name twice"),
    "thousands_of_unknown_names": (
        [VALID, *(b',"n%d":1' % number for number in range(20_000)), b"}"],
        "more mistakes",
    ),
    "thousands_of_properties": (
        [
            b'{"kafka":{"bootstrap.servers":"127.0.0.1:1"',
            *(b',"p%d":"1"' % number for number in range(30_000)),
            b'},"kafka_files":{"x":"/x"',
            *(b',"q%d":"/1"' % number for number in range(30_000)),
            b"}}",
        ],
        "kafka: expected at most 1000 properties",
    ),
}


@pytest.mark.parametrize("kind", list(HOSTILE_CONFIGURATIONS))
def test_a_hostile_configuration_ends_with_2_and_says_why(scene, kind):
    parts, text = HOSTILE_CONFIGURATIONS[kind]
    path = write(scene.directory, "hostile.json", parts)
    status, command = scene.run_command(["check", "--config", str(path)], timeout_seconds=30)
    assert status == 2, command.situation()
    assert text in command.log, command.log[:2000]
    assert len(command.log) < 100_000 and "\x00" not in command.log


HOSTILE_MANIFESTS = {
    "a_line_without_end": ([b"s3://recordings/", *([b"k" * MEBIBYTE] * 200)], "manifest:1: "),
    "a_job_without_end": ([b'{"labels":{"a":"', *([b"k" * MEBIBYTE] * 200)], "manifest:1: "),
    "binary": ([bytes(range(256)) * 1000], "manifest:1: "),
    "deep": ([b"s3://recordings/a.ogg\n", b'{"a":' * 10_000], "manifest:2: "),
}


@pytest.mark.parametrize("kind", list(HOSTILE_MANIFESTS))
def test_a_hostile_manifest_is_refused_by_its_line_in_bounded_memory(scene, kind):
    parts, text = HOSTILE_MANIFESTS[kind]
    scene.create_topics(partitions=1)
    path = write(scene.directory, "manifest", parts)
    status, command = scene.run_command(
        ["enqueue", "--dry-run", "--manifest", str(path)], timeout_seconds=60
    )
    assert status in (1, 2), command.situation()
    assert text in command.log, command.log[:2000]
    assert len(command.log) < 100_000
    assert not list(json.loads(line) for line in command.output.splitlines() if line[:1] == b"{")
