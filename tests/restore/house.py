"""One installation with books that move: a data folder, its database, and a fleet that pays."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from gateway import config
from gateway.operations import settlement
from gateway.operations.backup import Backup, backup
from gateway.operations.office import Office, init, opened
from gateway.settlement import intervals
from gateway.settlement.verify_books import verify_books
from gateway.store.engine import Store
from tests.settlement.fleet import Fleet
from tests.store.migrated import migrated


@dataclass
class House:
    """An installation that is open, and its fleet."""

    office: Office
    fleet: Fleet

    @property
    def data(self) -> Path:
        """The data folder."""
        return self.office.config.data

    @property
    def store(self) -> Store:
        """The database."""
        return self.office.store

    def backup(self, name: str = "one.tar", *, with_key: bool = False) -> Backup:
        """A backup beside the data folder."""
        return backup(self.office, self.data.parent / name, with_key=with_key)

    def settle(self) -> None:
        """One settlement run."""
        settlement.settle(self.store, self.office.keys, self.office.rails, None, "shell:operator")

    def close(self, channel: bytes) -> None:
        """Close a channel at its mark."""
        with self.store.write() as conn:
            intervals.close(conn, channel, "payer", self.store.now(conn))

    def books_are_right(self) -> None:
        """The audit finds nothing."""
        report = verify_books(self.store, *self.office.keys.publics)
        assert report.ok, report.discrepancies


def settings(data: Path, url: str) -> config.Config:
    """The settings of a data folder on the database of this URL, or on its own file."""
    return config.load(data, **({"database_url": url} if url else {}))


@contextmanager
def built(data: Path, url: str) -> Iterator[House]:
    """A new installation with one channel that is closed, one that is settled, one that is not."""
    made = settings(data, url)
    if made.sqlite_path is not None:
        data.mkdir()
        migrated(made.sqlite_path)
    init(made)
    with opened(made) as office:
        house = House(office, Fleet(office.store))
        over = house.fleet.open("ant", "bee", 1)
        house.fleet.mark(over, 100)
        house.close(over)
        settled = house.fleet.open("bee", "cat", 2)
        house.fleet.mark(settled, 200)
        house.settle()
        house.fleet.mark(settled, 250)
        house.fleet.mark(house.fleet.open("cat", "ant", 3), 300)
        yield house
