"""Which rails there are, and making them from their settings.

A rail is found by its entry point in the group `tallystick.rails`: a function that takes the data
folder and the rail's own settings, and returns a `Rail` of the entry point's name. It may open no
connection and write no file before something is asked of the rail.
"""

from collections.abc import Callable, Iterator, Mapping
from importlib.metadata import entry_points
from pathlib import Path

from gateway.settlement.rails import Rail, RailError

GROUP = "tallystick.rails"
OURS = ("evm", "sepa")
"""Rails of this project that need an extra of their own."""

Settings = Mapping[str, object]
Factory = Callable[[Path, Settings], Rail]


def names() -> list[str]:
    """The names of all rails that are installed."""
    return sorted({point.name for point in entry_points(group=GROUP)})


def make(name: str, data: Path, settings: Settings) -> Rail:
    """The rail of this name. Raises RailError if there is none, or it can't be made."""
    found = list(entry_points(group=GROUP, name=name))
    if not found:
        raise RailError(f"rail: there is no {name!r}; there are {', '.join(names())}")
    if len(found) > 1:
        raise RailError(f"rail: more than one package brings {name!r}; keep one of them")
    try:
        factory: Factory = found[0].load()
    except (ImportError, AttributeError) as error:
        hint = f"; is tallystick[{name}] installed?" if name in OURS else ""
        raise RailError(f"rail {name}: can't be loaded ({error}){hint}") from error
    rail = factory(data, settings)
    if rail.name != name:
        raise RailError(f"rail {name}: calls itself {rail.name!r}")
    return rail


class Rails(Mapping[str, Rail]):
    """The rails of one installation by name, each made when it is first asked for.

    `default` names the rail of accounts that have chosen none. Looking one up raises RailError.
    """

    def __init__(self, default: str, data: Path, settings: Mapping[str, Settings]) -> None:
        self.default = default
        self._data = data
        self._settings = settings
        self._made: dict[str, Rail] = {}
        self._names = names

    @classmethod
    def of(cls, default: Rail, *others: Rail) -> "Rails":
        """These, which are made already, and no others."""
        rails = cls(default.name, Path(), {})
        made = rails._made = {each.name: each for each in (default, *others)}
        rails._names = lambda: sorted(made)
        return rails

    def in_use(self) -> list[Rail]:
        """The default and every rail that has settings. Raises RailError."""
        return [self[name] for name in self.names_in_use()]

    def names_in_use(self) -> list[str]:
        """The names of the default and of every rail that has settings."""
        return sorted({self.default, *self._settings})

    def __getitem__(self, name: str) -> Rail:
        if name not in self._made:
            self._made[name] = make(name, self._data, self._settings.get(name, {}))
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._names())

    def __len__(self) -> int:
        return len(self._names())
