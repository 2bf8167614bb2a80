"""The vectors of settlement against `protocol/`: runs, their proofs, statements, evidence."""

import json

from protocol import envelope, evidence, merkle, runs
from protocol import statements as settled
from protocol.errors import WireError


def unhex(text):
    return bytes.fromhex(text)


def is_refused(call, *arguments):
    try:
        call(*arguments)
    except WireError:
        return True
    return False


def check_settlement(vectors, verify, sign):
    key, seed = unhex(vectors["key"]), unhex(vectors["seed"])
    for case in vectors["runs"]:
        payload, message = unhex(case["payload"]), unhex(case["message"])
        run = runs.read_run(payload)
        assert run.payload() == payload
        for name, expected in case["fields"].items():
            found = getattr(run, name)
            assert (found.hex() if isinstance(found, bytes) else found) == expected, name
        assert envelope.sign_structure("run", payload) == unhex(case["authenticated"])
        assert envelope.sign1("run", payload, lambda data: sign(seed, data)) == message
        assert envelope.open_sign1("run", message, key, verify) == payload
        check_proofs(run, case)
    for case in vectors["invalid_runs"]:
        assert is_refused(runs.read_run, unhex(case["payload"])), case["name"]
    check_statements(vectors["statements"], key, verify)


def check_statements(vectors, key, verify):
    lines = [unhex(line) for line in vectors["lines"]]
    for case in vectors["valid"]:
        payload = unhex(case["payload"])
        said = settled.read_statement(payload)
        assert said.payload() == payload
        assert envelope.open_sign1("statement", unhex(case["message"]), key, verify) == payload
        assert settled.net(said) == case["net"], case["name"]
        settled.check_lines(said, lines)
        assert is_refused(settled.check_lines, said, lines[:-1])
    wrong = settled.read_statement(unhex(vectors["not_adding_up"]["payload"]))
    assert is_refused(settled.net, wrong)
    for line in lines:
        assert settled.read_line(line).encoded() == line
    for case in vectors["invalid"]:
        assert is_refused(settled.read_statement, unhex(case["payload"])), case["name"]
    for case in vectors["invalid_lines"]:
        assert is_refused(settled.read_line, unhex(case["line"])), case["name"]


def check_evidence(vectors, verify, sign):
    for case in vectors["valid"]:
        encoded = unhex(case["encoded"])
        assert evidence.is_bundle(encoded[:32])
        bundle = evidence.read_bundle(encoded)
        assert bundle.encoded() == encoded, case["name"]
        assert bundle.channel == unhex(case["channel"])
        for found, expected in ((bundle.said, case["said"]), (bundle.kept, case["kept"])):
            assert found == [(kind, unhex(message)) for kind, message in expected]
        marks = [(mark.message, mark.tick) for mark in bundle.marks]
        assert marks == [(unhex(message), unhex(tick)) for message, tick in case["marks"]]
        assert len(bundle.stated) == len(case["stated"])
        for each in bundle.stated:
            check_stated(each, unhex(vectors["gateway_key"]), verify)
    for case in vectors["malformed"]:
        assert is_refused(evidence.read_bundle, unhex(case["encoded"])), case["name"]


def check_stated(each, key, verify):
    run = runs.read_run(envelope.open_sign1("run", each.run, key, verify))
    payload = envelope.open_sign1("statement", each.statement, key, verify)
    said = settled.read_statement(payload)
    runs.check_in_run(said, each.statement, run, each.index, each.path)
    evidence.check_in_statement(said, each.line, each.line_index, each.line_path)
    wrong = evidence.check_in_statement, said, each.line, 1 - each.line_index, each.line_path
    assert is_refused(*wrong)


def check_proofs(run, case):
    messages = [unhex(message) for message in case["statements"]]
    assert merkle.root(messages) == run.statements_root
    for index, path in enumerate(case["paths"]):
        tree = merkle.Tree()
        for message in messages:
            tree.add(merkle.leaf_hash(message), tree.count == index)
        proof = [unhex(node) for node in path]
        assert (tree.root(), tree.path()) == (run.statements_root, proof)
        file = runs.read_proof(unhex(case["proof_files"][index]))
        assert (file.run, file.index, file.path) == (unhex(case["message"]), index, proof)
        assert file.encoded() == unhex(case["proof_files"][index])
        message = messages[index]
        said = settled.read_statement(envelope.parse_sign1("statement", message).payload)
        runs.check_in_run(said, message, run, index, proof)
        for other in range(-1, len(messages) + 1):
            wrong = runs.check_in_run, said, message, run, other, proof
            assert is_refused(*wrong) == (other != index)
        said.journal_head = bytes(32)
        assert is_refused(runs.check_in_run, said, message, run, index, proof)


if __name__ == "__main__":
    from firmware.crypto import ed25519

    for name, check in (("settlement", check_settlement), ("evidence", check_evidence)):
        with open("vectors/" + name + ".json") as file:
            check(json.load(file), ed25519.verify, lambda seed, d: ed25519.SigningKey(seed).sign(d))
    print("OK")
