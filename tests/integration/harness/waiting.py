"""Waiting for a condition: the only way in which a scenario lets time pass."""

import socket
import time


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
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
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
