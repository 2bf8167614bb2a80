"""The file that a backup is: a tar whose every byte is covered by a hash that the gateway signs.

First `manifest.json`, then the parts that it lists, then `seal`: the SHA-256 of all before it, and
the gateway's signature of that. The seal is of one size and compared byte for byte, so an archive
is intact or refused. What the parts hold is decided elsewhere.
"""

import hashlib
import json
import os
import re
import secrets
import tarfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO

from gateway.store.errors import ArchiveError

FORMAT = 1
_MANIFEST = "manifest.json"
_DOMAIN = b"tallystick/v1/backup"
_BLOCK = 512
_CHUNK = 1 << 20
_SEAL = 4 * _BLOCK
"""The seal's header, its content in one block, and the two empty blocks that end a tar."""
_MAX_MANIFEST = 1 << 20

Verify = Callable[[bytes, bytes, bytes], bool]


@dataclass(frozen=True, slots=True)
class Part:
    """One file in the archive; `sha256` in hex."""

    name: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """What an archive says of itself.

    `made_at` in Unix seconds by the database; `gateway_key`, `journal_head` and `audit_head` in
    hex; `counts` are rows by table, `columns` those of the parts that are tables; `amount` and
    `units` are the sums of all marks. What an older program did not know is 0 and empty.
    """

    format: int
    made_at: int
    gateway_key: str
    engine: str
    schema: str
    generation: int
    journal_index: int
    journal_head: str
    channels: int
    amount: int
    units: int
    counts: dict[str, int]
    columns: dict[str, list[str]]
    parts: list[Part]
    audit_index: int = 0
    audit_head: str = ""


@dataclass(frozen=True, slots=True)
class Archive:
    """An archive that is open and intact; `sha256` (hex) names it."""

    manifest: Manifest
    sha256: str
    _tar: tarfile.TarFile

    def names(self, folder: str) -> list[str]:
        """The parts in this folder of the archive."""
        return [part.name for part in self.manifest.parts if part.name.startswith(folder)]

    def read(self, name: str) -> BinaryIO:
        """A part's bytes. Raises ArchiveError if there is none of this name."""
        if not any(part.name == name for part in self.manifest.parts):
            raise ArchiveError(f"archive: has no part {name}")
        found = self._tar.extractfile(name)
        if found is None:
            raise ArchiveError(f"archive: part {name} is no file")
        return found  # type: ignore[return-value]

    def extract(self, name: str, target: Path) -> None:
        """Write a part to a new file that only its owner may read, durably. Raises OSError."""
        handle = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file, self.read(name) as source:
            while chunk := source.read(_CHUNK):
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())


