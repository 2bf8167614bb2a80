"""Devices' passwords at the broker, as the use cases need them: written, then made known."""

from pathlib import Path

import structlog

from gateway.broker import credentials

log = structlog.get_logger(__name__)


class BrokerCredentials:
    """The password file in a data folder, and the broker that reads it."""

    def __init__(self, data: Path, pid_file: Path) -> None:
        self._data = data
        self._pid_file = pid_file

    def new(self, device: str) -> str:
        """Make, keep and return a new password for this device; older ones end.

        Raises OSError if the file can't be written.
        """
        password = credentials.new_password()
        credentials.set_password(self._data, device, password)
        self._reload()
        return password

    def remove(self, device: str) -> None:
        """End this device's password. Raises OSError if the file can't be written."""
        credentials.remove_user(self._data, device)
        self._reload()

    def _reload(self) -> None:
        try:
            credentials.reload_broker(self._pid_file)
        except (OSError, credentials.CredentialError) as error:
            # A broker that is not running reads the file when it starts.
            log.warning(
                "the broker was not told of the new password file: restart or reload it",
                broker_pid_file=str(self._pid_file),
                error=str(error),
            )
