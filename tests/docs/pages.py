"""The pages whose commands are run, and how: as a reader would, one after the other in one shell, in
an empty folder, with the page's own files and the page's own configuration. What is the reader's (where
Kafka is, credentials, the service's address) is put in its place by the program `backscribe` that
stands in the path: it reads the configuration that is named, replaces those settings, and runs the
real one."""

import dataclasses
import pathlib
import re

from markdown import ROOT, SHELL, blocks


@dataclasses.dataclass(frozen=True)
class Page:
    name: str
    path: pathlib.Path
    topics_exist: bool  # when its reader begins

    def commands(self):
        """What a reader would do, in order: blocks of commands, and files between them."""
        own = [
            block
            for block in blocks(self.path)
            if block.mark == "file" or (block.mark == "test" and block.value == self.name)
        ]
        return own if any(block.mark == "test" for block in own) else []


def _page(name, path, topics_exist=True):
    return Page(name, ROOT / "docs" / path, topics_exist)


PAGES = {
    page.name: page
    for page in (
        _page("tutorial", "tutorial.md", topics_exist=False),
        _page("enqueue", "how-to/enqueue.md"),
        _page("export", "how-to/export.md"),
        _page("kafka", "how-to/kafka.md", topics_exist=False),
        _page("quotas", "how-to/quotas-and-cost.md"),
        _page("dead-letters", "how-to/dead-letters.md"),
        _page("export", "how-to/export.md"),
        _page("upgrading", "how-to/upgrading.md"),
        _page("watch", "how-to/watch.md"),
    )
}


def script(block):
    """A block's commands, and what the page shows of their output (empty: nothing)."""
    assert block.language in SHELL
    if block.language != "console":
        return block.text, []
    commands, shown = [], []
    for line in block.text.splitlines():
        if line.startswith("$ "):
            commands.append(line[2:])
        elif line.startswith("> ") and commands and not shown:
            commands.append(line[2:])  # the shell's second prompt
        else:
            shown.append(line)
    return "\n".join(commands) + "\n", shown


def is_shown(shown, output):
    """Whether the page's lines stand in the output in this order: None, or the first line that does
    not. "…" stands for anything; an empty line and one of nothing but "…" for any lines."""
    lines = [re.sub(r"\s+", " ", line).strip() for line in output.splitlines()]
    at = 0
    for line in shown:
        text = re.sub(r"\s+", " ", line).strip()
        if text in ("", "…"):
            continue
        pattern = re.compile(".*".join(re.escape(part) for part in text.split("…")))
        while at < len(lines) and not pattern.fullmatch(lines[at]):
            at += 1
        if at == len(lines):
            return line
        at += 1
    return None
