"""The harness of the scenarios, for a broker and the stand-in of the API."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tests" / "integration"))

from harness.fixtures import scene, shared_broker  # noqa: E402, F401
