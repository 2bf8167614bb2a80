"""Mosquitto's configuration: the repository's mosquitto.conf, which also ships in the package.

Nothing is decided here but the port; every setting and its reason stands in that file.
"""

import re
from pathlib import Path

_INSTALLED = Path(__file__).with_name("mosquitto.conf")
_REPOSITORY = Path(__file__).parents[2] / "mosquitto.conf"


def mosquitto_conf(port: int) -> str:
    """The configuration with `port` (1 to 65535, on 127.0.0.1) in its listener line.

    Raises ValueError for any other port, OSError if the file is missing from this installation.
    """
    if not 1 <= port <= 65535:
        raise ValueError(f"port: {port} must be 1 to 65535")
    shipped = _INSTALLED if _INSTALLED.exists() else _REPOSITORY
    listener = re.compile(r"^listener \d+ ", re.MULTILINE)
    return listener.sub(f"listener {port} ", shipped.read_text(encoding="utf-8"))
