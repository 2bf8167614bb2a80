"""The oracle can fail where devices pay by claims on the XRP Ledger, as `test_oracle` shows it of
everything else."""

from collections.abc import Iterator

import pytest

from protocol import envelope
from protocol.messages import Iou, read_iou, read_terms
from simulator.world.oracle import Oracle
from simulator.world.oracle.books import ChannelRow
from simulator.world.story import DeviceOptions, Options, TariffOptions
from simulator.world.world import World
from tests.world.test_oracle import Town

OPTIONS = Options(
    seed=2,
    accounts=[("fleet", "XRP", 10**9), ("shop", "XRP", 10**9)],
    tariffs=[TariffOptions("W.h", 3, 2, "shop", 100, 10**6, 10**6)],
    devices=[DeviceOptions("fleet", 0, 1, 10**5, claims=True)],
)


@pytest.fixture
def town() -> Iterator[Town]:
    """A device that paid."""
    with World(OPTIONS, Oracle) as world:
        world.advance(60)
        world.devices[0].consume(40)
        assert world.drain() == []
        world.watch.oracle.check()
        yield Town(world)


def _signed(town: Town, kind: str, payload: bytes) -> bytes:
    return envelope.sign1(kind, payload, lambda data: town.device.key.sign(data).signature)


def _stored(row: ChannelRow) -> Iou:
    return read_iou(envelope.parse_sign1("iou", row.iou or b"").payload)


@pytest.mark.parametrize("more", [-1, 1])
def test_6_a_claim_of_another_amount(town: Town, more: int) -> None:
    row = town.paying()
    iou = _stored(row)
    terms = read_terms(envelope.parse_sign1("open", row.open_message).payload)
    said = b"CLM\x00" + terms.xrpl_channel + (iou.amount + more).to_bytes(8, "big")
    iou.xrpl_claim = town.device.key.sign(said).signature
    town.store(row, row.amount, row.units, _signed(town, "iou", iou.payload()))
    town.finds(6)


def test_6_no_claim(town: Town) -> None:
    row = town.paying()
    iou = _stored(row)
    iou.xrpl_claim = b""
    town.store(row, row.amount, row.units, _signed(town, "iou", iou.payload()))
    town.finds(6)


def test_2_two_channels_that_claim_on_one(town: Town) -> None:
    row = town.paying()
    terms = read_terms(envelope.parse_sign1("open", row.open_message).payload)
    terms.nonce = bytes(16)
    town.change(
        "DROP INDEX uq_channel_xrpl_channel",
        "INSERT INTO channel (id, device_id, payer_account, payee_account, tariff_id, open_message,"
        " opened_message, capacity, expires_at, window_units, serial, state, amount, units,"
        " tick_index, settled_amount, settled_units, opened_at, leg, xrpl_channel)"
        " SELECT :new, device_id, payer_account, payee_account, tariff_id, :message,"
        " opened_message, capacity, expires_at, window_units, 0, 'open', 0, 0, 0, 0, 0, opened_at,"
        " 0, xrpl_channel FROM channel WHERE id = :id",
        new=terms.channel_id(),
        message=_signed(town, "open", terms.payload()),
        id=row.id,
    )
    town.finds(2)
