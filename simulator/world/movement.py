"""Money that a rail moved, as whoever judges is told of it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Movement:
    """By the rail's own book, in atomic units: above zero from the account, below zero to it."""

    rail: str
    account: str
    currency: str
    amount: int
