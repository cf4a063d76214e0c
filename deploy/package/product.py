"""What is looked at: the program as it was built, and what its --help says."""

import os
import pathlib
import re
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = pathlib.Path(os.environ["BACKSCRIBE_WORKER"])
BUILD = pathlib.Path(os.environ["BACKSCRIBE_BUILD"])
SHARE = BUILD / "share"
VERSION = re.search(r"project\(backscribe VERSION (\S+)", (ROOT / "CMakeLists.txt").read_text())[1]


def run(*command, errors=subprocess.PIPE, **options):
    """Its standard output; a failure shows what it said. `errors`: where standard error goes."""
    ended = subprocess.run(
        [str(part) for part in command],
        stdout=subprocess.PIPE,
        stderr=errors,
        text=True,
        check=False,
        **options,
    )
    told = f"{command} ended with {ended.returncode}: {ended.stderr or ended.stdout}"
    assert ended.returncode == 0, told
    return ended.stdout


def help_of(command):
    return run(PROGRAM, command, "--help")


# As a reader finds them: not by the form that everything else is made of.
COMMANDS = re.findall(r"^  ([a-z]+) ", run(PROGRAM, "--help"), re.M)


def options_of(command):
    """{name with dashes: what its value is called, or None}."""
    found = re.findall(r"^  (--[a-z0-9-]+)(?: (\S+))?(?:  .*)?$", help_of(command), re.M)
    return {name: value or None for name, value in found}
