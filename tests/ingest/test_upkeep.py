"""What devices are told without asking, and what expires by itself."""

from gateway.ingest import upkeep
from gateway.settlement import run as runs
from gateway.settlement.run import run_settlement
from gateway.store import channels, notices
from protocol import envelope, messages
from protocol.messages import CLOSE, SETTLEMENT
from tests.ingest.parties import Gateway, kind_of


def test_an_expired_channel_is_closed_at_its_mark_with_a_receipt(gateway: Gateway) -> None:
    device = gateway.device()
    channel = device.opened()
    gateway.take(device.iou(channel, 10))
    upkeep.expire(gateway.context)
    assert gateway.mark(channel)[2] == "open"
    gateway.clock.now += 86_400
    upkeep.expire(gateway.context)
    assert gateway.mark(channel) == (3_000, 10, "closed")
    (told,) = upkeep.tell(gateway.context)
    receipt = gateway.receipt(told)
    assert (receipt.amount, receipt.event) == (3_000, CLOSE)
    assert upkeep.tell(gateway.context) == []


def test_an_expired_channel_that_the_ledger_can_not_take_keeps_no_other_open(
    gateway: Gateway,
) -> None:
    device = gateway.device()
    channel, idle = device.opened(0), device.opened(1)
    gateway.take(device.iou(channel, 10))
    gateway.fill_payee()
    gateway.clock.now += 86_400
    upkeep.expire(gateway.context)
    assert gateway.mark(channel) == (3_000, 10, "open")
    assert gateway.mark(idle)[2] == "closed"


def test_a_decision_reaches_the_device_as_a_grant_of_a_higher_serial(gateway: Gateway) -> None:
    device = gateway.device()
    channel = device.opened()
    gateway.take(device.iou(channel, 10))
    with gateway.store.write() as conn:
        channels.set_state(conn, channel, "frozen")
        notices.tell_channels(conn, "grant", [channel])
    (told,) = upkeep.tell(gateway.context)
    assert kind_of(told) == "grant"
    grant = messages.read_grant(envelope.open_mac0("grant", told.payload, device.mac_key))
    assert (grant.limit, grant.serial) == (10, 1)


def test_a_run_gives_each_settled_channel_a_signed_receipt(gateway: Gateway) -> None:
    device = gateway.device()
    channel, idle = device.opened(0), device.opened(1)
    gateway.take(device.iou(channel, 10))
    result = run_settlement(gateway.store, "EUR", gateway.keys.sign, "manual")
    assert result is not None
    (told,) = upkeep.tell(gateway.context)
    receipt = gateway.receipt(told)
    assert (receipt.channel, receipt.amount, receipt.units) == (channel, 3_000, 10)
    assert (receipt.event, receipt.run) == (SETTLEMENT, result.run)
    with gateway.store.read() as conn:
        # Told late, it still says when the mark was that: later it may have been higher.
        assert receipt.time == runs.get(conn, result.run).period_end
    assert gateway.mark(idle)[0] == 0


def test_a_settled_channel_goes_on_and_settles_only_the_difference(gateway: Gateway) -> None:
    device = gateway.device()
    channel = device.opened()
    gateway.take(device.iou(channel, 10))
    first = run_settlement(gateway.store, "EUR", gateway.keys.sign, "manual")
    gateway.take(device.iou(channel, 25))
    second = run_settlement(gateway.store, "EUR", gateway.keys.sign, "manual")
    assert first is not None
    assert second is not None
    assert (first.collect, second.collect) == (3_000, 4_500)
    assert run_settlement(gateway.store, "EUR", gateway.keys.sign, "manual") is None
