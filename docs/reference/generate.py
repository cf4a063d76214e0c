#!/usr/bin/env python3
"""Makes what stands between the marks `<!-- generated: NAME -->` and `<!-- end of NAME -->` on the
pages of docs/reference, from the schemas and from what the worker says of itself. The rest of the pages
is written by hand.

    generate.py [--build build/dev]      writes the pages
    generate.py --check …                writes nothing; the exit status is 1 when a page is stale
"""

import argparse
import collections
import json
import pathlib
import re
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
MARK = re.compile(r"<!-- generated: ([a-z-]+) -->\n(.*?)<!-- end of \1 -->\n", re.S)


def schema(name):
    return json.loads((ROOT / "schemas" / f"{name}.schema.json").read_text())


def cell(text):
    return text.replace("|", "\\|").replace("\n", " ")


def table(titles, rows):
    lines = ["| " + " | ".join(titles) + " |", "| " + " | ".join("---" for _ in titles) + " |"]
    lines += ["| " + " | ".join(cell(each) for each in row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


# ---- schemas


def resolve(whole, part):
    """The part with what its $ref says; its own words win."""
    if "$ref" not in part:
        return part
    found = whole
    for name in part["$ref"].removeprefix("#/").split("/"):
        found = found[name]
    return {**resolve(whole, found), **{name: value for name, value in part.items() if name != "$ref"}}


def code(value):
    return f"`{json.dumps(value, ensure_ascii=False)}`"


def numbers(part):
    low = part.get("minimum", part.get("exclusiveMinimum"))
    high = part.get("maximum")
    above = "above " if "exclusiveMinimum" in part else ""
    if low is None:
        return ""
    return f", {above}{low}" + (" or more" if high is None and not above else "") + (
        f" to {high}" if high is not None else ""
    )


def kind(whole, part):
    """What a value may be, in words."""
    part = resolve(whole, part)
    if "oneOf" in part and "const" in part["oneOf"][0]:
        return "one of those below"
    if "oneOf" in part and "type" in part["oneOf"][0]:
        return kind(whole, part["oneOf"][0])  # the others are the same in another writing
    if "const" in part:
        return f"only {code(part['const'])}"
    if "enum" in part:
        return " or ".join(code(value) for value in part["enum"])
    if "title" in part:
        return part["title"]
    kinds = part.get("type", "any")
    if kinds == "array":
        return "array of " + kind(whole, part["items"]) + "s"
    if isinstance(kinds, list):
        return ", ".join(kinds[:-1]) + " or " + kinds[-1]
    return kinds + (numbers(part) if kinds in ("integer", "number") else "")


def leaves(whole, part, path=""):
    """(path, part, required) of everything that is not only a container of other parts."""
    part = resolve(whole, part)
    for name, inner in part.get("properties", {}).items():
        full = resolve(whole, inner)
        where = f'{path}."{name}"' if "." in name and path else f"{path}.{name}" if path else name
        needed = name in part.get("required", ())
        if full.get("type") == "array" and "properties" in resolve(whole, full.get("items", {})):
            yield where, full, needed
            yield from leaves(whole, full["items"], where + "[]")
        elif "properties" not in full:
            yield where, full, needed
        else:
            yield from leaves(whole, full, where)


def coded(text, names):
    """Names of settings and fields in a sentence stand as code."""
    if not names:
        return text
    pattern = "|".join(sorted(map(re.escape, names), key=len, reverse=True))
    return re.sub(rf"(?<![\w.`/])(?:{pattern}|s3://[a-z/]+|https?://(?!\w))(?![\w/])", r"`\g<0>`", text)


def configuration():
    whole = schema("config")
    groups = collections.defaultdict(list)
    parts = {path: (part, needed) for path, part, needed in leaves(whole, whole)}
    names = {path for path in parts if "." in path}
    for path, (part, needed) in parts.items():
        section = path.split(".")[0].removesuffix("_files")
        choice = re.fullmatch(r"(\w+)\.auth\.\w+", path)
        default = "**required**" if needed else ""
        if "default" in part:
            default = code(part["default"])
        about = part.get("description", "")
        if choice:
            if not any(row[0] == f"`{section}.auth`" for row in groups[section]):
                groups[section].append(credentials(whole, section, names))
            about = "Read at start and when it changes." if "title" in resolve(whole, part) else ""
        elif path == "kafka_files":
            others = kind(whole, whole["properties"]["kafka"]["additionalProperties"])
            groups[section].append(("`kafka.*`", others, "", "Any other one."))
            path = "kafka_files.*"
        groups[section].append((f"`{path}`", kind(whole, part), default, coded(about, names)))
    text = ""
    alone = [name for name, rows in groups.items() if len(rows) == 1 and name != "admin"]
    for name, rows in groups.items():
        if name not in alone:
            about = whole["properties"][name].get("description", "")
            text += f"### `{name}`\n\n{about}\n\n" + keys(rows) + "\n"
    return text + "### The rest\n\n" + keys([row for name in alone for row in groups[name]])


def credentials(whole, section, names):
    about = whole["properties"][section]["properties"]["auth"]["description"]
    needed = "auth" in whole["properties"][section].get("required", ())
    return f"`{section}.auth`", "object", "**required**" if needed else "", coded(about, names)


def keys(rows):
    return table(("key", "value", "default", "meaning"), rows)


def owned():
    return ", ".join(f"`{name}`" for name in schema("config")["$defs"]["owned_property"]["enum"]) + ".\n"


def fields(name):
    whole = schema(name)
    rows = [
        (f"`{path}`", kind(whole, part), "yes" if needed else "", part.get("description", ""))
        for path, part, needed in leaves(whole, whole)
    ]
    return table(("field", "value", "always" if name == "result" else "required", "meaning"), rows)


def headers(name):
    whole = schema(name)
    rows = [
        (f"`{path}`", "yes" if path in whole.get("required", ()) else "", part["description"])
        for path, part in whole["properties"].items()
    ]
    return table(("header", "always", "what it tells"), rows)


def names_of(name):
    found = schema("dead_letter_headers")["$defs"][name]["oneOf"]
    return table((name, "meaning"), [(f"`{each['const']}`", each["description"]) for each in found])


# ---- what the worker says


class Families:
    """A page of /metrics by family."""

    def __init__(self, page):
        self.types, self.help, self.labels = {}, {}, collections.defaultdict(dict)
        for line in page.splitlines():
            name = line.split()[2] if line.startswith("#") else re.match(r"\w+", line).group()
            if line.startswith("# HELP "):
                self.help[name] = line.split(" ", 3)[3]
            elif line.startswith("# TYPE "):
                self.types[name] = line.split()[3]
            else:
                self._sample(name, line)

    def _sample(self, name, line):
        family = name if name in self.types else re.sub(r"_(bucket|sum|count)$", "", name)
        for label, value in re.findall(r'(\w+)="([^"]*)"', line):
            if label != "le":
                self.labels[family].setdefault(label, {})[value] = True


def metrics(said):
    page = Families(said["metrics"])
    open_ended = {"partition", "group", "version", "librdkafka", "libcurl"}
    rows = []
    for name, text in page.help.items():
        labels = [
            f"`{label}`" + ("" if label in open_ended else ": " + ", ".join(values))
            for label, values in page.labels[name].items()
        ]
        rows.append((f"`{name}`", page.types[name], "; ".join(labels), text))
    return table(("metric", "type", "labels", "meaning"), rows)


def commands(worker):
    def ask(*arguments):
        return subprocess.run([worker, *arguments], capture_output=True, text=True, check=True).stdout

    text = f"```text\n{ask('--help')}```\n"
    for name in ask("--help=names").split():
        text += f"\n## backscribe {name}\n\n```text\n{ask(name, '--help')}```\n"
    return text


# ---- the pages


def parts(worker, names):
    said = json.loads(subprocess.run([names], capture_output=True, text=True, check=True).stdout)
    return {
        "configuration": configuration,
        "owned-properties": owned,
        "job": lambda: fields("job"),
        "result": lambda: fields("result"),
        "result-headers": lambda: headers("result_headers"),
        "dead-letter-headers": lambda: headers("dead_letter_headers"),
        "codes": lambda: names_of("code"),
        "stages": lambda: names_of("stage"),
        "metrics": lambda: metrics(said),
        "commands": lambda: commands(worker),
    }


def found(given, build, path):
    program = given or build / path
    if not program.is_file():
        sys.exit(f"{program} is not built: cmake --build {build} --target backscribe backscribe-names")
    return program


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build/dev")
    parser.add_argument("--worker", type=pathlib.Path)
    parser.add_argument("--names", type=pathlib.Path)
    parser.add_argument("--check", action="store_true")
    given = parser.parse_args()
    made = parts(found(given.worker, given.build, "worker/backscribe"),
                 found(given.names, given.build, "tests/schemas/backscribe-names"))
    stale = []
    for page in sorted(HERE.glob("*.md")):
        before = page.read_text()
        after = MARK.sub(
            lambda mark: f"<!-- generated: {mark[1]} -->\n{made[mark[1]]()}<!-- end of {mark[1]} -->\n",
            before,
        )
        if after != before:
            stale.append(page.relative_to(ROOT))
            if not given.check:
                page.write_text(after)
                print(f"{stale[-1]} is made anew")
    if given.check and stale:
        print(f"stale: {', '.join(map(str, stale))}\nmake them anew: {HERE.relative_to(ROOT)}/generate.py "
              "--build BUILD (build/dev, build/asan, …), and commit them with what they describe")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
