"""One simulated machine that runs the firmware's real rules: its power, clock, flash, load and
connection. No rule of payment lives here.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

from nacl.signing import SigningKey

from firmware.device import Device
from firmware.earner import Earner, Sale
from firmware.identity import native_identity
from firmware.journal import Journal, JournalError
from firmware.trader import Trader
from protocol import topics
from protocol.errors import WireError
from protocol.payer import OPEN, PayerChannel
from protocol.pricing import Tariff
from simulator.crypto import native
from simulator.world.broker import Broker, Publish, Session
from simulator.world.clock import Clock
from simulator.world.faults import Faults
from simulator.world.flash import Flash, PowerCut
from simulator.world.places import Place
from simulator.world.story import DeviceOptions
from simulator.world.watch import Watch

_BOOT_MS = 2_000
_RECONNECT_MS = 1_500
_RECONNECT_LONGEST_MS = 30_000
_AT_ONCE = 50
"""Units that the load draws between two looks at the relay."""


_XRPL_CHANNELS = 300
"""Payment channels that the owner of a device has made on the ledger: more than a story uses up."""


def xrpl_channels(key: bytes) -> list[bytes]:
    """The ids of the payment channels of the XRP Ledger that have this key."""
    return [
        hashlib.sha256(b"XRPL channel %d of " % number + key).digest()
        for number in range(_XRPL_CHANNELS)
    ]


@dataclass(frozen=True)
class Surroundings:
    """What all devices share."""

    clock: Clock
    broker: Broker
    faults: Faults
    watch: Watch
    gateway_key: bytes
    tariff_unit: Callable[[int], str]
    tariff_window: Callable[[int], int]
    tariff_price: Callable[[int], Tariff]


class SimulatedDevice:
    """A device with its number, which is also its place in the network."""

    def __init__(
        self,
        around: Surroundings,
        number: int,
        options: DeviceOptions,
        seed: bytes,
        flash: Flash | None = None,
    ) -> None:
        self._around = around
        self.number = number
        self.options = options
        self.seed = seed
        self.key = SigningKey(seed)
        self.flash = flash or Flash()
        self._identity = native_identity(native(self.key), around.gateway_key)
        self.id = str(self._identity.id)
        self.public_key = bytes(self.key.verify_key)
        self.core: Device | None = None
        self.delivered = 0
        """Units that its load ever drew, by a meter that nothing can set back."""
        self.wanted = 0
        """Units that its load still wants."""
        self.broken = False
        """Whether its journal failed: it waits for somebody to wipe it."""
        self.removed = False
        self.forgot = False
        """Whether it lost units that it had metered, by a reset or worse."""
        self.excused = False
        """Whether its journal was tampered with, so that it may need an operator's help."""
        self.doubled = 0
        """Units that its journal carried unpaid when that was put back or copied: whoever carries
        them may pay for them too."""
        self.forgotten = 0
        """Units that it may have forgotten before they were paid: unpaid when its memory went."""
        self.muddled = False
        """Whether its memory is not its own latest one, or it cheated: then who knows."""
        self.ended = False
        """Whether an operator ended it for good: nothing more is expected of it."""
        self._random_calls = 0
        self._boot_at = 0
        self._ticks_from = 0
        self._ticks_ahead = 0
        self._rate = (1, 1)
        self._session: Session | None = None
        self._reconnect_at = 0
        self._tampered = False
        self._attempt = 0
        self._held: tuple[int, int] = (-1, -1)
        self._shown: dict[bytes, int] = {}
        self.source: SimulatedDevice | None = None
        """The device that it buys from."""
        self.place: Place | None = None
        """The place that it watches, if it is an idle meter."""
        self._odd_clock = False
        self.earner: Earner | None = None
        self._earned_flash = Flash()
        self._kept: tuple[int, int] = (-1, -1)

    def came_of_a_copy(self) -> None:
        """What its flash holds is another's memory too."""
        self.forgot = self.excused = self.muddled = self._tampered = True

    # What is done to it

    def consume(self, units: int) -> None:
        """The load wants so many units more, and draws them as soon as the relay allows. Whoever
        sells, or watches a place, has no load."""
        if self.options.sells or self.options.idle_of >= 0:
            return
        self.wanted += units
        self._guarded(self._draw)

    def delivers(self) -> bool:
        """Deliver one unit to whoever buys, if its rules let it; whether it did."""
        earner = self.earner
        if self.core is None or earner is None or not earner.may_deliver():
            return False
        self._guarded(lambda _core: earner.on_meter(earner.total + 1))
        if self.earner is not earner:
            return False
        window = self._around.tariff_window(self.options.tariff)
        self._around.watch.oracle.payee_holds(self.id, unpaid_units=earner.unpaid(), window=window)
        return True

    def finish(self) -> None:
        """The owner ends the session: the device closes its channel, and opens no other."""
        self._guarded(lambda core: self._say(core.finish(self._ticks())))

    def reset(self) -> None:
        """Start again from the journal."""
        if self.core is not None:
            self._around.faults.took_effect("device_reset")
            self.forgot = True
            self._off(0)

    def cut_power_at(self, writes: int, kept: int = 7) -> None:
        """Lose power at the journal's write after `writes` more, with `kept` bytes written."""
        self.flash.cut_at(writes, kept)

    def cut_power_earning(self, writes: int, kept: int) -> None:
        """Lose power at the write after `writes` more of what it keeps of its earnings."""
        self._earned_flash.cut_at(writes, kept)

    def wipe(self) -> None:
        """Erase the journal and start again."""
        self._around.faults.took_effect("flash_wiped")
        self._around.watch.declared("key_wiped", self.id)
        self._off(0)
        self.forgot = self.excused = True
        self.flash.wipe()
        self._earned_flash.wipe()
        self.broken = False

    def put_back(self, age: int) -> None:
        """Put back the journal of `age` writes ago, and start from it."""
        image = self.flash.image(age)
        if image is None or list(image) == self.flash.slots:
            return
        self._around.faults.took_effect("flash_put_back")
        self._around.watch.declared("old_image", self.id)
        self._off(0)
        self.forgot = self.excused = self.muddled = True
        self.flash.put_back(image)
        self._tampered = True
        self.broken = False

    def jump_clock(self, milliseconds: int) -> None:
        """Its counter of milliseconds jumps ahead."""
        self._odd_clock = True
        self._ticks_ahead += milliseconds
        self._around.faults.took_effect("device_clock")

    def set_rate(self, numerator: int, denominator: int) -> None:
        """Its clock runs at this rate from now on."""
        self._odd_clock = True
        self._ticks_ahead = self._ticks()
        self._ticks_from = self._around.clock.now
        self._rate = (numerator, denominator)
        self._around.faults.took_effect("device_clock")

    def set_will(self, message: Publish | None) -> None:
        """What the broker is to publish if the connection ends without a goodbye."""
        if self._session is not None:
            self._session.will = message

    def remove(self) -> None:
        """Take it away for good."""
        self.removed = True
        self._off(0)

    def mend(self) -> None:
        """No further power cut; the owner wants it to go on. Who sells, and so opens no channel,
        never stopped."""
        self.flash.cut_never()
        self._earned_flash.cut_never()
        if self.core is not None and not self.core.wants_channel and not self.options.sells:
            self.reset()

    # What happens by itself

    def poll(self) -> None:
        """One turn of the board's loop."""
        if self.removed or self.broken:
            return
        now = self._around.clock.now
        if self.core is None:
            if now >= self._boot_at:
                self._boot()
            return
        if self._session is None and now >= self._reconnect_at:
            self._connect()
        self._guarded(self._turn)

    def arrived(self, message: Publish) -> None:
        """The broker delivers; a message of another topic, or a retained one, is no message."""
        try:
            device_id, kind = topics.parse(message.topic, "down")
        except WireError:
            return
        if device_id != self.id or message.retain:
            return

        def take(core: Device) -> None:
            self._say(self._party(core).on_message(kind, message.payload, self._ticks()))
            self._draw(core)

        self._guarded(take)

    def lost(self) -> None:
        """The connection is over."""
        self._session = None
        self._attempt += 1
        wait = min(_RECONNECT_LONGEST_MS, _RECONNECT_MS << min(self._attempt, 5))
        # A fleet's devices must not come back in step; a real one draws its wait at random.
        self._reconnect_at = self._around.clock.now + wait // 2 + self._spread(wait // 2)
        if self.core is not None:
            self._party(self.core).on_disconnected()

    @property
    def connected(self) -> bool:
        """Whether it has a connection, as far as it knows."""
        return self._session is not None

    # Inside

    def _ticks(self) -> int:
        numerator, denominator = self._rate
        passed = (self._around.clock.now - self._ticks_from) * numerator // denominator
        return self._ticks_ahead + passed

    def _spread(self, most: int) -> int:
        return int.from_bytes(self._random(4), "big") % (most + 1)

    def _random(self, size: int) -> bytes:
        self._random_calls += 1
        made = hashlib.shake_256(
            self.seed + self.number.to_bytes(4, "big") + self._random_calls.to_bytes(8, "big")
        )
        return made.digest(size)

    def _off(self, wait_ms: int) -> None:
        if self.core is not None:
            self.forgotten += int(self.core.unpaid())
        self.core = None
        self.earner = None
        self._boot_at = self._around.clock.now + _BOOT_MS + wait_ms
        if self._session is not None:
            self._around.broker.disconnect(self._session)
            self._session = None

    def _boot(self) -> None:
        self._ticks_from = self._around.clock.now
        self._ticks_ahead = 0
        self._attempt = 0
        if self.place is not None:
            self.place.restart()
        try:
            self.core = Device(
                self._identity,
                Journal(self.flash),
                self._random,
                self._around.tariff_unit(self.options.tariff),
                self.options.step,
                self.options.capacity,
                chain_length=self.options.chain_length,
                payee="" if self.source is None else self.source.id,
                topup=self.options.topup,
            )
            if self.options.claims:
                self.core.pay_by_claims(xrpl_channels(self.public_key))
            if self.options.sells:
                self.core.wants_channel = False
                self.earner = self._start_earning(self.core)
        except (JournalError, WireError):
            self._broke()
            return
        if self._tampered:
            self._tampered = False
            self.doubled += int(self.core.unpaid())

    def _start_earning(self, core: Device) -> Earner:
        price = self._around.tariff_price(self.options.tariff)
        window = self._around.tariff_window(self.options.tariff)
        sale = Sale(price, self.options.capacity, window, 86_400)
        journal = Journal(self._earned_flash)
        return Earner(self._identity, core.belief, journal, sale, self.options.step)

    def _party(self, core: Device) -> Device | Trader:
        return core if self.earner is None else Trader(core, self.earner)

    def _broke(self) -> None:
        self._off(0)
        self.broken = True
        self._around.watch.trace.note(self._around.clock.now, f"broken {self.id}")

    def _connect(self) -> None:
        core = self.core
        session = self._around.broker.connect(self.id, self.number, self)
        if session is None or core is None:
            self._attempt += 1
            wait = min(_RECONNECT_LONGEST_MS, _RECONNECT_MS << min(self._attempt, 5))
            self._reconnect_at = self._around.clock.now + wait
            return
        self._session = session
        self._attempt = 0
        self._say(self._party(core).on_connected(self._ticks()))

    def may_deliver(self) -> bool:
        """Whether its load would be served now."""
        return self.core is not None and self.core.may_deliver()

    def _turn(self, core: Device) -> None:
        self._draw(core)
        if self.place is not None:
            self._count_idle(core, self.place)
        self._say(self._party(core).on_time(self._ticks()))

    def _draw(self, core: Device) -> None:
        for _ in range(_AT_ONCE):
            if self.wanted == 0 or not core.may_deliver():
                return
            if self.source is not None and not self.source.delivers():
                return
            self.wanted -= 1
            self.delivered += 1
            self._say(core.on_meter(core.total + 1, self._ticks()))

    def _count_idle(self, core: Device, place: Place) -> None:
        taken = place.taken and place.watched.may_deliver() and core.may_deliver()
        for _ in range(place.seconds(taken, self._ticks())):
            if core.may_deliver():
                self.delivered += 1
                self._say(core.on_meter(core.total + 1, self._ticks()))
        if not self._odd_clock:
            # By another clock than the world's it may be right and count more.
            self._around.watch.oracle.place_seen(
                self.id,
                at=self._around.clock.now,
                moved=place.watched.delivered,
                taken=taken,
                after_ms=place.after_ms,
                counted=self.delivered,
            )

    def _guarded(self, step: Callable[[Device], None]) -> None:
        """Do something with the device's code, if it runs, and survive its power cut."""
        if self.core is None:
            return
        try:
            step(self.core)
        except PowerCut:
            self._around.faults.took_effect("device_power_cut")
            self._around.watch.declared("power_cut", self.id)
            self.forgot = True
            self._off(0)
        except JournalError:
            self._broke()
        else:
            self._tell_holding()

    def _tell_holding(self) -> None:
        core = self.core
        if core is None or self.excused:
            # With another's memory, or an old one of its own, it may be granted what it does not
            # know to have signed.
            return
        self._tell_kept(core)
        total = int(core.total)
        shown = [int(each.base) + self._shown_units(each) for each in core.channels]
        signed = max([total - self.unsigned(), *shown])
        if (total, signed) != self._held:
            self._held = (total, signed)
            window = self._around.tariff_window(self.options.tariff)
            self._around.watch.oracle.device_holds(
                self.id, delivered_units=total, signed_units=signed, window=window
            )

    def _tell_kept(self, core: Device) -> None:
        kept = (
            int(core.total),
            max([0, *(int(each.base + each.iou_units) for each in core.channels)]),
        )
        if kept != self._kept:
            self._kept = kept
            self._around.watch.oracle.device_keeps(self.id, metered=kept[0], paid=kept[1])
            channel = core.current()
            # What an earlier channel left unpaid counts on the next once that is open.
            if channel is not None and channel.state == OPEN:
                units = int(core.total - channel.base)
                self._around.watch.oracle.device_delivers(self.id, bytes(channel.id), units)

    def unsigned(self) -> int:
        """Units on the meter that no signature covers; 0 while it is off."""
        core = self.core
        if core is None:
            return 0
        signed = [channel.base + channel.signed_units for channel in core.channels]
        return int(core.total - max([core.record.base, *signed]))

    def _shown_units(self, channel: PayerChannel) -> int:
        """What it has signed or revealed of a channel: after a reset it knows of no tick, and may
        deliver as far as the gateway grants for those that arrived."""
        channel_id = bytes(channel.id)
        units = max(self._shown.get(channel_id, 0), int(channel.signed_units))
        self._shown[channel_id] = units
        return units

    def _say(self, sending: list[tuple[str, bytes]]) -> None:
        for kind, message in sending:
            self._around.watch.device_said(self.id, kind, message)
            if self._session is not None:
                topic = topics.up(self.id, kind)
                self._around.broker.publish(self._session, topic, message, topics.QOS[kind])
