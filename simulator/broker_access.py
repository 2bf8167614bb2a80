"""Mosquitto's password and rule files, understood in Python, for the embedded broker.

Decides who may connect and what they may say and read. Knows the parts of the two formats that
Tallystick writes and refuses every other line. No network here.
"""

import base64
import hashlib
import hmac
from dataclasses import dataclass
from pathlib import Path


class AccessFileError(Exception):
    """A line that can't be understood; the text names file and line and what would be right."""


@dataclass(frozen=True)
class Rule:
    """One allowance: `user` (None is everyone) may `read` or `write` what `topic` matches."""

    user: str | None
    access: str
    topic: str


@dataclass(frozen=True)
class Access:
    """The two files' contents."""

    hashes: dict[str, str]
    rules: tuple[Rule, ...]

    def proves(self, username: str | None, password: str | None) -> bool:
        """Whether this is the password of this name."""
        hashed = self.hashes.get(username or "")
        if hashed is None or password is None:
            return False
        _, _, iterations, salt, key = hashed.split("$")
        made = hashlib.pbkdf2_hmac(
            "sha512", password.encode(), base64.b64decode(salt), int(iterations)
        )
        return hmac.compare_digest(made, base64.b64decode(key))

    def allows(self, username: str | None, access: str, topic: str) -> bool:
        """Whether this name may `read` or `write` this topic, which holds no wildcards."""
        if not username or set(username) & set("+#/"):
            return False
        return any(
            rule.access == access
            and rule.user in (None, username)
            and _matches(rule.topic.replace("%u", username), topic)
            for rule in self.rules
        )


def read_access(broker_folder: Path) -> Access:
    """The files `passwords` and `acl` of a folder. Raises AccessFileError, OSError."""
    return Access(_hashes(broker_folder / "passwords"), _rules(broker_folder / "acl"))


def _hashes(path: Path) -> dict[str, str]:
    hashes = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        name, _, hashed = line.partition(":")
        parts = hashed.split("$")
        if len(parts) != 5 or parts[:2] != ["", "7"] or not parts[2].isdecimal():
            raise AccessFileError(f"{path}, line {number}: must be name:$7$iterations$salt$hash")
        hashes[name] = hashed
    return hashes


def _rules(path: Path) -> tuple[Rule, ...]:
    rules = []
    user: str | None = None
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        match line.split():
            case []:
                continue
            case [first, *_] if first.startswith("#"):
                continue
            case ["user", name]:
                user = name
            case ["topic", ("read" | "write") as access, topic] if user is not None:
                rules.append(Rule(user, access, topic))
            case ["pattern", ("read" | "write") as access, topic]:
                rules.append(Rule(None, access, topic))
            case _:
                raise AccessFileError(
                    f"{path}, line {number}: must be user NAME, or topic or pattern, "
                    "then read or write, then a topic"
                )
    return tuple(rules)


def _matches(pattern: str, topic: str) -> bool:
    wanted, given = pattern.split("/"), topic.split("/")
    if len(wanted) != len(given):
        return False
    return all(one in ("+", other) for one, other in zip(wanted, given, strict=True))
