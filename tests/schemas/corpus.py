"""The inputs: hand-picked ones, every field with every wrong type, and seeded mutations."""

import copy
import json
import random

JOB = {
    "audio": {
        "uri": "s3://recordings/2027/call 1.ogg",
        "durationSeconds": 61.5,
        "sizeBytes": 123456,
    },
    "config": {
        "specification": {
            "languageCode": "ru-RU",
            "model": "general",
            "profanityFilter": False,
            "literature_text": True,
            "audioEncoding": "LINEAR16_PCM",
            "sampleRateHertz": 8000,
            "audioChannelCount": "2",
            "rawResults": True,
        },
        "folderId": "b1g",
    },
    "id": "call-1",
    "deadline": "2027-02-28T23:59:60.123+03:00",
    "labels": {"queue": "A", "": ""},
    "force": True,
    "somebody else's": [1, {"x": None}],
}

CONFIG = {
    "kafka": {"bootstrap.servers": "localhost:9092", "session.timeout.ms": 10000},
    "kafka_files": {"sasl.password": "/run/secrets/kafka"},
    "group": "backscribe",
    "topics": {
        "jobs": "transcription-jobs",
        "results": "transcription-results",
        "dead_letters": "transcription-dead-letters",
        "state": "backscribe-state",
    },
    "speechkit": {
        "transcribe_url": "https://transcribe.api.cloud.yandex.net",
        "operation_url": "https://operation.api.cloud.yandex.net",
        "iam_url": "https://iam.api.cloud.yandex.net",
        "folder_id": "",
        "auth": {"api_key_file": "/run/secrets/speechkit"},
        "defaults": {"languageCode": "ru-RU", "model": "general"},
        "on_unknown_submission": "resubmit",
    },
    "quotas": {
        "window_seconds": 3600,
        "submissions": 500,
        "checks": 2500,
        "billed_hours_per_day": 10000,
    },
    "limits": {
        "in_flight": 100000,
        "memory_bytes": 1073741824,
        "connections": 64,
        "job_bytes": 65536,
        "submissions_per_job": 3,
        "refusals_in_a_row": 20,
        "remembered_ids": 5000000,
        "billed_hours": 24.5,
    },
    "price": {"billed_hour": 36.6, "currency": "RUB"},
    "objects": {
        "endpoint": "https://storage.yandexcloud.net",
        "region": "ru-central1",
        "style": "path",
        "auth": {"static_key_file": "/run/secrets/storage"},
        "buckets": ["recordings"],
        "staging": "s3://recordings/.backscribe/staging",
        "transcripts": "s3://recordings/.backscribe/transcripts",
    },
    "checks": {"seconds_per_audio_minute": 10, "first_guess_seconds": 60},
    "results": {
        "compress_over_bytes": 262144,
        "inline_bytes": 900000,
        "remember_seconds": 259200,
        "words": True,
    },
    "shutdown_seconds": 25,
    "admin": {"listen": "127.0.0.1:9464"},
    "allow_insecure": False,
}

ANSWER = {
    "done": True,
    "id": "e03sup6d5h1qr574ht99",
    "createdAt": "2027-01-01T00:00:00Z",
    "createdBy": "aje",
    "modifiedAt": "2027-01-01T00:04:00Z",
    "response": {
        "@type": "type.googleapis.com/yandex.cloud.ai.stt.v2.LongRunningRecognitionResponse",
        "chunks": [
            {
                "channelTag": "2",
                "alternatives": [
                    {
                        "text": "ответ",
                        "confidence": 1,
                        "words": [
                            {"startTime": "3.5s", "endTime": "4s", "word": "ответ", "confidence": 1}
                        ],
                    }
                ],
            },
            {
                "channelTag": "1",
                "alternatives": [
                    {
                        "text": "при вет",
                        "confidence": 1,
                        "words": [
                            {"startTime": "0.879999999s", "endTime": "1.1s", "word": "при"},
                            {"startTime": "1.2s", "endTime": "1.5s", "word": "вет"},
                        ],
                    },
                    {"text": "привет"},
                ],
            },
        ],
    },
}

