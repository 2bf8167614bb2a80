"""A recorded day, replayed: one device a station, then a settlement run, then both sums.

The sums must agree exactly: the file's watt-hours with those settled, and the money with what the
tariff asks for them, channel by channel.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from protocol.pricing import Tariff
from simulator.fleet import Member
from simulator.loads.recorded import Recorded, Stretch
from simulator.sessions import Session, SessionsError
from tallystick import Api

_DAY_MS = 86_400_000


@dataclass(frozen=True)
class Sums:
    """Watt-hours and atomic units, by the file and tariff, and as settled."""

    file_wh: int
    settled_wh: int
    priced: int
    settled: int

    @property
    def agree(self) -> bool:
        """Whether nothing was lost, doubled or invented."""
        return self.file_wh == self.settled_wh and self.priced == self.settled


def sessions_of(
    sessions: Sequence[Session], day: date | None, stations: int | None
) -> list[Session]:
    """The sessions of a day (the one with most, if none is named) at the busiest stations.

    Raises SessionsError if that day has none.
    """
    by_day: dict[date, list[Session]] = defaultdict(list)
    for session in sessions:
        by_day[session.day].append(session)
    chosen = day if day is not None else max(by_day, key=lambda each: (len(by_day[each]), each))
    if chosen not in by_day:
        first, last = min(by_day), max(by_day)
        raise SessionsError(f"day {chosen}: no session; the file has {first} to {last}")
    found = by_day[chosen]
    if stations is None:
        return found
    energy: dict[str, int] = defaultdict(int)
    for session in found:
        energy[session.station] += session.energy_wh
    busiest = sorted(energy, key=lambda each: (-energy[each], each))[:stations]
    return [session for session in found if session.station in busiest]


def loads_of(sessions: Sequence[Session]) -> dict[str, Recorded]:
    """Each station's load, on a clock that begins at the day's midnight."""
    midnight = datetime.combine(min(session.day for session in sessions), time())
    by_station: dict[str, list[Stretch]] = defaultdict(list)
    for session in sessions:
        by_station[session.station].append(
            Stretch(_ms(session.start - midnight), _ms(session.end - midnight), session.energy_wh)
        )
    return {station: Recorded(stretches) for station, stretches in sorted(by_station.items())}


def _ms(span: timedelta) -> int:
    return span // timedelta(milliseconds=1)


def length_ms(loads: dict[str, Recorded]) -> int:
    """How long until the last session has ended: a day, or more if cars stayed over night."""
    return max(_DAY_MS, *(load.end_ms for load in loads.values()))


def sums(api: Api, members: Sequence[Member], sessions: Sequence[Session]) -> Sums:
    """Both sides' sums, from the file and from what the gateway has settled. Raises ApiError."""
    ids = {member.device.identity.id for member in members}
    tariffs = {each["id"]: _tariff(each) for each in api.items("/v1/tariffs")}
    settled_wh = priced = settled = 0
    for channel in api.items("/v1/channels", limit="500"):
        if channel["device_id"] not in ids:
            continue
        settled_wh += channel["settled_units"]
        settled += int(channel["settled"]["amount"])
        priced += tariffs[channel["tariff_id"]].amount(channel["units"])
    return Sums(sum(session.energy_wh for session in sessions), settled_wh, priced, settled)


def _tariff(shown: dict[str, Any]) -> Tariff:
    return Tariff(
        shown["unit"],
        int(shown["numerator"]),
        int(shown["denominator"]),
        shown["currency"],
        shown["scale"],
        session_fee=int(shown["session_fee"]["amount"]),
    )
