#!/usr/bin/env python3
"""What can be seen of the documents without running anything: every link leads somewhere, every
command is run by a test or says what it needs, every whole configuration in them is a valid one. One
line a fault on standard output; the exit status is 1 when there is one.

    check.py --build FOLDER      where the tests are whose names a mark may have
"""

import argparse
import json
import re
import subprocess
import sys

import jsonschema
import pages
from markdown import ROOT, SHELL, anchors, blocks, documents, links


def broken_links(path):
    for number, target in links(path):
        name, _, anchor = target.partition("#")
        page = (path.parent / name).resolve() if name else path
        if not page.exists():
            yield number, f"{target} leads nowhere"
        elif anchor and page.suffix == ".md" and anchor not in set(anchors(page)):
            yield number, f"{target}: the page has no such heading"


def unproved_commands(path, tests):
    for block in blocks(path):
        if block.language not in SHELL:
            continue
        if block.mark not in ("test", "needs"):
            yield block.line, "commands that no test runs, and that do not say what they need"
        elif block.mark == "test" and block.value not in tests:
            own = pages.PAGES.get(block.value)
            if own is None or own.path != path:
                yield block.line, f"there is no test {block.value} of this page"


def wrong_configurations(path, validator):
    for block in blocks(path):
        if block.language != "json":
            continue
        try:
            value = json.loads(block.text)
        except json.JSONDecodeError as error:
            yield block.line, f"not JSON: {error}"
            continue
        if isinstance(value, dict) and {"kafka", "speechkit"} <= set(value):
            for error in validator.iter_errors(value):
                yield block.line, f"no valid configuration: {error.json_path}: {error.message}"


def test_names(build):
    told = subprocess.run(
        ["ctest", "--test-dir", build, "-N"], check=True, capture_output=True, text=True
    )
    return set(re.findall(r"Test +#\d+: (\S+)", told.stdout))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", required=True, help="the build folder")
    tests = test_names(parser.parse_args().build)
    schema = json.loads((ROOT / "schemas/config.schema.json").read_text())
    validator = jsonschema.Draft202012Validator(schema)
    faults = 0
    for path in documents():
        for number, text in sorted(
            [
                *broken_links(path),
                *unproved_commands(path, tests),
                *wrong_configurations(path, validator),
            ]
        ):
            print(f"{path.relative_to(ROOT)}:{number}: {text}")
            faults += 1
    unused = {name for name, page in pages.PAGES.items() if not page.commands()}
    for name in sorted(unused):
        print(f"the test {name} has no commands in {pages.PAGES[name].path.relative_to(ROOT)}")
    print(f"{len(documents())} documents, {faults + len(unused)} faults")
    return 1 if faults or unused else 0


if __name__ == "__main__":
    sys.exit(main())
