#!/bin/sh
# Measures how a fleet of workers (release build) hands its operations over: a rolling restart, a
# kill -9, static members. Prints a Markdown table. `--quick` for a tenth of the operations; `--help`
# for the other options.
set -eu
cd "$(dirname "$0")/.."
. tests/prepare.sh

{
    cmake --preset release
    cmake --build build/release -j "$(nproc)" --target backscribe backscribe-standin
} >&2
BACKSCRIBE_WORKER=build/release/worker/backscribe \
BACKSCRIBE_STANDIN=build/release/tests/standin/backscribe-standin \
BACKSCRIBE_KAFKA_JARS=build/kafka \
    exec build/venv/bin/python bench/handover.py "$@"
