"""What is large passes through the worker in little memory."""

import http.client
import os
import pathlib
import re
import struct
import urllib.request

import pytest
from harness.process import Process
from harness.scene import merged
from harness.topics import job_value
from harness.waiting import free_ports, wait_until

MIB = 1 << 20
LARGEST = 1 << 30  # bytes of samples that the API takes
LIMIT_BYTES = 64 * MIB
# What a worker's first job, of any size, has it allocate: connections, librdkafka's buffers. The
# address sanitizer has shadows of its own, and never lets a block grow where it stands.
SANITIZED = b"__asan_init" in pathlib.Path(os.environ["BACKSCRIBE_WORKER"]).read_bytes()
OF_A_FIRST_JOB = (16 if SANITIZED else 4) * MIB


class Folder(Process):
    """An object store over a folder: what the other one holds in memory, this one has in files."""

    def __init__(self, directory):
        self.folder = directory / "objects"
        self.folder.mkdir()
        self.port = free_ports(1)[0]
        self.url = f"http://127.0.0.1:{self.port}"
        program = pathlib.Path(os.environ["BACKSCRIBE_STANDIN"]).parent / "backscribe-standin-objects"
        command = [program, "--listen", f"127.0.0.1:{self.port}", "--directory", self.folder]
        command += ["--bucket", "recordings"]
        super().__init__("folder", command, directory)

    def start(self):
        super().start()
        wait_until(
            lambda: not self.running or "listening on" in self.output_path.read_text(),
            30,
            self.situation,
        )
        assert self.running, self.situation()
        return self

    def put_wav(self, name, tag, channels, rate, bits, data_bytes):
        """Silence, piece by piece."""
        block = channels * bits // 8
        form = struct.pack("<HHIIHH", tag, channels, rate, rate * block, block, bits)
        head = b"RIFF" + struct.pack("<I", 36 + data_bytes) + b"WAVEfmt " + struct.pack("<I", 16)
        head += form + b"data" + struct.pack("<I", data_bytes)
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.putrequest("PUT", f"/recordings/{name}")
        connection.putheader("Content-Length", str(len(head) + data_bytes))
        connection.endheaders(head)
        for _ in range(data_bytes // MIB):
            connection.send(bytes(MIB))
        assert connection.getresponse().status == 200
        connection.close()

    def staged(self):
        return [path for path in (self.folder / "recordings").iterdir() if "staging" in path.name]


@pytest.fixture
def folder(tmp_path):
    store = Folder(tmp_path)
    try:
        yield store.start()
    finally:
        store.kill()


def memory_bytes(worker, field):
    """VmRSS, or VmHWM: the most that there was."""
    status = pathlib.Path(f"/proc/{worker.pid}/status").read_text()
    return int(re.search(rf"^{field}:\s+(\d+) kB", status, re.MULTILINE)[1]) * 1024


# Linear samples as they are; A-law, of which each byte becomes two.
@pytest.mark.parametrize("tag,bits,data_bytes", [(1, 16, LARGEST), (6, 8, LARGEST // 2)])
def test_a_recording_of_1_gb_is_staged_in_less_than_64_mib(scene, folder, tag, bits, data_bytes):
    folder.put_wav("large.wav", tag, 2, 48000, bits, data_bytes)
    scene.create_topics(partitions=1)
    scene.start_standin(duration_ms=3_600_000)
    objects = {
        "endpoint": folder.url,
        "buckets": ["recordings"],
        "auth": {"none": True},
        "staging": "s3://recordings/staging",
    }
    changes = merged({"objects": objects}, {"checks": {"seconds_per_audio_minute": 0}})
    worker = scene.new_worker(changes)
    # What the address sanitizer keeps of freed memory is not the worker's.
    worker.add_environment(ASAN_OPTIONS="exitcode=99:quarantine_size_mb=1")
    worker.start().wait_until_ready()
    before = memory_bytes(worker, "VmHWM")
    scene.enqueue_value(job_value("s3://recordings/large.wav", id="large"), b"large")
    scene.wait_for_submissions(1, 300)
    grown = memory_bytes(worker, "VmHWM") - before
    (copy,) = folder.staged()
    assert copy.stat().st_size == LARGEST
    print(f"{grown / MIB:.1f} MiB above the {before / MIB:.1f} MiB before, for 1 GB staged")
    assert grown < LIMIT_BYTES
    scene.standin.end_running()
    scene.wait_for_answers(1, 60)
    assert folder.staged() == []
    scene.stop_workers()


def answer_bytes(scene):
    """Of the operation's answer, as the service sends it."""
    (submission,) = scene.standin.accepted_submissions()[-1:]
    request = urllib.request.Request(
        f"{scene.standin.url}/operations/{submission.operation}",
        headers={"Authorization": scene.standin.authorization},
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        return len(answer.read())


def test_the_answer_of_four_hours_passes_within_three_copies_of_it(scene):
    scene.create_topics(partitions=1)
    scene.start_standin(duration_ms=0, audio_seconds=14400, words_per_minute=200)
    worker = scene.new_worker({"checks": {"first_guess_seconds": 1}})
    worker.add_environment(ASAN_OPTIONS="exitcode=99:quarantine_size_mb=1")
    worker.start().wait_until_ready()
    before = memory_bytes(worker, "VmHWM")
    (job,) = scene.enqueue(1)
    scene.wait_for_answers(1, 120)
    grown = memory_bytes(worker, "VmHWM") - before
    results = scene.account.expect_only_results([job])
    size = answer_bytes(scene)
    assert size > 3 * MIB and results[job.source][1]["chunks"]
    print(f"{grown / size:.2f} times the answer of {size} bytes, all else of a first job included")
    assert grown < 3 * size + OF_A_FIRST_JOB
    scene.stop_workers()
