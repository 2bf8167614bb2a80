"""Mosquitto's configuration: the repository's mosquitto.conf, which also ships in the package, and
the TLS listeners that `tallystick pki` adds to it.

Nothing is decided here but ports and who proves itself how; every other setting and its reason
stands in that file.
"""

import re
from pathlib import Path

_INSTALLED = Path(__file__).with_name("mosquitto.conf")
_REPOSITORY = Path(__file__).parents[2] / "mosquitto.conf"

_BEGIN = "# TLS: written by `tallystick pki`; changes between here and the end are lost."
_END = "# End of TLS."
_BLOCK = re.compile(rf"^{re.escape(_BEGIN)}$.*?^{re.escape(_END)}$\n?", re.MULTILINE | re.DOTALL)

_LISTENER = """
listener {port}
max_connections 20000
use_username_as_clientid true
certfile broker/server.crt
keyfile broker/server.key
tls_version tlsv1.2
"""

_CERTIFICATES = """\
# Who has no certificate of this authority, or a revoked one, is not heard. The name in it is the
# user's name: no password is asked for, and none counts.
cafile broker/ca.crt
crlfile broker/crl.pem
require_certificate true
use_identity_as_username true
"""


def _checked(name: str, port: int) -> int:
    if not 1 <= port <= 65535:
        raise ValueError(f"{name}: {port} must be 1 to 65535")
    return port


def mosquitto_conf(port: int) -> str:
    """The configuration with `port` (1 to 65535, on 127.0.0.1) in its listener line.

    Raises ValueError for any other port, OSError if the file is missing from this installation.
    """
    _checked("port", port)
    shipped = _INSTALLED if _INSTALLED.exists() else _REPOSITORY
    listener = re.compile(r"^listener \d+ ", re.MULTILINE)
    return listener.sub(f"listener {port} ", shipped.read_text(encoding="utf-8"))


def with_tls(conf: str, port: int, password_port: int | None = None) -> str:
    """`conf` with TLS listeners on every interface, in place of those that were there before.

    port: for clients with a certificate. password_port: for devices that have only a password, none
    if it is None. Each is 1 to 65535, and they differ. Raises ValueError.
    """
    block = _LISTENER.format(port=_checked("port", port)) + _CERTIFICATES
    if password_port is not None:
        if password_port == port:
            raise ValueError(f"password_port: must not be {port} too")
        block += _LISTENER.format(port=_checked("password_port", password_port))
    kept = _BLOCK.sub("", conf).rstrip("\n")
    return f"{kept}\n\n{_BEGIN}{block}{_END}\n"
