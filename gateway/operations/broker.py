"""Devices' passwords and certificates at the broker, as the use cases need them: written, then made
known."""

from datetime import UTC, datetime
from pathlib import Path

import structlog

from gateway.broker import credentials
from gateway.pki import folder
from gateway.pki.authority import Issued
from gateway.store.errors import Conflict

log = structlog.get_logger(__name__)


class BrokerCredentials:
    """The password file and the certificates in a data folder, and the broker that reads them."""

    def __init__(self, data: Path, pid_file: Path) -> None:
        self._data = data
        self._pid_file = pid_file

    def new(self, device: str) -> str:
        """Make, keep and return a new password for this device; older ones end.

        Raises OSError if the file can't be written.
        """
        password = credentials.new_password()
        credentials.set_password(self._data, device, password)
        reread(self._pid_file, "passwords")
        return password

    def certificate(self, device: str, days: int) -> tuple[Issued, bytes]:
        """A new certificate for this device, and its authority's in PEM; older ones stay good.

        Raises Conflict if this installation has no authority, PkiError, OSError.
        """
        if not folder.exists(self._data):
            raise Conflict("certificates: this gateway issues none yet; run `tallystick pki init`")
        pki = folder.load(self._data)
        return pki.device(device, days, datetime.now(UTC)), pki.authority_pem

    def authority(self) -> bytes | None:
        """This installation's authority in PEM, None if it has none. Raises PkiError."""
        return folder.load(self._data).authority_pem if folder.exists(self._data) else None

    def remove(self, device: str) -> None:
        """End this device's password and certificates.

        Raises OSError if a file can't be written, PkiError if the authority can't be used.
        """
        credentials.remove_user(self._data, device)
        try:
            if folder.exists(self._data):
                folder.load(self._data).revoke_device(device, datetime.now(UTC))
        finally:
            reread(self._pid_file, "passwords")


def reread(pid_file: Path, what: str) -> None:
    """Have the broker reread its files, of which `what` has changed."""
    try:
        credentials.reload_broker(pid_file)
    except (OSError, credentials.CredentialError) as error:
        # A broker that is not running reads them when it starts.
        log.warning(
            f"the broker was not told of its new {what}: restart or reload it",
            broker_pid_file=str(pid_file),
            error=str(error),
        )
