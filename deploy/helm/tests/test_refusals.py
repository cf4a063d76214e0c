"""Values that would go wrong are refused before anything is installed, and say which and why."""

import pytest
from chart import CHART, HELMS, helm

MISSPELT = {
    "a value": ({"replica": 2}, "replica"),
    "a value below": ({"autoscaling": {"enable": True}}, "enable"),
    "a mode": ({"mode": "deployment"}, "mode"),
    "a setting of the worker": ({"config": {"limits": {"conections": 1}}}, "conections"),
    "a section of the worker": ({"config": {"object": {}}}, "object"),
    "a setting's range": ({"config": {"limits": {"in_flight": 0}}}, "in_flight"),
    "a setting's type": ({"config": {"results": {"words": "yes"}}}, "words"),
    "two credentials": (
        {"config": {"speechkit": {"auth": {"metadata_service": True, "api_key_file": "/x"}}}},
        "auth",
    ),
    "a schedule": ({"cronJob": {"schedule": "nightly"}}, "schedule"),
    "a duration": ({"job": {"giveUpAfter": "1 hour"}}, "giveUpAfter"),
    "a source": ({"job": {"enqueue": {"sources": ["recordings/2024"]}}}, "sources"),
    "a digest": ({"image": {"digest": "latest"}}, "digest"),
    "no worker": ({"replicas": 0}, "replicas"),
    "no budget": ({"podDisruptionBudget": {"maxUnavailable": 0}}, "maxUnavailable"),
}
SECRETS = {
    "a password": ({"config": {"kafka": {"sasl.password": "hunter2"}}}, "sasl.password"),
    "a key": ({"config": {"kafka": {"ssl.key.pem": "-----BEGIN"}}}, "ssl.key.pem"),
    "an API key": ({"config": {"speechkit": {"auth": {"api_key": "AQVN"}}}}, "api_key"),
    "a variable": ({"extraEnv": [{"name": "KAFKA_PASSWORD", "value": "hunter2"}]}, "extraEnv"),
    "a secret of the chart's": ({"secrets": {"kafka": "hunter2"}}, "secrets"),
}
THE_CHARTS_OWN = {
    "the admin endpoint": ({"config": {"admin": {"listen": "127.0.0.1:1"}}}, "admin"),
    "the stop": ({"config": {"shutdown_seconds": 600}}, "shutdown_seconds"),
    "the membership": ({"config": {"kafka": {"group.instance.id": "a"}}}, "group.instance.id"),
    "a label that selectors go by": (
        {"podLabels": {"app.kubernetes.io/component": "mine"}}, "app.kubernetes.io/component",
    ),  # fmt: skip
    "the group": ({"config": {"kafka": {"group.id": "a"}}}, "group.id"),
}
NEVER_NONE = {"autoscaling": {"enabled": True, "minReplicas": 0}, "partitions": 8}
SENTENCES = {
    "replicas": (
        {"replicas": 4, "partitions": 3},
        "replicas: 4 workers, but the jobs topic has 3 partitions",
    ),
    "workers": (
        {"mode": "job", "job": {"workers": 4}, "partitions": 3},
        "job.workers: 4 workers, but the jobs topic has 3 partitions",
    ),
    "unknown partitions": ({"autoscaling": {"enabled": True}}, "needs partitions"),
    "too many": (
        {"autoscaling": {"enabled": True, "maxReplicas": 9}, "partitions": 8},
        "autoscaling.maxReplicas: 9, but the jobs topic has 8 partitions",
    ),
    "more than at most": (
        {"autoscaling": {"enabled": True, "minReplicas": 9}, "partitions": 8},
        "autoscaling.minReplicas: 9 is more than the 8 replicas at most",
    ),
    "a scaled job": (
        {"mode": "cronjob", "autoscaling": {"enabled": True}, "partitions": 8},
        "a ScaledObject scales the standing fleet",
    ),
    "brokers that KEDA cannot know": (
        {
            "autoscaling": {"enabled": True}, "partitions": 8,
            "config": {"kafka": {"bootstrap.servers": "${KAFKA}:9092"}},
        },
        "KEDA does not see the worker's environment",
    ),
    "ports that nobody knows": (
        {"config": {"kafka": {"bootstrap.servers": "${KAFKA}"}}},
        "networkPolicy.kafka.ports",
    ),
    "memory": (
        {"config": {"limits": {"memory_bytes": 1100000000}}},
        "resources.limits.memory: 1280Mi is less than 1.25 times config.limits.memory_bytes "
        "(1312 Mi are needed)",
    ),
    "memory of another unit": (
        {"resources": {"limits": {"memory": "1G"}}},
        "resources.limits.memory: 1G is less",
    ),
    "a file that nothing brings": (
        {"config": {"kafka_files": {"sasl.password": "/run/secrets/kafka"}}},
        'config.kafka_files."sasl.password": nothing is mounted at /run/secrets/kafka',
    ),
    "no secret for the key": ({"existingSecrets": []}, "nothing is mounted at"),
    "every pod enqueues": (
        {
            "mode": "job",
            "job": {"workers": 2, "enqueue": {"enabled": True, "sources": ["s3://b/"]}},
        },
        "job.enqueue.enabled: goes with job.workers: 1",
    ),
    "nothing to enqueue": (
        {"mode": "cronjob", "job": {"enqueue": {"enabled": True}}},
        "job.enqueue.sources says from where",
    ),
}


def refused(version, values, said):
    outcome = helm(version, "template", "run", CHART, values=values)
    assert outcome.returncode != 0, outcome.stdout
    assert said in outcome.stderr, outcome.stderr


def cases(table):
    return pytest.mark.parametrize("values, said", table.values(), ids=table.keys())


@pytest.mark.parametrize("version", HELMS)
@cases(MISSPELT)
def test_what_is_misspelt_is_refused(version, values, said):
    refused(version, values, said)


@pytest.mark.parametrize("version", HELMS)
@cases(SECRETS)
def test_a_secret_has_no_place_in_values(version, values, said):
    refused(version, values, said)


@cases(THE_CHARTS_OWN)
def test_what_the_chart_rests_on_cannot_be_set_otherwise(values, said):
    refused("4", values, said)


@pytest.mark.parametrize("version", HELMS)
def test_a_fleet_never_scales_to_none(version):
    refused(version, NEVER_NONE, "minReplicas")


@cases(SENTENCES)
def test_what_does_not_fit_together_is_refused_with_a_sentence(values, said):
    refused("4", values, said)
