"""compose.yaml's graph comes up in its own order, in its own images, and does docs/how-to/compose.md's
three commands: from nothing to text."""

import re

import pytest
from container import unpacked
from engine import Graph
from harness.waiting import wait_until

SAID = {
    "cards/card_001.wav": "ten of clubs",
    "cards/card_003.wav": "seven of clubs",
    "cards/card_005.wav": "eight of spades four of clubs seven of hearts",
    "goforward.raw": "go forward ten meters",
    "numbers/dhd.2934z.raw": "two nine three four zero",
}
TRANSCRIPT_SECONDS = 120


@pytest.fixture(scope="module")
def graph(tmp_path_factory):
    with unpacked("BACKSCRIBE_IMAGE") as worker, unpacked("BACKSCRIBE_STANDIN_IMAGE") as standin:
        images = {"backscribe": worker, "backscribe-standin": standin}
        graph = Graph(tmp_path_factory.mktemp("compose"), images, ["standin"])
        try:
            graph.up()
            yield graph
        finally:
            graph.close()


def texts(graph):
    status, process = graph.run("backscribe", "results", "--format", "text")
    assert status == 0, process.situation()
    written = process.output_path.read_text(encoding="utf-8")
    found = re.findall(r"^# s3://recordings/archive/([^#\n]*)#.*\n\[[\d:]+\] (.*)$", written, re.M)
    assert len(found) == len(dict(found)), "a result is there twice"
    return dict(found)


def test_a_folder_becomes_text_in_three_commands(graph):
    upload = ["enqueue", "--upload-to", "s3://recordings/archive", "/recordings"]
    status, process = graph.run("backscribe", *upload)
    assert status == 0, process.situation()
    worker = graph.processes["backscribe"]
    wait_until(lambda: texts(graph) == SAID, TRANSCRIPT_SECONDS,
               lambda: f"{texts(graph)}; {worker.situation()}", pause_seconds=1)  # fmt: skip


def test_the_worker_is_ready_where_the_monitoring_asks(graph):
    wait_until(lambda: graph.get("http://127.0.0.1:9464/readyz")[0], 60, graph.processes["backscribe"].situation)
    answered, text = graph.get("http://127.0.0.1:9464/metrics")
    assert answered and re.search(r"^backscribe_ready 1$", text, re.M)


def test_keys_stay_when_everything_is_started_again(graph):
    secrets = graph.directory / "volumes" / "secrets"
    before = {path.name: path.read_bytes() for path in secrets.iterdir()}
    assert set(before) == {"speechkit", "storage.json"}
    assert all(path.stat().st_mode & 0o077 == 0 for path in secrets.iterdir())
    again = graph.process("prepare").start()
    assert again.wait_for_end(30) == 0, again.situation()
    assert {path.name: path.read_bytes() for path in secrets.iterdir()} == before


def test_all_of_it_ends_well_when_it_is_asked_to(graph):
    for name in ("backscribe", "speechkit", "objects"):
        process = graph.processes[name]
        process.send(15)
        assert process.wait_for_end(40) == 0, process.situation()
