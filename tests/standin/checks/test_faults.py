"""What is asked to go wrong goes wrong, and the log tells what was paid for."""

import http.client
import json
import socket
import time
import unittest

from standin_process import SUBMIT, StandinTest


class Faults(StandinTest):
    def setUp(self):
        self.start("--duration-ms", 0)

    def raw(self, seconds=5):
        """Submits, and returns every byte of the answer."""
        body = json.dumps(self.body()).encode()
        head = f"POST {SUBMIT} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
        with socket.create_connection(self.address, timeout=seconds) as connection:
            connection.sendall(head.encode() + body)
            answer = b""
            while data := connection.recv(65536):
                answer += data
                if len(answer) > 1_000_000:
                    break
            return answer

    def outcomes(self):
        return [(line["outcome"], line.get("fault")) for line in self.log("submission")]

    def test_errors_come_before_or_after_acceptance(self):
        self.faults(
            {"fault": "unavailable", "on": "submit", "next": 1},
            {"fault": "internal", "on": "submit", "next": 1, "after": True, "retry_after": 3},
        )
        self.assertEqual(self.submit(status=503)["code"], 14)
        answer = self.request("POST", SUBMIT, self.body())
        self.assertEqual((answer.status, answer.getheader("Retry-After")), (500, "3"))
        self.submit()
        self.assertEqual(
            self.outcomes(), [("fault", "error"), ("accepted", "error"), ("accepted", None)]
        )

    def test_every_code_has_its_status(self):
        for fault, code, status in (
            ("quota", 8, 429), ("unauthenticated", 16, 401), ("forbidden", 7, 403),
            ("refuse", 3, 400), ("not_found", 5, 404),
        ):  # fmt: skip
            self.faults({"fault": fault, "on": "submit"})
            self.assertEqual(self.submit(status=status)["code"], code)

    def test_errors_come_in_both_shapes(self):
        self.faults({"fault": "refuse", "wrapped": True, "message": "bad"})
        error = self.submit(status=400)["error"]
        self.assertEqual((error["grpcCode"], error["message"]), (3, "bad"))
        self.faults({"fault": "refuse", "code_as_string": True})
        self.assertEqual(self.submit(status=400)["code"], "3")

    def test_a_reset_sends_no_byte_and_tells_in_the_log_what_was_paid(self):
        self.faults(
            {"fault": "reset", "next": 1}, {"fault": "reset", "next": 1, "after": True}
        )
        for _ in range(2):
            with self.assertRaises(ConnectionResetError):
                self.raw()
        self.assertEqual(self.outcomes(), [("fault", "reset"), ("accepted", "reset")])

    def test_a_cut_answer_promises_more_than_it_sends(self):
        self.faults({"fault": "cut"})
        with self.assertRaises(http.client.IncompleteRead):
            self.submit()
        self.assertEqual(self.outcomes(), [("accepted", "cut")])

    def test_a_garbled_answer_is_no_json(self):
        self.faults({"fault": "garble"})
        answer = self.request("POST", SUBMIT, self.body())
        self.assertEqual(answer.status, 200)
        with self.assertRaises(ValueError):
            json.loads(answer.content)

    def test_a_hanging_request_gets_no_answer(self):
        self.faults({"fault": "hang", "next": 1}, {"fault": "hang", "ms": 200, "next": 1})
        with self.assertRaises(TimeoutError):
            self.raw(seconds=1)
        self.assertEqual(self.raw(), b"")

    def test_a_slow_answer_is_whole(self):
        self.faults({"fault": "slow", "ms": 400})
        begin = time.monotonic()
        self.submit()
        self.assertGreater(time.monotonic() - begin, 0.35)

    def test_answers_may_have_no_end(self):
        self.faults({"fault": "huge", "bytes": 3_000_000, "next": 1}, {"fault": "endless_headers"})
        self.assertGreater(len(self.request("POST", SUBMIT, self.body()).content), 3_000_000)
        answer = self.raw()
        self.assertGreater(len(answer), 1_000_000)
        self.assertNotIn(b"\r\n\r\n", answer)

    def test_proxies_answer_with_pages_and_redirects(self):
        self.faults({"fault": "html", "next": 1}, {"fault": "redirect", "location": "http://x/"})
        self.assertEqual(self.request("POST", SUBMIT, self.body()).status, 502)
        answer = self.request("POST", SUBMIT, self.body())
        self.assertEqual((answer.status, answer.getheader("Location")), (307, "http://x/"))

    def test_rules_choose_by_recording_and_by_count(self):
        self.faults(
            {"fault": "fail", "uri": "fail13-once", "code": 13, "first_per_uri": 1},
            {"fault": "fail", "uri": "fail3", "code": 3},
            {"fault": "refuse", "on": "submit", "uri": "refuse"},
        )
        self.submit("refuse-1.ogg", status=400)
        for name, codes in (("fail13-once.ogg", [13, 0]), ("fail3.ogg", [3, 3]), ("well", [0])):
            for code in codes:
                answer = self.check(self.submit(name))
                self.assertEqual(answer.get("error", {"code": 0})["code"], code, name)

    def test_a_probability_strikes_now_and_then(self):
        self.faults({"fault": "unavailable", "on": "submit", "probability": 0.3})
        states = [self.request("POST", SUBMIT, self.body()).status for _ in range(100)]
        self.assertTrue(10 < states.count(503) < 60, states.count(503))

    def test_a_misspelt_rule_is_refused(self):
        for body in ({"rules": [{"fault": "reest"}]}, {"rules": [{"fault": "reset", "in": "x"}]},
                     {"rulse": []}, {"rules": [{"fault": "reset", "on": "chekc"}]}):  # fmt: skip
            self.json("POST", "/standin/faults", body, status=400)
        self.assertEqual(self.json("GET", "/standin/faults")["rules"], [])


