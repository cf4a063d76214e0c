#!/bin/sh
# Passes all tests on a fresh Debian 12 or 13: installs what is missing, builds with sanitizers, and
# runs everything through ctest, whose summary and exit status are this script's own.
set -eu

usage() {
    cat <<'END'
usage: sh tests/run.sh [-R REGEX] [--preset NAME]

  -R REGEX       only the tests whose names match (as ctest's own option)
  --preset NAME  asan (default), tsan, dev or release
END
}

preset=asan
regex=.
while [ $# -gt 0 ]; do
    case "$1" in
    -R | --preset)
        [ $# -ge 2 ] || { usage >&2; exit 2; }
        if [ "$1" = -R ]; then regex=$2; else preset=$2; fi
        shift 2
        ;;
    -h | --help) usage; exit 0 ;;
    *) usage >&2; exit 2 ;;
    esac
done

cd "$(dirname "$0")/.."
. tests/prepare.sh

jobs=$(nproc)
cmake --preset "$preset" -DBACKSCRIBE_WERROR=ON
cmake --build "build/$preset" -j "$jobs"
exec ctest --test-dir "build/$preset" -R "$regex" -j "$jobs" --output-on-failure --no-tests=error
