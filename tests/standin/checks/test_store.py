"""Recordings are read from the object store that the link names, as the service reads them."""

import hashlib
import http.server
import json
import os
import pathlib
import subprocess
import tempfile
import threading
import unittest
from urllib.parse import quote as percent_encode

from standin_process import StandinTest

CONTENT = bytes(range(256)) * 40
KEY = "archive/a b+c%25 и 🎧.raw"
FILE = percent_encode(KEY, safe="")
PATH = "/recordings/archive/a%20b%2Bc%2525%20%D0%B8%20%F0%9F%8E%A7.raw"


class Store(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.seen.append((self.path, dict(self.headers)))
        if self.path != PATH:
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(CONTENT) + self.server.missing_bytes))
        self.end_headers()
        self.wfile.write(CONTENT)

    def log_message(self, *arguments):
        pass


class Reading(StandinTest):
    def setUp(self):
        self.store = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Store)
        self.store.seen = []
        self.store.missing_bytes = 0
        self.addCleanup(self.store.server_close)
        self.addCleanup(self.store.shutdown)
        threading.Thread(target=self.store.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.store.server_port}"
        folder = self.enterContext(tempfile.TemporaryDirectory())
        self.secrets = pathlib.Path(folder)

    def recognise(self, link):
        specification = {"audioEncoding": "LINEAR16_PCM", "sampleRateHertz": 8000}
        body = {"config": {"specification": specification}, "audio": {"uri": link}}
        operation = self.json("POST", "/speech/stt/v2/longRunningRecognize", body)
        return self.wait_done(operation)

    def test_a_recording_is_fetched_also_when_its_transcript_is_made_up(self):
        self.start("--objects", self.url, "--duration-ms", 0)
        # The link's own escapes are others than the canonical ones, and its query counts nothing.
        answer = self.recognise(self.url + "/recordings/archive/a%20b+c%2525%20и%20🎧.raw?x=1")
        self.assertIn("response", answer)
        self.assertEqual([path for path, _ in self.store.seen], [PATH])
        (recording,) = self.log("recording")
        self.assertEqual(recording["sha256"], hashlib.sha256(CONTENT).hexdigest())
        self.assertEqual(recording["sizeBytes"], len(CONTENT))
        self.assertEqual(recording["sampleRateHertz"], 8000)

    def test_the_bucket_may_stand_in_the_host(self):
        self.start("--objects", self.url, "--duration-ms", 0)
        host = "127.0.0.1:1"  # the port of a proxy, say
        self.recognise(f"http://recordings.{host}{PATH.removeprefix('/recordings')}")
        self.assertEqual([path for path, _ in self.store.seen], [PATH])

    def test_a_recording_that_cannot_be_read_fails_its_operation(self):
        self.start("--objects", self.url, "--duration-ms", 0)
        self.store.missing_bytes = 1
        for link in (
            self.url + "/recordings/missing.raw",
            "https://elsewhere.example/recordings/call.raw",
            self.url + PATH,  # its body ends too early
        ):
            self.assertEqual(self.recognise(link)["error"]["code"], 3, link)
        self.assertEqual(len(self.store.seen), 2)

    def test_requests_are_signed_where_there_is_a_key(self):
        key = self.secrets / "key.json"
        key.write_text(json.dumps({"access_key_id": "ID", "secret_access_key": "SECRET"}))
        self.start(
            "--objects", self.url, "--objects-key-file", key, "--objects-region", "here",
            "--duration-ms", 0,
        )  # fmt: skip
        self.recognise(self.url + PATH)
        ((_, headers),) = self.store.seen
        self.assertRegex(
            headers["Authorization"],
            r"^AWS4-HMAC-SHA256 Credential=ID/\d{8}/here/s3/aws4_request, ",
        )
        self.assertNotIn("SECRET", str(headers))

    def test_the_stand_in_of_the_object_store_takes_the_signature(self):
        """Two programs that sign and verify by different libraries agree."""
        key, objects = self.secrets / "key.json", self.secrets / "objects"
        key.write_text(json.dumps({"access_key_id": "ID", "secret_access_key": "SECRET"}))
        url = self.start_objects(objects, "--key-file", key)
        (objects / "recordings" / FILE).write_bytes(CONTENT)
        self.start("--objects", url, "--objects-key-file", key, "--duration-ms", 0)
        self.assertIn("response", self.recognise(url + PATH))
        key.write_text(json.dumps({"access_key_id": "ID", "secret_access_key": "WRONG"}))
        self.stop()
        self.start("--objects", url, "--objects-key-file", key, "--duration-ms", 0)
        self.assertIn("403", self.recognise(url + PATH)["error"]["message"])

    def start_objects(self, folder, *arguments):
        folder.mkdir()
        program = os.environ["BACKSCRIBE_STANDIN_OBJECTS"]
        process = subprocess.Popen(
            [program, "--directory", folder, "--bucket", "recordings", *arguments],
            stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        self.addCleanup(process.stdout.close)
        self.addCleanup(lambda: self.assertEqual(process.wait(30), 0))
        self.addCleanup(process.terminate)
        return "http://" + process.stdout.readline().removeprefix("listening on ").strip()

    def test_a_bearer_token_may_be_sent(self):
        token = self.secrets / "token"
        token.write_text("t1.token\n")
        self.start("--objects", self.url, "--objects-token-file", token, "--duration-ms", 0)
        self.recognise(self.url + PATH)
        self.assertEqual(self.store.seen[0][1]["Authorization"], "Bearer t1.token")


if __name__ == "__main__":
    unittest.main()
