"""backscribe redrive: each dead letter goes back to the jobs topic as it was, and once, whatever
happens to the command."""

import datetime
import random
import re
import signal

import pytest
from confluent_kafka import Producer
from harness.recordings import ogg_opus
from harness.s3 import S3
from harness.topics import Tail, job_value
from harness.waiting import wait_until

NOW = datetime.datetime.now(datetime.timezone.utc)


def ago(**duration):
    moment = NOW - datetime.timedelta(**duration)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.000Z")


def letter(scene, number, code="audio_not_found", *, key=b"key", headers=(), **more):
    """A dead letter as a worker writes it: (key, value, headers, partition)."""
    job_id = more.get("id", f"call-{number}")
    value = more.get("value", job_value(f"s3://recordings/{job_id}.ogg", id=job_id))
    source = more.get("source", f"{scene.topics['jobs']}/0/{1_000_000 + number}")
    error = [
        ("backscribe-error-code", code),
        ("backscribe-error-message", f"what went wrong with {number}"),
        ("backscribe-error-stage", "probe"),
        ("backscribe-source", source),
        *([("backscribe-operation-id", "e03abc")] if number % 2 else []),
        ("backscribe-submissions", "1"),
        ("backscribe-failed-at", more.get("failed_at", ago(minutes=1))),
        *([("backscribe-value-omitted", str(more["omitted"]))] if "omitted" in more else []),
    ]
    return (key, value, [*headers, *((name, text.encode()) for name, text in error)],
            more.get("partition", 0))


def put(scene, *letters):
    return scene.cluster.produce(scene.topics["dead_letters"], letters)


def jobs(scene):
    return scene.cluster.read(scene.topics["jobs"])


def values(scene):
    return [message.value for message in jobs(scene)]


def redrive(scene, *arguments, status=0, **more):
    ended, command = scene.run_command(["redrive", *arguments], more.pop("changes", None), **more)
    assert ended == status, command.situation()
    return command


def table(command):
    """{code: (matched, redriven, before, skipped)}"""
    found = re.findall(rb"^(\w+) +(\d+) +(\d+) +(\d+) +(\d+)$", command.output, re.M)
    return {code.decode(): tuple(map(int, numbers)) for code, *numbers in found}


def ids(scene):
    found = [re.search(rb'"id": "([^"]+)"', value).group(1).decode() for value in values(scene)]
    assert len(found) == len(set(found)), "something was redriven twice"
    return set(found)


# ---- what goes back


def test_a_job_goes_back_byte_for_byte_and_to_its_partition(scene):
    scene.create_topics(partitions=4)
    headers = [
        ("traceparent", b"00-1"),
        ("twice", b"1"),
        ("twice", b"2"),
        ("twice", b"1"),
        ("null", None),
        ("empty", b""),
        ("bytes", bytes(range(256))),
        ("", b"no name"),
        ("имя", b"x"),
        ("backscribe-mine", b"not an error's"),
    ]
    cases = [
        (b"key", job_value("s3://recordings/a.ogg"), headers),
        (bytes(range(256)), b"\x00\xff no JSON \x00", headers[:1]),
        (None, b"no key", []),
        (b"", b"", []),
        (b"tombstone", None, headers),
        (None, None, []),
        (b"large", b"x" * 900_000, headers),
    ]
    for number, (key, value, own) in enumerate(cases):
        source = f"{scene.topics['jobs']}/{number % 4}/{100 + number}"
        put(scene, letter(scene, number, "invalid_job", key=key, value=value, headers=own,
                          source=source, partition=number % 3))
    command = redrive(scene)
    assert table(command)["total"] == (7, 7, 0, 0)
    found = {(message.key, message.value): message for message in jobs(scene)}
    assert len(found) == 7
    for number, (key, value, own) in enumerate(cases):
        message = found[key, value]
        assert message.headers == tuple(own), number
        assert message.partition == number % 4


