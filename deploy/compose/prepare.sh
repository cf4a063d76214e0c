#!/bin/sh
# prepare.sh KEYS SAMPLES: makes random keys that the stand-ins ask for and the worker shows, and lays
# out the sample recordings. What is there already stays.
set -eu
umask 077
random() {
    od -An -N24 -tx1 /dev/urandom | tr -d ' \n'
}
[ -e "$1/speechkit" ] || { random >"$1/speechkit.new" && mv "$1/speechkit.new" "$1/speechkit"; }
if [ ! -e "$1/storage.json" ]; then
    printf '{"access_key_id": "compose", "secret_access_key": "%s"}\n' "$(random)" >"$1/storage.new"
    mv "$1/storage.new" "$1/storage.json"
fi
cp -Rn /usr/share/backscribe-standin/recordings/. "$2"
