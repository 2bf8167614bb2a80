"""What accounts have locked with rails, on each database."""

from sqlalchemy import Connection

from gateway.store import accounts, backing
from gateway.store.engine import Store
from gateway.store.tables import Account


def _open(conn: Connection, *names: str) -> None:
    for name in names:
        accounts.add(
            conn, Account(id=name, name=name, currency="EUR", scale=6, credit_limit=7, created_at=1)
        )


def test_what_is_locked_may_be_reserved_and_what_is_no_longer_may_not(store: Store) -> None:
    with store.write() as conn:
        _open(conn, "ant", "bee")
        assert backing.keep(conn, "evm", 10, {"ant": 100, "bee": 0}) == ["ant"]
        assert backing.keep(conn, "other", 3, {"ant": 5}) == ["ant"]
        assert (accounts.left(conn, "ant")[0], accounts.free(conn, "bee")) == (112, 7)
        assert backing.keep(conn, "evm", 10, {"ant": 100, "bee": 0}) == []
        assert backing.keep(conn, "evm", 11, {"bee": 40}) == ["ant", "bee"]
        assert (accounts.free(conn, "ant"), accounts.free(conn, "bee")) == (12, 47)


def test_what_was_seen_before_and_comes_late_changes_nothing(store: Store) -> None:
    with store.write() as conn:
        _open(conn, "ant")
        backing.keep(conn, "evm", 10, {"ant": 1})
        assert backing.keep(conn, "evm", 9, {"ant": 100}) == []
        assert backing.of(conn, "ant") == 1
