#!/usr/bin/env python3
"""Proves that the simulator sees: each mutation of worker/ below breaks a promise, is applied alone to
a copy of its file, and must make a run fail within the ordinary seeds.

    mutations.py --build FOLDER [--seeds N] [--only NAME]

FOLDER is a configured and built build folder: its compile commands are repeated at -O1 without
sanitizers. A mutation whose text is not found once, or that survives, is a failure."""

import argparse
import json
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
LIBRARIES = ["-lcjson", "-lz", "-lcrypto", "-lprotobuf-c", "-lm"]

# name, file below worker/, the text that stands there once, what it becomes, what it breaks
MUTATIONS = (
    ("commit-before-record", "core/publish.c",
     "bool covered = done || operation->recorded || operation->in_batch;",
     "bool covered = true;", "truth 1: offsets pass jobs without a record"),
    ("tombstone-before-the-watermark", "core/publish.c",
     "if (operation->offset >= watermark) {", "if (false) {",
     "truth 2: the done marker is not written, and the job is read again"),
    ("restore-stops-short", "core/partitions.c",
     "bs_operation_by_offset(core, record->partition, record->offset) != NULL) {",
     "bs_operation_by_offset(core, record->partition, record->offset) != NULL ||\n"
     "        partition->operations >= 1) {",
     "truth 5: recorded operations are forgotten"),
    ("control-record-ignored", "core/partitions.c",
     "int64_t begin = committed > recorded ? committed : recorded;",
     "int64_t begin = committed;", "truth 3: expired offsets replay the archive"),
    ("ledger-not-inherited", "core/partitions.c",
     "bs_quota_restore(core, partition, event->control.control);",
     "bs_quota_restore(core, partition, NULL);", "truth 4: a new owner spends the window again"),
    ("id-forgotten-at-restore", "core/partitions.c",
     "partition = restoring(core, event->id.partition, event->id.epoch);",
     "partition = NULL;", "truth 3: a remembered id is paid for again"),
    ("watermark-bridges-too-far", "core/partitions.c",
     "partition->position = event->end.offset;", "partition->position = event->end.offset + 1;",
     "truth 1: the next job to come is passed"),
    ("given-up-before-its-batch-ends", "core/partitions.c",
     "partition->dirty == 0 && !partition->in_batch &&", "partition->dirty == 0 &&",
     "fencing: a commit for a partition that is another's"),
    ("retry-outside-the-limits", "core/check.c",
     "operation->submissions < core->options.submissions_per_job",
     "operation->submissions <= core->options.submissions_per_job",
     "limits.submissions_per_job"),
    ("check-never-rescheduled", "core/check.c",
     "bs_operation_move(core, operation, BS_OPERATION_RUNNING,\n"
     "                      bs_check_due(core, operation, core->now.wall));\n}",
     "bs_operation_move(core, operation, BS_OPERATION_RUNNING, BS_NEVER);\n}",
     "truth 5: an operation is forgotten"),
    ("reservation-spent-before-its-commit", "core/quota.c",
     "grant->usable = live < held ? live : held;", "grant->usable = held;",
     "truth 4: a kill loses what was spent"),
    ("given-back-while-still-usable", "core/quota.c",
     "grant->slice = charge(core, kind, partition, held);",
     "grant->slice = charge(core, kind, partition, held - live);",
     "truth 4: tokens that are spent later stand in no ledger"),
    ("lease-not-checked", "core/quota.c",
     "partition->granted_until = publish->started + core->options.lease_ms;",
     "partition->granted_until = publish->started + 600000;",
     "truth 3 and 4: an expelled worker goes on"),
    ("duplicates-not-known", "core/intake.c",
     "if (job->id_given && known_id(core, partition, job)) {", "if (false) {",
     "truth 3: one id is paid for twice"),
    ("job-of-an-old-epoch-taken", "core/intake.c",
     "partition->epoch != job->epoch || partition->intake_stopped ||",
     "partition->intake_stopped ||", "truth 1: the jobs before it are passed"),
    ("remembered-for-too-short", "core/intake.c",
     "done->ended + core->options.remember_ms <= core->now.wall",
     "done->ended + core->options.remember_ms / 8 <= core->now.wall",
     "results.remember_seconds"),
    ("deadline-ignored", "core/submit.c",
     "operation->deadline != 0 && operation->deadline <= core->now.wall &&", "false &&",
     "a job is submitted after its deadline"),
    ("risk-not-bounded", "core/submit.c",
     "core->submits_under_way + core->at_risk < most", "core->submits_under_way < most",
     "a kill costs more than limits.connections"),
    ("published-too-early", "core/publish.c",
     "if (!operation->in_batch || operation->state != BS_OPERATION_ENDED) {",
     "if (!operation->in_batch) {", "the published watermark passes a job without an end"),
    ("abort-taken-for-a-commit", "core/publish.c",
     "case BS_TRANSACTION_ABORTED:\n        rewind_batch(core);",
     "case BS_TRANSACTION_ABORTED:\n        committed(core);\n        break;\n"
     "        rewind_batch(core);", "truth 1 and 5: what was aborted is lost"),
    ("commit-taken-for-an-abort", "core/publish.c",
     "case BS_TRANSACTION_COMMITTED:\n        committed(core);",
     "case BS_TRANSACTION_COMMITTED:\n        rewind_batch(core);",
     "truth 2: a dead letter is published twice"),
    ("budget-not-inherited", "core/quota.c",
     "partition->control.billed_total = control == NULL ? 0 : control->billed_total;",
     "partition->control.billed_total = 0;", "budget: a new owner spends it again"),
    ("budget-charged-too-late", "core/quota.c",
     "partition->control.billed_total += amount;",
     "partition->control.billed_total += amount - amount / 8;",
     "budget: what is accepted stands in no control record"),
    ("budget-of-unknown-given-back", "core/submit.c",
     "operation->submissions_unknown++;",
     "operation->submissions_unknown++;\n    bs_budget_give_back(core, operation);",
     "budget: a submission whose answer was lost may be billed"),
    ("budget-of-refused-kept", "core/submit.c",
     "    bs_budget_give_back(core, operation);\n    if (bs_gate_answer",
     "    if (bs_gate_answer", "budget: what was not accepted counts"),
    ("budget-of-others-overdrawn", "core/budget.c",
     "int64_t left = -overdrawn_elsewhere(core);", "int64_t left = 0;",
     "budget: a lowered number is spent once by each worker"),
    ("budget-not-trued-up", "core/check.c",
     "operation->billed_more = (uint32_t)(more > 0 ? more : 0);", "operation->billed_more = 0;",
     "budget: what turns out longer is not charged"),
    ("look-skipped", "core/probe.c",
     "operation->probe_wanted ? BS_OPERATION_NEW : BS_OPERATION_WAITING,\n                      core",
     "BS_OPERATION_WAITING,\n                      core", "what a look would refuse is paid for"),
    ("submitted-before-it-was-staged", "core/probe.c",
     "operation->stage_wanted ? BS_OPERATION_NEW : BS_OPERATION_WAITING,",
     "BS_OPERATION_WAITING,", "a copy is submitted that does not stand"),
    ("prepared-ahead-without-limit", "core/probe.c",
     "while (bs_object_allowed(core, work) && !far_enough_ahead(core)) {",
     "while (bs_object_allowed(core, work)) {", "copies of jobs that wait for the quota take room"),
    ("denied-alone-at-once", "core/probe.c",
     "if (operation->denials >= DENIED_ATTEMPTS) {", "if (true) {",
     "a role that is missing dead-letters the archive"),
    ("outage-counts-as-the-recordings-fault", "core/probe.c",
     "its_own = answer->alone ||", "its_own = true ||",
     "a store that is down dead-letters the archive"),
    ("tasks-without-limit", "core/object.c",
     "return !core->stopping && core->objects_under_way[work] < at_most(core, work) &&",
     "return !core->stopping &&", "more tasks than there are threads for"),
    ("copy-not-deleted", "core/finish.c",
     "return operation->store_wanted || operation->staged;", "return operation->store_wanted;",
     "copies stay for ever"),
    ("copy-forgotten-at-restore", "core/partitions.c",
     "operation->staged = record->staged;", "operation->staged = false;",
     "the copies of what a former owner submitted stay"),
    ("restored-without-being-staged", "core/partitions.c",
     "operation->stage_wanted = record->staged && !record->accepted;",
     "operation->stage_wanted = false;", "a copy is submitted that is gone by now"),
    ("submitted-again-without-being-staged", "core/check.c",
     "operation->stage_wanted = operation->staged;", "operation->stage_wanted = false;",
     "a copy is submitted again that is gone by now"),
    ("large-result-not-stored", "core/check.c",
     "operation->store_wanted = answer->payload_too_large;", "operation->store_wanted = false;",
     "a result larger than results.inline_bytes is published"),
    ("failed-put-taken-for-done", "core/finish.c",
     "if (answer->outcome == BS_OBJECT_DONE) {\n        stored", "if (true) {\n        stored",
     "a result is published that stands nowhere"),
    ("copy-not-recorded", "formats/state.c", "FILL(staged, operation->staged);",
     "FILL(staged, false);", "the next owner does not know of the copy"),
    ("transcripts-share-a-name", "formats/object_name.c",
     '"-%.16s.json.gz", sha256);', '"%.0s.json.gz", sha256);',
     "a former owner's late transcript takes the place of the published one"),
    ("record-without-its-operation", "formats/state.c",
     "packed.operation_id = operation->accepted ? operation->operation_id : NULL;",
     "packed.operation_id = NULL;", "truth 3: the record does not tell what was paid"),
    ("result-under-another-key", "formats/result.c",
     "if (job->message.key.data != NULL) {", "if (job->message.key.data == NULL) {",
     "a result has another key than its job"),
)


