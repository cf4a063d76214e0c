"""The manifests are what Kubernetes takes, and what the worker is promised to run under."""

import json
import os
import pathlib
import subprocess

import kubernetes_validate
import pytest
import yaml

FOLDER = pathlib.Path(__file__).parent
MANIFESTS = sorted(FOLDER.glob("*.yaml"))
KUBERNETES = "1.32"  # what the manifests use is older; newer versions take it too


def load(name):
    with open(FOLDER / f"{name}.yaml", encoding="utf-8") as text:
        return yaml.safe_load(text)


def configuration():
    return json.loads(load("configmap")["data"]["config.json"])


WORKLOADS = ("statefulset", "job")


@pytest.fixture(params=WORKLOADS)
def pod(request):
    return load(request.param)["spec"]["template"]


@pytest.fixture
def container(pod):
    (only,) = pod["spec"]["containers"]
    return only


@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: path.name)
def test_kubernetes_takes_each_manifest(path):
    for document in yaml.safe_load_all(path.read_text(encoding="utf-8")):
        kubernetes_validate.validate(document, KUBERNETES, strict=True)


def test_pods_have_no_rights_that_they_do_not_need(pod, container):
    of_pod, of_container = pod["spec"]["securityContext"], container["securityContext"]
    assert of_pod["runAsNonRoot"] is True and of_pod["runAsUser"] > 0
    assert of_pod["seccompProfile"] == {"type": "RuntimeDefault"}
    assert of_container["readOnlyRootFilesystem"] is True
    assert of_container["allowPrivilegeEscalation"] is False
    assert of_container["capabilities"] == {"drop": ["ALL"]}
    assert pod["spec"]["automountServiceAccountToken"] is False


def test_a_stop_has_time_to_be_graceful(pod):
    assert pod["spec"]["terminationGracePeriodSeconds"] > configuration()["shutdown_seconds"]


def test_memory_has_room_for_what_the_worker_may_hold(container):
    limit = container["resources"]["limits"]["memory"]
    assert limit.endswith("Mi")
    assert int(limit[:-2]) * 1024 * 1024 > configuration()["limits"]["memory_bytes"] * 1.25


def test_probes_ask_the_admin_port(container):
    (port,) = container["ports"]
    listen = configuration()["admin"]["listen"]
    assert listen == f"0.0.0.0:{port['containerPort']}"
    assert container["livenessProbe"]["httpGet"] == {"path": "/healthz", "port": port["name"]}
    assert container["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": port["name"]}


def test_the_service_finds_the_fleet():
    service, fleet = load("service")["spec"], load("statefulset")["spec"]
    labels = fleet["template"]["metadata"]["labels"]
    assert service["selector"].items() <= labels.items()
    assert fleet["serviceName"] == load("service")["metadata"]["name"]
    assert fleet["selector"]["matchLabels"].items() <= labels.items()
    assert not service["selector"].items() <= load("job")["spec"]["template"]["metadata"][
        "labels"
    ].items()


def test_secrets_are_files_that_the_secret_has(pod, container):
    volumes = {volume["name"]: volume for volume in pod["spec"]["volumes"]}
    mounts = {mount["mountPath"]: volumes[mount["name"]] for mount in container["volumeMounts"]}
    secret = load("secret.example")
    assert mounts["/run/secrets/backscribe"]["secret"]["secretName"] == secret["metadata"]["name"]
    for path in secret_files(configuration()):
        folder, name = os.path.split(path)
        assert folder == "/run/secrets/backscribe"
        assert name in secret["stringData"]
    assert mounts["/etc/backscribe"]["configMap"]["name"] == load("configmap")["metadata"]["name"]
    assert not any("secretKeyRef" in str(variable) for variable in container["env"])


def test_membership_is_static_and_each_pod_has_its_own(container):
    assert configuration()["kafka"]["group.instance.id"] == "${BACKSCRIBE_INSTANCE}"
    environment = {variable["name"]: variable for variable in container["env"]}
    instance = environment["BACKSCRIBE_INSTANCE"]
    if "value" in instance:  # the job's: the pod's name is another one after each failure
        index = environment["BACKSCRIBE_INDEX"]["valueFrom"]["fieldRef"]["fieldPath"]
        assert index == "metadata.annotations['batch.kubernetes.io/job-completion-index']"
        assert instance["value"].endswith("$(BACKSCRIBE_INDEX)")
    else:
        assert instance["valueFrom"]["fieldRef"]["fieldPath"] == "metadata.name"


def test_a_finished_archive_ends_its_job():
    job = load("job")["spec"]
    assert job["completionMode"] == "Indexed" and job["completions"] == job["parallelism"]
    (container,) = job["template"]["spec"]["containers"]
    assert container["args"] == ["run", "--until-drained", "--fail-on-dead-letter"]


def try_configuration(folder, *settings):
    """`backscribe run` for a moment, with secrets of the test and a Kafka that is not there."""
    (folder / "config.json").write_text(load("configmap")["data"]["config.json"])
    secrets = folder / "secrets"
    secrets.mkdir(exist_ok=True)
    for name, value in load("secret.example")["stringData"].items():
        (secrets / name).write_text(value)
    moved = (folder / "config.json").read_text().replace("/run/secrets/backscribe", str(secrets))
    (folder / "config.json").write_text(moved)
    command = [os.environ["BACKSCRIBE_WORKER"], "run", "--config", folder / "config.json"]
    command += ["--give-up-after", "1s"]
    for setting in ("kafka.bootstrap.servers=127.0.0.1:1", "admin.listen=", *settings):
        command += ["--set", setting]
    environment = {**os.environ, "BACKSCRIBE_INSTANCE": "backscribe-0"}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=90)


def test_the_worker_takes_the_configuration(tmp_path):
    """5: it was not ready for so long, since nothing listens there. 2 would be a wrong
    configuration."""
    outcome = try_configuration(tmp_path)
    assert outcome.returncode == 5, outcome.stdout + outcome.stderr
    wrong = try_configuration(tmp_path, "limits.conections=1")
    assert wrong.returncode == 2, wrong.stdout + wrong.stderr
    assert "limits.conections" in wrong.stdout + wrong.stderr


def secret_files(value):
    """Every path that a key ending in _file, or kafka_files, names."""
    if not isinstance(value, dict):
        return
    for key, below in value.items():
        if key == "kafka_files":
            yield from below.values()
        elif key.endswith("_file"):
            yield below
        else:
            yield from secret_files(below)
