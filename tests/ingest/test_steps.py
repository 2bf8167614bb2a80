"""Steps that devices ask for are taken as what stands when they are committed."""

import pytest

from gateway.ingest import hub
from gateway.store import devices, notices
from protocol.errors import ProtocolError
from tests.ingest.parties import Gateway


def test_a_device_that_was_suspended_after_it_was_looked_up_lists_nothing(
    gateway: Gateway,
) -> None:
    device = gateway.device()
    before = gateway.known(device)
    assert before.status == "active"
    with gateway.store.write() as conn:
        devices.set_status(conn, device.id, "suspended")
        notices.decided(conn)
    message = device.sell(device.sale()).payload
    with pytest.raises(ProtocolError, match="has suspended this device"):
        hub.sell(gateway.context, before, message)
    assert gateway.count("listing") == 0
    find = device.find().payload
    assert hub.find(gateway.context, before, find) == []
