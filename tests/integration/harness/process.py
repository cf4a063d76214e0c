"""A program under test: started, watched through its log file, and surely ended."""

import os
import signal
import subprocess

from harness.waiting import wait_until

LAST_LINES = 40


class Process:
    """Standard output and error go to files, so that no full pipe ever stops the program."""

    def __init__(self, name, command, directory, environment=None):
        self.name = name
        self.command = [str(part) for part in command]
        self.output_path = directory / f"{name}.out"
        self.log_path = directory / f"{name}.log"
        self.environment = {**os.environ, **(environment or {})}
        self._process = None
        self._log_start = 0

    def add_environment(self, **variables):
        """For the next start."""
        self.environment.update(variables)

    def start(self):
        self._log_start = self.log_path.stat().st_size if self.log_path.exists() else 0
        with open(self.output_path, "ab") as output, open(self.log_path, "ab") as log:
            self._process = subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=log,
                env=self.environment,
            )
        return self

    @property
    def pid(self):
        return self._process.pid

    @property
    def running(self):
        return self._process is not None and self._process.poll() is None

    @property
    def log(self):
        """What this start has logged so far."""
        with open(self.log_path, "rb") as log:
            log.seek(self._log_start)
            return log.read().decode(errors="replace")

    def situation(self):
        state = "running" if self.running else f"ended with {self._process.returncode}"
        tail = "\n".join(self.log.splitlines()[-LAST_LINES:])
        return f"{self.name} is {state}; its last lines:\n{tail}"

    def wait_for_log(self, text, timeout_seconds):
        wait_until(
            lambda: text in self.log or not self.running,
            timeout_seconds,
            lambda: f"log line with {text!r}; {self.situation()}",
        )
        assert text in self.log, f"no log line with {text!r}; {self.situation()}"

    def wait_for_end(self, timeout_seconds):
        """The exit status; a process that outlives the time is a failure."""
        wait_until(
            lambda: not self.running,
            timeout_seconds,
            lambda: f"the end of {self.name}; {self.situation()}",
        )
        return self._process.returncode

    def send(self, which):
        self._process.send_signal(which)

    def kill(self):
        """SIGKILL, reaped when this returns. Tolerates a process that has ended."""
        if self.running:
            self._process.send_signal(signal.SIGCONT)
            self._process.kill()
        if self._process is not None:
            self._process.wait()