def test_a_job_of_another_topic_or_a_partition_that_is_gone_goes_where_its_key_leads(scene):
    scene.create_topics(partitions=3)
    put(scene, letter(scene, 0, key=b"a", source="former-jobs/1/5"),
        letter(scene, 1, key=b"a", source=f"{scene.topics['jobs']}/3/5"))
    redrive(scene)
    by_key = scene.cluster.produce(scene.topics["jobs"], [(b"a", b"probe", (), None)])[0]
    assert {message.partition for message in jobs(scene)} == {by_key.partition}


def test_errors_that_came_back_with_a_job_do_not_go_with_it(scene):
    """Somebody has sent dead letters again by hand, with their headers, and they failed again."""
    scene.create_topics(partitions=1)
    _, _, old, _ = letter(scene, 0, "result_expired", omitted=5)
    put(scene, letter(scene, 1, "invalid_job", headers=[("own", b"1"), *old]))
    command = redrive(scene, "--code", "result_expired")
    assert table(command)["total"] == (0, 0, 0, 0)
    redrive(scene, "--code", "invalid_job")
    (job,) = jobs(scene)
    assert job.headers == (("own", b"1"),)


def test_what_is_no_dead_letter_is_passed_over_and_told(scene):
    scene.create_topics(partitions=1)
    stranger = (b"k", b"v", [("backscribe-error-code", b"invalid_job")], 0)
    put(scene, stranger, letter(scene, 1), (None, b"v", (), 1))
    command = redrive(scene)
    assert table(command)["total"] == (1, 1, 0, 0)
    assert "2 messages of topic" in command.log and "no dead letters" in command.log
    assert ids(scene) == {"call-1"}


def test_a_value_that_was_left_out_is_read_from_its_source_or_told_to_be_gone(scene):
    scene.create_topics(partitions=2)
    large = [job_value(f"s3://recordings/{n}.ogg", id=f"large-{n}", labels={"a": "b" * 200_000})
             for n in range(3)]
    sources = scene.cluster.produce(
        scene.topics["jobs"], [(b"k", large[0], (), 0), (b"k", large[1], (), 1), (b"k", large[2], (), 1)]
    )
    for number, source in enumerate(sources):
        put(scene, letter(scene, number, "invalid_job", key=b"k", value=None, source=source.source,
                          omitted=len(large[number])))
    other = letter(scene, 7, key=b"other", value=None, source=sources[2].source,
                   omitted=len(large[2]))  # the topic was made anew: another job stands there now
    beyond = letter(scene, 8, value=None, source=f"{scene.topics['jobs']}/1/9999", omitted=1)
    nowhere = letter(scene, 9, value=None, source="no such topic!/0/1", omitted=1)
    put(scene, other, beyond, nowhere)
    scene.cluster.delete_records(scene.topics["jobs"], 1, sources[1].offset + 1)

    # By an id that only the value tells, where jobs of that size are jobs.
    command = redrive(scene, "--id", "large-2", changes={"limits": {"job_bytes": 500_000}})
    assert table(command)["total"] == (1, 1, 0, 0)
    command = redrive(scene, status=1)
    assert table(command)["total"] == (6, 1, 1, 4)
    gone = b"the value was too large for a dead letter, and the jobs topic does not have it any more"
    assert b"Skipped, 3: " + gone in command.output
    assert b"Skipped, 1: the value was too large for a dead letter, and its source" in command.output
    assert "librdkafka" not in command.log
    found = [message.value for message in jobs(scene)]
    assert sorted(found) == sorted([large[0], large[2], large[0], large[2]])  # sources and redriven


def test_a_job_too_large_for_the_jobs_topic_is_told_and_holds_no_other_back(scene):
    scene.create_topics(partitions=1)
    scene.cluster.delete_topic(scene.topics["jobs"])
    scene.cluster.create_topic(scene.topics["jobs"], 3, max_message_bytes=20_000)
    sources = [f"{scene.topics['jobs']}/{number % 3}/{number}" for number in range(20)]
    letters = [letter(scene, number, source=source) for number, source in enumerate(sources)]
    for number in (5, 11):
        letters[number] = letter(scene, number, value=random.Random(number).randbytes(50_000),
                                 source=sources[number])
    put(scene, *letters)
    command = redrive(scene, status=1)
    assert table(command)["total"] == (20, 18, 0, 2)
    assert b"Skipped, 2: too large for the jobs topic" in command.output
    assert len(ids(scene)) == 18
    assert table(redrive(scene, status=1))["total"] == (20, 0, 18, 2)


