"""What monitoring sees of workers: pages that promtool accepts, series that stay few, alerts and a
dashboard that a real Prometheus answers."""

import json
import math
import os
import re
import signal
import struct
import subprocess
import time

import pytest
from harness.iam import Iam
from harness.prometheus import ROOT, RULES, Prometheus, complaints, program
from harness.s3 import S3
from harness.topics import job_value
from harness.waiting import wait_until
from harness.worker import command_environment


def page(worker):
    code, body = worker.get("/metrics")
    assert code == 200, code
    return body


def series(worker):
    return {(name, labels) for name, labels in worker.metrics()}


def is_ready(worker):
    return worker.get("/readyz")[0] == 200


def waiting(worker):
    return {each for each in series(worker) if each[0] == "jobs_waiting"}


def test_promtool_has_no_complaint_at_start_under_work_and_at_the_end(scene):
    scene.create_topics(partitions=2)
    scene.start_standin(duration_ms=300)
    worker = scene.start_worker()
    wait_until(lambda: worker.get("/metrics")[0] == 200, 60, worker.situation)
    assert complaints(page(worker)) == ""
    worker.wait_until_ready()
    assert complaints(page(worker)) == ""
    scene.enqueue(40)
    scene.enqueue_value(b"not a job")
    scene.wait_for_submissions(1)
    assert complaints(page(worker)) == ""
    scene.wait_for_answers(40, 60, dead_letters=1)
    assert complaints(page(worker)) == ""
    scene.stop_workers()


def test_series_are_as_many_as_partitions_and_a_few_whatever_the_jobs_are(scene):
    """Ids, labels, buckets and errors that no two jobs share."""
    scene.create_topics(partitions=50)
    scene.start_standin(duration_ms=100)
    first = scene.start_worker()
    wait_until(lambda: len(waiting(first)) == 50 and is_ready(first), 60, scene.situation)
    assert waiting(first) == {("jobs_waiting", (("partition", str(p)),)) for p in range(50)}
    few = series(first) - waiting(first)
    assert len(few) < 250
    jobs = []
    for number in range(60):
        uri, labels = f"s3://recordings/{number}.ogg", {f"label-{number}": "x"}
        jobs.append((b"%d" % number, job_value(uri, id=f"id-{number}", labels=labels), (), None))
        uri = f"s3://bucket-{number}/call.ogg"
        jobs.append((b"%d" % number, job_value(uri, id=f"foreign-{number}"), (), None))
        jobs.append((b'\n"{}\\', b'hostile \xff\n"{} %d' % number, (), None))
    scene.cluster.produce(scene.topics["jobs"], jobs)
    scene.wait_for_answers(60, 60, dead_letters=120)
    assert series(first) - waiting(first) == few and len(waiting(first)) == 50
    second = scene.start_worker()
    wait_until(
        lambda: len(waiting(first)) == len(waiting(second)) == 25 and is_ready(second),
        60,
        scene.situation,
    )
    assert not waiting(first) & waiting(second)
    assert series(first) - waiting(first) == few == series(second) - waiting(second)

    # What comes back is not told before it is known where work on it goes on.
    second.send(signal.SIGTERM)

    def back():
        assert first.metric("jobs_waiting") == 0
        return len(waiting(first)) == 50 and is_ready(first)

    wait_until(back, 60, scene.situation, pause_seconds=0.005)
    second.wait_for_end(60)
    scene.stop_workers()


# ---- the dashboard and the alerts in a real Prometheus

DASHBOARD = json.loads((ROOT / "deploy/grafana/backscribe.json").read_text())
# What a fleet that does well shows as zero.
MAY_BE_ZERO = {"Results expiring", "Jobs lost", "Reasons for not being ready"}


def substituted(expression, **variables):
    """As Grafana does: $name, ${name}, and the same of its own variables."""
    own = {"__rate_interval": "10s", "__interval": "2s", "__range": "10m"}
    for name, value in sorted({**own, **variables}.items(), key=lambda each: -len(each[0])):
        expression = expression.replace(f"${{{name}}}", value).replace(f"${name}", value)
    assert "$" not in expression, expression
    return expression


