#!/usr/bin/env python3
"""Makes recordings of every variant that the probe promises to read, and compares what it finds with
what ffprobe, soxi and opusinfo say of the same files. Prints a table; the exit status is 1 when
anything differs: a length by more than 0.1 s, or a format, rate or number of channels at all.

    accuracy.py PROBE_FILE [--keep FOLDER]

PROBE_FILE is the built tests/audio/probe_file."""

import argparse
import json
import pathlib
import re
import subprocess
import sys
import tempfile

import recordings

TOLERANCE_SECONDS = 0.1
DAMAGES = 8  # of each file

# The codec as ffprobe calls it, and what the probe's name of it must contain.
NAMES = {
    "pcm_u8": "8-bit PCM", "pcm_s16le": "16-bit PCM", "pcm_s24le": "24-bit PCM",
    "pcm_s32le": "32-bit PCM", "pcm_f32le": "32-bit float", "pcm_f64le": "64-bit float",
    "pcm_alaw": "A-law", "pcm_mulaw": "\u00b5-law", "gsm_ms": "GSM 6.10",
    "adpcm_ima_wav": "IMA ADPCM", "adpcm_ms": "Microsoft ADPCM", "adpcm_g722": "G.722",
    "adpcm_g726": "G.726", "opus": "Ogg Opus", "vorbis": "Ogg Vorbis", "speex": "Ogg Speex",
}
OTHER_NAMES = {
    "m4a": "M4A", "mp2": "layer II", "aac adts": "AAC (ADTS)", "aiff": "AIFF", "webm": "WebM",
    "matroska": "Matroska", "wma": "WMA", "caf": "CAF", "au": "AU", "amr": "AMR",
    "wav mp3": "WAV, MP3", "ogg flac": "Ogg FLAC", "flac": "FLAC",
}


def output(*words):
    return subprocess.run([str(word) for word in words], capture_output=True, text=True,
                          errors="replace", check=False).stdout


class Theirs:
    """What the other programs say of a file; None where they don't."""

    def __init__(self, recording):
        self.recording = recording
        try:
            told = json.loads(output("ffprobe", "-v", "quiet", "-of", "json", "-show_streams",
                                     "-show_format", recording.path))
        except ValueError:  # it says nothing of some
            told = {}
        self.streams = [stream for stream in told.get("streams", [])
                        if stream.get("codec_type") == "audio"]
        self.format = told.get("format", {})

    def fact(self, name, key):
        if name in self.recording.facts:
            return self.recording.facts[name]
        return self.streams[0].get(key) if self.streams else None

    def seconds(self):
        theirs, path = self.recording.theirs, self.recording.path
        if theirs is None or isinstance(theirs, float):
            return theirs
        if theirs == "soxi":
            return float(output("soxi", "-D", path))
        if theirs == "ffprobe":
            return float(self.format["duration"])
        found = re.findall(r"Playback length: (\d+)m:([\d.]+)s", output("opusinfo", path))
        return sum(int(minutes) * 60 + float(seconds) for minutes, seconds in found)


class Ours:
    def __init__(self, line):
        (self.path, self.form, self.name, rate, channels, seconds, reads, size,
         self.verdict) = line.split("\t")
        self.rate, self.channels = int(rate), int(channels)
        self.seconds, self.reads, self.bytes = float(seconds), int(reads), int(size)


def differences(recording, ours, theirs):
    """What the two disagree on, as words."""
    if ours.form != recording.form:
        yield f"it is {recording.form}, not {ours.form}"
    name = OTHER_NAMES.get(recording.name) or NAMES.get(theirs.fact("codec", "codec_name"))
    if name and name not in ours.name:
        yield f"it is {name}, not {ours.name}"
    seconds = theirs.seconds()
    if seconds is None:
        return
    if abs(seconds - ours.seconds) > TOLERANCE_SECONDS:
        yield "the length"
    if ours.form != "ogg_opus" and theirs.fact("rate", "sample_rate") is not None:
        if int(theirs.fact("rate", "sample_rate")) != ours.rate:
            yield f"{theirs.fact('rate', 'sample_rate')} Hz"
    if theirs.fact("channels", "channels") is not None:
        if int(theirs.fact("channels", "channels")) != ours.channels:
            yield f"{theirs.fact('channels', 'channels')} channels"


