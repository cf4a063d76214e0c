"""What goes wrong in a run, drawn from its seed: the same seed, the same plan.

Three lanes go on side by side: the workers, the brokers, the network. Each plays its deck of faults
in an order of its own, every fault once, then again in another order for as long as jobs are left."""

import dataclasses
import itertools
import random

WORKERS = 4
BROKERS = 3


@dataclasses.dataclass(frozen=True)
class Step:
    pause: float  # seconds of peace before it
    fault: str
    who: int  # the number of a worker or a broker, where it is about one
    seconds: float  # how long it lasts, or how long the killed one stays away
    how: str = ""

    def __str__(self):
        how = f" ({self.how})" if self.how else ""
        return f"{self.pause:4.1f} s later: {self.fault}{how}, {self.who}, {self.seconds:.1f} s"


@dataclasses.dataclass(frozen=True)
class Options:
    """What is as it is for a whole run."""

    partitions: int
    grown_partitions: int  # what the jobs topic has in the end
    static_members: bool
    session_ms: int
    connections: int
    grow_after_seconds: float


# (fault, how, shortest, longest)
DECKS = {
    "workers": (
        ("kill", "", 0, 4),
        ("kill", "", 0, 12),
        ("stop", "", 9, 16),  # longer than the session
        ("stop", "", 3, 6),  # shorter than it, or nearly so
        ("kill all", "", 0, 3),
        ("restart one after another", "", 0, 0),
    ),
    "brokers": (
        ("lose a broker", "", 6, 15),
        ("restart brokers one after another", "", 0, 0),
    ),
    "network": (
        ("cut off from Kafka", "refuse", 3, 14),
        ("cut off from Kafka", "silent", 8, 16),
        ("reset to Kafka", "", 0, 0),
        ("cut off from the API", "refuse", 3, 10),
        ("cut off from the API", "silent", 3, 14),
        ("storm", "", 8, 15),
        ("outage of the API", "refuse", 3, 8),
        ("outage of the API", "close", 3, 8),
    ),
}
PAUSES = {"workers": (2, 6), "brokers": (6, 14), "network": (1, 5)}


def options(seed):
    chance = random.Random(f"{seed} options")
    partitions = chance.randint(8, 14)
    return Options(
        partitions=partitions,
        grown_partitions=partitions + chance.randint(1, 5),
        static_members=chance.random() < 0.5,
        session_ms=chance.choice((6000, 8000, 10000)),
        connections=chance.choice((8, 16, 32)),
        grow_after_seconds=chance.uniform(15, 40),
    )


def lane(seed, name):
    """Its steps, without end."""
    chance = random.Random(f"{seed} {name}")
    among = BROKERS if name == "brokers" else WORKERS
    while True:
        deck = list(DECKS[name])
        chance.shuffle(deck)
        for fault, how, shortest, longest in deck:
            pause = chance.uniform(*PAUSES[name])
            yield Step(pause, fault, chance.randrange(among), chance.uniform(shortest, longest), how)


def first_deck(seed, name):
    return list(itertools.islice(lane(seed, name), len(DECKS[name])))


def lines(seed):
    yield f"seed {seed}: {options(seed)}"
    for name in DECKS:
        yield from (f"  {name:8} {step}" for step in first_deck(seed, name))
