"""People who come to the API in a browser, as it sees them: cookies kept, codes shown."""

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

import pyotp
from fastapi.testclient import TestClient

from gateway.operations import people
from tests.api.house import House

PASSWORD = "a horse that eats batteries"
ORIGIN = "https://testserver"


@dataclass
class Visitor:
    """A person with what they know, have, and are sent; `client` is logged in after `come_in`."""

    house: House
    name: str
    password: str = PASSWORD
    totp_secret: str = ""
    recovery_codes: list[str] = field(default_factory=list)
    client: TestClient = field(init=False)

    def __post_init__(self) -> None:
        self.client = browser(self.house)

    def come_in(self, link: str, second_factor: bool = True) -> Any:
        """Come in by a link's token; the answer."""
        offered = self.client.post("/v1/welcome", json={"token": link}).json()
        if second_factor:
            self.totp_secret = offered["totp_secret"]
        body = {"token": link, "password": self.password, "code": self.code()}
        answer = self.client.post("/v1/welcome/enter", json=body)
        if answer.status_code == 200:
            self.recovery_codes = answer.json()["recovery_codes"]
            self._take_token(answer.json()["session"])
        return answer

    def code(self) -> str:
        """What the authenticator shows now, by the gateway's clock; empty without one."""
        if not self.totp_secret:
            return ""
        with self.house.office.store.read() as conn:
            return pyotp.TOTP(self.totp_secret).at(self.house.office.store.now(conn))

    def log_in(self, **changes: str) -> Any:
        """Log in, with a code that was not taken before, or with what is given; the answer."""
        if self.totp_secret and "code" not in changes:
            later(self.house, 30)
        body = {"name": self.name, "password": self.password, "code": self.code()} | changes
        answer = self.client.post("/v1/session", json=body)
        if answer.status_code == 200:
            self._take_token(answer.json())
        return answer

    def _take_token(self, session: dict[str, Any]) -> None:
        self.client.headers["X-CSRF-Token"] = session["csrf_token"]


def browser(
    house: House,
    origin: str = ORIGIN,
    cookies: dict[str, str] | None = None,
    address: str = "192.0.2.1",
) -> TestClient:
    """A browser at this address; it says of where it is what the gateway's own pages would."""
    return TestClient(
        house.app,
        origin,
        headers={"Origin": origin, "Sec-Fetch-Site": "same-origin"},
        cookies=cookies,
        client=(address, 4711),
        raise_server_exceptions=False,
    )


def visitor(house: House, name: str, role: str, accounts: Collection[str] = ()) -> Visitor:
    """Somebody of this role who has come in, with a second factor."""
    link = people.invite(house.office.store, name, role, "test", accounts)
    found = Visitor(house, name)
    assert found.come_in(link.token).status_code == 200
    return found


def later(house: House, seconds: int) -> None:
    """Let the database's clock be so many seconds further on."""
    store = house.office.store
    now = store.now
    store.now = lambda conn: now(conn) + seconds  # type: ignore[method-assign]
