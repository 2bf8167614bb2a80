"""Devices that pay each other through the gateway's hot path: credits, windows, losses, resets."""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from firmware.device import Device
from firmware.earner import QUIET_MS, Earner, Sale
from firmware.identity import native_identity
from firmware.journal import Journal
from firmware.trader import Trader
from gateway.ingest import upkeep
from gateway.ingest.inbox import Received
from gateway.ingest.replies import Outgoing
from gateway.settlement.verify_books import verify_books
from gateway.store import channels, listings
from protocol import MAX_EARNED_PER_DEVICE, envelope, hub, messages, topics
from protocol.messages import Credit
from simulator.crypto import native
from tests.firmware.pair import MemorySlots
from tests.ingest.parties import CAPACITY, PRICE, Gateway, Party, gateway_in, kind_of

WINDOW = 20
FEE = 250


@dataclass
class Machine:
    """A device with its two journals, which outlive a reset."""

    town: "Town"
    party: Party
    payee: str = ""
    sells: bool = False
    chain_length: int = 0
    slots: MemorySlots = field(default_factory=MemorySlots)
    earned: MemorySlots = field(default_factory=MemorySlots)
    up: bool = False
    device: Device = field(init=False)
    earner: Earner = field(init=False)

    def __post_init__(self) -> None:
        self.boot()

    def boot(self) -> None:
        """Start from what the journals hold."""
        self.up = False
        identity = native_identity(native(self.party.key), self.town.gateway.keys.public)
        self.device = Device(
            identity,
            Journal(self.slots),
            self.town.random,
            "W.h",
            1,
            CAPACITY,
            chain_length=self.chain_length,
            payee=self.payee,
        )
        self.device.wants_channel = bool(self.payee)
        sale = Sale(PRICE, CAPACITY, WINDOW, 86_400)
        self.earner = Earner(identity, self.device.belief, Journal(self.earned), sale, 5)

    @property
    def core(self) -> Trader | Device:
        return Trader(self.device, self.earner) if self.sells else self.device

    def connect(self) -> None:
        self.up = True
        self.town.carry(self, self.core.on_connected(self.town.now))

    def disconnect(self) -> None:
        self.up = False
        self.core.on_disconnected()


@dataclass
class Town:
    """Machines and their gateway. `passes` says what becomes of a message to a machine."""

    gateway: Gateway
    machines: dict[str, Machine] = field(default_factory=dict)
    now: int = 0
    counter: int = 0
    passes: Callable[[Outgoing], bool] = field(default=lambda _message: True)

    def random(self, size: int) -> bytes:
        self.counter += 1
        return self.counter.to_bytes(size, "big")

    def machine(self, account: str, **more: object) -> Machine:
        party = self.gateway.device(account)
        made = self.machines[party.id] = Machine(self, party, **more)  # type: ignore[arg-type]
        return made

    def carry(self, machine: Machine, sending: list[tuple[str, bytes]]) -> None:
        """Carry messages, and all that is said to anybody for them."""
        for kind, message in sending:
            if machine.up:
                self.say(self.gateway.take(Received(topics.up(machine.party.id, kind), message)))

    def say(self, answers: list[Outgoing]) -> None:
        for answer in answers:
            device_id, kind = topics.parse(answer.topic, "down")
            machine = self.machines[device_id]
            if machine.up and self.passes(answer):
                self.carry(machine, machine.core.on_message(kind, answer.payload, self.now))

    def wait(self, milliseconds: int) -> None:
        for _ in range(milliseconds // 500):
            self.now += 500
            for machine in self.machines.values():
                self.carry(machine, machine.core.on_time(self.now))
        upkeep.expire(self.gateway.context)
        self.say(upkeep.tell(self.gateway.context))

    def flow(self, source: Machine, load: Machine, units: int) -> int:
        """Let so many units flow from one to the other, while both let them; how many did."""
        for count in range(units):
            if not (source.earner.may_deliver() and load.device.may_deliver()):
                return count
            source.earner.on_meter(source.earner.total + 1)
            self.carry(load, load.device.on_meter(load.device.total + 1, self.now))
        return units

    def marks(self) -> list[tuple[int, int]]:
        """(payer's amount, mirror's amount) of each channel between two."""
        with self.gateway.store.read() as conn:
            rows = channels.page(conn, limit=1000)
            own = {bytes(row.id): row.amount for row in rows}
            return [
                (own[bytes(row.mirror_of)], row.amount) for row in rows if row.mirror_of is not None
            ]


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Town]:
    gateway = gateway_in(tmp_path)
    for name in ("park", "sun"):
        gateway.account(name)
    gateway.context.hub_fee_bp = FEE
    yield Town(gateway)
    gateway.store.close()


