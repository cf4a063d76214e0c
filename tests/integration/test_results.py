"""backscribe results: every format, what is wanted, one file a recording, and going on after whatever
has ended a run."""

import csv
import errno
import fcntl
import gzip
import io
import json
import os
import pathlib
import random
import resource
import signal
import struct
import subprocess
import termios
import time

import pytest

from harness.s3 import S3, FaultProxy
from harness.transcripts import (
    ENDPOINT,
    HOSTILE_KEYS,
    expect_good_cues,
    message,
    quoted,
    read_srt,
    read_vtt,
    result,
    speech,
    stored,
)
from harness.waiting import wait_until


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    with S3(tmp_path_factory.mktemp("s3")) as server:
        yield server


@pytest.fixture
def proxy(store):
    with FaultProxy(store.port) as between:
        yield between


def publish(scene, bodies, packed=()):
    """Results on the topic, as a worker would have published them."""
    if scene.cluster.partitions(scene.topics["results"]) == 0:
        scene.cluster.create_topic(scene.topics["results"], 3)
    messages = [message(body, body["id"] in packed) for body in bodies]
    return scene.cluster.produce(scene.topics["results"], messages)


def named(names, **fields):
    return [result(name, speech(number, words=20), **fields) for number, name in enumerate(names)]


def run(scene, arguments, status=0, changes=None):
    ended, command = scene.run_command(["results", *arguments], changes)
    assert ended == status, command.situation()
    return command


def jsonl(scene, arguments=(), **more):
    """{id: body} of a stream."""
    output = run(scene, ["--format", "jsonl", *arguments], **more).output
    return {body["id"]: body for body in map(json.loads, output.splitlines())}


def files(folder):
    """{relative path: bytes}, of all but our own."""
    found = {}
    for path in pathlib.Path(folder).rglob("*"):
        if not path.is_dir() and not path.name.startswith(".backscribe-results"):
            found[str(path.relative_to(folder))] = path.read_bytes()
    return found


def with_store(store, url=None):
    objects = store.objects()
    if url:
        objects["endpoint"] = url
    return {"objects": objects, "allow_insecure": True}


# ---- formats


def test_all_formats_of_the_same_results_agree(scene, tmp_path):
    bodies = [result(f"call-{n}", speech(n), labels={"n": str(n)}) for n in range(20)]
    bodies += [result("fast", speech(3, words=200, rate=0.03, pause=0)), result("silent", [])]
    bodies += [result("long", speech(4, words=2000)), result("no-words", speech(5), words=False)]
    publish(scene, bodies, packed={"call-3", "long"})
    assert jsonl(scene) == {body["id"]: body for body in bodies}

    written = {}
    for name in ("jsonl", "text", "srt", "vtt", "csv", "tsv"):
        folder = tmp_path / name
        run(scene, ["--format", name, "--output", str(folder)])
        written[name] = {path.split(".")[0]: text.decode() for path, text in files(folder).items()}
        assert written[name].keys() == {body["id"] for body in bodies}
    for body in bodies:
        name = body["id"]
        assert json.loads(written["jsonl"][name]) == body
        several = len(body["channels"]) > 1
        expect_good_cues(read_srt(written["srt"][name], several), body)
        expect_good_cues(read_vtt(written["vtt"][name], several), body)
        said = [line.split("] ", 1)[1] for line in written["text"][name].splitlines()[1:-1]]
        assert said == [
            (f"channel {each['channelTag']}: " if several else "") + each["text"]
            for each in body["utterances"]
        ]
        expect_rows(list(csv.DictReader(io.StringIO(written["csv"][name], newline=""))), body)
        tabs = csv.DictReader(io.StringIO(written["tsv"][name]), delimiter="\t", quoting=3)
        expect_rows(list(tabs), body)


def expect_rows(rows, body):
    assert len(rows) == len(body["utterances"])
    for number, (row, utterance) in enumerate(zip(rows, body["utterances"], strict=True), 1):
        assert row["id"] == body["id"] and row["uri"] == body["audio"]["uri"]
        assert row["utterance"] == str(number) and row["channelTag"] == utterance["channelTag"]
        assert row["text"] == utterance["text"]
        assert float(row["startSeconds"]) == utterance["startSeconds"]
        assert float(row["endSeconds"]) == utterance["endSeconds"]
        assert float(row["durationSeconds"]) == body["audio"]["durationSeconds"]
        assert row["languageCode"] == "ru-RU" and json.loads(row["labels"]) == body["labels"]


