"""backscribe enqueue from and to an object store: listings, dry runs, uploads."""

import json
import signal

import pytest

from harness.recordings import flac, mp3, ogg_opus, wav
from harness.s3 import S3, FaultProxy, Refused
from harness.waiting import wait_until

ODD = ["a b.ogg", "a+b.ogg", "a%20b.ogg", "it's \"so\".ogg", "звонок/№1.ogg", "📞.ogg", "a&b=c?#.ogg"]


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    with S3(tmp_path_factory.mktemp("s3"), buckets=("recordings", "other")) as server:
        yield server


@pytest.fixture(autouse=True)
def empty(store, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    for bucket in store.buckets:
        for key in store.keys(bucket):
            store.delete(bucket, key)


def with_store(store, **changes):
    staging = "s3://recordings/.backscribe/staging"
    return {"objects": store.objects(staging=staging, **changes), "allow_insecure": True}


def jobs_of(scene):
    return [json.loads(message.value) for message in scene.cluster.read(scene.topics["jobs"])]


def uris_of(scene):
    return sorted(job["audio"]["uri"] for job in jobs_of(scene))


def run(scene, store, arguments, status=0, **changes):
    ended, command = scene.run_command(["enqueue", *arguments], with_store(store, **changes))
    assert ended == status, command.situation()
    return command


# ---- listings


def test_a_listing_of_1500_odd_keys_is_as_many_jobs_with_the_same_ids_again(scene, store):
    scene.create_topics(partitions=2)
    keys = [f"calls/{number:04} {ODD[number % len(ODD)]}" for number in range(1500)]
    for key in keys:
        store.put("recordings", key, b"x")
    store.put("recordings", "calls/folder/", b"")
    store.put("recordings", ".backscribe/staging/left-behind.raw", b"x")
    store.put("recordings", "other.ogg", b"x")
    command = run(scene, store, ["s3://recordings/calls/"])
    assert "1500 jobs enqueued" in command.log and "1 folders" in command.log
    jobs = jobs_of(scene)
    assert sorted(job["audio"]["uri"] for job in jobs) == sorted(
        f"s3://recordings/{key}" for key in keys
    )
    assert {job["audio"]["sizeBytes"] for job in jobs} == {1}
    ids = {job["id"] for job in jobs}
    assert len(ids) == 1500

    # Again: the same ids, so that nothing is paid again; and one that has changed is new.
    store.put("recordings", keys[0], b"another")
    run(scene, store, ["s3://recordings/calls/"])
    again = {job["id"] for job in jobs_of(scene)}
    assert len(again - ids) == 1 and len(jobs_of(scene)) == 3000

    command = run(scene, store, ["s3://recordings"], status=0)
    assert "1 staged recordings and transcripts of ours" in command.log


def test_filters_and_limit_of_a_listing(scene, store):
    scene.create_topics(partitions=1)
    for key in ("a/1.ogg", "a/2.txt", "b/3.ogg", "b/4.ogg", "c/5.ogg"):
        store.put("recordings", key, b"x")
    arguments = ["s3://recordings", "--include", "*.ogg", "--exclude", "a/*", "--limit", "2"]
    run(scene, store, [*arguments, "--newer-than", "1h"])
    assert uris_of(scene) == ["s3://recordings/b/3.ogg", "s3://recordings/b/4.ogg"]
    command = run(scene, store, ["s3://recordings", "--newer-than", "2999-01-01T00:00:00Z"])
    assert "0 jobs enqueued" in command.log and "5 by the filters" in command.log


def test_a_key_that_no_job_can_name_is_told_and_the_others_are_enqueued(scene, store):
    scene.create_topics(partitions=1)
    for key in ("a.ogg", "b\n.ogg", "c.ogg"):
        store.put("recordings", key, b"x")
    command = run(scene, store, ["s3://recordings"], status=1)
    assert uris_of(scene) == ["s3://recordings/a.ogg", "s3://recordings/c.ogg"]
    assert "s3://recordings/b" in command.log and "2 jobs enqueued" in command.log


def test_a_wrong_secret_a_missing_bucket_and_a_dead_store_are_told(scene, store):
    scene.create_topics(partitions=1)
    wrong = {"static_key_file": str(store.write_key_file("wrong", secret="wrong"))}
    command = run(scene, store, ["s3://recordings"], status=1, auth=wrong)
    assert "SignatureDoesNotMatch" in command.log, command.situation()
    command = run(scene, store, ["s3://recordings"], status=2, buckets=["other"])
    assert "objects.buckets" in command.log
    command = run(scene, store, ["s3://missing"], status=1, buckets=[])
    assert "NoSuchBucket" in command.log
    status, command = scene.run_command(["enqueue", "s3://recordings"])
    assert status == 2 and "objects.auth" in command.log


# ---- dry runs


def put_recordings(store):
    """Mixed ones; what a dry run must say of them."""
    store.put("recordings", "mono.ogg", ogg_opus(20))
    store.put("recordings", "short.ogg", ogg_opus(3))
    store.put("recordings", "stereo.ogg", ogg_opus(61, channels=2))
    store.put("recordings", "half.mp3", mp3(30.024))
    store.put("recordings", "phone.wav", wav(12.5, rate=8000, channels=2))
    store.put("recordings", "cd.wav", wav(1, rate=44100))
    store.put("recordings", "old.flac", flac())
    store.put("recordings", "notes.txt", b"no recording")
    store.put("recordings", "empty.ogg", b"")


def test_a_dry_run_tells_hours_billed_seconds_and_what_is_refused_exactly(scene, store):
    scene.create_topics(partitions=1)
    put_recordings(store)
    command = run(scene, store, ["s3://recordings", "--dry-run", "--json"])
    told = json.loads(command.output)
    assert told["jobs"] == told["recordings"] == told["lookedInto"] == 9
    assert told["submitted"] == 5 and told["staged"] == 1
    assert told["encodings"] == {"OGG_OPUS": 3, "MP3": 1, "LINEAR16_PCM": 1}
    assert told["hours"] * 3600 == pytest.approx(20 + 3 + 61 + 30.024 + 12.5, abs=0.001)
    # whole seconds, 15 at least, by pairs of channels
    assert told["billedSeconds"] == 20 + 15 + 61 + 31 + 15
    assert told["billedSecondsByChannels"] == {"1": 20 + 15 + 31, "2": 61 + 15}
    assert told["refused"] == {"unsupported_audio": 4}
    named = {example["uri"].split("/")[-1]: example["message"] for example in told["examples"]}
    assert "44100" in named["cd.wav"] and len(named) == 4
    assert told["retentionTooShort"] is False
    assert scene.cluster.message_count(scene.topics["jobs"]) == 0

    command = run(scene, store, ["s3://recordings", "--dry-run", "--verbose"])
    said = command.output.decode()
    assert "9 jobs would be enqueued" in said and "142 s" in said and "unsupported_audio" in said
    assert "already wait in the topic come before them, and are not counted" in said
    assert all(len(line) < 80 for line in said.splitlines()), said
    for name in ("cd.wav", "old.flac", "notes.txt", "empty.ogg"):
        assert f"s3://recordings/{name}: unsupported_audio: " in command.log


def test_a_dry_run_of_a_manifest_names_what_is_missing_and_what_the_job_states_falsely(
    scene, store
):
    scene.create_topics(partitions=1)
    put_recordings(store)
    manifest = scene.directory / "manifest.csv"
    manifest.write_text(
        "uri,duration,encoding\n"
        "s3://recordings/gone.ogg,,\n"
        "s3://recordings/mono.ogg,600,\n"
        "s3://elsewhere/a.ogg,,\n"
        "s3://recordings/stated.ogg,600,OGG_OPUS\n"
    )
    command = run(scene, store, ["--manifest", str(manifest), "--dry-run", "--json"])
    told = json.loads(command.output)
    assert told["refused"] == {"audio_not_found": 1, "invalid_job": 1, "audio_forbidden": 1}
    assert told["submitted"] == 1 and told["billedSeconds"] == 600


def test_a_sample_is_scaled_up_with_its_error_and_is_the_same_each_time(scene, store):
    scene.create_topics(partitions=1)
    bodies = [ogg_opus(seconds) for seconds in (15, 30, 45, 60)]
    for number in range(200):
        store.put("recordings", f"{number}.ogg", bodies[number % 4])
    arguments = ["s3://recordings", "--dry-run", "--json", "--sample", "50"]
    told = json.loads(run(scene, store, arguments).output)
    assert told["recordings"] == 200 and told["lookedInto"] == 50 and told["submitted"] == 200
    truth = 50 * (15 + 30 + 45 + 60)
    assert 0 < told["billedSecondsError"] < truth / 4
    assert abs(told["billedSeconds"] - truth) < 2 * told["billedSecondsError"]
    assert json.loads(run(scene, store, arguments).output) == told


def test_a_sample_of_recordings_that_are_alike_announces_no_error(scene, store):
    scene.create_topics(partitions=1)
    for number in range(6):
        store.put("recordings", f"{number}.ogg", ogg_opus(20))
    output = run(scene, store, ["s3://recordings", "--dry-run", "--sample", "3"]).output.decode()
    assert "by chance; what follows is scaled up\n" in output and "±" not in output
    store.put("recordings", "6.ogg", ogg_opus(60))
    output = run(scene, store, ["s3://recordings", "--dry-run", "--sample", "6"]).output.decode()
    assert ("± at 95 %" in output) == (output.count("±") > 1)


def test_a_dry_run_tells_a_budget_that_ends_before_the_backlog(scene):
    scene.create_topics(partitions=1)
    scene.start_standin(duration_ms=300)
    path = scene.directory / "manifest"
    jobs = [
        {"audio": {"uri": f"s3://recordings/{n}.ogg", "durationSeconds": 3600}} for n in range(3)
    ]
    path.write_text("".join(json.dumps(job) + "\n" for job in jobs))
    arguments = ["enqueue", "--manifest", str(path), "--dry-run"]

    def told(hours, **more):
        changes = {"limits": {"billed_hours": hours}, **more}
        status, command = scene.run_command(arguments, changes)
        assert status == 0, command.situation()
        return " ".join(command.output.decode().split())

    assert "budget 3.00 of 2.00 hours: ends before (limits.billed_hours)" in told(2)
    assert " once limits.billed_hours is raised: the " in told(2)
    assert "budget" not in told(3) and "once" not in told(3)
    unknown = told(2, kafka={"bootstrap.servers": "127.0.0.1:1"})
    assert "budget 3.00 of 2.00 hours or less: ends before" in unknown
    scene.enqueue(1, prefix="before", audio={"durationSeconds": 3600})
    worker = scene.start_worker({"checks": {"seconds_per_audio_minute": 0}})
    scene.wait_for_answers(1, 60)
    worker.kill()
    assert "budget 3.00 of 2.00 hours left: ends before (limits.billed_hours)" in told(3)
    _, command = scene.run_command([*arguments, "--json"], {"limits": {"billed_hours": 3}})
    assert json.loads(command.output)["budget"] == {"hours": 3, "spentHours": 1, "tooSmall": True}


def test_a_dry_run_warns_of_a_retention_shorter_than_the_backlog(scene, store):
    scene.create_topics(partitions=1)
    scene.cluster.delete_topic(scene.topics["jobs"])
    scene.cluster.create_topic(scene.topics["jobs"], 1, retention_ms=3_600_000)
    for number in range(4):
        store.put("recordings", f"{number}.ogg", ogg_opus(20))
    changes = with_store(store)
    changes["quotas"] = {"submissions": 1, "window_seconds": 3600, "checks": 100}
    arguments = ["enqueue", "s3://recordings", "--dry-run"]
    status, command = scene.run_command(arguments, changes)
    said = " ".join(command.output.decode().split())
    assert status == 0 and "retention.ms=-1" in said and "about 4.0 hours" in said
    changes["kafka"] = {"bootstrap.servers": "127.0.0.1:1"}
    status, command = scene.run_command(arguments, changes)
    said = " ".join(command.output.decode().split())
    assert status == 0 and "is not known: " in said and "no broker answers" in said


def test_a_dry_run_against_a_store_that_is_closed_to_us_fails_soon(scene, store):
    scene.create_topics(partitions=1)
    manifest = scene.directory / "manifest"
    manifest.write_text("".join(f"s3://recordings/{number}.ogg\n" for number in range(5000)))
    wrong = {"static_key_file": str(store.write_key_file("wrong", secret="wrong"))}
    for more in ([], ["--sample", "200"]):
        arguments = ["--manifest", str(manifest), "--dry-run", *more]
        command = run(scene, store, arguments, status=1, auth=wrong)
        assert "no recording can be looked into" in command.log, command.situation()


def test_an_interrupted_dry_run_is_no_failure(scene, store):
    manifest = scene.directory / "manifest"
    manifest.write_text("".join(f"s3://recordings/{number}.ogg\n" for number in range(20_000)))
    with FaultProxy(store.port) as proxy:
        changes = with_store(store, endpoint=proxy.url)
        arguments = ["enqueue", "--manifest", str(manifest), "--dry-run"]
        command = scene.start_command(arguments, changes)
        wait_until(lambda: len(proxy.requests) > 50, 30, command.situation)
        command.send(signal.SIGINT)
        assert command.wait_for_end(30) == 3, command.situation()
    assert "again to leave at once" in command.log and "failed" not in command.log


# ---- uploads


def make_folder(directory):
    folder = directory / "disk"
    files = {
        "a.ogg": ogg_opus(20),
        "2024/звонок 1.wav": wav(5),
        "2024/b+c.mp3": mp3(24),
        "2024/cd.wav": wav(1, rate=44100),
        "2024/sub/noextension": ogg_opus(4),
        "notes.txt": b"no recording",
        ".hidden.ogg": ogg_opus(4),
        ".git/x.ogg": ogg_opus(4),
    }
    for name, body in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(body)
    (folder / "2024" / "loop").symlink_to(folder)
    return folder, files


SENT = ["2024/b+c.mp3", "2024/sub/noextension", "2024/звонок 1.wav", "a.ogg"]


def test_a_folder_is_uploaded_but_for_what_would_be_refused_and_not_twice(scene, store):
    scene.create_topics(partitions=1)
    folder, files = make_folder(scene.directory)
    arguments = ["--upload-to", "s3://recordings/disk 1/", str(folder)]
    command = run(scene, store, [*arguments, "--dry-run", "--json"])
    told = json.loads(command.output)
    assert told["jobs"] == told["submitted"] == 4 and told["refused"] == {"unsupported_audio": 1}
    assert told["billedSeconds"] == 20 + 15 + 24 + 15
    assert store.keys("recordings") == []

    command = run(scene, store, arguments)
    assert store.keys("recordings") == sorted(f"disk 1/{name}" for name in SENT)
    for name in SENT:
        assert store.get("recordings", f"disk 1/{name}") == files[name]
    assert uris_of(scene) == sorted(f"s3://recordings/disk 1/{name}" for name in SENT)
    assert f"{folder}/2024/cd.wav: unsupported_audio: " in command.log
    assert "4 jobs enqueued" in command.log and "4 that are no recordings" in command.log
    ids = {job["id"] for job in jobs_of(scene)}

    # Again, and as a listing: nothing is sent, the same jobs.
    command = run(scene, store, arguments)
    assert "4 of the files were there already" in command.log
    run(scene, store, ["s3://recordings/disk 1/"])
    jobs = jobs_of(scene)
    assert len(jobs) == 12 and {job["id"] for job in jobs} == ids


def test_another_object_under_the_same_key_is_neither_replaced_nor_enqueued_unasked(scene, store):
    scene.create_topics(partitions=1)
    for disk, seconds in (("one", 20), ("two", 30)):
        (scene.directory / disk).mkdir()
        for number in range(6):  # more than the failures that would have the store down
            (scene.directory / disk / f"{number}.ogg").write_bytes(ogg_opus(seconds + number))
    (scene.directory / "two" / "new.ogg").write_bytes(ogg_opus(40))
    arguments = ["--upload-to", "s3://recordings/calls/"]
    run(scene, store, [*arguments, str(scene.directory / "one")])
    command = run(scene, store, [*arguments, str(scene.directory / "two")], status=1)
    size = len(ogg_opus(23))
    told = f"two/3.ogg: another object stands there ({size} bytes, changed 20"
    assert told in command.log and "--replace" in command.log, command.situation()
    assert "1 job enqueued" in command.log and len(jobs_of(scene)) == 7
    assert store.get("recordings", "calls/3.ogg") == ogg_opus(23)
    assert store.get("recordings", "calls/new.ogg") == ogg_opus(40)

    run(scene, store, [*arguments, "--replace", str(scene.directory / "two")])
    assert store.get("recordings", "calls/3.ogg") == ogg_opus(33)
    assert len({job["id"] for job in jobs_of(scene)}) == 13


def test_neighbours_with_too_long_keys_are_told_and_the_others_are_uploaded(scene, store):
    scene.create_topics(partitions=1)
    folder = scene.directory / "disk"
    deep = folder / "/".join("d" * 200 for _ in range(5))
    deep.mkdir(parents=True)
    for number in range(8):
        (deep / f"{'n' * 30}{number}.ogg").write_bytes(ogg_opus(20))
    (folder / "z.ogg").write_bytes(ogg_opus(21))
    command = run(scene, store, ["--upload-to", "s3://recordings", str(folder)], status=1)
    assert command.log.count("longer than 1024 bytes") == 8, command.situation()
    assert store.keys("recordings") == ["z.ogg"] and len(jobs_of(scene)) == 1


def test_files_by_name_are_uploaded_below_the_place(scene, store):
    scene.create_topics(partitions=1)
    folder, _ = make_folder(scene.directory)
    files = [str(folder / "a.ogg"), str(folder / ".hidden.ogg"), str(folder / "notes.txt")]
    command = run(scene, store, ["--upload-to", "s3://recordings", *files])
    assert store.keys("recordings") == [".hidden.ogg", "a.ogg"]
    assert "notes.txt: unsupported_audio" in command.log
    twice = [str(folder / "a.ogg"), str(folder)]
    command = run(scene, store, ["--upload-to", "s3://recordings", *twice], status=2)
    assert "both become a.ogg" in command.log
    run(scene, store, ["--upload-to", "s3://recordings", str(folder / "missing.ogg")], status=2)


def test_an_interrupted_upload_goes_on_where_it_was(scene, store):
    scene.create_topics(partitions=1)
    folder = scene.directory / "disk"
    folder.mkdir()
    bodies = {f"{number}.wav": wav(60 + number, rate=48000) for number in range(12)}
    for name, body in bodies.items():
        (folder / name).write_bytes(body)
    arguments = ["enqueue", "--upload-to", "s3://recordings", str(folder)]
    with FaultProxy(store.port) as proxy:
        proxy.hold("PUT", but=3)
        changes = with_store(store, endpoint=proxy.url)
        command = scene.start_command(arguments, changes)
        wait_until(lambda: len(store.keys("recordings")) == 3, 30, command.situation)
        command.send(signal.SIGINT)
        assert command.wait_for_end(30) == 3, command.situation()
        there = store.keys("recordings")
        assert len(there) == 3
        proxy.hold(None)
        del proxy.requests[:]
        status, command = scene.run_command(arguments, changes)
        assert status == 0, command.situation()
        sent = [line.split()[1] for line in proxy.requests if line.startswith("PUT")]
    assert sorted(sent) == sorted(f"/recordings/{key}" for key in set(bodies) - set(there))
    for name, body in bodies.items():
        assert store.get("recordings", name) == body
    assert {job["audio"]["uri"] for job in jobs_of(scene)} == {
        f"s3://recordings/{name}" for name in bodies
    }


def test_an_upload_outlives_what_passes_and_tells_what_does_not(scene, store):
    scene.create_topics(partitions=1)
    folder = scene.directory / "disk"
    folder.mkdir()
    for number in range(6):
        (folder / f"{number}.ogg").write_bytes(ogg_opus(20 + number))
    with FaultProxy(store.port, ["unavailable", "drop", "unavailable"]) as proxy:
        command = run(
            scene,
            store,
            ["--upload-to", "s3://recordings", str(folder)],
            endpoint=proxy.url,
        )
        assert "6 jobs enqueued" in command.log
    wrong = {"static_key_file": str(store.write_key_file("wrong", secret="wrong"))}
    arguments = ["--upload-to", "s3://recordings/x", str(folder)]
    command = run(scene, store, arguments, status=1, auth=wrong)
    assert store.keys("recordings", "x/") == [] and len(jobs_of(scene)) == 6
    with pytest.raises(Refused):
        store.head("recordings", "x/0.ogg")


def test_what_was_uploaded_twice_and_listed_is_paid_for_once_and_as_the_dry_run_said(scene, store):
    scene.create_topics(partitions=1)
    standin = scene.start_standin(
        objects=store.url, objects_key_file=store.key_file, duration_ms=0
    )
    folder = scene.directory / "disk"
    folder.mkdir()
    (folder / "a.wav").write_bytes(wav(16.5))
    (folder / "b.wav").write_bytes(wav(3, rate=16000, channels=2))
    (folder / "cd.wav").write_bytes(wav(1, rate=44100))
    upload = ["--upload-to", "s3://recordings/disk/", str(folder)]
    told = json.loads(run(scene, store, [*upload, "--dry-run", "--json"]).output)
    for arguments in (upload, upload, ["s3://recordings/disk/"]):
        run(scene, store, arguments)
    assert len(jobs_of(scene)) == 6
    changes = {**with_store(store), "checks": {"first_guess_seconds": 1}}
    worker = scene.start_worker(changes, ["--until-drained"])
    assert worker.wait_for_end(60) == 0, worker.situation()
    jobs = scene.cluster.read(scene.topics["jobs"])
    scene.account.expect_one_answer_each(jobs, skipped=4)
    assert len(standin.accepted_submissions()) == 2
    bodies = [json.loads(each.value) for each in scene.cluster.read(scene.topics["results"])]
    assert sum(body["billedSeconds"] for body in bodies) == told["billedSeconds"] == 17 + 15
    assert store.keys("recordings") == ["disk/a.wav", "disk/b.wav"]
