#!/usr/bin/env python3
"""The rules of the house that a program can see: who includes whom, what core may call, how long
files and functions may be, no unfinished work, the form of C. One line a breach on standard output;
the exit status is 1 when there is one.

    rules.py [--root FOLDER] [--check NAME]
"""

import argparse
import pathlib
import re
import shutil
import subprocess
import sys

# base <- core <- formats <- edges <- commands <- main. What each may include of the others.
ROOMS = ("base", "core", "formats", "edges", "commands", "main")
INCLUDES = {
    "base": {"base/*"},
    "core": {"base/*", "core/*"},
    "formats": {"base/*", "core/core.h", "formats/*"},
    "edges": {"base/*", "core/core.h", "formats/*", "edges/*"},
    "commands": {"base/*", "core/core.h", "formats/*", "edges/*", "commands/*"},
    "main": {"base/*", "commands/*"},
}

# Headers of libraries, and of the parts of the system that touch the world, by the rooms that may
# include them. What stands in neither list is plain C, and core's choice of that is short.
VENDORS = (
    (r"(cjson|openssl|protobuf-c)/.*|zlib\.h", {"formats"}),
    (r"(curl|librdkafka)/.*|microhttpd\.h|libs3\.h", {"edges"}),
    (r"sys/(epoll|eventfd|timerfd|signalfd|socket|inotify)\.h|netinet/.*|arpa/.*|netdb\.h|poll\.h",
     {"edges"}),
    (r"pthread\.h|threads\.h|stdatomic\.h", {"edges", "commands"}),
)
CORE_HEADERS = {"inttypes.h", "limits.h", "math.h", "stdarg.h", "stdbool.h", "stddef.h",
                "stdint.h", "stdio.h", "stdlib.h", "string.h"}

# Core has no clock, no chance, no memory but base's arenas, no input and no output.
CORE_CALLS = (
    "time clock clock_gettime gettimeofday localtime gmtime nanosleep sleep usleep "
    "rand srand random srandom rand_r drand48 getrandom arc4random "
    "malloc calloc realloc reallocarray free strdup strndup asprintf vasprintf alloca "
    "printf fprintf vprintf vfprintf dprintf puts fputs putchar fputc putc fwrite perror "
    "fopen fdopen fclose fread fgets fgetc getc getchar scanf fscanf "
    "open openat close read write pread pwrite ioctl fcntl mmap socket connect poll select "
    "getenv setenv system popen fork exit _exit abort signal raise pthread_create thrd_create"
).split()

MOST_FILE_LINES = 700
MOST_FUNCTION_LINES = 90

# Put together, so that this file does not break its own rule.
UNFINISHED = re.compile(r"\b(" + "|".join(("TO" + "DO", "FIX" + "ME", "X" + "XX", "HA" + "CK",
                                           "W" + "IP", "not yet " + "implemented")) + r")\b")

TEXTS = {".c", ".h", ".py", ".sh", ".md", ".cmake", ".txt", ".json", ".proto", ".yaml", ".yml"}
FOLDERS = ("worker", "tests", "bench", "schemas", "deploy", "docs")
CLANG_FORMAT_MAJOR = 14  # Debian 12's; another one has another opinion on some lines


def without_comments_and_strings(text):
    """The same lines, with what is in comments, strings and character constants blanked."""
    pattern = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)
    return pattern.sub(lambda found: re.sub(r"[^\n]", " ", found.group()), text)


def room_of(path, root):
    parts = path.relative_to(root / "worker").parts
    return parts[0] if len(parts) > 1 else "main"


def allowed(include, patterns):
    folder = include.split("/")[0]
    return include in patterns or folder + "/*" in patterns


def included(path):
    for number, line in enumerate(path.read_text().splitlines(), 1):
        found = re.match(r'\s*#\s*include\s*([<"])([^>"]+)[>"]', line)
        if found:
            yield number, found.group(1) == '"', found.group(2)


def include_breach(room, ours, include, path):
    """Why this file may not include that, or None."""
    if ours and "/" not in include:
        generated = include.endswith(".pb-c.h") and room == "formats"
        return None if generated or room == "main" else f"include {include} by its room's name"
    if ours and include.split("/")[0] in ROOMS:
        if allowed(include, INCLUDES[room]):
            return None
        return f"{room} may not include {include}"
    for pattern, rooms in VENDORS:
        if re.fullmatch(pattern, include) and room not in rooms:
            return f"{room} may not include {include}: it belongs to {' and '.join(sorted(rooms))}"
    if room == "core" and include not in CORE_HEADERS:
        return f"core may not include {include}"
    return None


