"""A real Apache Kafka broker: one KRaft node, broker and controller in one process."""

import base64
import os
import pathlib
import signal
import subprocess
import uuid

from confluent_kafka.admin import AdminClient

from harness.process import Process
from harness.waiting import free_ports, port_answers, wait_until

# The transaction and offsets topics get few partitions: each is a log that a start must open.
PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller_port}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs={data}
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
auto.create.topics.enable=false
{more}
"""

START_SECONDS = 90


def new_cluster_id():
    # A zero byte in front: an id must not begin with "-", which would read as an option.
    random = b"\0" + uuid.uuid4().bytes[1:]
    return base64.urlsafe_b64encode(random).decode().rstrip("=")


class Broker(Process):
    replication = 1  # of the topics that a scenario makes

    def __init__(self, directory, more_properties=""):
        port, controller_port = free_ports(2)
        self._prepare(
            directory,
            port,
            new_cluster_id(),
            PROPERTIES.format(
                port=port,
                controller_port=controller_port,
                data=directory / "data",
                more=more_properties,
            ),
        )

    def _prepare(self, directory, port, cluster_id, properties):
        """`properties` name <directory>/data as the folder of the logs."""
        directory.mkdir(parents=True, exist_ok=True)
        self.port = port
        self.bootstrap = f"127.0.0.1:{port}"
        self._cluster_id = cluster_id
        self._properties = directory / "server.properties"
        self._properties.write_text(properties)
        self._data = directory / "data"
        super().__init__("kafka", self._java("kafka.Kafka"), directory)

    def _java(self, main_class, *arguments):
        jars = pathlib.Path(os.environ["BACKSCRIBE_KAFKA_JARS"])
        assert any(jars.glob("kafka_*.jar")), f"no Kafka in {jars}: run sh tests/run.sh"
        return [
            "java",
            "-Xms256m",
            "-Xmx512m",
            "-XX:+UseSerialGC",
            "-XX:TieredStopAtLevel=1",
            "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
            "-Dorg.slf4j.simpleLogger.showDateTime=true",
            "-cp",
            f"{jars}/*",
            main_class,
            *(arguments or [self._properties]),
        ]

    def begin(self):
        """Formats the data folder the first time, and starts without waiting."""
        if not self._data.exists():
            format_it = ["format", "-t", self._cluster_id, "-c", self._properties]
            subprocess.run(
                self._java("kafka.tools.StorageTool", *format_it),
                check=True,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        super().start()

    def wait_until_it_answers(self):
        wait_until(self._answers, START_SECONDS, self.situation)

    def start(self):
        """Returns once the broker answers."""
        self.begin()
        self.wait_until_it_answers()
        return self

    def _answers(self):
        assert self.running, self.situation()
        if not port_answers(self.port):
            return False
        client = AdminClient({"bootstrap.servers": self.bootstrap, "log_level": 0})
        return bool(client.list_topics(timeout=START_SECONDS).brokers)

    def stop(self, timeout_seconds=60):
        """An orderly shutdown; start() then goes on with the same data and ports."""
        self.send(signal.SIGTERM)
        self.wait_for_end(timeout_seconds)
