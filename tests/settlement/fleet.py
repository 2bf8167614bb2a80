"""A small fleet with real keys and signatures, written straight into a store."""

import hashlib

from nacl.signing import SigningKey
from sqlalchemy import update

from gateway.keys import GatewayKeys
from gateway.store import accounts, channels, devices, tariffs
from gateway.store.engine import Store
from gateway.store.tables import Account, Base, Channel, Device
from gateway.store.tables import Tariff as TariffRow
from protocol import cbor, envelope
from protocol.hashchain import Chain
from protocol.ids import device_id, tariff_id
from protocol.messages import Close, Iou, Opened, Terms
from protocol.pricing import METERED, Tariff

GATEWAY = GatewayKeys(hashlib.sha256(b"gateway").digest())
CAPACITY = 10**9
FAR = 2**40
PRICE = 3
ACCOUNTS = ("ant", "bee", "cat")


class Fleet:
    """Accounts, each with one device and one tariff that pays it."""

    def __init__(
        self, store: Store, currency: str = "EUR", names: tuple[str, ...] = ACCOUNTS
    ) -> None:
        self.store = store
        self.keys: dict[str, SigningKey] = {}
        self.tariffs: dict[str, Tariff] = {}
        self.payer_of: dict[bytes, str] = {}
        with store.write() as conn:
            for name in names:
                accounts.add(
                    conn,
                    Account(
                        id=name,
                        name=name.title(),
                        currency=currency,
                        scale=6,
                        credit_limit=CAPACITY * 100,
                        created_at=1,
                    ),
                )
                key = SigningKey(hashlib.sha256(name.encode()).digest())
                self.keys[name] = key
                public = bytes(key.verify_key)
                devices.add(
                    conn,
                    Device(
                        id=device_id(public),
                        public_key=public,
                        account_id=name,
                        name=f"{name} device",
                        created_at=1,
                    ),
                )
                self._add_tariff(conn, name, currency)

    def _add_tariff(self, conn: object, name: str, currency: str) -> None:
        tariff = Tariff(f"{name}-unit", PRICE, 1, currency, 6, METERED)
        encoded = cbor.encode(tariff.to_map())
        self.tariffs[name] = tariff
        tariffs.add(
            conn,
            TariffRow(
                id=tariff_id(encoded),
                name=name,
                encoded=encoded,
                unit=tariff.unit,
                numerator=PRICE,
                denominator=1,
                currency=currency,
                scale=6,
                pricing=METERED,
                payee_account=name,
                window_units=10,
                max_capacity=CAPACITY,
                max_lifetime_s=FAR,
                created_at=1,
            ),
        )

    def open(self, payer: str, payee: str, number: int = 0) -> bytes:
        """Open a channel from one account's device to another account; returns its id."""
        key = self.keys[payer]
        tariff = self.tariffs[payee]
        terms = Terms(
            bytes(key.verify_key),
            GATEWAY.public,
            GATEWAY.public,
            tariff,
            CAPACITY,
            FAR,
            number.to_bytes(16, "big"),
        )
        message = envelope.sign1("open", terms.payload(), lambda data: key.sign(data).signature)
        channel_id = terms.channel_id()
        with self.store.write() as conn:
            channels.add(
                conn,
                Channel(
                    id=channel_id,
                    device_id=device_id(bytes(key.verify_key)),
                    payer_account=payer,
                    payee_account=payee,
                    tariff_id=tariff_id(cbor.encode(tariff.to_map())),
                    open_message=message,
                    opened_message=GATEWAY.sign1("opened", Opened(channel_id, 5, 10, 0).payload()),
                    capacity=CAPACITY,
                    expires_at=FAR,
                    window_units=10,
                    opened_at=5,
                ),
            )
        self.payer_of[channel_id] = payer
        return channel_id

    def iou(self, channel_id: bytes, units: int, chain: Chain | None = None) -> bytes:
        """The payer's signed IOU for so many units in all, which may commit to a chain."""
        key = self.keys[self.payer_of[channel_id]]
        root, length = (b"", 0) if chain is None else (chain.root, chain.length)
        payload = Iou(channel_id, units * PRICE, units, root, length).payload()
        return envelope.sign1("iou", payload, lambda data: key.sign(data).signature)

    def close_message(self, channel_id: bytes, units: int) -> bytes:
        """The payer's signed close, with its IOU for so many units in all."""
        key = self.keys[self.payer_of[channel_id]]
        payload = Close(channel_id, self.iou(channel_id, units)).payload()
        return envelope.sign1("close", payload, lambda data: key.sign(data).signature)

    def row(self, channel_id: bytes, units: int) -> dict[str, object]:
        """A row for `channels.raise_marks`."""
        return {
            "b_id": channel_id,
            "new_amount": units * PRICE,
            "new_units": units,
            "new_iou": self.iou(channel_id, units),
            "now": 10,
        }

    def mark(self, channel_id: bytes, units: int) -> int:
        """Raise a mark to so many units in all; returns 1 if it rose."""
        with self.store.write() as conn:
            return channels.raise_marks(conn, [self.row(channel_id, units)])

    def mark_by_tick(self, channel_id: bytes, units: int, chain: Chain, index: int) -> None:
        """Raise a mark by an IOU for so many units and a tick of its chain."""
        iou = self.iou(channel_id, units, chain)
        tick = {
            "b_id": channel_id,
            "b_iou": iou,
            "new_amount": (units + index) * PRICE,
            "new_units": units + index,
            "new_index": index,
            "new_preimage": chain.value(index),
            "now": 10,
        }
        with self.store.write() as conn:
            channels.raise_marks(conn, [self.row(channel_id, units) | {"new_iou": iou}])
            assert channels.raise_by_ticks(conn, [tick]) == 1

    def charge(self, payee: str, earns: str, fixed: int, bp: int) -> None:
        """What the payee pays for each interval from now on, and to whom."""
        table = Base.metadata.tables["tariff"]
        with self.store.write() as conn:
            conn.execute(
                update(table)
                .where(table.c.payee_account == payee)
                .values(fee_fixed=fixed, fee_bp=bp, fee_account=earns)
            )
