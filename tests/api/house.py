"""An initialised gateway behind its API, and payments written straight into its store."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from argon2 import PasswordHasher
from fastapi import FastAPI
from fastapi.testclient import TestClient
from nacl.signing import SigningKey

from gateway import config
from gateway.api.app import create_app
from gateway.api.services import Services
from gateway.api.throttle import Throttle, for_logins
from gateway.operations import accounts, devices, tariffs, tokens
from gateway.operations.office import Office, init, opened
from gateway.operations.passwords import Passwords
from gateway.store import channels
from gateway.store.tables import Channel
from protocol import envelope
from protocol.messages import Iou, Opened, Terms
from protocol.pricing import Tariff
from tests.store.migrated import migrated

FAR = 2**40
CHEAP = Passwords(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
"""Passwords as they are kept, at a cost that tests can pay."""
CAPACITY = 1_000_000


@dataclass
class House:
    """The gateway, its application, and one token of each role."""

    office: Office
    app: FastAPI
    tokens: dict[str, str]
    lacking: list[str] = field(default_factory=list)
    throttle_time: list[float] = field(default_factory=lambda: [0.0])
    """The one second by which attempts at tokens are counted, to be changed in place."""
    device_keys: dict[str, SigningKey] = field(default_factory=dict)

    def client(self, role: str | None) -> TestClient:
        """A client with a token of this role, `bad` for a token of nobody, None for none."""
        headers = {}
        if role == "bad":
            headers = {"Authorization": "Bearer tally_000000000000_" + "0" * 64}
        elif role is not None:
            headers = {"Authorization": "Bearer " + self.tokens[role]}
        return TestClient(self.app, headers=headers, raise_server_exceptions=False)

    def fleet(self) -> None:
        """An account `fleet` with credit, and a tariff `energy` of 3 per W.h that pays operator."""
        accounts.add(self.office.store, "fleet", "Fleet", "EUR", credit_limit=10**9)
        new = tariffs.NewTariff("energy", "W.h", 3, 1, "operator", 100, CAPACITY, 86400)
        tariffs.add(self.office.store, new)

    def device(self, number: int = 1, account: str = "fleet") -> str:
        """Register a device; its id."""
        key = SigningKey(number.to_bytes(32, "big"))
        row, _password = devices.register(
            self.office.store,
            self.office.credentials,
            bytes(key.verify_key),
            account,
            f"device {number}",
            self.office.keys.public,
        )
        self.device_keys[row.id] = key
        return str(row.id)

    def paid(self, device: str, units: int, nonce: int = 0, payer: str = "fleet") -> bytes:
        """A channel of this device with a mark of so many units; its id."""
        key = self.device_keys[device]
        price = Tariff("W.h", 3, 1, "EUR")
        gateway = self.office.keys.public
        terms = Terms(
            bytes(key.verify_key), gateway, gateway, price, CAPACITY, FAR, nonce.to_bytes(16, "big")
        )

        def sign(message: bytes) -> bytes:
            return key.sign(message).signature

        channel_id = terms.channel_id()
        iou = envelope.sign1("iou", Iou(channel_id, units * 3, units).payload(), sign)
        with self.office.store.write() as conn:
            channels.add(
                conn,
                Channel(
                    id=channel_id,
                    device_id=device,
                    payer_account=payer,
                    payee_account="operator",
                    tariff_id=price.id(),
                    open_message=envelope.sign1("open", terms.payload(), sign),
                    opened_message=self.office.keys.sign1(
                        "opened", Opened(channel_id, 5, 100, 0).payload()
                    ),
                    capacity=CAPACITY,
                    expires_at=FAR,
                    window_units=100,
                    opened_at=5,
                    amount=units * 3,
                    units=units,
                    iou=iou,
                ),
            )
        return channel_id


@contextmanager
def house_in(
    data: Path,
    database_url: str | None,
    clock: Callable[[], float] | None = None,
    **further: object,
) -> Iterator[House]:
    """A gateway that `init` made in this folder, with `further` settings; by `clock` attempts at
    tokens are counted."""
    changes = {} if database_url is None else {"database_url": database_url}
    settings = config.load(data, **changes, **further)
    if settings.sqlite_path is not None and not settings.sqlite_path.exists():
        data.mkdir(exist_ok=True)
        migrated(settings.sqlite_path)
    made = init(settings)
    with opened(settings) as office:
        lacking: list[str] = []
        time = [0.0]
        services = Services(
            office.store,
            office.keys,
            office.rails,
            office.credentials,
            office.config.payout_cooling,
            office.people_key,
            office.webhooks_key,
            CHEAP,
            not_ready=lambda: lacking,
            throttle=Throttle(clock or (lambda: time[0])),
            stream_seconds=0.05,
            claim_throttle=Throttle(clock or (lambda: time[0])),
            login_throttle=for_logins(clock or (lambda: time[0])),
            folders=settings.folders,
        )
        known = {"admin": str(made.admin_token)}
        for role in ("viewer", "operator", "finance"):
            _id, known[role] = tokens.add(office.store, role, role)
        yield House(office, create_app(services), known, lacking, throttle_time=time)
