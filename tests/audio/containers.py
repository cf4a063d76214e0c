"""Recordings that no common tool makes, out of those that one does: WAV chunk by chunk, Ogg page by
page, MP3 frame by frame. The probe's own code has no part in it."""

import struct

# ---- WAV ---------------------------------------------------------------------------------------

PCM_GUID = bytes.fromhex("0100000000001000800000aa00389b71")


def chunk(name, body):
    return name + struct.pack("<I", len(body)) + body + (b"\0" if len(body) % 2 else b"")


def wav_format(rate, channels, bits, codec=1, extra=b""):
    block = channels * bits // 8
    return chunk(b"fmt ", struct.pack("<HHIIHH", codec, channels, rate, rate * block, block, bits)
                 + extra)


def extensible_format(rate, channels, bits, valid, guid=PCM_GUID):
    return wav_format(rate, channels, bits, 0xfffe,
                      struct.pack("<HHI", 22, valid, (1 << channels) - 1) + guid)


def wav(format_chunk, samples, before=b"", after=b"", riff_size=None, data_size=None, sign=b"RIFF"):
    """`before` stands between the format and the sound; sizes as they are, unless told."""
    size = len(samples) if data_size is None else data_size
    body = (b"WAVE" + format_chunk + before + b"data" + struct.pack("<I", size) + samples
            + (b"\0" if len(samples) % 2 else b"") + after)
    return sign + struct.pack("<I", len(body) if riff_size is None else riff_size) + body


def rf64(format_chunk, samples, sign=b"RF64"):
    sizes = chunk(b"ds64", struct.pack("<QQQI", len(samples) + 72, len(samples),
                                       len(samples) // 2, 0))
    return wav(sizes + format_chunk, samples, riff_size=0xffffffff, data_size=0xffffffff, sign=sign)


# ---- Ogg ---------------------------------------------------------------------------------------

def ogg_checksum_step(byte):
    total = byte << 24
    for _ in range(8):
        total = (total << 1 ^ 0x04c11db7 if total & 0x80000000 else total << 1) & 0xffffffff
    return total


OGG_CHECKSUM_STEPS = [ogg_checksum_step(byte) for byte in range(256)]


def ogg_checksum(data):
    total = 0
    for byte in data:
        total = total << 8 & 0xffffffff ^ OGG_CHECKSUM_STEPS[total >> 24 ^ byte]
    return total


class Page:
    def __init__(self, flags, granule, serial, sequence, lacing, body):
        self.flags, self.granule, self.serial = flags, granule, serial
        self.sequence, self.lacing, self.body = sequence, lacing, body

    def __bytes__(self):
        parts = [b"OggS" + struct.pack("<BBqII", 0, self.flags, self.granule, self.serial,
                                       self.sequence),
                 bytes([len(self.lacing)]) + self.lacing + self.body]
        return struct.pack("<I", ogg_checksum(parts[0] + b"\0\0\0\0" + parts[1])).join(parts)


def ogg_pages(data):
    at, pages = 0, []
    while at < len(data):
        flags, granule, serial, sequence = struct.unpack_from("<BqII", data, at + 5)
        segments = data[at + 26]
        lacing = data[at + 27:at + 27 + segments]
        begin = at + 27 + segments
        at = begin + sum(lacing)
        pages.append(Page(flags, granule, serial, sequence, lacing, data[begin:at]))
    return pages


def ogg_without_first_seconds(data, pages_dropped):
    """What a recorder writes that joins a stream later: the headers, then pages from the middle."""
    pages = ogg_pages(data)
    return b"".join(bytes(page) for page in pages[:2] + pages[2 + pages_dropped:])


def ogg_with_serial(data, serial):
    pages = ogg_pages(data)
    for page in pages:
        page.serial = serial
    return b"".join(bytes(page) for page in pages)


def ogg_large_tags(data, size):
    """The same, with a picture in its tags: many pages before the first that has sound."""
    pages = ogg_pages(data)
    tags = pages[1].body[:8] + struct.pack("<I", 0) + struct.pack("<II", 1, size) + b"p" * size
    made, at = [pages[0]], 0
    while at <= len(tags):
        body = tags[at:at + 255 * 255]
        last = at + len(body) == len(tags) and len(body) < 255 * 255
        lacing = b"\xff" * (len(body) // 255) + (bytes([len(body) % 255]) if last else b"")
        made.append(Page(0 if at == 0 else 1, 0 if last else -1, pages[0].serial, len(made), lacing,
                         body))
        at += 255 * 255
        if last:
            break
    for page in pages[2:]:
        page.sequence += len(made) - 2
    return b"".join(bytes(page) for page in made + pages[2:])


def ogg_interleaved(data, other_codec):
    """With a second stream beside it, whose pages stand between the first one's."""
    pages = ogg_pages(data)
    serial = pages[0].serial ^ 1
    made = [pages[0], Page(2, 0, serial, 0, bytes([len(other_codec)]), other_codec)]
    for number, page in enumerate(pages[1:], 1):
        made += [page, Page(0, number * 1000, serial, number, b"\x08", b"otherwis")]
    return b"".join(bytes(page) for page in made)


# ---- MP3 ---------------------------------------------------------------------------------------

def syncsafe(number):
    return bytes([number >> 21 & 127, number >> 14 & 127, number >> 7 & 127, number & 127])


def id3v2(size, footer=False):
    head = b"\x04\0" + (b"\x10" if footer else b"\0") + syncsafe(size)
    return b"ID3" + head + b"\0" * size + (b"3DI" + head if footer else b"")


def id3v1():
    return b"TAG" + b"title".ljust(125, b"\0")


def ape_tag(size):
    item = struct.pack("<II", size - 32 - 14, 0) + b"Cover\0"
    body = item + b"c" * (size - 32 - len(item))
    size_and_rest = struct.pack("<III", 2000, len(body) + 32, 1)
    return (b"APETAGEX" + size_and_rest + struct.pack("<I", 0xa0000000) + bytes(8) + body
            + b"APETAGEX" + size_and_rest + struct.pack("<I", 0x80000000) + bytes(8))


def vbri(mp3):
    """The first frame's Xing header as a VBRI one (MPEG-1, layer III)."""
    side = 17 if mp3[3] >> 6 == 3 else 32
    at = 4 + side
    assert mp3[at:at + 4] in (b"Xing", b"Info"), "a first frame with a header is wanted"
    frames, size = struct.unpack_from(">II", mp3, at + 8)
    header = b"VBRI" + struct.pack(">HHHIIHHHH", 1, 0, 75, size, frames, 0, 1, 2, 1)
    first = mp3[:4] + bytes(32) + header
    return first + bytes(100) + mp3[len(first) + 100:]


def without_first_frame(mp3, length):
    return mp3[length:]
