"""A manual page for each command says what its --help says, and is one that man reads."""

import json
import os
import re

import pytest

from product import COMMANDS, PROGRAM, ROOT, SHARE, VERSION, help_of, options_of, run

PAGES = ["backscribe", *(f"backscribe-{command}" for command in COMMANDS)]


def rendered(page):
    text = run("mandoc", "-T", "utf8", "-O", "width=100", SHARE / "man1" / f"{page}.1")
    return re.sub(".\x08", "", text)  # bold and italic, as a typewriter would


def words(text):
    """Without how lines are broken, and without the sign for that."""
    return re.sub(r"\s+", " ", text)


def test_there_is_a_page_for_the_program_and_for_each_command_and_no_other():
    assert {path.name for path in (SHARE / "man1").iterdir()} == {f"{page}.1" for page in PAGES}
    assert {"run", "enqueue", "results", "check"} <= set(COMMANDS)


@pytest.mark.parametrize("page", PAGES)
def test_a_page_is_without_a_warning(page):
    run("mandoc", "-T", "lint", "-W", "warning", SHARE / "man1" / f"{page}.1")


@pytest.mark.parametrize("command", COMMANDS)
def test_a_page_has_all_that_help_says(command):
    page = words(rendered(f"backscribe-{command}"))
    assert f"backscribe {VERSION}" in page
    for name, value in options_of(command).items():
        assert f" {name} {value}" if value else f" {name}" in page, name
    # Every word of every sentence: lists, examples and the exit status are only set otherwise.
    said = help_of(command).replace("Usage:", "").replace("Options:", "")
    said = said.replace("Common options:", "").replace("Exit status:", "").replace("Examples:", "")
    missing = {
        word
        for word in re.findall(r"[\w./$<>|=:'`*@#%-]+", said)
        if word.rstrip(".;:") not in page
    }
    assert missing == set()


def test_the_page_of_the_program_names_every_command_with_what_it_does():
    page = words(rendered("backscribe"))
    for command, brief in re.findall(r"^  ([a-z]+) +(.*)$", run(PROGRAM, "--help"), re.M):
        assert f"backscribe-{command}(1) {brief}" in page


def test_json_has_the_same_options_as_help():
    told = json.loads(run(PROGRAM, "--help=json"))["commands"]
    assert [command["name"] for command in told] == COMMANDS
    for command in told:
        assert {
            f"--{option['name']}": option["argument"] for option in command["options"]
        } == options_of(command["name"])
        assert all(option["help"] for option in command["options"])


def test_the_version_names_the_libraries():
    told = dict(line.split(" ", 1) for line in run(PROGRAM, "--version").splitlines())
    assert told["backscribe"] == VERSION
    for library in (
        "librdkafka libcurl libs3 zlib cJSON OpenSSL protobuf-c libmicrohttpd libxml2".split()
    ):
        assert re.match(r"\d+(\.\d+)*", told[library]), library
    assert re.search(r"\((OpenSSL|GnuTLS)/\d", told["libcurl"])


def test_the_commands_of_the_page_on_installing_give_what_it_says(tmp_path):
    page = (ROOT / "docs/how-to/install.md").read_text()
    (commands,) = re.findall(r"<!-- test: deploy_package -->\n```sh\n(.*?)```", page, re.S)
    path = {"PATH": f"{PROGRAM.parent}:{os.environ['PATH']}"}
    run("sh", "-e", "-c", commands, cwd=tmp_path, env={**os.environ, **path})
    for name, place in (
        ("backscribe.bash", "bash/backscribe"),
        ("_backscribe", "zsh/_backscribe"),
        ("backscribe-run.1", "man1/backscribe-run.1"),
    ):
        assert (tmp_path / name).read_text() == (SHARE / place).read_text()
    assert len(json.loads((tmp_path / "commands.json").read_text())["commands"]) == len(COMMANDS)
