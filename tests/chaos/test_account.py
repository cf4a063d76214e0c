"""The account must see what it is there to see."""

import account
import history as past

URI = "https://storage.yandexcloud.net/recordings/call-{}.ogg"
LIMITS = {"window_seconds": 60, "submissions": 10, "checks": 10, "billed_seconds": 1000}


class Past:
    """A run in which all went well, to be spoilt: job n at second n, its answer 10 s later."""

    def __init__(self, count=3):
        self.history = past.History(committed={0: count})
        for number in range(count):
            self.job(number)
            self.submission(number, at=number, operation=f"op-{number}")
            self.record(number, at=number + 0.01, operation=f"op-{number}")
            self.history.checks.append(past.Check(number + 9, f"op-{number}", "done"))
            self.result(number, operation=f"op-{number}")
            self.record(number, at=number + 10, operation=None)

    def job(self, number, job_id=None, uri=None, audio_seconds=20):
        self.history.jobs.append(
            past.Job(
                0,
                number,
                float(number),
                job_id or f"call-{number}",
                uri or URI.format(number),
                b"value",
                (("number", b"1"),),
                audio_seconds,
            )
        )

    def submission(self, number, at, operation, client=None, fault=None, worker=None, fate=None):
        client = client or f"request of {operation}"
        self.history.submissions.append(
            past.Submission(at, URI.format(number), "accepted", operation, client, fault)
        )
        self.history.submissions.sort(key=lambda each: each.at)
        fate = fate or "answered"
        self.history.passages.append(past.Passage(at, worker or "W0", client, fate))

    def record(self, number, at, operation):
        self.history.state.append(
            past.StateRecord(at, 0, f"o:{number}", operation, operation is None)
        )
        self.history.state.sort(key=lambda each: each.at)

    def result(self, number, operation, at=None):
        self.history.answers.append(
            past.Answer(
                at or number + 10,
                "result",
                f"jobs/0/{number}",
                URI.format(number),
                operation,
                headers=(("number", b"1"),),
            )
        )

    def dead_letter(self, number):
        self.history.answers = [
            answer for answer in self.history.answers if answer.source != f"jobs/0/{number}"
        ]
        self.history.answers.append(
            past.Answer(
                number + 10,
                "dead letter",
                f"jobs/0/{number}",
                code="recognition_failed",
                headers=(("number", b"1"),),
                value=b"value",
            )
        )

    def trouble(self, begin, end, worker="W0", what="killed"):
        self.history.troubles.append(past.Trouble(begin, end, what, worker))

    def account(self, may_die=None):
        return account.Account(self.history, LIMITS, may_die)

    def only_finding(self):
        (finding,) = self.account().findings
        return finding.text


def test_a_run_in_which_all_went_well_balances():
    found = Past().account()
    assert found.findings == [] and found.balance == 0 and found.skips == 0
    assert found.peaks["submissions"][0] == 3 and found.peaks["billed_seconds"][0] == 60
    assert "it balances" in list(found.report())


def test_a_lost_job_is_found():
    run = Past()
    del run.history.answers[1]
    found = run.account()
    assert found.balance == 1
    (finding,) = found.findings
    assert finding.text == "no answer" and finding.job.offset == 1
    assert any("submission accepted op-1" in line for line in found.timeline(finding))


def test_a_second_answer_is_found():
    run = Past()
    run.result(2, "op-2", at=20)
    assert run.account().balance == -1
    assert run.only_finding() == "2 answers"


def test_a_second_answer_does_not_make_up_for_a_lost_one():
    run = Past()
    del run.history.answers[1]
    run.result(2, "op-2", at=20)
    found = run.account()
    assert found.balance == 0
    assert {finding.text for finding in found.findings} == {"no answer", "2 answers"}


def test_an_answer_to_nothing_is_found():
    run = Past()
    run.result(7, "op-2")
    assert "an answer to nothing: jobs/0/7" in run.only_finding()


def test_a_job_whose_id_came_before_is_a_skip_and_one_that_came_first_is_not():
    run = Past()
    run.history.committed = {0: 4}
    run.job(3, job_id="call-1", uri=URI.format(1))
    found = run.account()
    assert (found.skips, found.balance, found.findings) == (1, 0, [])
    # The other way round: the first is lost, the repetition is answered.
    run = Past()
    run.history.committed = {0: 4}
    del run.history.answers[1]
    run.job(3, job_id="call-1", uri=URI.format(1))
    run.result(3, "op-1")
    run.history.answers[-1] = run.history.answers[-1].__class__(
        13, "result", "jobs/0/3", URI.format(1), "op-1", headers=(("number", b"1"),)
    )
    assert run.only_finding() == "no answer"


