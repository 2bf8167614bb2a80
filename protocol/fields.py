"""Reading the fields of decoded maps: the right keys, the right types, the right lengths."""

from protocol.errors import WireError


def read_map(
    value: object, required: tuple[int, ...], optional: tuple[int, ...], where: str
) -> dict[int, object]:
    """`value` as a map that has all `required` keys and no others than the `optional` ones."""
    if not isinstance(value, dict):
        raise WireError(where, "must be a map")
    for key in required:
        if key not in value:
            raise WireError(where, "key " + str(key) + " is missing")
    for key in value:
        if key not in required and key not in optional:
            raise WireError(where, "key " + str(key) + " is not known")
    return value


def integer(value: object, where: str) -> int:
    """`value` as an unsigned integer."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise WireError(where, "must be an unsigned integer")
    return value


def data(value: object, size: int, where: str) -> bytes:
    """`value` as exactly `size` bytes."""
    raw = octets(value, where)
    if len(raw) != size:
        raise WireError(where, "must be " + str(size) + " bytes")
    return raw


def octets(value: object, where: str) -> bytes:
    """`value` as bytes of any length."""
    if not isinstance(value, bytes):
        raise WireError(where, "must be bytes")
    return value


def text(value: object, where: str) -> str:
    """`value` as text."""
    if not isinstance(value, str):
        raise WireError(where, "must be text")
    return value


def currency(value: str, where: str) -> str:
    """`value` as the code of a currency: three letters A to Z (ISO 4217)."""
    # Letter by letter: isalpha and upper differ between Pythons outside ASCII.
    if len(value) != 3 or not all("A" <= letter <= "Z" for letter in value):
        raise WireError(where, "must be three capital letters (ISO 4217)")
    return value


def scale(value: int, where: str) -> int:
    """`value` as a number of decimal places of a currency, 0..18."""
    if not 0 <= value <= 18:
        raise WireError(where, "must be 0..18")
    return value


def array(value: object, where: str) -> list[object]:
    """`value` as an array."""
    if not isinstance(value, list):
        raise WireError(where, "must be an array")
    return value
