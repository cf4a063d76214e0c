"""Plays the lanes of the plan against the parts."""

import threading
import time

import fleet
import network
import plan


class Faults:
    """`parts` has: brokers, fleet, network, standin, events, seed."""

    def __init__(self, parts):
        self._parts = parts
        self._over = threading.Event()
        self._decks_played = {name: threading.Event() for name in plan.DECKS}
        self.problems = []
        self.played = 0
        self._threads = [
            threading.Thread(target=self._run, args=(name,), name=name, daemon=True)
            for name in plan.DECKS
        ]

    def start(self):
        for thread in self._threads:
            thread.start()

    @property
    def every_deck_was_played(self):
        return all(played.is_set() for played in self._decks_played.values())

    def end(self):
        """After the steps that are under way, all is well again."""
        self._over.set()
        for thread in self._threads:
            thread.join()
        self._parts.network.heal_everything()

    def _run(self, name):
        try:
            for number, step in enumerate(plan.lane(self._parts.seed, name), 1):
                if self._over.wait(step.pause):
                    return
                PLAYERS[step.fault](self._parts, step)
                self.played += 1
                if number == len(plan.DECKS[name]):
                    self._decks_played[name].set()
        except Exception as problem:  # of the run itself: it must not look like peace
            self.problems.append(problem)
            self._decks_played[name].set()


# ---- workers


def _slot(parts, step):
    return parts.fleet.slots[step.who]


def _kill(parts, step):
    fleet.kill_for_a_while([_slot(parts, step)], step.seconds)


def _kill_all(parts, step):
    fleet.kill_for_a_while(parts.fleet.slots, step.seconds)


def _stop(parts, step):
    slot = _slot(parts, step)
    with slot.lock:
        if slot.worker.running:
            with parts.events.trouble("stopped", slot.name):
                slot.worker.suspend()
                time.sleep(step.seconds)
                slot.worker.resume()


def _restart_workers(parts, _):
    fleet.restart_one_after_another(parts.fleet.slots)


# ---- brokers


def _lose_broker(parts, step):
    node = parts.brokers.nodes[step.who]
    with parts.events.trouble(f"broker {step.who + 1} lost"):
        node.kill()
        time.sleep(step.seconds)
        node.start()
        parts.brokers.wait_until_in_sync()


def _restart_brokers(parts, _):
    for number, node in enumerate(parts.brokers.nodes, 1):
        with parts.events.trouble(f"broker {number} restarted"):
            node.stop()
            node.start()
            parts.brokers.wait_until_in_sync()


# ---- the network


def _cut(kind, what):
    def cut(parts, step):
        name = _slot(parts, step).name
        with parts.events.trouble(f"{what} ({step.how})", name, explains=kind == "kafka"):
            parts.network.cut(kind, name, step.how)
            time.sleep(step.seconds)
            parts.network.heal(kind, name)

    return cut


def _reset(parts, step):
    name = _slot(parts, step).name
    with parts.events.trouble("connections to Kafka reset", name):
        parts.network.reset("kafka", name)


def _storm(parts, step):
    with parts.events.trouble("storm", explains=False):
        parts.network.set_weather(network.STORM)
        time.sleep(step.seconds)
        parts.network.set_weather(network.FAIR)


def _outage(parts, step):
    with parts.events.trouble(f"outage of the API ({step.how})", explains=False):
        parts.standin.outage(step.how)
        time.sleep(step.seconds)
        parts.standin.outage("none")


PLAYERS = {
    "kill": _kill,
    "kill all": _kill_all,
    "stop": _stop,
    "restart one after another": _restart_workers,
    "lose a broker": _lose_broker,
    "restart brokers one after another": _restart_brokers,
    "cut off from Kafka": _cut("kafka", "cut off from Kafka"),
    "cut off from the API": _cut("api", "cut off from the API"),
    "reset to Kafka": _reset,
    "storm": _storm,
    "outage of the API": _outage,
}
assert PLAYERS.keys() == {fault for deck in plan.DECKS.values() for fault, *_ in deck}
