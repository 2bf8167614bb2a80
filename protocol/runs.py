"""The gateway's word on one settlement run as a whole, which proves that a statement is one of the
run's, and that everybody was told of the same run."""

from protocol import cbor, merkle
from protocol.errors import WireError
from protocol.fields import array, currency, data, integer, octets, read_map, scale, text
from protocol.statements import Statement


class Run:
    """How many statements one run has, and their Merkle root: the leaves are the signed statements,
    in the order of the accounts' ids. COSE_Sign1 of the gateway, of kind `run`."""

    def __init__(
        self,
        run: int,
        currency: str,
        scale: int,
        period_start: int,
        period_end: int,
        count: int,
        statements_root: bytes,
        journal_head: bytes,
    ) -> None:
        self.run = run
        self.currency = currency
        self.scale = scale
        self.period_start = period_start
        self.period_end = period_end
        self.count = count
        self.statements_root = statements_root
        self.journal_head = journal_head

    def payload(self) -> bytes:
        return cbor.encode_numbered(
            self.run,
            self.currency,
            self.scale,
            self.period_start,
            self.period_end,
            self.count,
            self.statements_root,
            self.journal_head,
        )


def read_run(payload: bytes) -> Run:
    """Raises WireError."""
    fields = read_map(cbor.decode(payload), (1, 2, 3, 4, 5, 6, 7, 8), (), "run")
    run = Run(
        integer(fields[1], "run.run"),
        currency(text(fields[2], "run.currency"), "run.currency"),
        scale(integer(fields[3], "run.scale"), "run.scale"),
        integer(fields[4], "run.period_start"),
        integer(fields[5], "run.period_end"),
        integer(fields[6], "run.count"),
        data(fields[7], 32, "run.statements_root"),
        data(fields[8], 32, "run.journal_head"),
    )
    if run.period_end < run.period_start:
        raise WireError("run.period_end", "before the period's start")
    return run


def check_in_run(
    statement: Statement, message: bytes, run: Run, index: int, path: list[bytes]
) -> None:
    """That the statement, of which `message` is the signed form, is number `index` of the run's, by
    its audit path. Raises WireError naming what does not fit."""
    for name, stated, ran in (
        ("run", statement.run, run.run),
        ("currency", statement.currency, run.currency),
        ("scale", statement.scale, run.scale),
        ("period_start", statement.period_start, run.period_start),
        ("period_end", statement.period_end, run.period_end),
        ("journal_head", statement.journal_head, run.journal_head),
    ):
        if stated != ran:
            raise WireError("statement." + name, "the run says otherwise")
    if not merkle.is_included(message, index, run.count, path, run.statements_root):
        raise WireError("run.statements_root", "the statement is not among those that were signed")


class Proof:
    """That a statement is number `index` (from 0) of the run whose signed message `run` is, by the
    audit path. As a file it is what comes with a statement."""

    def __init__(self, run: bytes, index: int, path: list[bytes]) -> None:
        self.run = run
        self.index = index
        self.path = path

    def encoded(self) -> bytes:
        """The proof as a file."""
        return cbor.encode_numbered(self.run, self.index, self.path)


def read_proof(encoded: bytes) -> Proof:
    """Raises WireError. Nothing of what is in it is verified."""
    fields = read_map(cbor.decode(encoded), (1, 2, 3), (), "proof")
    return Proof(
        octets(fields[1], "proof.run"),
        integer(fields[2], "proof.index"),
        [data(each, 32, "proof.path") for each in array(fields[3], "proof.path")],
    )
