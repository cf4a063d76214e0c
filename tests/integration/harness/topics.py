"""The cluster as an outsider sees it: topics, messages, offsets, through a client of its own."""

import dataclasses
import json

from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    ConsumerGroupTopicPartitions,
    KafkaError,
    KafkaException,
    Producer,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient, ConfigResource, NewPartitions, NewTopic

from harness.waiting import wait_until

REQUEST_SECONDS = 30


@dataclasses.dataclass(frozen=True)
class Message:
    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: tuple  # of (name, bytes)
    timestamp_ms: int | None = None  # as the broker tells it; None where it was not asked

    @property
    def source(self):
        return f"{self.topic}/{self.partition}/{self.offset}"

    def header(self, name):
        """The last header of that name as text; None where there is none."""
        for header_name, value in reversed(self.headers):
            if header_name == name:
                return value.decode()
        return None

    @classmethod
    def of(cls, message):
        return cls(
            message.topic(),
            message.partition(),
            message.offset(),
            message.key(),
            message.value(),
            tuple(message.headers() or ()),
            message.timestamp()[1],
        )


class Cluster:
    def __init__(self, bootstrap, replication=1):
        self.bootstrap = bootstrap
        self.replication = replication
        self.admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})
        self._producer = self._new_producer()

    def _new_producer(self):
        return Producer(
            {
                "bootstrap.servers": self.bootstrap,
                "log_level": 0,
                "enable.idempotence": True,
                "partitioner": "murmur2_random",
                "message.max.bytes": 10_000_000,
                "linger.ms": 5,
            }
        )

    def create_topic(self, name, partitions, **settings):
        topic = NewTopic(
            name,
            partitions,
            self.replication,
            config={setting.replace("_", "."): str(value) for setting, value in settings.items()},
        )
        self.admin.create_topics([topic])[name].result(REQUEST_SECONDS)
        self._wait_for_partitions(name, partitions)

    def add_partitions(self, name, partitions):
        self.admin.create_partitions([NewPartitions(name, partitions)])[name].result(
            REQUEST_SECONDS
        )
        self._wait_for_partitions(name, partitions)
        self._producer = self._new_producer()  # the old one knows the old partitions for minutes

    def delete_topic(self, name):
        self.admin.delete_topics([name])[name].result(REQUEST_SECONDS)
        wait_until(lambda: self.partitions(name) == 0, REQUEST_SECONDS, f"topic {name} is gone")

    def partitions(self, name):
        topic = self.admin.list_topics(timeout=REQUEST_SECONDS).topics.get(name)
        return len(topic.partitions) if topic is not None and topic.error is None else 0

    def message_count(self, name):
        """How many messages the topic has, without reading them."""
        with_offsets = Consumer({"bootstrap.servers": self.bootstrap, "group.id": "counts"})
        try:
            ends = [
                with_offsets.get_watermark_offsets(TopicPartition(name, partition))
                for partition in range(self.partitions(name))
            ]
        finally:
            with_offsets.close()
        return sum(high - low for low, high in ends)

    def _wait_for_partitions(self, name, partitions):
        wait_until(
            lambda: self.partitions(name) == partitions,
            REQUEST_SECONDS,
            f"topic {name} has {partitions} partitions",
        )

    def settings(self, name):
        resource = ConfigResource(ConfigResource.Type.TOPIC, name)
        found = self.admin.describe_configs([resource])[resource].result(REQUEST_SECONDS)
        return {setting: entry.value for setting, entry in found.items()}

    def delete_records(self, topic, partition, before_offset):
        wanted = TopicPartition(topic, partition, before_offset)
        for future in self.admin.delete_records([wanted]).values():
            future.result(REQUEST_SECONDS)

    def delete_group(self, group):
        self.admin.delete_consumer_groups([group])[group].result(REQUEST_SECONDS)

    def committed_offsets(self, group):
        """{(topic, partition): offset}, as the group's coordinator tells."""
        request = ConsumerGroupTopicPartitions(group)
        answer = self.admin.list_consumer_group_offsets([request])[group].result(REQUEST_SECONDS)
        return {(each.topic, each.partition): each.offset for each in answer.topic_partitions}

    def produce(self, topic, messages):
        """`messages` are (key, value, headers, partition); partition None follows the key.
        Returns what was written, in the order given."""
        written = [None] * len(messages)

        def delivered(place):
            def callback(error, message):
                if error is not None:
                    raise KafkaException(error)
                written[place] = (message.partition(), message.offset())

            return callback

        for place, (key, value, headers, partition) in enumerate(messages):
            where = {} if partition is None else {"partition": partition}
            self._producer.produce(
                topic,
                value=value,
                key=key,
                headers=list(headers),
                on_delivery=delivered(place),
                **where,
            )
            self._producer.poll(0)
        assert self._producer.flush(REQUEST_SECONDS) == 0, "jobs were not delivered"
        return [
            Message(topic, partition, offset, key, value, tuple(headers))
            for (key, value, headers, _), (partition, offset) in zip(messages, written, strict=True)
        ]

    def read(self, topic, isolation="read_committed"):
        """All messages from the beginning to the end as it stands now."""
        with Tail(self, topic, isolation) as tail:
            return tail.to_the_end()


class Tail:
    """Reads a topic from its beginning, on and on; sees only what is committed."""

    def __init__(self, cluster, topic, isolation="read_committed"):
        self.topic = topic
        self.messages = []
        partitions = range(cluster.partitions(topic))
        self._consumer = Consumer(
            {
                "bootstrap.servers": cluster.bootstrap,
                "log_level": 0,
                "group.id": "outside-reader",  # needed by the client, never joined or committed to
                "enable.auto.commit": False,
                "enable.partition.eof": True,
                "isolation.level": isolation,
                "fetch.wait.max.ms": 50,
                "fetch.message.max.bytes": 10_000_000,
            }
        )
        self._consumer.assign(
            [TopicPartition(topic, partition, OFFSET_BEGINNING) for partition in partitions]
        )
        self._not_at_end = set(partitions)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._consumer.close()

    def _take(self, timeout_seconds):
        message = self._consumer.poll(timeout_seconds)
        if message is None:
            return False
        if message.error() is None:
            self.messages.append(Message.of(message))
        elif message.error().code() == KafkaError._PARTITION_EOF:
            self._not_at_end.discard(message.partition())
        elif not message.error().retriable() and message.error().fatal():
            raise KafkaException(message.error())
        return True

    def poll(self):
        """Takes what has arrived."""
        while self._take(0.02):
            pass
        return self.messages

    def to_the_end(self):
        wait_until(
            lambda: self._take(0.1) and not self._not_at_end or not self._not_at_end,
            REQUEST_SECONDS,
            f"the end of {self.topic}",
            pause_seconds=0,
        )
        return self.messages

    def wait_for(self, count, timeout_seconds, situation=lambda: ""):
        wait_until(
            lambda: len(self.poll()) >= count,
            timeout_seconds,
            lambda: f"{len(self.messages)} of {count} in {self.topic}; {situation()}",
        )
        return self.messages


def job_value(uri, **fields):
    """A job message's bytes; `audio` and `specification` fields by their own names."""
    audio = {"uri": uri, **fields.pop("audio", {})}
    job = {"audio": audio, **fields}
    return json.dumps(job).encode()
