"""The service as its documentation has it: shapes, refusals, quotas, retention, tokens, objects."""

import pathlib
import re
import tempfile
import time
import unittest

from standin_process import SUBMIT, StandinTest, text_of


class Operations(StandinTest):
    def test_an_operation_runs_and_then_has_a_response_made_from_its_name(self):
        self.start("--duration-ms", 400)
        operation = self.submit("archive/call-17.ogg")
        self.assertEqual(
            set(operation), {"done", "id", "createdAt", "createdBy", "modifiedAt"}
        )
        self.assertIs(operation["done"], False)
        self.assertRegex(operation["createdAt"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
        self.assertIs(self.check(operation)["done"], False)
        answer = self.wait_done(operation)
        self.assertEqual(
            answer["response"]["@type"],
            "type.googleapis.com/yandex.cloud.ai.stt.v2.LongRunningRecognitionResponse",
        )
        self.assertTrue(text_of(answer).startswith("recordings archive call 17 ogg "))
        self.assertEqual(answer["response"], self.wait_done(operation)["response"])

    def test_answers_carry_the_ids_that_support_asks_for(self):
        self.start()
        answer = self.request("POST", SUBMIT, self.body())
        self.assertRegex(answer.getheader("x-request-id"), r"^[0-9a-f-]{36}$")
        self.assertTrue(answer.getheader("x-server-trace-id"))
        self.assertRegex(answer.getheader("Date"), r"^\w{3}, \d\d \w{3} \d{4} .* GMT$")

    def test_wrong_requests_are_refused_with_a_status(self):
        self.start()
        wrong = [
            self.body(model="genral"),
            self.body(audioEncoding="FLAC"),
            self.body(audioEncoding="LINEAR16_PCM", sampleRateHertz=44100),
            self.body(audioChannelCount="many"),
            {"config": {"specification": {}}},
            {"audio": {"uri": self.link("a")}},
            b"{",
        ]
        for body in wrong:
            error = self.json("POST", SUBMIT, body, status=400)
            self.assertEqual((error["code"], error["details"]), (3, []), body)
        unknown = self.json("GET", "/operations/e03nothing0000000000", status=404)
        self.assertEqual(unknown["code"], 5)
        self.assertEqual(self.stats()["submissions"]["refused"], len(wrong))

    def test_a_result_is_gone_after_its_time(self):
        self.start("--duration-ms", 0, "--retention-seconds", 1)
        operation = self.submit()
        self.assertIs(self.check(operation)["done"], True)
        time.sleep(1.1)
        self.check(operation, status=404)

    def test_a_running_operation_can_be_cancelled(self):
        self.start("--duration-ms", 60000)
        operation = self.submit()
        cancelled = self.json("POST", f"/operations/{operation['id']}:cancel")
        self.assertEqual(cancelled["error"]["code"], 1)
        self.assertEqual(self.check(operation)["error"]["code"], 1)

    def test_the_same_seed_gives_the_same_durations(self):
        durations = []
        for _ in range(2):
            self.start("--duration-ms", "lognormal:300:0.5", "--milliseconds")
            operations = [self.submit(f"{i}.ogg") for i in range(5)]
            ends = [self.wait_done(operation) for operation in operations]
            durations.append([milliseconds(end) for end in ends])
            self.stop()
        self.assertEqual(durations[0], durations[1])
        self.assertGreater(len(set(durations[0])), 1)


class Quotas(StandinTest):
    def test_arrivals_over_the_quota_of_a_window_are_refused_and_count_too(self):
        self.start(
            "--submissions-quota", 3, "--window-seconds", 2, "--retry-after", 7,
            "--duration-ms", 60000,
        )  # fmt: skip
        for number in range(3):
            self.submit(f"{number}.ogg")
        answer = self.request("POST", SUBMIT, self.body())
        self.assertEqual((answer.status, answer.getheader("Retry-After")), (429, "7"))
        time.sleep(2.1)
        self.submit()
        stats = self.stats()
        self.assertEqual(stats["submissions"]["quota"], 1)
        self.assertEqual(stats["peakSubmissionsInWindow"], 4)

    def test_checks_have_their_own_quota(self):
        self.start("--checks-quota", 2, "--duration-ms", 60000)
        operation = self.submit()
        self.check(operation)
        self.check(operation)
        self.assertEqual(self.check(operation, status=429)["code"], 8)


class Credentials(StandinTest):
    def test_a_key_is_asked_for_and_may_be_changed(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        key = pathlib.Path(folder.name) / "key"
        key.write_text("first\n")
        self.start("--api-key-file", key)
        self.submit(status=401)
        self.submit(status=401, headers={"Authorization": "Api-Key wrong"})
        self.submit(headers={"Authorization": "Api-Key first"})
        key.write_text("second")
        time.sleep(0.5)
        self.submit(status=401, headers={"Authorization": "Api-Key first"})
        self.submit(headers={"Authorization": "Api-Key second"})

    def test_a_jwt_is_exchanged_for_a_token_that_ends(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        key = pathlib.Path(folder.name) / "key"
        key.write_text("key")
        self.start("--api-key-file", key, "--token-seconds", 1)
        self.json("POST", "/iam/v1/tokens", {"jwt": "none"}, status=400)
        token = self.json("POST", "/iam/v1/tokens", {"jwt": "a.b.c"})
        self.assertRegex(token["expiresAt"], r"Z$")
        bearer = {"Authorization": "Bearer " + token["iamToken"]}
        self.submit(headers=bearer)
        time.sleep(1.1)
        self.submit(status=401, headers=bearer)


class Objects(StandinTest):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        objects = pathlib.Path(folder.name) / "objects"
        bucket = objects / "bucket"
        (bucket / "2024").mkdir(parents=True)
        (bucket / "2024" / "a +ж.raw").write_bytes(b"0123456789")
        (objects.parent / "outside").write_bytes(b"secret")
        self.start("--objects", objects)
        self.path = "/bucket/2024/a%20+%D0%B6.raw"

    def test_objects_are_served_whole_in_ranges_and_as_heads(self):
        whole = self.request("GET", self.path)
        self.assertEqual((whole.status, whole.content), (200, b"0123456789"))
        head = self.request("HEAD", self.path)
        self.assertEqual((head.getheader("Content-Length"), head.content), ("10", b""))
        part = self.request("GET", self.path, headers={"Range": "bytes=2-4"})
        self.assertEqual((part.status, part.content), (206, b"234"))
        self.assertEqual(part.getheader("Content-Range"), "bytes 2-4/10")
        rest = self.request("GET", self.path, headers={"Range": "bytes=-3"})
        self.assertEqual(rest.content, b"789")
        beyond = self.request("GET", self.path, headers={"Range": "bytes=10-"})
        self.assertEqual(beyond.status, 416)

    def test_what_is_no_object_is_not_found(self):
        for path in ("/bucket/none", "/bucket", "/bucket/../../outside", "/%2e%2e/outside"):
            self.assertEqual(self.request("GET", path).status, 404, path)


class Log(StandinTest):
    def test_every_arrival_is_one_line(self):
        self.start("--duration-ms", 0)
        headers = {"Idempotency-Key": "key-1", "x-client-request-id": "request-1"}
        operation = self.submit("a.ogg", headers=headers)
        self.submit("b.ogg", status=400, model="none")
        self.check(operation)
        accepted, refused = self.log("submission")
        self.assertEqual(accepted["uri"], self.link("a.ogg"))
        self.assertEqual(accepted["operation"], operation["id"])
        self.assertEqual(accepted["idempotencyKey"], "key-1")
        self.assertEqual(accepted["clientRequestId"], "request-1")
        self.assertEqual((refused["outcome"], refused["status"]), ("refused", 400))
        (check,) = self.log("check")
        self.assertEqual((check["operation"], check["outcome"]), (operation["id"], "done"))
        self.assertLessEqual(check["endedAt"], check["at"])


def milliseconds(answer):
    times = []
    for name in ("createdAt", "modifiedAt"):
        parts = re.search(r"T(\d\d):(\d\d):(\d\d)\.(\d{3})Z$", answer[name]).groups()
        hours, minutes, seconds, rest = map(int, parts)
        times.append(((hours * 60 + minutes) * 60 + seconds) * 1000 + rest)
    return (times[1] - times[0]) % 86400000


if __name__ == "__main__":
    unittest.main()