def check_includes(root):
    for path in sorted((root / "worker").rglob("*.[ch]")):
        room = room_of(path, root)
        if room not in ROOMS:
            yield path, 1, f"{room} is no room"
            continue
        for number, ours, include in included(path):
            breach = include_breach(room, ours, include, path)
            if breach:
                yield path, number, breach


def check_core_calls(root):
    calls = re.compile(r"(?<![\w.>])(" + "|".join(CORE_CALLS) + r")\s*\(")
    for path in sorted((root / "worker" / "core").rglob("*.[ch]")):
        text = without_comments_and_strings(path.read_text())
        for number, line in enumerate(text.splitlines(), 1):
            for found in calls.finditer(line):
                yield path, number, f"core may not call {found.group(1)}"


def sources(root, suffixes):
    for folder in FOLDERS:
        for path in sorted((root / folder).rglob("*")):
            if path.is_file() and path.suffix in suffixes and "__pycache__" not in path.parts:
                yield path


def check_lengths(root):
    for path in sources(root, {".c", ".h", ".py", ".sh"}):
        lines = path.read_text().splitlines()
        if len(lines) > MOST_FILE_LINES:
            yield path, len(lines), f"a file of {len(lines)} lines; {MOST_FILE_LINES} at most"
        if path.suffix not in {".c", ".h"}:
            continue
        begin = None
        for number, line in enumerate(lines, 1):
            if line == "{":
                begin = number
            elif line == "}" and begin is not None:
                length = number - begin + 1
                if length > MOST_FUNCTION_LINES:
                    yield path, begin, (f"a function of {length} lines; "
                                        f"{MOST_FUNCTION_LINES} at most")
                begin = None


def check_unfinished(root):
    top = [root / name for name in ("CMakeLists.txt", "README.md", "CONTRIBUTING.md")]
    for path in [*sources(root, TEXTS), *(path for path in top if path.exists())]:
        for number, line in enumerate(path.read_text().splitlines(), 1):
            found = UNFINISHED.search(line)
            if found:
                yield path, number, f"unfinished work: {found.group()}"


def clang_format():
    """The program and its major version, or None."""
    program = shutil.which("clang-format-14") or shutil.which("clang-format")
    if program is None:
        return None
    told = subprocess.run([program, "--version"], capture_output=True, text=True, check=True)
    return program, int(re.search(r"version (\d+)", told.stdout).group(1))


def check_form(root):
    known = clang_format()
    if known is None or known[1] != CLANG_FORMAT_MAJOR:
        version = "missing" if known is None else f"version {known[1]}"
        print(f"the form of C is not looked at: clang-format {CLANG_FORMAT_MAJOR} is wanted, "
              f"it is {version}")
        return
    files = [str(path) for path in sources(root, {".c", ".h"})]
    told = subprocess.run([known[0], "--dry-run", *files], capture_output=True, text=True,
                          cwd=root, check=False)
    for found in re.finditer(r"^(.+?):(\d+):\d+: (?:warning|error): (.*)$", told.stderr, re.M):
        yield pathlib.Path(found.group(1)), int(found.group(2)), found.group(3)


def check_shell(root):
    """Whether the shell can read it at all: half a merge cannot."""
    for path in sources(root, {".sh"}):
        told = subprocess.run(["sh", "-n", str(path)], capture_output=True, text=True, check=False)
        if told.returncode != 0:
            yield path, 1, f"no shell script: {told.stderr.strip()}"


CHECKS = {
    "includes": check_includes,
    "core-calls": check_core_calls,
    "lengths": check_lengths,
    "unfinished": check_unfinished,
    "form": check_form,
    "shell": check_shell,
}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", type=pathlib.Path,
                        default=pathlib.Path(__file__).resolve().parents[2])
    parser.add_argument("--check", action="append", choices=list(CHECKS),
                        help="only this one (may be repeated)")
    options = parser.parse_args()
    root = options.root.resolve()
    breaches = [(path, number, text) for name in options.check or CHECKS
                for path, number, text in CHECKS[name](root)]
    for path, number, text in breaches:
        print(f"{path.relative_to(root)}:{number}: {text}")
    return 1 if breaches else 0


if __name__ == "__main__":
    sys.exit(main())
