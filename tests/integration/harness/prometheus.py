"""Debian's Prometheus: the server that scrapes workers, and promtool, which judges what they show."""

import json
import os
import pathlib
import subprocess
import urllib.error
import urllib.parse
import urllib.request

from harness.process import Process
from harness.waiting import free_ports, wait_until

START_SECONDS = 60
ROOT = pathlib.Path(__file__).resolve().parents[3]
RULES = ROOT / "deploy/prometheus/backscribe.rules.yaml"


def program(name):
    path = pathlib.Path(os.environ["BACKSCRIBE_PROMETHEUS"]) / name
    assert path.exists(), f"no {path}: run sh tests/run.sh"
    return str(path)


def complaints(page):
    """What `promtool check metrics` says of a page of metrics; "" where it is content."""
    ended = subprocess.run(
        [program("promtool"), "check", "metrics"],
        input=page.encode(),
        capture_output=True,
        timeout=60,
    )
    said = (ended.stdout + ended.stderr).decode().strip()
    assert bool(said) == bool(ended.returncode), (ended.returncode, said)
    return said


class Prometheus(Process):
    """Scrapes `targets`, {job: ports on the loopback}, each second, and evaluates the alerts."""

    def __init__(self, directory, targets):
        self.port = free_ports(1)[0]
        self.url = f"http://127.0.0.1:{self.port}"
        configuration = {  # JSON is YAML
            "global": {
                "scrape_interval": "1s",
                "scrape_timeout": "1s",
                "evaluation_interval": "1s",
            },
            "rule_files": [str(RULES)],
            "scrape_configs": [
                {
                    "job_name": job,
                    "static_configs": [{"targets": [f"127.0.0.1:{port}" for port in ports]}],
                }
                for job, ports in targets.items()
            ],
        }
        path = directory / "prometheus.json"
        path.write_text(json.dumps(configuration))
        super().__init__(
            "prometheus",
            [
                program("prometheus"),
                f"--config.file={path}",
                f"--storage.tsdb.path={directory / 'prometheus'}",
                f"--web.listen-address=127.0.0.1:{self.port}",
                "--log.level=warn",
            ],
            directory,
        )

    def start(self):
        super().start()
        wait_until(self._is_ready, START_SECONDS, self.situation)
        return self

    def _is_ready(self):
        assert self.running, self.situation()
        try:
            with urllib.request.urlopen(f"{self.url}/-/ready", timeout=5) as answer:
                return answer.status == 200
        except OSError:
            return False

    def ask(self, path, **parameters):
        """The answer's data; a query that it refuses is a failure."""
        query = urllib.parse.urlencode(parameters)
        try:
            with urllib.request.urlopen(f"{self.url}/api/v1/{path}?{query}", timeout=30) as answer:
                body = json.load(answer)
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{path}?{parameters}: {error.read().decode()}") from error
        assert body["status"] == "success" and not body.get("warnings"), body
        return body["data"]

    def query(self, expression):
        """Now: [(labels, value)]"""
        found = self.ask("query", query=expression)
        assert found["resultType"] == "vector", found
        return [(each["metric"], float(each["value"][1])) for each in found["result"]]

    def query_range(self, expression, start, end, step):
        """[(labels, [value])]"""
        found = self.ask("query_range", query=expression, start=start, end=end, step=step)
        return [
            (each["metric"], [float(value) for _, value in each["values"]])
            for each in found["result"]
        ]

    def wait_for_scrapes(self, count):
        """Until every target was scraped so many times more."""
        expression = "count_over_time(up[1d])"
        before = {tuple(sorted(labels.items())): value for labels, value in self.query(expression)}

        def done():
            now = self.query(expression)
            return now and all(
                value >= before.get(tuple(sorted(labels.items())), 0) + count
                for labels, value in now
            )

        wait_until(done, START_SECONDS, self.situation)