VALUES = [
    None, True, False, 0, -0.0, 1, -1, 2, 15, 63, 64, 999, 1000, 1023, 1024, 5999, 6000, 8000, 8000.0, 8000.5,
    60000, 60001, 86400, 86401, 999999999, 1000000000, 2**31, 2**53 - 1, 2**53, 2**63, 2**64, 1e300,
    1e-300, 0.5, 3.999, 4, [], {}, [[]], [""], ["a"], ["ab"], ["ab", 1], {"a": 1}, {"a": "b"},
    "", " ", "0", "1", "01", "-1", "8000", "8000\n", "1e3", "999", "1000", "999999999", "1000000000",
    "60000", "60001", "6000", "5999", "3600000", "3600001", "true", "null", "a", "ab", "a" * 63,
    "a" * 64, "a" * 100, "a" * 101, "a" * 200, "a" * 201, "a" * 249, "a" * 250, "ё" * 100, "ё" * 101,
    "😀" * 200, "😀" * 201, "a\n", "a b", "\t", "\u007f", "\u0085", ".", "..", "...", "a/b",
    "LINEAR16_PCM", "linear16_pcm", "OGG_OPUS", "MP3", "WAV", "general", "auto",
    "s3://b/k", "s3://bu/k", "s3://bu/", "s3://bu", "s3://", "s3:///k", "s3://.b/k", "s3://bucket/k\n",
    "s3://bucket/\u0001", "s3://bucket/a?b#c%", "s3://bucket/ё 😀", "S3://bucket/k",
    "s3://" + "b" * 63 + "/k", "s3://" + "b" * 64 + "/k", "s3://bucket/" + "k" * 4084,
    "s3://bucket/" + "k" * 4085,
    "http://h/b/k", "https://h/b/k", "https://h/", "https://h", "https://", "https:///k", "https://h/%",
    "https://h/%2", "https://h/%2f", "https://h/%00", "https://h/%zz", "https://h/k?x=%", "https://h/?x",
    "https://h/#x", "https://h/k#%", "https://h/k\n", "https://h/k?\n", "https://h k/k", "https://ё/k",
    "https://h/ё", "https://u:p@h/k", "https://h:443/k", "https://h:x/k", "ftp://h/k", "https://h\\k/k",
    "https://h/../k", "HTTPS://h/k", "file:///etc/passwd",
    "http://localhost", "http://localhost:1", "http://localhost/", "http://localhost.evil", "http://LOCALHOST",
    "http://127.0.0.1", "http://127.0.0.1:8080/a", "http://127.0.0.1.evil", "http://127.1", "http://127.0.0.256",
    "http://127.0.0.01", "http://127.255.255.255", "http://128.0.0.1", "http://[::1]", "http://[::1]:80",
    "http://[::2]", "http://[::1", "https://[]", "http://h", "https://h:0", "https://h:65535",
    "https://h:65536", "https://h:080", "https://h:", "https://h/a/b", "https://h/a b", "https://h/a?b",
    "https://h\n", "https://h/\n", "https://u@h", "https://h//", "https://h_1.x-y",
    "127.0.0.1:0", "127.0.0.1:9464", "0.0.0.0:65535", "0.0.0.0:65536", "[::]:1", "[::1]:", ":9464", "h:1\n",
    "h:01", "*:1", "h", "resubmit", "dead_letter", "path", "virtual_host", "virtual",
    "2027-01-31T18:00:00Z", "2027-01-31t18:00:00z", "2027-01-31 18:00:00.5+00:00", "2027-02-29T00:00:00Z",
    "2028-02-29T00:00:00Z", "2000-02-29T00:00:00Z", "1900-02-29T00:00:00Z", "2100-02-29T00:00:00Z",
    "2027-04-31T00:00:00Z", "2027-00-10T00:00:00Z", "2027-13-10T00:00:00Z", "2027-01-00T00:00:00Z",
    "0000-01-01T00:00:00Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:60Z", "2027-01-31T24:00:00Z",
    "2027-01-31T18:60:00Z", "2027-01-31T18:00:61Z", "2027-01-31T18:00:00", "2027-01-31T18:00:00.Z",
    "2027-01-31T18:00:00+24:00", "2027-01-31T18:00:00+23:60", "2027-01-31T18:00:00Z\n", "2027-1-31T18:00:00Z",
    " 2027-01-31T18:00:00Z", "2027-01-31T18:00:00-00:00", "2027-01-31", "۲۰۲۷-01-31T18:00:00Z",
]  # fmt: skip


def paths(value, path=()):
    """Every place in a JSON value, the value itself first."""
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, item in items:
        yield from paths(item, path + (name,))


def replaced(value, path, new):
    if not path:
        return new
    value = copy.deepcopy(value)
    place = value
    for name in path[:-1]:
        place = place[name]
    place[path[-1]] = new
    return value


def removed(value, path):
    value = copy.deepcopy(value)
    place = value
    for name in path[:-1]:
        place = place[name]
    del place[path[-1]]
    return value


def encode(value):
    return json.dumps(value, ensure_ascii=False).encode("utf-8")


def variants(base):
    """The base with each place removed, given each of VALUES, or given a member that nobody knows."""
    yield encode(base)
    for path in paths(base):
        place = base
        for name in path:
            place = place[name]
        if path:
            yield encode(removed(base, path))
        if isinstance(place, dict):
            yield encode(replaced(base, path, {**place, "unknown": 1}))
        for value in VALUES:
            yield encode(replaced(base, path, value))


