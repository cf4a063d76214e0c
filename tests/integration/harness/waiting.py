"""Waiting for a condition: the only way in which a scenario lets time pass."""

import random
import socket
import time

# Below what the kernel hands out to connections (from 32768 on): a program that is down for a
# moment finds its port free when it comes back.
PORTS = range(10_000, 32_000)


class Deadline(AssertionError):
    """The condition did not come true in time."""


def wait_until(condition, timeout_seconds, what, pause_seconds=0.05):
    """Returns the first true value of `condition()`. `what` (text, or a function that tells the
    present situation) explains a failure."""
    end = time.monotonic() + timeout_seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() >= end:
            explanation = what() if callable(what) else what
            raise Deadline(f"not within {timeout_seconds} s: {explanation}")
        time.sleep(pause_seconds)


def free_ports(count):
    """Ports that nobody listens on now; held together, so that they differ."""
    sockets = []
    try:
        while len(sockets) < count:
            each = socket.socket()
            try:
                each.bind(("127.0.0.1", random.choice(PORTS)))
                sockets.append(each)
            except OSError:
                each.close()
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


def port_answers(port):
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False
