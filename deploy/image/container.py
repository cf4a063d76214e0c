"""Runs what an OCI archive holds, where there is no engine: its layers laid upon each other, and a
process in a mount namespace that sees nothing else, as the image's user, with the image's
environment and no rights."""

import contextlib
import json
import os
import pathlib
import subprocess
import tempfile
import tarfile

from harness.process import Process

# Runs the rest of a command in a mount namespace of its own.
NAMESPACE = ("sh", pathlib.Path(__file__).resolve().parent / "namespace.sh")

# $1: the root; then what is mounted (source, place, "ro" or "rw", in turn) up to "--"; then the
# environment and the command. The root is read-only but for what is mounted. The command takes this
# shell's place, so that signals reach it.
ENTER = """
root=$1 && shift
mount --bind "$root" "$root"
while [ "$1" != -- ]; do
    if [ "$1" = tmpfs ] || [ -d "$1" ]; then
        mkdir -p "$root$2"
    else
        mkdir -p "$root${2%/*}"
        [ -e "$root$2" ] || : >"$root$2"
    fi
    if [ "$1" = tmpfs ]; then mount -t tmpfs tmpfs "$root$2"; else mount --rbind "$1" "$root$2"; fi
    [ "$3" = rw ] || mount -o remount,bind,ro "$root$2"
    shift 3
done
shift
mount -o remount,bind,ro "$root"
exec chroot "$root" /usr/bin/env -i "$@"
"""


class Image:
    """An OCI archive, unpacked below `folder`."""

    def __init__(self, archive, folder):
        assert os.geteuid() == 0, "an image is run as root: sudo sh tests/run.sh --all"
        self.folder = folder
        blobs = folder / "oci"
        blobs.mkdir(parents=True)
        subprocess.run(["tar", "-C", blobs, "-xf", archive], check=True)
        self._blobs = blobs
        (described,) = json.loads((blobs / "index.json").read_text())["manifests"]
        self.manifest = self._blob(described["digest"])
        whole = self._blob(self.manifest["config"]["digest"])
        self.history = whole["history"]
        self.config = whole["config"]
        self.compressed_bytes = sum(layer["size"] for layer in self.manifest["layers"])
        self.root = folder / "root"
        self.root.mkdir()
        for layer in self.manifest["layers"]:
            self._lay(self._path(layer["digest"]))

    def _path(self, digest):
        return self._blobs / "blobs" / digest.replace(":", "/")

    def _blob(self, digest):
        return json.loads(self._path(digest).read_text())

    def _lay(self, layer):
        """What a layer calls gone (.wh.NAME) is taken away; the rest is laid over."""
        with tarfile.open(layer) as tar:
            for name in tar.getnames():
                folder, base = os.path.split(name)
                assert base != ".wh..wh..opq", f"{name}: a layer that empties a folder"
                if base.startswith(".wh."):
                    gone = self.root / folder / base.removeprefix(".wh.")
                    subprocess.run(["rm", "-rf", gone], check=True)
        command = ["tar", "-C", self.root, "-xpf", layer, "--numeric-owner", "--exclude=.wh.*"]
        subprocess.run(command, check=True)

    def packages(self):
        """{(name, version, architecture)} of what dpkg says is installed."""
        return installed_packages("--admindir", self.root / "var" / "lib" / "dpkg")

    def command(self, arguments=None, entrypoint=None, mounts=(), environment=None):
        """To be run by root: the image's program with `arguments` (default: the image's). `mounts`:
        (file, folder or "tmpfs", absolute path in the container, "ro" or "rw")."""
        user, group = self.config["User"].split(":")
        variables = [*self.config["Env"]]
        variables += [f"{name}={value}" for name, value in (environment or {}).items()]
        started = [*(entrypoint or self.config.get("Entrypoint") or ())]
        started += self.config["Cmd"] if arguments is None else arguments
        mounts = [("/proc", "/proc", "rw"), ("/dev", "/dev", "rw"), *mounts]
        mounted = [str(part) for mount in mounts for part in mount]
        without_rights = ["setpriv", f"--reuid={user}", f"--regid={group}", "--clear-groups"]
        without_rights += ["--no-new-privs", "--bounding-set=-all", "--inh-caps=-all"]
        return [
            *(*NAMESPACE, "sh", "-euc", ENTER, "sh", self.root, *mounted, "--"),
            *(*variables, *without_rights, *started),
        ]

    def run(self, arguments, **options):
        """To its end, which must be a good one: its standard output."""
        command = self.command(arguments, **options)
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, f"{arguments}: status {done.returncode}: {done.stderr}"
        return done.stdout


@contextlib.contextmanager
def unpacked(variable):
    """The image whose archive the environment names; what is unpacked is gone at the end."""
    archive = pathlib.Path(os.environ[variable])
    assert archive.exists(), f"{archive} is not there: deploy/image/build.sh makes it"
    with tempfile.TemporaryDirectory(dir=archive.parent, prefix="unpacked.") as folder:
        yield Image(archive, pathlib.Path(folder))


def installed_packages(*options):
    form = "${db:Status-Status}\t${Package}\t${Version}\t${Architecture}\n"
    told = subprocess.run(
        ["dpkg-query", *options, "-W", "-f", form], capture_output=True, text=True, check=True
    )
    lines = [line.split("\t") for line in told.stdout.splitlines()]
    return {tuple(fields[1:]) for fields in lines if fields[0] == "installed"}


class Container(Process):
    """The image's program, started and watched. `prefix`: what starts it."""

    def __init__(self, image, name, directory, prefix=(), **options):
        super().__init__(name, [*prefix, *image.command(**options)], directory)
