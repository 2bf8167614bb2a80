"""A scenario put on the stage: its accounts, tariffs and devices at a gateway, and what is checked
of them in the end.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from simulator.fleet import Broker, Kind, Member, accepted_units, register
from simulator.loads import Load
from simulator.loads.between import Delivered, Drawn, Line
from simulator.loads.ev import EvCharger
from simulator.loads.idle import Bay
from simulator.scenario_file import Devices, Scenario
from simulator.scene import PAYEE, SCALE, add
from tallystick import Api

_LIFETIME_S = 30 * 86_400
Check = tuple[str, bool]
"""What was checked, and whether it is so."""


@dataclass(frozen=True)
class Settled:
    """What a scenario came to: money between accounts before and after setting off, in atomic
    units, and what was checked of it."""

    gross: int
    net: int
    checks: list[Check]

    @property
    def good(self) -> bool:
        """Whether all of it is so."""
        return all(so for _, so in self.checks)


def put_up(api: Api, broker: Broker, scenario: Scenario, speed: int, native: bool) -> list[Member]:
    """Add what the scenario names, and register its devices. Raises ApiError."""
    for account in scenario.accounts:
        add(
            api,
            "/v1/accounts",
            {
                "id": account.id,
                "name": account.name,
                "currency": scenario.currency,
                "credit_limit": str(account.credit_limit),
            },
        )
    for tariff in scenario.tariffs:
        add(
            api,
            "/v1/tariffs",
            {
                "name": tariff.name,
                "unit": tariff.unit,
                "numerator": str(tariff.numerator),
                "denominator": tariff.denominator,
                "session_fee": str(tariff.session_fee),
                "payee_account": PAYEE,
                "window_units": tariff.window_units,
                "max_capacity": str(tariff.max_capacity),
                "max_lifetime_s": _LIFETIME_S,
            },
        )
    stage = _Stage(api, broker, speed, native, Random(0))
    selling = [each for each in scenario.devices if each.sells is not None]
    # Who buys must know the device of whom it buys from, and who counts idle seconds the charger.
    sold = {
        each.name: [stage.seller(each, number, scenario.currency) for number in range(each.count)]
        for each in selling
    }
    buyers = {
        each.name: [
            stage.buyer(each, number, sold.get(each.buys_from or ""))
            for number in range(each.count)
        ]
        for each in scenario.devices
        if each.load is not None
    }
    bays = [
        stage.bay(each, number, buyers[each.idle_of][number])
        for each in scenario.devices
        if each.idle_of is not None
        for number in range(each.count)
    ]
    sellers = [seller for pairs in sold.values() for _, seller in pairs]
    return sellers + [buyer for members in buyers.values() for buyer in members] + bays


@dataclass(frozen=True)
class _Stage:
    """Where devices are registered, and how they run."""

    api: Api
    broker: Broker
    speed: int
    native: bool
    random: Random

    def seller(self, kind: Devices, number: int, currency: str) -> tuple[Line, Member]:
        """A device that sells, and what connects it to its buyer."""
        if kind.sells is None:
            raise ValueError(f"{kind.name} sells nothing")
        line = Line(lambda: member.board.serves)
        further: dict[str, object] = {
            "sell_numerator": kind.sells.numerator,
            "sell_denominator": kind.sells.denominator,
            "sell_session_fee": kind.sells.session_fee,
            "sell_window": kind.sells.window_units,
            "sell_currency": currency,
            "sell_scale": SCALE,
        }
        member = self._register(kind, number, Delivered(line), further)
        return line, member

    def buyer(
        self, kind: Devices, number: int, sellers: Sequence[tuple[Line, Member]] | None
    ) -> Member:
        """A device that buys: of the seller with its number, or of the operator."""
        if kind.load is None:
            raise ValueError(f"{kind.name} buys nothing")
        if sellers is None:
            return self._register(kind, number, kind.load.load(), {})
        line, seller = sellers[number]
        load = Drawn(line, kind.load.load())
        return self._register(kind, number, load, {"payee": seller.device.identity.id})

    def bay(self, kind: Devices, number: int, charger: Member) -> Member:
        """A device that counts the idle seconds at a charger, and pays for them."""
        load = charger.board.load
        if isinstance(load, Drawn):
            load = load.wanted
        if not isinstance(load, EvCharger):
            raise ValueError(f"{charger.name} is no charger")
        after_ms = kind.idle_after_s * 1_000
        bay = Bay(load, after_ms, lambda: charger.board.serves)
        return self._register(kind, number, bay, {})

    def _register(
        self, kind: Devices, number: int, load: Load, further: dict[str, object]
    ) -> Member:
        return register(
            self.api,
            self.broker,
            kind.account,
            f"{kind.name}-{number + 1}",
            Kind(kind.unit, kind.step, kind.capacity, kind.topup),
            load,
            self.speed,
            self.native,
            self.random,
            {"chain_length": kind.chain_length, **further},
        )


def settle(api: Api, scenario: Scenario, members: Sequence[Member]) -> Settled:
    """Settle all of it, and check it against what the devices counted and what the gateway's
    channels say. Raises ApiError."""
    runs = api.post("/v1/settlements", {"currency": scenario.currency})["runs"]
    if not runs:
        return Settled(0, 0, [("something was paid and can be settled", False)])
    metered = sum(member.device.total for member in members)
    accepted, _ = accepted_units(api, [each for each in members if each.device.wants_channel])
    rows = _channels(api, members)
    positions = api.get(f"/v1/settlements/{runs[0]['run']}")["positions"]
    nets = {each["account"]: int(each["net"]["amount"]) for each in positions}
    # Of the scenario's own accounts: the operator's may be paid by others in the same run.
    own = {each.id: nets[each.id] for each in scenario.accounts if each.id in nets}
    expected = {account: net for account, net in _nets(rows).items() if account != PAYEE}
    return Settled(
        int(runs[0]["gross"]["amount"]),
        int(runs[0]["net"]["amount"]),
        [
            (f"{metered} units metered, {accepted} accepted", metered == accepted > 0),
            ("each payee was credited what its buyer paid, less the fee", _credited(rows)),
            ("what all owe and are owed is the same", sum(nets.values()) == 0),
            ("each account's net is what its channels came to", own == expected),
            ("the books balance and every IOU verifies", api.get("/v1/books")["ok"]),
        ],
    )


def _channels(api: Api, members: Sequence[Member]) -> list[dict[str, Any]]:
    ids = {member.device.identity.id for member in members}
    found = api.items("/v1/channels", limit="500")
    return [channel for channel in found if channel["device_id"] in ids]


def _credited(rows: Sequence[dict[str, Any]]) -> bool:
    """Whether each mirror has the units of its buyer's channel, and no more money than that."""
    payers = {row["id"]: row for row in rows if row["mirror_of"] is None}
    mirrors = [(row, payers[row["mirror_of"]]) for row in rows if row["mirror_of"] is not None]
    return all(
        mirror["units"] == payer["units"]
        and int(mirror["amount"]["amount"]) <= int(payer["amount"]["amount"])
        for mirror, payer in mirrors
    )


def _nets(rows: Sequence[dict[str, Any]]) -> dict[str, int]:
    """What each account owes (above 0) or is owed by its channels, as far as they are settled."""
    nets: dict[str, int] = defaultdict(int)
    for row in rows:
        nets[row["payer_account"]] += int(row["settled"]["amount"])
        nets[row["payee_account"]] -= int(row["settled"]["amount"])
    return dict(nets)
