"""The command line: exit states, --until-drained, check, enqueue, results, configuration."""

import json
import pathlib
import signal

import pytest
import yaml

from harness.topics import job_value
from harness.waiting import free_ports

ASYNCAPI = yaml.safe_load(
    (pathlib.Path(__file__).resolve().parents[2] / "schemas/asyncapi.yaml").read_text()
)


def test_until_drained_ends_both_workers_with_0_once_everything_is_answered(scene):
    scene.create_topics(partitions=4)
    scene.start_standin(duration_ms=1000)
    jobs = scene.enqueue(300)
    changes = {"limits": {"in_flight": 60}}
    workers = [scene.start_worker(changes, ["--until-drained"]) for _ in range(2)]
    for worker in workers:
        assert worker.wait_for_end(120) == 0, worker.situation()
    scene.account.expect_only_results(jobs)
    assert scene.account.repeated() == {}


def test_until_drained_ends_at_once_when_there_is_nothing_to_do(scene):
    scene.create_topics(partitions=2)
    scene.start_standin()
    worker = scene.start_worker(arguments=["--until-drained"])
    assert worker.wait_for_end(60) == 0, worker.situation()


def test_until_drained_waits_for_what_another_worker_holds(scene):
    scene.create_topics(partitions=2)
    scene.start_standin(duration_ms=8000)
    jobs = scene.enqueue(20)
    (standing,) = scene.start_workers(1)
    scene.wait_for_submissions(20, 30)
    drained = scene.start_worker(arguments=["--until-drained"])
    assert drained.wait_for_end(90) == 0, drained.situation()
    scene.account.expect_only_results(jobs)
    assert standing.running
    assert scene.account.repeated() == {}
    scene.stop_workers()


def test_fail_on_dead_letter_ends_with_4(scene):
    scene.create_topics(partitions=1)
    scene.start_standin(duration_ms=200)
    jobs = [*scene.enqueue(3), scene.enqueue_value(b"no job")]
    arguments = ["--until-drained", "--fail-on-dead-letter"]
    worker = scene.start_worker(arguments=arguments)
    assert worker.wait_for_end(60) == 4, worker.situation()
    scene.account.expect_one_answer_each(jobs)


def test_give_up_after_ends_with_5_when_not_ready_for_so_long(scene):
    scene.create_topics(partitions=1)
    standin = scene.start_standin()
    standin.accept_key("another-key")
    scene.enqueue(3)
    worker = scene.start_worker(arguments=["--until-drained", "--give-up-after", "5s"])
    assert worker.wait_for_end(60) == 5, worker.situation()
    assert scene.account.dead_letters() == {}


