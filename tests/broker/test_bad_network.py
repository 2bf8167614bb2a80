"""N11, N4: lines that fall silent, lag, or hardly carry anything, and a broker that had to throw
messages away: waits end, no worker is stuck, other devices notice nothing, no money is lost."""

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from paho.mqtt.enums import CallbackAPIVersion

from gateway.broker.conf import mosquitto_conf
from gateway.ingest import mqtt
from gateway.ingest.buffered import BufferedClient, BufferedSocket
from gateway.ingest.mqtt import Broker
from gateway.ingest.worker import Worker
from gateway.metrics import Metrics
from protocol.topics import UP_KINDS
from tests.broker.faulty import Line, spoiled
from tests.broker.worker import Speaker, until, working
from tests.ingest.parties import gateway_in
from tests.services import Served, mqtt_broker


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A gateway that takes a silent broker for gone in seconds, not in most of a minute."""
    monkeypatch.setattr(mqtt, "KEEPALIVE", 2)


@pytest.fixture
def line(broker: Served) -> Iterator[Line]:
    """A line to the broker, to be spoiled."""
    with spoiled(broker.host, broker.port) as made:
        yield made


def pays(speaker: Speaker, channel: bytes, units: int) -> None:
    """Pay as a device does: again, until it is acknowledged."""
    done = threading.Event()

    def repeat() -> None:
        while not done.is_set():
            speaker.say(speaker.party.iou(channel, units))
            done.wait(0.3)

    thread = threading.Thread(target=repeat)
    thread.start()
    try:
        speaker.hears_ack(channel, units)
    finally:
        done.set()
        thread.join()


def others_pay(speaker: Speaker, channel: bytes, begin: int) -> int:
    """Twenty payments of a device on a good line, each acknowledged; the units it has come to."""
    for units in range(begin + 1, begin + 21):
        speaker.acked(channel, units)
    return begin + 20


@pytest.mark.threat("N11")
def test_n11_a_device_whose_line_falls_silent_lags_or_crawls_troubles_no_other(
    tmp_path: Path, broker: Served, line: Line
) -> None:
    with working(tmp_path, broker) as here:
        good, bad = here.speaker(), here.speaker(line.port)
        well, ill = good.opened(), bad.opened()
        bad.acked(ill, 1)
        units = others_pay(good, well, 0)
        for spoil in ("silent", "held"):
            setattr(line, spoil, True)
            bad.say(bad.party.iou(ill, 2))
            units = others_pay(good, well, units)
            setattr(line, spoil, False)
        line.latency = 0.5
        bad.say(bad.party.iou(ill, 3))
        units = others_pay(good, well, units)
        line.latency, line.bytes_per_second = 0.0, 1
        for number in range(50):
            bad.say(bad.party.iou(ill, 4 + number))
        units = others_pay(good, well, units)
        line.bytes_per_second = 0
        pays(bad, ill, 60)
        here.costs(ill, 60)
        here.costs(well, units)


@pytest.mark.threat("N11")
@pytest.mark.usefixtures("quick")
def test_n11_the_gateways_own_line_falls_silent_and_it_takes_another(
    tmp_path: Path, broker: Served, line: Line
) -> None:
    with working(tmp_path, broker, line.port) as here:
        speaker = here.speaker()
        channel = speaker.opened()
        speaker.acked(channel, 5)
        line.silent = True
        speaker.say(speaker.party.iou(channel, 6))
        until(lambda: not here.worker.link.connected.is_set(), "the silence is noticed")
        assert here.metric("tallystick_broker_connected") == 0
        # The worker is not stuck with it: what is due without the broker is done.
        expires = here.gateway.clock.now + 86_400
        here.gateway.clock.now = expires + 1
        until(lambda: here.gateway.mark(channel)[2] == "closed", "the channel expires")
        line.silent = False
        until(here.worker.link.connected.is_set, "the gateway is back")
        again = speaker.party.terms(nonce=1)
        speaker.say(speaker.party.open(again))
        speaker.hears("opened")
        pays(speaker, again.channel_id(), 7)
        here.costs(channel, 5)
        here.costs(again.channel_id(), 7)


@pytest.mark.threat("N11")
def test_n11_the_gateways_own_line_lags_and_crawls_and_all_is_paid_in_the_end(
    tmp_path: Path, broker: Served, line: Line
) -> None:
    with working(tmp_path, broker, line.port) as here:
        speakers = [here.speaker() for _ in range(3)]
        channels = [speaker.opened() for speaker in speakers]
        line.latency = 0.3
        for speaker, channel in zip(speakers, channels, strict=True):
            pays(speaker, channel, 10)
        line.latency, line.bytes_per_second = 0.0, 1
        for units in range(11, 40):
            for speaker, channel in zip(speakers, channels, strict=True):
                speaker.say(speaker.party.iou(channel, units))
        line.bytes_per_second = 0
        for speaker, channel in zip(speakers, channels, strict=True):
            pays(speaker, channel, 50)
            here.costs(channel, 50)


@pytest.mark.threat("N11")
@pytest.mark.usefixtures("quick")
def test_n11_a_broker_that_accepts_and_says_nothing_is_left_and_tried_again(
    tmp_path: Path,
) -> None:
    gateway = gateway_in(tmp_path)
    tried = threading.Semaphore(0)
    held: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def accept() -> None:
            while True:
                try:
                    held.append(listening.accept()[0])
                except OSError:
                    return
                tried.release()

        thread = threading.Thread(target=accept)
        thread.start()
        port = listening.getsockname()[1]
        broker = Broker("127.0.0.1", port, "gateway", "secret")
        failures: list[BaseException] = []
        worker = Worker(gateway.store, gateway.keys, Metrics(), broker, "test", failures.append)
        worker.start()
        try:
            for _ in range(2):
                assert tried.acquire(timeout=30)
            assert not worker.link.connected.is_set()
        finally:
            worker.stop()
            listening.shutdown(socket.SHUT_RDWR)
        thread.join(10)
        for each in held:
            each.close()
    assert not failures
    gateway.store.close()


class Blocked:
    """A socket whose peer takes nothing."""

    def send(self, _data: bytes) -> int:
        raise BlockingIOError

    def close(self) -> None:
        pass


@pytest.mark.threat("N11")
def test_n11_what_waits_for_a_broker_that_does_not_read_is_bounded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    client = BufferedClient(lambda _: None, CallbackAPIVersion.VERSION2)
    stuck = BufferedSocket(Blocked())
    monkeypatch.setattr(client, "socket", lambda: stuck)
    monkeypatch.setattr(client, "is_connected", lambda: True)
    burst = [("tally/1/aa/ack", b"x" * 200)] * 100
    sent = [client.publish_burst(burst) for _ in range(1_000)]
    assert sent[0] and not sent[-1]
    assert stuck.unsent() < 1_200_000


@pytest.mark.threat("N4")
def test_n4_a_broker_that_drops_what_the_gateway_does_not_take_loses_no_money(
    tmp_path: Path, data_folder: Path
) -> None:
    # Room for few, so that the test need not send twenty thousand.
    conf = mosquitto_conf(1883).replace("max_inflight_messages 1000", "max_inflight_messages 10")
    small = conf.replace("max_queued_messages 20000", "max_queued_messages 100")
    assert small.count("max_queued_messages 100\n") == 1
    (data_folder / "mosquitto.conf").write_text(small)
    with mqtt_broker(data_folder) as broker, spoiled(broker.host, broker.port) as line:
        if broker.process is None:
            pytest.skip("the log of the broker is not ours to read")
        log = broker.process.log
        with working(tmp_path, broker, line.port) as here:
            speaker, other = here.speaker(), here.speaker()
            channel = speaker.opened()
            speaker.acked(channel, 10)
            line.held = True
            for _ in range(1_000):
                speaker.say(speaker.party.hello())
            terms = other.party.terms()
            other.say(other.party.open(terms))
            for units in range(11, 500):
                speaker.say(speaker.party.iou(channel, units))
            until(
                lambda: "messages are being dropped for client gateway" in log.read_text(),
                "the broker says that it drops messages",
            )
            line.held = False
            pays(speaker, channel, 500)
            here.costs(channel, 500)
            # The open was dropped, or not: said again it opens one channel.
            other.say(other.party.open(terms))
            other.hears("opened")
            assert here.gateway.count("channel") == 2
            assert set(UP_KINDS) >= {"hello", "open", "iou"}
