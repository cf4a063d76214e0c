"""The independent account: what went in, what came out, what the service was asked to do.

It believes nothing that the worker says of itself: it reads the topics with a client of its own
and the stand-in's log of submissions and checks."""

import collections
import gzip
import json


def result_body(message):
    """A result message's JSON, unpacked where its header says so."""
    value = message.value
    if message.header("content-encoding") == "gzip":
        value = gzip.decompress(value)
    return json.loads(value)


class Account:
    def __init__(self, cluster, topics, standin):
        self._cluster = cluster
        self._topics = topics
        self._standin = standin

    def results(self):
        """{source: (message, body)}; a job answered twice is found here."""
        found = {}
        for message in self._cluster.read(self._topics["results"]):
            body = result_body(message)
            source = "{topic}/{partition}/{offset}".format(**body["source"])
            assert source not in found, f"{source} has two results"
            found[source] = (message, body)
        return found

    def dead_letters(self):
        """{source: message}"""
        found = {}
        for message in self._cluster.read(self._topics["dead_letters"]):
            source = message.header("backscribe-source")
            assert source is not None, f"a dead letter without its source: {message}"
            assert source not in found, f"{source} has two dead letters"
            found[source] = message
        return found

    def expect_one_answer_each(self, jobs, skipped=0):
        """Every job message has exactly one result or dead letter, and nothing else has one.
        Returns both."""
        results, dead_letters = self.results(), self.dead_letters()
        both = results.keys() & dead_letters.keys()
        assert not both, f"answered twice: {sorted(both)[:10]}"
        asked = {job.source for job in jobs}
        answered = results.keys() | dead_letters.keys()
        assert answered <= asked, f"answers to nothing: {sorted(answered - asked)[:10]}"
        missing = asked - answered
        assert len(missing) == skipped, f"{len(missing)} unanswered: {sorted(missing)[:10]}"
        return results, dead_letters

    def expect_only_results(self, jobs):
        results, dead_letters = self.expect_one_answer_each(jobs)
        reasons = collections.Counter(
            message.header("backscribe-error-code") for message in dead_letters.values()
        )
        assert not dead_letters, f"dead letters: {reasons}"
        return results

    def accepted_by_recording(self):
        """{recording's URI: operation ids, in the order of their acceptance}"""
        accepted = collections.defaultdict(list)
        for submission in self._standin.accepted_submissions():
            accepted[submission.uri].append(submission.operation)
        return accepted

    def repeated(self):
        """{recording's URI: operation ids} of those that were accepted more than once."""
        return {
            uri: operations
            for uri, operations in self.accepted_by_recording().items()
            if len(operations) > 1
        }

    def expect_no_recorded_operation_repeated(self, unrecorded_at_most):
        """Of a recording that was submitted again, no earlier operation had reached the state
        topic, and such repetitions are at most `unrecorded_at_most` (requests under way when a
        worker was killed). The records are looked for by the operation's id in their bytes, so no
        decoder of ours takes part. Returns the number of repetitions."""
        repeated = self.repeated()
        if repeated:
            records = [
                message.value
                for message in self._cluster.read(self._topics["state"])
                if message.value is not None
            ]
        for uri, operations in repeated.items():
            for operation in operations[:-1]:
                recorded = any(operation.encode() in record for record in records)
                assert not recorded, f"{uri}: {operation} was recorded and submitted again"
        count = sum(len(operations) - 1 for operations in repeated.values())
        assert count <= unrecorded_at_most, f"{count} repeated, {unrecorded_at_most} expected"
        return count
