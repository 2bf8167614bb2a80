# The test vectors of session fees: tariffs, prices, the accepting side's rules and the payer's.
import json
from binascii import unhexlify as unhex

from protocol import cbor, envelope
from protocol.errors import ProtocolError
from protocol.legs import price_at, prices, read_leg
from protocol.messages import Iou, read_terms
from protocol.payee import judge, judge_tick, limit
from protocol.payer import PayerChannel
from protocol.pricing import Tariff, tariff_from_map


def reason_of(call, *arguments):
    try:
        call(*arguments)
    except ProtocolError as error:
        return error.reason
    return None


def priced(case):
    numerator, denominator = int(case["numerator"]), int(case["denominator"])
    return Tariff("W.h", numerator, denominator, "EUR", session_fee=int(case["session_fee"]))


def check_prices(vectors):
    for case in vectors["tariffs"]:
        encoded = unhex(case["encoded"])
        tariff = tariff_from_map(cbor.decode(encoded))
        assert tariff.session_fee == int(case["session_fee"])
        assert (tariff.encoded(), tariff.id()) == (encoded, unhex(case["tariff_id"]))
    for case in vectors["invalid_tariffs"]:
        value = cbor.decode(unhex(case["encoded"]))
        assert reason_of(tariff_from_map, value) == "malformed", case["name"]
    for case in vectors["amounts"]:
        assert priced(case).amount(int(case["units"])) == int(case["amount"]), case
    for case in vectors["units_within"]:
        assert priced(case).units_within(int(case["amount"])) == int(case["units"]), case
    for case in vectors["legs"]:
        terms = read_terms(envelope.parse_sign1("open", unhex(case["open"])).payload)
        legs = [read_leg(envelope.parse_sign1("leg", unhex(each)).payload) for each in case["legs"]]
        units = case["units"]
        found = price_at(prices(terms, legs), units).amount_of(units)
        assert found == case["amount"], (case["name"], found)


def check_accepting(vectors):
    terms = read_terms(unhex(vectors["terms"]))
    for case in vectors["judged"]:
        iou = Iou(terms.channel_id(), case["iou"][0], case["iou"][1])
        try:
            found = (judge(terms, "open", case["mark"][0], case["mark"][1], iou, case["now"]), 0)
        except ProtocolError as error:
            found = (error.reason, error.expected)
        assert found == (case["result"], case["expected"]), (case["name"], found)
    tick = vectors["tick"]
    amount, units = tick["mark"]
    found = judge_tick(terms, "open", amount, units, 9, 0, tick["index"], case["now"])
    assert found == tuple(tick["raises"]), found
    for case in vectors["limits"]:
        found = limit(read_terms(unhex(case["terms"])), case["mark_units"], case["window"])
        assert found == int(case["limit"]), (case["name"], found)


def check_session_fee(vectors, verify, sign):
    check_prices(vectors)
    check_accepting(vectors)
    seed = unhex(vectors["seed"])
    for scene in vectors["scenes"]:
        channel = PayerChannel(unhex(scene["open"]), 0)
        channel.opened(10**9, 0)
        for total, signs in scene["steps"]:
            iou = channel.next_iou(total)
            assert (None if iou is None else [iou.amount, iou.units]) == signs, scene["name"]
            if iou is not None:
                message = envelope.sign1("iou", iou.payload(), lambda data: sign(seed, data))
                channel.signed(iou, message)


if __name__ == "__main__":
    from firmware.crypto import ed25519

    with open("vectors/session_fee.json") as file:
        check_session_fee(
            json.load(file), ed25519.verify, lambda seed, data: ed25519.SigningKey(seed).sign(data)
        )
    print("OK")