def compare(program, made, raw):
    lines = output(program, *[recording.path for recording in made]).splitlines()
    hint = ("--raw", raw[0].facts["rate"], raw[0].facts["channels"])
    lines += output(program, *hint, *[recording.path for recording in raw]).splitlines()
    made = made + raw
    print(f"{'variant':28} {'ours':28} {'Hz':>6} {'ch':>3} {'seconds':>9} {'theirs':>9} "
          f"{'by':9} {'difference':>10} {'reads':>5} {'bytes':>7}")
    wrong = 0
    for recording, line in zip(made, lines, strict=True):
        ours, theirs = Ours(line), Theirs(recording)
        seconds = theirs.seconds()
        by = "the maker" if isinstance(recording.theirs, float) else recording.theirs or "-"
        told = f"{'-':>9} {by:9} {'-':>10}" if seconds is None else (
            f"{seconds:9.3f} {by:9} {ours.seconds - seconds:+10.3f}")
        found = list(differences(recording, ours, theirs))
        wrong += bool(found)
        print(f"{recording.name:28} {ours.name:28} {ours.rate:6} {ours.channels:3} "
              f"{ours.seconds:9.3f} {told} {ours.reads:5} {ours.bytes:7}"
              + (f"  DIFFERS: {'; '.join(found)}" if found else ""))
    measured = [recording for recording in made if recording.theirs is not None]
    print(f"{len(made)} recordings, {len(measured)} of them measured; {wrong} differ")
    return wrong


def compare_said_to_be_raw(program, made):
    """What is no raw recording is not taken for one because a job says so."""
    lines = output(program, "--raw", 16000, 1, *[recording.path for recording in made])
    wrong = 0
    for recording, line in zip(made, lines.splitlines(), strict=True):
        # Text may be samples; an MP3 with junk before it may be, too.
        expected = "raw" if recording.name in ("text", "mp3 junk before") else recording.form
        if Ours(line).form != expected:
            print(f"{recording.name}: {Ours(line).form} where it is said to be raw")
            wrong += 1
    print(f"{len(made)} recordings said to be raw; {wrong} believed wrongly")
    return wrong


def decoded(path, *options):
    """The samples by other programs' decoders."""
    return {
        "ffmpeg": subprocess.run(["ffmpeg", "-v", "error", "-i", str(path), *options, "-f", "s16le",
                                  "-"], capture_output=True, check=True).stdout,
    }


def compare_samples(program, made, folder):
    """What would be staged is, bit by bit, what ffmpeg and sox decode."""
    wrong, names = 0, []
    every_byte = pathlib.Path(folder) / "every-byte.raw"
    every_byte.write_bytes(bytes(range(256)))
    files = [recording.path for recording in made if recording.form == "wav"
             and any(kind in recording.name for kind in ("u8", "s16", "law", "extensible", "list",
                                                         "3 MB", "rf64", "pipe", "half"))]
    for kind in ("a-law", "mu-law", "unsigned-integer"):
        path = pathlib.Path(folder) / f"every-{kind}.wav"
        recordings.run("sox", "-t", "raw", "-r", 8000, "-c", 1, "-b", 8, "-e", kind, every_byte,
                       path)
        files.append(path)
    for path in files:
        ours = subprocess.run([program, "--stage", str(path)], capture_output=True,
                              check=True).stdout
        theirs = decoded(path)
        if "pipe" not in path.name:  # sox believes the header's size
            theirs["sox"] = recordings.run("sox", "-V1", "-D", path, "-t", "s16", "-")
        for tool, samples in theirs.items():
            if ours != samples:
                print(f"{path.name}: {len(ours)} bytes staged differ from {len(samples)} of {tool}")
                wrong += 1
        names.append(path.stem)
    print(f"samples staged as ffmpeg and sox decode them: {', '.join(names)}; {wrong} differ")
    return wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("probe_file")
    parser.add_argument("--keep", help="make the files there and leave them")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(options.keep or temporary)
        folder.mkdir(parents=True, exist_ok=True)
        made = recordings.make(folder)
        wrong = compare(options.probe_file, made, recordings.make_raw(folder))
        wrong += compare_said_to_be_raw(options.probe_file, made)
        wrong += compare_samples(options.probe_file, made, folder)
        damaged = subprocess.run([options.probe_file, "--damage", str(DAMAGES), "1",
                                  *[str(recording.path) for recording in made]], check=False)
        print(f"{len(made) * DAMAGES * 2} cut and spoilt copies were probed")
    return 1 if wrong or damaged.returncode != 0 else 0


if __name__ == "__main__":
    sys.exit(main())
