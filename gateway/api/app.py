"""The application: which routers there are, what stands before them, and its OpenAPI document."""

from typing import Any

from fastapi import APIRouter, Depends, FastAPI
from fastapi.openapi.utils import get_openapi

from gateway.api import (
    accounts,
    books,
    channels,
    devices,
    headers,
    health,
    limits,
    problems,
    settlements,
    tariffs,
    tokens,
)
from gateway.api.authenticate import Authenticate
from gateway.api.policy import authorize
from gateway.api.services import Services

VERSION = "1"
_METHODS = ("get", "post", "patch", "delete")


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
    for each in (accounts, devices, tariffs, channels, settlements, tokens, books):
        v1.include_router(each.router)
    app.include_router(v1)
    app.include_router(health.metrics_router, dependencies=[Depends(authorize)])
    app.include_router(health.router)
    app.add_middleware(limits.BodyLimit)
    app.add_middleware(Authenticate, services=services)
    app.add_middleware(headers.AnswerHeaders)
    problems.install(app)
    _document(app)
    return app


def _document(app: FastAPI) -> None:
    """Every operation says that its errors are problems, since FastAPI only knows its own."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _with_problems(
                get_openapi(
                    title=app.title, version=app.version, summary=app.summary, routes=app.routes
                )
            )
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def _with_problems(schema: dict[str, Any]) -> dict[str, Any]:
    schemas = schema["components"]["schemas"]
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    problem = problems.Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas.update(problem.pop("$defs", {}))
    schemas["Problem"] = problem
    content = {problems.MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    for path in schema["paths"].values():
        for method in _METHODS:
            if method in path:
                responses = path[method]["responses"]
                responses.pop("422", None)
                responses["default"] = {"description": "What is wrong.", "content": content}
    return schema
