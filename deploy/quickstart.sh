#!/bin/sh
# From a fresh Debian 12 or 13 to transcripts of real recordings, in one command:
#
#   sh deploy/quickstart.sh
#
# Installs packages by apt where some are missing (as root, or with sudo), builds into
# build/quickstart, and runs the worker against an embedded Kafka and a stand-in of SpeechKit that
# really recognises. Nothing is left running; only build/quickstart stays.
set -eu

cd "$(dirname "$0")/.."
build=build/quickstart
data=/usr/share/pocketsphinx/test/data
packages="gcc libc6-dev cmake ninja-build pkg-config
    librdkafka-dev libcurl4-openssl-dev libs3-dev libxml2-dev libcjson-dev zlib1g-dev libssl-dev
    libprotobuf-c-dev protobuf-c-compiler libmicrohttpd-dev
    libpocketsphinx-dev pocketsphinx-en-us pocketsphinx-testdata libopusfile-dev libmpg123-dev
    opus-tools"

say() {
    printf '\n== %s\n' "$*"
}

fail() {
    printf 'quickstart: %s\n' "$*" >&2
    exit 1
}

# ---- the end, whichever way it comes ---------------------------------------------------------------

scratch=
processes=

clean_up() {
    status=$?
    trap - EXIT INT TERM HUP
    for process in $processes; do
        kill "$process" 2>/dev/null || :
    done
    wait
    [ -z "$scratch" ] || rm -rf "$scratch"
    exit "$status"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# ---- packages and build ----------------------------------------------------------------------------

installed() {
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

install_packages() {
    missing=
    for package in $packages; do
        installed "$package" || missing="$missing $package"
    done
    [ -n "$missing" ] || return 0
    say "Installing packages:$missing"
    as_root=
    if [ "$(id -u)" -ne 0 ]; then
        command -v sudo >/dev/null || fail "packages are missing, and there is no sudo: run as root"
        as_root=sudo
    fi
    # shellcheck disable=SC2086 # lists of words
    {
        $as_root apt-get -q update
        $as_root env DEBIAN_FRONTEND=noninteractive \
            apt-get -q -y install --no-install-recommends $missing
    } >"$scratch/apt.log" 2>&1 || {
        tail -n 30 "$scratch/apt.log" >&2
        fail "apt could not install the packages"
    }
}

build() {
    say "Building (in $build)"
    {
        cmake -S . -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release \
            -DBACKSCRIBE_TESTS=OFF -DBACKSCRIBE_QUICKSTART=ON &&
            cmake --build "$build" \
                --target backscribe backscribe-standin backscribe-embedded-kafka
    } >"$scratch/build.log" 2>&1 || {
        tail -n 40 "$scratch/build.log" >&2
        fail "the build failed"
    }
    "$build/worker/backscribe" --version
}

# ---- recordings ------------------------------------------------------------------------------------

# One job a line. LPCM says what it is; Ogg Opus carries it.
add_job() {
    specification='"languageCode": "en-US"'
    case "$1" in
    *.raw) specification="$specification, \"audioEncoding\": \"LINEAR16_PCM\", \"sampleRateHertz\": 16000" ;;
    *.opus) specification="$specification, \"audioEncoding\": \"OGG_OPUS\"" ;;
    esac
    printf '{"id": "%s", "audio": {"uri": "s3://recordings/%s"}, "config": {"specification": {%s}}}\n' \
        "$1" "$1" "$specification" >>"$scratch/manifest.jsonl"
}

encode_opus() {
    opusenc --quiet --raw --raw-rate 16000 --raw-chan 1 "$1" "$2"
}

make_recordings() {
    say "Recordings: from Debian's pocketsphinx-testdata, as LPCM and as Ogg Opus"
    bucket=$scratch/objects/recordings
    mkdir -p "$bucket"
    cp "$data/goforward.raw" "$data/something.raw" "$data/tidigits/dhd.2934z.raw" "$bucket"
    for number in 001 003 005; do
        tail -c +45 "$data/cards/$number.wav" >"$bucket/card_$number.raw" # without its header
    done
    for name in goforward something card_005; do
        encode_opus "$bucket/$name.raw" "$bucket/$name.opus"
    done
    for file in "$bucket"/*; do
        add_job "${file##*/}"
        printf '   %-18s %7s bytes\n' "${file##*/}" "$(wc -c <"$file")"
    done
    recording_count=$(wc -l <"$scratch/manifest.jsonl")
}

# ---- Kafka and the service -------------------------------------------------------------------------

# start NAME COMMAND...: in the background; its address, once it prints one, is in $address.
start() {
    name=$1
    shift
    "$@" >"$scratch/$name.out" 2>"$scratch/$name.err" &
    processes="$processes $!"
    waited=0
    address=
    while [ -z "$address" ]; do
        address=$(sed -n 's/^listening on //p' "$scratch/$name.out")
        kill -0 "$!" 2>/dev/null || { cat "$scratch/$name.err" >&2 && fail "$name did not start"; }
        [ "$waited" -lt 100 ] || fail "$name did not start in 10 seconds"
        waited=$((waited + 1))
        sleep 0.1
    done
}

