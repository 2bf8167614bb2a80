# The test vectors of messages and rules. Each check_* takes one file of tests/vectors; the same
# functions run on CPython, where tests/protocol brings another verifier and signer.
import json
from binascii import unhexlify as unhex

from protocol import (
    MAX_MESSAGE,
    cbor,
    envelope,
    hashchain,
    hub,
    listings,
    mac,
    merkle,
    messages,
    payee,
    succession,
    topics,
)
from protocol import statements as settled
from protocol.errors import ProtocolError
from protocol.ids import channel_id, device_id, tariff_id
from protocol.messages import Iou
from protocol.pricing import Tariff, tariff_from_map
from protocol.reasons import REASONS

READERS = {
    "hello": messages.read_hello,
    "offer": messages.read_offer,
    "open": messages.read_terms,
    "opened": messages.read_opened,
    "iou": messages.read_iou,
    "tick": messages.read_tick,
    "close": messages.read_close,
    "ack": messages.read_ack,
    "grant": messages.read_grant,
    "credit": messages.read_credit,
    "receipt": messages.read_receipt,
    "statement": settled.read_statement,
    "resume": messages.read_resume,
    "refused": messages.read_refused,
    "successor": messages.read_successor,
    "sell": listings.read_sell,
    "listed": listings.read_listed,
    "find": listings.read_find,
    "mirror": messages.read_terms,
}


def refusal(call, *arguments):
    """The reason of the ProtocolError that the call must raise; a WireError names its field."""
    caught = None
    try:
        call(*arguments)
    except ProtocolError as error:
        caught = error
    assert caught is not None, "was not refused"
    assert caught.field and str(caught).startswith(caught.field + ": "), caught
    assert caught.reason in REASONS, caught.reason
    return caught.reason


def native(value):
    """The value that a tagged value of encoding.json tells."""
    ((kind, content),) = value.items()
    if kind == "uint":
        return int(content)
    if kind == "bytes":
        return unhex(content)
    if kind == "text":
        return content
    if kind == "utf8":
        return unhex(content).decode()
    if kind == "array":
        return [native(item) for item in content]
    return {int(key): native(item) for key, item in content}


def check_encoding(vectors, verify, sign):
    for case in vectors["valid"]:
        value, encoded = native(case["value"]), unhex(case["encoded"])
        assert cbor.encode(value) == encoded, case["name"]
        assert cbor.decode(encoded) == value, case["name"]
    for case in vectors["invalid"]:
        reason = refusal(cbor.decode, unhex(case["encoded"]))
        assert reason == "malformed", case["name"]


def check_identities(vectors, verify, sign):
    keys = {}
    for party in vectors["parties"]:
        public = unhex(party["public_key"])
        keys[party["seed"]] = public
        assert device_id(public) == party["device_id"]
    for case in vectors["mac_keys"]:
        device, gateway = keys[case["device_seed"]], keys[case["gateway_seed"]]
        shared, key = unhex(case["shared_secret"]), unhex(case["mac_key"])
        assert mac.channel_mac_key(shared, device, gateway) == key
        assert mac.hkdf_sha256(shared, unhex(case["info"])) == key
    for case in vectors["hmac"]:
        tag = mac.hmac_sha256(unhex(case["key"]), unhex(case["message"]))
        assert tag == unhex(case["mac"])


def check_ids(vectors, verify, sign):
    for case in vectors["tariffs"]:
        tariff = tariff_from_map(cbor.decode(unhex(case["encoded"])))
        assert tariff.encoded() == unhex(case["encoded"])
        assert tariff.id() == tariff_id(tariff.encoded()) == unhex(case["tariff_id"])
    for case in vectors["channels"]:
        terms = messages.read_terms(unhex(case["terms"]))
        assert terms.payload() == unhex(case["terms"])
        assert terms.channel_id() == channel_id(terms.payload()) == unhex(case["channel_id"])


def fields_of(said):
    """A message's fields in the order of their keys, as they stand in messages.json."""
    result = {}
    for name, value in said.items():
        if isinstance(value, str) and name in ("kind", "account", "currency", "unit"):
            result[name] = value
        elif isinstance(value, str):
            # 2^63-1 is a decimal string of 19 digits; hex has an even number of them.
            decimal = len(value) == 19
            result[name] = int(value) if decimal else unhex(value)
        else:
            result[name] = value
    return result


