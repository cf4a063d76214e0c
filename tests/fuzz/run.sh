#!/bin/sh
# Fuzzes the decoders of bytes from outside, one target after the other, from the kept corpus. A crash
# is written to build/fuzz/crashes; once it is mended, its input joins the corpus.
set -eu

usage() {
    cat <<'END'
usage: sh tests/fuzz/run.sh [--for TIME] [--build | --built] [--minimise] [TARGET...]

  --for TIME  how long each target runs: 20s (default), 10m, 2h
  --build     only build the targets (preset fuzz, by clang, in build/fuzz)
  --built     they are built already
  --minimise  take what the last runs have found into the kept corpus, as few inputs as reach it all
  TARGET      as in tests/fuzz/*_fuzz.c; all of them by default
END
}

time=20s
build=yes
fuzz=yes
minimise=no
while [ $# -gt 0 ]; do
    case "$1" in
    --for)
        [ $# -ge 2 ] || { usage >&2; exit 2; }
        time=$2
        shift 2
        ;;
    --build) fuzz=no; shift ;;
    --built) build=no; shift ;;
    --minimise) minimise=yes; fuzz=no; shift ;;
    -h | --help) usage; exit 0 ;;
    -*) usage >&2; exit 2 ;;
    *) break ;;
    esac
done
case "$time" in
*h) seconds=$((${time%h} * 3600)) ;;
*m) seconds=$((${time%m} * 60)) ;;
*) seconds=${time%s} ;;
esac

cd "$(dirname "$0")/../.."
if [ "$build" = yes ]; then
    cmake --preset fuzz -DBACKSCRIBE_WERROR=ON
    cmake --build build/fuzz --target fuzz_targets
fi
if [ $# -eq 0 ]; then
    # shellcheck disable=SC2046 # a list of words
    set -- $(for file in tests/fuzz/*_fuzz.c; do basename "$file" _fuzz.c; done)
fi

# Inputs larger than 16 KiB find nothing that smaller ones do not, and cost time.
for target in "$@"; do
    program=build/fuzz/tests/fuzz/fuzz_$target
    kept=tests/fuzz/corpus/$target
    found=build/fuzz/found/$target
    mkdir -p "$found" build/fuzz/crashes "$kept"
    if [ "$minimise" = yes ]; then
        # What a person has named stays; the rest is named by its hash, and chosen anew.
        few=build/fuzz/minimised/$target
        hash='[0-9a-f]{40}'
        rm -rf "$few"
        mkdir -p "$few"
        find "$kept" -type f -regextype posix-extended ! -regex ".*/$hash" -exec cp {} "$few" \;
        "$program" -set_cover_merge=1 -use_counters=0 -max_len=2048 "$few" "$kept" "$found"
        find "$kept" -type f -regextype posix-extended -regex ".*/$hash" -delete
        cp -n "$few"/* "$kept"
    fi
    [ "$fuzz" = yes ] || continue
    echo "== $target: $time"
    "$program" -max_total_time="$seconds" -max_len=16384 -timeout=10 -rss_limit_mb=1024 \
        -dict=tests/fuzz/dictionaries/$target.dict -artifact_prefix="build/fuzz/crashes/$target-" \
        -print_final_stats=1 -verbosity=0 "$found" "$kept"
done
