"""Watching: what /status tells of a worker, and what `backscribe watch` makes of it and of Kafka."""

import contextlib
import http.server
import itertools
import json
import os
import pathlib
import re
import signal
import threading

import jsonschema
import pytest

from harness.scene import NO_QUOTAS
from harness.terminal import Terminal
from harness.topics import job_value
from harness.waiting import free_ports, wait_until
from harness.worker import command_environment, merged

PARTITIONS = 4
SCHEMAS = pathlib.Path(__file__).parents[2] / "schemas"


def schema(name):
    return jsonschema.Draft202012Validator(json.loads((SCHEMAS / f"{name}.schema.json").read_text()))


# ---- /status


def test_status_keeps_its_schema_and_tells_of_the_last_minutes_and_the_oldest_operation(scene):
    scene.create_topics(partitions=2)
    standin = scene.start_standin(duration_ms=300_000)
    starting = scene.start_worker()
    wait_until(starting.status, 30, starting.situation)
    schema("status").validate(starting.status())
    scene.enqueue(4)
    scene.enqueue_value(b"no job")
    scene.wait_for_submissions(4)
    scene.wait_for_answers(results=0, dead_letters=1, timeout_seconds=30)
    wait_until(lambda: starting.status()["operations"]["running"] == 4, 30, scene.situation)
    status = starting.status()
    schema("status").validate(status)
    oldest = status["oldestOperation"]
    assert oldest["id"].startswith("call-") and oldest["state"] == "running", oldest
    assert oldest["operationId"] in {each.operation for each in standin.accepted_submissions()}
    for rate in status["rates"]:
        assert (rate["submissions"], rate["results"], rate["deadLetters"]) == (4, 0, 1), rate
        assert 0 < rate["seconds"] <= status["uptimeSeconds"] + 1

    standin.end_running()
    scene.wait_for_answers(results=4, timeout_seconds=60)
    wait_until(lambda: starting.status()["oldestOperation"] is None, 30, scene.situation)
    status = starting.status()
    schema("status").validate(status)
    assert [rate["results"] for rate in status["rates"]] == [4, 4, 4]
    assert status["checksPerResult"]["count"] == status["detectionDelay"]["count"] == 4
    assert status["rates"][0]["checks"] == sum(status["counters"]["checks"].values())
    scene.stop_workers()


# ---- watch


def of(workers):
    """--worker for each of them."""
    return [
        part for worker in workers for part in ("--worker", f"127.0.0.1:{worker.port}")
    ]


def look(scene, workers=(), changes=None):
    """What `watch --once --json` says."""
    arguments = ["watch", "--once", "--json", *of(workers)]
    status, command = scene.run_command(arguments, changes)
    assert status == 0, command.situation()
    facts = json.loads(command.output)
    schema("watch").validate(facts)
    return facts


