#!/usr/bin/env python3
"""Writes what is derived: the configuration's part of the chart's values.schema.json, the table in the
chart's README.md, the chart's copies of what monitors, and deploy/kubernetes, which is the chart
rendered with values-*.yaml there.
`--check` writes nothing and names what is out of date (status 1).

    build/venv/bin/python deploy/helm/generate.py

Needs PyYAML and helm (build/helm, see tests/prepare.sh; or BACKSCRIBE_HELM).
"""

import argparse
import copy
import json
import os
import pathlib
import re
import subprocess
import sys

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
CHART = ROOT / "deploy/helm/backscribe"
HELM = os.environ.get("BACKSCRIBE_HELM", str(ROOT / "build/helm/helm-4"))
PLAIN = ROOT / "deploy/kubernetes"

# Properties of librdkafka whose value is a secret: they belong into kafka_files.
SECRET_PROPERTIES = [
    "sasl.password",
    "sasl.oauthbearer.client.secret",
    "sasl.oauthbearer.assertion.private.key.passphrase",
    "sasl.oauthbearer.assertion.private.key.pem",
    "ssl.key.password",
    "ssl.key.pem",
    "ssl.keystore.password",
]
# A chart can read its own files only.
COPIES = {
    "files/backscribe.rules.yaml": "deploy/prometheus/backscribe.rules.yaml",
    "files/dashboard.json": "deploy/grafana/backscribe.json",
}


def regular(pattern):
    """The pattern without what Go's regular expressions do not have: looking ahead."""
    pattern = pattern.replace("$(?!\\n)", "$")
    pattern = re.sub(r"^\^\(\?!.*?\|\$\)\)", "^", pattern)
    assert "(?!" not in pattern and "(?=" not in pattern, pattern
    return re.sub(r"\\u([0-9a-fA-F]{4})", r"\\x{\1}", pattern)


def adapted(node, names=False):
    """A part of the configuration's schema as Helm takes it: draft 7, only what judges, and a string
    may have a variable of the environment in it, which the worker replaces before it judges. `names`:
    the keys are names of properties."""
    if isinstance(node, list):
        return [adapted(item) for item in node]
    if not isinstance(node, dict):
        return node
    if names:
        return {name: adapted(value) for name, value in node.items()}
    made = {
        key: adapted(value, key == "properties")
        for key, value in node.items()
        if key not in ("pattern", "description", "default")
    }
    if "$ref" in made:
        name = made["$ref"].rsplit("/", 1)[1]
        made = {"$ref": f"#/definitions/config_{name}"}
    if "pattern" in node:
        made["anyOf"] = [{"pattern": regular(node["pattern"])}, {"pattern": r"\$\{"}]
    return made


def config_definitions():
    schema = json.loads((ROOT / "schemas/config.schema.json").read_text(encoding="utf-8"))
    config = copy.deepcopy({key: schema[key] for key in ("type", "properties", "allOf")})
    properties = config["properties"]
    # The chart's own: see _config.tpl.
    del properties["shutdown_seconds"], properties["admin"]
    kafka = properties["kafka"]
    del kafka["properties"]["group.instance.id"]
    owned = kafka["propertyNames"].pop("not")
    kafka["propertyNames"]["not"] = {
        "anyOf": [owned, {"enum": ["group.instance.id", *SECRET_PROPERTIES]}]
    }
    properties["speechkit"].pop("required")
    config["additionalProperties"] = False
    config["required"] = ["kafka"]
    made = {"config": adapted(config)}
    for name, definition in schema["$defs"].items():
        made[f"config_{name}"] = adapted(definition)
    return made


def compact(node, depth=0):
    """JSON in which what fits on a line stands on one."""
    line = json.dumps(node, ensure_ascii=False)
    if len(line) + 2 * depth <= 100 or not isinstance(node, (dict, list)):
        return line
    inside, outside = "  " * (depth + 1), "  " * depth
    if isinstance(node, list):
        parts = [compact(item, depth + 1) for item in node]
        return f"[\n{inside}" + f",\n{inside}".join(parts) + f"\n{outside}]"
    parts = [f"{json.dumps(name)}: {compact(value, depth + 1)}" for name, value in node.items()]
    return f"{{\n{inside}" + f",\n{inside}".join(parts) + f"\n{outside}}}"


def values_schema():
    schema = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))
    own = {
        name: value
        for name, value in schema["definitions"].items()
        if name != "config" and not name.startswith("config_")
    }
    schema["definitions"] = {**own, **config_definitions()}
    return compact(schema) + "\n"


def rows(schema, values, path=""):
    for name, node in schema["properties"].items():
        if name == "global":
            continue
        here = f"{path}{name}"
        if "properties" in node and "description" not in node:
            yield from rows(node, values[name], f"{here}.")
            continue
        default = json.dumps(values[name], ensure_ascii=False)
        default = default if len(default) < 60 else "see values.yaml"
        meaning = node["description"].replace("|", "\\|")
        yield f"| `{here}` | `{default}` | {meaning} |"


def readme():
    schema = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))
    values = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))
    text = (CHART / "README.md").read_text(encoding="utf-8")
    before, _ = text.split("| value | default | meaning |\n")
    table = ["| value | default | meaning |", "| --- | --- | --- |", *rows(schema, values)]
    return before + "\n".join(table) + "\n"


def rendered(values):
    """The chart for those who have no Helm, without what says that Helm looks after it."""
    command = [HELM, "template", "backscribe", CHART, "--values", values]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    text = re.sub(r"^ *(app\.kubernetes\.io/managed-by|helm\.sh/chart): .*\n", "", text, flags=re.M)
    text = re.sub(r"^# Source: backscribe/templates/(.*)\n", "", text, flags=re.M)
    head = values.read_text(encoding="utf-8").split("\n\n", 1)[0]
    return f"{head}\n# Made from {values.name} by deploy/helm/generate.py: change it there.\n{text}"


def derived():
    made = {CHART / "values.schema.json": values_schema, CHART / "README.md": readme}
    for copied, origin in COPIES.items():
        made[CHART / copied] = (ROOT / origin).read_text
    for values in sorted(PLAIN.glob("values-*.yaml")):
        target = PLAIN / values.name.removeprefix("values-")
        made[target] = lambda values=values: rendered(values)
    return made


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", 1)[0])
    parser.add_argument("--check", action="store_true", help="write nothing; 1 if out of date")
    check = parser.parse_args().check
    stale = []
    for path, make in derived().items():
        text = make()
        if path.exists() and path.read_text(encoding="utf-8") == text:
            continue
        stale.append(path.relative_to(ROOT))
        if not check:
            path.write_text(text, encoding="utf-8")
    for path in stale:
        print(f"{path}: {'out of date: run deploy/helm/generate.py' if check else 'written'}")
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