def finite(values):
    return [value for value in values if math.isfinite(value)]


def shown(prometheus, target, start, **variables):
    """All the numbers that a panel would draw of this target."""
    expression = substituted(target["expr"], **variables)
    if target["instant"]:
        return finite(value for _, value in prometheus.query(expression))
    found = prometheus.query_range(expression, start, time.time(), "1s")
    return finite(value for _, values in found for value in values)


@pytest.fixture
def store(tmp_path):
    with S3(tmp_path) as server:
        yield server


def working_fleet(scene, store, iam):
    """Two workers on jobs of every kind: with results, staged copies, a transcript in the store, dead
    letters, skips, 429, an answer that is lost."""
    changes = {
        "objects": store.objects(
            staging="s3://recordings/.backscribe/staging",
            transcripts="s3://recordings/.backscribe/transcripts",
        ),
        "speechkit": {
            "auth": {"api_key_file": None, "authorized_key_file": str(iam.key_file)},
            "iam_url": iam.url,
        },
        "quotas": {"submissions": 5000, "checks": 25_000, "billed_hours_per_day": 10_000},
        "limits": {"billed_hours": 100},
        "results": {"compress_over_bytes": 1024, "inline_bytes": 60_000},
    }
    scene.standin.faults(
        {"fault": "quota", "on": "submit", "next": 2},
        {"fault": "reset", "on": "submit", "uri": "lost", "first_per_uri": 1, "after": True},
        {"fault": "refuse", "on": "submit", "uri": "refused"},
        {"fault": "fail", "uri": "failed", "code": 3},
        {"fault": "duration", "uri": "slow", "ms": 3_600_000},
    )
    return scene.start_workers(2, changes)


def stated(name, seconds=30):
    """A job that says all about its recording, so that nobody looks for it."""
    return job_value(
        f"s3://recordings/{name}.ogg",
        id=name,
        audio={"durationSeconds": seconds},
        config={"specification": {"audioEncoding": "OGG_OPUS"}},
    )


def give_work(scene, store, round_number):
    """Returns how many (results, dead letters) it will have."""
    samples = bytes(range(256)) * 125
    header = struct.pack("<4sI8sIHHIIHH4sI", b"RIFF", 36 + len(samples), b"WAVEfmt ", 16, 1, 1, 8000,
                         16000, 2, 16, b"data", len(samples))
    store.put("recordings", f"{round_number}.wav", header + samples)
    store.put("recordings", f"{round_number}.flac", b"fLaC" + samples)
    names = [f"{kind}-{round_number}" for kind in ("a", "b", "c", "lost", "refused", "failed")]
    values = [stated(name) for name in names]
    values.append(stated(f"a-{round_number}"))  # twice
    for name in (f"{round_number}.wav", f"{round_number}.flac", f"missing-{round_number}.ogg"):
        values.append(job_value(f"s3://recordings/{name}", id=name))
    values.append(job_value("s3://somebody-else/call.ogg", id=f"foreign-{round_number}"))
    messages = [(json.loads(value)["id"].encode(), value, (), None) for value in values]
    scene.cluster.produce(scene.topics["jobs"], messages)
    return 5, 5


def test_every_panel_of_the_dashboard_shows_a_working_fleet_and_every_alert_is_asked(
    scene, store, tmp_path
):
    scene.create_topics(partitions=4)
    scene.start_standin(duration_ms=1500, audio_seconds=20)
    with Iam(tmp_path, scene.standin.url) as iam:
        workers = working_fleet(scene, store, iam)
        jobs = {"backscribe": [worker.port for worker in workers]}
        prometheus = scene.start_process(Prometheus(tmp_path, jobs))
        start = time.time()
        prometheus.wait_for_scrapes(2)
        work_on_everything(scene, store, prometheus)
        expect_shown(prometheus, start)
        expect_asked(prometheus)
        expect_commands_work(workers[0], tmp_path)
        scene.stop_workers()


