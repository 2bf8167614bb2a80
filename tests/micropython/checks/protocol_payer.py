# The test vectors of the payer's side: scenes of one channel, step by step, and its record.
import json
from binascii import unhexlify as unhex

from protocol import cbor, envelope
from protocol.errors import ProtocolError
from protocol.messages import Ack, Grant, Receipt, Resumed
from protocol.payer import CLOSING, PayerChannel, read_record


def step_sign(channel, step, verify, sign):
    iou = channel.next_iou(step["total"])
    assert (None if iou is None else [iou.amount, iou.units]) == step["signs"]
    if iou is not None:
        channel.signed(iou, envelope.sign1("iou", iou.payload(), sign))


def step_opened(channel, step, verify, sign):
    channel.opened(step["limit"], step["serial"])


def step_ack(channel, step, verify, sign):
    channel.acked(Ack(channel.id, step["amount"], step["units"], step["limit"], step["serial"]))


def step_grant(channel, step, verify, sign):
    channel.granted(Grant(channel.id, step["limit"], step["serial"]))


def step_limit(channel, step, verify, sign):
    limit = step["limit"]
    assert channel.limit == limit
    assert not channel.may_deliver(channel.base + limit)
    assert limit == 0 or channel.may_deliver(channel.base + limit - 1)


def step_resume(channel, step, verify, sign):
    known = Resumed(channel.open_message, unhex(step["iou"]), step["limit"], step["serial"])
    channel.resumed(known, step["total"], verify)
    assert channel.base == step["base"]


def step_close(channel, step, verify, sign):
    channel.state = CLOSING


def step_carry(channel, step, verify, sign):
    receipt = None
    if step["receipt"] is not None:
        amount, units, event = step["receipt"]
        receipt = Receipt(channel.id, amount, units, event, 0)
    assert channel.carried(step["total"], receipt) == step["base"]


STEPS = {
    "sign": step_sign,
    "opened": step_opened,
    "ack": step_ack,
    "grant": step_grant,
    "limit": step_limit,
    "resume": step_resume,
    "close": step_close,
    "carry": step_carry,
}


def play(scene, verify, sign):
    """One scene; after each step the channel's record is the same once written and read."""
    channel = PayerChannel(unhex(scene["open"]), scene["base"])
    for step in scene["steps"]:
        before = channel.record()
        reason = None
        try:
            STEPS[step["do"]](channel, step, verify, sign)
        except ProtocolError as error:
            reason = error.reason
        assert reason == step.get("refused"), (scene["name"], step)
        if reason is not None:
            assert channel.record() == before, scene["name"]
        channel = read_record(cbor.decode(cbor.encode(channel.record())))


def check_payer(vectors, verify, sign):
    seed = unhex(vectors["seed"])
    for scene in vectors["scenes"]:
        play(scene, verify, lambda data: sign(seed, data))
    stored = unhex(vectors["record"]["encoded"])
    channel = read_record(cbor.decode(stored))
    assert cbor.encode(channel.record()) == stored
    assert channel.id == unhex(vectors["channel_id"])
    assert channel.base == int(vectors["record"]["base"])
    assert [channel.signed_amount, channel.signed_units] == vectors["record"]["signed"]
    for case in vectors["damaged_records"]:
        reason = None
        try:
            read_record(cbor.decode(unhex(case["encoded"])))
        except ProtocolError as error:
            reason = error.reason
        assert reason == "malformed", case["name"]


if __name__ == "__main__":
    from firmware.crypto import ed25519

    with open("vectors/payer.json") as file:
        check_payer(
            json.load(file), ed25519.verify, lambda seed, data: ed25519.SigningKey(seed).sign(data)
        )
    print("OK")
