"""The application and its link: what reaches the relay and the wire, whatever the network and the
journal do. The broker is a real Mosquitto where bytes matter, a stream of the test's where a broker
would have to misbehave at one exact moment."""

import asyncio
import json
import shutil
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import paho.mqtt.client as paho
import pytest
from nacl.signing import SigningKey
from paho.mqtt.enums import CallbackAPIVersion

from firmware import app, status
from firmware.boards import MeterSilent, NoNetwork
from firmware.boards.unix import Unix
from firmware.crypto.ed25519 import SignatureFault
from firmware.device import Device
from firmware.earner import Earner, Sale
from firmware.identity import Native, native_identity
from firmware.journal import Journal, JournalError
from firmware.link import NO_NETWORK, REFUSED, STUCK_MS
from firmware.settings import Settings
from gateway.broker.credentials import GATEWAY
from gateway.ingest.inbox import Received
from protocol import topics
from simulator.crypto import native
from tests.firmware.pair import MemorySlots, Pair
from tests.ingest.parties import PRICE, WINDOW, Gateway, gateway_in
from tests.services import Served, unavailable

SECONDS = 30.0
"""After which a test gives up."""


class Line:
    """A stream to a broker that accepts the connection and its subscription. Then it reads nothing
    more (`stalls`), or it goes on taking what it is sent."""

    def __init__(self, stalls: bool) -> None:
        self._stalls = stalls
        self.to_device: asyncio.Queue[bytes] = asyncio.Queue()
        self.subscribed = False
        self.taken: list[bytes] = []

    async def read(self, size: int) -> bytes:
        return await self.to_device.get()

    async def write(self, data: bytes) -> None:
        if data[0] == 0x10:
            self.to_device.put_nowait(b"\x20\x02\x00\x00")
        elif data[0] == 0x82:
            self.to_device.put_nowait(b"\x90\x03" + data[2:4] + b"\x01")
            self.subscribed = True
        elif self._stalls:
            await asyncio.Event().wait()
        else:
            self.taken.append(data)

    def close(self) -> None:
        """As on MicroPython: nobody who reads is told."""


class Bench:
    """A board whose time passes in steps and whose load takes a unit at each of them."""

    def __init__(self, gateway_key: bytes, stalls: bool, loops: int) -> None:
        self.settings = Settings(
            {
                "broker_host": "nowhere",
                "password": "p",
                "gateway_key": gateway_key.hex(),
                "unit": "W.h",
                "insecure": True,
            }
        )
        self.lines: list[Line] = []
        self.on = False
        self._stalls = stalls
        self._loops = loops
        self._now = 0
        self._units = 0

    def seed(self) -> bytes:
        raise NotImplementedError

    def native(self) -> Native | None:
        raise NotImplementedError

    def slots(self, _name: str = "journal") -> MemorySlots:
        raise NotImplementedError

    def random_bytes(self, size: int) -> bytes:
        raise NotImplementedError

    def random_below(self, limit: int) -> int:
        return 0

    def now_ms(self) -> int:
        return self._now

    async def sleep_ms(self, duration: int) -> None:
        self._now += duration
        await asyncio.sleep(0)

    def meter(self) -> int:
        self._units += self.on
        return self._units

    def relay(self, on: bool) -> None:
        self.on = on

    async def open_stream(self) -> Line:
        self.lines.append(Line(self._stalls))
        return self.lines[-1]

    def learn_time(self, seconds: int) -> None:
        pass

    def alive(self) -> None:
        self._loops -= 1

    def show(self, status: int) -> None:
        self.shown = status

    def rest(self, paid: bool) -> None:
        pass

    def stopping(self) -> bool:
        return self._loops <= 0


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    """A device with an open channel, and its gateway; the link is down."""
    gateway = gateway_in(tmp_path)
    pair = Pair(gateway, gateway.device())
    pair.connect()
    pair.meter(3)
    pair.disconnect()
    yield pair
    gateway.store.close()


@pytest.mark.threat("D11")
def test_d11_a_broker_that_reads_nothing_cannot_keep_the_relay_closed(pair: Pair) -> None:
    bench = Bench(pair.gateway.keys.public, stalls=True, loops=3 * WINDOW)
    asyncio.run(asyncio.wait_for(app.run(bench, pair.device), SECONDS))
    assert pair.device.total == 3 + WINDOW
    assert not bench.on


def test_a_connection_that_went_quiet_is_given_up_though_closing_it_wakes_nobody(
    pair: Pair,
) -> None:
    bench = Bench(pair.gateway.keys.public, stalls=True, loops=3 * WINDOW)
    asyncio.run(asyncio.wait_for(app.run(bench, pair.device), SECONDS))
    assert bench.lines[0].subscribed
    assert len(bench.lines) > 2


