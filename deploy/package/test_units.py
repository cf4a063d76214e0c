"""The systemd units: right, hardened, and in step with what the worker promises."""

import configparser
import json
import re
import subprocess

import pytest

from product import BUILD, PROGRAM, ROOT, run

UNITS = ["backscribe.service", "backscribe@.service"]


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The units of an installation whose program is there."""
    prefix = tmp_path_factory.mktemp("prefix")
    run("cmake", "--install", BUILD, "--prefix", prefix)
    return prefix


def read(installed, unit):
    """The [Service] section; of what is given several times the last."""
    parser = configparser.RawConfigParser(strict=False)
    parser.optionxform = str
    parser.read(installed / "lib/systemd/system" / unit)
    return parser["Service"]


@pytest.mark.parametrize("unit", UNITS)
def test_systemd_finds_nothing_wrong(installed, unit):
    path = installed / "lib/systemd/system" / unit
    told = run("systemd-analyze", "verify", "--man=no", path, errors=subprocess.STDOUT)
    assert told == ""
    (page,) = re.findall(r"^Documentation=man:(\S+)\(1\)$", path.read_text(), re.M)
    assert (installed / f"share/man/man1/{page}.1").is_file()


@pytest.mark.parametrize("unit", UNITS)
def test_a_worker_has_no_rights_that_it_does_not_need(installed, unit):
    path = installed / "lib/systemd/system" / unit
    told = run("systemd-analyze", "security", "--offline=true", "--no-pager", path)
    exposure = float(re.search(r"Overall exposure level for \S+: ([0-9.]+)", told)[1])
    assert exposure < 2.0, told


@pytest.mark.parametrize("unit", UNITS)
def test_systemd_waits_for_a_stop_and_for_signs_of_life_as_the_worker_gives_them(installed, unit):
    service = read(installed, unit)
    schema = json.loads((ROOT / "schemas/config.schema.json").read_text())
    shutdown = schema["properties"]["shutdown_seconds"]["default"]
    closing = 8  # to leave the group, at most
    assert int(service["TimeoutStopSec"]) > shutdown + closing
    assert service["Type"] == "notify" and int(service["WatchdogSec"]) >= 30
    assert (service["Restart"], service["RestartPreventExitStatus"]) == ("on-failure", "2")


def started(installed, unit):
    """The options behind `run`."""
    program, command, *arguments = read(installed, unit)["ExecStart"].split()
    assert program == f"{installed}/bin/backscribe" and command == "run"
    assert arguments[:2] == ["--config", "/etc/backscribe/config.json"]
    assert arguments.pop() == "$BACKSCRIBE_OPTIONS"
    return arguments[2:]


def test_the_units_start_the_program_that_was_installed_with_options_that_it_has(installed):
    assert started(installed, "backscribe.service") == []
    of_instance = [one.replace("%i", "9464") for one in started(installed, "backscribe@.service")]
    assert "admin.listen=127.0.0.1:9464" in of_instance
    # The example is right as far as a broker that is not there: the worker waits, and gives up.
    run(
        "sh", "-c", '"$@"; [ $? = 5 ]', "sh", PROGRAM, "run", *of_instance, "--give-up-after", "1s",
        "--config", installed / "share/doc/backscribe/examples/config.json",
        "--set", "admin.listen=127.0.0.1:0", "--set", "kafka.bootstrap.servers=127.0.0.1:1",
        env={"CREDENTIALS_DIRECTORY": "/nonexistent", "PATH": "/usr/bin:/bin"},
    )  # fmt: skip


def test_every_secret_of_the_example_is_one_that_the_units_hand_over(installed):
    example = (installed / "share/doc/backscribe/examples/config.json").read_text()
    named = re.findall(r"\$\{CREDENTIALS_DIRECTORY\}/([^\"]+)", example)
    assert named
    for unit in UNITS:
        text = (installed / "lib/systemd/system" / unit).read_text()
        loaded = re.findall(r"^LoadCredential=(\S+)$", text, re.M)
        assert set(named) <= set(loaded)
