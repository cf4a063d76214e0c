#!/usr/bin/env python3
"""The account of a run: reads the topics with read_committed and the stand-in's journal, believes
nothing that workers say, and ends with 1 when something does not balance.

    account.py --bootstrap HOST:PORT,… --journal FILE --jobs TOPIC --results TOPIC
               --dead-letters TOPIC --state TOPIC --group GROUP
               [--network FILE] [--events FILE]          what was done to whom: explains repetitions
               [--window-seconds N --submissions N --checks N --billed-hours-per-day N]
               [--connections N]                         what one kill may have paid for twice
               [--may-die REGEX]                         recordings that may become dead letters

A submission may be made again when its answer was lost in the network, or when its worker was
killed, stopped or cut off before the record of it was committed, or when the operation failed at the
service. One whose record stood in the state topic before must not be."""

import argparse
import collections
import math
import pathlib
import re
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))

import history as past  # noqa: E402

# A transaction takes milliseconds; on a machine that is busy with three brokers, seconds. One that
# was under way when its coordinator was lost waits for another one.
RECORDED_WITHIN_SECONDS = 8
FINDINGS_SHOWN = 20


class Finding:
    def __init__(self, text, job=None, uri=None):
        self.text = text
        self.job = job
        self.uri = uri if uri is not None else job.uri if job is not None else None


