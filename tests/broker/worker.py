"""The gateway's ingest in this process, on a real broker, and devices that say what a test tells
them to: what is in the metrics, in the store and on the wire can be looked at together."""

import queue
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from gateway.ingest.inbox import IOUS_AT_ONCE, IOUS_PER_SECOND, Received
from gateway.ingest.mqtt import Broker
from gateway.ingest.worker import Worker
from protocol import envelope, messages, topics
from tests.ingest.parties import PRICE, Gateway, Party, gateway_in
from tests.services import Served

PATIENCE = 30.0
"""Seconds until what should happen is taken not to."""


def until(condition: Callable[[], bool], what: str) -> None:
    """Wait for a condition; fails by its name."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {PATIENCE:.0f} s: {what}")
        time.sleep(0.01)


class Speaker:
    """A registered device on the broker, over a connection of its own."""

    def __init__(
        self,
        party: Party,
        served: Served,
        password: str,
        port: int = 0,
        client_id: str = "",
        will: Received | None = None,
    ) -> None:
        self.party = party
        self.heard: queue.Queue[tuple[str, bytes]] = queue.Queue()
        self.subscribed: queue.Queue[int] = queue.Queue()
        client = paho.Client(CallbackAPIVersion.VERSION2, client_id=client_id or party.id)
        client.username_pw_set(party.id, password)
        client.reconnect_delay_set(0.2, 0.2)
        if will is not None:
            client.will_set(will.topic, will.payload, 0, will.retain)
        client.on_connect = lambda c, _u, _f, _r, _p: c.subscribe(topics.down_filter(party.id), 1)
        client.on_subscribe = lambda _c, _u, mid, _r, _p: self.subscribed.put(mid)
        client.on_message = self._hear
        client.connect(served.host, port or served.port, keepalive=60)
        client.loop_start()
        self.paho = client
        self.subscribed.get(timeout=PATIENCE)

    def _hear(self, _client: paho.Client, _data: object, message: paho.MQTTMessage) -> None:
        self.heard.put((topics.parse(message.topic, "down")[1], message.payload))

    def say(self, message: Received) -> None:
        """Publish a message on the topic that it names, as live or retained as it says."""
        kind = message.topic.rpartition("/")[2]
        self.paho.publish(message.topic, message.payload, topics.QOS[kind], message.retain)

    def hears(self, kind: str) -> bytes:
        """The next message of this kind; others are passed over."""
        deadline = time.monotonic() + PATIENCE
        while True:
            found, payload = self.heard.get(timeout=max(0.01, deadline - time.monotonic()))
            if found == kind:
                return payload

    def opened(self) -> bytes:
        """Open a channel; its id."""
        terms = self.party.terms()
        self.say(self.party.open(terms))
        self.hears("opened")
        return terms.channel_id()

    def acked(self, channel: bytes, units: int) -> messages.Ack:
        """Send an IOU of so many units, and wait until it is acknowledged."""
        self.say(self.party.iou(channel, units))
        return self.hears_ack(channel, units)

    def hears_ack(self, channel: bytes, units: int) -> messages.Ack:
        """Wait for an ack of at least so many units."""
        while True:
            ack = messages.read_ack(
                envelope.open_mac0("ack", self.hears("ack"), self.party.mac_key)
            )
            if ack.channel == channel and ack.units >= units:
                return ack

    def close(self) -> None:
        """End the connection."""
        self.paho.disconnect()
        self.paho.loop_stop()


@dataclass
class Working:
    """A worker that runs."""

    gateway: Gateway
    worker: Worker
    served: Served
    failures: list[BaseException] = field(default_factory=list)
    speakers: list[Speaker] = field(default_factory=list)
    passwords: dict[str, str] = field(default_factory=dict)

    def party(self) -> Party:
        """A device that is registered at the gateway and at the broker, and says nothing yet."""
        party = self.gateway.device()
        [self.passwords[party.id]] = self.served.register(party.id)
        return party

    def speaker(self, port: int = 0) -> Speaker:
        """A new device on the broker, reached at `port` if it is to go through something."""
        return self.connect(self.party(), port)

    def connect(self, party: Party, port: int = 0, will: Received | None = None) -> Speaker:
        """One more connection of this device."""
        made = Speaker(party, self.served, self.passwords[party.id], port, will=will)
        self.speakers.append(made)
        return made

    def metric(self, name: str, **labels: str) -> float:
        """A counter or gauge of the worker."""
        return self.gateway.metrics.registry.get_sample_value(name, labels) or 0.0

    def costs(self, channel: bytes, units: int) -> None:
        """Fails unless exactly so many units are on the channel, at their price."""
        assert self.gateway.mark(channel)[:2] == (PRICE.amount(units), units)


@contextmanager
def working(
    folder: Path,
    served: Served,
    port: int = 0,
    rate: int = IOUS_PER_SECOND,
    burst: int = IOUS_AT_ONCE,
    wait: bool = True,
) -> Iterator[Working]:
    """A worker on this broker, with a new database in `folder`; connected, unless `wait` is off."""
    gateway = gateway_in(folder)
    failures: list[BaseException] = []
    broker = Broker(served.host, port or served.port, "gateway", served.gateway_password)
    worker = Worker(
        gateway.store, gateway.keys, gateway.metrics, broker, "test", failures.append, rate, burst
    )
    here = Working(gateway, worker, served, failures)
    worker.start()
    try:
        if wait:
            until(worker.link.connected.is_set, "the gateway is on the broker")
        yield here
        assert not failures
    finally:
        for speaker in here.speakers:
            speaker.close()
        worker.stop()
        gateway.store.close()
