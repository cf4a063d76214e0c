"""Fixtures: a broker for each file of scenarios, a scene for each scenario."""

import pytest

from harness.broker import Broker
from harness.scene import Scene


@pytest.fixture(scope="session")
def shared_broker(tmp_path_factory):
    broker = Broker(tmp_path_factory.mktemp("broker"))
    try:
        yield broker.start()
    finally:
        broker.kill()


def _scene(broker, directory):
    scene = Scene(broker, directory)
    try:
        yield scene
        scene.expect_clean_logs()
    finally:
        scene.close()


@pytest.fixture
def scene(shared_broker, tmp_path):
    yield from _scene(shared_broker, tmp_path)


@pytest.fixture
def own_broker(tmp_path):
    """Not started: for scenarios that stop and start it."""
    broker = Broker(tmp_path / "broker")
    try:
        yield broker
    finally:
        broker.kill()


@pytest.fixture
def scene_with_own_broker(own_broker, tmp_path):
    yield from _scene(own_broker, tmp_path)
