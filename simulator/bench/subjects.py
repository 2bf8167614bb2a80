"""What is measured, in processes of its own: the gateway as operators run it, and the baseline.

Both get the same broker with the same settings, and a database on the same disk.
"""

import base64
import contextlib
import hashlib
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from nacl.signing import SigningKey

from protocol import cbor, envelope, mac, messages, topics
from protocol.ids import device_id
from protocol.messages import Hello, Iou, Terms
from simulator import scene
from simulator.bench.loader import Connection, LoadError, Stream, publish_packet
from simulator.broker import Broker
from simulator.crypto import native
from simulator.gateway_process import GatewayProcess
from tallystick import Api

LOADER = "loader"
_READY_SECONDS = 60.0
_PRICE = 300
_UNIT = "W.h"

_LOADER_RULES = """
user loader
topic write tally/1/+/+/up/+
topic read tally/1/+/+/down/+
"""


@dataclass(frozen=True)
class Payer:
    """One device of the load. `channel` is its open channel at the gateway."""

    seed: bytes
    id: str
    channel: bytes = b""

    def sign(self, message: bytes) -> bytes:
        """The 64-byte Ed25519 signature of `message`."""
        return SigningKey(self.seed).sign(message).signature


def admit_loader(data: Path, broker: Broker) -> None:
    """Give the load generator a login of its own that may speak for all devices.

    It exists in a bench's folder alone; the rules for real devices are untouched. Its password is
    the gateway's, so that one hash serves both names.
    """
    passwords = data / "broker" / "passwords"
    lines = passwords.read_text().splitlines()
    gateway = next(line for line in lines if line.startswith("gateway:"))
    with passwords.open("a") as file:
        file.write(LOADER + gateway.removeprefix("gateway") + "\n")
    with (data / "broker" / "acl").open("a") as file:
        file.write(_LOADER_RULES)
    broker.reload()


def password(data: Path) -> str:
    """The password of the gateway and of the loader."""
    return (data / "broker" / "gateway.password").read_text().strip()


def connect(data: Path, broker: Broker) -> Connection:
    """The loader's connection, subscribed to what all devices are told, once the broker has reread
    its passwords. Raises LoadError."""
    for _ in range(50):
        with contextlib.suppress(LoadError):
            connection = Connection(broker.host, broker.port, LOADER, password(data))
            connection.subscribe("tally/1/+/+/down/+")
            connection.start()
            return connection
        time.sleep(0.1)
    raise LoadError("the broker does not take the loader's password")


def register(api: Api, count: int) -> list[Payer]:
    """An account with room for the load, one tariff, and `count` devices. Raises ApiError."""
    api.post(
        "/v1/accounts",
        {"id": "fleet", "name": "Fleet", "currency": "EUR", "credit_limit": str(10**18)},
    )
    api.post(
        "/v1/tariffs",
        {
            "name": "bench",
            "unit": _UNIT,
            "numerator": _PRICE,
            "denominator": 1,
            "payee_account": scene.PAYEE,
            "window_units": 10**9,
            "max_capacity": str(10**12),
            "max_lifetime_s": 86_400,
        },
    )
    payers = []
    for number in range(1, count + 1):
        seed = number.to_bytes(32, "big")
        public = bytes(SigningKey(seed).verify_key)
        api.post(
            "/v1/devices", {"public_key": public.hex(), "account_id": "fleet", "name": "bench"}
        )
        payers.append(Payer(seed, device_id(public)))
    return payers


def open_channels(connection: Connection, gateway_key: bytes, payers: list[Payer]) -> list[Payer]:
    """Open a channel for each payer, as its firmware would. Raises LoadError."""
    waiting = {payer.id: payer for payer in payers}
    opened: dict[str, Payer] = {}
    for payer in payers:
        connection.send(_hello(payer, gateway_key))
    deadline = time.monotonic() + _READY_SECONDS
    while len(opened) < len(waiting) and time.monotonic() < deadline:
        connection.flush()
        for topic, message in connection.receive():
            name, kind = topics.parse(topic.decode(), "down")
            payer = waiting[name]
            if kind == "offer" and name not in opened:
                connection.send(_open(payer, message, gateway_key))
            elif kind == "opened":
                payload = envelope.parse_sign1("opened", message).payload
                opened[name] = Payer(payer.seed, name, messages.read_opened(payload).channel)
    connection.flush()
    if len(opened) < len(waiting):
        raise LoadError(f"only {len(opened)} of {len(waiting)} channels opened")
    return [opened[payer.id] for payer in payers]


