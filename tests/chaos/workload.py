"""The jobs of a run, drawn from its seed: most are well, some are bad in each way, some are the same
job again. A recording's name says what may become of it: only those with "bad-" may be dead
letters."""

import random

from harness.account import result_body
from harness.topics import job_value

MAY_DIE = "bad-"

# Of the service, by the recording's name.
RULES = (
    {"fault": "fail", "uri": "fail13-once", "code": 13, "first_per_uri": 1},
    {"fault": "fail", "uri": "bad-fail13", "code": 13},
    {"fault": "fail", "uri": "bad-fail3", "code": 3},
    {"fault": "refuse", "on": "submit", "uri": "bad-refused"},
    {"fault": "unavailable", "on": "any", "probability": 0.005},
    {"fault": "internal", "on": "any", "probability": 0.005},
    {"fault": "cut", "on": "any", "probability": 0.003},
    {"fault": "garble", "on": "check", "probability": 0.002},
)

# Of a hundred jobs.
KINDS = (
    ("call", 84),
    ("fail13-once", 3),
    ("bad-fail13", 1),
    ("bad-fail3", 1),
    ("bad-refused", 1),
    ("bad-json", 1),
    ("bad-conflict", 2),
    ("again", 4),
    ("keyless", 3),
)


def source_of(answer):
    """The job message that a result or dead letter is about."""
    source = answer.header("backscribe-source")
    return source or "{topic}/{partition}/{offset}".format(**result_body(answer)["source"])


class Workload:
    """Produces the jobs portion by portion; knows which of them must have an answer."""

    def __init__(self, seed, cluster, topic):
        self._chance = random.Random(f"{seed} jobs")
        self._cluster = cluster
        self._topic = topic
        self._number = 0
        self._originals = []  # of those that may come again
        self.produced = []
        self.skipped = set()  # sources of those that an earlier message's id covers

    def produce(self, count):
        messages, again = [], []
        for _ in range(count):
            kind = self._chance.choices(*zip(*KINDS, strict=True))[0]
            if kind in ("again", "bad-conflict") and not self._originals:
                kind = "call"
            messages.append(self._message(kind))
            again.append(kind == "again")
        written = self._cluster.produce(self._topic, messages)
        self.produced += written
        for message, is_again in zip(written, again, strict=True):
            if is_again:
                self.skipped.add(message.source)
            elif b"/call-" in message.value:
                self._originals.append(message)
        return written

    def _message(self, kind):
        """(key, value, headers, partition)"""
        self._number += 1
        name = f"{kind}-{self._number}"
        uri = f"s3://recordings/{name}.ogg"
        headers = (("number", str(self._number).encode()),)
        if kind == "again":
            original = self._chance.choice(self._originals)
            return original.key, original.value, headers, original.partition
        if kind == "bad-conflict":
            original = self._chance.choice(self._originals)
            value = job_value(uri, id=original.key.decode())
            return original.key, value, headers, original.partition
        if kind == "bad-json":
            return name.encode(), f'{{"bad-json {name}'.encode(), headers, None
        if kind == "keyless":
            return None, job_value(uri), headers, None
        audio = {"durationSeconds": round(self._chance.uniform(1, 60), 1)}
        return name.encode(), job_value(uri, id=name, audio=audio), headers, None

    def expected(self):
        return {message.source for message in self.produced} - self.skipped