def compile_commands(build):
    """Of each source file that the simulator is made of: its command without output, optimisation
    and sanitizers."""
    wanted = re.compile(r"/worker/(base|core|formats)/[^/]+\.c$|/tests/sim/[^/]+\.c$|"
                        r"/worker/commands/(worker_(batch|kafka|requests|objects)|object_\w+)\.c$|"
                        r"/tests/unit/core/trace\.c$|state\.pb-c\.c$")
    commands = {}
    for entry in json.loads((build / "compile_commands.json").read_text()):
        target = "backscribe_sim" in entry["command"] or "/worker/" in entry["file"] \
            or entry["file"].endswith("state.pb-c.c")
        if not wanted.search(entry["file"]) or not target or entry["file"] in commands:
            continue
        words = shlex.split(entry["command"])
        del words[words.index("-o"):words.index("-o") + 2]
        for flag in ("-MT", "-MF"):
            if flag in words:
                del words[words.index(flag):words.index(flag) + 2]
        words = [word for word in words[:words.index("-c")]
                 if not re.match(r"-O|-fsanitize|-fno-sanitize|-Werror|-g|-MD|-W|-D_FORTIFY", word)]
        commands[entry["file"]] = (words, entry["directory"])
    return commands


def compile_file(commands, of, source, target):
    words, directory = commands[of]
    subprocess.run([*words, "-O1", "-o", str(target), "-c", str(source)], cwd=directory, check=True)


