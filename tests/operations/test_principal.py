"""Who acts, and that nobody approves what they proposed."""

import os
import pwd

import pytest

from gateway.operations import principal, tokens
from gateway.operations.bearer import Bearer
from gateway.operations.errors import BadInput
from gateway.operations.principal import SamePerson
from gateway.store.engine import Store


def test_whoever_acts_is_named_by_token_or_by_user(store: Store) -> None:
    id_, token = tokens.add(store, "Ann", "operator")
    assert principal.of_bearer(Bearer(f"token:{id_}", "Ann", "operator")) == f"token:{id_}"
    assert principal.of_shell(store, {"TALLYSTICK_TOKEN": token}) == f"token:{id_}"
    user = pwd.getpwuid(os.getuid()).pw_name
    for environ in ({}, {"TALLYSTICK_TOKEN": ""}):
        # Never by what the environment says of the user, which anybody can set.
        assert principal.of_shell(store, environ | {"USER": "boss"}) == f"shell:{user}"


def test_a_token_that_is_not_valid_is_no_name(store: Store) -> None:
    id_, token = tokens.add(store, "Ann", "operator")
    tokens.revoke(store, id_)
    for bad in (token, "tally_000000000000_" + "0" * 64, "nonsense"):
        with pytest.raises(BadInput, match="TALLYSTICK_TOKEN"):
            principal.of_shell(store, {"TALLYSTICK_TOKEN": bad})


def test_a_user_without_a_name_goes_by_number(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "getuid", lambda: 4_000_000_123)
    assert principal.of_shell(store, {}) == "shell:4000000123"


@pytest.mark.threat("O6")
def test_nobody_approves_what_they_proposed() -> None:
    principal.check_other("token:a", "token:b", "withdrawal 1")
    with pytest.raises(SamePerson, match="withdrawal 1: token:a proposed it"):
        principal.check_other("token:a", "token:a", "withdrawal 1")
