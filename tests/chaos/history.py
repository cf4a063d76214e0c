"""What the topics and the journals tell of a run. Nothing that a worker says is read."""

import collections
import dataclasses
import gzip
import json
import re

from harness.topics import Cluster

OPERATION_ID = re.compile(rb"e03[0-9a-v]{7}[0-9]{10}")


@dataclasses.dataclass(frozen=True)
class Job:
    partition: int
    offset: int
    at: float  # seconds since 1970, as all moments here
    id: str | None  # None: made up by the worker, or not to be read
    uri: str  # "" where there is none
    value: bytes
    headers: tuple = ()
    audio_seconds: float = 0.0
    channels: int = 1


@dataclasses.dataclass(frozen=True)
class Answer:
    at: float
    kind: str  # "result" or "dead letter"
    source: str  # topic/partition/offset
    uri: str = ""  # of a result
    operation: str | None = None
    code: str | None = None  # of a dead letter
    headers: tuple = ()
    value: bytes | None = None  # of a dead letter


@dataclasses.dataclass(frozen=True)
class Submission:
    at: float
    uri: str
    outcome: str  # accepted, refused, quota, fault
    operation: str | None = None
    client: str | None = None  # the request's own id
    fault: str | None = None


@dataclasses.dataclass(frozen=True)
class Check:
    at: float
    operation: str
    outcome: str
    fault: str | None = None


@dataclasses.dataclass(frozen=True)
class Passage:
    """A submission on its way through the network."""

    at: float
    worker: str
    client: str | None
    fate: str  # unsent, lost, answered


@dataclasses.dataclass(frozen=True)
class Trouble:
    """Something that was done to a worker (or, without a name, to all of them)."""

    begin: float
    end: float
    what: str
    worker: str | None = None


@dataclasses.dataclass(frozen=True)
class StateRecord:
    at: float
    partition: int
    key: str
    operation: str | None  # the service's id, where the record holds one
    tombstone: bool


@dataclasses.dataclass
class History:
    jobs: list = dataclasses.field(default_factory=list)
    answers: list = dataclasses.field(default_factory=list)
    submissions: list = dataclasses.field(default_factory=list)
    checks: list = dataclasses.field(default_factory=list)
    state: list = dataclasses.field(default_factory=list)
    passages: list = dataclasses.field(default_factory=list)
    troubles: list = dataclasses.field(default_factory=list)
    committed: dict = dataclasses.field(default_factory=dict)  # {partition: offset}
    jobs_topic: str = "jobs"


# ---- topics --------------------------------------------------------------------------------------


def job_of(message):
    found = {"id": None, "uri": "", "audio_seconds": 0.0, "channels": 1}
    try:
        body = json.loads(message.value or b"")
        found["id"] = body.get("id")
        found["uri"] = link_of(body["audio"]["uri"])
        found["audio_seconds"] = float(body["audio"].get("durationSeconds", 0))
        specification = body.get("config", {}).get("specification", {})
        found["channels"] = int(specification.get("audioChannelCount", 1))
    except (ValueError, KeyError, TypeError, AttributeError):
        pass  # a job that is none
    return Job(
        message.partition,
        message.offset,
        message.timestamp_ms / 1000,
        value=message.value or b"",
        headers=message.headers,
        **found,
    )


def link_of(uri):
    """As the service is given it, for the store that the configuration has by default."""
    if uri.startswith("s3://"):
        return "https://storage.yandexcloud.net/" + uri.removeprefix("s3://")
    return uri


def result_of(message):
    value = message.value
    if message.header("content-encoding") == "gzip":
        value = gzip.decompress(value)
    body = json.loads(value)
    return Answer(
        message.timestamp_ms / 1000,
        "result",
        "{topic}/{partition}/{offset}".format(**body["source"]),
        uri=body["audio"]["uri"],
        operation=body["operation"]["id"],
        headers=message.headers,
    )


def dead_letter_of(message):
    return Answer(
        message.timestamp_ms / 1000,
        "dead letter",
        message.header("backscribe-source") or "nowhere",
        operation=message.header("backscribe-operation-id"),
        code=message.header("backscribe-error-code"),
        headers=message.headers,
        value=message.value,
    )


def state_of(message):
    found = OPERATION_ID.search(message.value or b"")
    return StateRecord(
        message.timestamp_ms / 1000,
        message.partition,
        (message.key or b"").decode(errors="replace"),
        found[0].decode() if found else None,
        message.value is None,
    )


def read_topics(history, bootstrap, topics, group):
    """`topics` are {"jobs", "results", "dead_letters", "state": name}; all with read_committed."""
    cluster = Cluster(bootstrap)
    history.jobs_topic = topics["jobs"]
    history.jobs = [job_of(each) for each in cluster.read(topics["jobs"])]
    history.answers = [result_of(each) for each in cluster.read(topics["results"])]
    history.answers += [dead_letter_of(each) for each in cluster.read(topics["dead_letters"])]
    history.state = [state_of(each) for each in cluster.read(topics["state"])]
    history.committed = {
        partition: offset for (_, partition), offset in cluster.committed_offsets(group).items()
    }


# ---- journals ------------------------------------------------------------------------------------


def _lines(path):
    with open(path, "rb") as journal:
        for line in journal:
            yield json.loads(line)


def read_standin(history, path):
    for line in _lines(path):
        at = line["at"] / 1000
        if line["event"] == "submission":
            history.submissions.append(
                Submission(
                    at,
                    line.get("uri", ""),
                    line["outcome"],
                    line.get("operation"),
                    line.get("clientRequestId"),
                    line.get("fault"),
                )
            )
        elif line["event"] == "check":
            history.checks.append(
                Check(at, line["operation"], line["outcome"], line.get("fault"))
            )
    history.submissions.sort(key=lambda each: each.at)
    history.checks.sort(key=lambda each: each.at)


def read_network(history, path):
    for line in _lines(path):
        if line["kind"] == "submission":
            history.passages.append(
                Passage(line["at"] / 1000, line["worker"], line.get("client"), line["fate"])
            )


def read_events(history, path):
    """What was done, by whoever did it: {"at", "what", "worker", "ends": moment or absent}. A
    trouble that was not seen to end lasted on."""
    for line in _lines(path):
        end = line.get("until", float("inf"))
        history.troubles.append(
            Trouble(
                line["at"] / 1000,
                end if end == float("inf") else end / 1000,
                line["what"],
                line.get("worker"),
            )
        )


# ---- looking -------------------------------------------------------------------------------------


def by(items, key):
    found = collections.defaultdict(list)
    for item in items:
        found[key(item)].append(item)
    return found


def peak(moments, window_seconds, weights=None):
    """The most in any window of that length: (how much, when that window ended)."""
    most, when, total, first = 0, None, 0, 0
    for last, at in enumerate(moments):
        total += weights[last] if weights else 1
        while moments[first] <= at - window_seconds:
            total -= weights[first] if weights else 1
            first += 1
        if total > most:
            most, when = total, at
    return most, when