start_services() {
    say "Starting an embedded Kafka and a stand-in of SpeechKit"
    start kafka "$build/deploy/quickstart/backscribe-embedded-kafka" \
        transcription-jobs:4 transcription-results:4 transcription-dead-letters:4 backscribe-state:4
    kafka=$address
    start service "$build/tests/standin/backscribe-standin" --objects "$scratch/objects" \
        --recognise --decoders "$build/tests/standin/models.json" --duration-ms 500 \
        --log "$scratch/arrivals.jsonl"
    service=http://$address
    printf '   Kafka %s, SpeechKit and objects %s\n' "$kafka" "$service"
}

write_configuration() {
    cat >"$scratch/config.json" <<END
{
  "kafka": {"bootstrap.servers": "$kafka", "log_level": 3},
  "speechkit": {
    "transcribe_url": "$service",
    "operation_url": "$service",
    "iam_url": "$service",
    "auth": {"none": true}
  },
  "objects": {"endpoint": "$service", "auth": {"none": true}, "buckets": ["recordings"]},
  "quotas": {"submissions": 100000, "checks": 500000},
  "checks": {"first_guess_seconds": 1},
  "admin": {"listen": "127.0.0.1:0"}
}
END
}

# ---- the job itself --------------------------------------------------------------------------------

# field NAME LINE: a text in a line of the stand-in's log.
field() {
    rest=${2#*"\"$1\":\""}
    [ "$rest" = "$2" ] || printf '%s' "${rest%%\"*}"
}

# The stand-in's log -> what a person wants to see of it. The shell's own commands, because awk and
# sed would keep lines back in their buffers.
print_progress() {
    submitted=0
    ended=0
    while read -r line; do
        name=$(field uri "$line")
        outcome=$(field outcome "$line")
        case "$line" in
        '{"event":"submission"'*)
            submitted=$((submitted + 1))
            printf '   submitted  %-18s %s\n' "${name##*/}" "$(field operation "$line")"
            ;;
        '{"event":"check"'*'"outcome":"done"'* | '{"event":"check"'*'"outcome":"failed"'*)
            ended=$((ended + 1))
            printf '   %-9s  %-18s %s of %s\n' "$outcome" "${name##*/}" "$ended" "$submitted"
            ;;
        esac
    done
}

# What arrives at the service, as it arrives.
show_progress() {
    mkfifo "$scratch/progress"
    print_progress <"$scratch/progress" &
    tail -n +1 -f "$scratch/arrivals.jsonl" >"$scratch/progress" & # its end is the other's end
    processes="$processes $!"
}

transcribe() {
    worker=$build/worker/backscribe
    say "backscribe enqueue --manifest"
    "$worker" enqueue --config "$scratch/config.json" --manifest "$scratch/manifest.jsonl"
    say "backscribe run --until-drained"
    show_progress
    begin=$(date +%s)
    # In the background, because a shell hears signals only between foreground commands.
    timeout 150 "$worker" run --config "$scratch/config.json" --until-drained \
        --fail-on-dead-letter 2>"$scratch/worker.log" &
    processes="$processes $!"
    wait "$!" || {
        status=$?
        tail -n 40 "$scratch/worker.log" >&2
        fail "the worker ended with status $status"
    }
    end=$(date +%s)
    sleep 0.3
    printf '   %s recordings in %s s\n' "$recording_count" "$((end - begin))"
}

show_results() {
    say "backscribe results: what was said, and when (seconds)"
    "$worker" results --config "$scratch/config.json" --format jsonl >"$scratch/results.jsonl"
    sort "$scratch/results.jsonl" | awk -f deploy/quickstart/transcript.awk
    result_count=$(wc -l <"$scratch/results.jsonl")
    [ "$result_count" -eq "$recording_count" ] ||
        fail "$recording_count recordings gave $result_count results"
}

explain_next_steps() {
    say "For the real service"
    cat <<'END'
A configuration needs only your Kafka and a credential; all else has defaults:

  {
    "kafka": {"bootstrap.servers": "kafka-1:9092"},
    "speechkit": {"auth": {"api_key_file": "/run/secrets/speechkit"}},
    "objects": {"buckets": ["your-bucket"]}
  }

Leave out transcribe_url, operation_url, iam_url, objects.endpoint, quotas and checks: their defaults
are the service's own. Then:

  backscribe check --config config.json --create-topics
  backscribe enqueue --config config.json --manifest recordings.txt    # s3://bucket/key a line
  backscribe run --config config.json --until-drained
END
}

# ----------------------------------------------------------------------------------------------------

scratch=$(mktemp -d)
install_packages
build
make_recordings
start_services
write_configuration
transcribe
show_results
explain_next_steps