class Account:
    def __init__(self, history, limits, may_die=None):
        """`limits`: {"window_seconds", "submissions", "checks", "billed_seconds", "connections"},
        any may lack."""
        self.history = history
        self.limits = limits
        self.findings = []
        self.reasons = collections.Counter()  # why submissions were repeated
        self.widths = []  # seconds from an acceptance to the kill before its record
        self.kills = collections.Counter()  # {(worker, moment of its death): acceptances lost}
        self.skips = 0
        self._may_die = re.compile(may_die or r"(?!)")
        self._topic = history.jobs_topic
        self._answers = past.by(history.answers, lambda each: each.source)
        self._accepted = past.by(
            (each for each in history.submissions if each.outcome == "accepted"),
            lambda each: each.uri,
        )
        self._passages = {each.client: each for each in history.passages}
        self._records = past.by(
            (each for each in history.state if each.operation), lambda each: each.operation
        )
        self._checks = past.by(history.checks, lambda each: each.operation)
        self.balance = self._balance()
        self._look_at_answers()
        self._look_at_repetitions()
        self._look_at_what_is_left()
        self.peaks = self._look_at_quotas()

    def source(self, job):
        return f"{self._topic}/{job.partition}/{job.offset}"

    def _find(self, text, job=None, uri=None):
        self.findings.append(Finding(text, job, uri))

    # ---- one answer each

    def _balance(self):
        """jobs - results - dead letters - skips; each answer counted, so a second one shows."""
        balance = len(self.history.jobs) - len(self.history.answers)
        first_of_id = {}
        for job in sorted(self.history.jobs, key=lambda each: (each.partition, each.offset)):
            answers = self._answers.get(self.source(job), [])
            first = first_of_id.setdefault((job.partition, job.id), job) if job.id else job
            if len(answers) > 1:
                self._find(f"{len(answers)} answers", job)
            elif not answers and first is not job:
                self.skips += 1  # an earlier message of its partition has its id
            elif not answers:
                self._find("no answer", job)
        sources = {self.source(job) for job in self.history.jobs}
        for source in self._answers.keys() - sources:
            self._find(f"an answer to nothing: {source}")
        return balance - self.skips

    def _look_at_answers(self):
        uri_of = {each.operation: each.uri for each in self.history.submissions if each.operation}
        for job in self.history.jobs:
            for answer in self._answers.get(self.source(job), []):
                if answer.kind == "dead letter":
                    self._look_at_dead_letter(job, answer)
                elif uri_of.get(answer.operation) != job.uri or answer.uri != job.uri:
                    self._find(f"the result of {answer.operation}, another recording's", job)
                missing = set(job.headers) - set(answer.headers)
                if missing:
                    self._find(f"its answer lacks the headers {missing}", job)

    def _look_at_dead_letter(self, job, answer):
        if (answer.value or b"") != job.value:
            self._find("its dead letter has another value", job)
        if not self._may_die.search(job.uri) and not self._may_die.search(
            job.value.decode(errors="replace")
        ):
            self._find(f"a dead letter ({answer.code}) that none should be", job)

    # ---- nothing known to be paid is paid twice

    def _look_at_repetitions(self):
        jobs_of = past.by(self.history.jobs, lambda job: job.uri)
        for uri, submissions in self._accepted.items():
            if uri not in jobs_of:
                self._find("a submission of no job's recording", uri=uri)
            for earlier, later in zip(submissions, submissions[1:]):
                self._explain(uri, earlier, later)
        self._look_at_kills()

    def _explain(self, uri, earlier, later):
        checks = self._checks.get(earlier.operation, [])
        if any(check.outcome == "failed" for check in checks):
            self.reasons["the operation had failed"] += 1
            return
        records = self._records.get(earlier.operation, [])
        if any(record.at <= later.at for record in records):
            self._find(
                f"{earlier.operation} was recorded {later.at - records[0].at:.3f} s before it was "
                f"submitted again as {later.operation}",
                uri=uri,
            )
            return
        reason = self._reason(earlier, later)
        if reason is None:
            self._find(
                f"{earlier.operation} was submitted again as {later.operation} for no reason "
                "that is known",
                uri=uri,
            )
        self.reasons[reason or "unexplained"] += 1

    def _reason(self, earlier, later):
        """Why nobody knew of the earlier submission when the later one was made; None: no idea."""
        passage = self._passages.get(earlier.client)
        if earlier.fault is not None:
            return f"answer spoilt by the service ({earlier.fault})"
        if passage is not None and passage.fate != "answered":
            return "answer lost in the network"
        theirs = self._troubles_of(passage)
        self._count_kill(passage, earlier, later)
        for trouble in theirs:
            width = trouble.begin - earlier.at
            if trouble.begin > later.at or trouble.end < earlier.at:
                continue
            held_up = any(
                each.begin <= earlier.at + RECORDED_WITHIN_SECONDS and each.end >= earlier.at
                for each in theirs
                if each is not trouble
            )
            if width <= RECORDED_WITHIN_SECONDS or held_up:
                self.widths.append(max(width, 0.0))
                return f"{trouble.what} before its record"
        return None

    def _count_kill(self, passage, earlier, later):
        """Of a worker's deaths, the one that took the acceptance along."""
        for trouble in self.history.troubles:
            theirs = passage is not None and trouble.worker == passage.worker
            if theirs and trouble.what == "killed" and earlier.at <= trouble.begin <= later.at:
                self.kills[trouble.worker, trouble.begin] += 1
                return

    def _look_at_kills(self):
        most = self.limits.get("connections")
        for (worker, moment), count in self.kills.items():
            if most is not None and count > most:
                self._find(
                    f"the death of {worker} at {_clock(moment)} made {count} submissions be made "
                    f"again, and {most} at most were at risk"
                )

    def _troubles_of(self, passage):
        """What was done to the worker that sent it, then what was done to all."""
        worker = passage.worker if passage is not None else None
        return [
            *(each for each in self.history.troubles if worker and each.worker == worker),
            *(each for each in self.history.troubles if not worker or each.worker is None),
        ]

    # ---- everything has ended

    def _look_at_what_is_left(self):
        last = {}
        for record in self.history.state:
            last[record.partition, record.key] = record
        left = [each for each in last.values() if each.key.startswith("o:") and not each.tombstone]
        jobs = {(job.partition, job.offset): job for job in self.history.jobs}
        for record in left:
            job = jobs.get((record.partition, int(record.key[2:])))
            self._find("its state record is still there", job)
        ends = collections.defaultdict(int)
        for job in self.history.jobs:
            ends[job.partition] = max(ends[job.partition], job.offset + 1)
        for partition, end in sorted(ends.items()):
            committed = self.history.committed.get(partition, -1)
            if committed < end:
                self._find(f"partition {partition} is committed up to {committed} of {end}")

    # ---- never over the quota

    def _look_at_quotas(self):
        window = self.limits.get("window_seconds", 3600)
        accepted = [each for each in self.history.submissions if each.outcome == "accepted"]
        billed = {job.uri: _billed_seconds(job) for job in self.history.jobs}
        peaks = {
            "submissions": past.peak([each.at for each in self.history.submissions], window),
            "checks": past.peak([each.at for each in self.history.checks], window),
            "billed_seconds": past.peak(
                [each.at for each in accepted],
                24 * 3600,
                [billed.get(each.uri, 0) for each in accepted],
            ),
        }
        for kind, (most, when) in peaks.items():
            limit = self.limits.get(kind)
            if limit is not None and most > limit:
                moment = time.strftime("%H:%M:%S", time.gmtime(when))
                self._find(f"{kind}: {most} of {limit} in the window that ended at {moment}")
        return peaks

    # ---- telling

    def timeline(self, finding):
        """All that is known of a job, in order."""
        told = []
        for each in self._accepted_or_not(finding.uri):
            passage = self._passages.get(each.client)
            way = f", by {passage.worker}, {passage.fate}" if passage else ""
            fault = f", {each.fault}" if each.fault else ""
            told.append((each.at, f"submission {each.outcome} {each.operation or ''}{fault}{way}"))
            for check in self._checks.get(each.operation, []) if each.operation else []:
                told.append((check.at, f"check of {check.operation}: {check.outcome}"))
        jobs = [finding.job] if finding.job else []
        jobs = jobs or [job for job in self.history.jobs if job.uri == finding.uri]
        for job in jobs:
            told.append((job.at, f"job {self.source(job)} id {job.id} {job.uri}"))
            for answer in self._answers.get(self.source(job), []):
                told.append((answer.at, f"{answer.kind} {answer.code or ''} {answer.operation}"))
            for record in self.history.state:
                if record.partition == job.partition and record.key == f"o:{job.offset}":
                    what = "tombstone" if record.tombstone else record.operation or "no operation"
                    told.append((record.at, f"state {record.key}: {what}"))
        if told:
            begin, end = min(told)[0] - 5, max(told)[0] + 5
            for trouble in self.history.troubles:
                if begin <= trouble.begin <= end or begin <= trouble.end <= end:
                    lasted = trouble.end - trouble.begin
                    told.append((trouble.begin, f"    {trouble.what} {trouble.worker or ''}"
                                                f" ({lasted:.1f} s)"))
        return [f"{_clock(at)}  {text}" for at, text in sorted(told)]

    def _accepted_or_not(self, uri):
        return [each for each in self.history.submissions if uri and each.uri == uri]

    def lines(self):
        history = self.history
        kinds = collections.Counter(each.kind for each in history.answers)
        codes = collections.Counter(each.code for each in history.answers if each.code)
        outcomes = collections.Counter(each.outcome for each in history.submissions)
        checks = collections.Counter(each.outcome for each in history.checks)
        repeated = sum(len(each) - 1 for each in self._accepted.values())
        yield f"jobs             {len(history.jobs):8}"
        yield f"results          {kinds['result']:8}"
        yield f"dead letters     {kinds['dead letter']:8}  {_counts(codes)}"
        yield f"skips            {self.skips:8}  ids that an earlier message had"
        yield f"balance          {self.balance:8}"
        yield f"submissions      {len(history.submissions):8}  {_counts(outcomes)}"
        yield f"repeated         {repeated:8}  {_counts(self.reasons)}"
        if self.widths:
            yield f"                            at most {max(self.widths):.3f} s from acceptance to trouble"
        if self.kills:
            yield f"a kill cost      {max(self.kills.values()):8}  at most, of {self.limits.get('connections')}"
        yield f"checks           {len(history.checks):8}  {_counts(checks)}"
        if kinds["result"]:
            yield f"checks a result  {len(history.checks) / kinds['result']:8.2f}"
        for kind, (most, when) in self.peaks.items():
            limit = self.limits.get(kind)
            yield f"peak {kind:15} {most:5} of {limit if limit is not None else 'any'}" + (
                f", in the window that ended at {_clock(when)}" if when else ""
            )

    def report(self):
        yield from self.lines()
        for finding in self.findings[:FINDINGS_SHOWN]:
            where = self.source(finding.job) if finding.job else finding.uri or ""
            yield f"FINDING {where}: {finding.text}"
            yield from (f"    {line}" for line in self.timeline(finding))
        yield f"{len(self.findings)} findings" if self.findings else "it balances"


