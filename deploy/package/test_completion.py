"""Completion in real shells: a line is typed, TAB is pressed, and the command gets what came of it."""

import json
import os
import pty
import select
import signal
import time

import pytest

from product import COMMANDS, ROOT, SHARE, options_of

# The command says what it was given; lists are shown at once and whole.
BASH = r"""
PS1= PS2=
bind 'set page-completions off'
bind 'set completion-query-items 0'
bind 'set show-all-if-ambiguous on'
bind 'set bell-style none'
backscribe() { printf '<%s>\n' "$*"; }
source "$COMPLETION"
"""
ZSH = r"""
PS1= PS2= RPS1= LISTMAX=0
unsetopt beep prompt_cr prompt_sp
zstyle ':completion:*' list-prompt ''
fpath=("${COMPLETION:h}" $fpath)
autoload -Uz compinit && compinit -D -u
backscribe() { printf '<%s>\n' "$*" }
"""
SHELLS = {
    "bash": (["bash", "--norc", "--noprofile", "-i"], BASH, SHARE / "bash" / "backscribe"),
    "zsh": (["zsh", "-f", "-i"], ZSH, SHARE / "zsh" / "_backscribe"),
}


class Shell:
    """An interactive one on a terminal of its own."""

    def __init__(self, name, folder):
        command, setup, completion = SHELLS[name]
        (folder / "setup").write_text(setup)
        self._heard = ""
        self._pid, self._terminal = pty.fork()
        if self._pid == 0:
            os.chdir(folder)
            os.environ.update(TERM="dumb", LINES="300", COLUMNS="300", LC_ALL="C.UTF-8")
            os.environ.update(COMPLETION=str(completion), HISTFILE="/dev/null", ZDOTDIR=str(folder))
            os.execvp(command[0], command)
        self._type("stty -echo rows 300 cols 300; . ./setup; echo set'-'up\n")
        self._hear_until("set-up")

    def _type(self, text):
        os.write(self._terminal, text.encode())

    def _hear_until(self, text, timeout_seconds=30):
        end = time.monotonic() + timeout_seconds
        while text not in self._heard:
            assert time.monotonic() < end, f"{text!r} does not come, but {self._heard!r}"
            if select.select([self._terminal], [], [], 1)[0]:
                self._heard += os.read(self._terminal, 65536).decode(errors="replace")
        before, self._heard = self._heard.split(text, 1)
        return before

    def complete(self, line):
        """What the command got, and what was shown before it ran."""
        self._type(line + "\t\n")
        shown = self._hear_until("\n<") if line.startswith("\n") else self._hear_until("<")
        return self._hear_until(">").strip(), shown

    def close(self):
        os.kill(self._pid, signal.SIGKILL)
        os.waitpid(self._pid, 0)
        os.close(self._terminal)


@pytest.fixture(params=list(SHELLS), scope="module")
def shell(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    (folder / "configuration.json").write_text("{}")
    (folder / "recordings").mkdir()
    shell = Shell(request.param, folder)
    yield shell
    shell.close()


def test_commands_are_completed_and_listed(shell):
    assert shell.complete("backscribe enq")[0] == "enqueue"
    _, shown = shell.complete("backscribe ")
    for command in COMMANDS:
        assert command in shown


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_of_help_is_offered(shell, command):
    _, shown = shell.complete(f"backscribe {command} --")
    for option in options_of(command):
        assert option in shown


@pytest.mark.parametrize("command", COMMANDS)
def test_values_that_help_names_are_offered(shell, command):
    for option, value in options_of(command).items():
        for word in (value or "").split("|")[:-1]:
            got, _ = shell.complete(f"backscribe {command} {option} {word}")
            assert got == f"{command} {option} {word}"
    assert shell.complete(f"backscribe {command} --log-level d")[0] == f"{command} --log-level debug"
    got, _ = shell.complete(f"backscribe {command} --log-format=j")
    assert got == f"{command} --log-format=json"


def test_files_are_offered_where_a_file_is_wanted_and_nowhere_else(shell):
    for line in ("run --config conf", "run -c conf", "run --config=conf", "enqueue conf"):
        assert shell.complete(f"backscribe {line}")[0] == f"{line}iguration.json"
    for line in ("run conf", "run --give-up-after conf", "enqueue --limit conf"):
        assert shell.complete(f"backscribe {line}")[0] == line
    assert shell.complete("backscribe enqueue --manifest conf")[0].endswith("configuration.json")


def test_the_settings_of_the_configuration_are_offered_to_set(shell):
    assert shell.complete("backscribe run --set topics.jo")[0] == "run --set topics.jobs="
    assert shell.complete("backscribe check --set=quotas.sub")[0] == "check --set=quotas.submissions="
    assert shell.complete("backscribe run --set speechkit.def")[0] == "run --set speechkit.defaults."
    _, shown = shell.complete("backscribe run --set ")
    for path in settings():
        assert path in shown


def settings():
    """The paths of the configuration's schema, as far as --set has types of their own for them."""
    schema = json.loads((ROOT / "schemas/config.schema.json").read_text())
    for name, section in schema["properties"].items():
        plain = section.get("type") != "object" or name.startswith("kafka")
        yield from [name] if plain else (f"{name}.{one}" for one in section["properties"])
