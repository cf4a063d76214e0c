"""Results made up by tests, as a worker publishes them, and subtitles read by parsers of others."""

import dataclasses
import gzip
import hashlib
import json
import random
import unicodedata

import srt
import webvtt

ENDPOINT = "https://storage.yandexcloud.net"
WORDS = (
    "добрый день вы позвонили в банк чем могу помочь я хочу узнать когда придёт мой перевод "
    "please hold the line one moment it says here that transfer was sent on tuesday не может быть "
    "это-то длинноепредлинноесловокоторогоникогданебываетвжизниноможетбыть ok да нет"
).split()
# Of objects, that a careless writer of files would be led astray by.
HOSTILE_KEYS = [
    "../../etc/passwd",
    "/abs",
    "a/../../b",
    "a//b",
    "a/./b",
    "..",
    "a/b",
    "a/b/",
    "x" * 1024,
    "/".join(["d" * 60] * 16),
    "звонок/№1.ogg",
    "📞.ogg",
    "line\nend",
    "nul\x00",
    "a.mp3",
    "a.wav",
    "A.wav",
    "a.wav.srt/b",
    ".backscribe-results-srt",
    ".backscribe-new",
    "\u202egpj.exe",
    "back\\slash",
    "trailing. ",
]


def quoted(key):
    """As a link has it."""
    return "".join(
        c if c.isascii() and (c.isalnum() or c in "/._-") else "".join(f"%{b:02X}" for b in c.encode())
        for c in key
    )


@dataclasses.dataclass(frozen=True)
class Word:
    text: str
    start: float
    end: float


def speech(seed, words=60, rate=0.35, pause=0.1):
    """Utterances of (channel, words), with silences between them."""
    chance = random.Random(seed)
    channels = 1 + seed % 2
    now, said = chance.random() * 3, []
    while words > 0:
        count = min(words, chance.randint(1, 14))
        utterance = []
        for _ in range(count):
            lasts = chance.random() * 2 * rate
            text = chance.choice(WORDS) + chance.choice(["", "", "", "", ",", "."])
            utterance.append(Word(text, round(now, 3), round(now + lasts, 3)))
            now += lasts + chance.random() * 2 * pause
        said.append((str(1 + len(said) % channels), utterance))
        words -= count
        now += chance.random() * 3
    return said


def seconds(text):
    return {"startTime": f"{text.start}s", "endTime": f"{text.end}s", "word": text.text}


def result(name, said, uri=None, words=True, labels=None, detected=None):
    """A result's body; `said` as speech() makes it."""
    chunks, utterances = [], []
    for tag, spoken in said:
        text = " ".join(word.text for word in spoken)
        alternative = {"text": text, "confidence": 1}
        if words:
            alternative["words"] = [seconds(word) | {"confidence": 1} for word in spoken]
        chunks.append({"channelTag": tag, "alternatives": [alternative]})
        utterances.append(
            {
                "channelTag": tag,
                "startSeconds": spoken[0].start,
                "endSeconds": max(word.end for word in spoken),
                "text": text,
            }
        )
    tags = sorted({tag for tag, _ in said})
    texts = {tag: " ".join(u["text"] for u in utterances if u["channelTag"] == tag) for tag in tags}
    return {
        "id": name,
        "source": {"topic": "jobs", "partition": 0, "offset": 1},
        "audio": {"uri": uri or f"{ENDPOINT}/recordings/{name}.ogg", "durationSeconds": 600.5},
        "specification": {"languageCode": "ru-RU", "model": "general"},
        "operation": {"id": f"op-{name}"},
        "text": "\n".join(texts.values()),
        "channels": [{"channelTag": tag, "text": text} for tag, text in texts.items()],
        "utterances": utterances,
        "chunks": chunks,
        "billedSeconds": 601,
        "timing": {
            "detectedAt": detected or "2026-05-04T03:02:01.500Z",
            "checks": 1,
            "submissions": 1,
        },
        "labels": labels or {},
        "worker": "w",
    }


def message(body, packed=False):
    """As Cluster.produce takes it."""
    value = json.dumps(body, ensure_ascii=False).encode()
    headers = [("content-encoding", b"gzip")] if packed else []
    return (body["id"].encode(), gzip.compress(value) if packed else value, headers, None)


def stored(body, store, bucket, key):
    """The message of a result that is too large for it, whose whole stands in the store."""
    whole = gzip.compress(json.dumps(body, ensure_ascii=False).encode())
    store.put(bucket, key, whole)
    part = {name: body[name] for name in body if name not in ("chunks", "utterances")}
    part["transcript"] = {
        "uri": f"s3://{bucket}/{key}",
        "sizeBytes": len(whole),
        "sha256": hashlib.sha256(whole).hexdigest(),
        "contentEncoding": "gzip",
    }
    return message(part)


# ---- subtitles


@dataclasses.dataclass(frozen=True)
class Cue:
    channel: str
    start: float
    end: float
    lines: tuple  # as they are shown, without the channel in front
    shown: tuple  # as they are shown


def read_srt(text, several):
    """By PyPI's srt, which refuses what is not well-formed."""
    cues = []
    for number, cue in enumerate(srt.parse(text), 1):
        assert cue.index == number
        shown = tuple(cue.content.split("\n"))
        channel, first = shown[0].split(": ", 1) if several else ("1", shown[0])
        cues.append(
            Cue(
                channel,
                cue.start.total_seconds(),
                cue.end.total_seconds(),
                (first, *shown[1:]),
                shown,
            )
        )
    return cues


def read_vtt(text, several):
    """By PyPI's webvtt."""
    cues = []
    for cue in webvtt.from_string(text):
        escaped = cue.text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
        lines = tuple(escaped.split("\n"))
        assert (cue.voice is not None) == several
        channel = cue.voice.removeprefix("Channel ") if several else "1"
        cues.append(Cue(channel, clock(cue.start), clock(cue.end), lines, lines))
    return cues


def clock(text):
    hours, minutes, rest = text.split(":")
    return int(hours) * 3600 + int(minutes) * 60 + float(rest)


def width(text):
    return sum(2 if unicodedata.east_asian_width(each) in "WF" else 1 for each in text)


def expect_good_cues(cues, body):
    """All that is promised of subtitles, and that they say what the result says, when it was said."""
    starts = [cue.start for cue in cues]
    assert starts == sorted(starts)
    for tag in {cue.channel for cue in cues}:
        own = [cue for cue in cues if cue.channel == tag]
        for before, after in zip(own, own[1:], strict=False):
            assert before.end <= after.start
        said = [word for u in body["utterances"] if u["channelTag"] == tag for word in u["text"]]
        shown = [each for cue in own for line in cue.lines for each in line]
        assert [c for c in shown if not c.isspace()] == [c for c in said if not c.isspace()]
    assert {cue.channel for cue in cues} == {u["channelTag"] for u in body["utterances"]}
    for cue in cues:
        assert 1 <= len(cue.lines) <= 2
        assert all(0 < width(line) <= 42 for line in cue.shown), cue
        assert 0.9999 <= cue.end - cue.start <= 7.0001, cue
