#!/usr/bin/env python3
"""Every job is answered once, and nothing known to be paid is paid twice, while everything fails:
three brokers, four workers, and a network between them, all of which are killed, stopped, cut and
restarted by a plan that is drawn from a seed. In the end everything is mended, everything must end,
and account.py must find that it balances.

    chaos.py [--jobs N] [--seed N] [--for MINUTES] [--folder FOLDER] [--keep]

BACKSCRIBE_WORKER, BACKSCRIBE_STANDIN and BACKSCRIBE_KAFKA_JARS name what is run; run.sh sets them."""

import argparse
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
import traceback

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))

import plan  # noqa: E402
import workload  # noqa: E402
from brokers import Brokers  # noqa: E402
from events import Events  # noqa: E402
from faults import Faults  # noqa: E402
from fleet import Fleet, Slot  # noqa: E402
from harness.scene import Scene  # noqa: E402
from harness.topics import Tail  # noqa: E402
from harness.waiting import wait_until  # noqa: E402
from network import FAIR, Network  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent
WORKERS = [f"W{number}" for number in range(plan.WORKERS)]
WINDOW_SECONDS = 60
BILLED_HOURS_PER_DAY = 100_000  # never in the way, counted all the same
# The state topic's history is what the account compares the submissions with: nothing of it may be
# compacted away before it was read.
KEEP_MS = 24 * 3600 * 1000
DRAIN_SECONDS = 300
TELL_SECONDS = 15


