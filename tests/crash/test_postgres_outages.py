"""PostgreSQL that loses the answer to a COMMIT, cuts connections, picks us as a deadlock's victim,
or is away for a while: every piece of work is done, once."""

import threading
import time
from collections.abc import Callable, Iterator
from typing import TypeVar

import psycopg
import pytest
from sqlalchemy import Connection, event, make_url
from sqlalchemy.exc import DBAPIError

from gateway.ingest.inbox import Received
from gateway.ingest.ingest import process
from gateway.ingest.replies import Outgoing
from gateway.keys import GatewayKeys
from gateway.settlement.run import run_settlement
from gateway.settlement.verify_books import verify_books
from gateway.store import outages
from gateway.store.engine import open_store
from gateway.store.outages import patiently
from tests.crash.between import Between, between
from tests.crash.locks import wait_for_a_lock
from tests.ingest.parties import Clock, Gateway, Party, kind_of
from tests.sizes import size

KEYS = GatewayKeys(bytes(range(32)))
_Result = TypeVar("_Result")


@pytest.fixture
def proxy(migrated_postgres_url: str) -> Iterator[Between]:
    """What stands between the gateway and its database."""
    url = make_url(migrated_postgres_url)
    with between(url.host or "127.0.0.1", url.port or 5432) as proxy:
        yield proxy


@pytest.fixture
def gateway(migrated_postgres_url: str, proxy: Between) -> Iterator[Gateway]:
    """A gateway whose database is reached through the proxy."""
    clock = Clock()
    url = make_url(migrated_postgres_url).set(host="127.0.0.1", port=proxy.port)
    store = open_store(url.render_as_string(hide_password=False), clock=clock)
    yield Gateway(store, clock, KEYS)
    store.close()


def repeated(gateway: Gateway, work: Callable[[], _Result]) -> _Result:
    """Do it as the worker does."""

    def pause(seconds: float) -> bool:
        time.sleep(seconds)
        return False

    return patiently(work, pause, gateway.context.directory.forget)


def take(gateway: Gateway, *batch: Received) -> list[Outgoing]:
    return repeated(gateway, lambda: process(gateway.context, batch))


def whole(gateway: Gateway) -> None:
    """The books are in order."""
    assert verify_books(gateway.store, gateway.keys.public).discrepancies == []


def paying(gateway: Gateway) -> tuple[Party, bytes]:
    """A device with a channel that owes for 10 units."""
    device = gateway.device()
    channel = device.opened()
    gateway.take(device.iou(channel, 10))
    return device, channel


@pytest.mark.threat("C9")
def test_c9_an_iou_whose_commit_is_not_answered_is_taken_once(
    gateway: Gateway, proxy: Between
) -> None:
    device, channel = paying(gateway)
    proxy.lose_commits(1)
    (answer,) = take(gateway, device.iou(channel, 12))
    assert proxy.lost == 1
    assert gateway.ack(device, answer).units == 12
    assert gateway.mark(channel) == (3_600, 12, "open")
    whole(gateway)


@pytest.mark.threat("C9")
def test_c9_open_and_close_whose_commits_are_not_answered_take_place_once(
    gateway: Gateway, proxy: Between
) -> None:
    device = gateway.device()
    terms = device.terms()
    proxy.lose_commits(1)
    answers = take(gateway, device.open(terms))
    assert [kind_of(answer) for answer in answers] == ["opened"]
    assert gateway.count("channel") == 1
    channel = terms.channel_id()
    last = device.iou_bytes(channel, 10)
    proxy.lose_commits(1)
    receipts = [
        answer
        for answer in take(gateway, device.close(channel, last))
        if kind_of(answer) == "receipt"
    ]
    assert proxy.lost == 2
    assert gateway.receipt(receipts[0]).units == 10
    assert gateway.mark(channel) == (3_000, 10, "closed")
    assert gateway.count("entry") == 1
    whole(gateway)


