"""The harness of the scenarios, and what runs an image."""

import pathlib
import sys

FOLDER = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(FOLDER.parents[1] / "tests" / "integration"), str(FOLDER.parent / "image")]
