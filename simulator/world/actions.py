"""Makes up stories: one seed, one story. Nothing of the world is known here; only what could be
done to it.

Swarm testing: each seed draws which kinds of trouble there are at all, and how often each, so that
rare mixtures come up that a uniform draw over everything would never make.
"""

from collections.abc import Callable
from dataclasses import replace
from random import Random

from simulator.world import actions_idle, actions_money, actions_times
from simulator.world.actions_chain import weave as weave_chain
from simulator.world.actions_claims import weave as weave_claims
from simulator.world.actions_money import with_money
from simulator.world.actions_prices import weave as weave_prices
from simulator.world.adversary import FORGERIES
from simulator.world.network import ANY, EFFECTS, GATEWAY
from simulator.world.storage import POINTS
from simulator.world.story import DeviceOptions, Operation, Options, Story, TariffOptions

_CREDIT = 10**12
_UP = ("hello", "open", "iou", "tick", "close")
_DOWN = ("resume", "offer", "opened", "ack", "grant", "receipt", "refused")


def options_of(seed: int) -> Options:
    """The world of a seed."""
    draw = Random(f"options {seed}")
    abroad, currency = Random(f"abroad {seed}").choice((("swiss", "CHF"), ("ledger", "XRP")))
    accounts = [
        ("operator", "EUR", _CREDIT),
        ("fleet", "EUR", _CREDIT),
        ("merchant", "EUR", _CREDIT),
        (abroad, currency, _CREDIT),
    ]
    tariffs = []
    for number, (numerator, denominator) in enumerate(
        draw.sample([(300, 1), (1, 3), (7, 2), (1, 1), (250, 1), (999_983, 1)], 3)
    ):
        window = draw.choice((5, 20, 60))
        capacity = draw.choice((40, 150, 100_000)) * max(1, numerator // denominator)
        tariffs.append(
            TariffOptions(
                ("W.h", "L", "s")[number],
                numerator,
                denominator,
                draw.choice(("operator", "merchant")) if number < 2 else abroad,
                window,
                capacity,
                draw.choice((900, 7_200, 86_400)),
            )
        )
    devices = []
    chains = Random(f"chains {seed}")
    for _ in range(draw.randint(3, 6)):
        tariff = draw.choice((0, 0, 0, 1, 1, 2))
        account = abroad if tariff == 2 else draw.choice(("fleet", "fleet", "merchant"))
        devices.append(
            DeviceOptions(
                account,
                tariff,
                draw.choice((1, 1, 3, 10)),
                tariffs[tariff].capacity,
                chains.choice((0, 0, 3, 200)),
                claims=currency == "XRP" and tariff == 2,
            )
        )
    if currency == "XRP":
        devices.append(DeviceOptions(abroad, 2, 1, tariffs[2].capacity, claims=True))
    _let_trade(Random(f"trade {seed}"), devices, abroad)
    _let_top_up(Random(f"topup {seed}"), devices, tariffs)
    _let_watch(Random(f"places {seed}"), devices, tariffs, abroad)
    _ask_session_fees(Random(f"session fees {seed}"), tariffs, devices)
    return Options(seed, accounts, tariffs, devices, draw.choice((6, 20, 1000)))


def _let_trade(draw: Random, devices: list[DeviceOptions], abroad: str) -> None:
    """Let one device buy from another, which comes to the rest, in half of the worlds."""
    buyers = [number for number, each in enumerate(devices) if each.account != abroad]
    if not buyers or draw.random() < 0.5:
        return
    number = draw.choice(buyers)
    buyer = devices[number]
    devices[number] = replace(buyer, buys_from=len(devices))
    account = draw.choice(("merchant", "fleet"))
    devices.append(DeviceOptions(account, buyer.tariff, 1, buyer.capacity, sells=True))


def _let_top_up(draw: Random, devices: list[DeviceOptions], tariffs: list[TariffOptions]) -> None:
    """Let devices that neither sell nor buy from another top their channels up, in half of the
    worlds: by what a few units cost, up to what the tariff allows, or to less than half of that."""
    if draw.random() < 0.5:
        return
    for number, each in enumerate(devices):
        if each.sells or each.buys_from >= 0 or draw.random() < 0.3:
            continue
        tariff = tariffs[each.tariff]
        few = draw.choice((2, 9, 30)) * max(1, tariff.numerator // tariff.denominator)
        most = draw.choice((tariff.capacity, 2 * tariff.capacity, tariff.capacity // 3))
        devices[number] = replace(each, topup=few, capacity=max(few, most))


def _let_watch(
    draw: Random, devices: list[DeviceOptions], tariffs: list[TariffOptions], abroad: str
) -> None:
    """Let one more device count the seconds in which somebody at another consumes nothing, in a
    third of the worlds."""
    if draw.random() < 0.67:
        return
    watched = draw.choice([number for number, each in enumerate(devices) if not each.sells])
    chain = draw.choice((0, 0, 200))
    bay = DeviceOptions(abroad, 2, draw.choice((1, 10)), tariffs[2].capacity, chain)
    devices.append(replace(bay, idle_of=watched, idle_after_s=draw.choice((0, 3, 30))))


def _ask_session_fees(
    draw: Random, tariffs: list[TariffOptions], devices: list[DeviceOptions]
) -> None:
    """Let a tariff ask a session fee, in half of the worlds; every channel can pay for it too."""
    if draw.random() < 0.5:
        return
    number = draw.randrange(len(tariffs))
    fee = draw.choice((1, 7, 5_000, 999_983))
    tariff = tariffs[number]
    tariffs[number] = replace(tariff, session_fee=fee, capacity=tariff.capacity + fee)
    for place, each in enumerate(devices):
        if each.tariff == number:
            topup = each.topup + fee if each.topup else 0
            devices[place] = replace(each, capacity=each.capacity + fee, topup=topup)


class _Maker:
    """Draws operations of one seed."""

    def __init__(self, seed: int, devices: int) -> None:
        self.draw = Random(f"story {seed}")
        self.devices = devices
        self.after: list[tuple[int, Operation]] = []
        """What is to follow after so many operations more."""

    def device(self) -> int:
        return self.draw.randrange(self.devices)

    def later(self, operation: Operation) -> None:
        """Undo something after a while."""
        self.after.append((self.draw.randint(2, 12), operation))

    # Kinds of trouble

    def network(self) -> list[Operation]:
        effect = self.draw.choice(EFFECTS)
        place = self.draw.choice((ANY, GATEWAY, self.device(), self.device()))
        direction = self.draw.choice(("", "up", "down"))
        kind = self.draw.choice(("", "", *_UP, *_DOWN))
        argument = {
            "delay": self.draw.choice((2_000, 60_000, 600_000, 7_200_000)),
            "duplicate": self.draw.choice((0, 40, 30_000)),
        }.get(effect, self.draw.randrange(4096))
        return [["net", effect, place, direction, kind, self.draw.choice((1, 1, 2, 8)), argument]]

    def partition(self) -> list[Operation]:
        place = self.draw.choice((GATEWAY, self.device(), self.device()))
        self.later(["mend", place])
        return [["partition", place], ["wait", self.draw.choice((200, 5_000, 60_000))]]

    def broker(self) -> list[Operation]:
        return [["kill_broker"], ["wait", self.draw.choice((100, 4_000))], ["start_broker"]]

    def overflow(self) -> list[Operation]:
        return [["stall_gateway", self.draw.choice((1_000, 4_000, 20_000))]] + [
            ["consume", number, self.draw.randint(5, 30)] for number in range(self.devices)
        ]

    def killing(self) -> list[Operation]:
        down = self.draw.choice((500, 2_000, 30_000))
        point = self.draw.choice(("", *POINTS, *POINTS, "publish", "publish"))
        if not point:
            return [["consume", self.device(), self.draw.randint(1, 9)], ["kill_gateway", down]]
        most = 25 if point == "execute" else 3
        return [["kill_gateway_at", point, self.draw.randrange(most), down]]

    def second(self) -> list[Operation]:
        stall: list[Operation] = (
            [["stall_gateway", 3_000]] if self.draw.random() < 0.5 else [["wait", 50]]
        )
        return [*stall, ["second_gateway"]]

    def disk(self) -> list[Operation]:
        self.later(["mend_disk"])
        return [["fail_disk", self.draw.choice(("write", "sync")), self.draw.randrange(12)]]

    def power(self) -> list[Operation]:
        return [["lose_power", self.draw.choice((500, 5_000))]]

    def gateway_clock(self) -> list[Operation]:
        seconds = self.draw.choice((-1_800_000_000, -3_600, -60, 60, 3_600, 86_400, 315_360_000))
        self.later(["gateway_clock", -seconds])
        return [["gateway_clock", seconds]]

    def device_power(self) -> list[Operation]:
        if self.draw.random() < 0.5:
            return [["reset", self.device()]]
        kept = self.draw.randrange(400)
        return [["cut_power", self.device(), self.draw.randrange(6), kept]]

    def flash(self) -> list[Operation]:
        if self.draw.random() < 0.4:
            return [["wipe", self.device()]]
        return [["put_back", self.device(), self.draw.randint(1, 12)]]

    def copies(self) -> list[Operation]:
        self.later(["remove_copies"])
        number = self.device()
        return [["copy", number], ["wait", 4_000], ["copies_consume", self.draw.randint(1, 20)]]

    def device_clock(self) -> list[Operation]:
        if self.draw.random() < 0.5:
            return [["device_clock", self.device(), self.draw.choice((1_000, 3_600_000, 2**31))]]
        return [["device_rate", self.device(), *self.draw.choice(((1, 10), (10, 1), (3, 2)))]]

    def adversary(self) -> list[Operation]:
        what = self.draw.choice(("forge", "replay", "replay", "retain", "trespass", "will"))
        back = self.draw.randrange(60)
        if what == "forge":
            return [["forge", self.device(), self.draw.choice(FORGERIES)]]
        if what == "trespass":
            return [["trespass", self.device(), self.device(), back]]
        if what == "will":
            number = self.device()
            return [["will", number, back], ["reset", number]]
        if what == "retain":
            return [["replay", back, -1, "", 1], ["kill_gateway", 500], ["wait", 3_000]]
        number = self.draw.choice((-1, self.device()))
        return [["replay", back, number, self.draw.choice(("", "", *_UP, *_DOWN)), 0]]

    def cheating(self) -> list[Operation]:
        number = self.device()
        self.later(["thaw", number])
        return [["equivocate", number, self.draw.randint(1, 3)]]

    def operator(self) -> list[Operation]:
        number = self.device()
        what = self.draw.choice(("suspend", "suspend", "close", "thaw", "finish", "thaw"))
        if what == "suspend":
            self.later(["resume", number])
        if what != "finish" and self.draw.random() < 0.3:
            return [["twice", what, number]]
        if what != "finish" and self.draw.random() < 0.3:
            return [["decide_between", what, number, self.draw.randrange(4)]]
        return [[what, number]]

    def keys(self) -> list[Operation]:
        down = self.draw.choice((300, 2_000, 9_000))
        if self.draw.random() < 0.3:
            return [["retire_key", self.draw.randrange(2), down]]
        if self.draw.random() < 0.2:
            # Over two of them, whoever is away must catch up.
            number = self.device()
            self.later(["mend", number])
            return [["partition", number], ["rotate_key", down], ["rotate_key", down]]
        self.later(["retire_key", self.draw.randrange(2), down])
        return [["rotate_key", self.draw.choice((-1, down, down))]]

    def revoking(self) -> list[Operation]:
        return [["revoke", self.device()]]

    def settling(self) -> list[Operation]:
        return [["settle"]] if self.draw.random() < 0.7 else [["settle_twice"]]

    def rail(self) -> list[Operation]:
        return [["rail_execute"], ["report", self.draw.choice((1, 2, 100))]]

    def settling_badly(self) -> list[Operation]:
        if self.draw.random() < 0.3:
            return [["settle_raced", self.draw.randrange(4)]]
        point = self.draw.choice((*POINTS, "before_submit", "after_submit"))
        most = 40 if point == "execute" else 3
        return [["settle_killed", point, self.draw.randrange(most)]]

    def bad_rail(self) -> list[Operation]:
        what = self.draw.choice(("rail_reject", "rail_again", "report_again", "report_opposite"))
        return [["rail_reject", self.draw.randint(1, 3)]] if what == "rail_reject" else [[what]]

    def long_wait(self) -> list[Operation]:
        return [["wait", self.draw.choice((120_000, 600_000, 1_200_000))]]


_TROUBLE: dict[str, Callable[[_Maker], list[Operation]]] = {
    "network": _Maker.network,
    "partition": _Maker.partition,
    "broker": _Maker.broker,
    "overflow": _Maker.overflow,
    "killing": _Maker.killing,
    "second": _Maker.second,
    "disk": _Maker.disk,
    "power": _Maker.power,
    "gateway_clock": _Maker.gateway_clock,
    "device_power": _Maker.device_power,
    "flash": _Maker.flash,
    "copies": _Maker.copies,
    "device_clock": _Maker.device_clock,
    "adversary": _Maker.adversary,
    "cheating": _Maker.cheating,
    "operator": _Maker.operator,
    "keys": _Maker.keys,
    "revoking": _Maker.revoking,
    "settling_badly": _Maker.settling_badly,
    "bad_rail": _Maker.bad_rail,
    "long_wait": _Maker.long_wait,
}
_SHARE = {
    "network": 5.0,
    "adversary": 2.0,
    "killing": 2.0,
    "operator": 2.0,
    "flash": 0.5,
    "cheating": 0.4,
    "copies": 0.3,
    "long_wait": 0.3,
    "keys": 0.5,
    "revoking": 0.1,
}
"""How often a kind comes up among others, where it is not 1."""


def make(seed: int) -> Story:
    """The story of a seed."""
    options = with_money(options_of(seed))
    maker = _Maker(seed, len(options.devices))
    draw = maker.draw
    chosen = draw.sample(sorted(_TROUBLE), draw.randint(2, 8))
    weights = [_SHARE.get(name, 1.0) * draw.choice((0.5, 1.0, 3.0)) for name in chosen]
    trouble = draw.choice((0.15, 0.3, 0.5))
    operations: list[Operation] = [["wait", 3_000]]
    for _ in range(draw.randint(25, 75)):
        due = [operation for left, operation in maker.after if left <= 0]
        maker.after = [(left - 1, operation) for left, operation in maker.after if left > 0]
        operations += due
        if draw.random() < trouble:
            (name,) = draw.choices(chosen, weights)
            operations += _TROUBLE[name](maker)
        elif draw.random() < 0.12:
            operations += maker.settling() if draw.random() < 0.5 else maker.rail()
        else:
            operations.append(["consume", maker.device(), draw.choice((1, 2, 3, 7, 25))])
        if draw.random() < 0.6:
            operations.append(["wait", draw.choice((20, 20, 300, 2_000, 9_000))])
    loses_power = any(operation[0] == "lose_power" for operation in operations)
    operations = actions_times.weave(seed, actions_money.weave(seed, operations))
    operations = weave_prices(seed, operations, len(options.tariffs))
    operations = weave_claims(seed, operations, options.devices)
    operations = actions_idle.weave(seed, operations, options.devices)
    options, operations = weave_chain(options, operations)
    return Story(replace(options, loses_power=loses_power), operations)
