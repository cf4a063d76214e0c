#!/bin/sh
# From a fresh Debian 12 or 13 to transcripts of real recordings, in one command:
#
#   sh deploy/quickstart.sh
#
# Installs packages by apt where some are missing (as root, or with sudo), builds into
# build/quickstart, and takes a folder of mixed recordings the whole way: uploaded to an object store,
# recognised, and back as text. Kafka is an embedded one, the object store a stand-in that verifies
# signatures, SpeechKit a stand-in that really recognises. Nothing is left running; only
# build/quickstart stays.
set -eu

cd "$(dirname "$0")/.."
build=build/quickstart
data=/usr/share/pocketsphinx/test/data
packages="gcc libc6-dev cmake ninja-build pkg-config
    librdkafka-dev libcurl4-openssl-dev libs3-dev libxml2-dev libcjson-dev zlib1g-dev libssl-dev
    libprotobuf-c-dev protobuf-c-compiler libmicrohttpd-dev
    libpocketsphinx-dev pocketsphinx-en-us pocketsphinx-testdata libopusfile-dev libmpg123-dev
    opus-tools lame sox"

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
    # Twice, because one that had not become its program yet passes over the first.
    for _ in 1 2; do
        for process in $processes; do
            kill "$process" 2>/dev/null || :
        done
        sleep 0.1
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
                --target backscribe backscribe-standin backscribe-standin-objects backscribe-embedded-kafka
    } >"$scratch/build.log" 2>&1 || {
        tail -n 40 "$scratch/build.log" >&2
        fail "the build failed"
    }
    "$build/worker/backscribe" --version
}

# ---- recordings ------------------------------------------------------------------------------------

# What an archive is like: each year left another format behind.
make_recordings() {
    say "A folder of recordings (Debian's pocketsphinx-testdata), in whatever format the years left"
    folder=$scratch/recordings
    mkdir -p "$folder/2019 telephone" "$folder/2024"
    raw="-t raw -r 16000 -e signed -b 16 -c 1"
    # shellcheck disable=SC2086 # a list of words
    {
        sox -V1 $raw "$data/something.raw" -r 8000 -e a-law "$folder/2019 telephone/something.wav"
        sox -V1 "$data/cards/001.wav" -r 8000 -e u-law "$folder/2019 telephone/ten of clubs.wav"
        sox -V1 $raw "$data/goforward.raw" "$folder/2024/goforward.wav"
        sox -V1 "$data/cards/003.wav" "$folder/2024/card_003.flac"
    } 2>&1
    lame --quiet "$data/cards/005.wav" "$folder/2024/card_005.mp3"
    opusenc --quiet "$data/cards/003.wav" "$folder/2024/card_003.ogg"
    cp "$data/tidigits/dhd.2934z.raw" "$folder/2024"
    find "$folder" -type f | sort | while read -r file; do
        printf '   %-32s %7s bytes\n' "${file#"$folder/"}" "$(wc -c <"$file")"
    done
}

# ---- Kafka, the object store and the service -------------------------------------------------------

# start NAME COMMAND...: in the background; its address, once it prints one, is in $address.
start() {
    name=$1
    shift
    : >"$scratch/$name.out" # there before the process is: it is read at once
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
    say "Starting an embedded Kafka, and stand-ins of the object store and of SpeechKit"
    key=$scratch/static-key.json
    printf '{"access_key_id": "quickstart", "secret_access_key": "%s"}\n' \
        "$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')" >"$key"
    mkdir "$scratch/objects"
    start kafka "$build/deploy/quickstart/backscribe-embedded-kafka" \
        transcription-jobs:4 transcription-results:4 transcription-dead-letters:4 backscribe-state:4
    kafka=$address
    start objects "$build/tests/standin/backscribe-standin-objects" \
        --directory "$scratch/objects" --bucket recordings --key-file "$key"
    objects=http://$address
    start service "$build/tests/standin/backscribe-standin" \
        --objects "$objects" --objects-key-file "$key" --recognise \
        --recognisers 2 --decoders "$build/tests/standin/models.json" --duration-ms 500 \
        --log "$scratch/arrivals.jsonl"
    service=http://$address
    printf '   Kafka %s, objects %s, SpeechKit %s\n' "$kafka" "$objects" "$service"
}

