"""A button by which people stop the load, and let it go on. Sans-IO: levels in, a decision out."""

STEADY_MS = 40
"""How long a level must last to count: a contact bounces for less."""


class Button:
    """Each press changes whether the load is stopped. It is not, at power-on."""

    def __init__(self) -> None:
        self.stopped = False
        self._pressed = False
        self._since: int | None = None

    def read(self, pressed: bool, now: int) -> None:
        """The contact is closed (`pressed`) or open at `now`, in milliseconds."""
        if pressed == self._pressed:
            self._since = None
        elif self._since is None:
            self._since = now
        elif now - self._since >= STEADY_MS:
            self._pressed = pressed
            self._since = None
            if pressed:
                self.stopped = not self.stopped
