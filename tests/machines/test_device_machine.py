"""A device and its gateway with everything between them against them: lost, copied and late
messages, lost answers, power cuts in the middle of the journal's writes, restarts on both sides,
operators. Money is neither doubled nor invented, and when all heals each unit is paid for."""

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from gateway.ingest.inbox import Received
from gateway.operations import channels as channel_operations
from gateway.operations import devices as device_operations
from gateway.settlement.verify_books import verify_books
from gateway.store import channels
from protocol import envelope, messages
from tests.firmware.pair import MemorySlots, Pair
from tests.ingest.parties import PRICE
from tests.machines.setting import MACHINE, Folder

FOREVER = 10**9


class PowerCut(Exception):
    """The power is gone."""


class Slots(MemorySlots):
    """Two slots whose power can be cut within a write, or right after it."""

    def __init__(self) -> None:
        super().__init__()
        self.cut_in = FOREVER
        self.kept = 1.0

    def write(self, slot: int, data: bytes) -> None:
        self.cut_in -= 1
        if self.cut_in == 0:
            size = int(len(data) * self.kept)
            self.slots[slot] = data[:size] + self.slots[slot][size:]
            raise PowerCut
        super().write(slot, data)


class Lossy(Pair):
    """A pair whose answers can be lost."""

    deaf = 0

    def _to_device(self, answers: list[tuple[str, bytes]]) -> None:
        for answer in answers:
            if self.deaf > 0:
                self.deaf -= 1
            else:
                super()._to_device([answer])


