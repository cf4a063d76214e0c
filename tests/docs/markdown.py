"""What this project's documents are made of, as far as a program cares: fenced blocks with the marks
before them, headings, links.

A mark is an HTML comment on the line before a block:

    <!-- test: NAME -->    the commands are run by this test
    <!-- needs: WHAT -->   they cannot be run here: they need the real service, a cluster, …
    <!-- file: NAME -->    the block is a file of this name, which later commands use
"""

import dataclasses
import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parents[2]
SHELL = {"sh", "bash", "shell", "console"}
MARK = re.compile(r"\s*<!-- (test|needs|file): (.+?) -->\s*")


@dataclasses.dataclass(frozen=True)
class Block:
    path: pathlib.Path
    line: int  # of its first line of text, from 1
    language: str
    text: str
    mark: str | None  # test, needs, file
    value: str | None

    @property
    def place(self):
        return f"{self.path.relative_to(ROOT)}:{self.line}"


def documents():
    """Every page of the repository that people read."""
    tops = [ROOT / name for name in ("README.md", "CONTRIBUTING.md")]
    folders = ("docs", "schemas", "deploy", "tests", "bench")
    below = [path for folder in folders for path in sorted((ROOT / folder).rglob("*.md"))]
    return [*tops, *below]


def blocks(path):
    """The fenced blocks of a page, in order."""
    lines = path.read_text().splitlines()
    found, number = [], 0
    while number < len(lines):
        opening = re.fullmatch(r"(\s*)(`{3,})(\w*).*", lines[number])
        if not opening:
            number += 1
            continue
        indent, fence, language = opening.groups()
        end = number + 1
        while end < len(lines) and lines[end].strip() != fence:
            end += 1
        text = "".join(line.removeprefix(indent) + "\n" for line in lines[number + 1 : end])
        mark = MARK.fullmatch(lines[number - 1]) if number else None
        kind, value = mark.groups() if mark else (None, None)
        found.append(Block(path, number + 2, language, text, kind, value))
        number = end + 1
    return found


def prose(path):
    """The page's text without fenced blocks and code spans: (line number, text)."""
    fence = None
    for number, line in enumerate(path.read_text().splitlines(), 1):
        mark = re.match(r"\s*(`{3,})", line)
        if mark:
            fence = None if fence == mark[1] else fence or mark[1]
        elif fence is None:
            yield number, line


def anchors(path):
    """The names by which headings can be linked to, as GitHub makes them."""
    names = {}
    for _, line in prose(path):
        heading = re.match(r"#{1,6} +(.*?)\s*#*$", line)
        if heading:
            text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading[1]).replace("`", "")
            name = re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")
            count = names[name] = names.get(name, -1) + 1
            yield f"{name}-{count}" if count else name


def links(path):
    """(line number, target) of every link in the page that leads into the repository."""
    for number, line in prose(path):
        for target in re.findall(r"\]\(([^)\s]+)\)", re.sub(r"`[^`]*`", "", line)):
            if not re.match(r"[a-z]+:", target):
                yield number, target
