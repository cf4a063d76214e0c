"""What a benchmark reads off a process and a journal; of the worker's own words only the moment
from a submission's sending to its record, which nobody else sees."""

import datetime
import os
import pathlib
import platform
import re
import resource
import statistics
import subprocess

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid):
    """User and system time of a process with all its threads."""
    # The name stands in parentheses and may hold spaces; the fields after it are fixed.
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_SECOND


def resident_bytes(pid):
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"^VmRSS:\s+(\d+) kB", status, re.MULTILINE)[1]) * 1024


def peak_resident_bytes(pid):
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"^VmHWM:\s+(\d+) kB", status, re.MULTILINE)[1]) * 1024


def percentile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else float("nan")


def histogram(metrics, name):
    """(mean, bucket bound that half, and that 99 %, of the values do not exceed)"""
    count = metrics[f"{name}_count", ()]
    buckets = sorted(
        (float(dict(labels)["le"]), value)
        for (series, labels), value in metrics.items()
        if series == f"{name}_bucket"
    )

    def bound(share):
        return next(bound for bound, below in buckets if below >= share * count)

    return metrics[f"{name}_sum", ()] / count, bound(0.5), bound(0.99)


def detection_delays(checks):
    """Seconds from each operation's end at the service to the answer that told of it."""
    return [check.at - check.ended_at for check in checks if check.outcome == "done"]


def mean(values):
    return statistics.fmean(values) if values else float("nan")


def h2load(url, requests, connections, authorization, body_path=None):
    """(requests a second, CPU µs a request) that a plain load generator reaches over HTTP/1.1."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = ["h2load", "--h1", "-t", "1", "-n", str(requests), "-c", str(connections)]
    command += ["-H", f"authorization: {authorization}"]
    if body_path is not None:
        command += ["-d", str(body_path), "-H", "content-type: application/json"]
    done = subprocess.run([*command, url], check=True, capture_output=True, text=True).stdout
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    succeeded = int(re.search(r"(\d+) succeeded", done)[1])
    assert succeeded == requests, done
    rate = float(re.search(r"finished in .*?, ([\d.]+) req/s", done)[1])
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return rate, cpu / requests * 1e6


def machine():
    """One line: processor, memory, system, and the day."""
    processor = re.search(
        r"^model name\s*: (.*)$", pathlib.Path("/proc/cpuinfo").read_text(), re.MULTILINE
    )
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / (1 << 30)
    debian = pathlib.Path("/etc/debian_version").read_text().strip()
    return (
        f"{os.cpu_count()} × {processor[1] if processor else platform.machine()}, "
        f"{memory:.0f} GiB, Debian {debian}, Linux {platform.release().partition('-')[0]}; "
        f"{datetime.date.today().isoformat()}"
    )
