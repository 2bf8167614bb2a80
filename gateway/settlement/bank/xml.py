"""XML that strangers wrote: a tree of plain nodes with their lines, or an error.

Hardened: no document type, and so no entity of anybody's making and no external file; bounded in
bytes, depth and elements. Built on expat, which reads and does nothing else.
"""

from collections.abc import Iterator
from xml.parsers import expat

MAX_BYTES = 16 * 1024 * 1024
MAX_DEPTH = 40
MAX_NODES = 500_000

_NAMESPACE = " "  # what expat puts between namespace and name; neither can hold one


class BankFileError(ValueError):
    """A file that can't be used; the text names the line, the element and what would be right."""


class Node:
    """An element of the file's own namespace: its local name, line, text and children."""

    __slots__ = ("attributes", "children", "line", "tag", "text")

    def __init__(self, tag: str, line: int, attributes: dict[str, str]) -> None:
        self.tag = tag
        self.line = line
        self.attributes = attributes
        self.children: list[Node] = []
        self.text = ""

    def all(self, path: str) -> Iterator["Node"]:
        """Every node at a path such as `NtryDtls/TxDtls`, in order."""
        first, _, rest = path.partition("/")
        for child in self.children:
            if child.tag == first:
                if rest:
                    yield from child.all(rest)
                else:
                    yield child

    def find(self, path: str) -> "Node | None":
        """The first node at a path, None if there is none."""
        return next(self.all(path), None)

    def need(self, path: str) -> "Node":
        """The first node at a path. Raises BankFileError."""
        found = self.find(path)
        if found is None:
            raise self.error(f"must have {path}")
        return found

    def get(self, *paths: str) -> str:
        """The text of the first of these paths that has any, "" if none has."""
        for path in paths:
            for found in self.all(path):
                if found.text:
                    return found.text
        return ""

    def error(self, message: str) -> BankFileError:
        """What is wrong with this node."""
        return BankFileError(f"line {self.line}: {self.tag}: {message}")


class _Reader:
    def __init__(self) -> None:
        self.root: Node | None = None
        self.namespace = ""
        self._open: list[Node] = []
        self._texts: list[list[str]] = []
        self._foreign = 0
        self._nodes = 0
        self.parser = expat.ParserCreate(namespace_separator=_NAMESPACE)
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._characters
        self.parser.StartDoctypeDeclHandler = self._doctype

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        line = self.parser.CurrentLineNumber
        self._nodes += 1
        if self._nodes > MAX_NODES:
            raise BankFileError(f"line {line}: has more than {MAX_NODES} elements")
        namespace, _, tag = name.rpartition(_NAMESPACE)
        if self.root is None:
            self.namespace = namespace
        if self._foreign or namespace != self.namespace:
            self._foreign += 1  # somebody's extension: not ours to read
        else:
            node = Node(tag, line, attributes)
            if self._open:
                self._open[-1].children.append(node)
            else:
                self.root = node
            self._open.append(node)
            self._texts.append([])
        if len(self._open) + self._foreign > MAX_DEPTH:
            raise BankFileError(f"line {line}: {tag}: is nested deeper than {MAX_DEPTH}")

    def _end(self, _name: str) -> None:
        if self._foreign:
            self._foreign -= 1
        else:
            self._open.pop().text = _one_line("".join(self._texts.pop()))

    def _characters(self, data: str) -> None:
        if not self._foreign:
            self._texts[-1].append(data)

    def _doctype(self, *_declared: object) -> None:
        raise BankFileError(
            f"line {self.parser.CurrentLineNumber}: DOCTYPE: must not be there, since entities are "
            "not taken"
        )


def _one_line(text: str) -> str:
    """Text without what is no character, single spaces for whatever stood between words."""
    return " ".join("".join(each if each.isprintable() else " " for each in text).split())


def read(content: bytes) -> tuple[str, Node]:
    """The root's namespace and the root. Raises BankFileError."""
    if len(content) > MAX_BYTES:
        raise BankFileError(f"must have at most {MAX_BYTES} bytes; ask the bank for smaller files")
    reader = _Reader()
    try:
        reader.parser.Parse(content, True)
    except expat.ExpatError as error:
        why = expat.errors.messages.get(error.code, str(error))
        raise BankFileError(f"line {error.lineno}: is no XML: {why}") from None
    except (LookupError, ValueError, UnicodeError) as error:
        if isinstance(error, BankFileError):
            raise
        raise BankFileError(f"line 1: is in an encoding that is not taken: {error}") from None
    if reader.root is None:
        raise BankFileError("line 1: is empty")
    return reader.namespace, reader.root
