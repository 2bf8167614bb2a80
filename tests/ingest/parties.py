"""A real gateway core on a real database, and devices that sign with real keys: no broker, no
threads, so that a test says exactly which messages make a batch."""

import hashlib
import itertools
from dataclasses import dataclass, field
from pathlib import Path

from nacl.signing import SigningKey
from sqlalchemy import select, update

from gateway.ingest.context import LEASE, Context
from gateway.ingest.directory import KnownDevice
from gateway.ingest.inbox import Received
from gateway.ingest.ingest import process
from gateway.ingest.replies import Outgoing
from gateway.keys import GatewayKeys, verify
from gateway.ledger.entry import Entry, Posting
from gateway.metrics import Metrics
from gateway.store import accounts, channels, devices, journal, lease, tariffs
from gateway.store.engine import Store, open_store
from gateway.store.tables import Account, Base, Device, Tariff
from protocol import envelope, messages, topics
from protocol.hashchain import Chain
from protocol.ids import device_id
from protocol.legs import Leg
from protocol.listings import Find, Sell
from protocol.messages import Iou, Terms
from protocol.pricing import Tariff as Price
from protocol.topups import Topup
from tests.store.migrated import migrated

PRICE = Price("W.h", 300, 1, "EUR")
DROPS = Price("W.h", 300, 1, "XRP")
"""As many drops of XRP as PRICE asks millionths of a euro."""
WINDOW = 1_000
CAPACITY = 30_000_000
NOW = 1_800_000_000


@dataclass
class Clock:
    """Unix seconds that only a test moves."""

    now: int = NOW

    def __call__(self) -> int:
        return self.now


class Party:
    """A device as the gateway sees it: a key, and messages signed with it."""

    def __init__(self, gateway: "Gateway", number: int) -> None:
        self.gateway = gateway
        self.key = SigningKey(number.to_bytes(32, "big"))
        self.public = bytes(self.key.verify_key)
        self.id = device_id(self.public)
        self.mac_key = gateway.keys.mac_key(self.public)

    def sign(self, message: bytes) -> bytes:
        return self.key.sign(message).signature

    def message(self, kind: str, payload: bytes, retain: bool = False) -> Received:
        return Received(topics.up(self.id, kind), payload, retain)

    def terms(self, nonce: int = 0, **changes: object) -> Terms:
        values: dict[str, object] = {
            "payer_key": self.public,
            "payee_key": self.gateway.keys.public,
            "gateway_key": self.gateway.keys.public,
            "tariff": PRICE,
            "capacity": CAPACITY,
            "expiry": self.gateway.clock.now + 86_400,
            "nonce": nonce.to_bytes(16, "big"),
        }
        values.update(changes)
        return Terms(**values)  # type: ignore[arg-type]

    def open(self, terms: Terms) -> Received:
        return self.message("open", envelope.sign1("open", terms.payload(), self.sign))

    def opened(self, nonce: int = 0, **changes: object) -> bytes:
        """Open a channel; its id."""
        terms = self.terms(nonce, **changes)
        answer, *_mirror = self.gateway.take(self.open(terms))
        if kind_of(answer) != "opened":
            raise AssertionError(self.gateway.refusal(self, answer))
        return terms.channel_id()

    def iou_bytes(self, channel: bytes, units: int, amount: int | None = None) -> bytes:
        amount = PRICE.amount(units) if amount is None else amount
        return envelope.sign1("iou", Iou(channel, amount, units).payload(), self.sign)

    def claim(self, xrpl_channel: bytes, drops: int) -> bytes:
        """The signature of a claim on the XRP Ledger."""
        return self.sign(b"CLM\x00" + xrpl_channel + drops.to_bytes(8, "big"))

    def claiming_bytes(self, channel: bytes, units: int, claim: bytes) -> bytes:
        """An IOU with this claim in it."""
        iou = Iou(channel, PRICE.amount(units), units, xrpl_claim=claim)
        return envelope.sign1("iou", iou.payload(), self.sign)

    def claiming(self, channel: bytes, units: int, claim: bytes) -> Received:
        return self.message("iou", self.claiming_bytes(channel, units, claim))

    def iou(self, channel: bytes, units: int, amount: int | None = None) -> Received:
        return self.message("iou", self.iou_bytes(channel, units, amount))

    def iou_with_chain(self, channel: bytes, units: int, chain: Chain) -> Received:
        payload = Iou(channel, PRICE.amount(units), units, chain.root, chain.length).payload()
        return self.message("iou", envelope.sign1("iou", payload, self.sign))

    def tick(self, channel: bytes, index: int, preimage: bytes) -> Received:
        return self.message("tick", messages.Tick(channel[:8], index, preimage).payload())

    def sale(self, price: Price = PRICE, window: int = WINDOW, **changes: object) -> Sell:
        """What it sells."""
        values: dict[str, object] = {
            "payee_key": self.public,
            "gateway_key": self.gateway.keys.public,
            "tariff": price,
            "max_capacity": CAPACITY,
            "window": window,
            "max_lifetime": 86_400,
        }
        values.update(changes)
        return Sell(**values)  # type: ignore[arg-type]

    def sell(self, sale: Sell) -> Received:
        return self.message("sell", envelope.sign1("sell", sale.payload(), self.sign))

    def find(self, unit: str = "W.h", account: str = "", device: str = "") -> Received:
        payload = Find(unit, account, bytes.fromhex(device)).payload()
        return self.message("find", envelope.mac0("find", payload, self.mac_key))

    def close(self, channel: bytes, last_iou: bytes = b"") -> Received:
        payload = messages.Close(channel, last_iou).payload()
        return self.message("close", envelope.sign1("close", payload, self.sign))

    def topup_bytes(self, channel: bytes, capacity: int) -> bytes:
        return envelope.sign1("topup", Topup(channel, capacity).payload(), self.sign)

    def topup(self, channel: bytes, capacity: int) -> Received:
        return self.message("topup", self.topup_bytes(channel, capacity))

    def leg_bytes(self, channel: bytes, number: int, price: Price, last_iou: bytes = b"") -> bytes:
        return envelope.sign1("leg", Leg(channel, number, price, last_iou).payload(), self.sign)

    def leg(self, channel: bytes, number: int, price: Price, last_iou: bytes = b"") -> Received:
        return self.message("leg", self.leg_bytes(channel, number, price, last_iou))

    def hello(self, nonce: bytes = bytes(16)) -> Received:
        payload = messages.Hello(nonce).payload()
        return self.message("hello", envelope.mac0("hello", payload, self.mac_key))


