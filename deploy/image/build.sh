#!/bin/sh
# Builds an image where there is neither Docker nor a registry: from a Debian root that debootstrap
# makes, by buildah with chroot isolation, as root (or with sudo). Needs the Debian packages buildah,
# netavark and debootstrap, and the mirror that this machine's own apt uses.
#
# All of it happens in a mount namespace of its own: whatever becomes of it, nothing stays mounted.
set -eu

usage() {
    cat <<'END'
usage: sh deploy/image/build.sh [--file DOCKERFILE] [--tag NAME] [--cache FOLDER] OUTPUT.tar

  OUTPUT.tar         the image, as an OCI archive (skopeo, podman load, docker load)
  --file DOCKERFILE  default: deploy/Dockerfile; its .dockerignore is the file beside it
  --tag NAME         the name that the image has in the archive (default: backscribe:latest)
  --cache FOLDER     where the Debian root is kept, a week at most (default: build/image)
END
}

fail() {
    echo "build.sh: $*" >&2
    exit 1
}

suite=trixie # what deploy/Dockerfile's debian:13 is
file=deploy/Dockerfile
tag=backscribe:latest
cache=build/image
output=
in_namespace=
while [ $# -gt 0 ]; do
    case "$1" in
    --file | --tag | --cache)
        [ $# -ge 2 ] || { usage >&2 && exit 2; }
        case "$1" in --file) file=$2 ;; --tag) tag=$2 ;; --cache) cache=$2 ;; esac
        shift 2
        ;;
    --in-namespace) in_namespace=yes && shift ;;
    -h | --help) usage && exit 0 ;;
    -*) usage >&2 && exit 2 ;;
    *) output=$1 && shift ;;
    esac
done
[ -n "$output" ] || { usage >&2 && exit 2; }
mkdir -p "$(dirname "$output")" "$cache"
output=$(cd "$(dirname "$output")" && pwd)/$(basename "$output")
cache=$(cd "$cache" && pwd)
cd "$(dirname "$0")/../.."

for program in buildah debootstrap; do
    command -v "$program" >/dev/null || [ -x "/usr/sbin/$program" ] ||
        fail "$program is missing: apt-get install buildah netavark debootstrap"
done
PATH=$PATH:/usr/sbin:/sbin

# ---- as root, in a namespace -----------------------------------------------------------------------

if [ "$(id -u)" -ne 0 ]; then
    sudo -n true 2>/dev/null ||
        fail "an image is built as root: run as root, or where sudo does not ask for a password"
    exec sudo -n sh deploy/image/build.sh --file "$file" --tag "$tag" --cache "$cache" "$output"
fi
if [ -z "$in_namespace" ]; then
    sh deploy/image/namespace.sh true ||
        fail "root may have no mount namespace here (CAP_SYS_ADMIN), which chroot isolation needs too"
    exec sh deploy/image/namespace.sh sh deploy/image/build.sh \
        --in-namespace --file "$file" --tag "$tag" --cache "$cache" "$output"
fi

