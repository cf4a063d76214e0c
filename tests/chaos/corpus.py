#!/usr/bin/env python3
"""What a worker of an earlier release left behind when it was killed: its jobs, its state records,
its group's offsets, and what the service had accepted from it. Kept in fixtures/, so that every
later worker can be made to take it over (test_upgrade.py).

    corpus.py FILE      writes one, with the worker that BACKSCRIBE_WORKER names
"""

import base64
import json
import os
import pathlib
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))

from confluent_kafka import ConsumerGroupTopicPartitions, Producer, TopicPartition  # noqa: E402
from harness.broker import Broker  # noqa: E402
from harness.scene import Scene  # noqa: E402
from harness.topics import REQUEST_SECONDS, job_value  # noqa: E402
from harness.waiting import wait_until  # noqa: E402

PARTITIONS = 3
TOPICS = {
    "jobs": "transcription-jobs",
    "results": "transcription-results",
    "dead_letters": "transcription-dead-letters",
    "state": "backscribe-state",
}
GROUP = "backscribe"
IDS_SEED = 1  # a later stand-in gives the same operations the same ids
FAULTS = (
    # Not submitted, and not done with: everything behind them stays above the watermark.
    {"fault": "hang", "on": "submit", "uri": "stuck"},
    {"fault": "refuse", "on": "submit", "uri": "refused"},
    {"fault": "reset", "on": "submit", "after": True, "uri": "lost", "next": 1},
    {"fault": "fail", "uri": "again", "code": 13, "first_per_uri": 1},
    {"fault": "duration", "uri": "long", "ms": 86_400_000},
)


def _text(data):
    return None if data is None else base64.b64encode(data).decode()


def _bytes(text):
    return None if text is None else base64.b64decode(text)


def _message(message):
    return {
        "partition": message.partition,
        "timestamp": message.timestamp_ms,
        "key": _text(message.key),
        "value": _text(message.value),
        "headers": [[name, _text(value)] for name, value in message.headers],
    }


# ---- writing -------------------------------------------------------------------------------------


def _jobs():
    """(key, value, headers, partition) of everything that a record can hold."""

    def job(name, partition, headers=(), key=True, **fields):
        value = job_value(f"s3://recordings/{name}.ogg", **fields)
        return (name.encode() if key else None, value, headers, partition)

    def named(name, partition, **fields):
        return job(name, partition, id=name, **fields)

    yield from (named(f"quick-{number}", 0) for number in range(6))
    yield named("refused-0", 0)
    yield from (named(f"long-{number}", 0) for number in range(6))
    yield named("stuck-1", 1)
    yield from (named(f"behind-quick-{number}", 1) for number in range(5))
    yield from (named(f"behind-long-{number}", 1) for number in range(4))
    yield named("again-long", 2)
    yield named("lost-long", 2)
    yield job("keyless-long", 2, key=False)
    yield named("forced-long", 2, force=True)
    yield named(
        "rich-long",
        2,
        headers=(("traceparent", b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),),
        labels={"campaign": "spring"},
        deadline="2099-01-01T00:00:00Z",
        audio={"durationSeconds": 61.5, "sizeBytes": 250_000},
        config={
            "specification": {"model": "general:rc", "audioChannelCount": 2},
            "folderId": "folder",
        },
    )


def _committed(cluster):
    request = ConsumerGroupTopicPartitions(GROUP)
    answer = cluster.admin.list_consumer_group_offsets([request])[GROUP].result(REQUEST_SECONDS)
    return {each.partition: each.offset for each in answer.topic_partitions}