def enqueue_evenly(scene, count, prefix):
    for partition in range(PARTITIONS):
        scene.enqueue(count // PARTITIONS, prefix=f"{prefix}-{partition}", partition=partition)


def start_backlog(scene, in_flight=32, waiting=48, changes=None, **options):
    """Two workers that hold as many operations, and no more: what is known of them stands still.
    Each partition may spend its part of the quota only, so each has as many jobs."""
    scene.create_topics(partitions=PARTITIONS)
    scene.start_standin(duration_ms=600_000, **options)
    for value in (b"no job", b"[]", b"{"):
        scene.enqueue_value(value)
    for name in ("a", "b"):
        scene.enqueue_value(job_value(f"https://example.com/{name}.ogg", id=name))
    enqueue_evenly(scene, in_flight, "early")
    changes = merged({"quotas": {**NO_QUOTAS, "submissions": in_flight}}, changes or {})
    workers = scene.start_workers(2, changes)
    scene.wait_for_submissions(in_flight)
    scene.wait_for_answers(results=0, dead_letters=5, timeout_seconds=60)
    enqueue_evenly(scene, waiting, "late")
    return workers, changes


def test_once_tells_exactly_how_many_wait_are_in_flight_done_and_failed(scene):
    workers, changes = start_backlog(scene)
    wait_until(lambda: look(scene, workers, changes)["jobs"]["exact"], 60, scene.situation, 0.5)
    facts = look(scene, workers, changes)
    assert facts["jobs"] == {
        "total": 85, "backlog": 48, "inFlight": 32, "lost": 0,
        "answered": 5, "done": 0, "exact": True,
    }
    assert facts["failed"]["byCode"] == {"invalid_job": 3, "audio_forbidden": 2}
    assert facts["failed"]["complete"] and facts["failed"]["total"] == 5
    assert facts["quotas"]["submissions"]["left"] == 0
    assert facts["quotas"]["submissions"]["used"] == 32
    assert facts["oldestOperation"]["id"].startswith("early-")
    assert facts["kafka"]["members"] == 2 and facts["kafka"]["partitions"] == 4
    assert sorted(worker["address"] for worker in facts["workers"]) == sorted(
        f"127.0.0.1:{worker.port}" for worker in workers
    )
    # What is left takes 48 submissions of 32 an hour, none of which is left.
    assert facts["timeLeft"]["lowSeconds"] == 5400 and facts["timeLeft"]["kind"] == "at_least"
    assert "quota" in facts["timeLeft"]["reason"]

    scene.standin.end_running()
    scene.wait_for_answers(results=32, timeout_seconds=60)
    wait_until(lambda: look(scene, workers, changes)["jobs"]["done"] == 32, 60, scene.situation)
    facts = look(scene, workers, changes)
    assert facts["jobs"] == {
        "total": 85, "backlog": 48, "inFlight": 0, "lost": 0,
        "answered": 37, "done": 32, "exact": True,
    }
    assert sum(worker["results"] for worker in facts["workers"]) == 32
    scene.stop_workers()


def test_the_bill_the_cost_and_what_is_left_of_the_budget_are_told_by_kafka(scene):
    scene.create_topics(partitions=PARTITIONS)
    scene.start_standin(duration_ms=200)
    for partition in range(PARTITIONS):  # each is billed 120 s
        scene.enqueue(
            2, prefix=f"long-{partition}", partition=partition,
            audio={"uri": f"s3://recordings/{partition}.ogg", "durationSeconds": 119.5},
        )  # fmt: skip
    changes = {
        "price": {"billed_hour": 36, "currency": "RUB"},
        "limits": {"billed_hours": 40},
    }
    workers = scene.start_workers(2, changes)
    scene.wait_for_answers(results=8, timeout_seconds=60)
    scene.stop_workers()
    facts = look(scene, workers, changes)
    billed = facts["billed"]["seconds"]
    assert facts["billed"]["from"] == "kafka"
    assert billed == facts["billed"]["expectedSeconds"] == 8 * 120, facts
    assert facts["cost"] == {
        "soFar": billed / 100, "expected": billed / 100, "high": billed / 100,
        "currency": "RUB", "billedHour": 36,
    }
    assert facts["budget"]["leftHours"] == pytest.approx(40 - billed / 3600)
    assert not facts["budget"]["tooSmall"]
    # As many jobs again are as dear as these were.
    enqueue_evenly(scene, 8, "more")
    facts = look(scene, workers, changes)
    assert facts["billed"]["expectedSeconds"] == 2 * billed and facts["cost"]["expected"] == 19.2
    status, command = scene.run_command(["watch", "--once"], changes)
    assert status == 0 and "RUB so far, about 19.20 in the end" in command.output.decode()


def test_without_workers_kafka_tells_how_far_it_is(scene):
    workers, changes = start_backlog(scene, in_flight=20, waiting=12)
    scene.stop_workers()
    facts = look(scene, workers, changes)
    assert facts["failed"]["byCode"] == {"invalid_job": 3, "audio_forbidden": 2}
    assert facts["jobs"]["total"] == 37 and not facts["jobs"]["exact"]
    assert facts["jobs"]["inFlight"] >= 20 and facts["jobs"]["backlog"] == 12, facts
    assert [worker["answers"] for worker in facts["workers"]] == [False, False]
    assert all(worker["problem"] for worker in facts["workers"])
    assert facts["quotas"]["submissions"]["left"] is None and facts["oldestOperation"] is None
    assert facts["timeLeft"]["kind"] in ("at_least", "unknown")


def test_a_dead_worker_has_a_line_that_says_so(scene):
    workers, changes = start_backlog(scene, in_flight=20, waiting=12)
    workers[0].kill()
    facts = look(scene, workers, changes)
    silent, answering = facts["workers"]
    assert not silent["answers"] and "does not answer" in silent["problem"], silent
    assert answering["answers"] and answering["partitions"] >= 2, answering
    assert facts["failed"]["total"] == 5
    # Its partitions go to the other one, which then tells of everything.
    wait_until(lambda: look(scene, workers, changes)["jobs"]["exact"], 60, scene.situation, 0.5)
    facts = look(scene, workers, changes)
    assert (facts["jobs"]["inFlight"], facts["jobs"]["backlog"]) == (20, 12), facts
    assert facts["kafka"]["members"] == 1


def test_a_worker_of_another_group_is_not_counted(scene):
    workers, changes = start_backlog(scene, in_flight=8, waiting=0)
    facts = look(scene, workers, {**changes, "group": f"{scene.group}-other"})
    assert [worker["answers"] for worker in facts["workers"]] == [False, False]
    assert scene.group in facts["workers"][0]["problem"]
    assert facts["jobs"]["backlog"] == facts["jobs"]["total"] == 13


def test_kafka_that_cannot_be_reached_ends_once_with_1(scene):
    nobody = {"kafka": {"bootstrap.servers": f"127.0.0.1:{free_ports(1)[0]}"}}
    command = scene.start_command(["watch", "--once", "--json"], nobody)
    with watched(scene, (), nobody) as terminal:  # goes on, and says so in its picture only
        terminal.wait_for("How many jobs there are is not known")
        terminal.expect_only_known_sequences(ascii_only=False)
        assert "level=" not in terminal.text() and "no broker answers" in terminal.text()
        terminal.send()
        assert terminal.wait_for_end() == 0
    status = command.wait_for_end(60)
    assert status == 1 and "no broker answers" in command.log, command.situation()
    facts = json.loads(command.output)
    schema("watch").validate(facts)
    assert not facts["kafka"]["answers"] and facts["jobs"]["total"] is None


def test_a_topic_that_is_missing_is_named_with_what_makes_it(scene):
    status, command = scene.run_command(["watch", "--once", "--json"])
    assert status == 1, command.situation()
    assert "does not exist: make it with `backscribe check --create-topics`" in command.log
    facts = json.loads(command.output)
    schema("watch").validate(facts)
    assert "--create-topics" in facts["timeLeft"]["reason"], facts
    assert facts["failed"]["total"] is None, facts


def test_wrong_usage_of_watch_ends_with_2(scene):
    for arguments in (
        ["--interval", "0"],
        ["--interval", "often"],
        ["--worker", "http://x"],
        ["--worker", "x:0"],
        ["--worker", ""],
        ["--frequently"],
    ):
        status, command = scene.run_command(["watch", *arguments])
        assert status == 2, (arguments, command.situation())
        assert "Try 'backscribe watch --help'." in command.log, command.situation()


# ---- what others may write


class Hostile(http.server.BaseHTTPRequestHandler):
    """Answers for a worker, as the server's `answer` has it."""

    def do_GET(self):
        self.server.answer(self)

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def hostile_worker(answer):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hostile)
    server.daemon_threads = True
    server.answer = answer
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def page(handler, body, status=200, **headers):
    handler.send_response(status)
    for name, value in headers.items():
        handler.send_header(name, value)
    handler.end_headers()
    with contextlib.suppress(OSError):  # who asked may have gone
        for part in body:
            handler.wfile.write(part)