@pytest.mark.threat("C9", "C2")
@pytest.mark.parametrize("lost", [1, 2])
def test_c9_a_run_whose_commits_are_not_answered_is_made_once(
    gateway: Gateway, proxy: Between, lost: int
) -> None:
    paying(gateway)

    def settle() -> object:
        return run_settlement(gateway.store, "EUR", gateway.keys.sign, "manual")

    assert proxy.lost == 0
    proxy.lose_commits(lost)
    result = repeated(gateway, settle)
    assert result is not None and proxy.lost == lost
    assert repeated(gateway, settle) is None
    assert (gateway.count("run"), gateway.count("interval")) == (1, 1)
    assert gateway.count("instruction") == 2
    whole(gateway)


@pytest.mark.threat("C10")
def test_c10_a_connection_that_is_ended_in_mid_transaction_is_made_up_for(
    gateway: Gateway, migrated_postgres_url: str
) -> None:
    device, channel = paying(gateway)
    ended = []

    def end(conn: Connection, _cursor: object, statement: str, *_given: object) -> None:
        if statement.startswith("UPDATE channel") and not ended:
            driver = conn.connection.driver_connection
            assert isinstance(driver, psycopg.Connection)
            ended.append(driver.info.backend_pid)
            with psycopg.connect(migrated_postgres_url) as other:
                other.execute("SELECT pg_terminate_backend(%s, 5000)", (ended[0],))

    event.listen(gateway.store.engine, "before_cursor_execute", end)
    (answer,) = take(gateway, device.iou(channel, 12))
    assert len(ended) == 1
    assert gateway.ack(device, answer).units == 12
    assert gateway.mark(channel) == (3_600, 12, "open")


@pytest.mark.threat("C10")
def test_c10_the_victim_of_a_deadlock_begins_again(
    gateway: Gateway, migrated_postgres_url: str
) -> None:
    device = gateway.device()
    first, second = sorted((device.opened(1), device.opened(2)))
    answers: list[Outgoing] = []
    with psycopg.connect(migrated_postgres_url) as other:
        # The one who looks first is the victim: that is to be the gateway.
        other.execute("SET deadlock_timeout = '100s'")
        other.execute("SELECT 1 FROM channel WHERE id = %s FOR UPDATE", (second,))
        batch = [device.iou(first, 10), device.iou(second, 10)]
        worker = threading.Thread(target=lambda: answers.extend(take(gateway, *batch)))
        worker.start()
        wait_for_a_lock(migrated_postgres_url)
        other.execute("SELECT 1 FROM channel WHERE id = %s FOR UPDATE", (first,))
        assert gateway.mark(first) == (0, 0, "open")
        other.rollback()
    worker.join(30)
    assert sorted(kind_of(answer) for answer in answers) == ["ack", "ack"]
    assert gateway.mark(first) == gateway.mark(second) == (3_000, 10, "open")


@pytest.mark.threat("C10")
def test_c10_while_the_database_is_away_the_batch_waits(gateway: Gateway, proxy: Between) -> None:
    device, channel = paying(gateway)
    proxy.go()
    timer = threading.Timer(size("outage", 2, 13), proxy.come_back)
    timer.start()
    answers = take(gateway, device.iou(channel, 12), device.open(device.terms(7)))
    assert proxy.refused > 0
    assert sorted(kind_of(answer) for answer in answers) == ["ack", "opened"]
    assert gateway.mark(channel) == (3_600, 12, "open")
    whole(gateway)


@pytest.mark.threat("C10")
def test_c10_patience_ends_and_nothing_is_answered(
    gateway: Gateway, proxy: Between, monkeypatch: pytest.MonkeyPatch
) -> None:
    device, channel = paying(gateway)
    monkeypatch.setattr(outages, "PATIENCE_SECONDS", 0.5)
    proxy.go()
    with pytest.raises(DBAPIError):
        take(gateway, device.iou(channel, 12))
    proxy.come_back()
    assert gateway.mark(channel) == (3_000, 10, "open")
