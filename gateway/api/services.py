"""What the API works with, put together by whoever serves it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends, Request

from gateway.api.throttle import Throttle
from gateway.keys import GatewayKeys
from gateway.metrics import Metrics
from gateway.operations.devices import Issuer
from gateway.settlement.rails import Rail
from gateway.store.engine import Store


@dataclass(frozen=True)
class Services:
    """The store, the keys, and what else a request may touch.

    `not_ready` returns what keeps this gateway from taking payments, empty if nothing does.
    """

    store: Store
    keys: GatewayKeys
    rail: Rail
    credentials: Issuer
    metrics: Metrics = field(default_factory=Metrics)
    not_ready: Callable[[], list[str]] = list
    throttle: Throttle = field(default_factory=Throttle)


def services(request: Request) -> Services:
    """The services of the application that a request came to."""
    found: Services = request.app.state.services
    return found


Office = Annotated[Services, Depends(services)]