def work_on_everything(scene, store, prometheus):
    """Jobs of every kind end; others stay at the service, and one worker takes them over."""
    results, dead_letters = 0, 0
    for number in range(2):
        more = give_work(scene, store, number)
        results, dead_letters = results + more[0], dead_letters + more[1]
        scene.wait_for_answers(results, 60, dead_letters=dead_letters)
        prometheus.wait_for_scrapes(2)
    for name in (f"slow-{number}" for number in range(12)):
        scene.enqueue_value(stated(name), name.encode())
    first, second = scene.workers
    wait_until(lambda: scene.metric("operations", state="running") == 12, 60, scene.situation)
    assert second.stop() == 0
    wait_until(lambda: first.metric("operations", state="running") == 12, 60, scene.situation)
    assert first.metric("restored_total") > 0
    prometheus.wait_for_scrapes(3)


def expect_shown(prometheus, start):
    chosen = {"namespace": ".*", "job": "backscribe", "instance": ".+", "price": "36.5"}
    empty, zero = [], []
    for panel in DASHBOARD["panels"]:
        numbers = []
        for target in panel.get("targets", []):
            found = shown(prometheus, target, start, **chosen)
            if not found:
                empty.append((panel["title"], target["expr"]))
            numbers += found
        if panel["type"] != "row" and panel["title"] not in MAY_BE_ZERO and not any(numbers):
            zero.append(panel["title"])
    assert not empty and not zero, (empty, zero)
    for variable in DASHBOARD["templating"]["list"]:
        if variable["type"] == "query":
            of, label = re.fullmatch(r"label_values\((.*), (\w+)\)", variable["query"]["query"]).groups()
            series = prometheus.ask("series", **{"match[]": substituted(of, **chosen), "start": start})
            assert series, variable
            # Only where Kubernetes tells it is there a namespace.
            assert label == "namespace" or all(label in each for each in series), variable


def expect_asked(prometheus):
    """Prometheus has loaded each rule, and its expression has been evaluated without an error."""

    def rules():
        found = [rule for group in prometheus.ask("rules")["groups"] for rule in group["rules"]]
        return found if all(rule["health"] != "unknown" for rule in found) else None

    found = wait_until(rules, 30, prometheus.situation)
    assert {rule["name"] for rule in found} == set(
        re.findall(r"^      - (?:alert|record): (\S+)$", RULES.read_text(), re.MULTILINE)
    )
    assert all(rule["health"] == "ok" for rule in found), found
    assert [rule["name"] for rule in found if rule.get("state") == "firing"] == []


def expect_commands_work(worker, tmp_path):
    """The commands of the alerts' pages and of the page on monitoring, as they stand there, with this
    worker's address."""
    folder = tmp_path / "project"
    (folder / "bin").mkdir(parents=True)
    (folder / "deploy").symlink_to(ROOT / "deploy")
    (folder / "bin/backscribe").symlink_to(os.environ["BACKSCRIBE_WORKER"])
    (folder / "bin/promtool").symlink_to(program("promtool"))
    environment = {
        **os.environ,
        **command_environment(),
        "PATH": f"{folder / 'bin'}:{os.environ['PATH']}",
        "BACKSCRIBE_CONFIG": str(worker.configuration_path),
    }
    pages = [*sorted((ROOT / "docs/alerts").glob("*.md")), ROOT / "docs/how-to/monitoring.md"]
    mark = re.compile(r"<!-- test: integration_monitoring -->\n```sh\n(.*?)```", re.DOTALL)
    commands = {}  # each once, by the page that has it first
    for page in pages:
        found = [re.sub(r"\\\n\s*", " ", text) for text in mark.findall(page.read_text())]
        assert found or page.stem == "README", page
        for line in "".join(found).splitlines():
            commands.setdefault(re.sub(r"\s+# .*", "", line), page.name)
    for command, page in commands.items():
        command = command.replace("localhost:9464", f"127.0.0.1:{worker.port}")
        ended = subprocess.run(
            ["bash", "-o", "pipefail", "-c", command],
            cwd=folder,
            env=environment,
            capture_output=True,
            timeout=120,
        )
        assert ended.returncode == 0, (page, ended)
        assert ended.stdout or "promtool" in command or " > " in command, (page, ended)
