"""The Java client's choice of a partition, written from its published algorithm."""

MASK = 0xFFFFFFFF
MULTIPLIER = 0x5BD1E995
SEED = 0x9747B28C


def murmur2(data):
    value = (SEED ^ len(data)) & MASK
    whole = len(data) - len(data) % 4
    for at in range(0, whole, 4):
        word = int.from_bytes(data[at : at + 4], "little") * MULTIPLIER & MASK
        word ^= word >> 24
        word = word * MULTIPLIER & MASK
        value = (value * MULTIPLIER & MASK) ^ word
    rest = data[whole:]
    if rest:
        value ^= int.from_bytes(rest, "little")
        value = value * MULTIPLIER & MASK
    value ^= value >> 13
    value = value * MULTIPLIER & MASK
    return value ^ (value >> 15)


def partition_of(key, partitions):
    return (murmur2(key) & 0x7FFFFFFF) % partitions


# The values of Kafka's own test of its hash.
assert murmur2(b"21") == -973932308 & MASK
assert murmur2(b"foobar") == -790332482 & MASK
assert murmur2(b"a-little-bit-long-string") == -985981536 & MASK
