#!/bin/sh
# Passes the tests on a fresh Debian 12 or 13: installs what is missing, builds with sanitizers, and
# runs them through ctest, whose summary and exit status are this script's own. About 35 minutes on two
# cores; with --all, which continuous integration runs, 50.
set -eu

usage() {
    cat <<'END'
usage: sh tests/run.sh [--all] [-R REGEX] [--preset NAME]

  --all          also the tests that take minutes each (ctest's label "long")
  -R REGEX       only the tests whose names match (as ctest's own option)
  --preset NAME  asan (default), tsan, dev or release
END
}

preset=asan
regex=.
skipped=long
while [ $# -gt 0 ]; do
    case "$1" in
    -R | --preset)
        [ $# -ge 2 ] || { usage >&2; exit 2; }
        if [ "$1" = -R ]; then regex=$2; else preset=$2; fi
        shift 2
        ;;
    --all) skipped='^$'; shift ;;
    -h | --help) usage; exit 0 ;;
    *) usage >&2; exit 2 ;;
    esac
done

cd "$(dirname "$0")/.."
. tests/prepare.sh

jobs=$(nproc)
cmake --preset "$preset" -DBACKSCRIBE_WERROR=ON
cmake --build "build/$preset" -j "$jobs"
exec ctest --test-dir "build/$preset" -R "$regex" -LE "$skipped" -j "$jobs" --output-on-failure --no-tests=error
