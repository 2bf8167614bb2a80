# The test vectors of legs: messages, prices, the accepting side's rule, and the payer's, step by
# step.
import json
from binascii import unhexlify as unhex

from protocol import cbor, envelope, payer_legs
from protocol.errors import ProtocolError
from protocol.legs import handle, price_at, prices, read_leg
from protocol.messages import (
    Ack,
    Grant,
    Resumed,
    Terms,
    read_grant,
    read_offer,
    read_resume,
    read_terms,
)
from protocol.payee import judge_leg
from protocol.payer import PayerChannel, read_record
from protocol.pricing import tariff_from_map


def reason_of(call, *arguments):
    try:
        call(*arguments)
    except ProtocolError as error:
        return error.reason
    return None


def check_messages(vectors, sign):
    case = vectors["leg"]
    payload = unhex(case["payload"])
    leg = read_leg(payload)
    assert (leg.channel, leg.number) == (unhex(case["channel"]), case["number"])
    assert (leg.amount, leg.units) == (case["amount"], case["units"])
    assert leg.tariff.id() == unhex(case["tariff"])
    assert leg.payload() == payload
    assert envelope.sign_structure("leg", payload) == unhex(case["authenticated"])
    assert envelope.sign1("leg", payload, sign) == unhex(case["message"])
    assert handle(unhex(case["message"])) == unhex(case["handle"])
    assert handle(b"") == b""
    for case in vectors["offers"]:
        offer = read_offer(unhex(case["payload"]))
        assert offer.follows == unhex(case["follows"]), case["name"]
        assert offer.payload() == unhex(case["payload"])
    for case in vectors["grants"]:
        grant = read_grant(unhex(case["payload"]))
        assert grant.leg == unhex(case["leg"]), case["name"]
        assert grant.payload() == unhex(case["payload"])
    for case in vectors["resumes"]:
        resume = read_resume(unhex(case["payload"]))
        known = resume.channels[0]
        assert known.tick_index == case["index"]
        assert (known.topup, known.leg) == (unhex(case["topup"]), unhex(case["leg"]))
        assert resume.payload() == unhex(case["payload"])
    readers = {"legs": read_leg, "offers": read_offer, "grants": read_grant, "resumes": read_resume}
    for name in readers:
        for case in vectors["invalid_" + name]:
            found = reason_of(readers[name], unhex(case["payload"]))
            assert found == "malformed", case["name"]


def leg_of(message):
    return read_leg(envelope.parse_sign1("leg", message).payload)


def terms_of(message) -> Terms:
    return read_terms(envelope.parse_sign1("open", message).payload)


def check_priced(vectors):
    for case in vectors["priced"]:
        legs = [leg_of(unhex(each)) for each in case["legs"]]
        priced = prices(terms_of(unhex(case["open"])), legs)
        units = case["units"]
        assert price_at(priced, units).amount_of(units) == case["amount"], case["name"]


def check_judged(vectors):
    terms = terms_of(unhex(vectors["scenes"][0]["open"]))
    for case in vectors["judged"]:
        amount, units = case["mark"]
        leg = read_leg(unhex(case["leg"]))
        try:
            result = judge_leg(
                terms, case["state"], amount, units, case["known"], leg, case["now"], case["lost"]
            )
            expected = 0
        except ProtocolError as error:
            result, expected = error.reason, error.expected
        assert (result, expected) == (case["result"], case["expected"]), case["name"]


def tariff_of(fields):
    return tariff_from_map({int(key): fields[key] for key in fields})


def step(channel, each, verify, sign):
    do = each["do"]
    if do == "opened":
        channel.opened(10**9, 0)
    elif do == "again":
        channel.show_again()
    elif do == "refuse":
        payer_legs.refused(channel)
    elif do == "grant":
        channel.granted(Grant(channel.id, 10**9, 0, leg=unhex(each["leg_said"])))
    elif do == "ack":
        amount, units = each["mark"]
        channel.acked(Ack(channel.id, amount, units, 10**9, 0))
    elif do == "resume":
        known = Resumed(channel.open_message, unhex(each["iou"]), 10**9, int(each["serial"]))
        known.leg = unhex(each["shows"])
        # The meter shows more than was ever signed for: the base stays.
        channel.resumed(known, 1_000, verify)
    elif do == "leg":
        leg = payer_legs.next_leg(channel, tariff_of(each["tariff"]))
        message = b"" if leg is None else envelope.sign1("leg", leg.payload(), sign)
        assert message == unhex(each["signs"])
        if message:
            payer_legs.signed(channel, message)
    else:
        iou = channel.next_iou(each["total"])
        assert (None if iou is None else [iou.amount, iou.units]) == each["signs"]
        if iou is not None:
            channel.signed(iou, envelope.sign1("iou", iou.payload(), sign))


def check_leg(vectors, verify, sign):
    seed = unhex(vectors["seed"])

    def signed(data):
        return sign(seed, data)

    check_messages(vectors, signed)
    check_priced(vectors)
    check_judged(vectors)
    for scene in vectors["scenes"]:
        channel = PayerChannel(unhex(scene["open"]), 0)
        for each in scene["steps"]:
            refused = reason_of(step, channel, each, verify, signed)
            assert refused == each.get("refused"), (scene["name"], each, refused)
            state = (channel.signed_amount, payer_legs.number(channel), channel.leg_due)
            wanted = (each["amount"], each["leg"], each["due"])
            assert state == wanted, (scene["name"], each, state)
            kept = cbor.encode(channel.record())
            assert cbor.encode(read_record(cbor.decode(kept)).record()) == kept
    for case in vectors["records"]:
        stored = unhex(case["encoded"])
        channel = read_record(cbor.decode(stored))
        assert (payer_legs.number(channel), channel.leg_due) == (case["leg"], case["due"])
        assert cbor.encode(channel.record()) == stored
    for case in vectors["damaged_records"]:
        stored = cbor.decode(unhex(case["encoded"]))
        assert reason_of(read_record, stored) == "malformed", case["name"]


if __name__ == "__main__":
    from firmware.crypto import ed25519

    with open("vectors/leg.json") as file:
        check_leg(
            json.load(file), ed25519.verify, lambda seed, data: ed25519.SigningKey(seed).sign(data)
        )
    print("OK")
