"""N5, D13: who claims another's name at the broker. The shipped configuration lets nobody have it;
under one that does, nothing is counted twice and the operator is told."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from gateway.broker.conf import mosquitto_conf
from gateway.ingest.alerts import SIGNS
from protocol.topics import down, down_filter
from tests.broker.client import connected
from tests.broker.worker import Speaker, Working, until, working
from tests.services import Served, mqtt_broker

ALICE, MALLORY = "a1" * 16, "0b" * 16


def names(broker: Served) -> str:
    """What the broker said of who connected."""
    assert broker.process is not None
    return broker.process.log.read_text()


@pytest.mark.threat("N5")
def test_n5_no_password_but_the_gateways_can_end_its_session(
    tmp_path: Path, broker: Served
) -> None:
    with working(tmp_path, broker) as here:
        speaker = here.speaker()
        channel = speaker.opened()
        mallory = here.party()
        with connected(broker, mallory.id, here.passwords[mallory.id], "gateway"):
            assert f"as {mallory.id}" in names(broker)
            speaker.acked(channel, 7)
        assert here.metric("tallystick_broker_connections_total") == 1
        here.costs(channel, 7)


@pytest.mark.threat("N5")
def test_n5_nobody_can_end_the_session_that_a_device_left_behind(broker: Served) -> None:
    alices, mallorys = broker.register(ALICE, MALLORY)

    def absent() -> paho.Client:
        client = paho.Client(CallbackAPIVersion.VERSION2, client_id=ALICE, clean_session=False)
        client.username_pw_set(ALICE, alices)
        return client

    first = absent()
    first.on_connect = lambda c, *_: c.subscribe(down_filter(ALICE), qos=1)
    first.on_subscribe = lambda c, *_: c.disconnect()
    first.connect(broker.host, broker.port)
    first.loop_forever()
    with connected(broker, "gateway", broker.gateway_password) as gateway:
        gateway.say(down(ALICE, "statement"), b"kept")
        # With a clean session, as whoever wants to end hers would.
        for name, password in ((MALLORY, mallorys), ("gateway", broker.gateway_password)):
            with connected(broker, name, password, client_id=ALICE):
                pass
    heard: list[bytes] = []

    def hear(client: paho.Client, _: object, message: paho.MQTTMessage) -> None:
        heard.append(message.payload)
        client.disconnect()

    again = absent()
    again.on_message = hear
    again.connect(broker.host, broker.port)
    again.loop_forever()
    assert heard == [b"kept"]


@pytest.fixture
def careless(data_folder: Path) -> Iterator[Served]:
    """A broker that believes a client's id."""
    shipped = mosquitto_conf(1883)
    changed = shipped.replace("\nuse_username_as_clientid true", "")
    assert changed != shipped
    (data_folder / "mosquitto.conf").write_text(changed)
    with mqtt_broker(data_folder) as served:
        yield served


@contextmanager
def impostor(served: Served, here: Working, client_id: str) -> Iterator[None]:
    """Someone with a device's password who takes this client id whenever it is taken back."""
    party = here.party()
    ending = threading.Event()
    client = paho.Client(CallbackAPIVersion.VERSION2, client_id=client_id)
    client.username_pw_set(party.id, here.passwords[party.id])
    client.reconnect_delay_set(1, 1)
    client.connect(served.host, served.port)

    def insist() -> None:
        while not ending.wait(0.02):
            if client.loop(0.1) != paho.MQTT_ERR_SUCCESS:
                client.reconnect()

    thread = threading.Thread(target=insist)
    thread.start()
    try:
        yield
    finally:
        ending.set()
        thread.join()
        client.disconnect()


@pytest.mark.threat("N5")
def test_n5_where_the_broker_allows_it_the_operator_is_told_and_nothing_counts_twice(
    tmp_path: Path, careless: Served
) -> None:
    with working(tmp_path, careless) as here:
        speaker = here.speaker()
        channel = speaker.opened()
        units = 0
        with impostor(careless, here, "gateway"):
            while here.metric("tallystick_alerts_total", kind="gateway_takeover") == 0:
                # As a device does: cumulative, and again until it is acknowledged.
                units = min(units + 1, 500)
                speaker.say(speaker.party.iou(channel, units))
                threading.Event().wait(0.05)
        connections = here.metric("tallystick_broker_connections_total")
        assert connections >= SIGNS["gateway_takeover"].enough
        until(here.worker.link.connected.is_set, "the gateway has its place again")
        speaker.acked(channel, units)
        here.costs(channel, units)


@pytest.mark.threat("N5", "D13")
def test_d13_two_with_one_key_take_each_others_place_and_are_an_alert(
    tmp_path: Path, broker: Served
) -> None:
    with working(tmp_path, broker) as here:
        party = here.party()
        first = here.connect(party)
        channel = first.opened()
        first.acked(channel, 50)

        def greets(speaker: Speaker) -> None:
            speaker.paho.on_subscribe = lambda _c, _u, _m, _r, _p: speaker.say(party.hello())

        greets(first)
        second = here.connect(party)
        greets(second)
        # The copy goes on from where it was copied: less than what is owed by now.
        sent = 0
        while (
            here.metric("tallystick_alerts_total", kind="device_takeover") == 0
            or here.metric("tallystick_alerts_total", kind="stale_ious") == 0
        ):
            sent += 1
            assert sent < 600, "no alert"
            second.say(party.iou(channel, 10 + sent % 30))
            threading.Event().wait(0.05)
        here.costs(channel, 50)
        assert here.metric("tallystick_alerts_total", kind="gateway_takeover") == 0