def same(name, value, expected):
    if name == "tariff":
        assert {str(key): each for key, each in value.to_map().items()} == expected
    elif name == "channels":
        rows = [[r.open_message, r.last_iou, r.limit, r.serial] for r in value]
        assert rows == [[unhex(row[0]), unhex(row[1]), row[2], row[3]] for row in expected]
    elif name == "reason":
        assert REASONS[value] == expected
    else:
        assert value == expected, name


def check_messages(vectors, verify, sign):
    for case in vectors["valid"]:
        kind, payload, message = case["kind"], unhex(case["payload"]), unhex(case["message"])
        read = READERS[kind](payload)
        assert read.payload() == payload, kind
        for name, expected in fields_of(case["fields"]).items():
            same(name, getattr(read, name), expected)
        if case["by"] == "bare":
            assert message == payload
            continue
        key, authenticated = unhex(case["key"]), unhex(case["authenticated"])
        if case["by"] == "mac0":
            assert envelope.mac_structure(kind, payload) == authenticated
            assert envelope.mac0(kind, payload, key) == message
            assert envelope.open_mac0(kind, message, key) == payload
        else:
            assert envelope.sign_structure(kind, payload) == authenticated
            seed = unhex(vectors["seeds"][case["by"]])
            made = envelope.sign1(kind, payload, lambda data, seed=seed: sign(seed, data))
            assert made == message
            assert envelope.open_sign1(kind, message, key, verify) == payload
    for case in vectors["invalid_messages"]:
        kind, message, key = case["kind"], unhex(case["message"]), unhex(case["key"])
        if case["envelope"] == "sign1":
            reason = refusal(envelope.open_sign1, kind, message, key, verify)
        else:
            reason = refusal(envelope.open_mac0, kind, message, key)
        assert reason == case["reason"], case["name"]
        assert len(message) <= MAX_MESSAGE or case["name"] == "4097 bytes"
    for case in vectors["invalid_payloads"]:
        reason = refusal(READERS[case["kind"]], unhex(case["payload"]))
        assert reason == "malformed", case["name"]
    check_statement_lines(vectors)


def check_statement_lines(vectors):
    payload = [c["payload"] for c in vectors["valid"] if c["kind"] == "statement"][0]  # noqa: RUF015
    statement = settled.read_statement(unhex(payload))
    lines = [unhex(line) for line in vectors["statement_lines"]]
    settled.check_lines(statement, lines)
    for wrong in (lines[:1], lines[::-1], [lines[0], lines[0]], []):
        assert refusal(settled.check_lines, statement, wrong) == "malformed"
    for line in lines:
        assert settled.read_line(line).encoded() == line


def check_pricing(vectors, verify, sign):
    for case in vectors["amounts"]:
        tariff = Tariff("W.h", int(case["numerator"]), int(case["denominator"]), "EUR")
        if case["amount"] is None:
            assert refusal(tariff.amount, int(case["units"])) == "over_capacity"
        else:
            assert tariff.amount(int(case["units"])) == int(case["amount"])
    for case in vectors["units_within"]:
        tariff = Tariff("W.h", int(case["numerator"]), int(case["denominator"]), "EUR")
        assert tariff.units_within(int(case["amount"])) == int(case["units"])


def check_judge(vectors, verify, sign):
    terms = {}
    for pricing, encoded in vectors["terms"].items():
        terms[int(pricing)] = messages.read_terms(unhex(encoded))
    for case in vectors["cases"]:
        contract = terms[case["pricing"]]
        iou = Iou(contract.channel_id(), int(case["iou"][0]), int(case["iou"][1]))
        mark, units = case["mark"]
        try:
            result = payee.judge(contract, case["state"], mark, units, iou, case["now"])
            expected = 0
        except ProtocolError as error:
            result, expected = error.reason, error.expected
        assert (result, expected) == (case["result"], case["expected"]), case["name"]
    for case in vectors["ticks"]:
        mark = expected = None
        try:
            mark = payee.judge_tick(
                terms[case["pricing"]],
                case["state"],
                case["mark_amount"],
                case["base_units"],
                case["length"],
                case["known"],
                case["index"],
                case["now"],
            )
            result, expected = "stale" if mark is None else "raises", 0
        except ProtocolError as error:
            result, expected = error.reason, error.expected
        wanted = case["mark"]
        assert mark == (None if wanted is None else (int(wanted[0]), int(wanted[1]))), case["name"]
        assert (result, expected) == (case["result"], case["expected"]), case["name"]
    for case in vectors["limits"]:
        contract = messages.read_terms(unhex(case["terms"]))
        limit = payee.limit(contract, int(case["mark_units"]), case["window"])
        assert limit == int(case["limit"]), case["name"]


