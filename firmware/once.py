"""What a device loads for one use and lets go of again: what checks settings, what agrees on a key.

On a board the program itself takes most of the memory, so what has done its work goes. Elsewhere a
module stays once it is loaded, as everywhere in Python.
"""

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from firmware.settings import Settings

SCARCE = sys.implementation.name == "micropython"


class Kept:
    """Checked settings, without what checked them."""


def let_go(name: str) -> None:
    """Let go of a module: what nobody else holds of it is swept. It may be loaded again."""
    if SCARCE and name in sys.modules:
        del sys.modules[name]
        package, last = name.rsplit(".", 1)
        delattr(sys.modules[package], last)


def settings_of(text: str) -> "Settings":
    """The settings in a JSON document. Raises SettingsError."""
    from firmware import settings

    found = settings.parse(text)
    if not SCARCE:
        return found
    kept = Kept()
    for name, value in found.__dict__.items():
        setattr(kept, name, value)
    let_go("firmware.settings")
    return kept  # type: ignore[return-value]  # the same, but for its class
