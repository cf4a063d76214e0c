"""Real recordings come out word for word, as LPCM, Ogg Opus and MP3, in whatever order."""

import hashlib
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

from standin_process import StandinTest, text_of

DATA = pathlib.Path(os.environ["BACKSCRIBE_RECORDINGS"])
WAV_HEADER_BYTES = 44
SPOKEN = {
    "goforward": "go forward ten meters",
    "something": "go somewhere and do something",
    "dhd.2934z": "two nine three four zero",
    "card_001": "ten of clubs",
    "card_003": "seven of clubs",
    "card_005": "eight of spades four of clubs seven of hearts",
}
LPCM = {"audioEncoding": "LINEAR16_PCM", "sampleRateHertz": 16000}


class Recognition(StandinTest):
    def setUp(self):
        self.start_with_recordings()

    def start_with_recordings(self):
        scratch = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        bucket = scratch / "recordings"
        bucket.mkdir()
        for name in ("goforward", "something"):
            shutil.copy(DATA / f"{name}.raw", bucket)
        shutil.copy(DATA / "tidigits" / "dhd.2934z.raw", bucket)
        for number in ("001", "003", "005"):
            samples = (DATA / "cards" / f"{number}.wav").read_bytes()[WAV_HEADER_BYTES:]
            (bucket / f"card_{number}.raw").write_bytes(samples)
        shutil.copy(DATA / "cards" / "001.wav", bucket / "card_001.wav")
        self.bucket = bucket
        self.start(
            "--objects", scratch, "--recognise", "--duration-ms", 0,
            "--decoders", os.environ["BACKSCRIBE_DECODERS"],
        )  # fmt: skip

    def hear(self, names, **specification):
        operations = {name: self.submit(name, **specification) for name in names}
        return {
            name: text_of(self.wait_done(operation)) for name, operation in operations.items()
        }

    def test_lpcm_is_heard_word_for_word_whatever_was_heard_before(self):
        expected = {f"{name}.raw": text for name, text in SPOKEN.items()}
        self.assertEqual(self.hear(expected, **LPCM), expected)
        self.assertEqual(self.hear(reversed(expected), **LPCM), expected)

    def test_ogg_opus_is_heard_word_for_word(self):
        for name in SPOKEN:
            subprocess.run(
                ["opusenc", "--quiet", "--raw", "--raw-rate", "16000", "--raw-chan", "1",
                 self.bucket / f"{name}.raw", self.bucket / f"{name}.opus"],
                check=True,
            )  # fmt: skip
        expected = {f"{name}.opus": text for name, text in SPOKEN.items()}
        self.assertEqual(self.hear(expected), expected)

    def test_mp3_is_heard_word_for_word(self):
        for name in SPOKEN:
            subprocess.run(
                ["lame", "--quiet", "-r", "-s", "16", "-m", "m", "--bitwidth", "16", "-b", "64",
                 self.bucket / f"{name}.raw", self.bucket / f"{name}.mp3"],
                check=True,
            )  # fmt: skip
        expected = {f"{name}.mp3": text for name, text in SPOKEN.items()}
        self.assertEqual(self.hear(expected, audioEncoding="MP3"), expected)

    def test_each_channel_is_heard(self):
        one = (self.bucket / "card_001.raw").read_bytes()
        other = (self.bucket / "card_003.raw").read_bytes()
        size = max(len(one), len(other))
        one, other = one.ljust(size, b"\0"), other.ljust(size, b"\0")
        both = b"".join(one[i : i + 2] + other[i : i + 2] for i in range(0, size, 2))
        (self.bucket / "card_both.raw").write_bytes(both)
        answer = self.wait_done(self.submit("card_both.raw", audioChannelCount="2", **LPCM))
        heard = {
            chunk["channelTag"]: chunk["alternatives"][0]["text"]
            for chunk in answer["response"]["chunks"]
        }
        self.assertEqual(heard, {"1": SPOKEN["card_001"], "2": SPOKEN["card_003"]})

    def test_words_have_times_in_the_api_shape(self):
        answer = self.wait_done(self.submit("goforward.raw", **LPCM))
        words = answer["response"]["chunks"][0]["alternatives"][0]["words"]
        self.assertEqual([word["word"] for word in words], SPOKEN["goforward"].split())
        end = 0.0
        for word in words:
            self.assertRegex(word["startTime"], r"^\d+(\.(\d{3}){1,3})?s$")
            self.assertRegex(word["endTime"], r"^\d+(\.(\d{3}){1,3})?s$")
            self.assertGreaterEqual(float(word["startTime"][:-1]), end)
            end = float(word["endTime"][:-1])
            self.assertTrue(0 < word["confidence"] <= 1)
        self.assertLess(end, 2.8)

    def test_what_cannot_be_heard_fails_with_invalid_argument(self):
        for name, specification in (
            ("missing.raw", LPCM),
            ("goforward.raw", {"audioEncoding": "OGG_OPUS"}),
            ("goforward.raw", {"audioEncoding": "MP3"}),
            ("card_001.wav", {"audioEncoding": "MP3"}),
        ):
            answer = self.wait_done(self.submit(name, **specification))
            self.assertEqual(answer["error"]["code"], 3, name)

    def test_what_was_read_stands_in_the_log_byte_for_byte(self):
        """Also of a WAV that was told to be LPCM: its header is samples like all others."""
        self.wait_done(self.submit("card_001.wav", **LPCM))
        self.wait_done(self.submit("missing.raw", **LPCM))
        content = (self.bucket / "card_001.wav").read_bytes()
        heard, missing = self.log("recording")
        self.assertEqual(
            (heard["sizeBytes"], heard["sha256"]),
            (len(content), hashlib.sha256(content).hexdigest()),
        )
        self.assertEqual(
            (heard["encoding"], heard["sampleRateHertz"], heard["channels"]),
            ("LINEAR16_PCM", 16000, 1),
        )
        self.assertNotIn("problem", heard)
        self.assertIn("not found", missing["problem"])


if __name__ == "__main__":
    unittest.main()
