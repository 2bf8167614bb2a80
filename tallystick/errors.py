"""What goes wrong with a request: the gateway refused it, or did not answer."""

from dataclasses import dataclass

import httpx2


class ApiError(Exception):
    """A request came to nothing. The text has no secret in it."""


class Unreachable(ApiError):
    """No answer came, so it is not known what became of the request."""


@dataclass(frozen=True, slots=True)
class FieldError:
    """One thing that is wrong with a request: the field, whether it stands in `body`, `query`,
    `path` or `header`, and what would be right."""

    field: str
    location: str
    message: str


class Problem(ApiError):
    """The gateway refused a request and said why (RFC 9457). `kind` is stable, and for programs;
    `fields` names each field that is wrong."""

    def __init__(
        self,
        asked: str,
        status: int,
        kind: str = "",
        detail: str = "",
        fields: tuple[FieldError, ...] = (),
    ) -> None:
        named = "".join(f"; {each.field}: {each.message}" for each in fields)
        super().__init__(f"{asked}: {status} {detail}{named}")
        self.status = status
        self.kind = kind
        self.detail = detail
        self.fields = fields


_URN = "urn:tallystick:problem:"


def problem_of(answer: httpx2.Response) -> Problem:
    """What an answer of 400 or above says, which was read whole. A proxy's may be of any form."""
    asked = f"{answer.request.method} {answer.request.url}"
    try:
        said = answer.json()
        fields = tuple(
            FieldError(str(each["field"]), str(each["location"]), str(each["message"]))
            for each in said["errors"]
        )
        kind, detail = str(said["type"]).removeprefix(_URN), str(said["detail"])
    except (ValueError, KeyError, TypeError):
        return Problem(asked, answer.status_code, detail=answer.reason_phrase)
    return Problem(asked, answer.status_code, kind, detail, fields)