def test_many_too_large_for_the_jobs_topic_cost_no_new_producers_and_do_not_use_up_the_limit(scene):
    scene.create_topics(partitions=1)
    scene.cluster.delete_topic(scene.topics["jobs"])
    scene.cluster.create_topic(scene.topics["jobs"], 1, max_message_bytes=20_000)
    large = [letter(scene, n, value=random.Random(n).randbytes(21_000)) for n in range(40)]
    fits = b'{"uri": "s3://recordings/call.ogg", "id": "fits", "labels": {"a": "%s"}}'
    put(scene, *large, *[letter(scene, n) for n in range(40, 44)])
    put(scene, letter(scene, 44, value=fits % (b"x" * 30_000)))  # as it is compressed
    command = redrive(scene, "--limit", "3", status=1)
    assert table(command)["total"] == (43, 3, 0, 40)
    # Each new one takes a second: its start, and all the marks to read.
    assert len(set(re.findall(r"#producer-\d+", command.log))) == 1
    command = redrive(scene, "--limit", "3", status=1)
    assert table(command)["total"] == (45, 2, 3, 40)
    assert len(set(re.findall(r"#producer-\d+", command.log))) == 1
    assert ids(scene) == {"call-40", "call-41", "call-42", "call-43", "fits"}


def test_a_value_that_was_left_out_is_read_from_the_jobs_topic_alone(scene):
    """Who may write dead letters must not have redrive's right to read."""
    scene.create_topics(partitions=1)
    secret = scene.topics["jobs"] + "-secret"
    scene.cluster.create_topic(secret, 1)
    (told,) = scene.cluster.produce(secret, [(None, b"top secret", (), 0)])
    put(scene, letter(scene, 0, "invalid_job", key=None, value=None, source=told.source,
                      omitted=len(b"top secret")), letter(scene, 1))
    command = redrive(scene, status=1)
    assert table(command)["total"] == (2, 1, 0, 1)
    assert f"its source is not topic {scene.topics['jobs']}".encode() in command.output
    assert ids(scene) == {"call-1"}


def test_a_source_that_cannot_be_read_holds_no_other_back(scene):
    scene.create_topics(partitions=1)
    jobs_topic = scene.topics["jobs"]
    sources = ["bad topic!/0/1", f"{jobs_topic}/2147483647/1",
               *[f"{jobs_topic}/0/{offset}" for offset in (1 << 62, (1 << 63) - 2, (1 << 63) - 1)]]
    put(scene, *[letter(scene, n, "invalid_job", value=None, source=source, omitted=5)
                 for n, source in enumerate(sources)],
        *[letter(scene, n) for n in range(10, 14)])
    assert table(redrive(scene, "--id", "call-11"))["total"] == (1, 1, 0, 0)
    assert table(redrive(scene, "--code", "audio_not_found"))["total"] == (4, 3, 1, 0)
    assert table(redrive(scene, status=1))["total"] == (9, 0, 4, 5)


def test_what_is_larger_than_any_job_is_named_by_its_key_or_its_place_also_when_it_is_gone(scene):
    scene.create_topics(partitions=1)
    large = b"x" * 100_000
    (source,) = scene.cluster.produce(scene.topics["jobs"], [(b"large", large, (), 0)])
    put(scene, letter(scene, 0, "invalid_job", key=b"large", value=None, source=source.source,
                      omitted=len(large)), letter(scene, 1))
    assert table(redrive(scene, "--dry-run", "--id", "large"))["total"] == (1, 1, 0, 0)
    made_up = source.source.replace("/", "-")
    assert table(redrive(scene, "--dry-run", "--id", made_up))["total"] == (1, 1, 0, 0)
    scene.cluster.delete_records(scene.topics["jobs"], 0, source.offset + 1)
    assert table(redrive(scene, "--id", "large", status=1))["total"] == (1, 0, 0, 1)
    assert table(redrive(scene, "--id", made_up, status=1))["total"] == (1, 0, 0, 1)
    assert table(redrive(scene, "--id", "call-1"))["total"] == (1, 1, 0, 0)


