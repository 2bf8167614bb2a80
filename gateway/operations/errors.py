"""How a use case refuses input, beside the store's own errors."""


class BadInput(ValueError):
    """A value that can't be right. `field` names it as the API does; the text says what would be
    right."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field = field
        self.message = message
