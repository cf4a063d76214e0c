"""backscribe enqueue: recordings of every source become jobs, each once."""

import gzip
import json
import os
import signal

import pytest

from harness.waiting import wait_until

ETAG = "0123456789abcdef0123456789abcdef"


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """Where positions of interrupted runs are kept."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state-home"))
    return tmp_path / "state-home" / "backscribe"


def jobs_of(scene):
    """The jobs' values in the order of their URIs; each keyed by its id."""
    jobs = []
    for message in scene.cluster.read(scene.topics["jobs"]):
        job = json.loads(message.value)
        assert job["id"].encode() == message.key
        jobs.append(job)
    return sorted(jobs, key=lambda job: job["audio"]["uri"])


def uris_of(scene):
    return [job["audio"]["uri"] for job in jobs_of(scene)]


def write(scene, text):
    path = scene.directory / "manifest"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return str(path)


FORMS = {
    "lines": "s3://recordings/a, 1.ogg\ns3://recordings/б.ogg\n",
    "jobs": '{"audio":{"uri":"s3://recordings/a, 1.ogg"}}\n'
    '{"audio":{"uri":"s3://recordings/б.ogg"}}',
    "csv": '\ufeffbucket,key\r\nrecordings,"a, 1.ogg"\r\nrecordings,б.ogg\r\n',
    "csv_semicolon": "uri;model\ns3://recordings/a, 1.ogg;\ns3://recordings/б.ogg;general\n",
    "listing": json.dumps(
        {
            "Contents": [
                {"Key": "a, 1.ogg", "Size": 5, "ETag": f'"{ETAG}"'},
                {"Key": "folder/", "Size": 0},
                {"Key": ".backscribe/staging/x.raw", "Size": 5},
            ],
            "Name": "recordings",
        },
        indent=2,
    )
    + json.dumps({"Name": "recordings", "Contents": [{"Key": "б.ogg", "Size": 6}]}),
    "inventory": f'"recordings","a%2C+1.ogg","5","2024-05-01T10:00:00.000Z","{ETAG}"\n'
    '"recordings","folder/","0","2024-05-01T10:00:00.000Z",""\n'
    '"recordings","%D0%B1.ogg","6","2024-05-01T10:00:00.000Z",""\n',
}


@pytest.mark.parametrize("packed", [False, True])
def test_a_manifest_of_every_form_is_told_by_its_content(scene, packed):
    scene.create_topics(partitions=2)
    key = scene.directory / "store-key"
    key.write_text('{"access_key_id":"a","secret_access_key":"b"}')
    objects = {
        "staging": "s3://recordings/.backscribe/staging",
        "auth": {"static_key_file": str(key)},
    }
    expected = ["s3://recordings/a, 1.ogg", "s3://recordings/б.ogg"]
    for number, (form, text) in enumerate(FORMS.items(), 1):
        data = gzip.compress(text.encode()) if packed else text.encode()
        path = write(scene, data)
        status, command = scene.run_command(
            ["enqueue", "--manifest", path], {"objects": objects}
        )
        assert status == 0, (form, command.situation())
        assert uris_of(scene) == sorted(expected * number), form


def test_what_is_listed_is_another_job_once_its_bytes_have_changed(scene):
    scene.create_topics(partitions=1)
    for etag in (ETAG, ETAG, ETAG[::-1]):
        listing = {"Contents": [{"Key": "k.ogg", "Size": 5, "ETag": f'"{etag}"'}]}
        path = write(scene, json.dumps(listing))
        status, command = scene.run_command(
            ["enqueue", "--manifest", path, "--bucket", "recordings"]
        )
        assert status == 0, command.situation()
    first, again, changed = sorted(
        jobs_of(scene), key=lambda job: job["id"] != f"s3://recordings/k.ogg#{ETAG}"
    )
    assert first == again and first["audio"]["sizeBytes"] == 5
    assert changed["id"] == f"s3://recordings/k.ogg#{ETAG[::-1]}"


def test_filters_and_defaults(scene):
    scene.create_topics(partitions=1)
    rows = [
        ("2024/call-1.ogg", "2024-05-01T00:00:00Z"),
        ("2024/call-2.wav", "2024-05-01T00:00:00Z"),
        ("2023/call-3.ogg", "2023-05-01T00:00:00Z"),
        ("2024/tmp/call-4.ogg", "2024-05-01T00:00:00Z"),
        ("2025/call-5.ogg", "2025-05-01T00:00:00Z"),
        ("2025/call-6.ogg", "2025-05-01T00:00:00Z"),
    ]
    path = write(
        scene,
        "bucket,key,lastModified,language,label.team\n"
        + "".join(f"recordings,{key},{time},kk-KZ,a\n" for key, time in rows),
    )
    arguments = ["enqueue", "--manifest", path, "--include", "*.ogg", "--include", "*.mp3"]
    arguments += ["--exclude", "*/tmp/*", "--newer-than", "2024-01-01T00:00:00Z", "--limit", "2"]
    arguments += ["--language", "ru-RU", "--model", "general", "--label", "team=b"]
    status, command = scene.run_command([*arguments, "--label", "batch=7=8"])
    assert status == 0, command.situation()
    assert uris_of(scene) == ["s3://recordings/2024/call-1.ogg", "s3://recordings/2025/call-5.ogg"]
    for job in jobs_of(scene):
        specification = job["config"]["specification"]
        assert specification == {"languageCode": "kk-KZ", "model": "general"}
        assert job["labels"] == {"team": "a", "batch": "7=8"}
    assert "3 by the filters" in command.log, command.situation()