def test_what_a_false_worker_answers_does_no_harm(scene):
    scene.create_topics(partitions=1)
    commands = "\x1b]0;owned\x07\x1b[2J\x9b31m\u202e"
    status = {
        "worker": commands,
        "group": scene.group,
        "version": commands,
        "ready": False,
        "notReady": [{"reason": commands, "text": commands}],
        "operations": {"running": 1e300},
        "oldestOperation": {"id": commands, "state": commands, "operationId": commands},
    }
    endless = (b" " * 65536 for _ in itertools.count())
    hung = threading.Event()
    asked = []
    with (
        hostile_worker(lambda handler: page(handler, [json.dumps(status).encode()])) as obeyed,
        hostile_worker(lambda handler: page(handler, endless)) as large,
        hostile_worker(lambda handler: page(handler, [b"<html>"])) as other,
        hostile_worker(lambda handler: hung.wait(60)) as silent,
        hostile_worker(lambda handler: asked.append(handler.path)) as secret,
        hostile_worker(
            lambda handler: page(handler, [], 302, Location=f"http://{secret}/")
        ) as elsewhere,
    ):
        all_of_them = (obeyed, large, other, silent, elsewhere)
        arguments = [part for each in all_of_them for part in ("--worker", each)]
        pictures = [
            scene.run_command(["watch", "--once", *more, *arguments])
            for more in ([], ["--json"])
        ]
        hung.set()
    assert asked == []
    for code, command in pictures:
        assert code == 0, command.situation()
        text = command.output.decode()
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", text), text
    facts = json.loads(pictures[1][1].output)
    schema("watch").validate(facts)
    problems = {worker["address"]: worker["problem"] for worker in facts["workers"]}
    assert problems[obeyed] is None
    assert "too large" in problems[large] and "no worker's status" in problems[other]
    assert "does not answer" in problems[silent] and "302" in problems[elsewhere]


