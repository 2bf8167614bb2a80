"""Who may connect to the broker: the file `broker/passwords`, which holds hashes only.

The format is Mosquitto's own: `name:$7$iterations$salt$hash`, PBKDF2 with SHA-512, as
`mosquitto_passwd` writes it. What a name may then do is said in acl.py.
"""

import base64
import hashlib
import os
import secrets
import signal
from collections.abc import Mapping
from pathlib import Path

from gateway.broker.files import one_writer, write_file
from protocol.topics import is_device_id

GATEWAY = "gateway"
"""The gateway's own name at the broker."""

FILE_NAME = "passwords"

MIN_PASSWORD = 32
"""Characters. Shorter ones can be guessed, given how few iterations there are."""

_ITERATIONS = 101
"""Mosquitto's default. Stretching helps passwords that people make up; these are random, and each
iteration is paid for again by every device of a fleet that reconnects at once."""

_SALT = 12
"""Bytes. Mosquitto 2.0.11 takes no other length."""


class CredentialError(ValueError):
    """A name or password that can't be used; the text names it and says what would be right."""


def new_password() -> str:
    """A password of 43 characters, 256 random bits, of letters, digits, `-` and `_`."""
    return secrets.token_urlsafe(32)


def set_password(folder: Path, username: str, password: str) -> None:
    """Let `username` connect with `password`, in place of any password it had.

    folder: the data folder. username: `gateway` or a device id (32 lower-case hex digits).
    Raises CredentialError for any other name or an unsuitable password, OSError if the file can't
    be written. Takes effect when the broker rereads its files.
    """
    set_passwords(folder, {username: password})


def set_passwords(folder: Path, passwords: Mapping[str, str]) -> None:
    """What set_password does, for many names at the price of one."""
    lines = {name: _hashed(name, password) for name, password in passwords.items()}
    with one_writer(folder):
        _write(folder, _read(folder) | lines)


def remove_user(folder: Path, username: str) -> None:
    """Let `username` connect no longer; a name that is not there is no error.

    Raises CredentialError for what can't be a name, OSError if the file can't be written.
    """
    _check_name(username)
    with one_writer(folder):
        lines = _read(folder)
        if lines.pop(username, None) is not None:
            _write(folder, lines)


def reload_broker(pid_file: Path) -> None:
    """Make the running Mosquitto reread its files; it disconnects those it no longer knows.

    Raises CredentialError if `pid_file` holds no process id, OSError if the file or the process is
    missing or is not ours to signal.
    """
    text = pid_file.read_text(encoding="ascii", errors="replace").strip()
    if not text.isdecimal() or int(text) < 2:
        raise CredentialError(f"broker_pid_file: {pid_file} must hold Mosquitto's process id")
    os.kill(int(text), signal.SIGHUP)


def _check_name(username: str) -> None:
    if username != GATEWAY and not is_device_id(username):
        raise CredentialError(
            f"username: {username!r} must be a device id (32 lower-case hex digits) or {GATEWAY}"
        )


def _hashed(username: str, password: str) -> str:
    _check_name(username)
    if len(password) < MIN_PASSWORD or not password.isascii() or not password.isprintable():
        raise CredentialError(
            f"password: of {username} must be {MIN_PASSWORD} or more printable ASCII characters"
        )
    salt = secrets.token_bytes(_SALT)
    key = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, _ITERATIONS)
    return f"$7${_ITERATIONS}${base64.b64encode(salt).decode()}${base64.b64encode(key).decode()}"


def _read(folder: Path) -> dict[str, str]:
    path = folder / "broker" / FILE_NAME
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    entries: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        name, colon, hashed = line.partition(":")
        if not colon or not hashed.startswith("$"):
            raise CredentialError(f"{path}, line {number}: must be name:$7$iterations$salt$hash")
        entries[name] = hashed
    return entries


def _write(folder: Path, entries: Mapping[str, str]) -> None:
    text = "".join(f"{name}:{hashed}\n" for name, hashed in sorted(entries.items()))
    write_file(folder, FILE_NAME, text)
