"""compose.yaml is what Compose takes; it listens to this machine only, holds no secret, and what it
names is there. (That it works: test_graph.py.)"""

import json
import os
import pathlib
import re
import subprocess

import pytest
import yaml
from check_jsonschema.builtin_schemas import get_builtin_schema
from engine import FOLDER, configuration, interpolated, load
from jsonschema import Draft7Validator

PROJECT = FOLDER.parents[1]
OURS = ("backscribe", "topics", "prepare", "objects", "speechkit")


@pytest.fixture(scope="module")
def compose():
    return load()


def settings_in(path):
    """What .env.example names, also where it is commented out."""
    text = path.read_text(encoding="utf-8")
    return dict(re.findall(r"^#?([A-Z_]+)=(.*)$", text, re.M))


@pytest.mark.parametrize("environment", [{}, settings_in(FOLDER / ".env.example")], ids=["bare", "env"])
def test_compose_takes_it(environment):
    # Draft 7, as the specification's schema says of itself.
    found = [error.message for error in Draft7Validator(get_builtin_schema("vendor.compose-spec"))
             .iter_errors(load(environment))]  # fmt: skip
    assert found == []


def test_each_setting_is_in_the_example_and_has_a_default():
    text = (FOLDER / "compose.yaml").read_text(encoding="utf-8")
    used = dict(re.findall(r"\$\{([A-Z_]+)(:-[^}]+)?\}", text))
    assert all(used.values()), "a setting without a default"
    assert set(used) | {"COMPOSE_PROFILES"} == set(settings_in(FOLDER / ".env.example"))
    assert interpolated("${A:-b} $$C", {}) == "b $C" and interpolated("${A:-b}", {"A": "c"}) == "c"


def test_only_this_machine_is_listened_to(compose):
    ports = {name: service.get("ports", []) for name, service in compose["services"].items()}
    assert {port for each in ports.values() for port in each} == {
        "127.0.0.1:9464:9464", "127.0.0.1:9090:9090", "127.0.0.1:3000:3000"
    }  # fmt: skip
    assert not any("host" == service.get("network_mode") for service in compose["services"].values())


def test_it_holds_no_secret(compose):
    for name, service in compose["services"].items():
        for variable, value in service.get("environment", {}).items():
            assert not re.search("PASSWORD|SECRET|TOKEN|KEY", variable), f"{name}: {variable}={value}"
    assert "none" not in configuration()["speechkit"]["auth"]


def test_images_have_versions_and_ours_no_rights(compose):
    for name, service in compose["services"].items():
        assert re.search(r":v?\d+\.\d+\.\d+$", service["image"]), f"{name}: {service['image']}"
        if name in OURS:
            assert service["read_only"] is True and service["cap_drop"] == ["ALL"], name
            assert service["security_opt"] == ["no-new-privileges:true"], name
    version = re.search(r"project\(backscribe VERSION (\S+)", (PROJECT / "CMakeLists.txt").read_text())[1]
    assert compose["services"]["backscribe"]["image"] == f"backscribe:{version}"
    assert compose["services"]["speechkit"]["image"] == f"backscribe-standin:{version}"


def test_kafka_is_the_version_that_the_tests_run_on(compose):
    pom = (PROJECT / "tests" / "integration" / "kafka" / "pom.xml").read_text()
    tried = re.search(r"<artifactId>kafka_2.13</artifactId>\s*<version>([^<]+)</version>", pom)[1]
    assert compose["services"]["kafka"]["image"] == f"apache/kafka:{tried}"


def test_what_it_mounts_and_builds_is_there(compose):
    named = set()
    for service in compose["services"].values():
        for volume in service.get("volumes", []):
            source, place, *mode = volume.split(":")
            if source.startswith("."):
                assert (FOLDER / source).resolve().is_file() and mode == ["ro"], volume
                assert place.startswith("/")
            else:
                named.add(source)
        if "build" in service:
            context = (FOLDER / service["build"]["context"]).resolve()
            file = context / service["build"]["dockerfile"]
            assert context == PROJECT and file.is_file()
            assert file.with_name(file.name + ".dockerignore").is_file()
    assert named == set(compose["volumes"])