# ---- what is wanted


def test_each_filter_takes_what_it_says_and_all_of_them_together(scene):
    scene.create_topics(partitions=2)
    put(
        scene,
        letter(scene, 1, "audio_not_found", failed_at=ago(days=3)),
        letter(scene, 2, "audio_not_found", failed_at=ago(hours=1), partition=1),
        letter(scene, 3, "invalid_argument", failed_at=ago(hours=2)),
        letter(scene, 4, "recognition_failed", failed_at=ago(minutes=5), partition=2),
        letter(scene, 5, "a_code_of_tomorrow", failed_at=ago(days=9), key=b"five"),
    )
    nameless = job_value("s3://recordings/nameless.ogg")
    put(scene, letter(scene, 6, "invalid_argument", value=nameless, failed_at=ago(days=9)))

    def would(*arguments):
        command = redrive(scene, "--dry-run", *arguments)
        found = set(re.findall(rb"^  (\S+): what went wrong", command.output, re.M))
        assert table(command)["total"][:2] == (len(found), len(found))
        return {each.decode().removeprefix("call-") for each in found}

    made_up = f"{scene.topics['jobs']}-0-1000006"
    assert would() == {"1", "2", "3", "4", "5", made_up}
    assert would("--code", "audio_not_found") == {"1", "2"}
    assert would("--code", "audio_not_found", "--code", "recognition_failed") == {"1", "2", "4"}
    assert would("--since", "90m") == {"2", "4"}
    assert would("--since", "150m") == {"2", "3", "4"}
    assert would("--since", ago(days=4)) == {"1", "2", "3", "4"}
    assert would("--since", "2100-01-01T00:00:00+03:00") == set()
    assert would("--id", "call-4", "--id", "call-1", "--id", "call-nobody") == {"1", "4"}
    assert would("--id", "five") == {"5"}  # by its key
    assert would("--id", made_up) == {made_up}
    assert would("--code", "audio_not_found", "--since", "1d", "--id", "call-2") == {"2"}
    assert would("--code", "audio_not_found", "--since", "1d", "--id", "call-1") == set()
    assert values(scene) == []

    command = redrive(scene, "--limit", "4")
    assert table(command)["total"][1] == 4 and b"--limit" in command.output
    command = redrive(scene, "--limit", "4")
    assert table(command)["total"][1] == 2
    assert len(values(scene)) == len(set(values(scene))) == 6


def test_what_is_sure_to_fail_again_is_told(scene):
    scene.create_topics(partitions=1)
    passed = job_value("s3://recordings/a.ogg", id="late", deadline="2020-01-01T00:00:00Z")
    put(
        scene,
        letter(scene, 1),
        letter(scene, 2, "invalid_job", value=b"{"),
        letter(scene, 3, "invalid_job", value=None),
        letter(scene, 4, "job_deadline_passed", value=passed),
        letter(scene, 5, "audio_forbidden", value=job_value("s3://secret/a.ogg", id="b")),
    )
    told = b"Sure to fail again, as the jobs and the configuration are, "
    kinds = b"invalid_job 2, audio_forbidden 1, job_deadline_passed 1."
    assert told + b"4: " + kinds in redrive(scene, "--dry-run").output
    changes = {"objects": {"buckets": ["recordings", "secret"]}}
    assert told + b"3: " in redrive(scene, "--dry-run", changes=changes).output
    assert told + b"4: " + kinds in redrive(scene).output
    assert len(values(scene)) == 5


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["--code", "audio_lost"], ["audio_lost", "audio_not_found", "unexpected_response"]),
        (["--since", "yesterday"], ["--since", "12h"]),
        (["--limit", "0"], ["--limit"]),
        (["call-1"], ["unexpected argument"]),
    ],
)
def test_wrong_usage_ends_with_2_and_says_what_is_right(scene, arguments, words):
    command = redrive(scene, *arguments, status=2)
    assert all(word in command.log for word in words), command.log