def _write(scene):
    scene.topics.update(TOPICS)
    scene.group = GROUP
    scene.create_topics(PARTITIONS)
    standin = scene.start_standin(duration_ms=300, ids_seed=IDS_SEED)
    standin.faults(*FAULTS)
    jobs = scene.cluster.produce(TOPICS["jobs"], list(_jobs()))
    quick = sum(b"quick" in job.value for job in jobs)
    long = [job for job in jobs if b"long" in job.value]
    (worker,) = scene.start_workers(
        1, {"quotas": {"window_seconds": 3600, "submissions": 6000, "checks": 30000}}
    )
    scene.wait_for_answers(quick, 60, dead_letters=1)

    def recorded():
        state = scene.cluster.read(TOPICS["state"])
        last = {(each.partition, each.key): each.value for each in state}
        values = b"".join(value for value in last.values() if value is not None)
        now = {each.uri: each.operation for each in standin.accepted_submissions()}
        running = [operation for uri, operation in now.items() if "long" in uri]
        return len(running) == len(long) and all(each.encode() in values for each in running)

    wait_until(recorded, 60, scene.situation)
    worker.kill()
    wait_until(lambda: _committed(scene.cluster), 30, "committed offsets")
    version = subprocess.run(
        [os.environ["BACKSCRIBE_WORKER"], "--version"], capture_output=True, check=True, text=True
    )
    return {
        "written_by": version.stdout.splitlines()[0],
        "partitions": PARTITIONS,
        "accepted": [each.uri for each in standin.accepted_submissions()],
        "operations": [each.operation for each in standin.accepted_submissions()],
        "jobs": [_message(each) for each in scene.cluster.read(TOPICS["jobs"])],
        "results": sorted(scene.account.results()),
        "dead_letters": sorted(scene.account.dead_letters()),
        "state": [_message(each) for each in scene.cluster.read(TOPICS["state"])],
        "committed": [_committed(scene.cluster)[each] for each in range(PARTITIONS)],
    }


def write(path):
    with tempfile.TemporaryDirectory() as folder:
        broker = Broker(pathlib.Path(folder) / "broker")
        try:
            broker.start()
            scene = Scene(broker, pathlib.Path(folder))
            try:
                path.write_text(json.dumps(_write(scene), indent=1) + "\n")
            finally:
                scene.close()
        finally:
            broker.kill()


# ---- taking up -----------------------------------------------------------------------------------


class Corpus:
    def __init__(self, path):
        kept = json.loads(path.read_text())
        self.accepted = kept["accepted"]
        self.operations = kept["operations"]
        self.results = set(kept["results"])
        self.dead_letters = set(kept["dead_letters"])
        self.partitions = kept["partitions"]
        self._jobs, self._state = kept["jobs"], kept["state"]
        self._committed = kept["committed"]

    def _published(self, partition):
        """The offset's metadata: the lowest job without an answer. It is made again, because the
        client that reads offsets here cannot tell where metadata end."""
        answered = self.results | self.dead_letters
        offset = 0
        while f"{TOPICS['jobs']}/{partition}/{offset}" in answered:
            offset += 1
        return f"published={offset}"

    def produce(self, scene, with_offsets):
        """Into the scene's empty topics, each job at its old offset. Returns the jobs."""
        assert scene.topics == TOPICS and scene.group == GROUP
        producer = Producer({"bootstrap.servers": scene.broker.bootstrap, "linger.ms": 0})
        for topic, messages in ((TOPICS["jobs"], self._jobs), (TOPICS["state"], self._state)):
            for message in messages:
                producer.produce(
                    topic,
                    value=_bytes(message["value"]),
                    key=_bytes(message["key"]),
                    headers=[(name, _bytes(value)) for name, value in message["headers"]],
                    partition=message["partition"],
                    timestamp=message["timestamp"],
                )
        assert producer.flush(REQUEST_SECONDS) == 0
        if with_offsets:
            offsets = [
                TopicPartition(TOPICS["jobs"], partition, offset, metadata=self._published(partition))
                for partition, offset in enumerate(self._committed)
            ]
            request = ConsumerGroupTopicPartitions(GROUP, offsets)
            answer = scene.cluster.admin.alter_consumer_group_offsets([request])[GROUP]
            answer.result(REQUEST_SECONDS)
        return scene.cluster.read(TOPICS["jobs"])


if __name__ == "__main__":
    write(pathlib.Path(sys.argv[1]))
