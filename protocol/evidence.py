"""The evidence on one channel in one file: every signed message that anybody may have to see, and
the proofs that what was settled is in signed statements of signed runs.

The container is not signed, and needs no signature: everything in it is proven by signatures and
hashes of its own, so that anybody may put one together, and nobody can alter a byte of it. What
must hold of its parts is decided by whoever checks them; here is only its form.
"""

from protocol import cbor, merkle
from protocol.errors import WireError
from protocol.fields import array, data, integer, octets, read_map, text
from protocol.statements import Statement

FORMAT = "tallystick/v1/evidence"
OPENING_KINDS = ("open", "mirror")
"""What a channel begins with: the payer's terms, or the gateway's where it is the payer."""
SAID_KINDS = ("open", "mirror", "opened", "receipt", "successor", "close", "topup", "leg")
"""What may have been said of a channel besides its marks."""
KEPT_KINDS = ("iou", "credit", "close")
"""What may have been kept because it shows something wrong."""

_START = b"\x01\x76" + FORMAT.encode()  # after the head of the map: key 1, text of 22 bytes


class Mark:
    """What proves a mark: the message of the payer's IOU (or the gateway's credit), and the payload
    of the tick that raised it, empty if none did."""

    def __init__(self, message: bytes, tick: bytes = b"") -> None:
        self.message = message
        self.tick = tick


class Stated:
    """That one line is in a signed statement, and the statement in a signed run: whole messages,
    and each one's number with its audit path."""

    def __init__(
        self,
        run: bytes,
        statement: bytes,
        index: int,
        path: list[bytes],
        line: bytes,
        line_index: int,
        line_path: list[bytes],
    ) -> None:
        self.run = run
        self.statement = statement
        self.index = index
        self.path = path
        self.line = line
        self.line_index = line_index
        self.line_path = line_path


class Bundle:
    """All evidence on the channel with this id.

    `said` holds (kind, message) pairs, first what the channel begins with; `marks` what proves the
    mark at each interval's end and the last one, rising; `stated` a proof for each interval that a
    run settled; `kept` (kind, message) pairs that were kept because they show something wrong.
    """

    def __init__(
        self,
        channel: bytes,
        said: list[tuple[str, bytes]],
        marks: list[Mark],
        stated: list[Stated],
        kept: list[tuple[str, bytes]],
    ) -> None:
        self.channel = channel
        self.said = said
        self.marks = marks
        self.stated = stated
        self.kept = kept

    def encoded(self) -> bytes:
        """The bundle as a file."""
        stated = [
            [s.run, s.statement, s.index, s.path, s.line, s.line_index, s.line_path]
            for s in self.stated
        ]
        return cbor.encode(
            {
                1: FORMAT,
                2: self.channel,
                3: self.said,
                4: [(mark.message, mark.tick) for mark in self.marks],
                5: stated,
                6: self.kept,
            }
        )


def is_bundle(start: bytes) -> bool:
    """Whether bytes that begin so claim to be a bundle."""
    return start[1 : 1 + len(_START)] == _START


def read_bundle(encoded: bytes) -> Bundle:
    """Raises WireError. Nothing of what is in it is verified."""
    fields = read_map(cbor.decode(encoded), (1, 2, 3, 4, 5, 6), (), "evidence")
    if fields[1] != FORMAT:
        raise WireError("evidence.format", "must be " + FORMAT)
    said = _messages(fields[3], SAID_KINDS, "evidence.said")
    opening = [kind for kind, _message in said if kind in OPENING_KINDS]
    if len(opening) != 1 or said[0][0] not in OPENING_KINDS:
        raise WireError("evidence.said", "must begin with one open or mirror")
    marks = [_array(each, 2, "evidence.marks") for each in array(fields[4], "evidence.marks")]
    stated = [_stated(each) for each in array(fields[5], "evidence.stated")]
    return Bundle(
        data(fields[2], 32, "evidence.channel_id"),
        said,
        [Mark(octets(m, "evidence.marks"), octets(t, "evidence.marks")) for m, t in marks],
        stated,
        _messages(fields[6], KEPT_KINDS, "evidence.kept"),
    )


def _array(value: object, size: int, where: str) -> list[object]:
    items = array(value, where)
    if len(items) != size:
        raise WireError(where, "each must be an array of " + str(size))
    return items


def _messages(value: object, kinds: tuple[str, ...], where: str) -> list[tuple[str, bytes]]:
    found = []
    for each in array(value, where):
        kind, message = _array(each, 2, where)
        name = text(kind, where)
        if name not in kinds:
            raise WireError(where, "no kind that may stand here")
        found.append((name, octets(message, where)))
    return found


def _stated(value: object) -> Stated:
    where = "evidence.stated"
    parts = _array(value, 7, where)
    return Stated(
        octets(parts[0], where),
        octets(parts[1], where),
        integer(parts[2], where),
        _path(parts[3]),
        octets(parts[4], where),
        integer(parts[5], where),
        _path(parts[6]),
    )


def _path(value: object) -> list[bytes]:
    return [data(each, 32, "evidence.path") for each in array(value, "evidence.path")]


def check_in_statement(statement: Statement, line: bytes, index: int, path: list[bytes]) -> None:
    """That this encoded line is number `index` of the statement's, by its audit path. Raises
    WireError."""
    if not merkle.is_included(line, index, statement.line_count, path, statement.lines_root):
        raise WireError("statement.lines_root", "the line is not among those that were signed")