def test_words_stand_in_subtitles_when_they_are_said(scene, tmp_path):
    body = result("call", speech(0, words=300, rate=0.4))
    publish(scene, [body])
    cues = read_srt(run(scene, ["--format", "srt"]).output.decode(), False)
    words = [word for chunk in body["chunks"] for word in chunk["alternatives"][0]["words"]]
    shown = [(cue, text) for cue in cues for line in cue.lines for text in line.split()]
    at = 0
    for word in words:
        cue, text = shown[at]
        assert word["word"].startswith(text)
        start = float(word["startTime"][:-1])
        assert cue.start - 0.002 <= start <= cue.end + 0.002, (word, cue)
        while text != word["word"]:  # it was longer than a line
            at += 1
            text += shown[at][1]
        at += 1
    assert at == len(shown)


def test_one_stream_of_several_recordings_is_well_formed_in_every_format(scene):
    bodies = named(["a", "b", "c"])
    publish(scene, bodies)
    count = sum(len(body["utterances"]) for body in bodies)
    rows = list(csv.reader(io.StringIO(run(scene, ["--format", "csv"]).output.decode())))
    assert len(rows) == 1 + count and rows[0][0] == "id"
    command = run(scene, ["--format", "srt"])
    assert read_srt(command.output.decode(), False) and "--output" in command.log
    text = run(scene, ["--format", "vtt"]).output.decode()
    assert text.count("\nNOTE ") == 3 and text.count("WEBVTT") == 1
    assert len(list(text.split(" --> "))) - 1 == text.count("\n\n") - 3


HOSTILE_TEXTS = [
    "1\n00:00:01,000 --> 00:00:02,000\nnot a cue",
    "\n\n2\n\n",
    "a\tb\\t\r\nc",
    "\x1b[31mred\x07 \x9b",
    "\u202eevil\u2066 \ufeff\u200b",
    "nul\x00nul",
    "<v Nobody>&lt;</v><b> NOTE --> STYLE",
    '"quoted", with; commas',
    "=cmd|' /C calc'!A0",
    "WEBVTT",
    "好" * 100,
    "e\u0301" * 60,
    "👨‍👩‍👧‍👦" * 20,
    "\ud83d",
]


def test_hostile_texts_break_no_format(scene, tmp_path):
    bodies = []
    for number, text in enumerate(HOSTILE_TEXTS):
        body = result(f"t{number}", speech(0, words=3))
        body["utterances"][0]["text"] = text
        body["chunks"][0]["alternatives"][0]["text"] = text
        bodies.append(body)
    if scene.cluster.partitions(scene.topics["results"]) == 0:
        scene.cluster.create_topic(scene.topics["results"], 1)
    values = [(body["id"].encode(), json.dumps(body).encode(), (), None) for body in bodies]
    scene.cluster.produce(scene.topics["results"], values)
    for name in ("srt", "vtt", "csv", "tsv", "text", "jsonl"):
        folder = tmp_path / name
        run(scene, ["--format", name, "--output", str(folder)])
        written = files(folder)
        assert len(written) == len(bodies)
        for content in written.values():
            text = content.decode()  # UTF-8, whatever it was
            assert "\x00" not in text
            if name in ("srt", "vtt"):
                read = read_srt if name == "srt" else read_vtt
                cues = read(text, False)
                assert all(0.999 <= cue.end - cue.start <= 7.001 for cue in cues)
                assert not any(each in text for each in "\x1b\u202e\u2066\x9b\x07")
                said = 3 if len(cues) < 4 else 200
                assert len(cues) <= said
            elif name == "csv":
                rows = list(csv.DictReader(io.StringIO(text, newline="")))
                assert len(rows) >= 1 and None not in rows[0]
            elif name == "tsv":
                assert {line.count("\t") for line in text.split("\n")[:-1]} == {12}
            elif name == "text":
                assert "\x1b" not in text
    texts = [body["utterances"][0]["text"].replace("\x00", "\ufffd") for body in bodies[:-1]]
    rows = csv.DictReader(io.StringIO(run(scene, ["--format", "csv"]).output.decode(), newline=""))
    assert set(texts) <= {row["text"] for row in rows}
    marked = run(scene, ["--format", "csv", "--spreadsheet", "--columns", "text"]).output.decode()
    assert "'=cmd|" in marked


