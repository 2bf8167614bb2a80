"""Use cases on what the gateway signs for others: statements in each form, a channel's messages,
and evidence bundles."""

from typing import Any

from sqlalchemy import Connection, Row, select

from gateway.documents.statement import Paper
from gateway.documents.statement_csv import statement_csv
from gateway.keys import GatewayKeys, verify
from gateway.operations.errors import BadInput
from gateway.operations.paging import Page, one_page
from gateway.settlement import evidence, run, statements
from gateway.store import accounts, channels, fence, tariffs
from gateway.store.engine import Store
from gateway.store.errors import NotFound, RestoreFenced
from gateway.store.tables import Base
from protocol import cbor, envelope
from protocol.errors import AuthenticationError
from protocol.evidence import Bundle
from protocol.pricing import Tariff, tariff_from_map
from protocol.runs import Proof, read_run
from protocol.statements import read_line, read_statement

statement = Base.metadata.tables["statement"]
position = Base.metadata.tables["position"]
table = Base.metadata.tables["run"]


def statement_accounts(store: Store, number: int) -> list[str]:
    """The accounts that have a statement of a run. Raises NotFound."""
    with store.read() as conn:
        run.get(conn, number)
        query = select(statement.c.account).where(statement.c.run == number)
        return list(conn.execute(query.order_by(statement.c.account)).scalars())


def runs_with_statement(
    store: Store, account: str, *, before: int | None = None, limit: int = 100
) -> Page[Row[Any]]:
    """The runs of which an account has a statement, the newest first, each with its `net` there.
    Raises NotFound."""
    query = (
        select(table, position.c.net)
        .join(statement, statement.c.run == table.c.number)
        .join(
            position,
            (position.c.run == table.c.number) & (position.c.account == statement.c.account),
        )
        .where(statement.c.account == account)
        .order_by(table.c.number.desc())
    )
    if before is not None:
        query = query.where(table.c.number < before)
    with store.read() as conn:
        accounts.get(conn, account)
        return one_page(lambda count: conn.execute(query.limit(count)).all(), limit)


def statement_of(store: Store, number: int, account: str) -> bytes:
    """An account's signed statement of a run. Raises NotFound."""
    with store.read() as conn:
        return statements.message(conn, number, account)


def signer_of(keys: GatewayKeys, message: bytes) -> bytes:
    """The one of the gateway's public keys that signed a statement: runs of long ago are by older
    ones. Raises ProtocolError if none did."""
    for key in keys.publics:
        signed = envelope.parse_sign1("statement", message)
        if verify(key, signed.to_be_signed, signed.signature):
            return key
    raise AuthenticationError("statement", "not signed by a key of this gateway")


def lines_of(store: Store, number: int, account: str) -> bytes:
    """A statement's lines, as one CBOR array of byte strings. Raises NotFound."""
    with store.read() as conn:
        statements.message(conn, number, account)
        return cbor.encode(list(statements.lines(conn, number, account)))


def proof_of(store: Store, number: int, account: str) -> bytes:
    """The proof that a statement is in its run, encoded; it holds the signed run.

    Raises NotFound, also of a run that an earlier version made and did not sign.
    """
    with store.read() as conn:
        return statements.proof(conn, number, account).encoded()


def csv_of(store: Store, keys: GatewayKeys, number: int, account: str) -> bytes:
    """A statement as CSV. Raises NotFound."""
    return statement_csv(_paper(store, keys, number, account))


def pdf_of(store: Store, keys: GatewayKeys, number: int, account: str) -> bytes:
    """A statement as PDF. Raises NotFound, BadInput where the extra for it is not installed."""
    try:
        from gateway.documents.statement_pdf import statement_pdf
    except ImportError as error:
        message = f"PDF needs the extra: pip install 'tallystick[documents]' ({error})"
        raise BadInput("format", message) from None
    return statement_pdf(_paper(store, keys, number, account))


def _paper(store: Store, keys: GatewayKeys, number: int, account: str) -> Paper:
    with store.read() as conn:
        message = statements.message(conn, number, account)
        lines = [read_line(line) for line in statements.lines(conn, number, account)]
        try:
            whole: Proof | None = statements.proof(conn, number, account)
        except NotFound:
            whole = None
        root = None
        if whole is not None:
            root = read_run(envelope.parse_sign1("run", whole.run).payload).statements_root
        named = {line.tariff for line in lines}
        known: dict[bytes, Tariff] = {}
        for row in tariffs.listed(conn, active=False):
            if bytes(row.id) in named:
                known[bytes(row.id)] = tariff_from_map(cbor.decode(bytes(row.encoded)))
        return Paper(
            read_statement(envelope.parse_sign1("statement", message).payload),
            message,
            accounts.get(conn, account).name,
            signer_of(keys, message),
            lines,
            known,
            root,
        )


def bundle_of(
    store: Store, keys: GatewayKeys, channel_id: bytes, account: str | None = None
) -> bytes:
    """The evidence bundle of a channel, with the statements of one of its two accounts: by default
    that of its device.

    Raises NotFound, BadInput if the account is neither, RestoreFenced if the mark is that of a
    backup and its device may hold a later one: a receipt of it could be a lie.
    """
    with store.read() as conn:
        row = channels.get(conn, channel_id)
        parties = (row.payer_account, row.payee_account)
        if account is None:
            account = parties[0] if row.mirror_of is None else parties[1]
        if account not in parties:
            raise BadInput(
                "account", f"must be the channel's payer or payee: {parties[0]} or {parties[1]}"
            )
        _refuse_awaited(conn, channel_id)
        return evidence.bundle(conn, channel_id, account, keys, store.now(conn))


def messages_of(store: Store, keys: GatewayKeys, channel_id: bytes) -> tuple[Row[Any], Bundle]:
    """A channel's tariff, and all its signed messages, receipts of now among them. Raises NotFound,
    RestoreFenced as `bundle_of` does."""
    with store.read() as conn:
        row = channels.get(conn, channel_id)
        _refuse_awaited(conn, channel_id)
        found = evidence.messages(conn, channel_id, keys, store.now(conn))
        return tariffs.get(conn, bytes(row.tariff_id)), found


def _refuse_awaited(conn: Connection, channel_id: bytes) -> None:
    if fence.is_awaited(conn, channel_id):
        raise RestoreFenced(
            f"channel {channel_id.hex()}: its mark is a backup's, and its device has not shown "
            "itself since; wait for it"
        )
