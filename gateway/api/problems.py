"""Every error of the API, as RFC 9457 `application/problem+json`.

`type` is a stable URN, `errors[]` names the fields. What an error means is decided where it is
raised; here it only gets its status and its shape.
"""

from collections.abc import Mapping
from http import HTTPStatus

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from sqlalchemy.exc import OperationalError
from starlette.exceptions import HTTPException
from starlette.routing import compile_path

from gateway.ledger.states import IllegalMove
from gateway.operations.errors import BadInput
from gateway.operations.principal import SamePerson
from gateway.pki.authority import PkiError
from gateway.settlement.bank.xml import BankFileError
from gateway.settlement.rails import DestinationError, RailError
from gateway.store.errors import Conflict, NotFound, RestoreFenced, StoreError
from gateway.store.idempotency import InProgress, OtherRequest

log = structlog.get_logger(__name__)

MEDIA_TYPE = "application/problem+json"
_URN = "urn:tallystick:problem:"


class FieldError(BaseModel):
    """One thing that is wrong with a request: the field, where it stands, what would be right."""

    field: str
    location: str
    message: str


class Problem(BaseModel):
    """RFC 9457 problem details."""

    type: str
    title: str
    status: int
    detail: str
    errors: list[FieldError] = []


def respond(
    status: int,
    detail: str,
    *,
    kind: str | None = None,
    errors: list[FieldError] | None = None,
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    """A problem as a response; `kind` ends its type, by default the status's phrase does."""
    title = HTTPStatus(status).phrase
    problem = Problem(
        type=_URN + (kind or title.lower().replace(" ", "-")),
        title=title,
        status=status,
        detail=detail,
        errors=errors or [],
    )
    return JSONResponse(problem.model_dump(), status, headers, MEDIA_TYPE)


def install(app: FastAPI) -> None:
    """Give the application these handlers."""
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(BadInput, _bad_input)
    app.add_exception_handler(StoreError, _store)
    app.add_exception_handler(IllegalMove, _illegal_move)
    app.add_exception_handler(PkiError, _certificates)
    app.add_exception_handler(RailError, _rail)
    app.add_exception_handler(BankFileError, _bank_file)
    app.add_exception_handler(OperationalError, _database)
    app.add_exception_handler(Exception, _unexpected)


def _invalid(_request: Request, error: Exception) -> JSONResponse:
    found = error.errors() if isinstance(error, RequestValidationError) else []
    errors = []
    for each in found:
        location, *path = (str(part) for part in each["loc"])
        message = str(each["msg"]).removeprefix("Value error, ")
        if each["type"] == "extra_forbidden":
            message = "there is no such field"
        if each["type"] == "json_invalid":
            path = []
            message = "must be a JSON document"
        errors.append(
            FieldError(field=".".join(path) or location, location=location, message=message)
        )
    named = ", ".join(each.field for each in errors)
    return respond(422, f"not as it must be: {named}", kind="invalid", errors=errors)


def _bad_input(_request: Request, error: Exception) -> JSONResponse:
    errors = []
    if isinstance(error, BadInput):
        errors = [FieldError(field=error.field, location="body", message=error.message)]
    return respond(422, str(error), kind="invalid", errors=errors)


def _store(_request: Request, error: Exception) -> JSONResponse:
    if isinstance(error, NotFound):
        return respond(404, str(error))
    if isinstance(error, OtherRequest):
        field = FieldError(field="Idempotency-Key", location="header", message=str(error))
        return respond(422, str(error), kind="idempotency-key-reused", errors=[field])
    if isinstance(error, SamePerson):
        return respond(403, str(error), kind="same-person")
    if isinstance(error, InProgress):
        return respond(409, str(error), kind="in-progress")
    if isinstance(error, Conflict):
        return respond(409, str(error))
    if isinstance(error, RestoreFenced):
        return respond(409, str(error), kind="fenced")
    # "account scale: must be 0 to 18"
    where, _, message = str(error).partition(": ")
    field = FieldError(field=where.split(" ")[-1], location="body", message=message)
    return respond(422, str(error), kind="invalid", errors=[field])


def _illegal_move(_request: Request, error: Exception) -> JSONResponse:
    return respond(409, str(error), kind="illegal-state")


def _certificates(request: Request, error: Exception) -> JSONResponse:
    # A file of the authority that can't be used; its path is for the operator, not for the caller.
    log.error("certificates can't be issued or revoked", path=request.url.path, error=str(error))
    return respond(503, "the certificate authority can't be used; the gateway's log says more")


def _bank_file(_request: Request, error: Exception) -> JSONResponse:
    field = FieldError(field="content", location="body", message=str(error))
    return respond(422, f"content: {error}", kind="invalid", errors=[field])


def _rail(request: Request, error: Exception) -> JSONResponse:
    if isinstance(error, DestinationError):
        named = f"details.{error.field}"
        field = FieldError(field=named, location="body", message=error.message)
        return respond(422, f"details.{error}", kind="invalid", errors=[field])
    # What is wrong with its settings or its files is for the operator, not for the caller.
    log.error("a rail failed", path=request.url.path, error=str(error))
    return respond(503, "a rail can't be used; the gateway's log says more", kind="rail")


def _http(request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, HTTPException):
        return _unexpected(request, error)
    headers = error.headers
    if error.status_code == 405:
        # The framework names those of one route, and a path has several.
        headers = {"Allow": ", ".join(_methods(request))}
    return respond(error.status_code, str(error.detail), headers=headers)


def _methods(request: Request) -> list[str]:
    """The methods that a request's path has."""
    found: set[str] = set()
    for template, item in request.app.openapi()["paths"].items():
        if compile_path(template)[0].match(request.url.path):
            found.update(method.upper() for method in item)
    return sorted(found)


def _database(request: Request, error: Exception) -> JSONResponse:
    return database_failed(request.url.path, error)


def database_failed(path: str, error: Exception) -> JSONResponse:
    """What is answered, and logged, where the database did not answer a request for `path`."""
    log.error("database failed", path=path, error=repr(error))
    return respond(503, "the database did not answer; nothing was changed, try again")


def _unexpected(request: Request, error: Exception) -> JSONResponse:
    log.error("unexpected error", path=request.url.path, exc_info=error)
    return respond(500, "this should not happen; the gateway's log says more")
