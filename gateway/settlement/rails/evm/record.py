"""What the rail was given, what the gateway said and what was sent: files that are written whole.

    <batch>.csv               the batch's instructions, for people
    batch.<batch>.json        what changes for which owner
    said.<n>.<batch>.json     settlement n, signed; never written again
    sent.<n>.json             its transactions, the newest last; each is here before it is sent
    outcome.<n>.json          who was left out, once that is final

Whatever is here was decided; what is not was not. One process at a time goes on from it.
"""

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from gateway.settlement.rails.evm.word import Entry, Settlement, Signature
from gateway.settlement.rails.manual import write_once, write_whole


@dataclass(frozen=True, slots=True)
class Batch:
    """What a batch changes, in units by owner, above zero if paid to it; `at` in Unix seconds."""

    name: str
    at: int
    changes: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Sent:
    """A transaction: its hash, what was broadcast, and at which block; fees in wei per gas."""

    nonce: int
    hash: str
    raw: str
    fee: int
    tip: int
    block: int


class Record:
    """The files in one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @contextmanager
    def alone(self) -> Iterator[bool]:
        """Whether nobody else is at work here while this lasts."""
        self.make_folder()
        # Called so that no backup takes it for a part of the record.
        handle = os.open(self.folder / "lock.tmp", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
        finally:
            os.close(handle)

    def keep_batch(self, batch: Batch) -> None:
        """Keep a batch; again with the same content it changes nothing. Raises RailError."""
        path = self.folder / f"batch.{batch.name}.json"
        write_once(path, _encoded({"at": batch.at, "changes": dict(sorted(batch.changes.items()))}))

    def batches(self) -> list[Batch]:
        """All that came, the oldest first."""
        found = [
            Batch(path.stem.removeprefix("batch."), said["at"], said["changes"])
            for path in self.folder.glob("batch.*.json")
            for said in [json.loads(path.read_bytes())]
        ]
        return sorted(found, key=lambda each: (each.at, each.name))

    def keep_said(self, said: Settlement, signature: Signature, block: int) -> None:
        """Keep the gateway's word, which is never given again for this number, and which block was
        final then. Raises RailError."""
        r, s, v = signature
        content = {
            "entries": [[each.owner, each.settled] for each in said.entries],
            "root": said.root.hex(),
            "signature": [r.hex(), s.hex(), v],
            "block": block,
        }
        path = self._said(said.sequence, said.batch)
        write_once(path, _encoded(content))

    def said(self) -> dict[int, str]:
        """The batch of each settlement, by its number."""
        names = (path.stem.split(".", 2) for path in self.folder.glob("said.*.json"))
        return dict(sorted((int(sequence), batch) for _said, sequence, batch in names))

    def word(self, sequence: int, batch: str) -> tuple[Settlement, Signature]:
        """One settlement and its signature."""
        path = self._said(sequence, batch)
        content = json.loads(path.read_bytes())
        entries = tuple(Entry(owner, settled) for owner, settled in content["entries"])
        r, s, v = content["signature"]
        return Settlement(sequence, batch, entries), (bytes.fromhex(r), bytes.fromhex(s), v)

    def said_at(self, sequence: int, batch: str) -> int:
        """Which block was final when a settlement was signed: it stands in none before."""
        return int(json.loads(self._said(sequence, batch).read_bytes())["block"])

    def keep_sent(self, sequence: int, sent: list[Sent]) -> None:
        """Keep the transactions of a settlement, before the last of them is sent."""
        write_whole(self.folder / f"sent.{sequence}.json", _encoded([asdict(s) for s in sent]))

    def sent(self, sequence: int) -> list[Sent]:
        """The transactions of a settlement, the newest last."""
        path = self.folder / f"sent.{sequence}.json"
        return [Sent(**each) for each in json.loads(path.read_bytes())] if path.exists() else []

    def keep_outcome(self, sequence: int, block: int, short: list[str]) -> None:
        """Keep who was left out of a settlement that is final, and at which block that was seen."""
        content = _encoded({"block": block, "short": sorted(short)})
        write_whole(self.folder / f"outcome.{sequence}.json", content)

    def outcome(self, sequence: int) -> set[str] | None:
        """Who was left out of a settlement; None if it is not final."""
        path = self.folder / f"outcome.{sequence}.json"
        return set(json.loads(path.read_bytes())["short"]) if path.exists() else None

    def concluded_at(self) -> int:
        """At which block the newest outcome was seen; 0 if there is none."""
        numbers = [int(path.stem.split(".")[1]) for path in self.folder.glob("outcome.*.json")]
        if not numbers:
            return 0
        content = json.loads((self.folder / f"outcome.{max(numbers)}.json").read_bytes())
        return int(content["block"])

    def make_folder(self) -> None:
        """Make the folder, if it is not there."""
        if not self.folder.exists():
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            # Or what is synced in it could be gone with its name.
            above = os.open(self.folder.parent, os.O_RDONLY)
            try:
                os.fsync(above)
            finally:
                os.close(above)

    def _said(self, sequence: int, batch: str) -> Path:
        return self.folder / f"said.{sequence}.{batch}.json"


def _encoded(content: Any) -> bytes:
    return json.dumps(content, indent=1).encode() + b"\n"
