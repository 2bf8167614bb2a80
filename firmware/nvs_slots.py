"""The journal's two slots as blobs of NVS, the ESP32's store of keys and values.

What may live here: which blob holds what. For a device that writes seldom: NVS has six sectors, and
`docs/device.md` says how long they last.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    class Store(Protocol):
        """`esp32.NVS`, of one name space."""

        def get_blob(self, key: str, buffer: bytearray) -> int:
            """Copy a blob into the buffer; its length. Raises OSError."""

        def set_blob(self, key: str, value: bytes) -> None:
            """Replace a blob. Raises OSError."""

        def commit(self) -> None:
            """Return when all that was set is on the medium. Raises OSError."""


LARGEST = 6_000
"""Bytes of a slot: two of them, and a third while one is replaced, leave room for what else NVS
holds (the seed, Wi-Fi's own)."""
NOT_FOUND = -0x1102
"""Espressif's error number where a key has no blob."""


class NvsSlots:
    """The slots as blobs `<name>0` and `<name>1`. Each is replaced whole."""

    def __init__(self, store: "Store", name: str = "journal") -> None:
        self._store = store
        self._name = name

    def read(self, slot: int) -> bytes:
        """The bytes of slot 0 or 1, empty if it was never written. Raises OSError."""
        buffer = bytearray(LARGEST)
        try:
            size = self._store.get_blob(self._name + str(slot), buffer)
        except OSError as error:
            if error.args[0] != NOT_FOUND:
                raise
            return b""
        return bytes(memoryview(buffer)[:size])

    def write(self, slot: int, data: bytes) -> None:
        """Replace slot 0 or 1. Raises OSError; the other slot is as it was."""
        if len(data) > LARGEST:
            raise OSError("journal: must be at most " + str(LARGEST) + " bytes in NVS")
        self._store.set_blob(self._name + str(slot), data)
        self._store.commit()
