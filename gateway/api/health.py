"""/healthz, /readyz and /metrics: what a supervisor and a monitor ask."""

import time
from collections.abc import Mapping
from pathlib import Path

from fastapi import APIRouter, Response
from prometheus_client import CollectorRegistry, Gauge, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from pydantic import BaseModel
from sqlalchemy import Connection

from gateway import machine
from gateway.api import problems
from gateway.api.services import Office
from gateway.store import attention, fence, figures, presence

router = APIRouter(tags=["health"])
metrics_router = APIRouter(tags=["health"])


class Health(BaseModel):
    """`ok`, or `fenced`: restored from a backup and not reconciled, so that what devices signed is
    taken, but nothing is granted or settled."""

    status: str = "ok"


@router.get("/healthz", operation_id="getHealth")
def get_health() -> Health:
    """Whether this process answers at all."""
    return Health()


@router.get("/readyz", operation_id="getReadiness", response_model=Health)
def get_readiness(office: Office) -> Health | Response:
    """Whether this gateway can take payments: database, broker and lease."""
    lacking = office.not_ready()
    if lacking:
        return problems.respond(503, "; ".join(lacking), kind="not-ready")
    with office.store.read() as conn:
        return Health(status="fenced" if fence.is_up(conn) else "ok")


@metrics_router.get("/metrics", operation_id="getMetrics", response_class=Response)
def get_metrics(office: Office) -> Response:
    """Counters in Prometheus' text format."""
    stored = CollectorRegistry()
    with office.store.read() as conn:
        # First, since all the rest takes time.
        _compare_clocks(stored, office.store.now(conn))
        _measure(conn, stored)
    _measure_machine(stored, office.folders)
    body = generate_latest(office.metrics.registry) + generate_latest(stored)
    return Response(body, media_type=CONTENT_TYPE_PLAIN_0_0_4)


def _measure_machine(registry: CollectorRegistry, folders: Mapping[str, Path]) -> None:
    free = Gauge(
        "tallystick_disk_free_bytes",
        "What may still be written where the data, or the database if it is a file, is kept.",
        ["folder"],
        registry=registry,
    )
    size = Gauge(
        "tallystick_disk_size_bytes",
        "The file system of that folder in all.",
        ["folder"],
        registry=registry,
    )
    for name, (left, in_all) in machine.room(folders).items():
        free.labels(name).set(left)
        size.labels(name).set(in_all)
    kept = machine.clock()
    if kept is None:
        return
    synchronised = Gauge(
        "tallystick_clock_synchronised",
        "1 while the kernel says that this machine's clock is set right by NTP or PTP.",
        registry=registry,
    )
    error = Gauge(
        "tallystick_clock_error_seconds",
        "How wrong this machine's clock may be by now at most, as the kernel says.",
        registry=registry,
    )
    synchronised.set(int(kept.synchronised))
    error.set(kept.error_s)


def _compare_clocks(registry: CollectorRegistry, database_now: int) -> None:
    apart = Gauge(
        "tallystick_clock_offset_seconds",
        "This machine's clock less the database's, to the second; nothing else is the true time.",
        registry=registry,
    )
    apart.set(int(time.time()) - database_now)


def _measure(conn: Connection, registry: CollectorRegistry) -> None:
    live = Gauge(
        "tallystick_channels",
        "Channels that are not closed, by state.",
        ["state"],
        registry=registry,
    )
    unsettled = Gauge(
        "tallystick_unsettled_amount",
        "What is owed on live channels and not yet settled, in atomic units.",
        ["currency"],
        registry=registry,
    )
    reserved = Gauge(
        "tallystick_reserved_amount",
        "What live channels may still come to owe, in atomic units.",
        ["currency"],
        registry=registry,
    )
    windows = Gauge(
        "tallystick_window_amount",
        "The most that open channels may have delivered unsigned for, in atomic units.",
        ["currency"],
        registry=registry,
    )
    online = Gauge(
        "tallystick_devices_online",
        "Devices that were heard of lately.",
        registry=registry,
    )
    offline = Gauge(
        "tallystick_devices_offline",
        "Active devices that have fallen silent.",
        registry=registry,
    )
    instructions = Gauge(
        "tallystick_instructions",
        "Instructions without an outcome: pending ones no rail has taken yet.",
        ["state"],
        registry=registry,
    )
    generation = Gauge(
        "tallystick_generation",
        "1, and one more for each time that the books were restored.",
        registry=registry,
    )
    fenced = Gauge(
        "tallystick_fenced",
        "1 while restored books are not reconciled: nothing is granted or settled.",
        registry=registry,
    )
    awaited = Gauge(
        "tallystick_awaited_channels",
        "Channels of a restored gateway whose devices have not shown themselves yet.",
        registry=registry,
    )
    waiting = Gauge(
        "tallystick_waiting",
        "Things that wait for a person, by the kind of event or of booking.",
        ["kind"],
        registry=registry,
    )
    for kind, count in attention.counts(conn).items():
        waiting.labels(kind).set(count)
    generation.set(fence.number(conn))
    fenced.set(int(fence.is_up(conn)))
    awaited.set(fence.counts(conn)["waiting"])
    found = figures.read(conn)
    for state, count in found.channels.items():
        live.labels(state).set(count)
    for currency, money in found.money.items():
        unsettled.labels(currency).set(money.in_flight)
        reserved.labels(currency).set(money.reserved)
        windows.labels(currency).set(money.windows)
    online.set(presence.count(conn))
    offline.set(presence.silent(conn))
    for state, count in figures.instructions(conn).items():
        instructions.labels(state).set(count)