def test_wrong_options_end_with_2_and_say_what_is_wrong(scene):
    path = write(scene, "s3://recordings/a.ogg\n")
    for arguments, said in (
        ([], "--manifest"),
        (["--manifest", path, "--limit", "0"], "--limit"),
        (["--manifest", path, "--label", "x"], "--label"),
        (["--manifest", path, "--label", "x=1", "--label", "x=2"], "twice"),
        (["--manifest", path, "--include", "[a"], "--include"),
        (["--manifest", path, "--newer-than", "yesterday"], "--newer-than"),
        (["--manifest", path, "--model", ""], "--model"),
        (["--manifest", path, "--replace"], "--upload-to"),
        (["--manifest", path + "-missing"], "No such file"),
        (["s3://x/"], "the bucket's name of 2 to 63 letters, digits"),
    ):
        status, command = scene.run_command(["enqueue", *arguments])
        assert status == 2 and said in command.log, (arguments, command.situation())


# So that there is time to interrupt it.
SLOWLY = [
    *("--set", "kafka.batch.num.messages=10"),
    *("--set", "kafka.max.in.flight=1"),
    *("--set", "kafka.queue.buffering.max.messages=1000"),
]


def start_and_interrupt(scene, arguments, which):
    """Once some of it is on the topic; how much in the end."""
    command = scene.start_command([*arguments, *SLOWLY])
    wait_until(
        lambda: scene.cluster.message_count(scene.topics["jobs"]) > 0 or not command.running,
        30,
        command.situation,
    )
    command.send(which)
    assert command.wait_for_end(60) == 3, command.situation()
    return scene.cluster.message_count(scene.topics["jobs"]), command


def test_an_interrupted_manifest_is_gone_on_with_by_the_same_command(scene, home):
    scene.create_topics(partitions=2)
    count = 60_000
    path = write(scene, "".join(f"s3://recordings/call-{i:07}.ogg\n" for i in range(count)))
    arguments = ["enqueue", "--manifest", path]
    done, command = start_and_interrupt(scene, arguments, signal.SIGINT)
    assert 0 < done < count
    assert f"line {done} of" in command.log, command.situation()

    # Another command is not meant by it.
    status, other = scene.run_command([*arguments, "--limit", "1"])
    assert status == 0 and "goes on" not in other.log, other.situation()

    status, command = scene.run_command(arguments)
    assert status == 0 and f"goes on behind line {done}, " in command.log, command.situation()
    assert scene.cluster.message_count(scene.topics["jobs"]) == count + 1
    assert uris_of(scene)[1:] == [f"s3://recordings/call-{i:07}.ogg" for i in range(count)]
    assert list(home.iterdir()) == []


def test_a_topic_that_was_made_anew_is_not_gone_on_with(scene):
    scene.create_topics(partitions=1)
    count = 60_000
    path = write(scene, "".join(f"s3://recordings/call-{i:07}.ogg\n" for i in range(count)))
    start_and_interrupt(scene, ["enqueue", "--manifest", path], signal.SIGTERM)
    scene.cluster.delete_topic(scene.topics["jobs"])
    scene.cluster.create_topic(scene.topics["jobs"], 1)
    status, command = scene.run_command(["enqueue", "--manifest", path])
    assert status == 0 and "begins anew" in command.log, command.situation()
    assert scene.cluster.message_count(scene.topics["jobs"]) == count


def test_a_wrong_entry_ends_it_and_a_dry_run_names_all_of_them(scene):
    scene.create_topics(partitions=1)
    path = write(scene, 'uri\ns3://recordings/a.ogg\n"call\n.ogg"\nhttps://x\ns3://recordings/b\n')
    status, command = scene.run_command(["enqueue", "--manifest", path])
    assert status == 1 and f"{path}:3: audio.uri" in command.log, command.situation()
    assert uris_of(scene) == ["s3://recordings/a.ogg"]
    status, command = scene.run_command(["enqueue", "--manifest", path, "--dry-run"])
    assert status == 1 and f"{path}:3:" in command.log and f"{path}:5:" in command.log
    assert len(uris_of(scene)) == 1


def test_columns_that_mean_nothing_are_named(scene):
    scene.create_topics(partitions=1)
    path = write(scene, "uri,modle\ns3://recordings/a.ogg,general\n")
    status, command = scene.run_command(["enqueue", "--manifest", path])
    assert status == 0 and "modle" in command.log, command.situation()
    assert os.path.exists(path)
