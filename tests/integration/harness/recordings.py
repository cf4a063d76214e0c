"""Recordings of a known length, made byte by byte: what a look into them tells is known exactly."""

import struct

PRE_SKIP = 312


def wav(seconds, rate=8000, channels=1, bits=16):
    """PCM; silence."""
    frame = channels * bits // 8
    data = bytes(int(seconds * rate) * frame)
    form = struct.pack("<HHIIHH", 1, channels, rate, rate * frame, frame, bits)
    body = b"WAVEfmt " + struct.pack("<I", len(form)) + form
    body += b"data" + struct.pack("<I", len(data)) + data
    return b"RIFF" + struct.pack("<I", len(body)) + body


def mp3(seconds):
    """One channel at 48 kHz, 64 kbit/s: frames of 24 ms."""
    frame = bytes([0xFF, 0xFB, 0x54, 0xC0]).ljust(192, b"\0")
    return frame * round(seconds / 0.024)


def ogg_opus(seconds, channels=1, serial=7):
    """Whole seconds; packets of 20 ms that nobody decodes."""
    head = b"OpusHead" + struct.pack("<BBHIhB", 1, channels, PRE_SKIP, 48000, 0, 0)
    tags = b"OpusTags" + struct.pack("<I", 4) + b"test" + struct.pack("<I", 0)
    pages = [_page(serial, 0, 2, 0, [head]), _page(serial, 1, 0, 0, [tags])]
    packet = bytes([0xF8, 0, 0])
    for second in range(1, seconds + 1):
        last = second == seconds
        granule = second * 48000 + (PRE_SKIP if last else 0)
        packets = [packet] * (51 if last else 50)
        pages.append(_page(serial, second + 1, 4 if last else 0, granule, packets))
    return b"".join(pages)


def flac():
    """Its head: enough to be known by."""
    return b"fLaC\x80\x00\x00\x22" + bytes(34) + bytes(1000)


def _page(serial, number, flags, granule, packets):
    lacing = b"".join(bytes([255] * (len(one) // 255) + [len(one) % 255]) for one in packets)
    head = b"OggS" + struct.pack("<BBqIII", 0, flags, granule, serial, number, 0)
    page = bytearray(head + bytes([len(lacing)]) + lacing + b"".join(packets))
    page[22:26] = struct.pack("<I", _crc(page))
    return bytes(page)


def _crc_table():
    table = []
    for byte in range(256):
        value = byte << 24
        for _ in range(8):
            value = (value << 1) ^ (0x04C11DB7 if value & 0x80000000 else 0)
        table.append(value & 0xFFFFFFFF)
    return table


TABLE = _crc_table()


def _crc(data):
    value = 0
    for byte in data:
        value = ((value << 8) & 0xFFFFFFFF) ^ TABLE[(value >> 24) ^ byte]
    return value
