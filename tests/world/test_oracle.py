"""The oracle can fail: whatever is done to the books, or said against them, it names the invariant.

Each case takes books that are right, of a world that has run, and does one thing to them that the
gateway must never do.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing

import cbor2
import pytest
from nacl.signing import SigningKey

from protocol import envelope
from protocol.messages import CHECKPOINT, CLOSE, Ack, Grant, Iou, Receipt, Refused, Successor
from protocol.topups import Topup
from simulator.world.devices import SimulatedDevice
from simulator.world.movement import Movement
from simulator.world.oracle import Oracle, Violation, books, books_money
from simulator.world.oracle.books import ChannelRow, EntryRow
from simulator.world.oracle.ledger import link
from simulator.world.story import DeviceOptions, Options, TariffOptions
from simulator.world.world import World

OPTIONS = Options(
    seed=1,
    accounts=[("fleet", "EUR", 10**9), ("shop", "EUR", 10**9)],
    tariffs=[TariffOptions("W.h", 3, 2, "shop", 100, 10**6, 10**6)],
    devices=[DeviceOptions("fleet", 0, 1, 10**5), DeviceOptions("fleet", 0, 1, 10**5)],
)


class Town:
    """A world that has run and settled, and hands to change what it left."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.oracle = world.watch.oracle
        self.device: SimulatedDevice = world.devices[0]

    def rows(self) -> dict[bytes, ChannelRow]:
        with closing(self.world.storage.read()) as conn:
            return books.channels(conn)

    def paying(self) -> ChannelRow:
        """The first device's channel that is open and has a mark."""
        (row,) = [
            row
            for row in self.rows().values()
            if row.device == self.device.id and row.state == "open" and row.amount
        ]
        return row

    def change(self, *statements: str, **values: object) -> None:
        """Do to the database what nobody may."""
        with closing(sqlite3.connect(self.world.storage.path())) as conn:
            conn.execute("PRAGMA ignore_check_constraints = ON")
            conn.execute("PRAGMA foreign_keys = OFF")
            for (name,) in conn.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'"):
                conn.execute(f"DROP TRIGGER {name}")
            for statement in statements:
                assert conn.execute(statement, values).rowcount != 0
            conn.commit()

    def iou(self, channel: bytes, amount: int, units: int) -> bytes:
        """An IOU with the first device's true signature."""
        payload = Iou(channel, amount, units).payload()
        return envelope.sign1("iou", payload, lambda data: self.device.key.sign(data).signature)

    def next_iou(self) -> tuple[ChannelRow, int, int, bytes]:
        """The channel, and the amount, units and bytes of an IOU that it could take next."""
        row = self.paying()
        units = row.units + 10
        amount = units * 3 // 2
        return row, amount, units, self.iou(row.id, amount, units)

    def store(self, row: ChannelRow, amount: int, units: int, iou: bytes) -> None:
        """Make this the mark of a channel."""
        self.change(
            "UPDATE channel SET amount = :amount, units = :units, iou = :iou WHERE id = :id",
            amount=amount,
            units=units,
            iou=iou,
            id=row.id,
        )

    def append(self, kind: str, reference: str, *lines: tuple[str, str, int]) -> None:
        """Post an entry whose hash is right."""
        with closing(self.world.storage.read()) as conn:
            last = books.entries(conn, 0)[-1]
        entry = EntryRow(last.seq + 1, kind, reference, last.at, "", b"", lines)
        self.change(
            "INSERT INTO entry (seq, kind, reference, at, memo, hash)"
            " VALUES (:seq, :kind, :reference, :at, '', :hash)",
            seq=entry.seq,
            kind=kind,
            reference=reference,
            at=entry.at,
            hash=link(last.hash, entry),
        )
        for number, (account, currency, amount) in enumerate(lines):
            self.change(
                "INSERT INTO posting (entry_seq, line, account, currency, amount)"
                " VALUES (:seq, :line, :account, :currency, :amount)",
                seq=entry.seq,
                line=number,
                account=account,
                currency=currency,
                amount=amount,
            )

    def post(self, kind: str, reference: str, *lines: tuple[str, str, int]) -> None:
        """Post an entry whose hash is right, and keep its balances."""
        self.append(kind, reference, *lines)
        for account, currency, amount in lines:
            self.change(
                "INSERT INTO balance (account, currency, amount) VALUES (:account, :currency,"
                " :amount) ON CONFLICT (account, currency) DO UPDATE SET amount = amount + :amount",
                account=account,
                currency=currency,
                amount=amount,
            )

    def finds(self, number: int) -> None:
        """The oracle names this invariant when it looks."""
        with pytest.raises(Violation) as found:
            self.oracle.check()
        assert found.value.number == number, found.value

    def finds_at_rest(self, number: int) -> None:
        """The oracle names this invariant when all should be at rest."""
        with pytest.raises(Violation) as found:
            self.oracle.check_settled()
        assert found.value.number == number, found.value


