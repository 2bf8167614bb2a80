"""How a board is set up, step by step, each of which may be done again.

The secret key is made on the board and stays there; what leaves it is the public half. The program
comes first and `main.py` last, so that a board whose cable is pulled out starts nothing half done.
"""

import hashlib
import json
from collections.abc import Callable, Iterable

from firmware.settings import Settings, SettingsError
from firmware.status import DELIVERING, NO_CHANNEL, RUNNING_OUT, TEXTS, WAITING
from provision.image import MAIN
from provision.port import Port, PortError

SETTINGS = "/settings.json"
OLDEST = (1, 24)
ONLINE = (DELIVERING, RUNNING_OUT, NO_CHANNEL, WAITING)
"""What a device says once its gateway has answered it."""
_SAYS = "tallystick: "

Tell = Callable[[str], None]


def stop(port: Port) -> None:
    """Have the board at its prompt, with nothing else running. Raises PortError."""
    if port.digests([MAIN]):
        # What ran has started a watchdog, which nothing but a reset ends.
        port.remove(MAIN)
        port.reset()


def known_board(port: Port) -> tuple[str, str, int]:
    """The board's kind (a file of `firmware/boards`), what it calls itself, and its `_mpy`.

    Raises PortError for something else than MicroPython of a version that will do.
    """
    platform, name, version, machine, mpy = port.value(
        "(lambda s, i: (s.platform, i[0], tuple(i[1][:2]), i._machine, getattr(i, '_mpy', 0)))"
        "(__import__('sys'), __import__('sys').implementation)"
    )
    if name != "micropython" or version < OLDEST:
        said = ".".join(str(part) for part in version)
        raise PortError(f"the board: runs {name} {said}, and must run MicroPython 1.24 or newer")
    return ("esp32" if platform == "esp32" else "unix"), machine, mpy


def install(port: Port, program: dict[str, bytes], tell: Tell) -> int:
    """Write those files that the board has not, or has otherwise; how many. Raises PortError."""
    known: dict[str, str] = {}
    paths = sorted(program)
    for at in range(0, len(paths), 20):
        known |= port.digests(paths[at : at + 20])
    missing = [
        path for path in paths if known.get(path) != hashlib.sha256(program[path]).hexdigest()
    ]
    for number, path in enumerate(missing, 1):
        tell(f"{number} of {len(missing)}  {path}")
        port.write(path, program[path])
    return len(missing)


def public_key(port: Port) -> str:
    """The board's public key in hex; it makes its secret now if it has none. Raises PortError."""
    return port.run(
        "import sys\n"
        "'/lib' in sys.path or sys.path.append('/lib')\n"
        "from firmware.boards.here import public_key\n"
        "from binascii import hexlify\n"
        "print(hexlify(public_key()).decode())"
    )


def check_settings(values: dict[str, object]) -> None:
    """Raise SettingsError for settings that the board would refuse, before a code is used up for
    them; what only the gateway can tell is made up."""
    told = {
        "broker_host": "localhost",
        "password": "-",
        "gateway_key": "00" * 32,
        "tls_ca": "-",
    }
    Settings({**told, **values})


def configure(port: Port, settings: dict[str, object], files: Iterable[tuple[str, bytes]]) -> None:
    """Write settings, and the files that they name. Raises SettingsError, PortError."""
    try:
        Settings(settings)
    except SettingsError as error:
        raise SettingsError(f"settings for this gateway: {error}") from None
    for path, data in files:
        port.write(path, data)
    port.write(SETTINGS, json.dumps(settings).encode())


def watch(port: Port, seconds: float, tell: Tell) -> str:
    """Let the board start, and tell what it says; the last that it said of itself.

    Ends when the gateway has answered it, or after so many seconds. Raises PortError.
    """
    online = [TEXTS[code] for code in ONLINE]
    last = ""
    for line in port.lines(seconds):
        if line:
            tell(line)
        if line.startswith(_SAYS):
            last = line.removeprefix(_SAYS)
            if last in online:
                break
    return last


def is_online(said: str) -> bool:
    """Whether a device that said this of itself has been answered by its gateway."""
    return said in [TEXTS[code] for code in ONLINE]
