"""What the scenarios ask for by name."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))

from harness.fixtures import (  # noqa: E402, F401
    own_broker,
    scene,
    scene_with_own_broker,
    shared_broker,
)