@pytest.fixture
def town() -> Iterator[Town]:
    """Devices that paid, were settled, and paid again."""
    with World(OPTIONS, Oracle) as world:
        world.advance(60)
        for device in world.devices:
            device.consume(40)
        assert world.drain() == []
        world.settle()
        for device in world.devices:
            device.consume(25)
        assert world.drain() == []
        yield Town(world)


def test_books_that_are_right_are_found_right(town: Town) -> None:
    town.oracle.check()
    town.world.settle()
    town.oracle.check_settled()
    assert len(town.rows()) >= len(town.world.devices)


def test_1_a_balance_that_is_not_the_sum_of_its_postings(town: Town) -> None:
    town.change("UPDATE balance SET amount = amount + 1 WHERE rowid = 1")
    town.finds(1)


def test_1_an_entry_that_does_not_balance(town: Town) -> None:
    town.append("outcome", "outcome:x", ("rail:manual", "EUR", 5), ("settling:x", "EUR", -4))
    town.finds(1)


def test_2_a_mark_that_the_payer_never_said(town: Town) -> None:
    town.store(*town.next_iou())
    town.finds(2)


def test_2_a_mark_that_is_not_what_its_iou_says(town: Town) -> None:
    row = town.paying()
    assert row.iou is not None
    town.store(row, row.amount + 1, row.units, row.iou)
    town.finds(2)


def test_3_a_serial_falls(town: Town) -> None:
    row = town.paying()
    town.change("UPDATE channel SET serial = 5 WHERE id = :id", id=row.id)
    town.oracle.check()
    town.change("UPDATE channel SET serial = 4 WHERE id = :id", id=row.id)
    town.finds(3)


def test_3_a_mark_falls_to_an_earlier_iou(town: Town) -> None:
    row, amount, units, iou = town.next_iou()
    town.oracle.device_said(town.device.id, "iou", iou, 0)
    town.store(row, amount, units, iou)
    town.oracle.check()
    assert row.iou is not None
    town.store(row, row.amount, row.units, row.iou)
    town.finds(3)


def test_3_a_channel_is_gone(town: Town) -> None:
    town.change("DELETE FROM channel WHERE id = :id", id=town.paying().id)
    town.finds(3)


def test_4_more_is_settled_than_was_accepted(town: Town) -> None:
    town.change("UPDATE channel SET settled_amount = amount + 1 WHERE id = :i", i=town.paying().id)
    town.finds(4)


def test_4_a_device_signs_more_than_the_capacity(town: Town) -> None:
    row = town.paying()
    iou = town.iou(row.id, row.capacity + 1, row.units + 1)
    with pytest.raises(Violation) as found:
        town.oracle.device_said(town.device.id, "iou", iou, 0)
    assert found.value.number == 4


def _topup(town: Town, channel: bytes, capacity: int) -> bytes:
    payload = Topup(channel, capacity).payload()
    return envelope.sign1("topup", payload, lambda data: town.device.key.sign(data).signature)


