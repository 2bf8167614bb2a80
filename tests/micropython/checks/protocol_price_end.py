# The test vectors of prices that end: offers, the accepting side's rules and the payer's.
import json
from binascii import unhexlify as unhex

from protocol import envelope, payer_legs
from protocol.errors import ProtocolError
from protocol.messages import Ack, Grant, Iou, read_offer, read_terms
from protocol.payee import judge, judge_tick, limit, reach
from protocol.payer import PayerChannel
from protocol.pricing import tariff_from_map


def outcome_of(call, *arguments):
    try:
        return call(*arguments), 0
    except ProtocolError as error:
        return error.reason, error.expected


def check_offers(vectors):
    for case in vectors["offers"]:
        payload = unhex(case["payload"])
        offer = read_offer(payload)
        assert (offer.grace, offer.payload()) == (case["grace"], payload), case["name"]
    for case in vectors["invalid_offers"]:
        found = outcome_of(read_offer, unhex(case["payload"]))
        assert found == ("malformed", 0), case["name"]


def check_accepting(vectors):
    message = unhex(vectors["scenes"][0]["open"])
    terms = read_terms(envelope.parse_sign1("open", message).payload)
    terms.price.until = vectors["until"]
    now = vectors["now"]
    for case in vectors["judged"]:
        iou = Iou(terms.channel_id(), case["iou"][0], case["iou"][1])
        mark = case["mark"]
        found = outcome_of(judge, terms, "open", mark[0], mark[1], iou, now)
        assert found == (case["result"], case["expected"]), (case["name"], found)
    amount, units = vectors["base"]
    for case in vectors["ticks"]:
        found = outcome_of(judge_tick, terms, "open", amount, units, 9, 0, case["index"], now)
        raises = case["raises"]
        wanted = ("price_ended", case["expected"]) if raises is None else (tuple(raises), 0)
        assert found == wanted, (case["name"], found)
    for case in vectors["limits"]:
        contract = read_terms(unhex(case["terms"]))
        contract.price.until = reach(contract.price, case["ended_units"], case["window"])
        found = limit(contract, case["mark_units"], case["window"])
        assert found == case["limit"], (case["name"], found)


def refuse(channel, units, sign):
    said = []
    iou = payer_legs.price_ended(channel, units)
    if iou is not None:
        said.append(envelope.sign1("iou", iou.payload(), sign))
        tariff = payer_legs.replaced(channel, iou, said[0])
        if tariff is not None:
            said.append(sign_leg(channel, tariff, sign))
    return said


def sign_leg(channel, tariff, sign):
    message = envelope.sign1("leg", payer_legs.next_leg(channel, tariff).payload(), sign)
    payer_legs.signed(channel, message)
    return message


def step(channel, each, sign):
    do = each["do"]
    if do == "grant":
        channel.granted(Grant(channel.id, each["limit"], 0))
    elif do == "taken":
        channel.granted(Grant(channel.id, 2_050, 0, leg=unhex(each["leg"])))
    elif do == "ack":
        channel.acked(Ack(channel.id, each["mark"][0], each["mark"][1], 1_050, 0))
    elif do == "leg":
        tariff = tariff_from_map({int(key): each["tariff"][key] for key in each["tariff"]})
        assert sign_leg(channel, tariff, sign) == unhex(each["signs"])
    elif do == "refuse":
        found = outcome_of(refuse, channel, each["expected"], sign)[0]
        wanted = each.get("refused") or [unhex(message) for message in each["signs"]]
        assert found == wanted, (each, found)
    else:
        iou = channel.next_iou(each["total"])
        assert (None if iou is None else [iou.amount, iou.units]) == each["signs"], each
        if iou is not None:
            channel.signed(iou, envelope.sign1("iou", iou.payload(), sign))


def check_price_end(vectors, verify, sign):
    check_offers(vectors)
    check_accepting(vectors)
    seed = unhex(vectors["seed"])
    for scene in vectors["scenes"]:
        channel = PayerChannel(unhex(scene["open"]), 0)
        channel.opened(1_050, 0)
        for each in scene["steps"]:
            step(channel, each, lambda data: sign(seed, data))


if __name__ == "__main__":
    from firmware.crypto import ed25519

    with open("vectors/price_end.json") as file:
        check_price_end(
            json.load(file), ed25519.verify, lambda seed, data: ed25519.SigningKey(seed).sign(data)
        )
    print("OK")