def test_who_is_waited_for_can_be_waited_for(compose):
    """A health check where health is waited for, an end where an end is; and every service that ends is
    waited for by one that stays, or `up --wait` would call its end a failure."""
    services = compose["services"]
    ended = set()
    for name, service in services.items():
        for needed, how in service.get("depends_on", {}).items():
            if how["condition"] == "service_healthy":
                assert "healthcheck" in services[needed], f"{name} waits for {needed}"
            else:
                assert how["condition"] == "service_completed_successfully"
                assert services[needed]["restart"] == "no", f"{name} waits for the end of {needed}"
                if service["restart"] == "unless-stopped":
                    ended.add(needed)
            optional = services[needed].get("profiles", []) != service.get("profiles", [])
            assert how.get("required", True) is not (optional and "profiles" in services[needed]), name
    assert ended == {name for name, service in services.items() if service["restart"] == "no"}


def test_a_stop_has_time_to_be_graceful(compose):
    grace = compose["services"]["backscribe"]["stop_grace_period"]
    assert int(grace.removesuffix("s")) > configuration().get("shutdown_seconds", 25)


def test_the_worker_takes_the_configuration(tmp_path):
    """5: it was not ready for so long, since nothing listens there. 2 would be a wrong one."""
    text = (FOLDER / "backscribe.json").read_text().replace("/run/secrets", str(tmp_path))
    path = tmp_path / "config.json"
    path.write_text(text)
    (tmp_path / "speechkit").write_text("key")
    (tmp_path / "storage.json").write_text('{"access_key_id": "a", "secret_access_key": "b"}')
    command = [os.environ["BACKSCRIBE_WORKER"], "run", "--config", path, "--give-up-after", "1s"]
    for setting in ("kafka.bootstrap.servers=127.0.0.1:1", "admin.listen="):
        command += ["--set", setting]
    outcome = subprocess.run(command, capture_output=True, text=True, timeout=90, check=False)
    assert outcome.returncode == 5, outcome.stdout + outcome.stderr


def test_prometheus_and_grafana_find_what_they_are_given(compose):
    services = compose["services"]

    def mounted(name):
        pairs = [volume.split(":")[:2] for volume in services[name]["volumes"]]
        return {place: source for source, place in pairs}

    prometheus = yaml.safe_load((FOLDER / "prometheus.yaml").read_text())
    (rules,) = prometheus["rule_files"]
    assert any(pathlib.PurePath(place).match(rules) for place in mounted("prometheus"))
    (target,) = prometheus["scrape_configs"][0]["static_configs"][0]["targets"]
    host, port = target.split(":")
    assert host in services and configuration()["admin"]["listen"].endswith(f":{port}")

    (source,) = yaml.safe_load((FOLDER / "grafana" / "datasource.yaml").read_text())["datasources"]
    assert source["type"] == "prometheus" and source["url"] == "http://prometheus:9090"
    (provider,) = yaml.safe_load((FOLDER / "grafana" / "dashboards.yaml").read_text())["providers"]
    home = services["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert home in mounted("grafana") and home.startswith(provider["options"]["path"])
    dashboard = json.loads((FOLDER / mounted("grafana")[home]).read_text())
    fixed = set(re.findall(r'"uid": "([^"$]+)"', json.dumps(dashboard.get("panels"))))
    assert fixed <= {source["uid"], "grafana", "-- Grafana --"}, fixed


def test_promtool_takes_the_configuration(tmp_path):
    """With the rules where they are here."""
    text = (FOLDER / "prometheus.yaml").read_text()
    path = tmp_path / "prometheus.yaml"
    path.write_text(text.replace("/etc/prometheus/rules", str(PROJECT / "deploy" / "prometheus")))
    command = [f"{os.environ['BACKSCRIBE_PROMETHEUS']}/promtool", "check", "config", path]
    outcome = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert outcome.returncode == 0 and "rules found" in outcome.stdout, outcome.stdout + outcome.stderr
