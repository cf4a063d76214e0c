"""One scenario's own topics, group, stand-in and workers on the broker that they share."""

import itertools
import pathlib
import uuid

from harness.account import Account
from harness.s3 import SECRET_ACCESS_KEY
from harness.standin import Standin
from harness.topics import Cluster, Tail, job_value
from harness.waiting import wait_until
from harness.worker import SANITIZER_REPORT, Command, Worker, merged

# Looked for in everything that leaves the worker.
API_KEY = "AQVN-a-key-that-must-never-be-seen"

# So large that no scenario waits for them; those that are about quotas set their own.
NO_QUOTAS = {
    "window_seconds": 3600,
    "submissions": 100_000_000,
    "checks": 500_000_000,
    "billed_hours_per_day": 100_000_000,
}


class Scene:
    def __init__(self, broker, directory):
        self.broker = broker
        self.directory = directory
        self.cluster = Cluster(broker.bootstrap, broker.replication)
        name = uuid.uuid4().hex[:8]
        self.group = f"group-{name}"
        self.topics = {
            "jobs": f"jobs-{name}",
            "results": f"results-{name}",
            "dead_letters": f"dead-letters-{name}",
            "state": f"state-{name}",
        }
        self.key_file = directory / "api-key"
        self.key_file.write_text(API_KEY + "\n")
        self.workers = []
        self._processes = []
        self._numbers = itertools.count()
        self.standin = None
        self.account = None

    # ---- what a scenario builds itself from

    def start_standin(self, **options):
        self.standin = Standin(self.directory, api_key=API_KEY, **options)
        self._processes.append(self.standin)
        self.standin.start()
        self.account = Account(self.cluster, self.topics, self.standin)
        return self.standin

    def create_topics(self, partitions, answers_partitions=3):
        self.cluster.create_topic(self.topics["jobs"], partitions, retention_ms=-1)
        self.cluster.create_topic(self.topics["state"], partitions, cleanup_policy="compact")
        self.cluster.create_topic(self.topics["results"], answers_partitions)
        self.cluster.create_topic(self.topics["dead_letters"], answers_partitions)

    def configuration(self, changes=None):
        base = {
            "kafka": {"bootstrap.servers": self.broker.bootstrap},
            "group": self.group,
            "topics": self.topics,
            "speechkit": {"auth": {"api_key_file": str(self.key_file)}},
            "quotas": NO_QUOTAS,
            "checks": {"first_guess_seconds": 1},
            "objects": {"buckets": ["recordings"]},
            "shutdown_seconds": 20,
            "admin": {"listen": "127.0.0.1:0"},  # a worker has its own; a command may run as one
        }
        if self.standin is not None:
            urls = ("transcribe_url", "operation_url", "iam_url")
            base["speechkit"].update({url: self.standin.url for url in urls})
        return merged(base, changes or {})

    def new_worker(self, changes=None, arguments=(), name=None):
        """Not started."""
        name = name or f"worker-{next(self._numbers)}"
        worker = Worker(name, self.directory, self.configuration(changes), arguments)
        self.workers.append(worker)
        self._processes.append(worker)
        return worker

    def start_worker(self, changes=None, arguments=(), name=None):
        """Started, not yet ready."""
        return self.new_worker(changes, arguments, name).start()

    def start_workers(self, count, changes=None, arguments=()):
        workers = [self.start_worker(changes, arguments) for _ in range(count)]
        for worker in workers:
            worker.wait_until_ready()
        return workers

    def start_process(self, process):
        """Another program of this scenario, started; it ends with the scenario."""
        self._processes.append(process)
        return process.start()

    def new_command(self, arguments, changes=None):
        """A subcommand, not started."""
        command = Command(
            f"{arguments[0]}-{next(self._numbers)}",
            self.directory,
            self.configuration(changes),
            arguments,
        )
        self._processes.append(command)
        return command

    def start_command(self, arguments, changes=None):
        return self.new_command(arguments, changes).start()

    def run_command(self, arguments, changes=None, timeout_seconds=60):
        """Runs a subcommand to its end: (exit status, the command)."""
        command = self.start_command(arguments, changes)
        return command.wait_for_end(timeout_seconds), command

    # ---- jobs and answers

    def enqueue(self, count, prefix="call", partition=None, headers=(), **fields):
        """`count` jobs with ids, keyed by them; each recording's URI occurs once."""
        jobs = []
        for number in range(count):
            job_id = f"{prefix}-{number}"
            value = job_value(f"s3://recordings/{job_id}.ogg", id=job_id, **fields)
            jobs.append((job_id.encode(), value, headers, partition))
        return self.cluster.produce(self.topics["jobs"], jobs)

    def enqueue_value(self, value, key=b"key", headers=(), partition=None):
        return self.cluster.produce(self.topics["jobs"], [(key, value, headers, partition)])[0]

    def wait_for_answers(self, results, timeout_seconds, dead_letters=0):
        """Until so many results (and dead letters) are committed."""
        for topic, count in (("results", results), ("dead_letters", dead_letters)):
            with Tail(self.cluster, self.topics[topic]) as tail:
                tail.wait_for(count, timeout_seconds, self.situation)

    def wait_for_submissions(self, count, timeout_seconds=60):
        """Until the service has accepted so many."""
        wait_until(
            lambda: len(self.standin.accepted_submissions()) >= count,
            timeout_seconds,
            lambda: f"{count} submissions; {self.situation()}",
        )

    def situation(self):
        running = [worker for worker in self.workers if worker.running]
        return "\n".join(
            [f"{worker.name} /readyz: {worker.get('/readyz')}" for worker in running]
            + [process.situation() for process in self._processes]
        )

    def metric(self, name, **labels):
        """The sum over the workers that run."""
        return sum(worker.metric(name, **labels) for worker in self.workers if worker.running)

    def stop_workers(self):
        """All that run, by SIGTERM: each ends well and with its memory in order."""
        for worker in self.workers:
            if worker.running:
                assert worker.stop() == 0, worker.situation()

    # ---- the end of every scenario

    def close(self):
        for process in reversed(self._processes):
            process.kill()

    def expect_clean_logs(self):
        """No sanitizer's report, and no secret, in anything that a process of ours wrote."""
        for process in self._processes:
            for path in filter(pathlib.Path.exists, (process.log_path, process.output_path)):
                text = path.read_text(errors="replace")
                found = SANITIZER_REPORT.search(text)
                assert not found, f"{process.name}: {text[found.start() - 200 :][:8000]}"
                if process is not self.standin:
                    assert API_KEY not in text, f"{path.name} shows the API key"
                    assert SECRET_ACCESS_KEY not in text, f"{path.name} shows the store's key"
