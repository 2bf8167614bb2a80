"""Two transactions on PostgreSQL that change the same rows meet, and neither is the victim of a
deadlock: whoever changes several channels locks them first, in one order."""

from collections.abc import Iterator

import pytest
from sqlalchemy import select

from gateway.ingest import upkeep
from gateway.keys import GatewayKeys
from gateway.operations import channels as channel_operations
from gateway.operations import devices
from gateway.settlement.run import run_settlement
from gateway.settlement.verify_books import verify_books
from gateway.store import lease
from gateway.store.channels import channel as channel_table
from gateway.store.engine import open_store
from protocol.hashchain import Chain
from tests.crash.locks import met
from tests.ingest.parties import PRICE, Clock, Gateway, Party, kind_of

CHANGED = "UPDATE channel"

pytestmark = pytest.mark.threat("C10")


@pytest.fixture
def gateway(migrated_postgres_url: str) -> Iterator[Gateway]:
    """A gateway on PostgreSQL."""
    clock = Clock()
    store = open_store(migrated_postgres_url, clock=clock)
    yield Gateway(store, clock, GatewayKeys(bytes(range(32))))
    store.close()


def mirror_of(gateway: Gateway, channel: bytes) -> bytes:
    with gateway.store.read() as conn:
        query = select(channel_table.c.id).where(channel_table.c.mirror_of == channel)
        return bytes(conn.execute(query).scalar_one())


@pytest.fixture
def sold(gateway: Gateway) -> tuple[Party, bytes, bytes]:
    """A payer, its channel to another device, and the mirror, whose id is below the channel's."""
    gateway.account("park")
    payer, payee = gateway.device(), gateway.device("park")
    gateway.take(payee.sell(payee.sale()))
    for nonce in range(100):
        channel = payer.opened(nonce, payee_key=payee.public)
        mirror = mirror_of(gateway, channel)
        if mirror < channel:
            return payer, channel, mirror
        gateway.take(payer.close(channel))
    raise AssertionError("no mirror of a hundred is below its channel")


@pytest.fixture
def two(gateway: Gateway) -> tuple[Party, bytes, bytes]:
    """A device and its two channels, by id."""
    device = gateway.device()
    first, second = sorted((device.opened(1), device.opened(2)))
    return device, first, second


def settle(gateway: Gateway) -> None:
    run_settlement(gateway.store, "EUR", gateway.keys.sign, "manual")


def whole(gateway: Gateway) -> None:
    assert verify_books(gateway.store, gateway.keys.public).discrepancies == []


def test_c10_ticks_and_their_mirrors_meet_a_settlement_run(
    gateway: Gateway, migrated_postgres_url: str, sold: tuple[Party, bytes, bytes]
) -> None:
    payer, channel, mirror = sold
    chain = Chain(b"s" * 32, 50)
    gateway.take(payer.iou_with_chain(channel, 10, chain))
    with met(gateway.store.engine, migrated_postgres_url, CHANGED, lambda: settle(gateway)):
        answers = gateway.take(payer.tick(channel, 5, chain.value(5)))
    assert sorted(map(kind_of, answers)) == ["ack", "credit"]
    assert gateway.mark(channel)[1] == gateway.mark(mirror)[1] == 15
    assert gateway.count("interval") == 2
    whole(gateway)


def test_c10_a_contradiction_in_a_batch_meets_a_settlement_run(
    gateway: Gateway, migrated_postgres_url: str, two: tuple[Party, bytes, bytes]
) -> None:
    device, first, second = two
    gateway.take(device.iou(first, 10), device.iou(second, 10))
    contradiction = device.iou(first, 12, PRICE.amount(10))
    with met(gateway.store.engine, migrated_postgres_url, CHANGED, lambda: settle(gateway)):
        answers = gateway.take(contradiction, device.iou(second, 20))
    assert sorted(map(kind_of, answers)) == ["ack", "grant", "refused"]
    assert gateway.mark(first) == (3_000, 10, "frozen")
    assert gateway.mark(second) == (6_000, 20, "open")
    whole(gateway)


def test_c10_an_operators_close_meets_an_iou(
    gateway: Gateway, migrated_postgres_url: str, sold: tuple[Party, bytes, bytes]
) -> None:
    payer, channel, mirror = sold
    gateway.take(payer.iou(channel, 10))
    told: list[str] = []

    def pay() -> None:
        told.extend(map(kind_of, gateway.take(payer.iou(channel, 12))))

    with met(gateway.store.engine, migrated_postgres_url, CHANGED, pay):
        channel_operations.close(gateway.store, channel)
    assert told == ["refused", "receipt"]
    assert gateway.mark(channel)[1:] == gateway.mark(mirror)[1:] == (10, "closed")
    whole(gateway)


def test_c10_channels_that_expire_meet_the_suspension_of_their_device(
    gateway: Gateway, migrated_postgres_url: str, two: tuple[Party, bytes, bytes]
) -> None:
    device, first, second = two
    # They are closed by expiry: the one with the greater id first.
    with gateway.store.write() as conn:
        for expiry, id_ in enumerate((second, first)):
            changed = channel_table.update().where(channel_table.c.id == id_)
            conn.execute(changed.values(expires_at=gateway.clock.now - 10 + expiry))

    def suspend() -> None:
        devices.suspend(gateway.store, device.id)

    with met(gateway.store.engine, migrated_postgres_url, CHANGED, suspend):
        upkeep.expire(gateway.context)
    assert gateway.mark(first)[2] == gateway.mark(second)[2] == "closed"
    assert devices.show(gateway.store, device.id).status == "suspended"
    whole(gateway)


def test_c10_a_worker_that_takes_over_meets_a_close(
    gateway: Gateway, migrated_postgres_url: str
) -> None:
    device = gateway.device()
    channel = device.opened()
    gateway.take(device.iou(channel, 10))

    def take_over() -> None:
        with gateway.store.write() as conn:
            lease.take(conn, "ingest", "another")

    with met(gateway.store.engine, migrated_postgres_url, "SELECT lease.token", take_over):
        answers = gateway.take(device.close(channel))
    assert [kind_of(each) for each in answers] == ["receipt"]
    assert gateway.mark(channel) == (3_000, 10, "closed")
    whole(gateway)
