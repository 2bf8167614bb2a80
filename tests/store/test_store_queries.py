"""Queries by purpose: marks, leases, credit, names."""

import threading

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, IntegrityError

from gateway.ledger.states import IllegalMove
from gateway.settlement import intervals
from gateway.store import accounts, channels, devices, lease, meta, tariffs, tokens
from gateway.store.engine import Store
from gateway.store.errors import Conflict, Fenced, NotFound, StoreError
from gateway.store.tables import Account, Device, Token
from tests.settlement.fleet import CAPACITY, FAR, PRICE, Fleet


@pytest.mark.threat("D5", "G2")
def test_only_a_higher_amount_on_a_live_channel_raises_a_mark(store: Store) -> None:
    fleet = Fleet(store)
    one, two = fleet.open("ant", "bee", 1), fleet.open("ant", "bee", 2)
    with store.write() as conn:
        assert channels.raise_marks(conn, [fleet.row(one, 5), fleet.row(two, 3)]) == 2
    for refused in (
        fleet.row(one, 5),
        fleet.row(one, 4),
        {**fleet.row(one, 6), "now": FAR},
        {**fleet.row(one, 6), "new_amount": CAPACITY + 1},
        {**fleet.row(one, 6), "new_units": 4},
        {**fleet.row(one, 6), "b_id": bytes(32)},
    ):
        with store.write() as conn:
            assert channels.raise_marks(conn, [refused, fleet.row(two, 3)]) == 0
    with store.read() as conn:
        rows = {row.id: row for row in channels.load(conn, [one, two, bytes(32)])}
        assert channels.load(conn, []) == []
    assert {key: (row.amount, row.units, row.iou) for key, row in rows.items()} == {
        one: (5 * PRICE, 5, fleet.iou(one, 5)),
        two: (3 * PRICE, 3, fleet.iou(two, 3)),
    }


@pytest.mark.parametrize(
    "change",
    [
        "settled_amount = 1",
        "amount = -1",
        "amount = capacity + 1",
        "amount = 1, iou = NULL",
        "state = 'gone'",
        "state = 'closed'",
        "settled_units = 1",
        "window_units = 0",
        "tariff_id = id",
    ],
)
@pytest.mark.threat("G1")
def test_the_database_refuses_impossible_channels(store: Store, change: str) -> None:
    Fleet(store).open("ant", "bee")
    with pytest.raises(IntegrityError), store.write() as conn:
        conn.execute(text(f"UPDATE channel SET {change}"))


@pytest.mark.parametrize(
    ("statement", "refused"),
    [
        ("UPDATE channel SET capacity = capacity + 1", "only rises"),
        ("UPDATE channel SET capacity = capacity - 1", "only rises"),
        ("UPDATE topup SET capacity = capacity + 1", "append-only"),
        ("DELETE FROM topup", "append-only"),
    ],
)
@pytest.mark.threat("O9")
def test_the_database_raises_a_capacity_only_to_what_is_signed(
    store: Store, statement: str, refused: str
) -> None:
    channel_id = Fleet(store).open("ant", "bee")
    with store.write() as conn:
        assert channels.raise_capacity(conn, channel_id, CAPACITY, CAPACITY + 5, b"signed", 7)
        assert not channels.raise_capacity(conn, channel_id, CAPACITY, CAPACITY + 9, b"other", 8)
        assert channels.topups(conn, [channel_id, bytes(32)]) == {channel_id: b"signed"}
        assert accounts.reserved(conn, "ant") == CAPACITY + 5
    with pytest.raises(DBAPIError, match=refused), store.write() as conn:
        conn.execute(text(statement))


@pytest.mark.threat("D16")
def test_a_channel_id_is_never_used_again(store: Store) -> None:
    fleet = Fleet(store)
    channel_id = fleet.open("ant", "bee")
    with store.write() as conn:
        intervals.close(conn, channel_id, "done", 9)
    with pytest.raises(Conflict):
        fleet.open("ant", "bee")
    with store.write() as conn:
        with pytest.raises(IllegalMove):
            channels.set_state(conn, channel_id, "open")
        with pytest.raises(Conflict):
            channels.set_state(conn, channel_id, "closed")
        assert channels.by_device(conn, channels.get(conn, channel_id).device_id) == []


@pytest.mark.threat("D3")
def test_evidence_is_kept_once(store: Store) -> None:
    channel_id = Fleet(store).open("ant", "bee")
    for _ in range(2):
        with store.write() as conn:
            channels.keep_evidence(conn, channel_id, "iou", b"two faces", 7)
    with store.read() as conn:
        assert [row.message for row in channels.evidence_of(conn, channel_id)] == [b"two faces"]
        assert channels.get(conn, channel_id).state == "open"


