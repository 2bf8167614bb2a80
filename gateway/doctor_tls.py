"""What is wrong with TLS and the broker's configuration, as far as files and programs here tell.

Part of `doctor`: each check says ok, warn or fail, and what to do. Nothing is changed, and nothing
connected to.
"""

import re
import shutil
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from gateway.config import Config, is_loopback
from gateway.findings import FAIL, OK, WARN, Finding
from gateway.pki import folder
from gateway.pki.authority import PkiError

_SAFE_MOSQUITTO = (2, 0, 22)
_SOON = timedelta(days=60)
_PLACES = "/usr/sbin:/usr/local/sbin:/opt/homebrew/sbin"


def examine(config: Config) -> Iterator[Finding]:
    """All findings about the broker's program, its listeners, and certificates."""
    yield from _version()
    yield from _listeners(config)
    yield _to_the_broker(config)
    yield from _certificates(config)


def _version() -> Iterator[Finding]:
    found = shutil.which("mosquitto") or shutil.which("mosquitto", path=_PLACES)
    if found is None:
        return
    try:
        said = subprocess.run([found, "-h"], capture_output=True, text=True, check=False, timeout=5)
    except (OSError, subprocess.TimeoutExpired):
        return
    version = re.search(r"mosquitto version (\d+)\.(\d+)\.(\d+)", said.stdout + said.stderr)
    if version is None:
        return
    shown = ".".join(version.groups())
    if tuple(int(part) for part in version.groups()) < _SAFE_MOSQUITTO:
        yield Finding(
            "mosquitto",
            WARN,
            f"{shown}, which lacks security fixes unless your system has added them",
            "run 2.0.22 or newer where you can",
        )
    else:
        yield Finding("mosquitto", OK, shown)


def _listeners(config: Config) -> Iterator[Finding]:
    """Of the mosquitto.conf in the data folder, since that is what the broker is started with."""
    try:
        lines = (config.data / "mosquitto.conf").read_text().splitlines()
    except OSError:
        return
    open_ones, current = [], None
    found: dict[str, set[str]] = {}
    for line in lines:
        word, _, rest = line.strip().partition(" ")
        if word == "listener":
            current = rest.strip()
            found[current] = set()
        elif current is not None:
            found[current].add(word)
    for listener, settings in found.items():
        port, _, host = listener.partition(" ")
        if "certfile" not in settings and not (host and is_loopback(host)):
            open_ones.append(port)
        if "use_username_as_clientid" not in settings:
            yield Finding(
                "broker listener",
                FAIL,
                f"port {port}: anyone with a password can take the gateway's session",
                "set use_username_as_clientid true below that listener",
            )
    if open_ones:
        yield Finding(
            "broker listener",
            FAIL,
            f"plain MQTT on port {', '.join(open_ones)} is in reach of other machines",
            "bind it to 127.0.0.1, and run `tallystick pki init` for TLS",
        )
    elif found:
        yield Finding("broker listener", OK, "other machines reach it by TLS alone, or not at all")


def _to_the_broker(config: Config) -> Finding:
    if config.broker_ca_file is not None:
        return Finding("broker connection", OK, "TLS, the broker's certificate is checked")
    if is_loopback(config.broker_host):
        return Finding("broker connection", OK, "plain, within this machine")
    return Finding(
        "broker connection",
        WARN,
        f"plain MQTT to {config.broker_host}",
        "set broker_ca_file, unless the network itself is trusted",
    )


def _certificates(config: Config) -> Iterator[Finding]:
    if not folder.exists(config.data):
        return
    try:
        pki = folder.load(config.data)
        valid = [each for each in pki.issued() if each.revoked is None]
    except PkiError as error:
        yield Finding("certificates", FAIL, str(error), "mend it, or restore `pki/` from a backup")
        return
    now = datetime.now(UTC)
    newest: dict[tuple[str, str], datetime] = {}
    for each in valid:
        # Of those for the same, the one that lasts longest is the one in use.
        key = (each.role, each.name)
        newest[key] = max(
            newest.get(key, each.certificate.not_valid_after_utc),
            each.certificate.not_valid_after_utc,
        )
    ends = [("authority", "", pki.authority.not_valid_after_utc)]
    ends += [(role, name, until) for (role, name), until in newest.items()]
    late = [(role, name, until) for role, name, until in ends if until < now + _SOON]
    for role, name, until in late[:10]:
        yield Finding(
            "certificates",
            FAIL if until < now else WARN,
            f"{role} {name}: good until {until:%Y-%m-%d}",
            "run `tallystick device certificate`"
            if role == "device"
            else "run `tallystick pki renew`",
        )
    if not late:
        yield Finding("certificates", OK, f"{len(valid)} in use, none ends within 60 days")