def texts(base):
    """What breaks, or nearly breaks, the rules on the text. `base` is a text with a hole %s for a value."""
    whole = base % b'"x"'
    million = b"a" * 1000000
    values = [
        b'"\\ud800"', b'"\\udc00"', b'"\\ud83d\\ude00"', b'"\\ude00\\ud83d"', b'"\\ud83dx"', b'"\\ud83d\\u0041"',
        b'"\\ud83d\\"', b'"\\u0000"', b'"a\\u0000b"', b'"\x00"', b'"\x01"', b'"\x1f"', b'"\x7f"', b'"\n"',
        b'"\\u12"', b'"\\u12g4"', b'"\\x41"', b'"\\', b'"', b'"\\a"', b'"\\/\\b\\f\\n\\r\\t\\"\\\\"', b"'a'",
        b'"\xc0\x80"', b'"\xc1\xbf"', b'"\xc3"', b'"\xed\xa0\x80"', b'"\xed\x9f\xbf"', b'"\xee\x80\x80"',
        b'"\xf4\x8f\xbf\xbf"', b'"\xf4\x90\x80\x80"', b'"\xf0\x80\x80\x80"', b'"\xf8\x88\x80\x80\x80"',
        b'"\xe0\x80\x80"', b'"\xff"', b'"\x80"', b'"\xef\xbf\xbf"', b"\xc3\xa9",
        b"01", b"-", b"-0", b"+1", b".5", b"1.", b"1.e1", b"1e", b"1e+", b"1E+2", b"0x10", b"NaN", b"Infinity",
        b"-Infinity", b"1e308", b"1e309", b"-1e999", b"1e-999", b"0e999999", b"1" * 63, b"1" * 64,
        b"0." + b"1" * 61, b"0." + b"1" * 62, b"-" + b"9" * 62, b"9" * 400, b"1e" + b"0" * 61,
        b"True", b"tru", b"nul", b"undefined", b"", b"/**/1", b"1,", b"[1,]", b"[,1]", b"[1 2]", b'{"a":1,}',
        b'{"a"}', b'{"a":}', b'{a:1}', b'{"a":1 "b":2}', b'{1:1}', b"[", b"{", b"[1", b'{"a":1', b"[1}", b'{"a":1]',
        b'{"a":1,"a":2}', b'{"a":1,"\\u0061":2}', b'{"\\u0061":1,"\\u0061":2}', b'{"a":{"b":1},"c":{"b":1}}',
        b'{"":1,"":2}', b'{"\xc3\xa9":1,"\\u00e9":2}', b'{"\\ud83d\\ude00":1,"\xf0\x9f\x98\x80":2}',
        b'{"a":1,"b":{"a":1,"a":1}}', b'{"a":[{"b":1,"b":1}]}', b'{"a":1,"A":2}', b'{"a":1,"a ":2}',
        b'{"\\ud800":1}', b'{"\\u0000":1}', b'{"a\\u0000":1,"a":2}',
        b"{" + b",".join(b'"k%d":1' % i for i in range(50000)) + b"}",
        b"{" + b",".join(b'"k%d":1' % i for i in range(50000)) + b',"k7":1}',
        b"{" + b",".join(b'"' + b"x" * 900 + b'%d":1' % i for i in range(1000)) + b"}",
        b'"' + million + b'"', b'"' + million[:800000] + b'"', b'"' + b"\xf0\x9f\x98\x80" * 250000 + b'"', b'"' + b"\\u0041" * 160000 + b'"',
        b"[" * 500000, b"[" * 300000 + b"]" * 300000, b'{"a":' * 100000 + b"1" + b"}" * 100000,
        b'"' + b"[" * 1000 + b'"', b"[" + b"1," * 300000 + b"1]", b" \t\r\n1 \t\r\n", b"\x0c1", b"\xc2\xa01",
    ]  # fmt: skip
    for depth in (1, 60, 61, 62, 63, 64, 65):
        values.append(b"[" * depth + b"]" * depth)
        values.append(b'{"a":' * depth + b"0" + b"}" * depth)
    for value in values:
        yield base % value
        yield value
    yield from (b"", b" ", b"null", b"{}", b"[]", b'"a"', b"\xef\xbb\xbf" + whole, whole + b"\xef\xbb\xbf")
    yield from (whole + b"x", whole + b"\x00", b"\x00" + whole, whole + whole, whole[:-1], whole + b"\n")
    yield whole.decode().encode("utf-16")
    yield whole.decode().encode("utf-32")


def mutations(base, count, seed):
    """The text with a few bytes deleted, doubled, exchanged or overwritten: the same for the same seed."""
    draw = random.Random(seed)
    alphabet = b'{}[]",:\\0123456789.eE+-truefalsn \t\n\x00\x1f\x7f\x80\xc3\xed\xf0/ua'
    for _ in range(count):
        text = bytearray(base)
        for _ in range(draw.randint(1, 3)):
            at = draw.randrange(len(text))
            kind = draw.randrange(4)
            if kind == 0:
                del text[at]
            elif kind == 1:
                text.insert(at, draw.choice(alphabet))
            elif kind == 2:
                text[at] = draw.choice(alphabet)
            else:
                end = min(len(text), at + draw.randint(1, 20))
                text[at:end] = text[at:end] * 2
        yield bytes(text)
