"""The scenes of the integration tests serve here, too."""

import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "integration")]

from harness.fixtures import scene, shared_broker  # noqa: E402, F401