@pytest.mark.parametrize("which", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_before_everything_is_drained_ends_with_3(scene, which):
    scene.create_topics(partitions=1)
    scene.start_standin(duration_ms=60_000)
    scene.enqueue(3)
    worker = scene.start_worker(arguments=["--until-drained"])
    scene.wait_for_submissions(3, 30)
    worker.send(which)
    assert worker.wait_for_end(30) == 3, worker.situation()


def test_a_wrong_configuration_ends_with_2_and_every_mistake_by_its_path(scene):
    status, command = scene.run_command(
        ["run"],
        {
            "kafka": {"bootstrap.servers": None, "enable.auto.commit": True},
            "quotas": {"submissions": "many"},
            "limits": {"connections": -1, "no_such_limit": 1},
            "speechkit": {"auth": {"iam_token_file": "/a"}, "transcribe_url": "http://example.com"},
            "results": {"words": "yes"},
            "admin": {"listen": "nowhere"},
            "unknown": {},
        },
    )
    assert status == 2, command.situation()
    for path in (
        "bootstrap.servers",
        "enable.auto.commit",
        "quotas.submissions",
        "limits.connections",
        "limits.no_such_limit",
        "speechkit.auth",
        "speechkit.transcribe_url",
        "results.words",
        "admin.listen",
        "unknown",
    ):
        assert path in command.log, f"{path} is not named; {command.situation()}"


def test_wrong_usage_ends_with_2(scene):
    for arguments in (["run", "--no-such-option"], ["no-such-command"], ["run", "--set", "x"]):
        status, command = scene.run_command(arguments)
        assert status == 2, (arguments, command.situation())


def test_set_wins_over_the_file(scene):
    status, command = scene.run_command(["run", "--set", "limits.in_flight=few"])
    assert status == 2 and "limits.in_flight" in command.log, command.situation()


def test_missing_topics_end_with_2_and_the_command_that_makes_them(scene):
    scene.start_standin(duration_ms=200)
    status, command = scene.run_command(["run"])
    assert status == 2 and "check --create-topics" in command.log, command.situation()
    assert scene.topics["jobs"] in command.log

    status, command = scene.run_command(["check", "--create-topics"])
    assert status == 0, command.situation()
    state = scene.cluster.settings(scene.topics["state"])
    assert state["cleanup.policy"] == "compact"
    assert state["segment.bytes"] == str(64 << 20)
    assert state["segment.ms"] == str(10 * 60 * 1000)
    assert float(state["min.cleanable.dirty.ratio"]) == 0.1
    assert scene.cluster.settings(scene.topics["jobs"])["retention.ms"] == "-1"
    for name, channel in ASYNCAPI["channels"].items():
        topic = scene.topics["dead_letters" if name == "deadLetters" else name]
        found = scene.cluster.settings(topic)
        for setting, value in channel["bindings"]["kafka"].get("topicConfiguration", {}).items():
            text = ",".join(value) if isinstance(value, list) else str(value)
            assert found[setting] == text, (topic, setting)
    assert scene.cluster.partitions(scene.topics["jobs"]) == scene.cluster.partitions(
        scene.topics["state"]
    )
    jobs = scene.enqueue(3)
    worker = scene.start_worker(arguments=["--until-drained"])
    assert worker.wait_for_end(60) == 0, worker.situation()
    scene.account.expect_only_results(jobs)


def test_a_state_topic_that_is_not_compacted_ends_with_2_and_the_remedy(scene):
    scene.create_topics(partitions=1)
    scene.start_standin()
    scene.cluster.delete_topic(scene.topics["state"])
    for policy in ("delete", "compact,delete"):
        scene.cluster.create_topic(scene.topics["state"], 1, cleanup_policy=policy)
        status, command = scene.run_command(["run"])
        assert status == 2, command.situation()
        assert "cleanup.policy" in command.log and "compact" in command.log, command.situation()
        scene.cluster.delete_topic(scene.topics["state"])


def test_a_state_topic_of_another_size_is_told_by_check_which_mends_it(scene):
    scene.create_topics(partitions=2)
    scene.start_standin(duration_ms=200)
    scene.cluster.add_partitions(scene.topics["jobs"], 4)
    status, command = scene.run_command(["check"])
    said = command.output.decode() + command.log
    assert status == 1 and "check --create-topics" in said, command.situation()
    status, command = scene.run_command(["check", "--create-topics"])
    assert status == 0, command.situation()
    assert scene.cluster.partitions(scene.topics["state"]) == 4
    scene.start_workers(1)
    scene.stop_workers()


def test_check_says_what_works_and_what_does_not(scene):
    scene.create_topics(partitions=1)
    scene.start_standin()
    status, command = scene.run_command(["check"])
    assert status == 0, command.situation()
    said = command.output.decode() + command.log
    for topic in scene.topics.values():
        assert topic in said

    scene.cluster.delete_topic(scene.topics["results"])
    scene.key_file.unlink()
    status, command = scene.run_command(["check"])
    assert status == 1, command.situation()
    said = command.output.decode() + command.log
    assert scene.topics["results"] in said and "--create-topics" in said, said
    assert str(scene.key_file) in said, said


def test_check_says_that_no_broker_answers(scene):
    scene.start_standin()
    nobody = f"127.0.0.1:{free_ports(1)[0]}"
    status, command = scene.run_command(
        ["check"], {"kafka": {"bootstrap.servers": nobody}}, timeout_seconds=90
    )
    assert status == 1 and nobody in command.output.decode() + command.log, command.situation()


def test_enqueue_reads_a_manifest_and_results_prints_what_came_of_it(scene):
    scene.create_topics(partitions=2)
    standin = scene.start_standin(duration_ms=200)
    manifest = scene.directory / "manifest"
    job = json.loads(job_value("s3://recordings/c.ogg", id="named", labels={"a": "b"}))
    manifest.write_text(
        f"# recordings\ns3://recordings/a.ogg\n\ns3://recordings/b.ogg\n{json.dumps(job)}\n"
    )
    status, command = scene.run_command(["enqueue", "--manifest", str(manifest)])
    assert status == 0, command.situation()
    jobs = scene.cluster.read(scene.topics["jobs"])
    assert len(jobs) == 3
    for message in jobs:
        assert json.loads(message.value)["id"].encode() == message.key

    # The same manifest again is not paid again.
    assert scene.run_command(["enqueue", "--manifest", str(manifest)])[0] == 0
    worker = scene.start_worker(arguments=["--until-drained"])
    assert worker.wait_for_end(60) == 0, worker.situation()
    scene.account.expect_one_answer_each(scene.cluster.read(scene.topics["jobs"]), skipped=3)
    assert len(standin.accepted_submissions()) == 3

    status, command = scene.run_command(["results", "--format", "jsonl"])
    assert status == 0, command.situation()
    lines = [json.loads(line) for line in command.output.splitlines()]
    assert len(lines) == 3 and {"a": "b"} in [line.get("labels") for line in lines]
    status, command = scene.run_command(["results", "--format", "text"])
    assert status == 0 and b"# named " in command.output, command.situation()


def test_enqueue_names_the_line_that_it_cannot_read(scene):
    scene.create_topics(partitions=1)
    manifest = scene.directory / "manifest"
    manifest.write_text('s3://recordings/a.ogg\n{"audio": \n')
    status, command = scene.run_command(["enqueue", "--manifest", str(manifest)])
    assert status != 0 and "2" in command.log, command.situation()