class DeviceAndGateway(RuleBasedStateMachine):
    """One device, whose meter is the truth."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Folder()
        self.gateway = self.folder.gateway()
        self.slots = Slots()
        self.pair = Lossy(self.gateway, self.gateway.device(), slots=self.slots)
        self.lost_up = 0
        self.late: list[Received] = []
        self.pair.up = self._up
        self.suspended = False
        self.heard_ious = 0
        self.signed: dict[bytes, tuple[int, int]] = {}

    def teardown(self) -> None:
        try:
            self.heal()
            self.everything_is_paid()
        finally:
            self.gateway.store.close()
            self.folder.remove()

    def _up(self, message: Received) -> list[Received]:
        if self.lost_up > 0:
            self.lost_up -= 1
            self.late.append(message)
            return []
        return [message]

    def step(self, work: object) -> None:
        """Do something; where the power is cut the device starts again from its journal."""
        try:
            work()  # type: ignore[operator]
        except PowerCut:
            self.slots.cut_in = FOREVER
            self.pair.boot()

    @rule(units=st.integers(1, 300))
    def deliver(self, units: int) -> None:
        self.step(lambda: self.pair.meter(units))

    @rule(milliseconds=st.sampled_from([100, 1_100, 4_000, 70_000]))
    def wait(self, milliseconds: int) -> None:
        self.step(lambda: self.pair.wait(milliseconds))

    @rule()
    def connect(self) -> None:
        if not self.pair.connected:
            self.step(self.pair.connect)

    @rule()
    def disconnect(self) -> None:
        self.pair.disconnect()

    @rule()
    def reset(self) -> None:
        """The device starts anew; all that is not in the journal is gone."""
        self.pair.boot()

    @rule(count=st.integers(1, 4))
    def lose_messages(self, count: int) -> None:
        self.lost_up = count

    @rule(count=st.integers(1, 4))
    def lose_answers(self, count: int) -> None:
        self.pair.deaf = count

    @rule(copies=st.integers(1, 3))
    def what_was_lost_arrives_late(self, copies: int) -> None:
        late, self.late = self.late, []
        for message in late * copies:
            answers = self.gateway.take(message)
            assert answers is not None

    @rule(which=st.integers(0, 400))
    def an_old_message_again(self, which: int) -> None:
        if self.pair.said:
            kind, message = self.pair.said[which % len(self.pair.said)]
            self.gateway.take(self.pair.party.message(kind, message))

    @rule(which=st.integers(0, 400))
    def an_old_answer_again(self, which: int) -> None:
        if self.pair.heard and self.pair.connected:
            kind, message = self.pair.heard[which % len(self.pair.heard)]
            self.step(
                lambda: self.pair.deliver(self.pair.device.on_message(kind, message, self.pair.now))
            )

    @rule(writes=st.integers(1, 6), kept=st.sampled_from([0.0, 0.3, 0.9, 1.0]))
    def cut_power_soon(self, writes: int, kept: float) -> None:
        self.slots.cut_in, self.slots.kept = writes, kept

    @rule()
    def the_gateway_restarts(self) -> None:
        self.gateway.store.close()
        self.gateway.store = self.folder.store(self.gateway.clock)
        self.gateway.restart()

    @rule()
    def an_operator_decides(self) -> None:
        decide = device_operations.resume if self.suspended else device_operations.suspend
        decide(self.gateway.store, self.pair.party.id)
        self.suspended = not self.suspended
        self.step(self.pair.keep_house)

    @rule()
    def an_operator_closes(self) -> None:
        with self.gateway.store.read() as conn:
            live = channels.by_device(conn, self.pair.party.id)
        for row in live[:1]:
            channel_operations.close(self.gateway.store, bytes(row.id))
        self.step(self.pair.keep_house)

    @rule()
    def finish_and_go_on(self) -> None:
        """Its user ends the session, and begins another one."""

        def work() -> None:
            self.pair.deliver(self.pair.device.finish(self.pair.now))

        self.step(work)
        self.pair.device.wants_channel = True

    @invariant()
    def a_device_never_signs_lower(self) -> None:
        for kind, message in self.pair.said[self.heard_ious :]:
            if kind == "iou":
                iou = messages.read_iou(envelope.parse_sign1("iou", message).payload)
                amount, units = self.signed.get(iou.channel, (0, 0))
                assert iou.amount == PRICE.amount(iou.units)
                assert (iou.amount, iou.units) == (amount, units) or (
                    iou.amount > amount and iou.units > units
                )
                self.signed[iou.channel] = (iou.amount, iou.units)
        self.heard_ious = len(self.pair.said)

    @invariant()
    def nothing_is_charged_that_was_not_metered_and_signed(self) -> None:
        assert self.pair.units_paid() <= self.pair.device.total
        with self.gateway.store.read() as conn:
            for row in channels.by_device(conn, self.pair.party.id, live=False):
                assert row.amount <= self.signed.get(bytes(row.id), (0, 0))[0]
                assert row.state != "frozen"

    @invariant()
    def nobody_is_called_a_liar(self) -> None:
        """An honest device in trouble never looks like a copied one."""
        for reason in ("conflict", "wrong_amount", "bad_signature", "malformed"):
            assert self.gateway.metrics.refused.labels("iou", reason)._value.get() == 0

    def heal(self) -> None:
        """No more faults, and time."""
        self.slots.cut_in = FOREVER
        self.lost_up = self.pair.deaf = 0
        if self.suspended:
            self.an_operator_decides()
        if self.pair.connected:
            self.pair.disconnect()
        self.pair.connect()
        for _ in range(60):
            self.pair.wait(5_000)
            self.pair.keep_house()

    def everything_is_paid(self) -> None:
        """Each unit that the meter shows, once; and the device may deliver on."""
        assert self.pair.device.may_deliver()
        assert self.pair.device.unpaid() == 0
        assert self.pair.units_paid() == self.pair.device.total
        found = verify_books(self.gateway.store, self.gateway.keys.public)
        assert found.discrepancies == []


DeviceAndGateway.TestCase.settings = MACHINE


@pytest.mark.timeout(0)
@pytest.mark.threat("C11", "D1", "D2", "D5", "D12", "N1", "N2")
class TestDeviceAndGateway(DeviceAndGateway.TestCase):
    """Runs the machine."""