def test_a_meter_that_is_silent_opens_the_relay_until_it_tells_again(pair: Pair) -> None:
    """Whatever is drawn past a meter that does not tell is never paid."""
    bench = Bench(pair.gateway.keys.public, stalls=False, loops=100)
    relays: list[bool] = []
    meter = bench.meter

    def silent_for_a_while() -> int:
        if 20 <= len(relays) < 40:
            raise MeterSilent("no answer")
        return 0 if len(relays) < 60 else meter()

    def relay(on: bool) -> None:
        relays.append(on)
        bench.on = on

    bench.meter = silent_for_a_while  # type: ignore[method-assign]
    bench.relay = relay  # type: ignore[method-assign]
    shown: list[int] = []
    bench.show = shown.append  # type: ignore[method-assign]
    asyncio.run(asyncio.wait_for(app.run(bench, pair.device), SECONDS))
    assert relays[:20] == [True] * 20
    assert relays[20:40] == [False] * 20
    assert relays[40:60] == [True] * 20
    assert set(shown[20:40]) == {status.NO_METER}
    assert set(shown[40:60]) == {status.DELIVERING}


@pytest.mark.parametrize("what", ["nothing", "meter", "link"])
def test_the_watchdog_is_fed_only_while_metering_and_connecting_both_go_on(
    pair: Pair, what: str
) -> None:
    bench = Bench(pair.gateway.keys.public, stalls=False, loops=10**6)
    fed: list[int] = []

    def silent() -> int:
        raise MeterSilent("no answer")

    async def for_ever() -> Line:
        await asyncio.Event().wait()
        raise AssertionError

    if what == "meter":
        bench.meter = silent  # type: ignore[method-assign]
    elif what == "link":
        bench.open_stream = for_ever  # type: ignore[method-assign]
    bench.alive = lambda: fed.append(bench.now_ms())  # type: ignore[method-assign]
    bench.stopping = lambda: bench.now_ms() > 3 * STUCK_MS  # type: ignore[method-assign]
    asyncio.run(asyncio.wait_for(app.run(bench, pair.device), SECONDS))
    assert (max(fed) > 2 * STUCK_MS) == (what == "nothing")


def test_the_watchdog_runs_before_anything_can_fail(pair: Pair) -> None:
    """Else a board whose journal can't be read at power-on is dead for ever."""
    bench = Bench(pair.gateway.keys.public, stalls=False, loops=100)
    done: list[str] = []

    def fail() -> Native:
        done.append("failed")
        raise JournalError("no space")

    bench.alive = lambda: done.append("fed")  # type: ignore[method-assign]
    bench.native = fail  # type: ignore[method-assign]
    with pytest.raises(JournalError):
        asyncio.run(asyncio.wait_for(app.run(bench), SECONDS))
    assert done == ["fed", "failed"]


