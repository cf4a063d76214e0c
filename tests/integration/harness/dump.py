"""What a core dump of a process would hold, by the kernel's own rule (core(5)), read without making
one: that works under any core_pattern, and gcore goes by the same rule."""

import re

PRIVATE, SHARED, PRIVATE_FILE, SHARED_FILE = 1, 2, 4, 8
RANGE = re.compile(r"^([0-9a-f]+)-([0-9a-f]+) (\S{4}) \S+ \S+ (\d+) *(.*)$")
PIECE = 1 << 24
OVERLAP = 4096


def mappings(pid):
    """(start, end, permissions, inode, size of its anonymous part in kB, VmFlags)"""
    found = []
    with open(f"/proc/{pid}/smaps") as smaps:
        for line in smaps:
            match = RANGE.match(line)
            if match:
                start, end = int(match[1], 16), int(match[2], 16)
                found.append([start, end, match[3], int(match[4]), 0, ()])
            elif line.startswith("Anonymous:"):
                found[-1][4] = int(line.split()[1])
            elif line.startswith("VmFlags:"):
                found[-1][5] = line.split()[1:]
    return found


def is_dumped(mapping, kinds):
    _, _, permissions, inode, anonymous_kb, flags = mapping
    if "dd" in flags or "io" in flags:
        return False
    if permissions[3] == "s":
        return bool(kinds & (SHARED_FILE if inode else SHARED))
    if kinds & PRIVATE and (anonymous_kb > 0 or not inode):
        return True
    return bool(inode and kinds & PRIVATE_FILE)


def found_in_dump(pid, secrets):
    """Those of the secrets that a dump would show."""
    with open(f"/proc/{pid}/coredump_filter") as kinds:
        filter_bits = int(kinds.read(), 16)
    wanted = {secret.encode() for secret in secrets}
    found = set()
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        for mapping in mappings(pid):
            if not is_dumped(mapping, filter_bits) or "r" not in mapping[2]:
                continue
            for start in range(mapping[0], mapping[1], PIECE):
                size = min(PIECE + OVERLAP, mapping[1] - start)
                try:
                    memory.seek(start)
                    piece = memory.read(size)
                except OSError:
                    continue  # a page that is not there
                found |= {secret for secret in wanted if secret in piece}
    return {secret.decode() for secret in found}