def test_the_result_of_another_recording_is_found():
    run = Past()
    run.history.answers[0], run.history.answers[1] = (
        past.Answer(10, "result", "jobs/0/0", URI.format(0), "op-1", headers=(("number", b"1"),)),
        past.Answer(11, "result", "jobs/0/1", URI.format(1), "op-0", headers=(("number", b"1"),)),
    )
    texts = [finding.text for finding in run.account().findings]
    assert len(texts) == 2 and all("another recording's" in text for text in texts)


def test_a_dead_letter_that_none_should_be_is_found():
    run = Past()
    run.dead_letter(1)
    assert "recognition_failed" in run.only_finding()
    assert run.account(may_die="call-1").findings == []


def test_a_recorded_operation_that_was_submitted_again_is_found():
    run = Past()
    run.submission(1, at=5, operation="op-again")
    run.trouble(1.0, 4.0)  # a kill excuses nothing that was recorded
    assert "op-1 was recorded 3.990 s before it was submitted again" in run.only_finding()


def test_a_repetition_for_no_reason_is_found():
    run = Past()
    run.submission(1, at=0.5, operation="op-before")
    assert "for no reason that is known" in run.only_finding()
    run.trouble(0.6, 0.9, worker="W1")  # another worker's death
    assert "for no reason that is known" in run.only_finding()
    run.trouble(0.2, 0.4)  # over before it was accepted
    assert "for no reason that is known" in run.only_finding()
    run.trouble(0.6, 0.9)
    found = run.account()
    assert found.findings == [] and found.reasons["killed before its record"] == 1


def test_a_kill_that_cost_more_than_was_at_risk_is_found():
    run = Past(5)
    run.history.checks.clear()
    run.history.submissions.clear()
    run.history.state.clear()
    run.trouble(0.6, 0.7)
    for number in range(5):
        run.submission(number, at=0.5, operation=f"op-before-{number}")
        run.submission(number, at=20 + number, operation=f"op-{number}")
    found = account.Account(run.history, {**LIMITS, "submissions": 100, "connections": 5})
    assert found.findings == [] and list(found.kills.values()) == [5]
    found = account.Account(run.history, {**LIMITS, "submissions": 100, "connections": 4})
    (finding,) = found.findings
    assert "made 5 submissions be made again, and 4 at most were at risk" in finding.text


def test_a_kill_long_after_an_acceptance_explains_nothing_unless_kafka_was_away():
    run = Past(1)
    run.history.state.clear()
    run.submission(0, at=100, operation="op-again")
    run.result(0, operation="op-again")
    del run.history.answers[0]
    run.trouble(50, 60)
    assert "for no reason that is known" in run.only_finding()
    run.trouble(1, 55, what="cut off from Kafka")
    assert run.account().findings == []


def test_a_lost_answer_explains_a_repetition_wherever_it_was_lost():
    for how in ({"fault": "cut"}, {"fate": "lost"}):
        run = Past()
        run.submission(1, at=0.5, operation="op-before", **how)
        assert run.account().findings == []


def test_an_operation_that_failed_may_be_submitted_again():
    run = Past()
    run.submission(1, at=0.2, operation="op-failed")
    run.record(1, at=0.3, operation="op-failed")
    run.history.checks.append(past.Check(0.6, "op-failed", "failed"))
    found = run.account()
    assert found.findings == [] and found.reasons["the operation had failed"] == 1


def test_a_quota_that_was_exceeded_in_a_window_that_slides_is_found():
    run = Past()
    for number in range(8):  # 3 at 0 to 2 s, 8 at 61 s: 10 in (1, 61], 11 nowhere
        run.history.submissions.append(past.Submission(61.0, "", "refused"))
    found = run.account()
    assert found.peaks["submissions"] == (9, 61.0) and found.findings == []
    run.history.submissions += [past.Submission(61.5, "", "fault")] * 2
    assert "submissions: 11 of 10" in run.only_finding()


def test_what_is_left_over_is_found():
    run = Past()
    run.record(2, at=30, operation="op-2")
    assert run.only_finding() == "its state record is still there"
    run = Past()
    run.history.committed = {0: 2}
    assert run.only_finding() == "partition 0 is committed up to 2 of 3"