# ---- which results


def test_results_are_chosen_by_id_label_and_time(scene):
    now = time.time()
    publish(scene, named(["old-1", "old-2"], labels={"batch": "1", "who": "a"}))
    wait_until(lambda: time.time() > now + 3, 10, "three seconds later")
    later = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time()))
    wait_until(lambda: time.time() > now + 5, 10, "two seconds later")
    publish(scene, named(["new-1", "new-2"], labels={"batch": "2", "who": "a"}))
    every = {"old-1", "old-2", "new-1", "new-2"}
    assert set(jsonl(scene)) == every
    assert set(jsonl(scene, ["--id", "old-1", "--id", "new-*"])) == every - {"old-2"}
    assert set(jsonl(scene, ["--label", "who=a"])) == every
    assert set(jsonl(scene, ["--label", "who=a", "--label", "batch=2"])) == {"new-1", "new-2"}
    assert set(jsonl(scene, ["--since", later])) == {"new-1", "new-2"}
    assert set(jsonl(scene, ["--until", later])) == {"old-1", "old-2"}
    assert set(jsonl(scene, ["--since", "1h", "--id", "old-2"])) == {"old-2"}
    assert set(jsonl(scene, ["--since", "2999-01-01T00:00:00Z"])) == set()


@pytest.mark.parametrize(
    "arguments",
    [
        ["--format", "docx"],
        ["--since", "yesterday"],
        ["--label", "batch"],
        ["--columns", "id"],
        ["--format", "csv", "--columns", "id,nothing"],
        ["--output", "x", "--state", "y"],
        ["--format", "srt", "--state", "y"],
        ["--output="],
        ["--state="],
        ["--id", ""],
        ["--since", "1h", "--until", "2h"],
        ["--since", "1h", "--until", "1h"],
        ["--follow", "--until", "1h"],
    ],
)
def test_wrong_usage_ends_with_2_and_says_what_is_expected(scene, arguments):
    command = run(scene, arguments, status=2)
    assert "Try 'backscribe results --help'" in command.log


def test_following_writes_what_comes_and_ends_well_when_interrupted(scene, tmp_path):
    publish(scene, named(["a"]))
    following = scene.start_command(["results", "--format", "jsonl", "--follow"])
    folder = tmp_path / "out"
    arguments = ["results", "--format", "srt", "--follow", "--output", str(folder)]
    filing = scene.start_command(arguments)
    wait_until(lambda: following.output.count(b"\n") == 1, 30, following.situation)
    publish(scene, named(["b", "c"]))
    wait_until(lambda: following.output.count(b"\n") == 3, 30, following.situation)
    wait_until(lambda: len(files(folder)) == 3, 30, filing.situation)
    for command in (following, filing):
        command.send(signal.SIGINT)
        assert command.wait_for_end(30) == 0, command.situation()
        assert "interrupted after 3 results" in command.log


# ---- one file a recording


def test_no_key_leads_out_of_the_folder_and_no_recording_takes_anothers_file(scene, tmp_path):
    links = [f"{ENDPOINT}/recordings/{quoted(key)}" for key in HOSTILE_KEYS]
    links += [f"{ENDPOINT}/other/a.wav", f"{ENDPOINT}/recordings/other/a.wav", "s3://other/a.wav"]
    links += [f"https://elsewhere.example/recordings/a.wav?x={n}" for n in range(2)]
    links += [f"https://elsewhere.example/{up}/etc/passwd" for up in ("..%2F..", "%2E%2E", "%2F")]
    bodies = [result(f"id-{n}", speech(0, words=2), uri=uri) for n, uri in enumerate(links)]
    for number, body in enumerate(bodies):
        body["chunks"][0]["alternatives"][0]["text"] = f"number {number}"
    publish(scene, bodies)
    home = tmp_path / "home"
    folder = home / "inner" / "out"
    folder.parent.mkdir(parents=True)
    run(scene, ["--format", "srt", "--output", str(folder)])
    written = files(folder)
    assert len(written) == len(links), written.keys()
    texts = {content.decode().splitlines()[2] for content in written.values()}
    assert texts == {f"number {number}" for number in range(len(links))}
    assert {"a.mp3.srt", "a.wav.srt", "A.wav.srt", "a/b.srt", "звонок/№1.ogg.srt"} <= set(written)
    assert sorted(files(home)) == sorted(f"inner/out/{path}" for path in written)
    for path in written:
        parts = path.split("/")
        assert all(part not in ("", ".", "..") and len(part.encode()) <= 255 for part in parts)
        assert path.isprintable() and "\\" not in path

    # Again: the same files, and nothing else.
    run(scene, ["--format", "srt", "--output", str(folder), "--from-start"])
    assert files(folder) == written