@pytest.fixture
def charger(town: Town) -> Machine:
    return town.machine("park", sells=True)


@pytest.fixture
def car(town: Town, charger: Machine) -> Machine:
    return town.machine("fleet", payee=charger.party.id)


@pytest.fixture
def met(charger: Machine, car: Machine) -> None:
    """Both are connected, and the car has found its charger."""
    charger.connect()
    car.connect()


def test_a_car_finds_its_charger_pays_it_and_is_served(
    town: Town, charger: Machine, car: Machine
) -> None:
    charger.connect()
    assert not charger.earner.may_deliver()
    car.connect()
    assert charger.earner.may_deliver()
    assert town.flow(charger, car, 500) == 500
    assert charger.earner.unpaid() == 0
    assert charger.earner.earned() == hub.credited(500 * 300, FEE)
    assert town.marks() == [(150_000, hub.credited(150_000, FEE))]
    assert verify_books(town.gateway.store, town.gateway.keys.public).ok


def test_ticks_pay_a_charger_too(town: Town, charger: Machine) -> None:
    car = town.machine("fleet", payee=charger.party.id, chain_length=50)
    charger.connect()
    car.connect()
    assert town.flow(charger, car, 300) == 300
    assert charger.earner.unpaid() == 0


@pytest.mark.usefixtures("met")
@pytest.mark.threat("D11")
def test_a_payer_that_stops_paying_costs_the_payee_its_window_and_no_more(
    town: Town, charger: Machine, car: Machine
) -> None:
    town.flow(charger, car, 30)
    delivered = charger.earner.total
    # The car goes on drawing and says nothing more.
    while charger.earner.may_deliver():
        charger.earner.on_meter(charger.earner.total + 1)
    assert charger.earner.total - delivered == WINDOW
    assert charger.earner.unpaid() == WINDOW


@pytest.mark.usefixtures("met")
@pytest.mark.threat("D11")
def test_a_payee_that_stops_delivering_costs_the_payer_nothing(
    town: Town, charger: Machine, car: Machine
) -> None:
    town.flow(charger, car, 30)
    charger.disconnect()
    town.wait(5_000)
    assert town.marks() == [(9_000, hub.credited(9_000, FEE))]
    assert car.device.unpaid() == 0


@pytest.mark.usefixtures("met")
def test_either_side_can_be_away_and_catches_up(town: Town, charger: Machine, car: Machine) -> None:
    town.flow(charger, car, 10)
    charger.disconnect()
    # Within its window the charger goes on without a word from anybody.
    assert town.flow(charger, car, 100) == WINDOW
    charger.connect()
    assert charger.earner.unpaid() == 0
    car.disconnect()
    assert town.flow(charger, car, 100) == WINDOW
    car.connect()
    assert charger.earner.unpaid() == 0
    assert town.flow(charger, car, 50) == 50


@pytest.mark.usefixtures("met")
@pytest.mark.threat("N1")
def test_lost_credits_cost_nothing(town: Town, charger: Machine, car: Machine) -> None:
    chance = random.Random(2)
    town.passes = lambda answer: kind_of(answer) != "credit" or chance.random() < 0.3
    total = 0
    for _ in range(20):
        total += town.flow(charger, car, 30)
        charger.disconnect()
        charger.connect()
    town.passes = lambda _answer: True
    charger.disconnect()
    charger.connect()
    assert charger.earner.unpaid() == 0
    assert town.marks()[0][0] == total * 300


@pytest.mark.usefixtures("met")
def test_a_charger_that_is_reset_believes_what_it_has_stored(
    town: Town, charger: Machine, car: Machine
) -> None:
    town.flow(charger, car, 33)
    earned = charger.earner.earned()
    charger.boot()
    assert charger.earner.earned() == earned
    charger.connect()
    assert town.flow(charger, car, 33) == 33