def test_a_missing_topic_ends_with_2_and_names_the_remedy(scene):
    scene.create_topics(partitions=1)
    scene.cluster.delete_topic(scene.topics["state"])
    command = redrive(scene, status=2)
    assert scene.topics["state"] in command.log and "--create-topics" in command.log


def test_a_state_topic_that_would_forget_is_refused(scene):
    scene.create_topics(partitions=1)
    scene.cluster.delete_topic(scene.topics["state"])
    scene.cluster.create_topic(scene.topics["state"], 1, cleanup_policy="delete")
    put(scene, letter(scene, 1))
    command = redrive(scene, status=2)
    assert "cleanup.policy=compact" in command.log
    assert values(scene) == []


def test_another_group_than_the_workers_is_refused_and_puts_nothing_back(scene):
    """Two groups' redrives would not know of each other, and each would put everything back."""
    scene.create_topics(partitions=1)
    scene.start_standin(duration_ms=0)
    scene.enqueue(1)
    scene.start_workers(1)
    scene.wait_for_answers(1, 60)
    scene.stop_workers()
    put(scene, letter(scene, 1))
    for arguments in ([], ["--dry-run"]):
        command = redrive(scene, *arguments, status=2, changes={"group": "somebody-else"})
        assert f"group {scene.group}," in command.log and "group somebody-else" in command.log
    assert len(values(scene)) == 1
    assert table(redrive(scene))["total"] == (1, 1, 0, 0)


# ---- nothing twice


def test_run_again_it_puts_nothing_back_and_other_filters_still_find_theirs(scene):
    scene.create_topics(partitions=2)
    codes = ["audio_not_found", "invalid_argument", "recognition_failed"]
    put(scene, *[letter(scene, n, codes[n % 3], partition=n % 3) for n in range(30)])
    assert table(redrive(scene, "--code", codes[0]))["total"] == (10, 10, 0, 0)
    assert table(redrive(scene, "--code", codes[0]))["total"] == (10, 0, 10, 0)
    assert table(redrive(scene, "--code", codes[1], "--limit", "3"))["total"][1] == 3
    assert table(redrive(scene, "--dry-run"))["total"] == (30, 17, 13, 0)
    assert table(redrive(scene))["total"] == (30, 17, 13, 0)
    assert table(redrive(scene))["total"] == (30, 0, 30, 0)
    put(scene, letter(scene, 30))
    assert table(redrive(scene))["total"] == (31, 1, 30, 0)
    assert len(ids(scene)) == 31


def test_killed_at_any_moment_and_run_again_it_puts_each_back_once(scene):
    scene.create_topics(partitions=3)
    count = 2500
    put(scene, *[letter(scene, n, partition=n % 3) for n in range(count)])
    chance = random.Random(5)
    kills = 0
    with Tail(scene.cluster, scene.topics["jobs"], "read_uncommitted") as written:
        while kills < 5:
            # What an open transaction has written is seen too, so some die in the middle of one.
            more = len(written.poll()) + chance.randrange(1, 300)
            command = scene.start_command(["redrive"])
            wait_until(
                lambda: len(written.poll()) >= more or not command.running, 60, command.situation,
                pause_seconds=0,
            )
            if not command.running:
                break
            command.kill()
            kills += 1
    assert kills >= 4
    redrive(scene)
    assert len(ids(scene)) == count
    assert table(redrive(scene))["total"] == (count, 0, count, 0)


