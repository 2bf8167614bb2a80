"""What mosquitto.conf promises of a Mosquitto that runs: its user, its files, its memory."""

from pathlib import Path

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from gateway.broker.credentials import reload_broker
from protocol.topics import down, down_filter, up, up_filter
from simulator.broker import Broker, BrokerError, start_broker
from tests.broker.client import PATIENCE, connected
from tests.services import Served

ALICE = "a1" * 16


def own(broker: Served) -> Broker:
    """The broker's process."""
    if broker.process is None:
        pytest.skip("the broker of TALLYSTICK_TEST_MQTT_URL is not ours to stop")
    return broker.process


def log_of(broker: Served) -> str:
    return own(broker).log.read_text()


def test_starts_without_a_warning(broker: Served) -> None:
    own(broker).stop()
    for word in ("Warning", "Error", "deprecated", "recommended"):
        assert word not in log_of(broker)


def test_does_not_stay_root(broker: Served) -> None:
    status = Path(f"/proc/{own(broker).pid}/status")
    if not status.exists():
        pytest.skip("no /proc here")
    users = next(x for x in status.read_text().splitlines() if x.startswith("Uid:")).split()[1:]
    assert "0" not in users


def test_pid_file_leads_to_the_broker_that_rereads_its_files(broker: Served) -> None:
    pid_file = broker.data_folder / "broker" / "persistence" / "mosquitto.pid"
    assert int(pid_file.read_text()) == own(broker).pid
    reload_broker(pid_file)
    with connected(broker, "gateway", broker.gateway_password):
        pass
    assert "Error" not in log_of(broker)


def test_undelivered_message_outlives_a_restart(broker: Served) -> None:
    [password] = broker.register(ALICE)

    absent = paho.Client(CallbackAPIVersion.VERSION2, client_id=ALICE, clean_session=False)
    absent.username_pw_set(ALICE, password)
    absent.on_subscribe = lambda client, *_: client.disconnect()
    absent.on_connect = lambda client, *_: client.subscribe(down_filter(ALICE), qos=1)
    absent.connect(broker.host, broker.port)
    absent.loop_forever()

    with connected(broker, "gateway", broker.gateway_password) as gateway:
        gateway.say(down(ALICE, "statement"), b"kept")
    own(broker).restart()
    heard: list[bytes] = []

    def hear(client: paho.Client, _: object, message: paho.MQTTMessage) -> None:
        heard.append(message.payload)
        client.disconnect()

    absent.on_message = hear
    absent.on_connect = None
    absent.connect(broker.host, broker.port)
    absent.loop_forever()
    assert heard == [b"kept"]


def test_serves_the_same_port_after_a_kill(broker: Served) -> None:
    own(broker).kill()
    own(broker).restart()
    with connected(broker, "gateway", broker.gateway_password):
        pass


def test_revoked_device_that_is_connected_is_thrown_out(broker: Served) -> None:
    [password] = broker.register(ALICE)
    with connected(broker, ALICE, password) as alice:
        broker.revoke(ALICE, password)
        assert alice.disconnected()


@pytest.mark.threat("N7", "D14")
def test_who_retains_or_says_too_much_is_thrown_out(broker: Served) -> None:
    [password] = broker.register(ALICE)
    with connected(broker, ALICE, password) as alice:
        alice.paho.publish(up(ALICE, "iou"), b"for ever", retain=True)
        assert alice.disconnected()
    with connected(broker, ALICE, password) as alice:
        alice.paho.publish(up(ALICE, "iou"), b"x" * 5000)
        assert alice.disconnected()


@pytest.mark.threat("N4")
def test_gateway_that_reads_slowly_loses_no_message_of_a_fleet(broker: Served) -> None:
    # More than Mosquitto's own limit of 1000 queued messages for one client.
    [password] = broker.register(ALICE)
    many = 3000
    gateway = paho.Client(CallbackAPIVersion.VERSION2, client_id="gateway", manual_ack=True)
    gateway.username_pw_set("gateway", broker.gateway_password)
    held: list[paho.MQTTMessage] = []
    gateway.on_message = lambda _c, _u, message: held.append(message)
    gateway.on_connect = lambda client, *_: client.subscribe(up_filter(), qos=1)
    subscribed: list[int] = []
    gateway.on_subscribe = lambda _c, _u, mid, *_: subscribed.append(mid)
    gateway.connect(broker.host, broker.port)
    while not subscribed:
        gateway.loop(PATIENCE)
    with connected(broker, ALICE, password) as alice:
        sent = [alice.paho.publish(up(ALICE, "hello"), b"%d" % n, qos=1) for n in range(many)]
        for each in sent:
            each.wait_for_publish(PATIENCE)
    received: list[bytes] = []
    while len(received) < many:
        assert gateway.loop(PATIENCE) == paho.MQTT_ERR_SUCCESS
        for message in held:
            received.append(message.payload)
            gateway.ack(message.mid, message.qos)
        held.clear()
    gateway.disconnect()
    assert received == [b"%d" % n for n in range(many)]


def test_failing_start_shows_the_end_of_the_log(broker: Served) -> None:
    (broker.data_folder / "broker" / "acl").write_text("nonsense\n")
    with pytest.raises(BrokerError, match="acl"):
        start_broker(broker.data_folder)


def test_taken_port_is_an_error(broker: Served) -> None:
    with pytest.raises(BrokerError, match="in use"):
        start_broker(broker.data_folder, broker.port)


def test_client_of_mqtt_5_is_served(broker: Served) -> None:
    answers: list[bool] = []
    five = paho.Client(CallbackAPIVersion.VERSION2, protocol=paho.MQTTv5)
    five.username_pw_set("gateway", broker.gateway_password)

    def answered(c: paho.Client, _u: object, _f: object, code: object, _p: object) -> None:
        answers.append(not code.is_failure)
        c.disconnect()

    five.on_connect = answered
    five.connect(broker.host, broker.port)
    five.loop_forever()
    assert answers == [True]
