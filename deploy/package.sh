#!/bin/sh
# Builds the Debian package for this machine's release (Debian 12 or 13) into build/package:
#
#   sh deploy/package.sh && apt-get install ./build/package/backscribe_*.deb
#
# Installs by apt what it needs where it is missing (as root, or with sudo).
set -eu

cd "$(dirname "$0")/.."
packages="gcc libc6-dev cmake ninja-build pkg-config dpkg-dev file
    librdkafka-dev libcurl4-openssl-dev libs3-dev libxml2-dev libcjson-dev zlib1g-dev libssl-dev
    libprotobuf-c-dev protobuf-c-compiler libmicrohttpd-dev"

missing=
for package in $packages; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] ||
        missing="$missing $package"
done
if [ -n "$missing" ]; then
    as_root=
    [ "$(id -u)" -eq 0 ] || as_root=sudo
    $as_root apt-get -q update >&2
    # shellcheck disable=SC2086 # a list of words
    $as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get -q -y install --no-install-recommends $missing >&2
fi

rm -f build/package/*.deb # of another version
cmake -S . -B build/package -G Ninja -DCMAKE_BUILD_TYPE=Release -DBACKSCRIBE_TESTS=OFF >&2
cmake --build build/package --target package >&2
ls build/package/*.deb
