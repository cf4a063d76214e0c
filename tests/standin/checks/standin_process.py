"""The stand-in as a process, and what a test asks of it."""

import http.client
import json
import os
import subprocess
import tempfile
import time
import unittest

SUBMIT = "/speech/stt/v2/longRunningRecognize"


class StandinTest(unittest.TestCase):
    """Starts the program that BACKSCRIBE_STANDIN names; nothing of it outlives its test."""

    def start(self, *arguments):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.log_path = os.path.join(folder.name, "log.jsonl")
        self.folder = folder.name
        self.process = subprocess.Popen(
            [os.environ["BACKSCRIBE_STANDIN"], "--log", self.log_path, *map(str, arguments)],
            stdout=subprocess.PIPE,
            text=True,
        )
        self.addCleanup(self.stop)
        self.address = self._address("listening on ")
        self.control = self._address("control on ")

    def _address(self, words):
        line = self.process.stdout.readline()
        self.assertTrue(line.startswith(words), line)
        host, port = line.removeprefix(words).strip().split(":")
        return host, int(port)

    def stop(self):
        """Its exit status tells of leaks and races where sanitizers are built in."""
        if self.process.poll() is None:
            self.process.terminate()
        self.assertEqual(self.process.wait(30), 0)
        self.process.stdout.close()

    def request(self, method, path, body=None, headers=None, address=None, timeout=30):
        connection = http.client.HTTPConnection(*(address or self.address), timeout=timeout)
        try:
            data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
            connection.request(method, path, data, headers or {})
            answer = connection.getresponse()
            answer.content = answer.read()
            return answer
        finally:
            connection.close()

    def json(self, *arguments, status=200, **more):
        answer = self.request(*arguments, **more)
        self.assertEqual(answer.status, status, answer.content)
        return json.loads(answer.content)

    def faults(self, *rules, **more):
        return self.json(
            "POST", "/standin/faults", {"rules": list(rules), **more}, address=self.control
        )

    def stats(self):
        return self.json("GET", "/standin/stats", address=self.control)

    def link(self, name):
        return "http://{}:{}/recordings/{}".format(*self.address, name)

    def body(self, name="call.ogg", **specification):
        return {
            "config": {"specification": {"model": "general", **specification}},
            "audio": {"uri": self.link(name)},
        }

    def submit(self, name="call.ogg", status=200, headers=None, **specification):
        return self.json(
            "POST", SUBMIT, self.body(name, **specification), headers, status=status
        )

    def check(self, operation, status=200):
        return self.json("GET", "/operations/" + operation["id"], status=status)

    def wait_done(self, operation, seconds=60):
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            answer = self.check(operation)
            if answer["done"]:
                return answer
            time.sleep(0.05)
        self.fail(f"not done after {seconds} s: {answer}")

    def log(self, event):
        """All lines of a kind; what has happened is there 100 ms later at the latest."""
        time.sleep(0.3)
        with open(self.log_path, encoding="utf-8") as lines:
            entries = [json.loads(line) for line in lines]
        return [entry for entry in entries if entry["event"] == event]


def text_of(answer):
    chunks = answer["response"].get("chunks", [])
    return " ".join(chunk["alternatives"][0]["text"] for chunk in chunks)