@pytest.mark.parametrize("planted", ["sub", "sub/deep", "sub/deep/call.ogg.srt"])
def test_a_symbolic_link_in_the_folder_leads_nowhere(scene, tmp_path, planted):
    publish(scene, [result("x", speech(0), uri=f"{ENDPOINT}/recordings/sub/deep/call.ogg")])
    folder, outside = tmp_path / "out", tmp_path / "outside"
    outside.mkdir()
    (outside / "file").write_text("mine")
    link = folder / planted
    link.parent.mkdir(parents=True)
    link.symlink_to(outside / "file" if planted.endswith("srt") else outside)
    arguments = ["--format", "srt", "--output", str(folder)]
    if planted.endswith("srt"):
        run(scene, arguments)  # a name is replaced, never followed
        assert not link.is_symlink() and "-->" in link.read_text()
    else:
        command = run(scene, arguments, status=1)
        assert f"{planted}: it is a symbolic link" in command.log
        link.unlink()
        run(scene, arguments)  # nothing was passed over
        assert len(files(folder)) == 1
    assert {path.name: path.read_text() for path in outside.iterdir()} == {"file": "mine"}


def test_of_two_results_of_one_recording_the_later_ones_file_stays(scene, tmp_path):
    uri = f"{ENDPOINT}/recordings/call.ogg"
    bodies = [
        result(f"id-{hour}", speech(hour), uri=uri, detected=f"2026-01-01T{hour:02}:00:00.000Z")
        for hour in random.Random(1).sample(range(12), 12)
    ]
    publish(scene, bodies)
    folder = tmp_path / "out"
    arguments = ["--format", "jsonl", "--output", str(folder)]
    for again in ([], ["--from-start"]):
        run(scene, [*arguments, *again])
        assert json.loads(files(folder)["call.ogg.jsonl"])["id"] == "id-11"


def test_a_file_that_was_changed_since_is_left_and_told_and_not_counted(scene, tmp_path):
    publish(scene, named(["a", "b"]))
    folder = tmp_path / "out"
    arguments = ["--output", str(folder)]
    run(scene, arguments)
    (folder / "a.ogg.txt").write_text("mine")
    command = run(scene, [*arguments, "--from-start"])
    assert "1 left: a newer file stands there (a later result's, or one changed" in command.log
    assert f"1 results written to {folder}" in command.log
    assert files(folder)["a.ogg.txt"] == b"mine"
    (folder / "a.ogg.txt").unlink()
    command = run(scene, [*arguments, "--from-start"])
    assert "2 results written" in command.log and "left" not in command.log


def test_a_folder_keeps_its_names_when_the_configuration_names_more_buckets(scene, tmp_path):
    """One bucket's keys stand right in the folder, and still do when there are two."""
    publish(scene, named(["a"]))
    folder = tmp_path / "out"
    arguments = ["--format", "srt", "--output", str(folder)]
    run(scene, arguments)
    assert list(files(folder)) == ["a.ogg.srt"]
    publish(scene, [result("b", speech(0), uri=f"{ENDPOINT}/old/a.ogg")])
    changes = {"objects": {"buckets": ["recordings", "old"]}}
    run(scene, [*arguments, "--from-start"], changes=changes)
    names = sorted(path.split("~")[0] for path in files(folder))
    assert names == ["a.ogg.srt", "old/a.ogg"]
    fresh = tmp_path / "fresh"
    run(scene, ["--format", "srt", "--output", str(fresh)], changes=changes)
    assert sorted(files(fresh)) == ["old/a.ogg.srt", "recordings/a.ogg.srt"]


