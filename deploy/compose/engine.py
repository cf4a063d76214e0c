"""Does what compose.yaml says without an engine: each service as processes on this machine, in one
network namespace that has nothing but a loopback, where every service's name is 127.0.0.1. Services of
our own images run in those images (container.py); Kafka, whose image cannot be had here, is the tests'
broker of the same version, with the properties that its image makes of the environment.

What it leaves out: restarts, and limits that only a kernel's namespaces give. What it does not know, it
refuses."""

import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys

import yaml
from container import NAMESPACE, Container
from harness.broker import new_cluster_id
from harness.process import Process
from harness.waiting import wait_until

FOLDER = pathlib.Path(__file__).resolve().parent
START_SECONDS = 120

# A namespace of its own until its input ends; its loopback is up.
HOLD_NETWORK = """
import fcntl, socket, struct, sys
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any:
    up = struct.pack("16sH", b"lo", 1)
    fcntl.ioctl(any, 0x8914, up + bytes(22))  # SIOCSIFFLAGS, IFF_UP
print("up", flush=True)
sys.stdin.read()
"""


def interpolated(text, environment):
    """${NAME}, ${NAME:-default}; $$ is a dollar."""

    def replaced(found):
        if found[0] == "$$":
            return "$"
        name, _, default = found[1].partition(":-")
        assert re.fullmatch(r"[A-Z_]+", name), f"not understood: {found[0]}"
        return environment.get(name) or default

    return re.sub(r"\$\$|\$\{([^}]*)\}", replaced, text)


def load(environment=None):
    text = (FOLDER / "compose.yaml").read_text(encoding="utf-8")
    return yaml.safe_load(interpolated(text, environment or {}))


class Network:
    def __init__(self):
        command = ["unshare", "--net", sys.executable, "-c", HOLD_NETWORK]
        self._holder = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self._holder.stdout.readline() == b"up\n", "no network namespace"
        self.enter = ["nsenter", f"--net=/proc/{self._holder.pid}/ns/net"]

    def close(self):
        self._holder.communicate()


