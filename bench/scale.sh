#!/bin/sh
# One worker (release build) with a million operations in flight, against the stand-in of the API on
# a real broker: memory, CPU, restore and the event loop's longest turns, next to their aims. Prints
# Markdown. `--quick` for 100,000; `--assert` ends with 1 when an aim is missed; `--help` for more.
set -eu
cd "$(dirname "$0")/.."
. tests/prepare.sh
install_packages

{
    cmake --preset release
    cmake --build build/release -j "$(nproc)" --target backscribe backscribe-standin
} >&2
BACKSCRIBE_WORKER=build/release/worker/backscribe \
BACKSCRIBE_STANDIN=build/release/tests/standin/backscribe-standin \
BACKSCRIBE_KAFKA_JARS=build/kafka \
    exec build/venv/bin/python bench/scale.py "$@"