def test_the_folder_is_made_and_one_that_cannot_be_is_told(scene, tmp_path):
    publish(scene, named(["a"]))
    run(scene, ["--output", str(tmp_path / "deep" / "er" / "out") + "/"])
    assert files(tmp_path / "deep").keys() == {"er/out/a.ogg.txt"}
    (tmp_path / "file").write_text("")
    for path in ("file", "file/out"):
        command = run(scene, ["--output", str(tmp_path / path)], status=1)
        assert f"{tmp_path / path}: {os.strerror(errno.ENOTDIR)}" in command.log


def test_two_runs_do_not_write_to_one_folder_at_once(scene, tmp_path):
    publish(scene, named(["a"]))
    folder = tmp_path / "out"
    folder.mkdir()
    holder = os.open(folder, os.O_RDONLY)
    fcntl.flock(holder, fcntl.LOCK_EX)
    command = run(scene, ["--format", "srt", "--output", str(folder)], status=1)
    assert "another run" in command.log
    os.close(holder)
    run(scene, ["--format", "srt", "--output", str(folder)])


# ---- results that stand in the object store


def test_large_and_packed_results_are_written_whole_whatever_the_format(scene, store, tmp_path):
    scene.cluster.create_topic(scene.topics["results"], 2)
    large, small = result("large", speech(1, words=3000)), result("small", speech(2))
    messages = [stored(large, store, "recordings", "t/large.json.gz"), message(small, packed=True)]
    scene.cluster.produce(scene.topics["results"], messages)
    settings = with_store(store)
    assert jsonl(scene, changes=settings) == {"large": large, "small": small}
    for name, read in (("srt", read_srt), ("vtt", read_vtt)):
        folder = tmp_path / name
        run(scene, ["--format", name, "--output", str(folder)], changes=settings)
        written = {path.split(".")[0]: text for path, text in files(folder).items()}
        expect_good_cues(read(written["large"].decode(), True), large)

    # Without credentials subtitles have no times: nothing is made up, and the next run writes them.
    folder = tmp_path / "later"
    arguments = ["--format", "srt", "--output", str(folder)]
    command = run(scene, arguments, status=1)
    assert "objects.auth" in command.log and not any("large" in path for path in files(folder))
    run(scene, arguments, changes=settings)
    assert files(folder) == files(tmp_path / "srt")
    command = run(scene, ["--format", "csv"], status=1)
    assert "for want of its times" in command.log


def test_an_object_that_is_gone_is_told_and_the_others_are_written(scene, store, tmp_path):
    scene.cluster.create_topic(scene.topics["results"], 1)
    gone, there = result("gone", speech(1, words=300)), result("there", speech(3, words=300))
    messages = [stored(body, store, "recordings", body["id"]) for body in (gone, there)]
    scene.cluster.produce(scene.topics["results"], messages)
    store.delete("recordings", "gone")
    folder = tmp_path / "out"
    arguments = ["--format", "vtt", "--output", str(folder)]
    command = run(scene, arguments, status=1, changes=with_store(store))
    assert "offset 0" in command.log and "NoSuchKey" in command.log, command.log
    assert [path.split("~")[0] for path in files(folder)] == ["there.ogg"]


def test_a_run_that_the_store_does_not_answer_is_interrupted_at_once_and_goes_on(
    scene, store, proxy, tmp_path
):
    scene.cluster.create_topic(scene.topics["results"], 1)
    bodies = [result(f"r{n}", speech(n, words=200)) for n in range(4)]
    messages = [
        stored(body, store, "recordings", body["id"]) if body["id"] == "r2" else message(body)
        for body in bodies
    ]
    scene.cluster.produce(scene.topics["results"], messages)
    folder = tmp_path / "out"
    arguments = ["--format", "jsonl", "--output", str(folder)]
    proxy.set("hang")
    command = scene.start_command(["results", *arguments], with_store(store, proxy.url))
    wait_until(lambda: proxy.requests, 30, command.situation)
    command.send(signal.SIGINT)
    assert command.wait_for_end(20) == 3, command.situation()
    assert "interrupted after 2 results" in command.log and len(files(folder)) == 2
    proxy.set("pass")
    command = run(scene, arguments, changes=with_store(store, proxy.url))
    assert "2 results written" in command.log
    written = [json.loads(text) for text in files(folder).values()]
    assert sorted(written, key=lambda body: body["id"]) == bodies


# ---- going on