def test_who_sells_learns_from_its_gateway_how_late_it_is(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = Bench(pair.gateway.keys.public, stalls=False, loops=10)
    bench.settings.sale = Sale(PRICE, 1_000, WINDOW, 86_400)
    bench.slots = lambda _name="journal": MemorySlots()  # type: ignore[method-assign]
    told: list[int] = []
    monkeypatch.setattr(Earner, "on_gateway_time", lambda _earner, seconds: told.append(seconds))
    asyncio.run(asyncio.wait_for(app.run(bench, pair.device), SECONDS))
    assert told == [pair.gateway.clock.now]


def test_what_keeps_a_device_from_delivering_is_shown(pair: Pair) -> None:
    """No network; then a broker that refuses it; then one behind which no gateway answers."""
    bench = Bench(pair.gateway.keys.public, stalls=False, loops=400)
    pair.meter(10**6)  # the window is used up
    pair.device.on_meter(pair.device.total + WINDOW, 0)
    shown: list[int] = []
    bench.show = shown.append  # type: ignore[method-assign]

    class Refusing(Line):
        async def write(self, data: bytes) -> None:
            self.to_device.put_nowait(b"\x20\x02\x00\x05")

    async def open_stream() -> Line:
        bench.lines.append(Line(False))
        if len(bench.lines) < 3:
            raise NoNetwork("no Wi-Fi")
        return Refusing(False) if len(bench.lines) < 6 else bench.lines[-1]

    bench.open_stream = open_stream  # type: ignore[method-assign]
    asyncio.run(asyncio.wait_for(app.run(bench, pair.device), SECONDS))
    order = [code for at, code in enumerate(shown) if at == 0 or shown[at - 1] != code]
    assert order[:3] == [NO_NETWORK, REFUSED, status.NO_GATEWAY]


def test_a_journal_that_fails_in_the_link_ends_the_device_before_it_says_what_is_not_saved(
    pair: Pair,
) -> None:
    """An OSError of the medium is not one of the network, after which one connects again."""
    pair.meter(5)
    bench = Bench(pair.gateway.keys.public, stalls=False, loops=10_000)

    def fail(slot: int, data: bytes) -> None:
        raise OSError(28, "no space left on device")

    def spoil() -> None:
        pair.slots.write = fail  # type: ignore[method-assign]

    with pytest.raises(JournalError, match="no space"):
        asyncio.run(asyncio.wait_for(_answer_hello(pair, bench, spoil), SECONDS))
    assert not bench.on
    (line,) = bench.lines
    assert [_published(packet).topic.rsplit("/", 1)[1] for packet in line.taken] == ["hello"]


def test_a_signature_that_goes_wrong_ends_the_device_and_is_not_sent(pair: Pair) -> None:
    pair.meter(5)
    bench = Bench(pair.gateway.keys.public, stalls=False, loops=10_000)

    def faulty(message: bytes) -> bytes:
        raise SignatureFault("signature: does not verify")

    def spoil() -> None:
        pair.device.identity.sign = faulty

    with pytest.raises(SignatureFault):
        asyncio.run(asyncio.wait_for(_answer_hello(pair, bench, spoil), SECONDS))
    assert not bench.on
    (line,) = bench.lines
    assert [_published(packet).topic.rsplit("/", 1)[1] for packet in line.taken] == ["hello"]


async def _answer_hello(pair: Pair, bench: Bench, spoil: Callable[[], None]) -> None:
    """Run the device until it ends. Its first message is answered by the gateway, just after
    something was spoilt."""
    running = asyncio.create_task(app.run(bench, pair.device))
    while not (bench.lines and bench.lines[0].taken):
        await asyncio.sleep(0)
    spoil()
    for answer in pair.gateway.take(_published(bench.lines[0].taken[0])):
        bench.lines[0].to_device.put_nowait(_publish(answer.topic, answer.payload))
    await running


def _published(packet: bytes) -> Received:
    """The one message of QoS 1 in a packet that a device sent."""
    at = 1
    while packet[at] & 0x80:
        at += 1
    at += 1
    size = int.from_bytes(packet[at : at + 2], "big")
    topic = packet[at + 2 : at + 2 + size].decode()
    return Received(topic, packet[at + 2 + size + 2 :])


def _publish(topic: str, payload: bytes) -> bytes:
    body = len(topic).to_bytes(2, "big") + topic.encode() + payload
    return bytes((0x30, len(body) & 0x7F | 0x80, len(body) >> 7)) + body


class GatewayOnMqtt:
    """The gateway's hot path behind a real broker. Runs on a thread of paho's."""

    def __init__(self, gateway: Gateway, served: Served) -> None:
        self._gateway = gateway
        self._client = paho.Client(CallbackAPIVersion.VERSION2, client_id=GATEWAY)
        self._client.username_pw_set(GATEWAY, served.gateway_password)
        self._subscribed = threading.Event()
        self._client.on_connect = lambda client, *_: client.subscribe(topics.up_filter(), 1)
        self._client.on_subscribe = lambda *_: self._subscribed.set()
        self._client.on_message = self._on_message
        self._client.reconnect_delay_set(0.05, 0.2)
        self._client.connect(served.host, served.port)
        self._client.loop_start()
        if not self._subscribed.wait(SECONDS):
            raise AssertionError("the gateway's client is not subscribed")

    def _on_message(self, client: paho.Client, _data: object, message: paho.MQTTMessage) -> None:
        for answer in self._gateway.take(Received(message.topic, message.payload)):
            client.publish(answer.topic, answer.payload, answer.qos)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


async def _until(condition: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + SECONDS
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"not in time: {what}")
        await asyncio.sleep(0.01)


class House:
    """A Unix board in a folder, its gateway, and a real broker between them."""

    def __init__(self, folder: Path, served: Served) -> None:
        self.served = served
        self.gateway = gateway_in(folder)
        self.party = self.gateway.device()
        (self.password,) = served.register(self.party.id)
        self.folder = folder / "board"
        self.folder.mkdir()
        (self.folder / "device.key").write_bytes(bytes(self.party.key))
        self.ingest = GatewayOnMqtt(self.gateway, served)

    def board(self, password: str = "") -> Unix:
        """The board as it is after power-on."""
        settings = {
            "broker_host": self.served.host,
            "broker_port": self.served.port,
            "password": password or self.password,
            "gateway_key": self.gateway.keys.public.hex(),
            "unit": "W.h",
            "poll_ms": 10,
        }
        (self.folder / "settings.json").write_text(json.dumps(settings))
        return Unix(str(self.folder))

    def device(self, board: Unix) -> Device:
        """Its device, with libsodium in place of the firmware's own cryptography."""
        return Device(
            native_identity(native(SigningKey(board.seed())), self.gateway.keys.public),
            Journal(board.slots()),
            board.random_bytes,
            board.settings.unit,
            board.settings.step,
            board.settings.capacity,
        )

    def close(self) -> None:
        self.ingest.close()
        self.gateway.store.close()


@pytest.fixture
def house(tmp_path: Path, broker: Served) -> Iterator[House]:
    built = House(tmp_path, broker)
    yield built
    built.close()


@pytest.mark.threat("C11")
def test_a_unix_board_pays_through_mosquitto_and_goes_on_after_a_power_cut(house: House) -> None:
    async def scenario() -> None:
        board = house.board()
        device = app.start(board)
        first = asyncio.create_task(app.run(board, device))
        await _until(lambda: board.delivering, "a channel is open")
        board.units = 40
        await _until(lambda: device.total == 40 and device.unpaid() == 0, "40 units are paid")
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        assert not board.delivering

        board = house.board()
        device = house.device(board)
        second = asyncio.create_task(app.run(board, device))
        board.units = 7
        await _until(lambda: device.total == 47 and device.unpaid() == 0, "7 more are paid")
        board.ending = True
        await second

    asyncio.run(asyncio.wait_for(scenario(), 2 * SECONDS))
    with house.gateway.store.read() as conn:
        (channel,) = conn.exec_driver_sql("SELECT units FROM channel").all()
    assert channel.units == 47


def test_a_device_that_the_broker_refuses_keeps_metering_within_what_it_may(house: House) -> None:
    """A wrong password is not the end of it: an operator may put it right."""

    async def scenario() -> None:
        board = house.board(password="wrong")
        device = house.device(board)
        running = asyncio.create_task(app.run(board, device))
        board.units = 5
        await _until(lambda: device.total == 5, "5 units are metered")
        assert not board.delivering
        assert not running.done()
        board.ending = True
        await running

    asyncio.run(asyncio.wait_for(scenario(), SECONDS))


def test_a_broker_that_is_killed_and_started_again_is_connected_to_again(house: House) -> None:
    if house.served.process is None:
        pytest.skip("the broker of the environment is not ours to kill")
    process = house.served.process

    async def scenario() -> None:
        board = house.board()
        device = house.device(board)
        running = asyncio.create_task(app.run(board, device))
        await _until(lambda: board.delivering, "a channel is open")
        await asyncio.to_thread(process.kill)
        board.units = 25
        await _until(lambda: device.total == 25, "metering goes on")
        await asyncio.to_thread(process.restart)
        await _until(lambda: device.unpaid() == 0, "all is paid")
        board.ending = True
        await running

    asyncio.run(asyncio.wait_for(scenario(), 2 * SECONDS))


def _certificate(folder: Path, name: str) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 that is its own authority, and its key."""
    program = shutil.which("openssl")
    if program is None:
        unavailable("no openssl on this machine")
    certificate, key = folder / f"{name}.pem", folder / f"{name}.key"
    command = [program, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    command += ["-nodes", "-days", "2", "-subj", f"/CN={name}"]
    command += ["-addext", "subjectAltName=IP:127.0.0.1"]
    command += ["-keyout", str(key), "-out", str(certificate)]
    subprocess.run(command, check=True, capture_output=True, timeout=SECONDS)
    return certificate, key


@pytest.mark.parametrize("trusted", [True, False])
def test_a_unix_board_says_nothing_to_a_broker_whose_certificate_it_does_not_trust(
    tmp_path: Path, trusted: bool
) -> None:
    """Least of all its password, which plain TCP would show."""
    certificate, key = _certificate(tmp_path, "broker")
    authority = certificate if trusted else _certificate(tmp_path, "another")[0]
    heard: list[bytes] = []

    async def scenario() -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)

        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            heard.append(await reader.read(100))
            writer.write(b"heard")
            await writer.drain()
            writer.close()

        server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context)
        settings = {
            "broker_host": "127.0.0.1",
            "broker_port": server.sockets[0].getsockname()[1],
            "password": "p",
            "gateway_key": "00" * 32,
            "unit": "W.h",
            "tls_ca": str(authority),
        }
        (tmp_path / "settings.json").write_text(json.dumps(settings))
        async with server:
            stream = await Unix(str(tmp_path)).open_stream()
            await stream.write(b"hello")
            assert await stream.read(100) == b"heard"
            stream.close()

    if trusted:
        asyncio.run(asyncio.wait_for(scenario(), SECONDS))
        assert heard == [b"hello"]
    else:
        with pytest.raises(OSError, match="certificate"):
            asyncio.run(asyncio.wait_for(scenario(), SECONDS))
        assert heard == []
