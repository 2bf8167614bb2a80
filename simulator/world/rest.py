"""When the world is at rest: nobody waits for anything that was not ended for good."""

from typing import TYPE_CHECKING

from protocol.payer import OPEN
from simulator.world.devices import SimulatedDevice

if TYPE_CHECKING:
    from simulator.world.world import World


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
        reason = waits_for(device)
        if reason:
            found.append(f"device {device.number}: {reason}")
    return found


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
        return "no channel" if core.wants_channel or core.channels else ""
    if channel.state != OPEN:
        return "its channel is not accepted"
    if not channel.is_settled():
        return f"{channel.signed_amount} signed, {channel.acked_amount} acknowledged"
    if device.wanted:
        return f"{device.wanted} units not delivered"
    return ""
