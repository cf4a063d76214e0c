"""The network between the workers and everything else: proxies that cut, hold, reset and delay.

Each worker has its own links, so that one can be cut off alone. Links to Kafka pass bytes. Those to
the API pass whole requests and answers, so that it is known of each submission whether its answer
reached the worker: that goes into a journal, a JSON object a line, in milliseconds since 1970.

One event loop in one thread; every public method may be called from any other."""

import asyncio
import dataclasses
import json
import random
import socket
import struct
import threading
import time

SUBMISSION = b"POST /speech/"
LONGEST_HEAD = 256 * 1024


@dataclasses.dataclass(frozen=True)
class Weather:
    """What happens to requests by chance; probabilities, and the longest delay."""

    lose_request: float = 0.0  # reset before the service has seen it
    lose_answer: float = 0.0  # reset after the service has done it
    cut_answer: float = 0.0  # it ends somewhere in the middle
    delay: float = 0.0
    delay_seconds: float = 0.0


FAIR = Weather(lose_request=0.004, lose_answer=0.004, cut_answer=0.004, delay=0.05, delay_seconds=1)
STORM = Weather(lose_request=0.06, lose_answer=0.04, cut_answer=0.04, delay=0.3, delay_seconds=4)
CALM = Weather()


def _reset(writer):
    """RST, whatever is still to be sent."""
    if writer is None or writer.transport.is_closing():
        return
    where = writer.get_extra_info("socket")
    try:
        where.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    except OSError:
        pass  # it has gone by itself
    writer.transport.abort()


class Link:
    """One listening port and all connections through it."""

    def __init__(self, network, worker, target_port):
        self.network = network
        self.worker = worker
        self.target_port = target_port
        self.refusing = False
        self.passing = asyncio.Event()
        self.passing.set()
        self.writers = set()

    def reset_all(self):
        for writer in list(self.writers):
            _reset(writer)

    def cut(self, how):
        """ "refuse": connections are reset, new ones too. "silent": nothing moves any more, and
        all that was held moves on when it heals."""
        if how == "silent":
            self.passing.clear()
            return
        self.refusing = True
        self.reset_all()

    def heal(self):
        self.refusing = False
        self.passing.set()

    async def connect(self):
        reader, writer = await asyncio.open_connection("127.0.0.1", self.target_port)
        self.writers.add(writer)
        return reader, writer

    async def accept(self, reader, writer):
        self.writers.add(writer)
        try:
            await self.passing.wait()
            if not self.refusing:
                await self.serve(reader, writer)
        except (OSError, EOFError, asyncio.LimitOverrunError):
            pass  # one side has gone: so goes the other
        finally:
            _reset(writer)
            self.writers.discard(writer)


class KafkaLink(Link):
    async def serve(self, reader, writer):
        target_reader, target_writer = await self.connect()
        ways = []
        try:
            ways = [
                asyncio.ensure_future(self._pump(reader, target_writer)),
                asyncio.ensure_future(self._pump(target_reader, writer)),
            ]
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            _reset(target_writer)
            self.writers.discard(target_writer)

    async def _pump(self, reader, writer):
        while data := await reader.read(65536):
            await self.passing.wait()
            writer.write(data)
            await writer.drain()


async def _read_message(reader):
    """(head, body) of a request or an answer; they come with a length, or without a body."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = 0
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    return head, await reader.readexactly(length) if length else b""


class ApiLink(Link):
    async def serve(self, reader, writer):
        target_reader, target_writer = None, None
        try:
            while True:
                request = await _read_message(reader)
                note = self._note(request[0])
                try:
                    await self.passing.wait()
                    if target_writer is None:
                        target_reader, target_writer = await self.connect()
                    await self._exchange(note, request, reader, writer, target_reader, target_writer)
                finally:
                    self.network.write(note)
        finally:
            _reset(target_writer)
            self.writers.discard(target_writer)

    def _note(self, head):
        """What the journal will say of it; "unsent": the service never saw it."""
        note = {"event": "passage", "at": time.time(), "worker": self.worker, "fate": "unsent"}
        note["kind"] = "submission" if head.startswith(SUBMISSION) else "check"
        for line in head.split(b"\r\n")[1:]:
            name, _, value = line.partition(b":")
            if name.lower() == b"x-client-request-id":
                note["client"] = value.strip().decode()
        return note

    async def _exchange(self, note, request, reader, writer, target_reader, target_writer):
        weather, chance = self.network.weather, self.network.random
        if chance.random() < weather.lose_request:
            raise EOFError
        if chance.random() < weather.delay:
            await asyncio.sleep(chance.uniform(0, weather.delay_seconds))
        note["fate"] = "lost"
        target_writer.write(request[0] + request[1])
        answer = b"".join(await _read_message(target_reader))
        if chance.random() < weather.delay:
            await asyncio.sleep(chance.uniform(0, weather.delay_seconds))
        await self.passing.wait()
        if chance.random() < weather.lose_answer or reader.at_eof():
            raise EOFError
        if chance.random() < weather.cut_answer:
            writer.write(answer[: chance.randrange(1, len(answer))])
            await writer.drain()
            writer.close()
            await writer.wait_closed()
            raise EOFError
        writer.write(answer)
        await writer.drain()
        note["fate"] = "answered"


class Network:
    def __init__(self, journal_path, seed):
        self.random = random.Random(seed)
        self.weather = CALM
        self._journal = open(journal_path, "a", buffering=1)
        self._links = {"kafka": {}, "api": {}}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def write(self, note):
        """On the loop's thread. Of checks only the undelivered ones are worth a line."""
        if note["kind"] == "submission" or note["fate"] != "answered":
            note["at"] = int(note["at"] * 1000)
            self._journal.write(json.dumps(note) + "\n")

    def _call(self, function):
        done = asyncio.run_coroutine_threadsafe(_awaited(function), self._loop)
        return done.result(30)

    def _add(self, kind, link_class, worker, target_port):
        async def listen():
            link = link_class(self, worker, target_port)
            server = await asyncio.start_server(
                link.accept, "127.0.0.1", 0, limit=LONGEST_HEAD, backlog=128
            )
            self._links[kind].setdefault(worker, []).append(link)
            return server.sockets[0].getsockname()[1]

        return self._call(listen)

    def add_tcp(self, worker, target_port):
        """A link to Kafka; the port that it listens on."""
        return self._add("kafka", KafkaLink, worker, target_port)

    def add_http(self, worker, target_port):
        """A link to the API; the port that it listens on."""
        return self._add("api", ApiLink, worker, target_port)

    def cut(self, kind, worker, how):
        self._call(lambda: [link.cut(how) for link in self._links[kind][worker]])

    def heal(self, kind, worker):
        self._call(lambda: [link.heal() for link in self._links[kind][worker]])

    def reset(self, kind, worker):
        self._call(lambda: [link.reset_all() for link in self._links[kind][worker]])

    def set_weather(self, weather):
        self.weather = weather

    def heal_everything(self):
        self.set_weather(CALM)
        for kind, workers in self._links.items():
            for worker in workers:
                self.heal(kind, worker)

    def close(self):
        self._call(_cancel_all)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._journal.close()


async def _cancel_all():
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _awaited(function):
    value = function()
    return await value if asyncio.iscoroutine(value) else value
