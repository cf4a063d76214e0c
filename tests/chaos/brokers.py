"""Three brokers, each a controller too. Every worker has a listener of its own on each of them,
whose advertised address is a proxy's: so one worker alone can be cut off."""

from harness.broker import Broker, new_cluster_id
from harness.topics import Cluster
from harness.waiting import free_ports, wait_until

COUNT = 3
IN_SYNC_SECONDS = 120

PROPERTIES = """\
process.roles=broker,controller
node.id={node}
controller.quorum.voters={voters}
controller.listener.names=CONTROLLER
inter.broker.listener.name=INSIDE
listeners={listeners}
advertised.listeners={advertised}
listener.security.protocol.map={protocols}
log.dirs={data}
default.replication.factor=3
min.insync.replicas=2
offsets.topic.replication.factor=3
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=3
transaction.state.log.min.isr=2
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=3
share.coordinator.state.topic.min.isr=2
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=6000
auto.create.topics.enable=false
# A lost broker is missed after six seconds, not nine.
broker.session.timeout.ms=6000
broker.heartbeat.interval.ms=1000
# Compacting while it runs is part of it: a restore reads what the cleaner left.
log.cleaner.backoff.ms=2000
# Little machines.
num.network.threads=1
num.io.threads=2
background.threads=2
"""


class Node(Broker):
    """One of three. `workers` is {listener's name: (its port, the port that it advertises)}."""

    def __init__(self, directory, node, cluster_id, port, controller_ports, workers):
        listeners = {"INSIDE": port, **{name: own for name, (own, _) in workers.items()}}
        advertised = {"INSIDE": port, **{name: proxy for name, (_, proxy) in workers.items()}}

        def addresses(ports):
            return ",".join(f"{name}://127.0.0.1:{number}" for name, number in ports.items())

        voters = enumerate(controller_ports, 1)
        controller = {"CONTROLLER": controller_ports[node - 1]}
        self._prepare(
            directory,
            port,
            cluster_id,
            PROPERTIES.format(
                node=node,
                voters=",".join(f"{number}@127.0.0.1:{port}" for number, port in voters),
                listeners=addresses({**listeners, **controller}),
                advertised=addresses(advertised),
                protocols=",".join(f"{name}:PLAINTEXT" for name in {**listeners, **controller}),
                data=directory / "data",
            ),
        )


class Brokers:
    replication = COUNT

    def __init__(self, directory, network, workers):
        """`workers` are names of listeners; their proxies are added to `network`."""
        cluster_id = new_cluster_id()
        ports, controllers = free_ports(COUNT), free_ports(COUNT)
        self.nodes = []
        self._proxies = {name: [] for name in workers}
        for number in range(COUNT):
            listeners = {}
            for name, own in zip(workers, free_ports(len(workers)), strict=True):
                proxy = network.add_tcp(name, own)
                listeners[name] = (own, proxy)
                self._proxies[name].append(f"127.0.0.1:{proxy}")
            folder = directory / f"broker-{number + 1}"
            self.nodes.append(
                Node(folder, number + 1, cluster_id, ports[number], controllers, listeners)
            )
        self.bootstrap = ",".join(node.bootstrap for node in self.nodes)

    def bootstrap_of(self, worker):
        return ",".join(self._proxies[worker])

    def start(self):
        for node in self.nodes:
            node.begin()
        for node in self.nodes:
            node.wait_until_it_answers()
        wait_until(
            lambda: len(self._metadata().brokers) == COUNT, IN_SYNC_SECONDS, "three brokers"
        )

    def _metadata(self):
        return Cluster(self.bootstrap).admin.list_topics(timeout=30)

    def _lagging(self):
        return [
            f"{name}/{number}: {partition.isrs} of {partition.replicas}"
            for name, topic in self._metadata().topics.items()
            for number, partition in topic.partitions.items()
            if len(partition.isrs) < len(partition.replicas)
        ]

    def wait_until_in_sync(self):
        """All replicas of all topics: the next broker may be lost."""
        wait_until(
            lambda: not self._lagging(),
            IN_SYNC_SECONDS,
            lambda: f"replicas in sync; {self._lagging()[:10]}",
            pause_seconds=0.5,
        )

    def kill(self):
        for node in self.nodes:
            node.kill()
