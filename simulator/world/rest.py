"""When the world is at rest: nobody waits for anything that was not ended for good."""

from contextlib import closing
from typing import TYPE_CHECKING

from protocol.payer import OPEN
from simulator.world.devices import SimulatedDevice

if TYPE_CHECKING:
    from simulator.world.world import World

_OVER = (
    "SELECT id FROM channel WHERE device_id = ? AND mirror_of IS NOT NULL AND state = 'closed'"
    " AND expires_at > ?"
)


def waiting(world: "World") -> list[str]:
    """Who waits for what."""
    found = []
    if world.network.under_way:
        found.append(f"network: {world.network.under_way} under way")
    if world.broker.waiting():
        found.append(f"broker: {world.broker.waiting()} queued")
    if not world.gateway.idle:
        found.append("gateway: busy or not running")
    for device in world.devices:
        reason = waits_for(device) or _behind(world, device) or _holds_an_end(world, device)
        if reason:
            found.append(f"device {device.number}: {reason}")
    return found


def _behind(world: "World", device: SimulatedDevice) -> str:
    core = device.core
    if device.removed or device.ended or core is None:
        return ""
    newest = world.gateway.keys.public
    return "" if core.gateway_key == newest else "believes a key that was followed"


def _holds_an_end(world: "World", device: SimulatedDevice) -> str:
    """Whether a seller keeps a place for a channel that is over. One that has expired it gives up
    by itself when the place is needed."""
    if device.removed or device.ended or device.earner is None:
        return ""
    kept = {bytes(channel.id) for channel in device.earner.channels}
    if not kept:
        return ""
    with closing(world.storage.read()) as conn:
        rows = conn.execute(_OVER, (device.id, world.gateway.now_s()))
        over = kept.intersection(bytes(row[0]) for row in rows)
    return f"keeps places for {len(over)} channels that are over" if over else ""


def waits_for(device: SimulatedDevice) -> str:
    """What a device still needs to be at rest, in words; empty if it is, or is gone for good."""
    core = device.core
    if device.removed or device.ended:
        return ""
    if device.broken:
        return "its journal is broken"
    if core is None or not device.connected:
        return "not connected"
    channel = core.current()
    if len(core.channels) > 1:
        return f"{len(core.channels)} channels to be ended"
    if channel is None:
        # Whoever buys from a device that was ended for good finds nobody to pay.
        wants = core.wants_channel and not (device.source is not None and device.source.ended)
        return "no channel" if wants or core.channels else ""
    if channel.state != OPEN:
        return "its channel is not accepted"
    if not channel.is_settled():
        return f"{channel.signed_amount} signed, {channel.acked_amount} acknowledged"
    if channel.topup_due:
        return f"a top-up to {channel.topup_capacity} not answered"
    if channel.leg_due:
        return "a leg not answered"
    # What a buyer gets is its seller's to decide, who serves nobody beyond an unpaid window.
    if device.wanted and device.source is None:
        return f"{device.wanted} units not delivered"
    return ""