def test_a_run_that_is_killed_at_any_place_ends_with_the_same_files(scene, tmp_path):
    bodies = named([f"call-{n:03}" for n in range(300)])
    publish(scene, bodies)
    whole, folder = tmp_path / "whole", tmp_path / "cut"
    run(scene, ["--format", "srt", "--output", str(whole)])
    arguments = ["--format", "srt", "--output", str(folder)]
    for least in (1, 120, 250):
        command = scene.start_command(["results", *arguments])
        wait_until(
            lambda least=least: not command.running
            or sum(1 for _ in folder.rglob("*.srt")) >= least,
            60,
            command.situation,
            pause_seconds=0,
        )
        command.kill()
    run(scene, arguments)
    assert files(folder) == files(whole)
    command = run(scene, arguments)
    assert "0 results written" in command.log
    publish(scene, named(["one-more"]))
    command = run(scene, arguments)
    assert "1 results written" in command.log and len(files(folder)) == 301


def test_a_stream_goes_on_where_its_state_says_and_nothing_is_missing(scene, tmp_path):
    publish(scene, named([f"call-{n}" for n in range(40)]))
    state = tmp_path / "position"
    arguments = ["--format", "csv", "--columns", "id,text", "--state", str(state)]
    first = run(scene, arguments).output.decode()
    assert first.startswith("id,text\r\n")
    assert run(scene, arguments).output == b""
    publish(scene, named(["later"]))
    second = run(scene, arguments).output.decode()
    assert second.startswith("later,") and "id,text" not in second
    anew = run(scene, [*arguments, "--from-start"]).output.decode()
    assert sorted(anew.splitlines()) == sorted((first + second).splitlines())
    command = run(scene, [*arguments, "--label", "a=b"])
    assert "other options" in command.log


def test_a_state_that_cannot_be_written_is_told_before_anything_is_printed(scene, tmp_path):
    publish(scene, named(["a"]))
    (tmp_path / "folder").mkdir()
    (tmp_path / "taken.new").mkdir()
    (tmp_path / "nowhere").symlink_to(tmp_path / "gone" / "too")
    os.mkfifo(tmp_path / "pipe")
    for name, why in (
        ("folder", "it is no file"),
        ("pipe", "it is no file"),
        ("missing/state", os.strerror(errno.ENOENT)),
        ("taken", os.strerror(errno.EEXIST)),
        ("nowhere", os.strerror(errno.ENOENT)),
    ):
        command = run(scene, ["--format", "jsonl", "--state", str(tmp_path / name)], status=1)
        assert command.output == b"" and f"{tmp_path / name}" in command.log, name
        assert why in command.log, name
    assert not list(tmp_path.glob("*.lock"))


def test_a_state_behind_a_link_stays_there_and_two_runs_do_not_share_one(scene, tmp_path):
    publish(scene, named(["a"]))
    (tmp_path / "kept").mkdir()
    real, link = tmp_path / "kept" / "position", tmp_path / "link"
    assert set(jsonl(scene, ["--state", str(real)])) == {"a"}
    link.symlink_to(real)
    publish(scene, named(["b"]))
    assert set(jsonl(scene, ["--state", str(link)])) == {"b"}
    assert link.is_symlink() and set(jsonl(scene, ["--state", str(real)])) == set()
    follower = scene.start_command(
        ["results", "--format", "jsonl", "--follow", "--state", str(real)]
    )
    wait_until(pathlib.Path(f"{real}.lock").exists, 30, follower.situation)
    command = run(scene, ["--format", "jsonl", "--state", str(link)], status=1)
    assert "another run goes on from there" in command.log and command.output == b""
    follower.send(signal.SIGINT)
    assert follower.wait_for_end(30) == 0, follower.situation()
    assert sorted(path.name for path in real.parent.iterdir()) == ["position"]


def test_a_stream_that_nobody_reads_is_interrupted_and_its_state_promises_nothing_unwritten(
    scene, tmp_path
):
    bodies = [result(f"call-{n}", speech(n, words=400)) for n in range(60)]
    publish(scene, bodies)
    state = tmp_path / "position"
    command = scene.new_command(["results", "--format", "jsonl", "--state", str(state)])
    reader, writer = os.pipe()
    process = subprocess.Popen(
        command.command, stdout=writer, stderr=subprocess.PIPE, env=command.environment
    )
    try:
        os.close(writer)
        room = fcntl.fcntl(reader, fcntl.F_GETPIPE_SZ)
        wait_until(lambda: unread(reader) == room, 60, "the pipe is full")
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 3
        assert b"interrupted" in process.stderr.read()
    finally:
        process.kill()
        process.communicate()
        os.close(reader)
    again = jsonl(scene, ["--state", str(state)])
    assert again.keys() == {body["id"] for body in bodies}