def test_interrupted_it_ends_with_3_and_goes_on_later(scene):
    scene.create_topics(partitions=1)
    count = 6000
    put(scene, *[letter(scene, n) for n in range(count)])
    command = scene.start_command(["redrive"])
    with Tail(scene.cluster, scene.topics["jobs"]) as seen:
        wait_until(lambda: seen.poll(), 60, command.situation, pause_seconds=0)
    command.send(signal.SIGINT)
    assert command.wait_for_end(30) == 3, command.situation()
    assert "interrupted" in command.log
    done = table(command)["total"][1]
    assert 0 < done < count and len(ids(scene)) == done
    assert table(redrive(scene))["total"] == (count, count - done, done, 0)
    assert len(ids(scene)) == count


def test_two_at_once_put_each_back_once(scene):
    scene.create_topics(partitions=3)
    count = 3000
    put(scene, *[letter(scene, n, partition=n % 3) for n in range(count)])
    commands = []
    for _ in range(3):  # each takes over from the one before
        commands.append(scene.start_command(["redrive"]))
        wait_until(lambda: len(values(scene)) > 300 * len(commands) or not commands[-1].running,
                   60, commands[-1].situation, pause_seconds=0)
    statuses = [command.wait_for_end(60) for command in commands]
    assert statuses[-1] == 0 and set(statuses) <= {0, 1}, statuses
    for status, command in zip(statuses, commands):
        # A broker that is asked to end what is being taken over may also say that it failed.
        told = "another redrive" in command.log or "the same command goes on" in command.log
        assert status == 0 or told, command.situation()
    assert len(ids(scene)) == count


def test_one_that_stood_still_while_another_finished_adds_nothing_when_it_wakes(scene):
    scene.create_topics(partitions=1)
    count = 4000
    put(scene, *[letter(scene, n) for n in range(count)])
    with Tail(scene.cluster, scene.topics["jobs"], "read_uncommitted") as written:
        sleeper = scene.start_command(["redrive"])
        wait_until(lambda: written.poll(), 60, sleeper.situation, pause_seconds=0)
        sleeper.send(signal.SIGSTOP)
    redrive(scene)
    assert len(ids(scene)) == count
    sleeper.send(signal.SIGCONT)
    assert sleeper.wait_for_end(60) == 1, sleeper.situation()
    assert "another redrive" in sleeper.log
    assert len(ids(scene)) == count


def test_marks_behind_an_open_transaction_of_a_worker_are_waited_for(scene):
    """Who reads what is committed sees nothing behind the first transaction that is open."""
    scene.create_topics(partitions=1)
    put(scene, *[letter(scene, n) for n in range(5)])
    elsewhere = {"jobs": scene.topics["jobs"] + "-2", "state": scene.topics["state"] + "-2"}
    for name, settings in (("jobs", {}), ("state", {"cleanup_policy": "compact"})):
        scene.cluster.create_topic(elsewhere[name], 1, **settings)
    redrive(scene, changes={"topics": elsewhere})
    marks = scene.cluster.read(elsewhere["state"])
    assert marks

    worker = Producer({
        "bootstrap.servers": scene.broker.bootstrap,
        "transactional.id": f"{scene.group}-worker",
        "transaction.timeout.ms": 60_000,
    })
    worker.init_transactions(30)
    worker.begin_transaction()
    worker.produce(scene.topics["state"], key=b"o:1", value=b"\x08\x01\x1a\x00", partition=0)
    assert worker.flush(30) == 0
    scene.cluster.produce(scene.topics["state"], [(each.key, each.value, (), 0) for each in marks])
    command = scene.start_command(["redrive"])
    command.wait_for_log("waiting", 60)
    worker.abort_transaction(30)
    assert command.wait_for_end(60) == 0, command.situation()
    assert table(command)["total"] == (5, 0, 5, 0)
    assert values(scene) == []