# ---- lines


def test_lines_come_once_an_interval_until_everything_is_answered(scene):
    workers, changes = start_backlog(scene, in_flight=12, waiting=0)
    command = scene.start_command(
        ["watch", "--interval", "1s", "--until-drained", *of(workers)], changes
    )
    wait_until(lambda: command.output.count(b"\n") >= 2, 60, command.situation)
    assert command.running
    scene.standin.end_running()
    assert command.wait_for_end(60) == 0, command.situation()
    lines = command.output.decode("ascii").splitlines()
    for line in lines:
        assert re.fullmatch(r"time=\S+Z( \w+=(\"[^\"]*\"|\S+))+", line), line
    assert " in_flight=12 " in lines[0] + lines[1], lines
    assert " done=12 failed=5 failed_invalid_job=3 failed_audio_forbidden=2" in lines[-1], lines
    assert 'left="none: everything is answered"' in lines[-1] and "workers=2/2" in lines[-1], lines


@pytest.mark.parametrize("which", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_lines_end_well(scene, which):
    scene.create_topics(partitions=1)
    command = scene.start_command(["watch", "--json", "--interval", "1s"])
    wait_until(lambda: command.output.count(b"\n") >= 1, 60, command.situation)
    command.send(which)
    assert command.wait_for_end(20) == 0, command.situation()
    for line in command.output.splitlines():
        schema("watch").validate(json.loads(line))


# ---- on a terminal


@contextlib.contextmanager
def watched(scene, workers, changes, columns=80, rows=24, arguments=(), **environment):
    configuration = scene.directory / "terminal.json"
    configuration.write_text(json.dumps(scene.configuration(changes)))
    command = [os.environ["BACKSCRIBE_WORKER"], "watch", "--config", configuration]
    environment = {"LC_ALL": "C.UTF-8", **command_environment(), **environment}
    terminal = Terminal([*command, *of(workers), *arguments], columns, rows, environment)
    try:
        yield terminal
    finally:
        terminal.close()


PICTURES = [
    (80, 24, "C.UTF-8", []),
    (200, 50, "C.UTF-8", []),
    (80, 24, "C", ["--no-color"]),
    (200, 50, "C", []),
    (45, 15, "C.UTF-8", []),
]


def test_the_picture_on_a_terminal_is_whole_in_every_size_and_locale(scene):
    workers, changes = start_backlog(scene)
    wait_until(lambda: look(scene, workers, changes)["jobs"]["exact"], 60, scene.situation, 0.5)
    for columns, rows, locale, arguments in PICTURES:
        arguments = ["--interval", "1s", *arguments]
        with watched(
            scene, workers, changes, columns, rows, arguments, LC_ALL=locale
        ) as terminal:
            thin = "," if locale == "C" else "\u202f"
            terminal.wait_for("of 85 jobs")
            terminal.wait_for("3    invalid_job")
            wait_until(lambda: terminal.pictures() >= 3, 30, terminal.text)
            terminal.expect_no_wrap()
            terminal.expect_only_known_sequences(ascii_only=locale == "C")
            lines = terminal.lines()
            assert terminal.cursor_hidden
            assert lines[0].startswith("backscribe") and scene.group in lines[0], lines
            assert sum("of 85 jobs" in line for line in lines) == 1, lines
            assert "32  in flight, paid for" in terminal.text()
            if columns == 200:
                assert workers[0].status()["worker"] in terminal.text()
                assert f"500{thin}000{thin}000" not in terminal.text()
            assert (b"\x1b[32m" in terminal.bytes) == ("--no-color" not in arguments)
            terminal.type(b"\x03")
            assert terminal.wait_for_end() == 0
            # The last picture stays, the cursor is below it and shows, what is typed is seen.
            assert [line for line in terminal.lines() if line][0].startswith("backscribe")
            assert not terminal.cursor_hidden
            assert terminal.lines()[terminal.cursor_row] == ""
            assert terminal.mode() == terminal.mode_before


def test_the_picture_follows_the_size_of_the_terminal(scene):
    workers, changes = start_backlog(scene, in_flight=12, waiting=0)
    with watched(scene, workers, changes, 120, 40, ["--interval", "1h"]) as terminal:
        terminal.wait_for("Worker")
        terminal.wait_for(" up")
        terminal.resize(60, 30)
        wait_until(lambda: terminal.drawn_after(b"\x1b[2J"), 10, terminal.text)
        assert " up" not in terminal.text() and "Worker" in terminal.text()
        terminal.expect_no_wrap()
        assert sum(line.startswith("backscribe  group") for line in terminal.lines()) == 1
        terminal.type(b"q")
        assert terminal.wait_for_end() == 0
        assert terminal.mode() == terminal.mode_before


def test_a_dumb_terminal_gets_lines_and_no_colour_no_ink(scene):
    scene.create_topics(partitions=1)
    with watched(scene, (), {}, 200, 24, ["--interval", "1s"], TERM="dumb") as terminal:
        terminal.wait_for("time=")
        terminal.send()
        assert terminal.wait_for_end() == 0
        assert b"\x1b" not in terminal.bytes
    with watched(scene, (), {}, 80, 24, NO_COLOR="1") as terminal:
        terminal.wait_for("no jobs yet")
        terminal.send()
        assert terminal.wait_for_end() == 0
        assert not re.search(rb"\x1b\[[1-9]\d*m", terminal.bytes)
        assert not terminal.cursor_hidden


def test_stopped_and_continued_it_gives_the_terminal_back_and_takes_it_again(scene):
    scene.create_topics(partitions=1)
    with watched(scene, (), {}, 80, 24, ["--interval", "1s"]) as terminal:
        terminal.wait_for("no jobs yet")
        assert terminal.mode() != terminal.mode_before
        terminal.send(signal.SIGTSTP)
        wait_until(lambda: not terminal.cursor_hidden, 10, terminal.text)
        assert terminal.mode() == terminal.mode_before
        terminal.send(signal.SIGCONT)
        wait_until(lambda: terminal.cursor_hidden, 10, terminal.text)
        terminal.send(signal.SIGINT)
        assert terminal.wait_for_end() == 0
        assert terminal.mode() == terminal.mode_before
