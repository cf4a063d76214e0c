"""Real recordings through a real decoder: what was said comes out as text, with its times."""

import os
import pathlib
import shutil
import subprocess

from harness.topics import job_value

DATA = pathlib.Path("/usr/share/pocketsphinx/test/data")
LPCM = {"audioEncoding": "LINEAR16_PCM", "sampleRateHertz": 16000, "audioChannelCount": 1}
WAV_HEADER_BYTES = 44
# The stand-in's choice of a decoder for each recording, made beside it by the build.
DECODERS = pathlib.Path(os.environ["BACKSCRIBE_STANDIN"]).parent / "models.json"

# What a person hears in the recordings of Debian's pocketsphinx-testdata.
SAID = {
    "goforward": "go forward ten meters",
    "something": "go somewhere and do something",
    "dhd.2934z": "two nine three four zero",
    "card_001": "ten of clubs",
    "card_003": "seven of clubs",
    "card_005": "eight of spades four of clubs seven of hearts",
}


def lay_out(folder):
    """The recordings as an object store's bucket would hold them: LPCM without headers, and one as
    Ogg Opus."""
    bucket = folder / "recordings"
    bucket.mkdir(parents=True)
    for name in ("goforward", "something", "tidigits/dhd.2934z"):
        shutil.copy(DATA / f"{name}.raw", bucket)
    for number in ("001", "003", "005"):
        wav = (DATA / "cards" / f"{number}.wav").read_bytes()
        assert wav[:4] == b"RIFF" and wav[36:40] == b"data"
        (bucket / f"card_{number}.raw").write_bytes(wav[WAV_HEADER_BYTES:])
    subprocess.run(
        ["opusenc", "--quiet", DATA / "cards" / "005.wav", bucket / "card_005.ogg"], check=True
    )
    return folder


def test_real_recordings_come_out_as_what_was_said(scene, tmp_path):
    scene.create_topics(partitions=2)
    standin = scene.start_standin(
        recognise=True, objects=lay_out(tmp_path / "store"), decoders=DECODERS
    )
    jobs = {
        name: scene.enqueue_value(
            job_value(f"s3://recordings/{name}.raw", id=name, config={"specification": LPCM}),
            name.encode(),
        )
        for name in SAID
    }
    opus = scene.enqueue_value(job_value("s3://recordings/card_005.ogg", id="opus"), b"opus")
    worker = scene.start_worker(
        {"objects": {"endpoint": standin.url}}, arguments=["--until-drained"]
    )
    assert worker.wait_for_end(180) == 0, worker.situation()

    results = scene.account.expect_only_results([*jobs.values(), opus])
    for name, job in jobs.items():
        body = results[job.source][1]
        assert body["text"] == SAID[name], name
        assert " ".join(each["text"] for each in body["utterances"]) == SAID[name]
        words = [word for chunk in body["chunks"] for word in chunk["alternatives"][0]["words"]]
        assert [word["word"] for word in words] == SAID[name].split()
        edges = [(word["startTime"], word["endTime"]) for word in words]
        times = [float(time.rstrip("s")) for edge in edges for time in edge]
        assert times == sorted(times) and times[-1] > 0.5
        assert body["audio"]["encoding"] == "LINEAR16_PCM"
    assert results[opus.source][1]["text"] == SAID["card_005"]
    assert results[opus.source][1]["audio"]["encoding"] == "OGG_OPUS"
