"""What the API works with, put together by whoever serves it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated

from fastapi import Depends, Request

from gateway.api.stream import LASTS_SECONDS
from gateway.api.throttle import Throttle, for_logins
from gateway.keys import GatewayKeys
from gateway.metrics import Metrics
from gateway.operations.devices import Issuer
from gateway.operations.passwords import Passwords
from gateway.operations.principal import of_bearer
from gateway.settlement.rails.registry import Rails
from gateway.store.engine import Store


@dataclass(frozen=True)
class Services:
    """The store, the keys, and what else a request may touch.

    `payout_cooling` is how long after its approval an account is paid somewhere else, in seconds.
    Under `people_key` second factors are kept, under `webhooks_key` webhooks' secrets; `passwords`
    says at what cost passwords are.
    `not_ready` returns what keeps this gateway from taking payments, empty if nothing does.
    A stream of events lasts `stream_seconds`.
    `folders` are those whose room is measured, by what they are for.
    `device_broker` is where devices find the broker, as mqtts://HOST:PORT or mqtt://HOST:PORT.
    """

    store: Store
    keys: GatewayKeys
    rails: Rails
    credentials: Issuer
    payout_cooling: int
    people_key: bytes = field(repr=False)
    webhooks_key: bytes = field(repr=False)
    passwords: Passwords = field(default_factory=Passwords)
    metrics: Metrics = field(default_factory=Metrics)
    not_ready: Callable[[], list[str]] = list
    throttle: Throttle = field(default_factory=Throttle)
    claim_throttle: Throttle = field(default_factory=Throttle)
    login_throttle: Throttle = field(default_factory=for_logins)
    stream_seconds: float = LASTS_SECONDS
    device_broker: str = "mqtt://127.0.0.1:1883"
    folders: Mapping[str, Path] = field(default_factory=dict)


def services(request: Request) -> Services:
    """The services of the application that a request came to, with which its sender acts."""
    found: Services = request.app.state.services
    bearer = getattr(request.state, "bearer", None)
    if bearer is None:
        return found
    return replace(found, store=found.store.acting(of_bearer(bearer)))


Office = Annotated[Services, Depends(services)]
