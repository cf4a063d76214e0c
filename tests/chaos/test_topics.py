"""Topics on three brokers: those that `check --create-topics` makes, and those that Strimzi would make
of deploy/strimzi/topics.yaml, are the same."""

import pathlib

import pytest
import yaml
from brokers import Brokers
from confluent_kafka.admin import ConfigResource, ConfigSource
from harness.scene import Scene

MANIFEST = pathlib.Path(__file__).resolve().parents[2] / "deploy/strimzi/topics.yaml"
REQUEST_SECONDS = 60


def wanted():
    """{topic: (partitions, replicas, its own settings)} of the manifest."""
    topics = {}
    for resource in yaml.safe_load_all(MANIFEST.read_text(encoding="utf-8")):
        spec = resource["spec"]
        settings = {name: str(value) for name, value in spec["config"].items()}
        name = spec.get("topicName", resource["metadata"]["name"])
        topics[name] = (spec["partitions"], spec["replicas"], settings)
    return topics


def made(cluster, names):
    """The same of the brokers, with the settings that are the topic's own."""
    topics = {}
    described = cluster.admin.list_topics(timeout=REQUEST_SECONDS).topics
    for name in names:
        resource = ConfigResource(ConfigResource.Type.TOPIC, name)
        answer = cluster.admin.describe_configs([resource])[resource].result(REQUEST_SECONDS)
        own = {
            setting: entry.value
            for setting, entry in answer.items()
            if entry.source == ConfigSource.DYNAMIC_TOPIC_CONFIG.value
        }
        partitions = described[name].partitions
        replicas = {len(one.replicas) for one in partitions.values()}
        topics[name] = (len(partitions), replicas.pop() if len(replicas) == 1 else replicas, own)
    return topics


@pytest.fixture
def three_brokers(tmp_path):
    brokers = Brokers(tmp_path, network=None, workers=())
    try:
        brokers.start()
        yield brokers
    finally:
        brokers.kill()


def test_check_makes_the_topics_that_the_strimzi_manifest_describes(three_brokers, tmp_path):
    scene = Scene(three_brokers, tmp_path)
    try:
        scene.start_standin()
        standard = {"topics": {
            "jobs": "transcription-jobs", "results": "transcription-results",
            "dead_letters": "transcription-dead-letters", "state": "backscribe-state",
        }}  # fmt: skip
        status, command = scene.run_command(["check", "--create-topics"], standard)
        assert status == 0, command.situation()
        manifest = wanted()
        assert set(manifest) == set(standard["topics"].values())
        assert made(scene.cluster, manifest) == manifest
    finally:
        scene.close()
