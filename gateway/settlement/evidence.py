"""Everything that is signed about one channel, and the evidence bundle: all of it in one file.

The gateway gives what it has, also where that speaks against itself. Receipts are signed as they
were before, byte for byte, since they say the same: only the checkpoint of a channel that is not
closed is new each time. Who checks a bundle shares none of this: `gateway.verify_bundle`.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, Row, select

from gateway.keys import GatewayKeys
from gateway.settlement import statements
from gateway.store import channels, legs
from gateway.store.tables import Base
from protocol import envelope, merkle
from protocol.evidence import Bundle, Mark, Stated
from protocol.messages import CHECKPOINT, CLOSE, SETTLEMENT, Receipt, read_terms
from protocol.statements import PAYEE, read_line

run_table = Base.metadata.tables["run"]
interval = Base.metadata.tables["interval"]

_KEPT = {"contradiction": "iou", "close": "close"}
"""The kinds of messages by what they were kept as."""


def bundle(conn: Connection, channel_id: bytes, account: str, keys: GatewayKeys, at: int) -> bytes:
    """The encoded bundle of a channel, with the statements of this account, which pays or is paid;
    all else as in `messages`. Reads all statements of each run that settled the channel. Raises
    NotFound.
    """
    whole = messages(conn, channel_id, keys, at)
    runs = [each.run for each in _intervals(conn, channel_id) if each.run_message is not None]
    whole.stated = [
        stated for run in dict.fromkeys(runs) for stated in _stated(conn, channel_id, run, account)
    ]
    return whole.encoded()


def messages(conn: Connection, channel_id: bytes, keys: GatewayKeys, at: int) -> Bundle:
    """All signed messages of a channel, as a bundle without statements.

    Receipts are by the key that the terms name while `keys` hold it. `at` is the time of the
    checkpoint, in Unix seconds. Raises NotFound.
    """
    row = channels.get(conn, channel_id)
    kind = "open" if row.mirror_of is None else "mirror"
    terms = read_terms(envelope.parse_sign1(kind, bytes(row.open_message)).payload)
    sign1 = keys.of(terms.gateway_key).sign1
    said = [(kind, bytes(row.open_message))]
    if row.mirror_of is None:
        said.append(("opened", bytes(row.opened_message)))
    topup = channels.topups(conn, [channel_id]).get(channel_id)
    if topup is not None:
        said.append(("topup", topup))
    said += [("leg", bytes(each.message)) for each in legs.of(conn, channel_id)]
    said += [("successor", word) for word in keys.successors(terms.gateway_key)]
    found = _intervals(conn, channel_id)
    settled = [each for each in found if each.run_message is not None]
    said += [("receipt", each) for each in _receipts(row, settled, sign1, at)]
    kept = [
        (_KEPT[each.kind], bytes(each.message)) for each in channels.evidence_of(conn, channel_id)
    ]
    return Bundle(channel_id, said, list(_marks(row, found)), [], kept)


def _intervals(conn: Connection, channel_id: bytes) -> Sequence[Row[Any]]:
    """A channel's intervals in order, with what is signed of the run that settled each."""
    query = (
        select(interval, run_table.c.period_end, run_table.c.message.label("run_message"))
        .outerjoin(run_table, run_table.c.number == interval.c.run)
        .where(interval.c.channel_id == channel_id)
        .order_by(interval.c.from_amount)
    )
    return conn.execute(query).all()


def _receipts(
    row: Row[Any], settled: Sequence[Row[Any]], sign1: Callable[[str, bytes], bytes], at: int
) -> Iterator[bytes]:
    channel_id = bytes(row.id)
    said = [
        Receipt(channel_id, each.to_amount, each.to_units, SETTLEMENT, each.period_end, each.run)
        for each in settled
    ]
    if row.state == "closed":
        said.append(Receipt(channel_id, row.amount, row.units, CLOSE, row.closed_at))
    elif row.amount:
        # Never before what was signed last, or a clock set back would make two lies of one truth.
        now = max([at, *(each.time for each in said)])
        said.append(Receipt(channel_id, row.amount, row.units, CHECKPOINT, now))
    for each in said:
        yield sign1("receipt", each.payload())


def _marks(row: Row[Any], intervals: Sequence[Row[Any]]) -> Iterator[Mark]:
    """What proves the mark at each interval's end, and the last one where that is above them."""
    reached = 0
    for each in [*intervals, row]:
        amount = row.amount if each is row else each.to_amount
        if each.iou is not None and amount > reached:
            reached = amount
            tick = statements.tick_of(bytes(row.id), each.tick_index, each.tick_preimage)
            yield Mark(bytes(each.iou), tick)


def _stated(conn: Connection, channel_id: bytes, run: int, account: str) -> Iterator[Stated]:
    """The proofs that the channel's lines in an account's statement are in its run."""
    proof = statements.proof(conn, run, account)
    message = statements.message(conn, run, account)
    ours: dict[int, bytes] = {}
    role = PAYEE
    for index, line in enumerate(statements.lines(conn, run, account)):
        if channel_id in line and read_line(line).channel == channel_id:
            # An account that pays itself has lines of the channel twice: first the payer's.
            role = read_line(line).role if not ours else role
            if read_line(line).role == role:
                ours[index] = line
    for index, line in ours.items():
        tree = merkle.Tree()
        for each, other in enumerate(statements.lines(conn, run, account)):
            tree.add(merkle.leaf_hash(other), each == index)
        yield Stated(proof.run, message, proof.index, proof.path, line, tree.index, tree.path())
