#!/usr/bin/env python3
"""schemas/asyncapi.yaml is a valid AsyncAPI document by AsyncAPI's own schema, everything that it refers
to is there, its examples are what it says of them, and it says of headers, codes, keys and names what
the worker's own tables say. One line a fault on standard output; the exit status is 1 when there is one.

    asyncapi.py --standard FILE --names PROGRAM --version VERSION
"""

import argparse
import json
import pathlib
import re
import subprocess
import sys

import jsonschema
import yaml

SCHEMAS = pathlib.Path(__file__).resolve().parents[2] / "schemas"
DOCUMENT = SCHEMAS / "asyncapi.yaml"


def walk(part, path="#"):
    yield path, part
    inner = part.items() if isinstance(part, dict) else enumerate(part) if isinstance(part, list) else ()
    for name, value in inner:
        yield from walk(value, f"{path}/{name}")


def inside(document, reference):
    for name in reference.removeprefix("#/").split("/"):
        document = document[name.replace("~1", "/").replace("~0", "~")]
    return document


def load(name):
    return json.loads((SCHEMAS / name).read_text())


def by_standard(document, standard):
    validator = jsonschema.validators.validator_for(standard)(standard)
    for error in validator.iter_errors(document):
        deepest = jsonschema.exceptions.best_match([error])
        yield f"{deepest.json_path}: {deepest.message}"


def references(document):
    for path, part in walk(document):
        if not isinstance(part, dict) or "$ref" not in part:
            continue
        reference = part["$ref"]
        try:
            if reference.startswith("#/"):
                inside(document, reference)
            elif reference.endswith(".json"):
                jsonschema.Draft202012Validator.check_schema(load(reference))
            elif "message Record {" not in (SCHEMAS / reference).read_text():
                yield f"{path}: {reference} has no message Record"
        except (KeyError, OSError, jsonschema.SchemaError) as problem:
            yield f"{path}: {reference}: {problem!r}"


def plain(schema):
    """The JSON Schema that a schema of the document means, with what it refers to in place."""
    if isinstance(schema, dict) and "schemaFormat" in schema:
        schema = schema["schema"]
    if isinstance(schema, dict) and schema.get("$ref", "").endswith(".json"):
        return load(schema["$ref"])
    if isinstance(schema, dict):
        return {name: plain(value) for name, value in schema.items()}
    return [plain(value) for value in schema] if isinstance(schema, list) else schema


def examples(document):
    for name, message in document["components"]["messages"].items():
        given = message.get("examples", [])
        if not given and name != "stateRecord":
            yield f"{name} has no examples"
        for example in given:
            for part in ("headers", "payload"):
                if part not in example:
                    continue
                schema = plain(message[part])
                for error in jsonschema.Draft202012Validator(schema).iter_errors(example[part]):
                    yield f"{name}, example {example['name']}: {part}: {error.json_path}: {error.message}"
        # The schema of a payload that may be anything judges nothing: a job is to be one.
        for example in given if name == "deadLetter" else ():
            job = example["payload"]
            wanted = example["headers"]["backscribe-error-code"] != "invalid_job"
            if jsonschema.Draft202012Validator(load("job.schema.json")).is_valid(job) != wanted:
                yield f"{name}, example {example['name']}: its payload does not fit its code"


def both(title, described, written):
    for name in sorted(set(described) ^ set(written)):
        where = "is described and never written" if name in described else "is written and not described"
        yield f"{title} {name} {where}"


def as_the_worker_says(document, said):
    headers = load("dead_letter_headers.schema.json")
    yield from both("header", headers["properties"], said["headers"])
    for title, key in (("code", "codes"), ("stage", "stages")):
        described = [each["const"] for each in headers["$defs"][title]["oneOf"]]
        yield from both(title, described, said[key])
    always = set(headers["required"])
    optional = {"backscribe-operation-id", "backscribe-value-omitted"}
    yield from both("header that is always there", always, set(said["headers"]) - optional)
    pattern = document["components"]["messages"]["stateRecord"]["bindings"]["kafka"]["key"]["pattern"]
    for key in said["stateKeys"]:
        if not re.search(pattern, key):
            yield f"the state record's key {key} is not described"


def as_the_configuration_says(document):
    topics = load("config.schema.json")["properties"]["topics"]["properties"]
    channels = {"dead_letters" if name == "deadLetters" else name: channel["address"]
                for name, channel in document["channels"].items()}
    for name, part in topics.items():
        if channels.get(name) != part["default"]:
            yield f"the topic {name} is {part['default']}, not {channels.get(name)}"
    yield from both("channel", channels, topics)
    used = {inside(document, operation["channel"]["$ref"])["address"]
            for operation in document["operations"].values()}
    yield from both("operations' channel", used, channels.values())


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--standard", type=pathlib.Path, required=True)
    parser.add_argument("--names", type=pathlib.Path, required=True)
    parser.add_argument("--version", required=True)
    given = parser.parse_args()
    document = yaml.safe_load(DOCUMENT.read_text())
    said = json.loads(subprocess.run([given.names], capture_output=True, text=True, check=True).stdout)
    faults = [*by_standard(document, json.loads(given.standard.read_text())), *references(document)]
    if not faults:  # what is referred to is there
        faults = [
            *examples(document),
            *as_the_worker_says(document, said),
            *as_the_configuration_says(document),
        ]
    if document["info"]["version"] != given.version:
        faults.append(f"info.version is {document['info']['version']}, the program's is {given.version}")
    for fault in faults:
        print(fault)
    print(f"{sum(1 for _ in walk(document))} parts, {len(faults)} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