def test_4_a_device_signs_more_than_the_capacity_before_its_topup_is_taken(town: Town) -> None:
    row = town.paying()
    more = town.iou(row.id, row.capacity + 2, (row.capacity + 2) * 2 // 3)
    topup = _topup(town, row.id, row.capacity + 2)
    town.oracle.device_said(town.device.id, "topup", topup, 0)
    with pytest.raises(Violation) as found:
        town.oracle.device_said(town.device.id, "iou", more, 0)
    assert found.value.number == 4
    grant = Grant(row.id, 0, 0, row.capacity + 2).payload()
    town.oracle.gateway_said(town.device.id, "grant", envelope.mac0("grant", grant, bytes(32)), 0)
    town.oracle.device_said(town.device.id, "iou", more, 0)


def test_4_the_capacity_is_raised_and_no_topup_says_so(town: Town) -> None:
    town.change("UPDATE channel SET capacity = capacity + 1 WHERE id = :id", id=town.paying().id)
    town.finds(4)


def _raise(town: Town, row: ChannelRow, stored: int, signed: int) -> None:
    """Store a capacity that is so much more, on a top-up that says so much more."""
    town.change(
        "INSERT INTO topup (channel_id, from_capacity, capacity, message, at)"
        " VALUES (:id, :capacity, :capacity + :more, :message, 1)",
        id=row.id,
        capacity=row.capacity,
        more=stored,
        message=_topup(town, row.id, row.capacity + signed),
    )
    town.change("UPDATE channel SET capacity = capacity + :m WHERE id = :i", m=stored, i=row.id)


def test_4_the_capacity_is_raised_further_than_the_topup_says(town: Town) -> None:
    _raise(town, town.paying(), 5, 3)
    town.finds(4)


def test_3_a_capacity_that_was_topped_up_falls(town: Town) -> None:
    row = town.paying()
    _raise(town, row, 5, 5)
    town.oracle.check()
    town.change("DELETE FROM topup")
    town.change("UPDATE channel SET capacity = capacity - 5 WHERE id = :id", id=row.id)
    town.finds(3)


def test_4_an_account_owes_more_than_it_ever_may(town: Town) -> None:
    town.change("UPDATE account SET credit_limit = 0 WHERE id = :id", id=town.paying().payer)
    judge = Oracle(town.world.gateway.keys.public, town.world.storage.read)
    for device in town.world.devices:
        judge.registered(device.id, device.public_key, device.options.account)
    for row in town.rows().values():
        judge.device_said(row.device, "open", row.open_message, 0)
        if row.iou:
            judge.device_said(row.device, "iou", row.iou, 0)
    with pytest.raises(Violation) as found:
        judge.check()
    assert found.value.number == 4


def test_5_settled_is_not_what_was_posted(town: Town) -> None:
    town.change("UPDATE channel SET settled_amount = amount WHERE id = :id", id=town.paying().id)
    town.finds(5)


def test_6_a_mark_without_proof(town: Town) -> None:
    row = town.paying()
    forged = envelope.sign1(
        "iou",
        Iou(row.id, row.amount, row.units).payload(),
        lambda data: SigningKey(bytes(32)).sign(data).signature,
    )
    town.store(row, row.amount, row.units, forged)
    town.finds(6)


def test_6_a_channel_that_its_payer_never_opened(town: Town) -> None:
    town.change(
        "UPDATE channel SET open_message = :message WHERE id = :id",
        message=envelope.sign1("open", b"", lambda data: bytes(64)),
        id=town.paying().id,
    )
    fresh = Oracle(town.world.gateway.keys.public, town.world.storage.read)
    for device in town.world.devices:
        fresh.registered(device.id, device.public_key, device.options.account)
    with pytest.raises(Violation) as found:
        fresh.check()
    assert found.value.number == 6


def test_6_use_is_posted_that_no_channel_has(town: Town) -> None:
    row = town.paying()
    lines = ((f"payer:{row.payer}", "EUR", 7), (f"payee:{row.payee}", "EUR", -7))
    town.post("interval", "close:made-up", *lines)
    town.finds(6)


def _ack(row: ChannelRow, amount: int, units: int, limit: int) -> bytes:
    return envelope.mac0("ack", Ack(row.id, amount, units, limit, 0).payload(), bytes(32))


def test_7_an_ack_of_what_is_not_stored(town: Town) -> None:
    row, amount, units, iou = town.next_iou()
    town.oracle.device_said(town.device.id, "iou", iou, 0)
    town.oracle.gateway_said(town.device.id, "ack", _ack(row, amount, units, units), 0)
    town.finds(7)


def test_8_an_ack_of_what_was_never_signed(town: Town) -> None:
    row = town.paying()
    ack = _ack(row, row.amount - 1, row.units, row.units)
    town.oracle.gateway_said(town.device.id, "ack", ack, 0)
    town.finds(8)


def test_8_an_ack_that_grants_more_than_a_window(town: Town) -> None:
    row = town.paying()
    ack = _ack(row, row.amount, row.units, row.units + row.window * 10)
    town.oracle.gateway_said(town.device.id, "ack", ack, 0)
    town.finds(8)


def test_8_a_receipt_that_the_gateway_did_not_sign(town: Town) -> None:
    row = town.paying()
    receipt = Receipt(row.id, row.amount, row.units, CLOSE, 1).payload()
    forged = envelope.sign1("receipt", receipt, lambda data: town.device.key.sign(data).signature)
    with pytest.raises(Violation) as found:
        town.oracle.gateway_said(town.device.id, "receipt", forged, 0)
    assert found.value.number == 8


def _followed(town: Town) -> None:
    town.world.operator.rotate_key(b"\x44" * 32)


def test_8_a_receipt_by_another_key_than_the_channels(town: Town) -> None:
    row = town.paying()
    _followed(town)
    keys = town.world.gateway.keys
    receipt = Receipt(row.id, row.amount, row.units, CHECKPOINT, 1).payload()
    own = keys.of(keys.publics[0]).sign1("receipt", receipt)
    town.oracle.gateway_said(town.device.id, "receipt", own, 0)
    newest = keys.sign1("receipt", receipt)
    with pytest.raises(Violation) as found:
        town.oracle.gateway_said(town.device.id, "receipt", newest, 0)
    assert found.value.number == 8
    # Once the key in its terms is retired, it is the newest that speaks for it.
    assert town.world.operator.retire_key(all_the_same=True)
    town.oracle.gateway_said(town.device.id, "receipt", newest, 0)


def test_8_a_successor_that_nobody_decided(town: Town) -> None:
    _followed(town)
    keys = town.world.gateway.keys
    town.oracle.gateway_said(town.device.id, "successor", keys.successors()[0], 0)
    named = Successor(bytes(town.device.key.verify_key), 1).payload()
    for word in (
        keys.of(keys.publics[0]).sign1("successor", named),
        keys.sign1("successor", named),
        envelope.sign1("successor", named, lambda data: town.device.key.sign(data).signature),
    ):
        with pytest.raises(Violation) as found:
            town.oracle.gateway_said(town.device.id, "successor", word, 0)
        assert found.value.number == 8


def test_9_the_rail_pays_one_reference_twice(town: Town) -> None:
    reference, outcome = next(iter(town.world.rail.outcomes.items()))
    assert outcome == "done"
    with pytest.raises(Violation) as found:
        town.oracle.rail_moved(Movement("manual", "x", "EUR", 1), reference, instructed=True)
    assert found.value.number == 9


def test_9_stretches_that_overlap(town: Town) -> None:
    town.world.settle()
    town.change(
        "UPDATE interval SET from_amount = from_amount - 1 WHERE from_amount > 0 AND channel_id ="
        " :id",
        id=town.paying().id,
    )
    town.finds(9)


def test_10_a_device_signs_less_than_before(town: Town) -> None:
    row = town.paying()
    with pytest.raises(Violation) as found:
        town.oracle.device_said(town.device.id, "iou", town.iou(row.id, 0, 0), 0)
    assert found.value.number == 10


def test_10_a_device_signs_a_price_that_is_not_the_tariffs(town: Town) -> None:
    row, amount, units, _ = town.next_iou()
    with pytest.raises(Violation) as found:
        town.oracle.device_said(town.device.id, "iou", town.iou(row.id, amount + 1, units), 0)
    assert found.value.number == 10


def test_11_a_device_delivers_beyond_its_window(town: Town) -> None:
    town.oracle.device_holds(town.device.id, delivered_units=110, signed_units=10, window=100)
    with pytest.raises(Violation) as found:
        town.oracle.device_holds(town.device.id, delivered_units=111, signed_units=10, window=100)
    assert found.value.number == 11


def test_12_a_closed_channel_is_opened_again(town: Town) -> None:
    assert town.world.operator.close(town.device.id)
    assert town.world.drain() == []
    row = next(row for row in town.rows().values() if row.state == "closed")
    town.oracle.check()
    town.change("UPDATE channel SET state = 'open' WHERE id = :id", id=row.id)
    town.finds(12)


def test_12_an_instruction_that_was_done_changes(town: Town) -> None:
    town.change("UPDATE instruction SET state = 'pending' WHERE state = 'done'")
    town.finds(12)


@pytest.mark.parametrize("column", ["payer_account", "payee_account"])
def test_13_a_channel_is_charged_to_another(town: Town, column: str) -> None:
    town.change(f"UPDATE channel SET {column} = 'other' WHERE id = :id", id=town.paying().id)
    town.finds(13)


def test_13_a_mark_is_proved_by_the_iou_of_another_channel(town: Town) -> None:
    row = town.paying()
    other = bytes(32)
    town.store(row, row.amount, row.units, town.iou(other, row.amount, row.units))
    town.finds(13)


def test_14_a_fencing_token_falls(town: Town) -> None:
    town.change("UPDATE lease SET token = token - 1")
    town.finds(14)


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM entry WHERE seq = (SELECT max(seq) FROM entry)",
        "UPDATE entry SET hash = zeroblob(32) WHERE seq = (SELECT max(seq) FROM entry)",
    ],
)
def test_15_the_newest_entry_is_altered_or_gone(town: Town, statement: str) -> None:
    town.change(statement)
    town.finds(15)