def check_hub(vectors, verify, sign):
    for case in vectors["credited"]:
        assert hub.credited(int(case["amount"]), case["fee_bp"]) == int(case["credited"]), case
    for case in vectors["mirrors"]:
        terms = messages.read_terms(unhex(case["terms"]))
        assert terms.channel_id() == unhex(case["channel_id"])
        mirror = hub.mirror_terms(terms, case["fee_bp"])
        assert mirror.payload() == unhex(case["mirror"])
        assert mirror.channel_id() == unhex(case["mirror_id"])


def check_topics(vectors, verify, sign):
    device = vectors["device_id"]
    for case in vectors["valid"]:
        direction, kind, topic = case["direction"], case["kind"], case["topic"]
        assert (topics.up if direction == "up" else topics.down)(device, kind) == topic
        assert topics.parse(topic, direction) == (device, kind)
        assert topics.QOS[kind] == case["qos"]
    for case in vectors["invalid"]:
        assert refusal(topics.parse, case["topic"], case["direction"]) == "malformed"
    assert topics.down_filter(device) == vectors["down_filter"]
    assert topics.up_filter() == vectors["up_filter"]
    assert topics.up_filter(device[:2]) == vectors["shard_filter"]


def check_merkle(vectors, verify, sign):
    leaves = [unhex(leaf) for leaf in vectors["leaves"]]
    roots = [unhex(root) for root in vectors["roots"]]
    assert [merkle.root(leaves[:count]) for count in range(9)] == roots
    for case in vectors["proofs"]:
        index, count = case["index"], case["count"]
        path = [unhex(node) for node in case["path"]]
        tree = merkle.Tree()
        for leaf in leaves[:count]:
            tree.add(merkle.leaf_hash(leaf), tree.count == index)
        assert tree.path() == path
        assert merkle.is_included(leaves[index], index, count, path, roots[count])
        assert not merkle.is_included(b"another", index, count, path, roots[count])
        assert not merkle.is_included(leaves[index], index, count, path, roots[0])


def check_hashchain(vectors, verify, sign):
    values = [unhex(value) for value in vectors["values"]]
    assert values[0] == unhex(vectors["root"]) == hashchain.walk(values[-1], vectors["length"])
    for index in range(1, len(values)):
        assert hashchain.is_tick(values[index], index, values[0], 0)
        assert hashchain.is_tick(values[index], index, values[index - 1], index - 1)
        assert not hashchain.is_tick(values[index], index, values[index], index)
        assert not hashchain.is_tick(values[index - 1], index, values[0], 0)


def check_succession(vectors, verify, sign):
    for case in vectors["cases"]:
        given = unhex(case["given"])
        remembered = [unhex(key) for key in case["remembered"]]
        line = succession.line_of(given, remembered)
        assert line[0] == given, case["name"]
        for step in case["steps"]:
            try:
                key = succession.next_key(line, unhex(step["message"]), verify)
                line = succession.followed(line, key)
                reason = None
            except ProtocolError as error:
                reason = error.reason
            assert reason == step["refused"], case["name"]
            assert line[-1] == unhex(step["believes"]), case["name"]
            assert line[0] == given, case["name"]
            assert len(line) <= vectors["most_remembered"], case["name"]


CHECKS = {
    "encoding": check_encoding,
    "identities": check_identities,
    "ids": check_ids,
    "messages": check_messages,
    "pricing": check_pricing,
    "judge": check_judge,
    "hub": check_hub,
    "topics": check_topics,
    "merkle": check_merkle,
    "hashchain": check_hashchain,
    "succession": check_succession,
}

if __name__ == "__main__":
    from firmware.crypto import ed25519
    from firmware.crypto.x25519 import shared_secret

    for name, check in CHECKS.items():
        with open("vectors/" + name + ".json") as file:
            check(json.load(file), ed25519.verify, lambda seed, d: ed25519.SigningKey(seed).sign(d))
    with open("vectors/identities.json") as file:
        agreed = json.load(file)
    publics = {party["seed"]: unhex(party["public_key"]) for party in agreed["parties"]}
    for case in agreed["mac_keys"]:
        secret = shared_secret(unhex(case["device_seed"]), publics[case["gateway_seed"]])
        assert secret == unhex(case["shared_secret"])
    print("OK")
