#!/bin/sh
# namespace.sh COMMAND...: in a mount namespace of its own, and in this shell's place; as root.
set -eu
if unshare --mount true 2>/dev/null; then
    exec unshare --mount "$@"
fi
# In a chroot, / is a plain folder of another system: it is mounted upon /mnt, there only, and is the
# root from there on, since what keeps mounts private needs a root that is a mount.
# shellcheck disable=SC2016 # the inner shells' own arguments
exec unshare --mount --propagation unchanged sh -euc 'mount --rbind / /mnt && exec chroot /mnt "$@"' sh \
    sh -euc 'cd "$1" && shift && exec unshare --mount "$@"' sh "$PWD" "$@"