def test_15_an_old_entry_was_altered(town: Town) -> None:
    town.world.settle()
    town.change("UPDATE entry SET memo = 'another' WHERE seq = 1")
    town.finds_at_rest(15)


def test_16_the_rail_pays_what_nobody_instructed(town: Town) -> None:
    town.oracle.rail_moved(Movement("manual", "fleet", "EUR", 1), "nobody's", instructed=True)
    town.finds(16)


def test_16_the_rail_pays_another_amount(town: Town) -> None:
    town.world.operator.settle()
    with closing(town.world.storage.read()) as conn:
        asked = next(row for row in books_money.instructions(conn).values() if row.state != "done")
    sign = 1 if asked.direction == "collect" else -1
    moved = Movement("manual", asked.account, asked.currency, sign * (asked.amount + 1))
    town.oracle.rail_moved(moved, asked.id, instructed=True)
    town.finds(16)


def test_16_what_was_paid_is_recorded_as_failed(town: Town) -> None:
    town.world.operator.settle()
    town.world.rail.execute()
    town.change("UPDATE instruction SET state = 'failed' WHERE state <> 'done'")
    town.finds(16)


def test_16_an_account_has_not_paid_what_it_owes(town: Town) -> None:
    town.world.operator.settle()  # and no rail acts on it
    town.finds_at_rest(16)