@pytest.mark.usefixtures("met")
def test_the_close_ends_both_and_the_next_channel_begins_anew(
    town: Town, charger: Machine, car: Machine
) -> None:
    town.flow(charger, car, 40)
    town.carry(car, car.device.finish(town.now))
    town.wait(2_000)
    assert car.device.channels == []
    assert charger.earner.channels == []
    assert not charger.earner.may_deliver()
    other = town.machine("fleet", payee=charger.party.id)
    other.connect()
    assert town.flow(charger, other, 25) == 25


def test_a_charger_that_missed_the_end_of_each_channel_has_places_again_when_it_is_back(
    town: Town, charger: Machine
) -> None:
    charger.connect()
    for _ in range(MAX_EARNED_PER_DEVICE + 1):
        car = town.machine("fleet", payee=charger.party.id)
        car.connect()
        assert town.flow(charger, car, 10) == 10
        charger.disconnect()
        town.carry(car, car.device.finish(town.now))
        town.wait(1_000)
        charger.connect()
    assert charger.earner.channels == []


def _deaf_to_ends(charger: Machine) -> Callable[[Outgoing], bool]:
    """What passes while each receipt is lost on its way to the charger."""
    return lambda answer: topics.parse(answer.topic, "down") != (charger.party.id, "receipt")


@pytest.mark.usefixtures("met")
@pytest.mark.threat("N1")
def test_a_charger_that_stays_connected_asks_for_an_end_that_was_lost(
    town: Town, charger: Machine, car: Machine
) -> None:
    town.flow(charger, car, 40)
    town.passes = _deaf_to_ends(charger)
    town.carry(car, car.device.finish(town.now))
    town.wait(1_000)
    assert car.device.channels == []
    assert len(charger.earner.channels) == 1
    town.passes = lambda _answer: True
    town.wait(2 * QUIET_MS)
    assert charger.earner.channels == []
    assert not charger.earner.may_deliver()


@pytest.mark.threat("N1")
def test_a_car_that_finds_no_place_for_ends_that_were_lost_is_served_at_once(
    town: Town, charger: Machine
) -> None:
    charger.connect()
    town.passes = _deaf_to_ends(charger)
    for _ in range(MAX_EARNED_PER_DEVICE):
        car = town.machine("fleet", payee=charger.party.id)
        car.connect()
        town.carry(car, car.device.finish(town.now))
    assert len(charger.earner.channels) == MAX_EARNED_PER_DEVICE
    town.passes = lambda _answer: True
    car = town.machine("fleet", payee=charger.party.id)
    car.connect()
    assert town.flow(charger, car, 30) == 30
    assert len(charger.earner.channels) == 1


