"""The README's way, as a person goes it: a folder of mixed recordings, what it will cost, upload,
recognition, text; on a real object store, and really recognised."""

import hashlib
import json
import os
import pathlib
import re
import subprocess
import urllib.parse

import pytest
from harness.s3 import S3

DATA = pathlib.Path("/usr/share/pocketsphinx/test/data")
RAW = ["-t", "raw", "-r", "16000", "-e", "signed", "-b", "16", "-c", "1"]
DECODERS = pathlib.Path(os.environ["BACKSCRIBE_STANDIN"]).parent / "models.json"

# What a person hears, by the file's place in the folder.
SAID = {
    "2019 telephone/something.wav": "go somewhere and do something",
    "2019 telephone/ten of clubs.wav": "ten of clubs",
    "2024/both sides.wav": "ten of clubs\nseven of clubs",
    "2024/card_003.ogg": "seven of clubs",
    "2024/card_005.mp3": "eight of spades four of clubs seven of hearts",
    "2024/dhd.2934z.raw": "two nine three four zero",
    "2024/goforward.wav": "go forward ten meters",
}
REFUSED = "2024/запись.flac"  # API v2 does not take it
# Of those that are staged: rate and channels.
STAGED = {
    "2019 telephone/something.wav": (8000, 1),
    "2019 telephone/ten of clubs.wav": (8000, 1),
    "2024/both sides.wav": (16000, 2),
    "2024/goforward.wav": (16000, 1),
}
STAGING = ".backscribe/staging"


def run(*command):
    subprocess.run([str(part) for part in command], check=True)


def sox(*arguments):
    run("sox", "-V1", "-D", *arguments)


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "recordings"
    for below in ("2019 telephone", "2024"):
        (folder / below).mkdir(parents=True)
    cards = DATA / "cards"
    old = folder / "2019 telephone"
    sox(*RAW, DATA / "something.raw", "-r", "8000", "-e", "a-law", old / "something.wav")
    sox(cards / "001.wav", "-r", "8000", "-e", "u-law", old / "ten of clubs.wav")
    sox(*RAW, DATA / "goforward.raw", folder / "2024" / "goforward.wav")
    sox("-M", cards / "001.wav", cards / "003.wav", folder / "2024" / "both sides.wav")
    sox(cards / "003.wav", folder / REFUSED)
    run("lame", "--quiet", cards / "005.wav", folder / "2024" / "card_005.mp3")
    run("opusenc", "--quiet", cards / "003.wav", folder / "2024" / "card_003.ogg")
    (folder / "2024" / "dhd.2934z.raw").write_bytes((DATA / "tidigits/dhd.2934z.raw").read_bytes())
    found = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert found == {*SAID, REFUSED}
    return folder


@pytest.fixture
def store(tmp_path):
    with S3(tmp_path) as server:
        yield server


def settings(store):
    return {
        "speechkit": {"defaults": {"languageCode": "en-US", "sampleRateHertz": 16000}},
        "objects": store.objects(
            staging=f"s3://recordings/{STAGING}",
            transcripts="s3://recordings/.backscribe/transcripts",
        ),
    }


def name_of(uri):
    """The place in the folder of a recording that lies below archive/ in the bucket."""
    return urllib.parse.unquote(uri.split("/recordings/archive/", 1)[1])


def expect_staged_as_samples(standin, results, folder):
    """What was heard of each WAV is its samples and nothing else, by another tool's decoding; what
    needs no copy was heard as it lies there."""
    heard = {each["operation"]: each for each in standin.recordings()}
    for name, body in results.items():
        recording = heard[body["operation"]["id"]]
        if name in STAGED:
            raw = folder.parent / "samples"
            sox(folder / name, "-t", "raw", "-e", "signed", "-b", "16", raw)
            assert (recording["sampleRateHertz"], recording["channels"]) == STAGED[name], name
            assert f"/{STAGING}/" in recording["uri"]
        else:
            raw = folder / name
            assert name_of(recording["uri"]) == name
        assert recording["sha256"] == hashlib.sha256(raw.read_bytes()).hexdigest(), name


def test_a_folder_of_mixed_recordings_becomes_text(scene, store, folder):
    scene.create_topics(partitions=2)
    standin = scene.start_standin(
        recognise=True, decoders=DECODERS, recognisers=2, duration_ms=0,
        objects=store.url, objects_key_file=store.key_file,
    )  # fmt: skip
    arguments = ["--upload-to", "s3://recordings/archive", folder]

    status, command = scene.run_command(["enqueue", "--dry-run", *arguments], settings(store))
    assert status == 0, command.log
    foretold = command.output.decode()
    assert store.keys("recordings") == [], "a dry run has sent something"

    status, command = scene.run_command(["enqueue", *arguments], settings(store))
    assert status == 0, command.log
    assert f"{REFUSED}: unsupported_audio: the recording is FLAC" in command.log
    assert sorted(store.keys("recordings")) == sorted(f"archive/{name}" for name in SAID)
    assert standin.submissions() == []

    worker = scene.start_worker(settings(store), arguments=["--until-drained"])
    assert worker.wait_for_end(180) == 0, worker.situation()
    results = {name_of(body["audio"]["uri"]): body for _, body in scene.account.results().values()}
    assert {name: body["text"] for name, body in results.items()} == SAID
    assert scene.account.dead_letters() == {}
    expect_staged_as_samples(standin, results, folder)
    assert store.keys("recordings", STAGING) == [], "staged copies are left"
    expect_foretold(foretold, results)


def expect_foretold(report, results):
    """What the dry run has said is what came."""
    billed = sum(body["billedSeconds"] for body in results.values())
    seconds = sum(body["audio"]["durationSeconds"] for body in results.values())
    for words, number in (
        ("Recordings", len(results) + 1),
        ("to be submitted", len(results)),
        ("of them staged", len(STAGED)),
        ("unsupported_audio", 1),
        ("Audio", round(seconds)),
        ("Billed", billed),
    ):
        assert re.search(rf"^ *{words} +{number}\b", report, re.M), (words, number, report)
    assert REFUSED in "".join(report.split())  # a long path may be broken into lines
