#!/bin/sh
# Measures the worker (release build) against the stand-in of the API on a real broker, and prints a
# Markdown table. `--quick` for a tenth of the work; `--help` for the other options.
set -eu
cd "$(dirname "$0")/.."
. tests/prepare.sh
install_packages nghttp2-client

{
    cmake --preset release
    cmake --build build/release -j "$(nproc)" --target backscribe backscribe-standin
} >&2
BACKSCRIBE_WORKER=build/release/worker/backscribe \
BACKSCRIBE_STANDIN=build/release/tests/standin/backscribe-standin \
BACKSCRIBE_KAFKA_JARS=build/kafka \
    exec build/venv/bin/python bench/throughput.py "$@"