def _frozen(town: Town) -> ChannelRow:
    row = town.paying()
    town.change("UPDATE channel SET state = 'frozen' WHERE id = :id", id=row.id)
    town.oracle.check()
    return row


def test_17_a_frozen_channel_goes_on(town: Town) -> None:
    _, amount, units, iou = town.next_iou()
    row = _frozen(town)
    town.oracle.device_said(town.device.id, "iou", iou, 0)
    town.store(row, amount, units, iou)
    town.finds(17)


def test_17_a_frozen_channel_thaws_by_itself(town: Town) -> None:
    row = _frozen(town)
    town.change("UPDATE channel SET state = 'open' WHERE id = :id", id=row.id)
    town.finds(17)


def test_17_an_operator_may_thaw(town: Town) -> None:
    row = _frozen(town)
    town.oracle.declared("thawed", row.id.hex())
    town.change("UPDATE channel SET state = 'open' WHERE id = :id", id=row.id)
    town.oracle.check()


def test_20_what_was_signed_never_arrived(town: Town) -> None:
    town.world.settle()
    *_, iou = town.next_iou()
    town.oracle.device_said(town.device.id, "iou", iou, 0)
    town.finds_at_rest(20)


def test_21_a_refusal_for_no_known_reason(town: Town) -> None:
    payload = Refused("iou", "malformed", b"", 0).payload()
    unknown = cbor2.loads(payload)
    unknown[2] = 99
    message = envelope.mac0("refused", cbor2.dumps(unknown, canonical=True), bytes(32))
    with pytest.raises(Violation) as found:
        town.oracle.gateway_said(town.device.id, "refused", message, 0)
    assert found.value.number == 21


def test_10_a_device_forgets_what_it_paid_for(town: Town) -> None:
    town.oracle.device_keeps(town.device.id, metered=500, paid=500)
    town.oracle.device_keeps(town.device.id, metered=500, paid=40)
    with pytest.raises(Violation) as found:
        town.oracle.device_keeps(town.device.id, metered=499, paid=0)
    assert found.value.number == 10
    town.oracle.declared("key_wiped", town.device.id)
    town.oracle.device_keeps(town.device.id, metered=0, paid=0)


def test_11_more_is_delivered_than_a_window_beyond_what_is_accepted(town: Town) -> None:
    row = town.paying()
    town.oracle.device_delivers(town.device.id, row.id, row.units + row.window)
    town.oracle.check()
    town.oracle.device_delivers(town.device.id, row.id, row.units + row.window + 1)
    town.finds(11)


def test_13_a_channel_is_not_in_the_currency_that_was_signed(town: Town) -> None:
    town.change("UPDATE tariff SET currency = 'CHF'")
    town.finds(13)


def test_14_a_worker_that_was_replaced_writes(town: Town) -> None:
    process = town.world.gateway.processes[0]
    town.oracle.wrote("ingest", process._token)
    with pytest.raises(Violation) as found:
        town.oracle.wrote("ingest", process._token - 1)
    assert found.value.number == 14


def test_20_a_revoked_key_owes_nothing_more(town: Town) -> None:
    town.world.settle()
    *_, iou = town.next_iou()
    town.oracle.device_said(town.device.id, "iou", iou, 0)
    town.oracle.declared("revoked", town.device.id)
    town.oracle.check_settled()
