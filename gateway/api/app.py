"""The application: which routers there are, and what stands before them."""

from fastapi import APIRouter, Depends, FastAPI

from gateway.api import (
    accounts,
    books,
    channels,
    devices,
    document,
    headers,
    health,
    limits,
    problems,
    restore,
    settlements,
    tariffs,
    tokens,
)
from gateway.api.authenticate import Authenticate
from gateway.api.policy import authorize
from gateway.api.services import Services

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
    v1 = APIRouter(prefix="/v1", dependencies=[Depends(authorize)])
    for each in (accounts, devices, tariffs, channels, settlements, tokens, books, restore):
        v1.include_router(each.router)
    app.include_router(v1)
    app.include_router(health.metrics_router, dependencies=[Depends(authorize)])
    app.include_router(health.router)
    app.add_middleware(limits.BodyLimit)
    app.add_middleware(Authenticate, services=services)
    app.add_middleware(headers.AnswerHeaders)
    problems.install(app)
    document.install(app)
    return app
