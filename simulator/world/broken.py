"""What the world itself finds wrong, where no look at the books could tell."""


class Broken(Exception):
    """Something did not come to rest, does not add up, or was allowed; `number` is the
    invariant."""

    def __init__(self, number: int, text: str) -> None:
        super().__init__(text)
        self.number = number
