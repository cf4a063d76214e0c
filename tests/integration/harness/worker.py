"""The worker under test: its configuration, its process, its admin endpoint."""

import json
import os
import re
import signal
import urllib.error
import urllib.request

from harness.process import Process
from harness.waiting import free_ports, wait_until

READY_SECONDS = 60
END_SECONDS = 60
SANITIZER_REPORT = re.compile(
    r"(ERROR|WARNING): (Address|Leak|Thread|UndefinedBehavior)Sanitizer|runtime error:"
)
METRIC_LINE = re.compile(r"^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$")
METRIC_LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"')


def merged(base, changes):
    """`base` with `changes` laid over it, object by object; None takes a key away."""
    result = dict(base)
    for key, value in changes.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, dict) and isinstance(result.get(key), dict):
            result[key] = merged(result[key], value)
        else:
            result[key] = value
    return result


def command_environment():
    # A worker whose memory is in order at its end says so by its own exit status.
    return {"ASAN_OPTIONS": "detect_leaks=1:exitcode=99", "UBSAN_OPTIONS": "print_stacktrace=1"}


class Command(Process):
    """Any subcommand of the binary."""

    def __init__(self, name, directory, configuration, arguments):
        self.configuration_path = directory / f"{name}.json"
        self.configuration_path.write_text(json.dumps(configuration, indent=2))
        subcommand, *options = arguments
        command = [os.environ["BACKSCRIBE_WORKER"], subcommand]
        super().__init__(
            name,
            [*command, "--config", self.configuration_path, *options],
            directory,
            command_environment(),
        )

    @property
    def output(self):
        return self.output_path.read_bytes()

    def wait_for_end(self, timeout_seconds=END_SECONDS):
        status = super().wait_for_end(timeout_seconds)
        assert not SANITIZER_REPORT.search(self.log), self.log[-20000:]
        return status


class Worker(Command):
    def __init__(self, name, directory, configuration, arguments=()):
        self.port = free_ports(1)[0]
        configuration = merged(configuration, {"admin": {"listen": f"127.0.0.1:{self.port}"}})
        super().__init__(name, directory, configuration, ["run", *arguments])

    def get(self, path):
        """(status, body) of the admin endpoint; (0, "") while it does not answer."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError:
            return 0, ""

    def status(self):
        code, body = self.get("/status")
        return json.loads(body) if code == 200 else {}

    def metrics(self):
        """{(name without prefix, labels as sorted pairs): value}; {} while nobody answers."""
        code, body = self.get("/metrics")
        found = {}
        if code != 200:
            return found
        for line in body.splitlines():
            if not line or line.startswith("#"):
                continue
            match = METRIC_LINE.match(line)
            assert match, f"not a metric: {line!r}"
            labels = tuple(sorted(METRIC_LABEL.findall(match[2] or "")))
            found[match[1].removeprefix("backscribe_"), labels] = float(match[3])
        return found

    def metric(self, name, **labels):
        """The sum over all series of the metric that have these labels."""
        wanted = set(labels.items())
        return sum(
            value
            for (series, its_labels), value in self.metrics().items()
            if series == name and wanted <= set(its_labels)
        )

    def not_ready_reasons(self):
        return {
            dict(labels)["reason"]
            for (name, labels), value in self.metrics().items()
            if name == "not_ready" and value > 0
        }

    def wait_until_ready(self, timeout_seconds=READY_SECONDS):
        self._wait(lambda: self.get("/readyz")[0] == 200, timeout_seconds, "ready")

    def wait_until_not_ready(self, reason, timeout_seconds=READY_SECONDS):
        """Returns /readyz's text, which must name the reason too."""
        self._wait(
            lambda: reason in self.not_ready_reasons(), timeout_seconds, f"not ready for {reason}"
        )
        code, body = self.get("/readyz")
        assert code == 503 and reason in body, (code, body)
        return body

    def _wait(self, condition, timeout_seconds, what):
        wait_until(
            lambda: condition() or not self.running,
            timeout_seconds,
            lambda: f"{what}; /readyz says {self.get('/readyz')}; {self.situation()}",
        )
        assert self.running, f"{what}; {self.situation()}"

    def stop(self, timeout_seconds=END_SECONDS):
        """SIGTERM; the exit status."""
        self.send(signal.SIGTERM)
        return self.wait_for_end(timeout_seconds)

    def suspend(self):
        self.send(signal.SIGSTOP)

    def resume(self):
        self.send(signal.SIGCONT)
