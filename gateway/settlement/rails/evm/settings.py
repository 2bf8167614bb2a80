"""The settings of the rail, `[rails.evm]`, and what they must be."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from eth_account import Account
from eth_utils.address import is_address, is_checksum_address, to_checksum_address

from gateway import secret_files
from gateway.secret_files import SecretFileError
from gateway.settlement.rails import DestinationError, RailError

NAME = "evm"
NOBODY = "0x" + "00" * 20
_GWEI = 10**9


@dataclass(frozen=True, slots=True)
class Settings:
    """What the rail was set up with; `max_fee` in wei per gas, `decimals` of one unit."""

    folder: Path
    rpc: tuple[str, ...]
    chain_id: int
    contract: str
    currency: str
    decimals: int
    key_file: Path
    confirmations: int
    max_fee: int

    def key(self) -> bytes:
        """The key that signs runs and pays for them, from its file. Raises RailError."""
        return key_in(self.key_file)

    def signer(self) -> str:
        """The address of that key. Raises RailError."""
        return address_in(self.key_file)


def key_in(path: Path) -> bytes:
    """A secp256k1 key from its file of 32 bytes. Raises RailError."""
    try:
        key = secret_files.read(path, "make one with `tallystick chain key`")
    except SecretFileError as error:
        raise RailError(f"rails.evm.key_file: {error}") from None
    if len(key) != 32:
        raise RailError(f"rails.evm.key_file: {path}: must hold 32 bytes")
    return key


def address_in(path: Path) -> str:
    """The address of the key in a file. Raises RailError."""
    return str(Account.from_key(key_in(path)).address)


def read(data: Path, given: Mapping[str, object]) -> Settings:
    """The settings that were given, checked. Raises RailError naming the one that is wrong."""
    known = set(Settings.__dataclass_fields__) - {"max_fee"} | {"max_fee_gwei"}
    try:
        for name in given:
            if name not in known:
                there_are = ", ".join(sorted(known))
                raise DestinationError(name, f"there is no such setting; there are {there_are}")
        return Settings(
            folder=Path(_text(given, "folder", str(data / NAME))),
            rpc=_rpc(given.get("rpc")),
            chain_id=_whole(given, "chain_id", 1, 2**53),
            contract=check_address("contract", _text(given, "contract")),
            currency=_text(given, "currency"),
            decimals=_whole(given, "decimals", 0, 18, 6),
            key_file=Path(_text(given, "key_file", str(data / "evm.key"))),
            confirmations=_whole(given, "confirmations", 1, 10_000, 12),
            max_fee=_whole(given, "max_fee_gwei", 1, 100_000, 50) * _GWEI,
        )
    except DestinationError as error:
        raise RailError(f"rails.evm.{error}") from error


def check_address(field: str, value: object) -> str:
    """An address as EIP-55 writes it. Raises DestinationError."""
    if not isinstance(value, str) or not is_address(value) or not value.startswith("0x"):
        raise DestinationError(field, "must be an address, 0x and 40 hex digits")
    mixed = value[2:] not in (value[2:].lower(), value[2:].upper())
    if mixed and not is_checksum_address(value):
        raise DestinationError(field, "its capitals do not fit (EIP-55), so a digit may be wrong")
    if int(value, 16) == 0:
        raise DestinationError(field, "must be somebody's; nobody has the address zero")
    return str(to_checksum_address(value))


def _rpc(value: object) -> tuple[str, ...]:
    urls = [value] if isinstance(value, str) else value
    if not isinstance(urls, list) or not urls:
        raise DestinationError("rpc", "must be the URL of a node, or a list of several")
    for url in urls:
        if not isinstance(url, str) or urlsplit(url).scheme not in ("http", "https"):
            raise DestinationError("rpc", "must be http:// or https:// URLs")
    return tuple(urls)


def _text(given: Mapping[str, object], name: str, default: str | None = None) -> str:
    value = given.get(name, default)
    if not isinstance(value, str) or not value:
        raise DestinationError(name, "is needed, as text")
    return value


def _whole(
    given: Mapping[str, object], name: str, least: int, most: int, default: int | None = None
) -> int:
    value = given.get(name, default)
    if type(value) is not int or not least <= value <= most:
        raise DestinationError(name, f"must be a whole number from {least} to {most}")
    return value
