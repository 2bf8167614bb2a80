"""A gateway that can be taken back to a backup while its devices, and its bank, live on.

Real: the installation, its database, the hot path, settlement, and the firmware's device. Only the
network in between is the test's, so that it says exactly who hears what, and when.
"""

import csv
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

from firmware import offers
from gateway.config import Config
from gateway.ingest.context import LEASE, Context
from gateway.ingest.inbox import Received
from gateway.ingest.ingest import process
from gateway.ingest.replies import Outgoing
from gateway.keys import GatewayKeys
from gateway.metrics import Metrics
from gateway.operations import accounts, devices, fence, reconcile, settlement, tariffs
from gateway.operations.backup import Backup, backup
from gateway.operations.office import Office, init, opened
from gateway.operations.restore import Restored, restore
from gateway.settlement.rails import Outcome, manual
from gateway.settlement.verify_books import verify_books
from gateway.store import lease
from gateway.store.engine import Store
from tests.firmware.pair import Pair
from tests.ingest.parties import Party
from tests.restore.house import settings
from tests.store.migrated import migrated

PRICE = 300
WINDOW = 1_000
CAPACITY = 30_000_000


class Bank:
    """What really moved, by its own book: each reference once, however often it is handed in."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.book: dict[str, tuple[str, str, int]] = {}

    def execute(self) -> list[Outcome]:
        """Do what every file in the folder asks; what was done, of all that ever was."""
        for path in manual.files(self._folder):
            with path.open(newline="") as file:
                for row in csv.DictReader(file):
                    amount = int(Decimal(row["amount"]).scaleb(6))
                    told = (row["account"], row["direction"], amount)
                    assert self.book.setdefault(row["instruction"], told) == told, "id used twice"
        return [Outcome(each, "done", "booked") for each in self.book]

    def moved(self, account: str) -> int:
        """Collected from an account, less what was paid to it, in atomic units."""
        return sum(
            amount if direction == "collect" else -amount
            for owner, direction, amount in self.book.values()
            if owner == account
        )


@dataclass
class Town:
    """One installation, its devices, and its bank."""

    config: Config
    bank: Bank
    stack: ExitStack = field(default_factory=ExitStack)
    pairs: list[Pair] = field(default_factory=list)
    office: Office = field(init=False)
    context: Context = field(init=False)
    metrics: Metrics = field(default_factory=Metrics)

    def start(self) -> None:
        """Open the installation, and begin to take messages."""
        self.office = self.stack.enter_context(opened(self.config))
        with self.store.write() as conn:
            token = lease.take(conn, LEASE, "test")
        self.context = Context(self.store, self.office.keys, self.metrics, token)

    def stop(self) -> None:
        """Let go of the database."""
        self.stack.close()

    @property
    def store(self) -> Store:
        """The database."""
        return self.office.store

    @property
    def keys(self) -> GatewayKeys:
        """The gateway's keys."""
        return self.office.keys

    def take(self, *batch: Received) -> list[Outgoing]:
        """One batch, and the answers to it."""
        return process(self.context, batch)

    def device(self, step: int = 1, topup: int = 0) -> Pair:
        """One more device, registered and connected. With `topup` its channels open with so much,
        and are topped up by so much."""
        party = Party(self, len(self.pairs) + 1)  # type: ignore[arg-type]
        devices.register(
            self.store,
            self.office.credentials,
            party.public,
            "fleet",
            f"device {len(self.pairs)}",
            self.keys.public,
        )
        pair = Pair(self, party, step=step, topup=topup)  # type: ignore[arg-type]
        self.pairs.append(pair)
        pair.connect()
        return pair

    def finish_channel(self, pair: Pair) -> None:
        """The device closes its channel and, by the receipt, opens the next."""
        pair.deliver(pair.device.finish(pair.now))
        pair.device.wants_channel = True
        pair.deliver(offers.open_channel(pair.device, pair.now))

    def keep_house(self, rounds: int = 1) -> None:
        """What happens between messages: notices to devices, and devices that try again."""
        for _ in range(rounds):
            for pair in self.pairs:
                pair.wait(3_000)
            self._tell()

    def _tell(self) -> None:
        from gateway.ingest import upkeep
        from protocol import topics

        upkeep.expire(self.context)
        for answer in upkeep.tell(self.context):
            device_id, kind = topics.parse(answer.topic, "down")
            for pair in self.pairs:
                if pair.party.id == device_id:
                    pair._to_device([(kind, answer.payload)])

    def settle(self) -> None:
        """One settlement run."""
        settlement.settle(self.store, self.keys, self.office.rails, None, "shell:operator")

    def pay(self) -> None:
        """The bank does what it was asked, and its list is taken in."""
        known = {row.id for row in self._instructions()}
        done = [each for each in self.bank.execute() if each.instruction_id in known]
        settlement.record(self.store, done)

    def _instructions(self) -> list[object]:
        from sqlalchemy import select

        from gateway.store.tables import Base

        with self.store.read() as conn:
            return list(conn.execute(select(Base.metadata.tables["instruction"])))

    def backup(self, name: str = "one.tar") -> Backup:
        """A backup beside the data folder."""
        return backup(self.office, self.config.data.parent / name)

    def restore(self, made: Backup) -> Restored:
        """Back to a backup, and on from there."""
        self.stop()
        restored = restore(self.config, made.path, over_newer=True)
        self.start()
        return restored

    def compare_rail(self) -> None:
        """The bank's whole book, and every file it ever got."""
        handed = reconcile.handed_over(self.office.rails.in_use())
        fence.compare_rail(self.store, self.bank.execute(), handed, "test")

    def lift(self) -> None:
        """Take the fence down."""
        fence.lift(self.store, self.keys.publics, "test")

    def metered(self) -> int:
        """What all devices measured, in units."""
        return sum(pair.device.total for pair in self.pairs)

    def accepted(self) -> tuple[int, int]:
        """What all channels' marks add up to: units, atomic units."""
        from sqlalchemy import func, select

        from gateway.store.tables import Base

        channel = Base.metadata.tables["channel"]
        with self.store.read() as conn:
            row = conn.execute(select(func.sum(channel.c.units), func.sum(channel.c.amount))).one()
            return int(row[0]), int(row[1])

    def all_is_accepted(self) -> None:
        """What was metered is what is owed, to the unit, and the books are right."""
        assert self.accepted() == (self.metered(), PRICE * self.metered())
        self.books_are_right()

    def all_is_paid(self) -> None:
        """By the bank's own book each unit was paid for once."""
        self.settle()
        self.pay()
        assert self.bank.moved("fleet") == PRICE * self.metered()
        assert self.bank.moved("operator") == -PRICE * self.metered()
        self.books_are_right()

    def books_are_right(self) -> None:
        """The audit finds nothing."""
        report = verify_books(self.store, *self.keys.publics)
        assert report.ok, report.discrepancies


@contextmanager
def founded(data: Path, url: str) -> Iterator[Town]:
    """An installation with an account and a tariff, and nobody there yet."""
    config = settings(data, url)
    if config.sqlite_path is not None:
        data.mkdir()
        migrated(config.sqlite_path)
    init(config)
    town = Town(config, Bank(config.manual_folder))
    town.start()
    accounts.add(town.store, "fleet", "Fleet", "EUR", credit_limit=10**13)
    new = tariffs.NewTariff("energy", "W.h", PRICE, 1, "operator", WINDOW, CAPACITY, 86_400)
    tariffs.add(town.store, new)
    try:
        yield town
    finally:
        town.stop()
