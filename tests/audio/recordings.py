"""The recordings that the probe is tried on: every variant that it promises to read, made by the
usual tools, or from their output where none makes it."""

import pathlib
import struct
import subprocess

import containers as made


def run(*words, data=None):
    done = subprocess.run([str(word) for word in words], input=data, capture_output=True,
                          check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, words))}: {done.stderr.decode(errors='replace')}")
    return done.stdout


class Recording:
    """A file, and whose opinion of its length counts. `theirs`: ffprobe, soxi, opusinfo (which adds
    up chained streams), or the length itself where it follows from how the file was made. `facts`:
    what ffprobe cannot tell, or tells otherwise."""

    def __init__(self, name, path, form, theirs, **facts):
        self.name, self.path, self.form, self.theirs = name, path, form, theirs
        self.facts = facts


class Studio:
    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.recordings = []
        self.sources = {}

    def source(self, seconds=21.3, rate=48000, channels=1):
        """Noise with pauses, so that a variable rate varies; a 16-bit WAV."""
        key = seconds, rate, channels
        if key not in self.sources:
            path = self.folder / f"source-{seconds}-{rate}-{channels}.wav"
            run("sox", "-V1", "-R", "-n", "-r", rate, "-b", 16, "-c", channels, path, "synth",
                seconds, "brownnoise", "synth", seconds, "square", "amod", 0.4, "vol", 0.4)
            self.sources[key] = path
        return self.sources[key]

    def path(self, name):
        return self.folder / name.replace(" ", "-").replace("/", "-")

    def add(self, name, suffix, form, theirs, data=None, **facts):
        """`data`: the file's bytes, or None where it is there already."""
        path = self.path(name).with_suffix(suffix)
        if data is not None:
            path.write_bytes(data)
        self.recordings.append(Recording(name, path, form, theirs, **facts))

    def sox(self, name, *options, suffix=".wav", form="wav", theirs="soxi", **source):
        path = self.path(name).with_suffix(suffix)
        run("sox", "-V1", "-D", self.source(**source), *options, path)
        self.add(name, suffix, form, theirs)

    def ffmpeg(self, name, suffix, form, *options, theirs="ffprobe", facts=None, **source):
        path = self.path(name).with_suffix(suffix)
        run("ffmpeg", "-v", "error", "-y", "-i", self.source(**source), *options, path)
        self.add(name, suffix, form, theirs, **(facts or {}))

    # ---- WAV ---------------------------------------------------------------------------------

    def samples(self, rate, channels=1, seconds=21.3):
        return run("sox", "-V1", "-D", self.source(seconds, rate, channels), "-t", "s16", "-")

    def make_wav(self):
        self.sox("wav u8", "-r", 8000, "-b", 8, "-e", "unsigned-integer")
        self.sox("wav s16", "-r", 16000, "-b", 16)
        self.sox("wav s16 stereo", "-r", 48000, "-b", 16, channels=2)
        self.sox("wav s24", "-b", 24)
        self.sox("wav s32", "-b", 32)
        self.sox("wav float 32", "-e", "floating-point", "-b", 32)
        self.sox("wav float 64", "-e", "floating-point", "-b", 64)
        self.sox("wav a-law", "-r", 8000, "-e", "a-law")
        self.sox("wav mu-law stereo", "-r", 8000, "-e", "mu-law", channels=2)
        self.sox("wav 44100", "-r", 44100, "-b", 16)
        self.sox("wav gsm", "-r", 8000, "-e", "gsm")
        self.sox("wav ima adpcm", "-r", 8000, "-e", "ima-adpcm")
        self.ffmpeg("wav ms adpcm", ".wav", "wav", "-ar", 8000, "-c:a", "adpcm_ms")
        self.ffmpeg("wav g722", ".wav", "wav", "-ar", 16000, "-c:a", "g722")
        self.ffmpeg("wav g726", ".wav", "wav", "-ar", 8000, "-c:a", "g726")
        self.ffmpeg("wav mp3", ".wav", "wav", "-c:a", "libmp3lame", "-b:a", "64k")
        self.ffmpeg("wav six channels", ".wav", "wav", "-ac", 6)
        self.ffmpeg("wav bext", ".wav", "wav", "-ar", 8000, "-write_bext", 1, "-metadata",
                    "description=a call")
        self.ffmpeg("wav rf64", ".wav", "wav", "-ar", 16000, "-rf64", "always")
        self.add("wav from a pipe", ".wav", "wav", "ffprobe",
                 run("ffmpeg", "-v", "error", "-i", self.source(), "-ar", 8000, "-f", "wav", "-"))
        self.make_wav_by_hand()

    def make_wav_by_hand(self):
        phone, plain = self.samples(8000), made.wav_format(8000, 1, 16)
        odd = made.chunk(b"LIST", b"INFOISFT" + struct.pack("<I", 5) + b"abcd\0")
        self.add("wav list before data", ".wav", "wav", "ffprobe",
                 made.wav(plain, phone, before=odd + made.chunk(b"JUNK", bytes(27))))
        self.add("wav 3 MB before data", ".wav", "wav", "ffprobe",
                 made.wav(plain, phone, before=made.chunk(b"LIST", b"INFO" + bytes(3000000))))
        self.add("wav chunks after data", ".wav", "wav", "ffprobe",
                 made.wav(plain, phone, after=odd + made.chunk(b"id3 ", made.id3v2(500))))
        self.add("wav extensible", ".wav", "wav", "ffprobe",
                 made.wav(made.extensible_format(16000, 2, 16, 16), self.samples(16000, 2)))
        self.add("wav bw64", ".wav", "wav", 21.3, made.rf64(plain, phone, b"BW64"),
                 codec="pcm_s16le", rate=8000, channels=1)
        self.add("wav data size 0", ".wav", "wav", "ffprobe",
                 made.wav(plain, phone, riff_size=0, data_size=0))
        self.add("wav data size ffffffff", ".wav", "wav", "ffprobe",
                 made.wav(plain, phone, riff_size=0xffffffff, data_size=0xffffffff))
        self.add("wav cut", ".wav", "wav", len(phone) // 3 / 16000,
                 made.wav(plain, phone)[:44 + len(phone) // 3], rate=8000, channels=1,
                 codec="pcm_s16le")
        self.add("wav riff size wrong", ".wav", "wav", "ffprobe",
                 made.wav(plain, phone, riff_size=36))
        self.add("wav odd chunk not padded", ".wav", "wav", 21.3,
                 made.wav(plain, phone, before=made.chunk(b"note", b"odd")[:-1]))
        self.add("wav half a frame at the end", ".wav", "wav", "ffprobe",
                 made.wav(made.wav_format(8000, 2, 16), self.samples(8000, 2) + b"xyz"))

    # ---- Ogg ---------------------------------------------------------------------------------

    def opus(self, name, *options, **source):
        path = self.path(name).with_suffix(".opus")
        run("opusenc", "--quiet", *options, self.source(**source), path)
        return path.read_bytes()

    def make_ogg(self):
        plain = self.opus("opus mono")
        self.add("opus mono", ".opus", "ogg_opus", "opusinfo")
        self.opus("opus stereo", channels=2)
        self.add("opus stereo", ".opus", "ogg_opus", "opusinfo")
        self.opus("opus 60 ms", "--framesize", 60, "--bitrate", 8, rate=8000)
        self.add("opus 60 ms", ".opus", "ogg_opus", "opusinfo")
        self.opus("opus 2.5 ms", "--framesize", 2.5, "--bitrate", 128, rate=16000)
        self.add("opus 2.5 ms", ".opus", "ogg_opus", "opusinfo")
        self.opus("opus 510 kbit/s", "--bitrate", 510, "--hard-cbr", channels=2)
        self.add("opus 510 kbit/s", ".opus", "ogg_opus", "opusinfo")
        self.opus("opus short", seconds=0.3)
        self.add("opus short", ".opus", "ogg_opus", "opusinfo")
        self.ffmpeg("opus by ffmpeg", ".ogg", "ogg_opus", "-c:a", "libopus", "-b:a", "24k",
                    theirs="opusinfo")
        other = self.opus("opus other", "--bitrate", 12, seconds=7.7, rate=16000)
        third = self.opus("opus third", "--bitrate", 200, seconds=90.1, channels=2)
        self.add("opus two links", ".opus", "ogg_opus", "opusinfo", plain + other, channels=1)
        self.add("opus three links", ".opus", "ogg_opus", "opusinfo", other + third + plain,
                 channels=2)
        many = [made.ogg_with_serial(other, 1000 + number) for number in range(24)]
        self.add("opus 24 links", ".opus", "ogg_opus", 24 * 7.7, b"".join(many), channels=1)
        self.add("opus cut", ".opus", "ogg_opus", "opusinfo", plain[:len(plain) * 2 // 3 + 77])
        self.add("opus joined later", ".opus", "ogg_opus", 21.3 - 8,
                 made.ogg_without_first_seconds(plain, 8))
        self.add("opus large picture", ".opus", "ogg_opus", "opusinfo",
                 made.ogg_large_tags(other, 600000))
        self.add("opus beside another stream", ".opus", "ogg_opus", "opusinfo",
                 made.ogg_interleaved(plain, b"fishead\0" + bytes(56)))
        self.add("opus larger picture", ".opus", "ogg_opus", "opusinfo",
                 made.ogg_large_tags(other, 6000000))
        self.add("opus junk behind", ".opus", "ogg_opus", "opusinfo", plain + bytes(100000))
        self.make_other_ogg()

    def make_other_ogg(self):
        path = self.path("vorbis").with_suffix(".ogg")
        run("oggenc", "-Q", self.source(), "-o", path)
        self.add("vorbis", ".ogg", "ogg_vorbis", None)
        self.ffmpeg("speex", ".spx", "ogg", "-ar", 16000, "-c:a", "libspeex", theirs=None)
        path = self.path("ogg flac").with_suffix(".oga")
        run("flac", "-s", "-f", "--ogg", self.source(), "-o", path)
        self.add("ogg flac", ".oga", "ogg", None)

    # ---- MP3 ---------------------------------------------------------------------------------

    def lame(self, name, *options, add=True, **source):
        path = self.path(name).with_suffix(".mp3")
        run("lame", "--quiet", *options, self.source(**source), path)
        if add:
            # ffprobe cannot read free format, and is told what it is.
            facts = source if "--freeformat" in options else {}
            self.add(name, ".mp3", "mp3", "soxi", **facts)
        return path.read_bytes()

    def make_mp3(self):
        for rate in ("8", "11.025", "12", "16", "22.05", "24", "32", "44.1", "48"):
            self.lame(f"mp3 cbr {rate}", "--resample", rate, "-b", "64")
        self.lame("mp3 8 kbit/s", "--resample", "8", "-b", "8")
        self.lame("mp3 320 stereo", "-b", "320", "-m", "s", channels=2)
        self.lame("mp3 joint stereo", "-b", "128", "-m", "j", channels=2)
        xing = self.lame("mp3 vbr", "-V", "4")
        self.lame("mp3 vbr 16", "-V", "6", "--resample", "16")
        self.lame("mp3 abr", "--abr", "56")
        self.lame("mp3 checksums", "-p", "-b", "96")
        self.lame("mp3 cbr no header", "-t", "-b", "56", seconds=301.7)
        self.lame("mp3 vbr no header", "-t", "-V", "5")
        self.lame("mp3 free format", "--freeformat", "-b", "150", rate=48000, channels=1)
        self.lame("mp3 free format no header", "--freeformat", "-t", "-b", "350", rate=48000,
                  channels=2)
        bare = self.lame("mp3 bare", "-t", "-b", "64", add=False)
        self.add("mp3 id3v2", ".mp3", "mp3", "soxi", made.id3v2(2000) + bare + made.id3v1())
        self.add("mp3 id3v2 footer", ".mp3", "mp3", 21.336,
                 made.id3v2(1999, footer=True) + made.id3v2(70) + bare, rate=48000, channels=1)
        self.add("mp3 large picture", ".mp3", "mp3", "soxi", made.id3v2(3000000) + bare)
        # Other programs take tags and padding for sound; the length is that of the bare one.
        self.add("mp3 tags behind", ".mp3", "mp3", 21.336,
                 bare + made.ape_tag(60000) + made.id3v1())
        self.add("mp3 junk before", ".mp3", "mp3", 21.336, bytes(5000) + bare)
        self.add("mp3 zeros behind", ".mp3", "mp3", 21.336, bare + bytes(len(bare)))
        self.add("mp3 vbri", ".mp3", "mp3", "ffprobe", made.vbri(xing))
        second = self.lame("mp3 second", "-V", "5", "--resample", "24", add=False, seconds=8.2)
        self.add("mp3 two with headers", ".mp3", "mp3", 21.336 + 8.232,
                 xing + made.id3v2(300) + second)
        self.add("mp3 vbr cut", ".mp3", "mp3", 21.336 * 0.7, xing[:len(xing) * 7 // 10])
        self.add("mp3 cut", ".mp3", "mp3", "soxi", bare[:len(bare) // 2])
        self.ffmpeg("mp3 by ffmpeg", ".mp3", "mp3", "-b:a", "48k", theirs="soxi")

    # ---- what is only named ------------------------------------------------------------------

    def make_others(self):
        path = self.path("flac").with_suffix(".flac")
        run("flac", "-s", "-f", self.source(), "-o", path)
        self.add("flac", ".flac", "flac", "soxi")
        self.ffmpeg("m4a", ".m4a", "mp4", theirs=None)
        self.ffmpeg("mp2", ".mp2", "other", theirs=None)
        self.ffmpeg("aac adts", ".aac", "other", "-f", "adts", theirs=None)
        self.ffmpeg("aiff", ".aiff", "other", theirs=None)
        self.ffmpeg("webm", ".webm", "other", "-c:a", "libopus", theirs=None)
        self.ffmpeg("matroska", ".mka", "other", theirs=None)
        self.ffmpeg("wma", ".wma", "other", theirs=None)
        self.ffmpeg("caf", ".caf", "other", theirs=None)
        self.sox("au", suffix=".au", form="other", theirs=None)
        self.add("amr", ".amr", "other", None, b"#!AMR\n" + (b"\x3c" + bytes(31)) * 1000)
        self.add("text", ".txt", "unknown", None, b"a call of yesterday\n" * 100)
        self.add("empty", ".wav", "empty", None, b"")
        self.add("header alone", ".wav", "empty", None,
                 made.wav(made.wav_format(8000, 1, 16), b"", data_size=0))
        self.add("cut within the header", ".wav", "broken", None,
                 made.wav(made.wav_format(8000, 1, 16), b"")[:30])


    def make_raw(self):
        """Headerless samples: nothing in the bytes tells what they are, the hint does."""
        self.add("raw", ".raw", "raw", 21.3, self.samples(16000, 2), rate=16000, channels=2)


def make_raw(folder):
    studio = Studio(folder)
    studio.make_raw()
    return studio.recordings


def make(folder):
    studio = Studio(folder)
    studio.make_wav()
    studio.make_ogg()
    studio.make_mp3()
    studio.make_others()
    return studio.recordings