class Graph:
    """The services of these profiles. `images`: what stands for a service's image, by its name without
    the tag."""

    def __init__(self, directory, images, profiles, environment=None):
        self.compose = load(environment)
        self.directory = directory
        self.images = images
        self.services = {
            name: service
            for name, service in self.compose["services"].items()
            if not service.get("profiles") or set(service["profiles"]) & set(profiles)
        }
        self.network = Network()
        self.hosts = directory / "hosts"
        names = ("localhost", socket.gethostname(), *self.services)
        self.hosts.write_text("".join(f"127.0.0.1 {name}\n" for name in names))
        self.processes = {}
        self._runs = 0

    def close(self):
        for process in reversed(self.processes.values()):
            process.kill()
        self.network.close()

    # ---- what `docker compose up -d` does

    def up(self):
        for name in self.in_order():
            self.wait_for_needed(name)
            self.processes[name] = self.process(name).start()

    def in_order(self):
        ordered = []

        def add(name, above=()):
            assert name not in above, f"{name} waits for itself"
            for needed in self.needs(name):
                add(needed, (*above, name))
            if name not in ordered:
                ordered.append(name)

        for name in self.services:
            add(name)
        return ordered

    def needs(self, name):
        """{service: condition}, without those that need not be there and are not."""
        found = {}
        for needed, how in self.services[name].get("depends_on", {}).items():
            if needed in self.services:
                found[needed] = how["condition"]
            else:
                assert how.get("required") is False, f"{name} needs {needed}, which is not started"
        return found

    def wait_for_needed(self, name):
        for needed, condition in self.needs(name).items():
            process = self.processes[needed]
            if condition == "service_completed_successfully":
                assert process.wait_for_end(START_SECONDS) == 0, process.situation()
            else:
                assert condition == "service_healthy", condition
                wait_until(lambda: self.healthy(needed), START_SECONDS, process.situation)

    def healthy(self, name):
        process = self.processes[name]
        assert process.running, process.situation()
        if isinstance(process, Kafka):
            return process.healthy(self)
        kind, *command = self.services[name]["healthcheck"]["test"]
        assert kind == "CMD", kind
        return self.run_in(name, command).returncode == 0

    # ---- a service's process

    def process(self, name):
        service = self.services[name]
        if service["image"].startswith("apache/kafka:"):
            return Kafka(self, name, service)
        return Container(self.image(service), name, self.directory, prefix=self.enter(service),
                         **self.options(name, service.get("command")))  # fmt: skip

    def image(self, service):
        return self.images[service["image"].split(":")[0]]

    def enter(self, service):
        assert service.get("network_mode") in (None, "none")
        return self.network.enter

    def options(self, name, command):
        """Of Container, that are the service's own."""
        service = self.services[name]
        known = {"image", "build", "profiles", "read_only", "cap_drop", "security_opt", "init",
                 "command", "network_mode", "volumes", "tmpfs", "restart", "depends_on",
                 "healthcheck", "ports", "stop_grace_period"}  # fmt: skip
        assert set(service) <= known, f"{name}: {set(service) - known} is not understood"
        mounts = [self.mount(name, volume) for volume in service["volumes"]]
        mounts += [("tmpfs", place, "rw") for place in service.get("tmpfs", [])]
        mounts.append((self.hosts, "/etc/hosts", "ro"))
        return {"arguments": command, "mounts": mounts}

    def mount(self, name, volume):
        """(source here, place in the container, "ro" or "rw")."""
        source, place, *mode = volume.split(":")
        if source in self.compose["volumes"]:
            path = self.volume(name, source, place)
        else:
            path = (FOLDER / source).resolve()
            assert path.exists(), f"{name}: {source} is not there"
        return path, place, *(mode or ["rw"])

    def volume(self, name, source, place):
        """A named volume begins with the owner that its place has in the image."""
        path = self.directory / "volumes" / source
        if not path.exists():
            path.mkdir(parents=True)
            own = self.image(self.services[name]).root / place.lstrip("/")
            if own.is_dir():
                shutil.copystat(own, path)
                os.chown(path, own.stat().st_uid, own.stat().st_gid)
        return path

    # ---- what `docker compose exec` and `run --rm` do

    def run_in(self, name, entrypoint):
        image, options = self.image(self.services[name]), self.options(name, [])
        command = image.command(entrypoint=entrypoint, **options)
        return subprocess.run([*self.network.enter, *command], capture_output=True, timeout=60, check=False)

    def run(self, name, *arguments, timeout_seconds=60):
        """(exit status, the process): the service's program with these arguments instead."""
        self._runs += 1
        service = self.services[name]
        process = Container(self.image(service), f"run-{self._runs}", self.directory,
                            prefix=self.enter(service), **self.options(name, list(arguments)))  # fmt: skip
        self.processes[process.name] = process
        return process.start().wait_for_end(timeout_seconds), process

    def listens(self, port):
        ask = f"import socket; socket.create_connection(('127.0.0.1', {port}), timeout=5)"
        command = [*self.network.enter, sys.executable, "-c", ask]
        return subprocess.run(command, capture_output=True, timeout=30, check=False).returncode == 0

    def get(self, url):
        """(status, body), asked within the network."""
        ask = "import sys,urllib.request as r; print(r.urlopen(sys.argv[1],timeout=5).read().decode())"
        command = [*self.network.enter, sys.executable, "-c", ask, url]
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
        return done.returncode == 0, done.stdout


class Kafka(Process):
    """As the image does: KAFKA_A_B is the property a.b."""

    def __init__(self, graph, name, service):
        folder = graph.directory / name
        folder.mkdir()
        environment = service["environment"]
        assert all(key.startswith("KAFKA_") for key in environment)
        properties = {
            key.removeprefix("KAFKA_").lower().replace("_", "."): value
            for key, value in environment.items()
        }
        (volume,) = service["volumes"]
        assert volume == f"{name}:{properties['log.dirs']}", "what the broker writes is not kept"
        properties["log.dirs"] = str(folder / "data")
        path = folder / "server.properties"
        path.write_text("".join(f"{key}={value}\n" for key, value in properties.items()))
        jars = pathlib.Path(os.environ["BACKSCRIBE_KAFKA_JARS"])
        self._java = ["java", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
                      "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp", f"{jars}/*"]  # fmt: skip
        with_names = [*NAMESPACE, "sh", "-euc"]
        with_names += ['mount --bind "$1" /etc/hosts && shift && exec "$@"', "sh", graph.hosts]
        self._enter = [*graph.network.enter, *with_names]
        storage = ["kafka.tools.StorageTool", "format", "-t", new_cluster_id(), "-c", path]
        subprocess.run([*self._enter, *self._java, *storage], check=True, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)  # fmt: skip
        super().__init__(name, [*self._enter, *self._java, "kafka.Kafka", path], folder)
        self._check = service["healthcheck"]["test"]

    def healthy(self, graph):
        """The check's program is not among the tests' jars: the broker listens."""
        kind, script, option, address = self._check
        assert (kind, option) == ("CMD", "--bootstrap-server") and script.startswith("/opt/kafka/bin/")
        host, port = address.split(":")
        assert host in graph.services
        return graph.listens(int(port))


def configuration():
    return json.loads((FOLDER / "backscribe.json").read_text(encoding="utf-8"))