def test_exposure_counts_reservations_and_debts(store: Store) -> None:
    fleet = Fleet(store)
    channel_id = fleet.open("ant", "bee")
    fleet.mark(channel_id, 5)
    with store.write() as conn:
        assert accounts.exposure(conn, "ant") == CAPACITY
        intervals.close(conn, channel_id, "done", 9)
        assert accounts.exposure(conn, "ant") == 5 * PRICE
        assert accounts.exposure(conn, "bee") == -5 * PRICE


@pytest.mark.threat("C7", "T4")
def test_a_lease_fences_whoever_held_it_before(store: Store) -> None:
    """C7."""
    with store.write() as conn:
        first = lease.take(conn, "shard-00", "one")
        lease.check(conn, "shard-00", first)
    with store.write() as conn:
        second = lease.take(conn, "shard-00", "two")
        assert second > first
    with store.write() as conn:
        lease.check(conn, "shard-00", second)
        with pytest.raises(Fenced, match="two"):
            lease.check(conn, "shard-00", first)
        with pytest.raises(Fenced):
            lease.check(conn, "shard-01", 1)


@pytest.mark.threat("C8")
def test_leases_taken_at_once_get_different_tokens(store: Store) -> None:
    got: list[int] = []

    def take() -> None:
        with store.write() as conn:
            got.append(lease.take(conn, "shard-00", "any"))

    threads = [threading.Thread(target=take) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert sorted(got) == [1, 2, 3, 4]


@pytest.mark.parametrize(
    "change",
    [
        {"id": "Upper"},
        {"id": ""},
        {"id": "a" * 41},
        {"id": "a\n"},
        {"currency": "eur"},
        {"scale": 19},
        {"credit_limit": -1},
        {"credit_limit": 2**63},
        {"id": "ant"},
        {"scale": 2},
    ],
)
def test_bad_accounts_are_refused(store: Store, change: dict[str, object]) -> None:
    Fleet(store)
    good: dict[str, object] = {
        "id": "dog",
        "name": "Dog",
        "currency": "EUR",
        "scale": 6,
        "credit_limit": 0,
        "created_at": 1,
    }
    with pytest.raises(StoreError), store.write() as conn:
        accounts.add(conn, Account(**{**good, **change}))


def test_devices_go_by_their_keys_and_states(store: Store) -> None:
    Fleet(store)
    with store.write() as conn:
        ant = devices.page(conn, account_id="ant")[0]
        with pytest.raises(Conflict):
            devices.add(conn, Device(**ant._asdict()))
        with pytest.raises(Conflict):
            devices.add(conn, Device(**{**ant._asdict(), "id": "0" * 32}))
        devices.set_status(conn, ant.id, "revoked")
        with pytest.raises(IllegalMove):
            devices.set_status(conn, ant.id, "active")
        with pytest.raises(NotFound):
            devices.get(conn, "0" * 32)


def test_a_retired_tariffs_name_is_free_again(store: Store) -> None:
    Fleet(store)
    with store.write() as conn:
        old = tariffs.by_name(conn, "ant")
        assert old is not None
        tariffs.retire(conn, old.id)
        assert tariffs.by_name(conn, "ant") is None
        assert len(tariffs.listed(conn)) == 2
        assert len(tariffs.listed(conn, active=False)) == 3


def test_tokens_end_when_revoked_or_expired(store: Store) -> None:
    with store.write() as conn:
        for name, expiry in (("forever", None), ("short", 100)):
            tokens.add(
                conn,
                Token(
                    id=name,
                    name=name,
                    role="viewer",
                    secret_hash=name.encode().ljust(32, b"."),
                    expires_at=expiry,
                ),
            )
        short, forever = (name.ljust(32, b".") for name in (b"short", b"forever"))
        assert tokens.valid(conn, short, 99) is not None
        assert tokens.valid(conn, short, 100) is None
        tokens.revoke(conn, "forever", 5)
        assert tokens.valid(conn, forever, 4) is None


def test_facts_about_the_database_are_kept(store: Store) -> None:
    with store.write() as conn:
        assert meta.get(conn, "instance") is None
        meta.put(conn, "instance", "one")
        meta.put(conn, "instance", "two")
        assert meta.get(conn, "instance") == "two"
        with pytest.raises(ValueError, match="reserved"):
            meta.put(conn, "journal", "")
