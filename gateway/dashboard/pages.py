"""`/` and `/assets/...`: the dashboard's files, as they are in the package.

They hold no data and no secret, so they are served to anybody; what they show comes from the API,
which asks who it is. `POLICY` lets nothing run that is not one of these files.
"""

import hashlib
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable

from fastapi import APIRouter, HTTPException, Request, Response

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; font-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)
"""Content-Security-Policy of the page. Trusted types, none of which can be made, end every way from
a string to markup or script in browsers that know them."""

_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
}
_HEADERS = {
    # Asked for again each time, and sent again only if it has changed.
    "Cache-Control": "no-cache",
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
}

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True, slots=True)
class _File:
    content: bytes
    media_type: str
    tag: str


def is_page(path: str) -> bool:
    """Whether a request's path is one of the dashboard's, which need no credential."""
    return path == "/" or path.startswith("/assets/")


def _read(folder: Traversable, prefix: str = "") -> dict[str, _File]:
    found: dict[str, _File] = {}
    for each in folder.iterdir():
        if each.is_dir():
            found |= _read(each, f"{prefix}{each.name}/")
            continue
        content = each.read_bytes()
        suffix = "." + each.name.rpartition(".")[2]
        tag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
        found[prefix + each.name] = _File(content, _TYPES[suffix], tag)
    return found


_FILES = _read(files(__package__) / "assets")


@router.get("/")
def get_page(request: Request) -> Response:
    """The one page; which view it shows stands behind the `#`, and never comes here."""
    return _answer(request, _FILES["index.html"])


@router.get("/assets/{name:path}")
def get_asset(request: Request, name: str) -> Response:
    """A script, a style sheet or a picture of the page."""
    found = _FILES.get(name)
    if found is None:
        raise HTTPException(404, "there is no such file")
    return _answer(request, found)


def _answer(request: Request, found: _File) -> Response:
    headers = {**_HEADERS, "ETag": found.tag}
    if request.headers.get("if-none-match") == found.tag:
        return Response(status_code=304, headers=headers)
    return Response(found.content, media_type=found.media_type, headers=headers)
