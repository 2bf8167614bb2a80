"""What the demo has checked after the settlement, by the commands that an operator and an account's
owner have. Only their exit status counts here.
"""

import base64
from collections.abc import Sequence
from pathlib import Path

from simulator.fleet import Member, accepted_units
from simulator.gateway_process import tallystick
from tallystick import Api

Check = tuple[str, bool]
"""What was checked, and whether it is so."""


def all_checks(
    folder: Path, api: Api, gateway_key: str, run_: int, account: str, members: Sequence[Member]
) -> list[Check]:
    """Sums, books, and proofs of one account from files alone. Raises ApiError, OSError."""
    return [
        _sums(api, members),
        (
            "the books balance and every IOU verifies (tallystick books)",
            tallystick(folder, "books") == 0,
        ),
        _statement(folder, api, gateway_key, run_, account),
        _iou(folder, api, account),
    ]


def _sums(api: Api, members: Sequence[Member]) -> Check:
    metered = sum(member.device.total for member in members)
    units, _ = accepted_units(api, members)
    return f"{metered} units metered, {units} accepted and settled", metered == units


def _statement(folder: Path, api: Api, gateway_key: str, run_: int, account: str) -> Check:
    signed, lines = folder / "statement.cbor", folder / "lines.cbor"
    base = f"/v1/settlements/{run_}/statements/{account}"
    signed.write_bytes(api.read(base))
    lines.write_bytes(api.read(base + "/lines"))
    status = tallystick(folder, "verify", str(signed), "--lines", str(lines), "--key", gateway_key)
    return f"the statement of {account} verifies offline", status == 0


def _iou(folder: Path, api: Api, account: str) -> Check:
    what = f"an IOU of {account} verifies offline with its channel's terms"
    for channel in api.items("/v1/channels", account=account, limit="100"):
        proof = api.get(f"/v1/channels/{channel['id']}")
        if proof["iou_message"]:
            # What was topped up since counts beside the terms, as does a price that was changed.
            said = [proof["open_message"], proof["topup_message"], *proof["leg_messages"]]
            files = []
            for number, message in enumerate([*filter(None, said), proof["iou_message"]]):
                files.append(folder / f"message-{number}.cbor")
                files[-1].write_bytes(base64.b64decode(message))
            return what, tallystick(folder, "verify", *map(str, files)) == 0
    return what, False
