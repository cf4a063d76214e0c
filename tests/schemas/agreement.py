"""Holds schemas/ against the worker's code: both must give the same verdict on every input.

    agreement.py job|config|result --verdict PROGRAM --schemas FOLDER
"""

import argparse
import json
import pathlib
import re
import subprocess
import sys

import jsonschema

import corpus
import strict_json

DISAGREEMENTS_SHOWN = 10
JOB_BYTES = 900000  # limits.job_bytes of the verdict program
KEPT_BYTES = 950000
CONFIG_BYTES = 1048576


def load(folder, name):
    schema = json.loads((folder / f"{name}.schema.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    return schema


def verdicts(program, mode, inputs):
    """What the worker's code says, a line an input (or a pair of inputs)."""
    framed = b"".join(b"%d\n%s" % (len(data), data) for data in inputs)
    run = subprocess.run([program, mode], input=framed, stdout=subprocess.PIPE, check=True, timeout=200)
    return run.stdout.decode("utf-8").split("\n")[:-1]


def fits_schema(validator, value):
    error = jsonschema.exceptions.best_match(validator.iter_errors(value))
    return None if error is None else f"{error.json_path}: {error.message[:200]}"


def shown(data):
    return repr(data if len(data) < 300 else data[:150] + b" ... " + data[-100:])


def compare(inputs, lines, judge):
    """Every input judged by both sides; the number of valid ones."""
    if len(lines) != len(inputs):
        sys.exit(f"{len(inputs)} inputs, {len(lines)} verdicts")
    disagreements = valid = 0
    for data, line in zip(inputs, lines):
        problem = judge(data)
        valid += problem is None
        if (problem is None) == (line == "valid"):
            continue
        disagreements += 1
        if disagreements <= DISAGREEMENTS_SHOWN:
            print(f"input:  {shown(data)}\nschema: {problem or 'valid'}\nworker: {line}\n")
    print(f"{len(inputs)} inputs, {valid} valid, {disagreements} disagreements")
    if disagreements or not 0 < valid < len(inputs):
        sys.exit(1)


def check_jobs(program, folder):
    validator = jsonschema.Draft202012Validator(load(folder, "job"))

    def judge(data):
        if len(data) > JOB_BYTES:
            return "larger than limits.job_bytes"
        try:
            value = strict_json.parse(data)
        except strict_json.NotStrict as error:
            return str(error)
        problem = fits_schema(validator, value)
        if problem is None and len(data) + len(corpus.encode(value.get("labels", {}))) > KEPT_BYTES:
            problem = "value and labels are too large for a state record"
        return problem

    whole = corpus.encode(corpus.JOB)
    second_name = corpus.encode({**corpus.JOB, "config": {"specification": {"literatureText": True}}})
    both_names = corpus.encode(
        {**corpus.JOB, "config": {"specification": {"literatureText": True, "literature_text": True}}}
    )
    inputs = [b'{"audio":{"uri":"s3://recordings/call.ogg"}}', second_name, both_names]
    inputs += corpus.variants(corpus.JOB)
    inputs += corpus.texts(b'{"audio":{"uri":"s3://recordings/call.ogg"},"x":%s}')
    inputs += corpus.texts(b'{"audio":{"uri":"s3://recordings/call.ogg","sizeBytes":1},"id":%s}')
    inputs += corpus.texts(b'{"audio":{"uri":"s3://recordings/call.ogg"},"labels":{"a":%s}}')
    inputs += corpus.mutations(whole, 5000, seed=1)
    compare(inputs, verdicts(program, "job", inputs), judge)


def expand(value):
    """${NAME} and $$; the environment of the test has no such variables, so any name is unset."""
    if isinstance(value, str):
        if "$" in value.replace("$$", ""):
            raise strict_json.NotStrict("a variable that is not set, or a lone $")
        return value.replace("$$", "$")
    if isinstance(value, list):
        return [expand(item) for item in value]
    if isinstance(value, dict):
        return {name: expand(item) for name, item in value.items()}
    return value


def breaks_comparing_rule(config):
    """The rules of schemas/README.md that compare values; the schema is satisfied already."""
    standard = {
        "jobs": "transcription-jobs",
        "results": "transcription-results",
        "dead_letters": "transcription-dead-letters",
        "state": "backscribe-state",
    }
    if len(set({**standard, **config.get("topics", {})}.values())) < 4:
        return "topics: two are the same"
    kafka = config["kafka"]
    if set(kafka) & set(config.get("kafka_files", {})):
        return "kafka_files: a property stands in kafka too"
    limit = int(float(kafka.get("transaction.timeout.ms", 5000)))
    for name in ("message.timeout.ms", "delivery.timeout.ms"):
        if int(float(kafka.get(name, 0))) > limit:
            return f"kafka.{name}: above transaction.timeout.ms"
    return None


def config_variants():
    base = corpus.CONFIG

    def put(path, value):
        return corpus.replaced(base, path, value)

    def section(name, **members):
        return {**base, name: {**base[name], **members}}

    kafka_names = (
        "group.id group.protocol enable.auto.commit auto.commit.enable enable.auto.offset.store "
        "enable.partition.eof auto.offset.reset isolation.level transactional.id "
        "partition.assignment.strategy partitioner enable.idempotence acks request.required.acks "
        "group.instance.id transaction.timeout.ms session.timeout.ms heartbeat.interval.ms "
        "max.poll.interval.ms message.timeout.ms delivery.timeout.ms client.id sasl.password"
    ).split() + [""]
    for name in kafka_names:
        for value in ["1", 1, "99", 100, 1000, "1000", 1001, 5000, 5001, "5000", "60000", 60000, 60001, 3600000, "3600000",
                      "3600001", 6000, "6000", "05000", 5000.5, "", True, None, [], {}]:  # fmt: skip
            yield section("kafka", **{name: value})
        yield put(("kafka_files",), {name: "/file"})
        yield put(("kafka_files",), {name: ""})
    yield section("kafka", **{"transaction.timeout.ms": 60000, "message.timeout.ms": 60000})
    yield section("kafka", **{"transaction.timeout.ms": "10000", "delivery.timeout.ms": "10001"})
    yield section("kafka", **{"sasl.password": "x"})
    yield section("topics", jobs="a", results="a")
    yield section("topics", jobs="transcription-results")
    urls = [v for v in corpus.VALUES if isinstance(v, str) and v.startswith("http")]
    for url in urls:
        for insecure in (True, False):
            yield {**section("speechkit", transcribe_url=url), "allow_insecure": insecure}
            yield {**section("objects", endpoint=url), "allow_insecure": insecure}
        for other in ("http://localhost:1", "https://h", url):
            yield section("speechkit", auth={"none": True}, transcribe_url=url, operation_url=other)
        yield section("objects", auth={"none": True}, endpoint=url)
    kinds = "api_key_file iam_token_file authorized_key_file static_key_file none metadata_service".split()
    for owner in ("speechkit", "objects"):
        for first in kinds:
            for value in ("/file", "", True, False, None, 1):
                yield section(owner, auth={first: value})
            for second in kinds:
                yield section(owner, auth={first: "/file", second: True})
    without_store = {**base, "objects": {}}
    yield without_store
    for name in ("staging", "transcripts"):
        for place in ("", "s3://bucket", "s3://bucket/", "s3://bucket/prefix", "s3://b"):
            yield {**base, "objects": {name: place}}
            yield {
                **base,
                "objects": {name: place},
                "speechkit": {"auth": {"iam_token_file": "/file"}},
            }
    yield {"kafka": {"bootstrap.servers": "a:1"}, "speechkit": {"auth": {"metadata_service": True}}}
    yield {"kafka.bootstrap.servers": "a:1", "speechkit": {"auth": {"metadata_service": True}}}
    yield {**base, "limits.in_flight": 1}
    for text in ("$$", "$", "${", "${}", "${1}", "${BACKSCRIBE_UNSET}", "$$${BACKSCRIBE_UNSET}", "a$$b", "$a"):
        yield put(("speechkit", "folder_id"), text)
        yield put(("group",), text)


def check_configs(program, folder):
    schema = load(folder, "config")
    validator = jsonschema.Draft202012Validator(schema)

    def judge(data):
        try:
            value = strict_json.parse(data)
            problem = None if isinstance(value, dict) else "not an object"
            value = expand(value)
        except strict_json.NotStrict as error:
            return str(error)
        return problem or fits_schema(validator, value) or breaks_comparing_rule(value)

    inputs = list(corpus.variants(corpus.CONFIG))
    inputs += (corpus.encode(config) for config in config_variants())
    small = corpus.encode(corpus.CONFIG)[:-1]
    inputs += corpus.texts(small.replace(b"%", b"%%") + b',"group2":%s}')
    inputs += corpus.texts(small.replace(b'"folder_id": ""', b'"folder_id": %s') + b"}")
    inputs += corpus.mutations(corpus.encode(corpus.CONFIG), 3000, seed=2)
    inputs = [data for data in inputs if len(data) <= CONFIG_BYTES]
    compare(inputs, verdicts(program, "config", inputs), judge)
    check_defaults(program, schema)
    check_same_specification(schema, load(folder, "job"))


def check_defaults(program, schema):
    """The schema documents the defaults that the code has."""
    lines = verdicts(program, "defaults", [])
    for line in lines:
        path, value = line.split(" ", 1)
        place = schema
        for name in path.split("."):
            place = place["properties"][name]
        if "default" not in place or place["default"] != json.loads(value):
            sys.exit(f"{path}: the schema's default is {place.get('default')}, the worker's {value}")
    print(f"{len(lines)} defaults agree")


def check_same_specification(config, job):
    mine, jobs = (dict(schema["$defs"]["specification"]) for schema in (config, job))
    mine.pop("description"), jobs.pop("description")
    if mine != jobs:
        sys.exit("the specification differs between job.schema.json and config.schema.json")


def answers():
    yield from corpus.variants(corpus.ANSWER)
    yield from corpus.texts(
        b'{"done":true,"id":"e03sup6d5h1qr574ht99","response":{"chunks":[{"channelTag":"1",'
        b'"alternatives":[{"text":"a","x":%s}]}]}}'
    )
    yield from corpus.texts(
        b'{"done":true,"id":"e03sup6d5h1qr574ht99","response":{"chunks":[{"channelTag":"1",'
        b'"alternatives":[{"text":%s}]}]}}'
    )
    yield from corpus.mutations(corpus.encode(corpus.ANSWER), 3000, seed=3)
    many = corpus.replaced(corpus.ANSWER, ("response", "chunks"), corpus.ANSWER["response"]["chunks"] * 2000)
    yield corpus.encode(many)


def check_results(program, folder):
    """Whatever the API answers, what the worker makes of it fits the schema and is strict JSON."""
    validator = jsonschema.Draft202012Validator(load(folder, "result"))
    jobs = [
        b'{"audio":{"uri":"s3://recordings/call.ogg"}}',
        corpus.encode(corpus.JOB),
        b'{"id":"\\u007f\\"\\\\","audio":{"uri":"s3://recordings/\xf0\x9f\x98\x80.mp3","durationSeconds":0.1},"labels":{}}',
    ]
    bodies = list(answers())
    pairs = [(jobs[index % len(jobs)], body) for index, body in enumerate(bodies)]
    lines = verdicts(program, "result", [data for pair in pairs for data in pair])
    if len(lines) != len(pairs):
        sys.exit(f"{len(pairs)} answers, {len(lines)} verdicts")
    made = 0
    for (_, body), line in zip(pairs, lines):
        kind, rest = line.split(" ", 1)
        if kind != "result":
            continue
        made += 1
        try:
            problem = fits_schema(validator, strict_json.parse(rest.encode("utf-8")))
        except strict_json.NotStrict as error:
            problem = str(error)
        # a tolerated answer may be as deep or its own numbers as odd as it likes, below chunks
        if problem and not re.match("nested too deeply", problem):
            sys.exit(f"answer: {shown(body)}\nresult: {rest[:2000]}\nschema: {problem}")
    print(f"{len(pairs)} answers, {made} results")
    if not 100 < made < len(pairs):
        sys.exit(1)


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("kind", choices=["job", "config", "result"])
    arguments.add_argument("--verdict", required=True)
    arguments.add_argument("--schemas", required=True, type=pathlib.Path)
    given = arguments.parse_args()
    check = {"job": check_jobs, "config": check_configs, "result": check_results}[given.kind]
    check(given.verdict, given.schemas)


if __name__ == "__main__":
    main()
