"""The files that keep the gateway's keys: the newest in `gateway.key`, those that it followed in
`keys/`; and those under which secrets are kept that must be readable again: people's second factors
under `people.key`, webhooks' secrets under `webhooks.key`.

Each secret is a file of 32 bytes, readable by its owner alone. `keys/<public key>.key` is one that
was followed, `keys/<public key>.successor` its signed word for the key that followed it: that one
is no secret, and stays when the key is retired. Every file is written whole or not at all, in an
order in which each step leaves a gateway that works.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gateway import secret_files
from gateway.keys import Followed, GatewayKey, GatewayKeys, line_to, named_by
from gateway.secret_files import SecretFileError
from protocol.errors import ProtocolError

KEY_FILE = "gateway.key"
PEOPLE_FILE = "people.key"
WEBHOOKS_FILE = "webhooks.key"
FOLDER = "keys"
SEED = ".key"
SUCCESSOR = ".successor"


class KeyFileError(Exception):
    """The gateway's keys can't be used as they are; the text says what would be right."""


def create(data: Path) -> GatewayKeys:
    """Make a first key in the data folder. Raises KeyFileError if there is one, OSError."""
    data.mkdir(parents=True, exist_ok=True)
    path = data / KEY_FILE
    seed = os.urandom(32)
    draft = _draft(path, seed)
    try:
        # Unlike a rename it fails if the name is taken.
        os.link(draft, path)
    except FileExistsError:
        raise KeyFileError(f"{path}: a gateway key exists; it is never overwritten") from None
    finally:
        draft.unlink()
    _sync(data)
    return GatewayKeys(seed)


def people_key(data: Path) -> bytes:
    """The 32-byte key under which people's second factors are kept. It is none of the gateway's.

    Raises KeyFileError.
    """
    return _seed(data / PEOPLE_FILE, "run `tallystick init`")


def webhooks_key(data: Path) -> bytes:
    """The 32-byte key under which webhooks' secrets are kept. It is none of the gateway's.

    Raises KeyFileError.
    """
    return _seed(data / WEBHOOKS_FILE, "run `tallystick init`")


def complete(data: Path) -> None:
    """Make the keys that secrets are kept under where there are none. Raises OSError."""
    for name in (PEOPLE_FILE, WEBHOOKS_FILE):
        if not (data / name).exists():
            _write(data / name, os.urandom(32))


def load(data: Path) -> GatewayKeys:
    """The keys in the data folder.

    Raises KeyFileError if one is damaged, another user's, or readable by others, or if the newest
    or the word of one that was followed is missing.
    """
    seed = _seed(data / KEY_FILE, "run `tallystick init`")
    newest = GatewayKey(seed).public
    folder = data / FOLDER
    files = sorted(folder.iterdir()) if folder.is_dir() else []
    files = [path for path in files if path.suffix in (SEED, SUCCESSOR)]
    words = {_named(path): _word(path) for path in files if path.suffix == SUCCESSOR}
    # What the newest itself says is of a rotation that was cut off, and nobody was told.
    words.pop(newest, None)
    older = [
        Followed(public, word, _older_key(folder, public))
        for public, word in line_to(newest, words)
    ]
    known = {newest, *(each.public for each in older)}
    for path in files:
        if _named(path) not in known:
            raise KeyFileError(
                f"{path}: nothing in {folder} says that {KEY_FILE} follows it; "
                f"put back the {SUCCESSOR} files that are missing, from a backup"
            )
    return GatewayKeys(seed, older)


def newest(data: Path) -> bytes | None:
    """The newest public key in the data folder, None if there is none. Raises KeyFileError."""
    path = data / KEY_FILE
    if not path.exists():
        return None
    return GatewayKey(_seed(path, "restore it from a backup")).public


def rotate(data: Path, time: int) -> GatewayKeys:
    """Make a new key that follows the newest, at `time` (Unix seconds), and keep that one.

    Cut off at any moment it leaves the keys as they were, or the new ones. Raises KeyFileError,
    OSError.
    """
    folder = data / FOLDER
    with _one_writer(data):
        keys = load(data)
        seed = os.urandom(32)
        new = keys.followed_by(seed, time)
        folder.mkdir(mode=0o700, exist_ok=True)
        _sync(data)
        name = str(folder / keys.public.hex())
        _write(Path(name + SEED), _seed(data / KEY_FILE, "restore it from a backup"))
        _write(Path(name + SUCCESSOR), new.older[-1].successor)
        # Until now nothing has changed; from now on everything has.
        _write(data / KEY_FILE, seed)
    return new


def retire(data: Path, public: bytes) -> GatewayKeys:
    """Delete the secret of a key that was followed. Raises KeyFileError, OSError."""
    folder = data / FOLDER
    with _one_writer(data):
        (folder / (public.hex() + SEED)).unlink(missing_ok=True)
        _sync(folder)
        return load(data)


def _older_key(folder: Path, public: bytes) -> GatewayKey | None:
    path = folder / (public.hex() + SEED)
    if not path.exists():
        return None
    key = GatewayKey(_seed(path, "restore it from a backup"))
    if key.public != public:
        raise KeyFileError(f"{path}: holds another key than its name says")
    return key


def _seed(path: Path, if_missing: str) -> bytes:
    try:
        seed = secret_files.read(path, if_missing)
    except SecretFileError as error:
        raise KeyFileError(str(error)) from None
    if len(seed) != 32:
        raise KeyFileError(f"{path}: must be exactly 32 bytes; restore it from a backup")
    return seed


def _named(path: Path) -> bytes:
    """The public key that a file's name tells."""
    try:
        public = bytes.fromhex(path.stem)
    except ValueError:
        public = b""
    if len(public) != 32 or path.stem != public.hex():
        raise KeyFileError(f"{path}: its name must be a public key, 64 hex digits")
    return public


def _word(path: Path) -> bytes:
    """A `successor` by the key of the file's name."""
    message = path.read_bytes()
    try:
        named_by(_named(path), message)
    except ProtocolError as error:
        raise KeyFileError(f"{path}: {error}; restore it from a backup") from None
    return message


@contextmanager
def _one_writer(data: Path) -> Iterator[None]:
    """Keep another rotation out."""
    descriptor = os.open(data, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _write(path: Path, content: bytes) -> None:
    """Write a file whole or not at all, even if power fails. Raises OSError."""
    _draft(path, content).replace(path)
    _sync(path.parent)


def _draft(path: Path, content: bytes) -> Path:
    """The content in a file beside it that only its owner may read, on the disk."""
    draft = path.with_name(f".{path.name}.new")
    draft.unlink(missing_ok=True)
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    return draft


def _sync(folder: Path) -> None:
    """Make the names in a folder durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