def kind_of(answer: Outgoing) -> str:
    """The kind that an answer's topic names."""
    return topics.parse(answer.topic, "down")[1]


@dataclass
class Gateway:
    """The hot path on a database of its own, with a clock that stands still."""

    store: Store
    clock: Clock
    keys: GatewayKeys
    metrics: Metrics = field(default_factory=Metrics)
    context: Context = field(init=False)
    numbers: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))

    def __post_init__(self) -> None:
        for name in ("fleet", "operator"):
            self.account(name)
        self.offer(PRICE)
        self.restart()

    def offer(self, price: Price, payee: str = "operator") -> None:
        """Offer another tariff, on the same limits."""
        with self.store.write() as conn:
            tariffs.add(
                conn,
                Tariff(
                    id=price.id(),
                    name="energy" if price is PRICE else price.encoded().hex()[:20],
                    encoded=price.encoded(),
                    unit=price.unit,
                    numerator=price.numerator,
                    denominator=price.denominator,
                    currency=price.currency,
                    scale=price.scale,
                    pricing=price.pricing,
                    session_fee=price.session_fee,
                    payee_account=payee,
                    window_units=WINDOW,
                    max_capacity=CAPACITY,
                    max_lifetime_s=86_400,
                    created_at=NOW,
                ),
            )

    def credit(self, account: str, limit: int) -> None:
        """Set what an account may owe."""
        with self.store.write() as conn:
            conn.execute(
                update(Base.metadata.tables["account"])
                .where(Base.metadata.tables["account"].c.id == account)
                .values(credit_limit=limit)
            )

    def restart(self) -> None:
        """A new worker on the same database."""
        with self.store.write() as conn:
            token = lease.take(conn, LEASE, "test")
        self.context = Context(self.store, self.keys, self.metrics, token)

    def rotate(self) -> bytes:
        """Another key follows the newest, and the gateway starts anew; the new public key."""
        seed = hashlib.sha256(b"key %d" % len(self.keys.publics)).digest()
        self.keys = self.keys.followed_by(seed, self.clock.now)
        self.restart()
        return self.keys.public

    def offer_drops(self) -> None:
        """Offer DROPS, to the devices of an account in XRP."""
        self.account("rippling", "XRP")
        self.account("operator-xrp", "XRP")
        self.offer(DROPS, payee="operator-xrp")

    def account(self, name: str, currency: str = "EUR") -> None:
        """Another account."""
        with self.store.write() as conn:
            accounts.add(
                conn,
                Account(
                    id=name,
                    name=name,
                    currency=currency,
                    scale=6,
                    credit_limit=10_000_000_000,
                    created_at=NOW,
                ),
            )

    def device(self, account: str = "fleet") -> Party:
        """A newly registered device."""
        party = Party(self, next(self.numbers))
        with self.store.write() as conn:
            devices.add(
                conn,
                Device(
                    id=party.id,
                    public_key=party.public,
                    account_id=account,
                    name="test",
                    created_at=NOW,
                ),
            )
        return party

    def fill_payee(self) -> None:
        """Let the ledger owe the operator's account so much that it can be owed nothing more."""
        most = 2**63 - 1
        lines = (Posting("rail:manual", "EUR", most), Posting("payee:operator", "EUR", -most))
        with self.store.write() as conn:
            journal.append(conn, Entry("adjustment", "as much as there can be", NOW, lines))

    def take(self, *batch: Received) -> list[Outgoing]:
        """One batch, and the answers to it."""
        return process(self.context, batch)

    def mark(self, channel: bytes) -> tuple[int, int, str]:
        """A channel's amount, units and state, from the database."""
        with self.store.read() as conn:
            row = channels.get(conn, channel)
            return row.amount, row.units, row.state

    def evidence(self, channel: bytes) -> list[bytes]:
        """What was kept of a channel."""
        with self.store.read() as conn:
            return [bytes(row.message) for row in channels.evidence_of(conn, channel)]

    def count(self, table: str) -> int:
        """The rows of a table."""
        with self.store.read() as conn:
            return len(conn.execute(select(Base.metadata.tables[table])).all())

    def ack(self, party: Party, answer: Outgoing) -> messages.Ack:
        """The ack in an answer, its MAC checked."""
        return messages.read_ack(envelope.open_mac0("ack", answer.payload, party.mac_key))

    def grant(self, party: Party, answer: Outgoing) -> messages.Grant:
        """The grant in an answer, its MAC checked."""
        return messages.read_grant(envelope.open_mac0("grant", answer.payload, party.mac_key))

    def refusal(self, party: Party, answer: Outgoing) -> tuple[str, str, int]:
        """Kind, reason and expected of the refusal in an answer, its MAC checked."""
        refused = messages.read_refused(
            envelope.open_mac0("refused", answer.payload, party.mac_key)
        )
        return refused.kind, refused.reason, refused.expected

    def reasons(self, party: Party, *batch: Received) -> list[str]:
        """The reasons of all refusals of a batch."""
        answers = self.take(*batch)
        return [self.refusal(party, each)[1] for each in answers if kind_of(each) == "refused"]

    def receipt(self, answer: Outgoing) -> messages.Receipt:
        """The receipt in an answer, its signature checked."""
        return messages.read_receipt(
            envelope.open_sign1("receipt", answer.payload, self.keys.public, verify)
        )

    def known(self, party: Party) -> KnownDevice:
        """The device as the directory has it."""
        with self.context.read() as conn:
            device = self.context.directory.device(conn, party.id)
        if device is None:
            raise AssertionError("not registered")
        return device


def gateway_in(folder: Path) -> Gateway:
    """A gateway on a new SQLite database in this folder."""
    clock = Clock()
    store = open_store(migrated(folder / "gateway.db"), clock=clock)
    return Gateway(store, clock, GatewayKeys(bytes(range(32))))
