"""Who may connect to the broker, and who may say and read what: on Mosquitto and its stand-in."""

import pytest

from protocol import MAX_MESSAGE
from protocol.topics import down, down_filter, up, up_filter
from tests.broker.client import Client, close, connected
from tests.services import Served

ALICE = "a1" * 16
MALLORY = "0b" * 16


def test_device_and_gateway_hear_each_other(either_broker: Served) -> None:
    [password] = either_broker.register(ALICE)
    with (
        connected(either_broker, "gateway", either_broker.gateway_password) as gateway,
        connected(either_broker, ALICE, password) as alice,
    ):
        gateway.subscribe(up_filter())
        alice.subscribe(down_filter(ALICE))
        alice.say(up(ALICE, "iou"), b"I owe you")
        assert gateway.hears() == b"I owe you"
        gateway.say(down(ALICE, "ack"), b"I know")
        assert alice.hears() == b"I know"


@pytest.mark.threat("N8")
def test_device_hears_nothing_of_others(either_broker: Served) -> None:
    alices, mallorys = either_broker.register(ALICE, MALLORY)
    with (
        connected(either_broker, "gateway", either_broker.gateway_password) as gateway,
        connected(either_broker, ALICE, alices) as alice,
        connected(either_broker, MALLORY, mallorys) as mallory,
    ):
        for foreign in ("#", "tally/#", "tally/1/+/+/+/+", "$SYS/#", down_filter(ALICE)):
            mallory.subscribe(foreign)
        mallory.subscribe(up(ALICE, "iou"))
        gateway.subscribe(up_filter())
        alice.say(up(ALICE, "iou"), b"of Alice")
        gateway.say(down(ALICE, "ack"), b"for Alice")
        gateway.say(down(MALLORY, "ack"), b"for Mallory")
        assert mallory.hears() == b"for Mallory"


@pytest.mark.threat("D9", "N8")
def test_device_cannot_speak_as_another_or_as_the_gateway(either_broker: Served) -> None:
    alices, mallorys = either_broker.register(ALICE, MALLORY)
    with (
        connected(either_broker, "gateway", either_broker.gateway_password) as gateway,
        connected(either_broker, ALICE, alices) as alice,
        connected(either_broker, MALLORY, mallorys) as mallory,
    ):
        gateway.subscribe(up_filter())
        alice.subscribe(down_filter(ALICE))
        mallory.say(up(ALICE, "iou"), b"forged")
        mallory.say(down(ALICE, "ack"), b"forged")
        mallory.say(down(MALLORY, "ack"), b"forged")
        mallory.say("elsewhere", b"forged")
        mallory.say(up(MALLORY, "iou"), b"own")
        assert gateway.hears() == b"own"
        gateway.say(down(ALICE, "ack"), b"true")
        assert alice.hears() == b"true"


@pytest.mark.threat("N7")
def test_will_of_a_device_reaches_no_topic_of_others(either_broker: Served) -> None:
    alices, mallorys = either_broker.register(ALICE, MALLORY)
    with (
        connected(either_broker, "gateway", either_broker.gateway_password) as gateway,
        connected(either_broker, ALICE, alices) as alice,
    ):
        gateway.subscribe(up_filter())
        mallory = Client(either_broker, MALLORY, mallorys, will=(up(ALICE, "iou"), b"forged"))
        assert mallory.accepted()
        mallory.paho.socket().close()
        mallory.paho.loop_stop()
        alice.say(up(ALICE, "iou"), b"true")
        assert gateway.hears() == b"true"


@pytest.mark.parametrize(
    ("username", "password"),
    [
        pytest.param(None, None, id="nobody"),
        pytest.param("gateway", "x" * 43, id="wrong password"),
        pytest.param("gateway", "", id="empty password"),
        pytest.param("gateway", None, id="no password"),
        pytest.param("f0" * 16, "x" * 43, id="unknown device"),
        pytest.param("+", "x" * 43, id="wildcard as a name"),
    ],
)
def test_stranger_is_refused(
    either_broker: Served, username: str | None, password: str | None
) -> None:
    client = Client(either_broker, username, password, client_id="stranger")
    assert not client.accepted()
    close(client)


@pytest.mark.threat("N5")
def test_nobody_else_can_take_the_gateways_place(either_broker: Served) -> None:
    [password] = either_broker.register(MALLORY)
    with connected(
        either_broker, "gateway", either_broker.gateway_password, client_id="gateway"
    ) as gateway:
        gateway.subscribe(up_filter())
        with connected(either_broker, MALLORY, password, client_id="gateway") as mallory:
            stranger = Client(either_broker, "gateway", "x" * 43, client_id="gateway")
            assert not stranger.accepted()
            close(stranger)
            mallory.say(up(MALLORY, "hello"), b"still there?")
            assert gateway.hears() == b"still there?"
        assert gateway.ended.empty()


@pytest.mark.threat("D14")
def test_longest_message_passes_and_a_longer_one_does_not(either_broker: Served) -> None:
    [password] = either_broker.register(ALICE)
    with connected(either_broker, "gateway", either_broker.gateway_password) as gateway:
        gateway.subscribe(up_filter())
        with connected(either_broker, ALICE, password) as alice:
            alice.say(up(ALICE, "statement"), b"x" * MAX_MESSAGE)
            assert gateway.hears() == b"x" * MAX_MESSAGE
            alice.paho.publish(up(ALICE, "iou"), b"x" * 2 * MAX_MESSAGE, qos=0)
        with connected(either_broker, ALICE, password) as alice:
            alice.say(up(ALICE, "iou"), b"small")
        assert gateway.hears() == b"small"


@pytest.mark.threat("N7")
def test_nothing_is_retained(either_broker: Served) -> None:
    [password] = either_broker.register(ALICE)
    with connected(either_broker, ALICE, password) as alice:
        alice.paho.publish(up(ALICE, "iou"), b"for ever", qos=0, retain=True)
    with (
        connected(either_broker, ALICE, password) as alice,
        connected(either_broker, "gateway", either_broker.gateway_password) as gateway,
    ):
        gateway.subscribe(up_filter())
        alice.say(up(ALICE, "iou"), b"now")
        assert gateway.hears() == b"now"


def test_revoked_device_is_refused_after_a_reload(either_broker: Served) -> None:
    alices, mallorys = either_broker.register(ALICE, MALLORY)
    either_broker.revoke(MALLORY, mallorys)
    mallory = Client(either_broker, MALLORY, mallorys)
    assert not mallory.accepted()
    close(mallory)
    with connected(either_broker, ALICE, alices):
        pass
