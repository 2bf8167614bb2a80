"""Devices pay by claims on the XRP Ledger over the real broker, while the gateway dies: what the
gateway exports is what that ledger's own library would take, to the drop."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest
from xrpl.core import binarycodec, keypairs

from simulator import scene
from simulator.fleet import Kind
from simulator.gateway_process import tallystick_json
from simulator.loads.sensor import Sensor
from tallystick import Api
from tests.e2e.stage import Stage, acked_units, all_paid, running, stage, until
from tests.verify.program import verify_command

DROPS_A_UNIT = 150
SMALL = Kind(scene.ENERGY.unit, 5, 100 * DROPS_A_UNIT, 0)
"""A channel is soon used up, so that devices open one after the other."""


@pytest.fixture
def stage_here(data_folder: Path) -> Iterator[Stage]:
    """The product, running, with an account that pays in XRP."""
    with stage(data_folder) as built:
        with built.api() as api:
            scene.add_xrp(api)
        yield built


def _channels(api: Api) -> list[dict[str, Any]]:
    return [row for row in api.items("/v1/channels", limit="500") if row["units"]]


def _held_against_the_ledger(stage: Stage, claim: dict[str, Any], path: Path) -> None:
    """By what a ledger would say of the channel behind a claim, and would say otherwise."""
    entry = {
        "index": claim["xrpl_channel"].upper(),
        "Account": "rN7n7otQDd6FczFgLdSqtcsAUxDkw6fzRH",
        "Destination": "rf1BiGeXwwQoi8Z2ueFYTEXSwuJYfV2Jpn",
        "Amount": claim["capacity"],
        "Balance": "0",
        "PublicKey": claim["public_key"],
        "SettleDelay": 86_400,
    }

    def status(change: dict[str, str]) -> int:
        path.write_text(json.dumps({"result": {"node": entry | change, "validated": True}}))
        return stage.command("channel", "claim", claim["channel_id"], "--check", str(path))

    assert status({}) == 0
    assert status({"PublicKey": "ED" + "00" * 32}) == 1
    assert status({"index": "00" * 32}) == 2


def test_what_devices_paid_is_exported_and_redeemable_to_the_drop(
    stage_here: Stage, tmp_path: Path
) -> None:
    async def scenario() -> None:
        for number in range(3):
            stage_here.add(
                Sensor(interval_ms=20 + number, burst=3, burst_every=10),
                SMALL,
                account=scene.XRP_FLEET,
                xrpl_channels=scene.xrpl_channels(Random(number)),
            )
        async with running(stage_here.members) as fleet:
            await until(lambda: acked_units(stage_here) > 150, "payments flow")
            await asyncio.to_thread(stage_here.gateway.kill)
            await asyncio.to_thread(stage_here.gateway.restart)
            before = acked_units(stage_here)
            await until(lambda: acked_units(stage_here) > before + 250, "payments flow again")
            await all_paid(fleet)

    asyncio.run(scenario())
    metered = sum(member.device.total for member in stage_here.members)
    keys = {each.device.identity.public_key.hex().upper() for each in stage_here.members}
    with stage_here.api() as api:
        rows = _channels(api)
        exported = [api.get(f"/v1/channels/{row['id']}/claim") for row in rows]
    drops = 0
    for row, said in zip(rows, exported, strict=True):
        claim = said["transaction"]
        assert claim["PublicKey"][:2] == "ED" and claim["PublicKey"][2:] in keys
        asked = {"channel": claim["Channel"], "amount": claim["Amount"]}
        message = bytes.fromhex(binarycodec.encode_for_signing_claim(asked))
        signature = bytes.fromhex(claim["Signature"])
        assert keypairs.is_valid_message(message, signature, claim["PublicKey"])
        assert claim["Amount"] == row["amount"]["amount"]
        drops += int(claim["Amount"])
    path = tmp_path / "claim.json"
    last = rows[-1]["id"]
    assert tallystick_json(stage_here.data, "channel", "claim", last, "--out", str(path)) == said
    assert json.loads(path.read_text()) == said
    assert verify_command(path, "--key", claim["PublicKey"][2:].lower()).returncode == 0
    _held_against_the_ledger(stage_here, said, tmp_path / "answer.json")
    assert len(rows) > len(stage_here.members)
    assert len({row["xrpl_channel"] for row in rows}) == len(rows)
    assert drops == metered * DROPS_A_UNIT
    assert stage_here.command("books") == 0
