"""Answers that mean harm: memory stays bounded, the reason is clear, the rest goes on."""

import gzip

from harness import hostile
from harness.hostile import Hostile
from harness.waiting import wait_until

MEBIBYTE = 1048576
# What the worker may have held at most in a scenario with a limit of 64 MiB, the sanitizer's own
# quarantine of freed memory (256 MiB) included. Without a bound it is gigabytes.
PEAK_BYTES = 700 * MEBIBYTE
MEMORY = {"limits": {"memory_bytes": 64 * MEBIBYTE}}


def peak_bytes(worker):
    with open(f"/proc/{worker.pid}/status") as status:
        for line in status:
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    raise AssertionError("no VmHWM")


def operation(response):
    return b'{"done":true,"response":%s}' % response


HOSTILE_ANSWERS = {
    "endless": (hostile.endless, "larger than the limit"),
    "hundred_megabytes": (hostile.hundred_megabytes, "larger than the limit"),
    "endless_without_length": (hostile.endless_without_length, "larger than the limit"),
    "ten_thousand_headers": (hostile.ten_thousand_headers, "headers are larger than the limit"),
    "one_header_of_a_megabyte": (
        hostile.one_header_of_a_megabyte,
        "headers are larger than the limit",
    ),
    "gzip_bomb": (hostile.whole(gzip.compress(b"[" * (64 * MEBIBYTE))), ""),
    "deep": (hostile.whole(b"[" * (8 * MEBIBYTE)), "nested too deeply"),
    "deep_inside": (
        hostile.whole(operation(b'{"chunks":' + b"[" * 100_000 + b"]" * 100_000 + b"}")),
        "nested too deeply",
    ),
    "many_values": (
        hostile.whole(operation(b'{"chunks":[' + b"0," * (4 * MEBIBYTE) + b"0]}")),
        "",
    ),
    "binary": (hostile.whole(bytes(range(256)) * 4096), ""),
    "not_an_operation": (hostile.whole(b"{}"), "no operation"),
}


def test_hostile_answers_to_checks_end_as_dead_letters_in_bounded_memory(scene):
    scene.create_topics(partitions=2)
    standin = scene.start_standin(duration_ms=200)
    behaviours = [behaviour for behaviour, _ in HOSTILE_ANSWERS.values()] * 2
    jobs = scene.enqueue(len(behaviours) + 20)
    with Hostile(standin.url, behaviours) as server:
        changes = {"speechkit": {"operation_url": server.url}, **MEMORY}
        (worker,) = scene.start_workers(1, changes)
        scene.wait_for_answers(20, 240, dead_letters=len(behaviours))
        peak = peak_bytes(worker)
        assert peak < PEAK_BYTES, f"{peak / MEBIBYTE:.0f} MiB"
        assert worker.get("/healthz")[0] == 200

        results, dead_letters = scene.account.expect_one_answer_each(jobs)
        assert len(dead_letters) == len(behaviours)
        expected = {behaviour: text for behaviour, text in HOSTILE_ANSWERS.values()}
        for message in dead_letters.values():
            behaviour = server.given("/operations/" + message.header("backscribe-operation-id"))
            assert message.header("backscribe-error-code") == "unexpected_response"
            assert expected[behaviour] in message.header("backscribe-error-message")
        scene.stop_workers()


def test_sixty_four_endless_answers_at_once_share_their_room(scene):
    scene.create_topics(partitions=2)
    standin = scene.start_standin(duration_ms=200)
    behaviours = [hostile.endless] * 64
    scene.enqueue(64)
    with Hostile(standin.url, behaviours) as server:
        changes = {"speechkit": {"operation_url": server.url}, **MEMORY}
        (worker,) = scene.start_workers(1, changes)
        wait_until(
            lambda: worker.metric("checks_total", outcome="retried") >= 128, 120, scene.situation
        )
        peak = peak_bytes(worker)
        assert peak < PEAK_BYTES, f"{peak / MEBIBYTE:.0f} MiB"
        worker.kill()


def test_an_answer_that_drips_ends_at_its_limit_and_holds_up_no_other(scene):
    scene.create_topics(partitions=1)
    standin = scene.start_standin(duration_ms=200)
    jobs = scene.enqueue(20)
    with Hostile(standin.url, [hostile.dripping]) as server:
        (worker,) = scene.start_workers(1, {"speechkit": {"operation_url": server.url}})
        scene.wait_for_answers(19, 25)  # before the request's limit of 30 s
        wait_until(
            lambda: worker.metric("checks_total", outcome="retried") >= 1, 60, scene.situation
        )
        assert len(scene.account.results()) == len(jobs) - 1
        worker.kill()


def test_hostile_answers_to_submissions_are_unknown_and_not_taken_for_refusals(scene):
    scene.create_topics(partitions=1)
    standin = scene.start_standin(duration_ms=200)
    behaviours = [
        hostile.endless,
        hostile.ten_thousand_headers,
        hostile.whole(b"[" * MEBIBYTE),
        hostile.whole(b'{"id":"../../iam/v1/tokens"}'),
        hostile.whole(b'{"id":"' + b"a" * 100_000 + b'"}'),
    ]
    jobs = scene.enqueue(len(behaviours) + 5)
    with Hostile(standin.url, behaviours) as server:
        changes = {
            "speechkit": {
                "transcribe_url": server.url,
                "on_unknown_submission": "dead_letter",
            },
            **MEMORY,
        }
        scene.start_workers(1, changes)
        scene.wait_for_answers(5, 120, dead_letters=len(behaviours))
        _, dead_letters = scene.account.expect_one_answer_each(jobs)
        for message in dead_letters.values():
            assert message.header("backscribe-error-code") == "submission_unknown"
        assert len(standin.accepted_submissions()) == 5
        scene.stop_workers()
