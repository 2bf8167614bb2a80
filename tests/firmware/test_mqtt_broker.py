"""The MQTT client against a real Mosquitto, which is also killed, hung and brought back."""

import select
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from firmware.mqtt import Client
from firmware.mqtt_events import (
    NOT_AUTHORIZED,
    Acknowledged,
    Connected,
    ConnectionRefused,
    Late,
    Message,
    Subscribed,
)
from firmware.mqtt_packets import MAX_PAYLOAD, MalformedPacket
from simulator.broker import find_mosquitto
from tests.services import unavailable

Event = Connected | Subscribed | Message | Acknowledged

BOUND = 20.0
"""Seconds after which a test gives up waiting."""


def clock() -> int:
    return time.monotonic_ns() // 1_000_000


class Broker:
    """A Mosquitto of this test's own, with the user `known` (password `pass`)."""

    def __init__(self, program: str, folder: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port: int = probe.getsockname()[1]
        passwords = folder / "passwords"
        subprocess.run(
            ["mosquitto_passwd", "-c", "-b", str(passwords), "known", "pass"],
            check=True,
            timeout=BOUND,
            capture_output=True,
        )
        passwords.chmod(0o644)
        self._folder = folder
        self._configuration = folder / "mosquitto.conf"
        self._configuration.write_text(
            f"listener {self.port} 127.0.0.1\nallow_anonymous true\n"
            f"password_file {passwords}\nuser root\n"
        )
        self._program = program
        self._sockets: list[socket.socket] = []
        self.start()

    def start(self) -> None:
        self._process = subprocess.Popen(
            [self._program, "-c", str(self._configuration)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + BOUND
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return
            except OSError:
                assert self._process.poll() is None, "the broker has ended"
                assert time.monotonic() < deadline, "the broker does not listen"
                time.sleep(0.02)

    def connection(self) -> socket.socket:
        """A new connection, closed when the test is over."""
        opened = socket.create_connection(("127.0.0.1", self.port), timeout=BOUND)
        self._sockets.append(opened)
        return opened

    def signal(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def close(self) -> None:
        for opened in self._sockets:
            opened.close()
        self.kill()

    def kill(self) -> None:
        self._process.kill()
        self._process.wait(BOUND)


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    program = find_mosquitto()
    if program is None:
        unavailable("no mosquitto on this machine")
    started = Broker(program, tmp_path)
    yield started
    started.close()


class Line:
    """One connection of a client to the broker: the little that a link does."""

    def __init__(self, client: Client, broker: Broker) -> None:
        self.client = client
        self.socket = broker.connection()
        self.seen: list[Event] = []
        self.resent = b""
        self.socket.sendall(client.connect(clock()))

    def pump(self, until: Callable[[], bool]) -> None:
        """Run until the condition holds. Raises ConnectionError when the broker is gone, and what
        the client raises."""
        limit = time.monotonic() + BOUND
        while not until():
            assert time.monotonic() < limit, self.seen
            deadline = self.client.next_deadline()
            wait = 1.0 if deadline is None else min(1.0, max(0, deadline - clock()) / 1000)
            if select.select([self.socket], [], [], wait)[0]:
                data = self.socket.recv(100)
                if not data:
                    raise ConnectionError("the broker has closed the connection")
                for event in self.client.receive(data, clock()):
                    self.seen.append(event)
                    if isinstance(event, Connected):
                        self.resent = event.send
                        self.socket.sendall(event.send)
            self.socket.sendall(self.client.on_time(clock()))

    def opened(self) -> "Line":
        self.pump(lambda: self.client.connected)
        return self

    def subscribe(self, *filters: tuple[str, int]) -> None:
        data, packet_id = self.client.subscribe(list(filters), clock())
        self.socket.sendall(data)
        self.pump(
            lambda: any(isinstance(e, Subscribed) and e.packet_id == packet_id for e in self.seen)
        )

    def publish(self, topic: str, payload: bytes, qos: int) -> int:
        data, packet_id = self.client.publish(topic, payload, qos, clock())
        self.socket.sendall(data)
        return packet_id

    def acknowledged(self) -> list[int]:
        return [event.packet_id for event in self.seen if isinstance(event, Acknowledged)]

    def messages(self) -> list[Message]:
        return [event for event in self.seen if isinstance(event, Message)]

    def payloads(self) -> list[bytes]:
        return [message.payload for message in self.messages()]


def test_publish_and_receive_at_both_levels(broker: Broker) -> None:
    listener = Line(Client("listener", "known", b"pass"), broker).opened()
    listener.subscribe(("a/+", 1), ("b", 0))
    sender = Line(Client("sender"), broker).opened()
    sender.publish("a/0", b"zero", 0)
    packet_id = sender.publish("a/1", b"one", 1)
    sender.publish("b", b"lowered", 1)
    sender.publish("c", b"not asked for", 1)
    sender.publish("a/2", bytes(MAX_PAYLOAD), 1)
    sender.pump(lambda: len(sender.acknowledged()) == 4)
    assert sender.acknowledged()[0] == packet_id
    listener.pump(lambda: len(listener.messages()) == 4)
    assert [(m.topic, m.payload, m.packet_id > 0) for m in listener.messages()] == [
        ("a/0", b"zero", False),
        ("a/1", b"one", True),
        ("b", b"lowered", False),
        ("a/2", bytes(MAX_PAYLOAD), True),
    ]


def test_a_wrong_password_is_a_typed_error(broker: Broker) -> None:
    with pytest.raises(ConnectionRefused) as refused:
        Line(Client("device", "known", b"wrong"), broker).opened()
    assert refused.value.code == NOT_AUTHORIZED


def test_the_will_is_said_for_a_lost_client_only(broker: Broker) -> None:
    listener = Line(Client("listener"), broker).opened()
    listener.subscribe(("will/#", 1))
    for name, leaves in (("leaving", True), ("lost", False)):
        client = Client(name, will=("will/" + name, b"gone", 1, False))
        line = Line(client, broker).opened()
        if leaves:
            line.socket.sendall(client.disconnect())
        line.socket.close()
    listener.pump(lambda: len(listener.messages()) == 1)
    assert listener.messages()[0].topic == "will/lost"


def test_what_the_application_did_not_acknowledge_comes_again(broker: Broker) -> None:
    client = Client("device", clean=False)
    line = Line(client, broker).opened()
    line.subscribe(("t", 1))
    line.publish("t", b"dealt with", 1)
    line.publish("t", b"not yet", 1)
    line.pump(lambda: len(line.messages()) == 2 and len(line.acknowledged()) == 2)
    line.socket.sendall(client.ack(line.messages()[0].packet_id, clock()))
    # The broker takes packets in order: once this is acknowledged, it has seen the PUBACK.
    line.publish("other", b"", 1)
    line.pump(lambda: len(line.acknowledged()) == 3)
    line.socket.close()

    line = Line(client, broker).opened()
    assert isinstance(line.seen[0], Connected)
    assert line.seen[0].session
    line.pump(lambda: len(line.messages()) == 1)
    (again,) = line.messages()
    assert again.payload == b"not yet"
    assert again.again
    line.socket.sendall(client.ack(again.packet_id, clock()))
    line.publish("t", b"last", 1)
    line.pump(lambda: len(line.messages()) == 2)
    assert line.payloads() == [b"not yet", b"last"]


@pytest.mark.threat("N2")
def test_a_broker_killed_in_mid_stream_and_back(broker: Broker) -> None:
    """What it had not acknowledged is sent again on the next connection, in order, and once."""
    client = Client("device")
    line = Line(client, broker).opened()
    for number in range(50):
        line.publish("t", b"early %d" % number, 0)
        line.publish("t", b"early %d" % number, 1)
        line.pump(lambda wanted=number + 1: len(line.acknowledged()) == wanted)  # type: ignore[misc]
    broker.signal(signal.SIGSTOP)
    wanted = [b"first", b"second", b"third"]
    ids = [line.publish("t", payload, 1) for payload in wanted]
    broker.kill()
    with pytest.raises(ConnectionError):
        line.pump(lambda: False)
    client.disconnected()

    broker.start()
    listener = Line(Client("listener"), broker).opened()
    listener.subscribe(("t", 1))
    line = Line(client, broker).opened()
    line.pump(lambda: len(line.acknowledged()) == 3)
    assert line.acknowledged() == ids
    line.publish("t", b"later", 1)
    line.pump(lambda: len(line.acknowledged()) == 4)
    listener.pump(lambda: len(listener.messages()) == 4)
    assert listener.payloads() == [*wanted, b"later"]
    line.socket.close()
    assert Line(client, broker).opened().resent == b""


@pytest.mark.parametrize("packet", ["CONNACK", "PUBACK", "SUBACK", "PINGRESP"])
def test_a_broker_that_hangs_is_noticed(broker: Broker, packet: str) -> None:
    client = Client("device", keepalive=1, patience=1000)
    line = None
    if packet != "CONNACK":
        line = Line(client, broker).opened()
    broker.signal(signal.SIGSTOP)
    if line is None:
        line = Line(client, broker)
    elif packet == "PUBACK":
        line.publish("t", b"", 1)
    elif packet == "SUBACK":
        line.socket.sendall(client.subscribe([("t", 1)], clock())[0])
    with pytest.raises(Late) as late:
        line.pump(lambda: False)
    assert late.value.packet == packet


def test_pings_keep_a_quiet_connection(broker: Broker) -> None:
    """The broker drops a client that is silent for one and a half times its keep-alive."""
    line = Line(Client("device", keepalive=1), broker).opened()
    until = clock() + 2500
    line.pump(lambda: clock() > until)
    line.publish("t", b"", 1)
    line.pump(lambda: len(line.acknowledged()) == 1)


def test_a_message_beyond_the_limit_is_refused(broker: Broker) -> None:
    listener = Line(Client("listener"), broker).opened()
    listener.subscribe(("t", 0))
    Line(Client("sender"), broker).opened().publish("t", bytes(100_000), 0)
    with pytest.raises(MalformedPacket, match="must be at most"):
        listener.pump(lambda: False)
