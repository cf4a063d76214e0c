"""Runs a program with BACKSCRIBE_TEST_KAFKA set to a broker of its own; ends with its status."""

import os
import pathlib
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "integration"))

from harness.broker import Broker  # noqa: E402


def main():
    with tempfile.TemporaryDirectory() as directory:
        broker = Broker(pathlib.Path(directory) / "broker")
        try:
            broker.start()
            environment = dict(os.environ, BACKSCRIBE_TEST_KAFKA=broker.bootstrap)
            return subprocess.run(sys.argv[1:], env=environment, check=False).returncode
        finally:
            broker.kill()


if __name__ == "__main__":
    sys.exit(main())
