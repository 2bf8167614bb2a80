"""The API's OpenAPI document, made to say what the application does and nothing less.

Errors are problems, and whole numbers stay whole.
"""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from gateway.api import problems
from gateway.api.shapes import MAX

_METHODS = ("get", "post", "put", "patch", "delete")


def install(app: FastAPI) -> None:
    """Give the application this document."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            schema = get_openapi(
                title=app.title, version=app.version, summary=app.summary, routes=app.routes
            )
            app.openapi_schema = _exact(_with_problems(schema))
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def _with_problems(schema: dict[str, Any]) -> dict[str, Any]:
    """Every operation says that its errors are problems, since FastAPI only knows its own."""
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


def _exact(value: Any) -> Any:
    """FastAPI writes bounds as floats, which have no 2^63-1: the next one above is none of ours."""
    if isinstance(value, dict):
        return {key: _exact(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_exact(each) for each in value]
    if isinstance(value, float) and value.is_integer():
        return min(int(value), MAX)
    return value
