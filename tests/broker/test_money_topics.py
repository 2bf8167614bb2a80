"""N7: retained messages and wills on topics of money, on a real broker that lets them through, and
on the one that is shipped, which does not."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.broker.conf import mosquitto_conf
from tests.broker.worker import Working, until, working
from tests.services import Served, mqtt_broker

pytestmark = pytest.mark.threat("N7")


@pytest.fixture
def here(tmp_path: Path, broker: Served) -> Iterator[Working]:
    """A worker on the broker as it is shipped."""
    with working(tmp_path, broker) as made:
        yield made


@pytest.fixture
def careless(data_folder: Path) -> Iterator[Served]:
    """A broker that keeps retained messages."""
    shipped = mosquitto_conf(1883)
    changed = shipped.replace("retain_available false", "retain_available true")
    assert changed != shipped
    (data_folder / "mosquitto.conf").write_text(changed)
    with mqtt_broker(data_folder) as served:
        yield served


def test_a_retained_iou_is_refused_at_the_broker_and_moves_nothing(here: Working) -> None:
    speaker = here.speaker()
    channel = speaker.opened()
    speaker.acked(channel, 10)
    speaker.say(speaker.party.message("iou", speaker.party.iou_bytes(channel, 20), retain=True))
    speaker.subscribed.get(timeout=30)  # thrown out, and back
    speaker.acked(channel, 11)
    here.costs(channel, 11)


def test_retained_messages_are_taken_for_no_money_even_if_the_broker_keeps_them(
    tmp_path: Path, careless: Served
) -> None:
    with working(tmp_path, careless) as here:
        speaker = here.speaker()
        channel = speaker.opened()
        speaker.acked(channel, 10)
        party = speaker.party
        # Live it is a message like any other; what counts is when it is given out again.
        retained = party.message("iou", party.iou_bytes(channel, 20), retain=True)
        speaker.say(retained)
        speaker.hears_ack(channel, 20)
        closing = party.close(channel)
        speaker.say(party.message("close", closing.payload, retain=True))
        speaker.hears("receipt")
        terms = party.terms(nonce=1)
        speaker.say(party.open(terms))
        speaker.hears("opened")
        here.worker.link._client.reconnect()
        refused = "tallystick_refused_total"
        until(
            lambda: (
                here.metric(refused, kind="iou", reason="retained") >= 1
                and here.metric(refused, kind="close", reason="retained") >= 1
            ),
            "what was retained is refused",
        )
        assert here.gateway.mark(terms.channel_id()) == (0, 0, "open")
        here.costs(channel, 20)


def test_a_will_is_a_message_of_its_device_and_of_no_other(here: Working) -> None:
    alice, mallory = here.party(), here.party()
    speaker = here.connect(alice)
    channel = speaker.opened()
    own = here.connect(mallory)
    own.opened()
    own.close()
    # As a will Mallory leaves a genuine IOU of Alice's, and forged ones; then her line breaks.
    for will in (
        alice.iou(channel, 700),
        mallory.iou(channel, 700),
        mallory.message("close", alice.close(channel).payload),
    ):
        dying = here.connect(mallory, will=will)
        dying.paho.loop_stop()
        dying.paho.socket().close()
    # Her own device's words count for her alone.
    speaker.acked(channel, 5)
    here.costs(channel, 5)