write_configuration() {
    cat >"$scratch/config.json" <<END
{
  "kafka": {"bootstrap.servers": "$kafka", "log_level": 3},
  "speechkit": {
    "transcribe_url": "$service",
    "operation_url": "$service",
    "iam_url": "$service",
    "auth": {"none": true},
    "defaults": {"languageCode": "en-US", "sampleRateHertz": 16000}
  },
  "objects": {
    "endpoint": "$objects",
    "auth": {"static_key_file": "$key"},
    "buckets": ["recordings"],
    "staging": "s3://recordings/.backscribe/staging",
    "transcripts": "s3://recordings/.backscribe/transcripts"
  },
  "checks": {"first_guess_seconds": 1},
  "admin": {"listen": "127.0.0.1:0"}
}
END
    export BACKSCRIBE_CONFIG="$scratch/config.json"
}

# ---- the job itself --------------------------------------------------------------------------------

worker=$PWD/$build/worker/backscribe

# As a person would: beside the folder.
enqueue() {
    say "backscribe enqueue $*"
    (cd "$scratch" && "$worker" enqueue "$@")
}

# field NAME LINE: a text or number in a line of the stand-in's log.
field() {
    rest=${2#*"\"$1\":"}
    case $rest in
    '"'*) rest=${rest#'"'} && printf '%s' "${rest%%'"'*}" ;;
    *) printf '%s' "${rest%%[,\}]*}" ;;
    esac
}

# The stand-in's log -> what a person wants to see of it. The shell's own commands, because awk and
# sed would keep lines back in their buffers.
print_progress() {
    while read -r line; do
        case "$line" in
        '{"event":"recording"'*)
            encoding=$(field encoding "$line")
            [ "$encoding" != LINEAR16_PCM ] || encoding="LPCM $(field sampleRateHertz "$line") Hz"
            name=$(field uri "$line")
            printf '   %-14s %7s bytes  %s\n' "$encoding" "$(field sizeBytes "$line")" \
                "${name#*/recordings/}"
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
    say "backscribe run --until-drained    (below: what SpeechKit is given to hear)"
    show_progress
    begin=$(date +%s)
    # In the background, because a shell hears signals only between foreground commands.
    timeout 150 "$worker" run --until-drained --fail-on-dead-letter 2>"$scratch/worker.log" &
    processes="$processes $!"
    wait "$!" || {
        status=$?
        tail -n 40 "$scratch/worker.log" >&2
        fail "the worker ended with status $status"
    }
    end=$(date +%s)
    sleep 0.3
    printf '   all of it in %s s\n' "$((end - begin))"
}

show_results() {
    say "backscribe results --format text"
    "$worker" results --format text
    say "In the bucket now: the recordings, and no staged copy any more"
    find "$scratch/objects/recordings" -name .facts -prune -o -type f -print | sort |
        sed 's|.*/|   |; s|%2F|/|g; s|%20| |g; s|^   %2E|   .|'
    staged=$(find "$scratch/objects/recordings" -path '*staging*' -type f | wc -l)
    [ "$staged" -eq 0 ] || fail "$staged staged copies are left"
}

explain_next_steps() {
    say "For the real service"
    cat <<'END'
A configuration names your Kafka, a credential, and where things lie; all else has defaults:

  {
    "kafka": {"bootstrap.servers": "kafka-1:9092"},
    "speechkit": {"auth": {"authorized_key_file": "/etc/backscribe/authorized-key.json"}},
    "objects": {"buckets": ["your-bucket"], "staging": "s3://your-bucket/.backscribe/staging"}
  }

  export BACKSCRIBE_CONFIG=config.json
  backscribe check --create-topics
  backscribe enqueue --dry-run s3://your-bucket/2024/                 # what lies there already
  backscribe enqueue s3://your-bucket/2024/
  backscribe enqueue --upload-to s3://your-bucket/old /mnt/recordings # what lies on a disk
  backscribe run --until-drained
  backscribe results --format text

README.md tells which roles and keys that takes.
END
}

# ----------------------------------------------------------------------------------------------------

scratch=$(mktemp -d)
install_packages
build
make_recordings
start_services
write_configuration
enqueue --dry-run --upload-to s3://recordings/archive recordings
enqueue --upload-to s3://recordings/archive recordings
transcribe
show_results
explain_next_steps
