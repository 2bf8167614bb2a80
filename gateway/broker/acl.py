"""Who may say and read what at the broker: the file `broker/acl`, the same on every installation.

Patterns use %u, the name that a password proved, never %c, the name that a client claims. What no
line allows is denied. Devices that may connect at all are listed in credentials.py.
"""

from pathlib import Path

from gateway.broker.credentials import GATEWAY
from gateway.broker.files import write_file

FILE_NAME = "acl"

ACL = f"""\
# Written by Tallystick; changes are lost.
user {GATEWAY}
topic read tally/1/+/+/up/+
topic write tally/1/+/+/down/+

pattern write tally/1/+/%u/up/+
pattern read tally/1/+/%u/down/+
"""


def write_acl(folder: Path) -> None:
    """Write the rules into the data folder `folder`. Raises OSError."""
    write_file(folder, FILE_NAME, ACL)
