"""/healthz, /readyz and /metrics: what a supervisor and a monitor ask."""

from fastapi import APIRouter, Response
from prometheus_client import CollectorRegistry, Gauge, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from pydantic import BaseModel
from sqlalchemy import ColumnElement, Connection, Float, cast, func, select

from gateway.api import problems
from gateway.api.services import Office
from gateway.store import fence
from gateway.store.tables import Base

router = APIRouter(tags=["health"])
metrics_router = APIRouter(tags=["health"])

channel = Base.metadata.tables["channel"]
tariff = Base.metadata.tables["tariff"]


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
        _measure(conn, stored)
    body = generate_latest(office.metrics.registry) + generate_latest(stored)
    return Response(body, media_type=CONTENT_TYPE_PLAIN_0_0_4)


def _total(amounts: ColumnElement[int]) -> ColumnElement[float]:
    # Of all accounts together it may be beyond 64 bits, and gauges are floats anyway.
    return func.sum(cast(amounts, Float))


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
    generation.set(fence.number(conn))
    fenced.set(int(fence.is_up(conn)))
    awaited.set(fence.counts(conn)["waiting"])
    for state in ("open", "frozen"):
        live.labels(state).set(0)
    rows = conn.execute(
        select(
            tariff.c.currency,
            channel.c.state,
            func.count(),
            _total(channel.c.amount - channel.c.settled_amount),
            _total(channel.c.capacity - channel.c.amount),
        )
        .join(tariff, tariff.c.id == channel.c.tariff_id)
        .where(channel.c.state.in_(("open", "frozen")))
        .group_by(tariff.c.currency, channel.c.state)
    )
    for currency, state, count, owed, free in rows:
        live.labels(state).inc(int(count))
        unsettled.labels(currency).inc(owed)
        reserved.labels(currency).inc(free)
