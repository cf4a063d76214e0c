#!/bin/sh
# Measures `backscribe results` (release build) on a real broker, and prints a Markdown table.
# `--results N` for fewer or more than 100,000.
set -eu
cd "$(dirname "$0")/.."
. tests/prepare.sh

{
    cmake --preset release
    cmake --build build/release -j "$(nproc)" --target backscribe
} >&2
BACKSCRIBE_WORKER=build/release/worker/backscribe \
BACKSCRIBE_KAFKA_JARS=build/kafka \
    exec build/venv/bin/python bench/export.py "$@"
