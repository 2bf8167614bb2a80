# The test vectors of claims on the XRP Ledger: their bytes, both sides' rules.
import json
from binascii import unhexlify as unhex

from protocol import cbor, envelope, xrpl
from protocol.errors import ProtocolError
from protocol.messages import Iou, read_iou, read_terms
from protocol.payee import RAISES, judge
from protocol.payer import PayerChannel, iou_message, read_record


def reason_of(call, *arguments):
    try:
        call(*arguments)
    except ProtocolError as error:
        return error.reason
    return None


def check_claims(vectors, verify, sign):
    for case in vectors["claims"]:
        claimed = unhex(case["claimed"])
        assert xrpl.claim_bytes(unhex(case["xrpl_channel"]), int(case["drops"])) == claimed
        assert sign(claimed) == unhex(case["signature"])
        key = unhex(case["public_key"])
        assert key[0] == 0xED
        assert verify(key[1:], claimed, unhex(case["signature"]))


def check_messages(vectors, sign):
    case = vectors["terms"]
    terms = read_terms(unhex(case["payload"]))
    assert terms.xrpl_channel == unhex(case["xrpl_channel"])
    assert terms.payload() == unhex(case["payload"])
    assert terms.channel_id() == unhex(case["channel_id"])
    assert envelope.sign1("open", terms.payload(), sign) == unhex(case["message"])
    case = vectors["iou"]
    payload = unhex(case["payload"])
    iou = read_iou(payload)
    assert (iou.amount, iou.units) == (case["amount"], case["units"])
    assert iou.xrpl_claim == unhex(case["claim"])
    assert iou.payload() == payload
    assert envelope.sign_structure("iou", payload) == unhex(case["authenticated"])
    again = Iou(terms.channel_id(), case["amount"], case["units"])
    assert iou_message(terms, again, sign) == unhex(case["message"])
    for name, read in (("terms", read_terms), ("ious", read_iou)):
        for case in vectors["invalid_" + name]:
            assert reason_of(read, unhex(case["payload"])) == "malformed", case["name"]


def check_judged(vectors, verify):
    amount, units = vectors["mark"]
    for case in vectors["judged"]:
        terms = read_terms(unhex(case["terms"]))
        iou = read_iou(unhex(case["payload"]))
        try:
            result = judge(terms, "open", amount, units, iou, vectors["now"])
            if result == RAISES:
                xrpl.check_claim(terms, iou, verify)
            expected = 0
        except ProtocolError as error:
            result, expected = error.reason, error.expected
        assert (result, expected) == (case["result"], case["expected"]), case["name"]


def check_payer(vectors, sign):
    # What a device signs, and finds again in its journal.
    channel = PayerChannel(unhex(vectors["terms"]["message"]), 0)
    channel.opened(10**9, 0)
    iou = channel.next_iou(10)
    assert channel.begin_chain(iou, bytes(32), 100) is None
    message = iou_message(channel.terms, iou, sign)
    assert message == unhex(vectors["iou"]["message"])
    channel.signed(iou, message)
    kept = read_record(cbor.decode(cbor.encode(channel.record())))
    assert (kept.iou, kept.signed_amount) == (message, iou.amount)


def check_xrpl(vectors, verify, sign):
    seed = unhex(vectors["seed"])

    def signed(data):
        return sign(seed, data)

    check_claims(vectors, verify, signed)
    check_messages(vectors, signed)
    check_judged(vectors, verify)
    check_payer(vectors, signed)


if __name__ == "__main__":
    from firmware.crypto import ed25519

    with open("vectors/xrpl.json") as file:
        check_xrpl(
            json.load(file), ed25519.verify, lambda seed, data: ed25519.SigningKey(seed).sign(data)
        )
    print("OK")
