"""The stand-in of the API (tests/standin): its process, its faults, and its journal."""

import dataclasses
import json
import os
import re
import urllib.error
import urllib.request

from harness.process import Process
from harness.waiting import free_ports, wait_until

START_SECONDS = 60  # a decoder's models take a while to load


@dataclasses.dataclass(frozen=True)
class Submission:
    at: float  # seconds since 1970
    uri: str
    outcome: str  # accepted, refused, quota, fault
    operation: str | None
    idempotency_key: str | None
    client_request_id: str | None


@dataclasses.dataclass(frozen=True)
class Check:
    at: float
    operation: str
    outcome: str  # running, done, failed, not_found, refused, quota, fault
    ended_at: float | None  # when the operation ended, if it has


class Standin(Process):
    """`options` are the command line's, with underscores; True is an option without a value."""

    def __init__(self, directory, api_key, **options):
        port = free_ports(1)[0]
        self.url = f"http://127.0.0.1:{port}"
        self.authorization = f"Api-Key {api_key}"
        self._key_file = directory / "standin-key"
        self._key_file.write_text(api_key)
        self._journal_path = directory / "standin.journal"
        self._journal_read = 0
        self._submissions = []
        self._checks = []
        self._recordings = []
        command = [os.environ["BACKSCRIBE_STANDIN"], "--listen", f"127.0.0.1:{port}"]
        command += ["--api-key-file", self._key_file, "--log", self._journal_path]
        for name, value in options.items():
            command.append("--" + name.replace("_", "-"))
            if value is not True:
                command.append(str(value))
        super().__init__("standin", command, directory)
        self._output_start = 0

    def start(self):
        self._output_start = self.output_path.stat().st_size if self.output_path.exists() else 0
        super().start()
        wait_until(self._control, START_SECONDS, self.situation)
        return self

    def _control(self):
        """The address that answers also when the service plays dead."""
        assert self.running, self.situation()
        said = self.output_path.read_bytes()[self._output_start :].decode()
        match = re.search(r"control on (\S+)\n", said)
        return match and f"http://{match[1]}"

    def _ask(self, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        try:
            with urllib.request.urlopen(self._control() + path, data, timeout=30) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{path}: {error.read().decode()}") from error

    def submit(self, uri, api_key=None):
        """As a worker would, with the key that is accepted now unless another is given; the
        operation's id."""
        request = urllib.request.Request(
            f"{self.url}/speech/stt/v2/longRunningRecognize",
            json.dumps({"config": {"specification": {}}, "audio": {"uri": uri}}).encode(),
            {"Authorization": self.authorization if api_key is None else f"Api-Key {api_key}"},
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)["id"]

    # ---- what goes wrong

    def faults(self, *rules, **more):
        """These rules from now on, and no others; without any, all is well."""
        self._ask("/standin/faults", {"rules": list(rules), **more})

    def outage(self, kind):
        """ "refuse": nobody listens. "close": connections end at once. "none"."""
        self._ask("/standin/faults", {"outage": kind})

    def end_running(self):
        """What runs is done from now on."""
        self._ask("/standin/faults", {"end_running": True})

    def accept_key(self, key):
        """From now on this API key and no other."""
        self._key_file.write_text(key)
        self.authorization = f"Api-Key {key}"
        request = urllib.request.Request(
            f"{self.url}/operations/none", headers={"Authorization": self.authorization}
        )

        def accepted():
            try:
                with urllib.request.urlopen(request, timeout=10):
                    return True
            except urllib.error.HTTPError as error:
                error.close()
                return error.code != 401

        wait_until(accepted, 10, "the stand-in accepts the new key")

    # ---- what has happened

    def arrived(self, kind):
        """Requests of a kind ("submissions", "checks") that came in, whatever became of them."""
        return self._ask("/standin/stats")[kind]["arrived"]

    def stats(self):
        return self._ask("/standin/stats")

    def _read_journal(self):
        with open(self._journal_path, "rb") as journal:
            journal.seek(self._journal_read)
            lines = journal.read()
        whole = lines.rfind(b"\n") + 1
        self._journal_read += whole
        for line in lines[:whole].splitlines():
            entry = json.loads(line)
            at = entry["at"] / 1000
            if entry["event"] == "submission":
                self._submissions.append(
                    Submission(
                        at,
                        entry.get("uri", ""),
                        entry["outcome"],
                        entry.get("operation"),
                        entry.get("idempotencyKey"),
                        entry.get("clientRequestId"),
                    )
                )
            elif entry["event"] == "check":
                ended_at = entry["endedAt"] / 1000 if "endedAt" in entry else None
                self._checks.append(Check(at, entry["operation"], entry["outcome"], ended_at))
            elif entry["event"] == "recording":
                self._recordings.append(entry)

    def submissions(self):
        self._read_journal()
        return self._submissions

    def accepted_submissions(self):
        return [each for each in self.submissions() if each.outcome == "accepted"]

    def recordings(self):
        """What was read to be heard: the journal's own fields (operation, uri, sizeBytes, sha256,
        encoding, sampleRateHertz, channels, problem)."""
        self._read_journal()
        return self._recordings

    def checks(self):
        self._read_journal()
        return self._checks