def describe(name: str, path: Path) -> Part:
    """A file as a part of this name. Raises OSError."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256")
        return Part(name, file.tell(), digest.hexdigest())


def _header(name: str, size: int, at: int) -> bytes:
    info = tarfile.TarInfo(name)
    info.size, info.mtime, info.mode = size, at, 0o600
    return info.tobuf(tarfile.GNU_FORMAT)


def _padding(size: int) -> bytes:
    return bytes(-size % _BLOCK)


def _seal(digest: bytes, signature: bytes, at: int) -> bytes:
    content = f"sha256 {digest.hex()}\nsignature {signature.hex()}\n".encode()
    whole = _header("seal", len(content), at) + content + _padding(len(content))
    return whole + bytes(_SEAL - len(whole))


def write(
    target: Path,
    manifest: Manifest,
    files: Mapping[str, Path],
    sign: Callable[[bytes], bytes],
) -> str:
    """Write the archive of these parts whole or not at all, mode 0600; its SHA-256 in hex.

    `files` are where the manifest's parts lie, `sign` makes the gateway's Ed25519 signature. An
    existing file is replaced. Raises OSError.
    """
    draft = target.with_name(f".{target.name}.{secrets.token_hex(8)}.tmp")
    try:
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            digest = hashlib.sha256()
            for piece in _body(manifest, files):
                digest.update(piece)
                file.write(piece)
            signature = sign(_DOMAIN + digest.digest())
            seal = _seal(digest.digest(), signature, manifest.made_at)
            digest.update(seal)
            file.write(seal)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(target)
    finally:
        draft.unlink(missing_ok=True)
    sync_folder(target.parent)
    return digest.hexdigest()


def _body(manifest: Manifest, files: Mapping[str, Path]) -> Iterator[bytes]:
    text = json.dumps(asdict(manifest), indent=1).encode()
    yield _header(_MANIFEST, len(text), manifest.made_at) + text + _padding(len(text))
    for part in manifest.parts:
        yield _header(part.name, part.size, manifest.made_at)
        with files[part.name].open("rb") as source:
            while chunk := source.read(_CHUNK):
                yield chunk
        yield _padding(part.size)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable. Raises OSError."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def opened(path: Path, verify: Verify) -> Iterator[Archive]:
    """An archive that is intact and signed by the gateway that its manifest names.

    `verify` checks an Ed25519 signature (key, message, signature). Raises ArchiveError, OSError.
    """
    with path.open("rb") as file:
        digest, whole, seal = _hashes(file)
        try:
            with tarfile.open(fileobj=file, mode="r:") as tar:
                manifest = _read_manifest(tar)
                _check_seal(seal, digest, manifest, verify)
                _check_parts(tar, manifest.parts)
                yield Archive(manifest, whole, tar)
        except (tarfile.TarError, EOFError) as error:
            raise ArchiveError(f"{path}: damaged ({error}); use another backup") from error


def _hashes(file: BinaryIO) -> tuple[bytes, str, bytes]:
    """The hash of what the seal covers, the hash of the whole file, and the seal."""
    size = file.seek(0, os.SEEK_END)
    if size < 3 * _SEAL or size % _BLOCK:
        raise ArchiveError("archive: cut short, or not a backup; use another one")
    file.seek(0)
    digest = hashlib.sha256()
    left = size - _SEAL
    while left:
        chunk = file.read(min(left, _CHUNK))
        if not chunk:
            raise ArchiveError("archive: cut short while it was read")
        digest.update(chunk)
        left -= len(chunk)
    seal = file.read(_SEAL)
    covered = digest.digest()
    digest.update(seal)
    file.seek(0)
    return covered, digest.hexdigest(), seal


def _read_manifest(tar: tarfile.TarFile) -> Manifest:
    first = tar.next()
    if first is None or first.name != _MANIFEST or first.size > _MAX_MANIFEST:
        raise ArchiveError("archive: does not begin with its manifest: damaged, or not a backup")
    source = tar.extractfile(first)
    try:
        values = json.loads(source.read() if source is not None else b"")
        if values["format"] != FORMAT:
            raise ArchiveError(
                f"archive: of format {values['format']}, this program reads {FORMAT}; "
                "use the program that wrote it, or a newer one"
            )
        parts = [Part(**each) for each in values.pop("parts")]
        return Manifest(**values, parts=parts)
    except (ValueError, KeyError, TypeError) as error:
        raise ArchiveError("archive: its manifest is damaged; use another backup") from error


def _check_seal(seal: bytes, digest: bytes, manifest: Manifest, verify: Verify) -> None:
    match = re.match(
        rb"sha256 ([0-9a-f]{64})\nsignature ([0-9a-f]{128})\n", seal[_BLOCK : 2 * _BLOCK]
    )
    if match is None:
        raise ArchiveError("archive: has no seal: damaged, or cut short; use another backup")
    signature = bytes.fromhex(match[2].decode())
    if seal != _seal(digest, signature, manifest.made_at):
        raise ArchiveError("archive: is not what its seal says: damaged; use another backup")
    if not verify(bytes.fromhex(manifest.gateway_key), _DOMAIN + digest, signature):
        raise ArchiveError("archive: its seal is not signed by the gateway that it names")


def _check_parts(tar: tarfile.TarFile, parts: Sequence[Part]) -> None:
    for part in parts:
        member = tar.next()
        if member is None or (member.name, member.size) != (part.name, part.size):
            raise ArchiveError(f"archive: part {part.name} is not where its manifest says")
        source = tar.extractfile(member)
        if source is None or hashlib.file_digest(source, "sha256").hexdigest() != part.sha256:  # type: ignore[arg-type]
            raise ArchiveError(f"archive: part {part.name} is not what its manifest says")