@pytest.mark.usefixtures("met")
def test_while_each_channel_is_paid_on_nothing_is_asked(
    town: Town, charger: Machine, car: Machine
) -> None:
    heard = []
    town.passes = lambda answer: heard.append(kind_of(answer)) or True
    for _ in range(6):
        town.flow(charger, car, 5)
        town.wait(QUIET_MS // 2)
    assert heard
    assert "resume" not in heard


@pytest.mark.usefixtures("met")
@pytest.mark.threat("N6", "D8")
def test_credits_and_mirrors_that_the_gateway_did_not_sign_count_for_nothing(
    town: Town, charger: Machine, car: Machine
) -> None:
    town.flow(charger, car, 10)
    channel = charger.earner.channels[-1]
    for credit in (Credit(channel.id, 9_000_000, 30_000), Credit(bytes(32), 1, 1)):
        forged = envelope.sign1("credit", credit.payload(), car.party.sign)
        charger.core.on_message("credit", forged, town.now)
    # The gateway's own terms to another payee.
    mirrored = hub.mirror_terms(car.party.terms(9, payee_key=car.party.public), 0)
    other = town.gateway.keys.sign1("mirror", mirrored.payload())
    charger.core.on_message("mirror", other, town.now)
    assert charger.earner.earned() == hub.credited(3_000, FEE)
    assert charger.earner.channels == [channel]
    assert charger.earner.ignored == 2


@pytest.mark.usefixtures("met")
@pytest.mark.threat("D3", "G4")
def test_a_gateway_that_signs_two_credits_that_contradict_leaves_the_proof_with_the_payee(
    town: Town, charger: Machine, car: Machine
) -> None:
    town.flow(charger, car, 10)
    channel = charger.earner.channels[-1]
    lie = town.gateway.keys.sign1("credit", Credit(channel.id, channel.amount, 11).payload())
    charger.core.on_message("credit", lie, town.now)
    assert charger.earner.proofs == [[channel.credit, lie]]
    assert channel.units == 10
    charger.boot()
    assert charger.earner.proofs[0][1] == lie


def test_a_payee_is_paid_on_as_many_channels_as_it_keeps_and_the_next_payer_waits_for_a_place(
    town: Town, charger: Machine
) -> None:
    charger.connect()
    cars = [town.machine("fleet", payee=charger.party.id) for _ in range(MAX_EARNED_PER_DEVICE + 2)]
    for each in cars:
        each.connect()
    served, waiting = cars[:MAX_EARNED_PER_DEVICE], cars[MAX_EARNED_PER_DEVICE:]
    assert len(charger.earner.channels) == MAX_EARNED_PER_DEVICE
    assert [each.device.channels for each in waiting] == [[], []]
    assert all("too_many_channels" in each.device.refusals for each in waiting)
    # Whatever it missed while it was away it is told of when it is back, of the oldest too.
    charger.disconnect()
    for each in served:
        each.device.on_meter(5, town.now)
        town.carry(each, each.device.on_time(town.now + 5_000))
    charger.connect()
    paid = hub.credited(5 * 300, FEE)
    assert [channel.amount for channel in charger.earner.channels] == [paid] * len(served)
    # A place is left: the one that comes first gets it.
    town.carry(served[0], served[0].device.finish(town.now))
    town.wait(70_000)
    assert [bool(each.device.channels) for each in waiting] == [True, False]
    assert len(charger.earner.channels) == MAX_EARNED_PER_DEVICE
    assert town.flow(charger, waiting[0], 30) == 30


def test_what_it_sells_is_said_again_until_it_is_listed(town: Town, charger: Machine) -> None:
    town.passes = lambda answer: kind_of(answer) != "listed"
    charger.connect()
    town.passes = lambda _answer: True
    town.wait(20_000)
    with town.gateway.store.read() as conn:
        (row,) = listings.find(conn)
    assert row.device_id == charger.party.id
    assert charger.earner.fee_bp == FEE


def test_a_chain_of_three_pays_through(town: Town, charger: Machine, car: Machine) -> None:
    sun = town.machine("sun", sells=True)
    charger.payee = sun.party.id
    charger.boot()
    for each in (sun, charger, car):
        each.connect()
    for _ in range(60):
        assert town.flow(charger, car, 1) == 1
        assert town.flow(sun, charger, 1) == 1
    assert [paid for paid, _ in town.marks()] == [18_000, 18_000]


def _another_key(town: Town, *, retired: bool) -> None:
    """Another key follows the gateway's, which starts anew and says so."""
    keys = town.gateway.keys
    town.gateway.rotate()
    town.gateway.context.hub_fee_bp = FEE
    town.say(upkeep.announce(town.gateway.context))
    if retired:
        town.gateway.keys = town.gateway.keys.without(keys.public)
        town.gateway.restart()
        town.gateway.context.hub_fee_bp = FEE


@pytest.mark.usefixtures("met")
@pytest.mark.parametrize("retired", [False, True])
def test_a_channel_and_its_mirror_outlive_the_key_that_they_were_opened_under(
    town: Town, charger: Machine, car: Machine, retired: bool
) -> None:
    first = town.gateway.keys.public
    assert town.flow(charger, car, 40) == 40
    _another_key(town, retired=retired)
    assert charger.device.gateway_key == car.device.gateway_key == town.gateway.keys.public
    assert town.flow(charger, car, 60) == 60
    assert charger.earner.earned() == hub.credited(100 * 300, FEE)
    # The next channel is under the new key, and so is its mirror.
    town.carry(car, car.device.finish(town.now))
    car.device.wants_channel = True
    town.wait(70_000)
    assert town.flow(charger, car, 30) == 30
    with town.gateway.store.read() as conn:
        rows = channels.page(conn, limit=10)
    opened = [envelope.parse_sign1("open", bytes(row.open_message)).payload for row in rows]
    keys = sorted(messages.read_terms(payload).gateway_key == first for payload in opened)
    assert keys == [False, False, True, True]
    assert sorted(town.marks())[-1] == (30_000, hub.credited(30_000, FEE))
    assert verify_books(town.gateway.store, *town.gateway.keys.publics).ok