def test_a_dead_letters_topic_that_was_made_anew_starts_anew(scene):
    scene.create_topics(partitions=1)
    put(scene, *[letter(scene, n) for n in range(4)])
    redrive(scene)
    scene.cluster.delete_topic(scene.topics["dead_letters"])
    scene.cluster.create_topic(scene.topics["dead_letters"], 3)
    put(scene, *[letter(scene, n) for n in range(10, 14)])
    assert table(redrive(scene))["total"] == (4, 4, 0, 0)
    assert table(redrive(scene))["total"] == (4, 0, 4, 0)
    assert len(ids(scene)) == 8


# ---- with workers


@pytest.fixture
def store(tmp_path):
    with S3(tmp_path) as server:
        yield server


def test_a_missing_recording_is_put_there_its_dead_letter_redriven_and_it_is_a_result(scene, store):
    scene.create_topics(partitions=2)
    scene.start_standin(duration_ms=0, objects=store.url, objects_key_file=store.key_file)
    # A static member's place is taken up at once.
    changes = {"objects": store.objects(), "kafka": {"group.instance.id": "alone"}}
    headers = (("traceparent", b"00-1"),)
    (lost, broken) = (
        scene.enqueue_value(job_value("s3://recordings/a.ogg", id="lost"), b"lost", headers),
        scene.enqueue_value(b"no job", b"broken"),
    )
    (worker,) = scene.start_workers(1, changes)
    scene.wait_for_answers(0, 60, dead_letters=2)
    store.put("recordings", "a.ogg", ogg_opus(3))
    command = redrive(scene, "--code", "audio_not_found", "--since", "1h", changes=changes)
    assert table(command)["audio_not_found"] == (1, 1, 0, 0)
    scene.wait_for_answers(1, 60, dead_letters=2)
    (answer,) = scene.cluster.read(scene.topics["results"])
    assert answer.key == b"lost" and answer.headers[0] == headers[0]
    redrive(scene, "--code", "audio_not_found", changes=changes)
    assert len(jobs(scene)) == 3
    assert len(scene.standin.accepted_submissions()) == 1

    # A new owner of the state partition passes the marks over.
    worker.kill()
    (worker,) = scene.start_workers(1, changes)
    assert worker.not_ready_reasons() == set()
    assert {job.source for job in (lost, broken)} <= set(scene.account.dead_letters())
    scene.stop_workers()


def test_one_that_fails_again_is_another_dead_letter_and_goes_back_once_more(scene):
    scene.create_topics(partitions=1)
    standin = scene.start_standin(duration_ms=200)
    standin.faults({"fault": "refuse", "on": "submit", "uri": "/call-0.ogg"})
    scene.enqueue(1)
    scene.start_workers(1)
    for letters in (1, 2, 3):
        scene.wait_for_answers(0, 60, dead_letters=letters)
        if letters == 3:
            standin.faults()
        assert table(redrive(scene))["total"] == (letters, 1, letters - 1, 0)
    scene.wait_for_answers(1, 60, dead_letters=3)
    assert table(redrive(scene))["total"] == (3, 0, 3, 0)
    scene.stop_workers()


def test_a_whole_archive_redriven_through_kills_is_answered_exactly_once_more(scene):
    scene.create_topics(partitions=3)
    standin = scene.start_standin(duration_ms=100)
    standin.faults({"fault": "fail", "code": 3, "uri": "/call-", "first_per_uri": 1})
    count = 600
    scene.enqueue(count)
    scene.start_workers(2)
    scene.wait_for_answers(0, 120, dead_letters=count)
    before = len(jobs(scene))
    for kill_at in (50, 300):
        command = scene.start_command(["redrive"])
        wait_until(lambda: len(jobs(scene)) >= before + kill_at or not command.running, 60,
                   command.situation, pause_seconds=0)
        command.kill()
    redrive(scene)
    scene.wait_for_answers(count, 120)
    results = scene.account.results()
    assert len(results) == count and len(jobs(scene)) == 2 * count
    assert len(scene.account.dead_letters()) == count
    assert all(len(each) == 2 for each in scene.account.accepted_by_recording().values())
    assert scene.metric("jobs_skipped_total") == 0
    scene.stop_workers()