def _hello(payer: Payer, gateway_key: bytes) -> bytes:
    keys = native(SigningKey(payer.seed))
    shared = keys.shared_secret(gateway_key)
    key = mac.channel_mac_key(shared, keys.public_key, gateway_key)
    message = envelope.mac0("hello", Hello(bytes(16)).payload(), key)
    return publish_packet(topics.up(payer.id, "hello"), message, 1, 1)


def _open(payer: Payer, offer_message: bytes, gateway_key: bytes) -> bytes:
    offer = messages.read_offer(envelope.parse_sign1("offer", offer_message).payload)
    terms = Terms(
        bytes(SigningKey(payer.seed).verify_key),
        offer.payee_key,
        gateway_key,
        offer.tariff,
        offer.max_capacity,
        offer.time + offer.max_lifetime,
        time.time_ns().to_bytes(16, "big"),
    )
    message = envelope.sign1("open", terms.payload(), payer.sign)
    return publish_packet(topics.up(payer.id, "open"), message, 1, 2)


def gateway_stream(payer: Payer, count: int) -> Stream:
    """`count` signed IOUs of one watt-hour each."""
    key = SigningKey(payer.seed)
    topic = topics.up(payer.id, "iou")
    packets = []
    for units in range(1, count + 1):
        payload = Iou(payer.channel, units * _PRICE, units).payload()
        signed = envelope.sign1("iou", payload, lambda data: key.sign(data).signature)
        packets.append(publish_packet(topic, signed))
    return Stream(topics.down(payer.id, "ack").encode(), packets)


def tick_stream(payer: Payer, count: int) -> Stream:
    """An IOU for a watt-hour that commits to a chain, and `count` - 1 ticks of one each."""
    chain = [payer.seed]
    for _ in range(count - 1):
        chain.append(hashlib.sha256(chain[-1]).digest())
    chain.reverse()
    key = SigningKey(payer.seed)
    payload = Iou(payer.channel, _PRICE, 1, chain[0], max(1, count - 1)).payload()
    signed = envelope.sign1("iou", payload, lambda data: key.sign(data).signature)
    topic = topics.up(payer.id, "tick")
    packets = [publish_packet(topics.up(payer.id, "iou"), signed)]
    for index in range(1, count):
        tick = messages.Tick(payer.channel[:8], index, chain[index]).payload()
        packets.append(publish_packet(topic, tick))
    return Stream(topics.down(payer.id, "ack").encode(), packets)


def gateway_ack(payload: bytes) -> int:
    """Units from an ack of the gateway. Its MAC is not checked: that would measure the loader."""
    _major, _size, at = cbor.read_head(payload, 7)
    _major, amount, _at = cbor.read_head(payload, at + 37)
    return amount // _PRICE


def baseline_stream(payer: Payer, count: int) -> Stream:
    """`count` payments as the baseline takes them."""
    key = SigningKey(payer.seed)
    public = base64.b64encode(bytes(key.verify_key)).decode()
    topic = topics.up(payer.id, "iou")
    packets = []
    for units in range(1, count + 1):
        signature = key.sign(f"{payer.id}:{units}:{units}".encode()).signature
        body = {
            "amount": units,
            "units": units,
            "key": public,
            "signature": base64.b64encode(signature).decode(),
        }
        packets.append(publish_packet(topic, json.dumps(body).encode()))
    return Stream(topics.down(payer.id, "ack").encode(), packets)


def baseline_ack(payload: bytes) -> int:
    """Units from an ack of the baseline."""
    return int(json.loads(payload)["units"])


@contextlib.contextmanager
def baseline(data: Path, broker: Broker) -> Iterator[None]:
    """The baseline, taking payments. Raises LoadError if it does not start."""
    database = data / f"baseline-{time.time_ns()}.db"
    command = [sys.executable, "-m", "simulator.bench.baseline", broker.host, str(broker.port)]
    with subprocess.Popen(
        [*command, password(data), str(database)], stdout=subprocess.PIPE, text=True
    ) as child:
        try:
            if child.stdout is None or child.stdout.readline().strip() != "ready":
                raise LoadError("the baseline did not start")
            yield
        finally:
            child.terminate()


def resident_kib(gateway: GatewayProcess) -> int:
    """Memory that the gateway's process has in use, in KiB."""
    for line in Path(f"/proc/{gateway.pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    raise LoadError("the system does not tell the gateway's memory")
