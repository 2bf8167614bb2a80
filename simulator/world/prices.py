"""The operator changes prices: at once, and at times of use."""

from collections.abc import Sequence
from dataclasses import replace

from gateway.operations import plans, tariffs
from gateway.store.engine import Store
from gateway.store.errors import NotFound
from simulator.world.operator import Operator, tariff_of
from simulator.world.story import TariffOptions
from simulator.world.watch import Watch


class Prices:
    """What each tariff of the options costs besides, as a fraction of its own price."""

    def __init__(self, operator: Operator, watch: Watch, options: Sequence[TariffOptions]) -> None:
        self._operator = operator
        self._watch = watch
        self._options = options
        self._all = [[(each.numerator, each.denominator)] for each in options]
        self._grace_s = plans.GRACE_S

    def grace(self, seconds: int) -> None:
        """Prices that change from now on are granted for so long after."""
        self._grace_s = seconds

    def all_of(self, number: int) -> list[tuple[int, int]]:
        """Every price that a tariff of the options has had."""
        return self._all[number]

    def change(self, number: int, numerator: int, denominator: int) -> None:
        """From now on units cost this fraction of what they cost at first."""
        number %= len(self._options)
        priced = self._priced(number, numerator, denominator)

        def step(store: Store) -> None:
            new = self._id(store, number, priced)
            for old in self._ids(store, number):
                if old != new:
                    plans.follow(store, old, new, self._grace_s)

        if self._operator.act("follow", step):
            self._watch.faults.took_effect("price_changed")

    def band(self, number: int, numerator: int, denominator: int, minutes: int) -> None:
        """Units cost this fraction in the first half of every so many minutes, and what they cost
        at first in the other."""
        number %= len(self._options)
        priced = self._priced(number, numerator, denominator)
        half = minutes // 2

        def step(store: Store) -> None:
            new = self._id(store, number, priced)
            first = self._id(store, number, self._options[number])
            for old, follower, cron in (
                (first, new, f"*/{minutes} * * * *"),
                (new, first, f"{half}-59/{minutes} * * * *"),
            ):
                band = plans.NewBand(old, follower, cron, grace_s=self._grace_s)
                plans.add_band(store, band)

        self._operator.act("band", step)

    def due(self) -> None:
        """Let change what has fallen due, and end what has been followed for long."""
        done: list[tuple[str, str]] = []
        self._operator.act("prices_due", lambda store: done.extend(plans.follow_due(store)))
        if done:
            self._watch.faults.took_effect("price_fell_due")
        ended: list[int] = []
        self._operator.act("prices_end", lambda store: ended.append(plans.end_due(store)))
        if any(ended):
            self._watch.faults.took_effect("price_ended")

    def _priced(self, number: int, numerator: int, denominator: int) -> TariffOptions:
        each = self._options[number]
        priced = replace(
            each,
            numerator=each.numerator * numerator,
            denominator=each.denominator * denominator,
        )
        self._all[number].append((priced.numerator, priced.denominator))
        # Before it can come to anything. Where everything costs what it did at first, that follows.
        for price in (each, priced):
            said = f"{price.unit} {price.numerator} {price.denominator}"
            self._watch.declared("priced", said)
        return priced

    def _id(self, store: Store, number: int, priced: TariffOptions) -> bytes:
        """The id of the tariff of this price, which is added if it is not there."""
        name = f"tariff {number}"
        if priced != self._options[number]:
            name += f" at {priced.numerator}/{priced.denominator}"
        try:
            return bytes(tariffs.find(store, name).id)
        except NotFound:
            return bytes(tariffs.add(store, tariff_of(name, priced)).id)

    def _ids(self, store: Store, number: int) -> list[bytes]:
        """All tariffs that stand for this one of the options."""
        name = f"tariff {number}"
        return [
            bytes(row.id)
            for row in tariffs.listed(store)
            if row.name == name or row.name.startswith(f"{name} at ")
        ]