def _billed_seconds(job):
    """The service's rule: seconds rounded up, channels to even, at least 15 s a pair."""
    if job.audio_seconds <= 0:
        return 0
    return max(15, math.ceil(job.audio_seconds)) * ((job.channels + 1) // 2)


def _clock(at):
    return time.strftime("%H:%M:%S", time.gmtime(at)) + f".{int(at * 1000) % 1000:03}"


def _counts(counter):
    return ", ".join(f"{name} {count}" for name, count in counter.most_common())


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    for name in ("bootstrap", "journal", "jobs", "results", "dead-letters", "state", "group"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--network")
    parser.add_argument("--events")
    parser.add_argument("--window-seconds", type=int, default=3600)
    parser.add_argument("--submissions", type=int)
    parser.add_argument("--checks", type=int)
    parser.add_argument("--billed-hours-per-day", type=float)
    parser.add_argument("--connections", type=int)
    parser.add_argument("--may-die")
    options = parser.parse_args()
    history = past.History()
    names = ("jobs", "results", "dead_letters", "state")
    topics = {name: getattr(options, name) for name in names}
    past.read_topics(history, options.bootstrap, topics, options.group)
    past.read_standin(history, options.journal)
    if options.network:
        past.read_network(history, options.network)
    if options.events:
        past.read_events(history, options.events)
    limits = {
        "window_seconds": options.window_seconds,
        "submissions": options.submissions,
        "checks": options.checks,
        "connections": options.connections,
    }
    if options.billed_hours_per_day is not None:
        limits["billed_seconds"] = int(options.billed_hours_per_day * 3600)
    account = Account(history, limits, options.may_die)
    print("\n".join(account.report()))
    return 1 if account.findings or account.balance else 0


if __name__ == "__main__":
    sys.exit(main())