class Run:
    def __init__(self, folder, jobs, seed):
        self.seed = seed
        self.options = plan.options(seed)
        self._jobs = jobs
        self._began = time.monotonic()
        self.folder = folder
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        self.events = Events(folder / "events.journal", self._tell)
        self.network = Network(folder / "network.journal", seed)
        self.brokers = Brokers(folder, self.network, WORKERS)
        self.scene = self.standin = self.fleet = None
        self.quota = {
            "window_seconds": WINDOW_SECONDS,
            # So that an ordinary run has to wait for it.
            "submissions": max(1500, jobs // 4),
            "checks": max(4500, jobs * 3 // 4),
            "billed_hours_per_day": BILLED_HOURS_PER_DAY,
        }
        self._answered = set()

    def _tell(self, text):
        print(f"{time.monotonic() - self._began:6.1f} s  {text}", flush=True)

    # ---- the parts

    def start(self):
        self.brokers.start()
        self.scene = Scene(self.brokers, self.folder)
        topics, cluster = self.scene.topics, self.scene.cluster
        partitions = self.options.partitions
        cluster.create_topic(topics["jobs"], partitions, retention_ms=-1)
        cluster.create_topic(
            topics["state"], partitions, cleanup_policy="compact", min_compaction_lag_ms=KEEP_MS
        )
        cluster.create_topic(topics["results"], 3)
        cluster.create_topic(topics["dead_letters"], 3)
        self.standin = self.scene.start_standin(
            duration_ms="lognormal:3000:0.6", window_seconds=WINDOW_SECONDS, seed=self.seed
        )
        self.standin.faults(*workload.RULES)
        port = int(self.standin.url.rpartition(":")[2])
        slots = [self._slot(number, name, port) for number, name in enumerate(WORKERS)]
        self.fleet = Fleet(slots)
        self.fleet.start()
        self.network.set_weather(FAIR)
        self._tell("all workers are ready")

    def _slot(self, number, name, standin_port):
        url = f"http://127.0.0.1:{self.network.add_http(name, standin_port)}"
        kafka = {
            "bootstrap.servers": self.brokers.bootstrap_of(name),
            "session.timeout.ms": self.options.session_ms,
            "topic.metadata.refresh.interval.ms": 3000,
        }
        if self.options.static_members:
            kafka["group.instance.id"] = name
        worker = self.scene.new_worker(
            {
                "kafka": kafka,
                "speechkit": {"transcribe_url": url, "operation_url": url, "iam_url": url},
                "quotas": self.quota,
                "limits": {"connections": self.options.connections, "in_flight": 400},
                "checks": {"first_guess_seconds": 4},
            },
            name=name,
        )
        return Slot(name, worker, self.events)

    # ---- what happens

    def play(self):
        """Jobs come in portions while everything fails; then everything is mended."""
        jobs = workload.Workload(self.seed, self.scene.cluster, self.scene.topics["jobs"])
        chance = random.Random(f"{self.seed} portions")
        jobs.produce(self._jobs // 2)
        faults = Faults(self)
        faults.start()
        began = told = time.monotonic()
        grown = False
        with (
            Tail(self.scene.cluster, self.scene.topics["results"]) as results,
            Tail(self.scene.cluster, self.scene.topics["dead_letters"]) as dead_letters,
        ):

            def unanswered():
                return self._unanswered(jobs, results, dead_letters)

            while not self._played_enough(faults, jobs, unanswered):
                if not grown and time.monotonic() > began + self.options.grow_after_seconds:
                    grown = self._grow()
                room = self._jobs - len(jobs.produced)
                if room > 0 and len(unanswered()) < self.quota["submissions"]:
                    jobs.produce(min(room, chance.randint(10, self._jobs // 10)))
                if time.monotonic() > told + TELL_SECONDS:
                    told = time.monotonic()
                    self._tell(f"{len(jobs.produced)} jobs, {len(unanswered())} unanswered")
                self._raise_problems(faults)
                time.sleep(0.5)
            faults.end()
            self._raise_problems(faults)
            self._tell(f"{faults.played} faults played; all is mended, all must end")
            wait_until(
                lambda: not unanswered(),
                DRAIN_SECONDS,
                lambda: f"answers to {sorted(unanswered())[:10]}; {self.scene.situation()}",
                pause_seconds=0.5,
            )
        self._tell("every job has its answer")

    def _played_enough(self, faults, jobs, unanswered):
        """Every fault at least once, and to the last jobs."""
        all_there = len(jobs.produced) == self._jobs
        return all_there and faults.every_deck_was_played and len(unanswered()) < self._jobs // 20

    def _unanswered(self, jobs, *tails):
        for tail in tails:
            for message in tail.poll():
                self._answered.add(workload.source_of(message))
            tail.messages.clear()
        return jobs.expected() - self._answered

    def _grow(self):
        """The jobs topic first, as somebody else may do it; the state topic when it is noticed."""
        with self.events.trouble("jobs topic grows", explains=False):
            self.scene.cluster.add_partitions(
                self.scene.topics["jobs"], self.options.grown_partitions
            )
        threading.Thread(target=self._grow_state, daemon=True).start()
        return True

    def _grow_state(self):
        time.sleep(5)
        with self.events.trouble("state topic grows", explains=False):
            status, command = self.scene.run_command(["check", "--create-topics"])
            self._tell(f"check --create-topics ended with {status}")
            if self.scene.cluster.partitions(self.scene.topics["state"]) == 0:
                self._tell(command.situation())

    def _raise_problems(self, faults):
        for problem in [*faults.problems, *([self.fleet.problem] if self.fleet.problem else [])]:
            raise problem

    def finish(self):
        """What is wrong with the run itself, a line each."""
        badly = self.fleet.stop()
        problems = [f"{name} ended with {status}" for name, status in badly.items()]
        for slot in self.fleet.slots:
            for status in slot.ended_by_itself:
                self._tell(f"{slot.name} had ended by itself with {status}")
                if status != 1:  # 1 is a worker's own decision, whatever it was
                    problems.append(f"{slot.name} ended by itself with {status}")
        self.scene.expect_clean_logs()
        return problems

    def account(self):
        command = [sys.executable, HERE / "account.py", "--bootstrap", self.brokers.bootstrap]
        for name, topic in self.scene.topics.items():
            command += ["--" + name.replace("_", "-"), topic]
        command += ["--group", self.scene.group, "--may-die", workload.MAY_DIE]
        command += ["--connections", str(self.options.connections)]
        command += ["--journal", self.folder / "standin.journal"]
        command += ["--network", self.folder / "network.journal"]
        command += ["--events", self.folder / "events.journal"]
        for name, value in self.quota.items():
            command += ["--" + name.replace("_", "-"), str(value)]
        told = subprocess.run(command, capture_output=True, text=True)
        text = told.stdout + told.stderr
        (self.folder / "account").write_text(text)
        print(text, flush=True)
        return told.returncode == 0

    def close(self):
        if self.fleet is not None:
            self.fleet.kill()
        if self.scene is not None:
            self.scene.close()
        self.brokers.kill()
        self.network.close()
        self.events.close()


def run_once(folder, jobs, seed, keep):
    """True: it held. What is left of a run that did not is kept, or of any that is to be kept."""
    print("\n".join(plan.lines(seed)), flush=True)
    run = Run(folder, jobs, seed)
    (folder / "plan").write_text("\n".join(plan.lines(seed)) + "\n")
    problems = []
    try:
        run.start()
        run.play()
        problems += run.finish()
        if not run.account():
            problems.append("the account does not balance")
    except BaseException as problem:
        (folder / "problem").write_text(traceback.format_exc())
        if not isinstance(problem, Exception):
            raise
        problems.append(f"{type(problem).__name__}: {problem}"[:6000])
        if run.scene is not None:
            run.account()
    finally:
        run.close()
    for problem in problems:
        print(f"FAILED: {problem}")
    if problems:
        print(f"what is left of it: {folder}\nagain: {repeat_command(jobs, seed)}", flush=True)
    elif not keep:
        shutil.rmtree(folder)
    return not problems


def repeat_command(jobs, seed):
    preset = pathlib.Path(os.environ["BACKSCRIBE_WORKER"]).resolve().parents[1].name
    return f"sh tests/chaos/run.sh --preset {preset} --jobs {jobs} --seed {seed}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("--jobs", type=int, default=20_000, help="of each round (20000)")
    parser.add_argument("--seed", type=int, help="of the first round; another one without it")
    parser.add_argument("--for", type=float, dest="minutes", default=0, metavar="MINUTES",
                        help="further rounds, each with the next seed, until the time is over")
    parser.add_argument("--folder", type=pathlib.Path, default=pathlib.Path("build/chaos"))
    parser.add_argument("--keep", action="store_true", help="what is left of it also when it held")
    options = parser.parse_args()
    for which in (signal.SIGTERM, signal.SIGINT):  # what was started is ended too
        signal.signal(which, lambda number, _: sys.exit(128 + number))
    seed = options.seed if options.seed is not None else random.randrange(1_000_000)
    until = time.monotonic() + 60 * options.minutes
    held = run_once(options.folder.resolve() / str(seed), options.jobs, seed, options.keep)
    while held and time.monotonic() < until:
        seed += 1
        held = run_once(options.folder.resolve() / str(seed), options.jobs, seed, options.keep)
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
