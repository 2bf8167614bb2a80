"""The application: which routers there are, and what stands before them."""

from fastapi import APIRouter, Depends, FastAPI

from gateway.api import (
    accounts,
    audit,
    bank,
    books,
    chain,
    channels,
    claims,
    conclusions,
    deposits,
    devices,
    document,
    dry_run,
    events,
    headers,
    health,
    journal,
    legs,
    limits,
    listings,
    messages,
    overview,
    payout_accounts,
    people,
    permissions,
    personal,
    plans,
    price,
    problems,
    restore,
    schedules,
    sessions,
    settlements,
    statements,
    tariffs,
    timeline,
    tokens,
    webhooks,
    welcome,
    withdrawals,
)
from gateway.api.authenticate import Authenticate
from gateway.api.policy import authorize
from gateway.api.services import Services
from gateway.api.stream import Stream
from gateway.dashboard import pages

VERSION = "1"


def create_app(services: Services) -> FastAPI:
    """The REST API over these services."""
    app = FastAPI(
        title="Tallystick gateway",
        version=VERSION,
        summary="Accounts, devices, tariffs, channels and settlements of one gateway.",
        docs_url=None,
        redoc_url=None,
    )
    app.state.services = services
    app.state.stream = Stream(services.store, services.metrics, services.stream_seconds)
    v1 = APIRouter(prefix="/v1", dependencies=[Depends(authorize)])
    for each in (
        accounts,
        deposits,
        withdrawals,
        payout_accounts,
        personal,
        devices,
        claims,
        tariffs,
        plans,
        price,
        listings,
        channels,
        timeline,
        legs,
        messages,
        schedules,
        settlements,
        conclusions,
        dry_run,
        chain,
        statements,
        bank,
        sessions,
        people,
        tokens,
        books,
        journal,
        events,
        audit,
        webhooks,
        restore,
        overview,
        permissions,
    ):
        v1.include_router(each.router)
    v1.include_router(statements.account_router)
    app.include_router(v1)
    for each in (claims, sessions, welcome):
        app.include_router(each.public_router)
    app.include_router(health.metrics_router, dependencies=[Depends(authorize)])
    app.include_router(health.router)
    app.include_router(pages.router)
    app.add_middleware(limits.BodyLimit)
    app.add_middleware(Authenticate, services=services)
    app.add_middleware(headers.AnswerHeaders)
    problems.install(app)
    document.install(app)
    return app
