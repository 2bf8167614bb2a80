"""Statements of channels whose price changed, on each database; and how lines share out a fee."""

from sqlalchemy import text

from gateway.settlement import evidence, statements
from gateway.settlement.leg_lines import Begun, lines_of
from gateway.settlement.run import run_settlement
from gateway.settlement.verify_books import verify_books
from gateway.store import channels, legs, tariffs
from gateway.store.engine import Store
from gateway.store.tables import Tariff as TariffRow
from gateway.verify_bundle import check_bundle
from protocol import envelope
from protocol.legs import Leg
from protocol.messages import Iou
from protocol.pricing import Tariff
from protocol.statements import PAYEE, StatementLine, check_lines, mark_hash, read_statement
from tests.settlement.fleet import CAPACITY, FAR, GATEWAY, Fleet

DEAR = Tariff("bee-unit", 7, 1, "EUR")


def _add(store: Store, price: Tariff, payee: str) -> None:
    with store.write() as conn:
        tariffs.add(
            conn,
            TariffRow(
                id=price.id(),
                name="dear",
                encoded=price.encoded(),
                unit=price.unit,
                numerator=price.numerator,
                denominator=price.denominator,
                currency=price.currency,
                scale=price.scale,
                pricing=price.pricing,
                payee_account=payee,
                window_units=10,
                max_capacity=CAPACITY,
                max_lifetime_s=FAR,
                created_at=1,
            ),
        )


def test_each_leg_of_an_interval_is_a_line_and_the_lines_add_up(store: Store) -> None:
    fleet = Fleet(store)
    _add(store, DEAR, "bee")
    channel, plain = fleet.open("ant", "bee"), fleet.open("ant", "bee", 1)
    fleet.mark(plain, 4)
    fleet.mark(channel, 10)
    key = fleet.keys["ant"]

    def sign(data: bytes) -> bytes:
        return key.sign(data).signature

    leg = Leg(channel, 1, DEAR, fleet.iou(channel, 10))
    with store.write() as conn:
        assert legs.begin(conn, leg, envelope.sign1("leg", leg.payload(), sign), 0, 20)
        iou = envelope.sign1("iou", Iou(channel, 30 + 7 * 5, 15).payload(), sign)
        row = {"b_id": channel, "new_amount": 65, "new_units": 15, "new_iou": iou, "now": 10}
        assert channels.raise_marks(conn, [row]) == 1
    assert run_settlement(store, "EUR", GATEWAY.sign, "manual") is not None
    with store.read() as conn:
        for account in ("ant", "bee"):
            message = statements.message(conn, 1, account)
            said = read_statement(envelope.parse_sign1("statement", message).payload)
            lines = list(statements.lines(conn, 1, account))
            assert len(lines) == said.line_count == 3
            check_lines(said, lines)
            report = check_bundle(evidence.bundle(conn, channel, account, GATEWAY, 99))
            assert report.ok, report.checks
        assert conn.execute(text("SELECT count(*) FROM interval")).scalar_one() == 2
    assert verify_books(store, GATEWAY.public).discrepancies == []


def test_the_fee_of_an_interval_stands_with_its_last_lines() -> None:
    first, last = b"\x01" * 32, b"\x02" * 32
    whole = StatementLine(bytes(32), PAYEE, 5, 100, 1, 20, b"a" * 32, first, last, 12)
    begun = [
        Begun(b"b" * 32, 5, 1, b"at the start"),
        Begun(b"c" * 32, 90, 10, b"within"),
        Begun(b"d" * 32, 90, 10, b"within, again"),
        Begun(b"e" * 32, 95, 15, b"later"),
        Begun(b"f" * 32, 100, 20, b"at the end"),
    ]
    lines = list(lines_of(whole, begun))
    assert [(each.tariff[:1], each.from_amount, each.to_amount, each.fee) for each in lines] == [
        (b"b", 5, 90, 2),
        (b"d", 90, 95, 5),
        (b"e", 95, 100, 5),
    ]
    assert [(each.from_units, each.to_units) for each in lines] == [(1, 10), (10, 15), (15, 20)]
    within, later = mark_hash(b"within"), mark_hash(b"later")
    ends = [(first, within), (within, later), (later, last)]
    assert [(each.first, each.last) for each in lines] == ends
