# shellcheck shell=sh
# What the tests and the benchmark stand on; sourced at the project's root by tests/run.sh and
# bench/throughput.sh. Installs Debian packages that are missing, makes a Python environment in
# build/venv, and fetches Apache Kafka into build/kafka, an S3 server into build/s3, Prometheus into
# build/prometheus, AsyncAPI's schemas into build/asyncapi, and Helm with the schemas of what its chart
# makes into build/helm. Everything is kept between runs.

# The libraries, the tools to build with, and what the tests run: a broker and an object store (Java,
# fetched by Maven), a Python for its outside view, recordings and a decoder for the stand-in of the
# API, what makes and measures recordings of every format, clang with its runtime for fuzzing,
# what makes an image without a Docker engine, and what makes and reads the Debian package: its pages,
# its completions in both shells, its units.
backscribe_packages="gcc libc6-dev cmake ninja-build pkg-config
    librdkafka-dev libcurl4-openssl-dev libs3-dev libxml2-dev libcjson-dev zlib1g-dev libssl-dev
    libprotobuf-c-dev protobuf-c-compiler libmicrohttpd-dev
    libcmocka-dev libpocketsphinx-dev pocketsphinx-en-us pocketsphinx-testdata libopusfile-dev
    libmpg123-dev opus-tools sox libsox-fmt-mp3 ffmpeg vorbis-tools lame flac
    python3 python3-venv default-jre-headless maven ca-certificates curl openssl clang libclang-rt-dev
    buildah netavark debootstrap dpkg-dev file mandoc zsh systemd"
# Fetches modules, which this and deploy/helm/fetch.sh take files from; nothing is built with it.
command -v go >/dev/null || backscribe_packages="$backscribe_packages golang-go"

as_root=
[ "$(id -u)" -eq 0 ] || as_root=sudo

backscribe_installed() {
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

# install_packages PACKAGE...: by apt, asking nothing; needs root or sudo only when one is missing.
install_packages() {
    missing=
    for package in "$@"; do
        backscribe_installed "$package" || missing="$missing $package"
    done
    [ -n "$missing" ] || return 0
    echo "installing:$missing" >&2
    $as_root apt-get -q update >&2
    # shellcheck disable=SC2086 # a list of words
    $as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get -q -y install --no-install-recommends $missing >&2
}

# Made anew when the file that names the contents is newer than the last complete one.
make_python_environment() {
    if [ ! -e build/venv/complete ] || [ tests/requirements.txt -nt build/venv/complete ]; then
        /usr/bin/python3 -m venv --clear build/venv
        build/venv/bin/python -m pip install -q --disable-pip-version-check \
            -r tests/requirements.txt >&2
        touch build/venv/complete
    fi
}

# fetch_jars POM FOLDER: a program from Maven Central, with all that it needs.
fetch_jars() {
    if [ ! -e "$2/complete" ] || [ "$1" -nt "$2/complete" ]; then
        rm -rf "$2"
        mvn -q -B -Dstyle.color=never -f "$1" dependency:copy-dependencies \
            -DoutputDirectory="$PWD/$2" >&2
        touch "$2/complete"
    fi
}

# unpack_package PACKAGE: Debian's, into the folder where we are; nothing is installed.
unpack_package() {
    download="apt-get -q -o APT::Sandbox::User=root download $1"
    $download >&2 || { $as_root apt-get -q update >&2 && $download >&2; }
    dpkg -x "$1"_*.deb .
    rm "$1"_*.deb
}

# Unpacked only: installing it would start a service on this machine. Debian 13 has promtool in a
# package of its own.
fetch_prometheus() {
    [ ! -e build/prometheus/complete ] || return 0
    rm -rf build/prometheus
    mkdir -p build/prometheus
    (
        cd build/prometheus
        unpack_package prometheus
        [ -e usr/bin/promtool ] || unpack_package promtool
        touch complete
    )
}

# AsyncAPI's own schemas, out of a Go module, which tests/schemas/asyncapi/go.sum has the hash of.
fetch_asyncapi() {
    from=tests/schemas/asyncapi
    if [ ! -e build/asyncapi/complete ] || [ "$from/go.mod" -nt build/asyncapi/complete ]; then
        rm -rf build/asyncapi
        mkdir -p build/asyncapi/go
        modules=$PWD/build/asyncapi/go
        (cd "$from" && GOPATH=$modules GOFLAGS=-modcacherw GOTOOLCHAIN=local GO111MODULE=on \
            go mod download github.com/asyncapi/spec-json-schemas/v6 >&2)
        cp "$modules"/pkg/mod/github.com/asyncapi/spec-json-schemas/v6@*/schemas/3.0.0.json build/asyncapi/
        rm -rf "$modules"
        touch build/asyncapi/complete
    fi
}

mkdir -p build
# shellcheck disable=SC2086 # a list of words
install_packages $backscribe_packages
make_python_environment
fetch_jars tests/integration/kafka/pom.xml build/kafka
fetch_jars tests/integration/s3/pom.xml build/s3
fetch_prometheus
fetch_asyncapi
sh deploy/helm/fetch.sh build/helm >&2
