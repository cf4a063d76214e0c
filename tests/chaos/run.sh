#!/bin/sh
# Plays chaos.py: three brokers, four workers and the network between them fail by a plan that is
# drawn from a seed; the account must balance. Its own options are passed on (--jobs, --seed, --for,
# --folder, --keep; --help tells). Installs and builds what it needs, as tests/run.sh does.
set -eu

preset=release
if [ "${1:-}" = --preset ]; then
    [ $# -ge 2 ] || { echo "--preset NAME" >&2; exit 2; }
    preset=$2
    shift 2
fi
cd "$(dirname "$0")/../.."
. tests/prepare.sh
{
    cmake --preset "$preset"
    cmake --build "build/$preset" -j "$(nproc)" --target backscribe backscribe-standin
} >&2
BACKSCRIBE_WORKER=$PWD/build/$preset/worker/backscribe \
BACKSCRIBE_STANDIN=$PWD/build/$preset/tests/standin/backscribe-standin \
BACKSCRIBE_KAFKA_JARS=$PWD/build/kafka PYTHONDONTWRITEBYTECODE=1 \
    exec build/venv/bin/python tests/chaos/chaos.py "$@"
