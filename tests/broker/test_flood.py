"""D14: one device says all it can, others pay as ever, on a real broker."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from firmware import mqtt_packets
from gateway.broker.conf import mosquitto_conf
from gateway.ingest.inbox import CONTROL_AT_ONCE, MAX_WAITING_PER_DEVICE
from protocol import envelope
from protocol.messages import read_refused
from protocol.topics import up
from tests.broker.test_bad_network import pays
from tests.broker.worker import PATIENCE, Working, until, working
from tests.services import Served, mqtt_broker
from tests.sizes import size

pytestmark = pytest.mark.threat("D14")


@contextmanager
def flooding(here: Working, messages: list[tuple[str, bytes]], most: int) -> Iterator[str]:
    """A device that sends these over and over, as fast as the broker takes them; its id."""
    party = here.party()
    packets = b"".join(
        mqtt_packets.publish(up(party.id, kind), payload, 0) for kind, payload in messages
    )
    ending = threading.Event()
    connection = socket.create_connection((here.served.host, here.served.port), timeout=PATIENCE)
    password = here.passwords[party.id].encode()
    connection.sendall(mqtt_packets.connect(party.id, 60, True, party.id, password, None))
    assert connection.recv(4) == b"\x20\x02\x00\x00"

    def flood() -> None:
        sent = 0
        while sent < most and not ending.is_set():
            connection.sendall(packets)
            sent += len(messages)

    thread = threading.Thread(target=flood)
    thread.start()
    try:
        yield party.id
    finally:
        ending.set()
        thread.join()
        connection.close()


def resident() -> int:
    """The memory of this process, in bytes."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def test_d14_a_device_that_floods_keeps_nobody_from_paying_opening_or_closing(
    tmp_path: Path, broker: Served
) -> None:
    rounds = size("flood_rounds", 10, 200)
    with working(tmp_path, broker) as here:
        speakers = [here.speaker() for _ in range(3)]
        channels = [speaker.opened() for speaker in speakers]
        before, longest = resident(), 0
        messages = [("iou", b"\xd2" + bytes(200))] * 100
        with flooding(here, messages, size("flood", 200_000, 5_000_000)):
            until(lambda: here.metric("tallystick_dropped_total") > 0, "the flood is limited")
            for number in range(1, rounds + 1):
                for speaker, channel in zip(speakers, channels, strict=True):
                    pays(speaker, channel, number)
                longest = max(longest, int(here.metric("tallystick_inbox_messages")))
            late = here.speaker()
            terms = late.party.terms()
            late.say(late.party.open(terms))
            late.hears("opened")
            late.say(late.party.close(terms.channel_id()))
            late.hears("receipt")
        for channel in channels:
            here.costs(channel, rounds)
        assert longest <= (len(speakers) + 2) * MAX_WAITING_PER_DEVICE
        assert resident() - before < 64 * 1024 * 1024


def test_d14_who_floods_is_told_so_and_pays_on_when_it_stops(
    tmp_path: Path, broker: Served
) -> None:
    with working(tmp_path, broker, rate=20, burst=20) as here:
        speaker = here.speaker()
        channel = speaker.opened()
        for units in range(1, 501):
            speaker.say(speaker.party.iou(channel, units))
        said = read_refused(
            envelope.open_mac0("refused", speaker.hears("refused"), speaker.party.mac_key)
        )
        assert (said.kind, said.reason) == ("iou", "rate_limited")
        # It waits, then sends the newest only, as the specification tells it.
        pays(speaker, channel, 500)
        here.costs(channel, 500)
        assert here.metric("tallystick_dropped_total") > 0


def test_d14_hellos_without_end_leave_the_limit_of_ious_alone(
    tmp_path: Path, broker: Served
) -> None:
    with working(tmp_path, broker) as here:
        speaker = here.speaker()
        channel = speaker.opened()
        for _ in range(CONTROL_AT_ONCE * 3):
            speaker.say(speaker.party.hello())
        speaker.acked(channel, 9)
        until(lambda: here.metric("tallystick_dropped_total") > 0, "hellos are limited")
        assert here.metric("tallystick_messages_total", kind="hello") <= CONTROL_AT_ONCE * 2


@pytest.fixture
def careless(data_folder: Path) -> Iterator[Served]:
    """A broker that lets messages of any size through."""
    shipped = mosquitto_conf(1883)
    changed = shipped.replace("\nmax_packet_size 4352", "")
    assert changed != shipped
    (data_folder / "mosquitto.conf").write_text(changed)
    with mqtt_broker(data_folder) as served:
        yield served


@pytest.mark.parametrize("length", [5_000, 60_000, 1_000_000, 50_000_000])
def test_d14_a_message_too_large_is_never_parsed_even_if_the_broker_lets_it_through(
    tmp_path: Path, careless: Served, length: int
) -> None:
    with working(tmp_path, careless) as here:
        speaker, other = here.speaker(), here.speaker()
        channel = other.opened()
        speaker.paho.publish(up(speaker.party.id, "iou"), bytes(length), qos=0)
        until(
            lambda: (
                here.metric("tallystick_refused_total", kind="iou", reason="too_large") > 0
                or here.metric("tallystick_broker_connections_total") > 1
            ),
            "the large message is refused",
        )
        until(here.worker.link.connected.is_set, "the gateway is on the broker")
        pays(other, channel, 3)
        here.costs(channel, 3)