def link(objects, target):
    subprocess.run(["cc", "-o", str(target), *map(str, objects), *LIBRARIES], check=True)


def try_mutation(mutation, commands, objects, folder, seeds):
    """None when it was caught, else what is wrong."""
    _, name, old, new, _ = mutation
    source = ROOT / "worker" / name
    text = source.read_text()
    if text.count(old) != 1:
        return f"its text stands {text.count(old)} times in {name}"
    mutant, mutant_object = folder / "mutant.c", folder / "mutant.o"
    mutant.write_text(text.replace(old, new))
    try:
        compile_file(commands, str(source), mutant, mutant_object)
    except subprocess.CalledProcessError:
        return "it does not compile"
    mutated = [mutant_object if file == str(source) else made for file, made in objects.items()]
    link(mutated, folder / "mutant")
    told = subprocess.run([folder / "mutant", "--seeds", str(seeds)], capture_output=True,
                          text=True, errors="replace", check=False)
    if told.returncode == 0:
        return f"survives {seeds} seeds"
    lines = [line for line in (told.stdout + told.stderr).splitlines()
             if " failed: " in line or "assertion failed" in line or "does not repeat" in line]
    print(f"caught: {mutation[0]}: {lines[0] if lines else told.returncode}", flush=True)
    return None


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", type=pathlib.Path, required=True)
    parser.add_argument("--seeds", type=int, default=2000)
    parser.add_argument("--only")
    options = parser.parse_args()
    commands = compile_commands(options.build.resolve())
    wrong = []
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        objects = {}
        for number, file in enumerate(commands):
            objects[file] = folder / f"{number}.o"
            compile_file(commands, file, file, objects[file])
        for mutation in MUTATIONS:
            if options.only is not None and mutation[0] != options.only:
                continue
            problem = try_mutation(mutation, commands, objects, folder, options.seeds)
            if problem is not None:
                wrong.append(mutation[0])
                print(f"NOT CAUGHT: {mutation[0]} ({mutation[4]}): {problem}", flush=True)
    print(f"{len(MUTATIONS)} mutations, {len(wrong)} not caught")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
