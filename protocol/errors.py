"""The protocol's errors: each names the field that is wrong and says what would be right."""


class ProtocolError(ValueError):
    """Something that breaks the protocol. `field` names where, `reason` is the wire's word for it
    (a key of `protocol.reasons.REASONS`), `expected` is what would have been right, 0 if that is
    not a number."""

    def __init__(self, reason: str, field: str, message: str, expected: int = 0) -> None:
        super().__init__(field + ": " + message)
        self.reason = reason
        self.field = field
        self.expected = expected


class WireError(ProtocolError):
    """Bytes that are not a message of this protocol."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__("malformed", field, message)


class AuthenticationError(ProtocolError):
    """A signature or a MAC that does not verify."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__("bad_signature", field, message)
