"""What the chart renders is what the worker understands: its configuration, its command lines, the
paths that are probed."""

import json
import os
import socket
import subprocess
import time
import urllib.error
import urllib.request

import pytest
from chart import configuration, container_of, pod_of, render, workload, workloads
from matrix import MATRIX

WORKER = os.environ["BACKSCRIBE_WORKER"]
NOWHERE = "127.0.0.1:1"
SECRETS = {
    "kafka-password": "change-me",
    "speechkit-api-key": "change-me",
    "authorized-key.json": "{}",
    "storage-key.json": '{"access_key_id": "change-me", "secret_access_key": "change-me"}',
}


def environment(container):
    """The container's variables, where Kubernetes knows them."""
    known = {"BACKSCRIBE_INSTANCE": "backscribe-0", "BACKSCRIBE_JOB": "x", "BACKSCRIBE_INDEX": "0"}
    given = {one["name"]: one.get("value", "from-a-secret") for one in container["env"]}
    return {**os.environ, **given, **known}


def put(folder, documents):
    """The configuration in a file, its secrets beside it, and a Kafka that is not there."""
    text = json.dumps(configuration(documents))
    for secret in ("backscribe", "cluster-ca"):
        (folder / secret).mkdir(parents=True)
        for name, value in SECRETS.items():
            (folder / secret / name).write_text(value)
    text = text.replace("/run/secrets/", f"{folder}/")
    (folder / "config.json").write_text(text)
    return folder / "config.json"


def run(container, config, settings):
    variables = {**environment(container), "BACKSCRIBE_CONFIG": str(config)}
    command = [WORKER, *container["args"]]
    for setting in settings:
        command += ["--set", setting]
    return subprocess.Popen(
        command, env=variables, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def end_of(process):
    try:
        said, _ = process.communicate(timeout=90)
    finally:
        process.kill()
    return process.returncode, said


CONFIGURATIONS = ("standing-defaults", "standing-sasl", "job-metadata", "cronjob-proxied",
                  "standing-placed")  # fmt: skip
MISSPELT = "limits.conections=1"


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory):
    """{name: (status, what was said)} of workers that give up after a second. All at once, for it
    takes Kafka's client a while to end when nobody answers it."""
    here = [f"kafka.bootstrap.servers={NOWHERE}", "admin.listen=", "kafka.ssl.ca.location="]
    started = {}
    for name in (*CONFIGURATIONS, MISSPELT):
        documents = render(MATRIX.get(name, {}))
        container = container_of(workload(documents))
        container = {**container, "args": [*container["args"], "--give-up-after", "1s"]}
        config = put(tmp_path_factory.mktemp("worker") / "secrets", documents)
        settings = [*here, MISSPELT] if name == MISSPELT else here
        started[name] = run(container, config, settings)
    return {name: end_of(process) for name, process in started.items()}


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_the_worker_takes_the_configuration(outcomes, name):
    """5: it was not ready for so long, since nothing listens there. 2 would be a wrong
    configuration."""
    status, said = outcomes[name]
    assert status == 5, said


def test_the_worker_would_have_refused_a_wrong_one(outcomes):
    status, said = outcomes[MISSPELT]
    assert status == 2 and "limits.conections" in said, said


def test_the_probed_paths_are_there(tmp_path):
    """Alive, though nothing that it needs is there: a restart would mend nothing."""
    documents = render()
    container = container_of(workload(documents))
    config = put(tmp_path / "secrets", documents)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    listen = f"admin.listen=127.0.0.1:{port}"
    process = run(container, config, [f"kafka.bootstrap.servers={NOWHERE}", listen])
    try:
        for probe, expected in (("startup", 200), ("liveness", 200), ("readiness", 503)):
            path = container[f"{probe}Probe"]["httpGet"]["path"]
            assert answer(port, path) == expected, path
    finally:
        process.terminate()
        process.communicate(timeout=90)


def answer(port, path, patience_seconds=60):
    deadline = time.monotonic() + patience_seconds
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as found:
                return found.status
        except urllib.error.HTTPError as error:
            return error.code
        except OSError:  # it does not listen yet
            assert time.monotonic() < deadline, "nothing listens on the admin port"
            time.sleep(0.05)


def test_every_command_line_is_understood():
    """With an option at its end that is none, that one alone is refused: all before it were taken."""
    lines = set()
    for values in MATRIX.values():
        for one in workloads(render(values)):
            spec = pod_of(one)["spec"]
            for container in spec["containers"] + spec.get("initContainers", []):
                lines.add(tuple(container["args"]))
    assert {line[0] for line in lines} == {"run", "enqueue", "check"}
    for line in lines:
        outcome = subprocess.run(
            [WORKER, *line, "--no-such-option"], capture_output=True, text=True, timeout=60
        )
        assert outcome.returncode == 2, outcome.stderr
        assert "no-such-option" in outcome.stderr, outcome.stderr
