"""An account's data as a person's: handed over whole, and erased without breaking the books."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from gateway import config
from gateway.operations import accounts as account_use
from gateway.operations import audit as audit_log
from gateway.operations import (
    channels,
    deposits,
    erasure,
    payout_accounts,
    people,
    personal_export,
    retention,
    tariffs,
)
from gateway.operations.errors import BadInput
from gateway.operations.principal import SamePerson
from gateway.settlement.rails.registry import Rails
from gateway.settlement.statements import message
from gateway.store import accounts, audit, devices, events, personal
from gateway.store.engine import Store
from gateway.store.errors import Conflict, NotFound
from gateway.store.tables import Base
from protocol import cbor
from protocol.ids import tariff_id
from tests.operations.test_bank import ANN, OWED, House
from tests.settlement.bank_files import Entry, Part, camt053
from tests.settlement.test_rail_sepa import sepa

MARKS = ("Cat", "cat device", "Dora Meier", "for Dora", "M-cat", "FR1420041010050500013M02606")
"""What says who `cat` is; each stands somewhere before it is erased."""


@pytest.fixture
def house(store: Store, tmp_path: Path) -> House:
    """A house whose account `cat` has paid, by its bank and from a deposit, and is watched by two
    people."""
    house = House(store, tmp_path)
    party = Part("run-1-cat", party="Dora Meier", text="for Dora")
    house.take(
        camt053(
            Entry("-0.06", [Part("run-1-bee", party="Bee")], ref="B-1"),
            Entry("0.03", [Part("run-1-ant")], ref="B-2"),
            Entry("0.03", [party], ref="B-3"),
        )
    )
    deposits.deposit(store, "cat", OWED, "sepa", "given", ANN, "for Dora")
    house.fleet.mark(_channel(house), 20_000)
    house.settle()
    house.take(camt053(Entry("-0.03", [Part("run-2-bee")], ref="B-9"), message="M-9"))
    rails = Rails.of(sepa(tmp_path / "sepa"))
    other = {"iban": "FR1420041010050500013M02606", "name": "Dora Meier"}
    row = payout_accounts.propose(store, rails, "cat", "sepa", other, ANN)
    payout_accounts.reject(store, "cat", row.id, ANN)
    people.invite(store, "dora", "owner", "token:ann", ["cat"])
    people.invite(store, "both", "owner", "token:ann", ["bee", "cat"])
    with store.write() as conn:
        after = {"account": "cat", "name": "cat device"}
        audit.record(conn, "device.register", _device(house), after=after)
        audit.record(conn, "device.register", "0" * 32, after={"account": "bee", "name": "hive"})
    return house


def _device(house: House) -> str:
    with house.store.read() as conn:
        return str(conn.execute(personal.devices("cat")).scalar_one())


def _channel(house: House) -> bytes:
    with house.store.read() as conn:
        return bytes(conn.execute(personal.channels("cat")).scalar_one())


def _close(house: House) -> None:
    """Take `cat` out of use."""
    tariffs.retire(house.store, tariff_id(cbor.encode(house.fleet.tariffs["cat"].to_map())))
    channels.close(house.store, _channel(house))
    with house.store.write() as conn:
        devices.set_status(conn, _device(house), "revoked")


def _texts(store: Store) -> Iterator[str]:
    """Every text in the database, with where it is."""
    with store.read() as conn:
        for table in Base.metadata.sorted_tables:
            for row in conn.execute(select(table)).mappings():
                for name, value in row.items():
                    if isinstance(value, str):
                        yield f"{table.name}.{name}: {value}"


def _told(store: Store, mark: str) -> list[str]:
    return [each for each in _texts(store) if mark in each]


def _statements(store: Store) -> list[Any]:
    with store.read() as conn:
        return list(conn.execute(text("SELECT * FROM statement ORDER BY run, account")).all())


def test_the_gateways_own_account_can_not_be_erased(store: Store) -> None:
    account_use.add(store, accounts.OPERATOR, "Own", "EUR")
    with pytest.raises(Conflict, match="the gateway's own"):
        erasure.request(store, accounts.OPERATOR, "by mistake")
    with store.read() as conn:
        assert accounts.get(conn, accounts.OPERATOR).erased_at is None


def test_what_says_who_it_was_is_gone_everywhere_and_the_books_hold(house: House) -> None:
    _close(house)
    for mark in MARKS:
        assert _told(house.store, mark), mark
    before = _statements(house.store)
    erasure.request(house.store.acting("token:bob"), "cat", "asked to, 7 of May")
    store = house.store.acting("token:ann")
    row = erasure.approve(store, "cat")
    assert (row.status, row.credit_limit) == ("closed", 0)
    for mark in MARKS:
        assert _told(house.store, mark) == [], mark
    assert _statements(house.store) == before
    house.audited()
    checked = audit_log.verify(house.store)
    assert checked.wrong == "" and checked.erased >= 4
    with house.store.read() as conn:
        assert accounts.get(conn, "bee").name == "Bee"
        (kept,) = audit.page(conn, subject="0" * 32)
        (said,) = audit.page(conn, action="account.erase")
    assert "hive" in kept.after
    assert (said.who, said.why) == ("token:ann", "asked to, 7 of May")
    assert people.show(house.store, "dora").person.state == "disabled"
    assert people.show(house.store, "both").accounts == ["bee"]
    with pytest.raises(Conflict, match="is erased"):
        account_use.change(store, "cat", status="active")
    # Again: nothing more happens.
    assert erasure.approve(store, "cat") == row
    with pytest.raises(Conflict, match="is erased"):
        erasure.request(store, "cat", "again")
    assert audit_log.verify(house.store).count == checked.count


def test_nothing_is_erased_while_anything_is_open(house: House) -> None:
    was = sorted(_texts(house.store))
    with pytest.raises(Conflict) as refused:
        erasure.request(house.store, "cat", "asked to")
    for part in ("channel ", "device ", "tariff cat is not retired"):
        assert part in str(refused.value)
    assert sorted(_texts(house.store)) == was
    _close(house)
    deposits.deposit(house.store, "cat", 1, "sepa", "late", ANN)
    with pytest.raises(Conflict, match="the books have a balance at funds:cat"):
        erasure.request(house.store, "cat", "asked to")
    with pytest.raises(BadInput, match="reason"):
        erasure.request(house.store, "cat", " ")
    with pytest.raises(NotFound):
        erasure.request(house.store, "nobody", "asked to")


def test_an_erasure_takes_two_persons_and_what_is_open_by_then_stops_it(house: House) -> None:
    _close(house)
    ann, bob = house.store.acting("person:ann"), house.store.acting("person:bob")
    with pytest.raises(NotFound, match="nobody has asked"):
        erasure.approve(bob, "cat")
    asked = erasure.request(ann, "cat", "asked to")
    assert erasure.request(ann, "cat", "asked to") == asked
    with pytest.raises(Conflict, match="its erasure waits"):
        erasure.request(bob, "cat", "I too")
    # A token of hers is no other person.
    for one in (ann, house.store.acting("person:ann/token:0123456789ab")):
        with pytest.raises(SamePerson):
            erasure.approve(one, "cat")
    deposits.deposit(house.store, "cat", 1, "sepa", "late", ANN)
    with pytest.raises(Conflict, match="the books have a balance at funds:cat"):
        erasure.approve(bob, "cat")
    assert _told(house.store, "Dora Meier")
    erasure.reject(bob, "cat")
    with pytest.raises(NotFound):
        erasure.show(ann, "cat")
    with house.store.read() as conn:
        told = [row.kind for row in events.page(conn, subject="cat") if "erasure" in row.kind]
    assert told == ["account.erasure_rejected", "account.erasure_requested"]


@pytest.mark.threat("O9")
@pytest.mark.parametrize(
    "change",
    [
        "before = 'x', after = '', why = '', salt = NULL",
        "before = '', after = '', why = ''",
        "before = '', after = '', why = '', salt = NULL, who = 'nobody'",
        "before = '', after = '', why = '', salt = NULL, committed = hash",
    ],
)
def test_o9_the_database_lets_details_be_erased_and_nothing_else(store: Store, change: str) -> None:
    with store.write() as conn:
        audit.record(conn, "device.suspend", "one", before={"n": 1}, why="x")
    with pytest.raises(DBAPIError), store.write() as conn:
        conn.execute(text(f"UPDATE audit SET {change}"))
    with store.write() as conn:
        assert audit.erase(conn, audit.table.c.seq == 1) == 1
    found = audit_log.verify(store)
    assert (found.count, found.erased, found.wrong) == (1, 1, "")
    with pytest.raises(DBAPIError, match="append-only"), store.write() as conn:
        conn.execute(text("UPDATE audit SET why = 'x'"))


def test_an_export_has_all_of_an_account_and_no_secret(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "cat.json"
    size = personal_export.write(house.store, "cat", path)
    assert (path.stat().st_size, path.stat().st_mode & 0o777) == (size, 0o600)
    told = json.loads(path.read_text())
    for mark in MARKS:
        assert mark in path.read_text()
    assert [row["name"] for row in told["person"]] == ["both", "dora"]
    assert (told["deposit"][0]["amount"], told["deposit"][0]["note"]) == (OWED, "for Dora")
    (channel,) = told["channel"]
    assert (channel["id"], channel["units"]) == (_channel(house).hex(), 20_000)
    assert [row["run"] for row in told["statement"]] == [1, 2]
    with house.store.read() as conn:
        assert message(conn, 1, "cat").hex() == told["statement"][0]["message"]
    assert [row["party"] for row in told["booking"]] == ["Dora Meier"]
    assert {row["account_id"] for row in told["payout_account"]} == {"cat"}
    assert "hive" not in path.read_text()
    for rows in told.values():
        if isinstance(rows, list):
            names = {name for row in rows for name in row}
            assert not any(name.endswith(("_hash", "_secret")) for name in names)
    # By pages it is the same.
    monkeypatch.setattr(personal_export, "_AT_ONCE", 1)
    again = json.loads("".join(personal_export.document(house.store, "cat")))
    assert again | {"exported_at": 0} == told | {"exported_at": 0}


def test_what_is_old_is_forgotten_by_itself_and_what_is_not_stays(
    house: House, tmp_path: Path
) -> None:
    kept = dict.fromkeys(("bank_texts_kept", "payout_details_kept", "audit_details_kept"), "9000d")
    settings = config.load(tmp_path, **kept)
    assert settings.bank_texts_kept == 9000 * 86_400
    was = sorted(_texts(house.store))
    assert retention.forget(house.store, config.load(tmp_path)) == 0
    assert retention.forget(house.store, settings) == 0
    assert sorted(_texts(house.store)) == was
    now = house.store.now
    house.store.now = lambda conn: now(conn) + 9001 * 86_400  # type: ignore[method-assign]
    assert retention.forget(house.store, settings) > 0
    # In force still, and of no instruction that is over: the mandate by which cat is debited.
    assert {each.split(".")[0] for each in _told(house.store, "M-cat")} == {"payout_account"}
    assert _told(house.store, "FR1420041010050500013M02606") == []
    # A deposit's note is no text of the bank's.
    assert {each.split(":")[0] for each in _told(house.store, "for Dora")} == {"deposit.note"}
    assert _told(house.store, "cat device")[0].startswith("device.name")
    checked = audit_log.verify(house.store)
    assert (checked.wrong, checked.erased) == ("", checked.count)
    assert retention.forget(house.store, settings) == 0
    house.audited()


_NOT_OF_ONE = {
    "awaited", "balance", "band", "bank_file", "belief", "chain", "chain_transaction", "delivery",
    "entry", "follower",
    "generation", "idempotency", "lease", "meta", "notice", "pending", "pending_posting",
    "recovery_code", "run", "run_account", "token_account", "webhook",
}  # fmt: skip
"""Tables that say nothing of an account beyond what those that are exported say."""


def test_every_table_is_exported_or_said_not_to_be(store: Store) -> None:
    with store.read() as conn:
        names = {part.table.name for part in personal.parts(conn, "x")}
    assert names & _NOT_OF_ONE == set()
    assert names | _NOT_OF_ONE == set(Base.metadata.tables)
