"""A device that is paid by others, and may pay too: one connection for both halves.

No decisions here: what it pays is `device`'s, what it is paid `earner`'s.
"""

from firmware import resuming

TYPE_CHECKING = False
if TYPE_CHECKING:
    from firmware.device import Device
    from firmware.earner import Earner
    from firmware.identity import Identity

    Messages = list[tuple[str, bytes]]


class Trader:
    """Both halves, as `link` wants a device."""

    def __init__(self, device: "Device", earner: "Earner") -> None:
        self.device = device
        self.earner = earner

    @property
    def identity(self) -> "Identity":
        """The device's key; it has one for both."""
        return self.device.identity

    def on_connected(self, now: int) -> "Messages":
        """The broker has accepted the connection and the subscription."""
        return self.device.on_connected(now) + self.earner.on_connected(now)

    def on_disconnected(self) -> None:
        """The connection is gone."""
        self.device.on_disconnected()
        self.earner.on_disconnected()

    def on_time(self, now: int) -> "Messages":
        """Called at least a few times a second."""
        return self.device.on_time(now) + self.earner.on_time(now) + self._ask(now)

    def on_message(self, kind: str, message: bytes, now: int) -> "Messages":
        """The gateway (or somebody who would be it) says something."""
        key = self.device.gateway_key
        answers = self.device.on_message(kind, message, now)
        answers = answers + self.earner.on_message(kind, message, now)
        if self.device.gateway_key != key:
            # What it sells names the gateway's key: to be signed anew.
            answers = answers + self.earner.on_connected(now)
        return answers + self._ask(now)

    def _ask(self, now: int) -> "Messages":
        """The hello by which the earner is told what it missed, if it is time for that."""
        return resuming.greet(self.device, now) if self.earner.asks_again(now) else []