def unread(pipe):
    """Bytes that stand in it."""
    return struct.unpack("i", fcntl.ioctl(pipe, termios.FIONREAD, b"1234"))[0]


def start_with_little_room(command, most):
    """No file may get larger: what a write to a full disk comes to."""

    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))

    return subprocess.run(
        command.command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        env=command.environment,
        preexec_fn=limit,
        check=False,
    )


def test_a_disk_without_room_ends_it_with_a_sentence_and_the_next_run_goes_on(scene, tmp_path):
    scene.cluster.create_topic(scene.topics["results"], 1)
    bodies = named([f"call-{n}" for n in range(20)])
    bodies[10] = result("large", speech(1, words=3000))
    publish(scene, bodies)
    folder = tmp_path / "out"
    arguments = ["--format", "jsonl", "--output", str(folder)]
    ended = start_with_little_room(scene.new_command(["results", *arguments]), 50_000)
    assert ended.returncode == 1
    assert f"large.ogg.jsonl: {os.strerror(errno.EFBIG)}".encode() in ended.stderr
    assert len(files(folder)) == 10
    command = run(scene, arguments)
    assert "10 results written" in command.log
    written = [json.loads(text) for text in files(folder).values()]
    assert len(written) == 20 and all(body in written for body in bodies)


def test_a_full_device_ends_a_stream_with_a_sentence(scene):
    publish(scene, named(["a"]))
    command = scene.new_command(["results", "--format", "csv"])
    with open("/dev/full", "wb") as full:
        ended = subprocess.run(
            command.command,
            stdout=full,
            stderr=subprocess.PIPE,
            env=command.environment,
            check=False,
        )
    assert ended.returncode == 1 and os.strerror(errno.ENOSPC).encode() in ended.stderr


def test_a_topic_made_anew_is_told_and_not_passed_over(scene, tmp_path):
    publish(scene, named([f"call-{n}" for n in range(30)]))
    folder = tmp_path / "out"
    arguments = ["--format", "srt", "--output", str(folder)]
    run(scene, arguments)
    scene.cluster.delete_topic(scene.topics["results"])
    publish(scene, named(["new"]))
    command = run(scene, arguments, status=1)
    assert "made anew" in command.log and "--from-start" in command.log
    run(scene, [*arguments, "--from-start"])
    assert "new.ogg.srt" in files(folder)
    run(scene, arguments)


def test_results_deleted_before_they_were_read_are_told(scene, tmp_path):
    scene.cluster.create_topic(scene.topics["results"], 1)
    publish(scene, named(["a", "b"]))
    folder = tmp_path / "out"
    arguments = ["--format", "srt", "--output", str(folder)]
    run(scene, arguments)
    publish(scene, named(["c", "d"]))
    scene.cluster.delete_records(scene.topics["results"], 0, 3)
    command = run(scene, arguments, status=1)
    assert "deleted before they were read" in command.log
    assert len(files(folder)) == 3


def test_what_is_no_result_is_named_and_the_others_are_written(scene, tmp_path):
    scene.cluster.create_topic(scene.topics["results"], 1)
    packed = [("content-encoding", b"gzip")]
    values = [
        (b"k", b"no JSON", (), None),
        (b"k", None, (), None),
        (b"k", b"no gzip", packed, None),
        (b"k", gzip.compress(bytes((256 << 20) + 1)), packed, None),
        message(named(["a"])[0]),
    ]
    scene.cluster.produce(scene.topics["results"], values)
    folder = tmp_path / "out"
    command = run(scene, ["--format", "srt", "--output", str(folder)], status=1)
    assert "offset 0: not a result" in command.log and "offset 1: not a result" in command.log
    assert "offset 2: not a result: not the gzip that its header" in command.log
    assert "offset 3: not a result: unpacked it is larger than 256 MiB" in command.log
    assert list(files(folder)) == ["a.ogg.srt"]