scratch=$(mktemp -d "$cache/work.XXXXXX")
export TMPDIR="$scratch"
clean_up() {
    status=$?
    trap - EXIT INT TERM HUP
    rm -rf "$scratch"
    exit "$status"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

say() {
    printf '%s  %s\n' "$(date +%T)" "$*" >&2
}

# ---- the mirror ------------------------------------------------------------------------------------

# mirror_of SUFFIX: where this machine's apt has its own release (with -security, if that follows).
mirror_of() {
    codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
    apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' 'Identifier: Packages' |
        awk -v wanted="$codename$1" -v suffix="$1" '
            $3 != "main" { next }
            $2 == wanted { print $1; found = 1; exit }
            $2 ~ ("^(old)*stable" suffix "$") && other == "" { other = $1 }
            END { if (!found && other != "") print other }'
}

mirror=$(mirror_of "")
[ -n "$mirror" ] || fail "apt's sources on this machine name no Debian release to take a mirror from"
security=$(mirror_of -security)

# ---- the Debian root -------------------------------------------------------------------------------

# As debian:13-slim is: the required packages and apt, no manuals, no translations, no lists.
make_root() {
    say "debootstrap $suite from $mirror"
    root=$scratch/root
    eval "$(apt-config shell http_proxy Acquire::http::Proxy https_proxy Acquire::https::Proxy)"
    [ -z "${http_proxy:-}" ] || export http_proxy
    [ -z "${https_proxy:-}" ] || export https_proxy
    debootstrap --variant=minbase "$suite" "$root" "$mirror" >"$scratch/debootstrap.log" 2>&1 || {
        tail -n 20 "$scratch/debootstrap.log" >&2
        fail "debootstrap failed"
    }
    find "$root/usr/share/doc" -type f ! -name copyright -delete
    rm -rf "$root"/usr/share/man/* "$root"/usr/share/info/* "$root"/usr/share/locale/* \
        "$root"/var/cache/apt/archives/*.deb "$root"/var/lib/apt/lists/* "$root"/var/log/*.log \
        "$root"/etc/hostname "$root"/etc/resolv.conf
    : >"$root/etc/apt/sources.list"
    tar -C "$root" --one-file-system -cf "$scratch/root.tar" .
    mv "$scratch/root.tar" "$archive"
    rm -rf "$root"
}

archive=$cache/debian-$suite.tar
exec 9>"$cache/lock"
flock 9
if [ -z "$(find "$archive" -mtime -7 2>/dev/null)" ]; then
    make_root
fi
flock -u 9

# ---- the image -------------------------------------------------------------------------------------

# How apt reaches its mirror is this machine's affair: it lies over /etc/apt while the image is
# built, and is not in it.
apt=$scratch/etc/apt
tar -C "$scratch" -xf "$archive" ./etc/apt
{
    echo "deb $mirror $suite main"
    [ -z "$security" ] || echo "deb $security $suite-security main"
} >"$apt/sources.list"
apt-config dump | grep -E '^Acquire::(http|https|Check-|Retries)' >"$apt/apt.conf.d/99this-machine" || true
if [ -r /etc/ssl/certs/ca-certificates.crt ]; then
    cp /etc/ssl/certs/ca-certificates.crt "$apt/authorities.crt"
    echo 'Acquire::https::CAInfo "/etc/apt/authorities.crt";' >>"$apt/apt.conf.d/99this-machine"
fi
[ ! -d /etc/apt/auth.conf.d ] || cp -r /etc/apt/auth.conf.d "$apt/"

tree="git -c safe.directory=$PWD"
revision=$($tree rev-parse HEAD 2>/dev/null) || revision=unknown
epoch=${SOURCE_DATE_EPOCH:-$($tree log -1 --format=%ct 2>/dev/null || date +%s)}

store="--root $scratch/storage --runroot $scratch/run --storage-driver vfs"
# buildah sets limits by itself, earlier versions the greatest number of processes to pid_max, later
# ones all to more than root may have everywhere: what this process has is enough.
limits=$(awk -v pid_max="$(cat /proc/sys/kernel/pid_max)" '
    function least(a, b) { return a + 0 < b + 0 ? a : b }
    /^Max open files.*[0-9] +files/ { print "--ulimit nofile=" $4 ":" $5 }
    /^Max processes.*[0-9] +processes/ {
        print "--ulimit nproc=" least($3, pid_max) ":" least($4, pid_max)
    }' /proc/self/limits)
# shellcheck disable=SC2086 # lists of words
{
    say "the base, from $archive"
    container=$(buildah $store from scratch)
    buildah $store add -q "$container" "$archive" / >&2
    buildah $store commit -q --rm "$container" localhost/debian:base >&2
    say "$file"
    buildah $store bud -q --isolation chroot --network host $limits --volume "$apt:/etc/apt" \
        --file "$file" --ignorefile "$file.dockerignore" --timestamp "$epoch" \
        --build-arg DEBIAN=localhost/debian:base --build-arg "SOURCE_DATE_EPOCH=$epoch" \
        --build-arg "REVISION=$revision" --tag "localhost/$tag" . >"$scratch/build.log" 2>&1 || {
        tail -n 40 "$scratch/build.log" >&2
        fail "the build failed"
    }
    say "into $output"
    buildah $store push -q "localhost/$tag" "oci-archive:$scratch/image.tar:$tag"
}
mv "$scratch/image.tar" "$output"
say "done: $(du -k "$output" | cut -f 1) KiB"
