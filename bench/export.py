"""`backscribe results` on a real broker, all on this machine: so many results of a minute of speech in
each format, as a stream and as files, and one of four hours. A Markdown table. CPU and memory are the
command's own, as the kernel tells at its end."""

import argparse
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tests" / "integration"))

from harness.broker import Broker  # noqa: E402
from harness.scene import Scene  # noqa: E402
from harness.transcripts import message, result, speech  # noqa: E402

import measure  # noqa: E402

WORDS_A_MINUTE = 130
SAMPLES = 100  # different ones, which are repeated under other names


def publish(scene, count):
    """Results of about a minute; the bytes that they take in all."""
    samples = [result("NAME", speech(seed, words=WORDS_A_MINUTE)) for seed in range(SAMPLES)]
    values = [json.dumps(body, ensure_ascii=False) for body in samples]
    size = 0
    for first in range(0, count, 10_000):
        messages = []
        for number in range(first, min(first + 10_000, count)):
            name = f"2026/{number // 1000:04}/call-{number:07}"
            value = values[number % SAMPLES].replace("NAME", name).encode()
            messages.append((name.encode(), value, (), None))
            size += len(value)
        scene.cluster.produce(scene.topics["results"], messages)
    return size


# A process of its own, small: the peak of memory that is told of a child is never less than that of
# the process that it was forked from.
CHILD = """
import json, os, sys
pid = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ)
_, status, used = os.wait4(pid, 0)
json.dump([status, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024], sys.stderr)
"""


def run(scene, arguments):
    """(seconds, CPU seconds, peak MiB) of one run to its end."""
    command = scene.new_command(["results", *arguments])
    began = time.monotonic()
    child = [sys.executable, "-S", "-c", CHILD, *command.command]
    done = subprocess.run(
        child, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=command.environment, check=True
    )
    seconds = time.monotonic() - began
    status, cpu, peak = json.loads(done.stderr.splitlines()[-1])
    assert status == 0, done.stderr
    return seconds, cpu, peak


def row(what, count, size, figures):
    seconds, cpu, peak = figures
    print(
        f"| {what} | {count / seconds:,.0f} | {size / seconds / 1e6:,.0f} | "
        f"{cpu / count * 1e6:,.0f} | {peak:,.0f} |",
        flush=True,
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--results", type=int, default=100_000)
    count = parser.parse_args().results
    with tempfile.TemporaryDirectory(prefix="backscribe-export-") as name:
        directory = pathlib.Path(name)
        broker = Broker(directory / "broker", "message.max.bytes=20000000\n")
        try:
            broker.start()
            scene = Scene(broker, directory)
            scene.cluster.create_topic(scene.topics["results"], 8, max_message_bytes=20_000_000)
            size = publish(scene, count)
            print(f"{measure.machine()}\n\n{count} results of {size / count:,.0f} bytes\n")
            print("| what | results/s | MB/s | CPU µs a result | peak MiB |")
            print("| --- | --- | --- | --- | --- |")
            for format_name in ("jsonl", "csv", "srt"):
                row(f"{format_name}, a stream", count, size, run(scene, ["--format", format_name]))
            again = []
            for format_name in ("jsonl", "srt"):
                arguments = ["--format", format_name, "--output", str(directory / format_name)]
                row(f"{format_name}, files", count, size, run(scene, arguments))
                again.append(run(scene, arguments)[0])
                shutil.rmtree(directory / format_name)
            long = Scene(broker, directory)
            long.cluster.create_topic(long.topics["results"], 1, max_message_bytes=20_000_000)
            body = result("four-hours", speech(1, words=4 * 60 * WORDS_A_MINUTE * 2))
            written = message(body)
            long.cluster.produce(long.topics["results"], [written])
            for format_name in ("jsonl", "srt"):
                row(
                    f"one of four hours and two channels, {format_name}",
                    1,
                    len(written[1]),
                    run(long, ["--format", format_name]),
                )
            print(f"\nThe same command again, with nothing new: {max(again):.2f} s")
        finally:
            broker.kill()


if __name__ == "__main__":
    main()
