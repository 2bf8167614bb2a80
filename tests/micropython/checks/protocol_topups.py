# The test vectors of top-ups: messages, the accepting side's rule, and the payer's, step by step.
import json
from binascii import unhexlify as unhex

from protocol import cbor, envelope
from protocol.errors import ProtocolError
from protocol.messages import Grant, Resumed, read_grant, read_resume
from protocol.payee import judge_topup
from protocol.payer import PayerChannel, read_record
from protocol.topups import read_topup


def reason_of(call, *arguments):
    try:
        call(*arguments)
    except ProtocolError as error:
        return error.reason
    return None


def check_messages(vectors, sign):
    case = vectors["topup"]
    payload = unhex(case["payload"])
    topup = read_topup(payload)
    assert (topup.channel, topup.capacity) == (unhex(case["channel"]), case["capacity"])
    assert topup.payload() == payload
    assert envelope.sign_structure("topup", payload) == unhex(case["authenticated"])
    assert envelope.sign1("topup", payload, sign) == unhex(case["message"])
    for case in vectors["grants"]:
        payload = unhex(case["payload"])
        grant = read_grant(payload)
        free = None if case["free"] is None else int(case["free"])
        assert (grant.capacity, grant.free) == (int(case["capacity"]), free), case["name"]
        assert grant.payload() == payload
    for case in vectors["resumes"]:
        payload = unhex(case["payload"])
        resume = read_resume(payload)
        known = resume.channels[0]
        assert (known.tick_index, known.topup) == (case["index"], unhex(case["topup"]))
        assert resume.payload() == payload
    for name, read in (("topups", read_topup), ("grants", read_grant), ("resumes", read_resume)):
        for case in vectors["invalid_" + name]:
            assert reason_of(read, unhex(case["payload"])) == "malformed", case["name"]


def check_judged(vectors):
    for case in vectors["judged"]:
        try:
            result = judge_topup(
                case["state"],
                case["capacity"],
                case["expiry"],
                int(case["greatest"]),
                int(case["wanted"]),
                case["now"],
            )
            expected = 0
        except ProtocolError as error:
            result, expected = error.reason, error.expected
        assert (result, expected) == (case["result"], case["expected"]), case["name"]


def step(channel, each, verify, sign):
    do = each["do"]
    if do == "opened":
        channel.opened(10**9, 0)
    elif do == "again":
        channel.show_again()
    elif do == "refuse":
        channel.topup_refused()
    elif do == "grant":
        channel.granted(Grant(channel.id, 10**9, 0, int(each["taken"])))
    elif do == "resume":
        known = Resumed(channel.open_message, channel.iou, 10**9, int(each["serial"]))
        known.topup = unhex(each["topup"])
        channel.resumed(known, 0, verify)
    elif do == "topup":
        topup = channel.next_topup(each["to"])
        assert (topup is not None) == each["signs"]
        if topup is not None:
            channel.topped_up(topup, envelope.sign1("topup", topup.payload(), sign))
    else:
        iou = channel.next_iou(each["total"])
        assert [iou.amount, iou.units] == each["signs"]
        channel.signed(iou, envelope.sign1("iou", iou.payload(), sign))


def check_topup(vectors, verify, sign):
    seed = unhex(vectors["seed"])

    def signed(data):
        return sign(seed, data)

    check_messages(vectors, signed)
    check_judged(vectors)
    for scene in vectors["scenes"]:
        channel = PayerChannel(unhex(scene["open"]), 0)
        for each in scene["steps"]:
            refused = reason_of(step, channel, each, verify, signed)
            assert refused == each.get("refused"), (scene["name"], each)
            state = (channel.capacity, channel.topup_due)
            assert state == (each["capacity"], each["due"]), (scene["name"], each, state)
            kept = cbor.encode(channel.record())
            assert cbor.encode(read_record(cbor.decode(kept)).record()) == kept
    for case in vectors["records"]:
        stored = unhex(case["encoded"])
        channel = read_record(cbor.decode(stored))
        assert channel.topup_due == case["due"]
        assert cbor.encode(channel.record()) == stored
    for case in vectors["damaged_records"]:
        stored = cbor.decode(unhex(case["encoded"]))
        assert reason_of(read_record, stored) == "malformed", case["name"]


if __name__ == "__main__":
    from firmware.crypto import ed25519

    with open("vectors/topup.json") as file:
        check_topup(
            json.load(file), ed25519.verify, lambda seed, data: ed25519.SigningKey(seed).sign(data)
        )
    print("OK")