class Fates(StandinTest):
    def fate(self, duration_ms=0, **rule):
        self.start("--duration-ms", duration_ms)
        self.faults(rule)
        return self.submit()

    def test_an_error_may_show_before_done(self):
        operation = self.fate(600, fault="error_before_done", ms=400, code=14)
        self.assertNotIn("error", self.check(operation))
        time.sleep(0.35)
        answer = self.check(operation)
        self.assertEqual((answer["done"], answer["error"]["code"]), (False, 14))
        self.assertEqual(self.wait_done(operation)["error"]["code"], 14)

    def test_a_young_operation_may_not_be_found(self):
        operation = self.fate(fault="young_not_found", ms=300)
        self.check(operation, status=404)
        time.sleep(0.35)
        self.assertIs(self.check(operation)["done"], True)

    def test_a_result_may_be_gone_at_once(self):
        self.check(self.fate(fault="expire"), status=404)

    def test_nothing_may_have_been_said(self):
        self.assertEqual(list(self.check(self.fate(fault="empty"))["response"]), ["@type"])

    def test_done_may_come_without_response_and_error(self):
        answer = self.check(self.fate(fault="wrong_shape"))
        self.assertTrue(answer["done"] and "response" not in answer and "error" not in answer)

    def test_a_result_may_be_huge(self):
        answer = self.check(self.fate(fault="huge_result", bytes=2_000_000))
        text = answer["response"]["chunks"][0]["alternatives"][0]["text"]
        self.assertGreater(len(text.encode()), 1_999_990)

    def test_an_operation_may_run_for_ever_or_as_long_as_asked(self):
        self.assertIs(self.check(self.fate(fault="never_done"))["done"], False)
        self.faults({"fault": "duration", "ms": 300})
        operation = self.submit()
        self.assertIs(self.check(operation)["done"], False)
        self.wait_done(operation)


class Outages(StandinTest):
    def setUp(self):
        self.start("--duration-ms", 0)
        self.kept = http.client.HTTPConnection(*self.address, timeout=5)
        self.addCleanup(self.kept.close)
        self.kept.request("GET", "/standin/stats")
        self.kept.getresponse().read()

    def assert_kept_connection_is_reset(self):
        with self.assertRaises((ConnectionResetError, http.client.RemoteDisconnected)):
            self.kept.request("GET", "/standin/stats")
            self.kept.getresponse()

    def test_nobody_listens_until_it_is_over(self):
        operation = self.submit()
        self.faults(outage=True)
        with self.assertRaises(ConnectionRefusedError):
            self.check(operation)
        self.assert_kept_connection_is_reset()
        self.faults(outage=False)
        self.assertIs(self.check(operation)["done"], True)

    def test_connections_are_reset_as_soon_as_they_are_made(self):
        self.faults(outage="close")
        with self.assertRaises((ConnectionResetError, http.client.RemoteDisconnected)):
            self.submit()
        self.assert_kept_connection_is_reset()
        self.faults(outage="none")
        self.submit()

    def test_an_outage_ends_by_itself_and_may_be_asked_for_on_the_port_that_it_closes(self):
        self.json("POST", "/standin/faults", {"outage": True, "outage_ms": 500})
        with self.assertRaises(ConnectionRefusedError):
            self.submit()
        time.sleep(0.8)
        self.submit()


if __name__ == "__main__":
    unittest.main()
