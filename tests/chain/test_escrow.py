"""The escrow on a real node: what its owners, the gateway and everybody else can do, and can't.

Every test that needs no more than a town is run again, step by step, by test_escrow_coverage.
"""

import secrets
from typing import Any

import pytest

from gateway.settlement.rails.evm.word import Entry, Settlement
from tests.chain.node import Node
from tests.chain.town import NOBODY, PERIOD, Refused, Town


def refused(why: str) -> Any:
    return pytest.raises(Refused, match=f"^{why}$")


def test_a_run_moves_what_payers_locked_to_what_payees_may_take(town: Town) -> None:
    town.deposit(town.ant, 100)
    town.deposit(town.bee, 50)
    town.settle(town.said({town.ant: -70, town.bee: -50, town.cat: 90, town.dog: 30}))
    assert [town.locked(each) for each in town.people] == [30, 0, 0, 0]
    assert [town.free(each) for each in town.people] == [0, 0, 90, 30]
    before = town.tokens(town.cat)
    town.withdraw(town.cat, 60)
    assert town.tokens(town.cat) == before + 60
    town.withdraw(town.cat, 30, town.ant)
    assert town.free(town.cat) == 0
    town.sums_up()


def test_the_root_that_is_kept_is_that_of_rfc_6962(town: Town) -> None:
    said = [town.said({town.people[number % 4]: 0 for number in range(count)}) for count in (1, 3)]
    many = tuple(Entry(f"0x{number:040x}", 0) for number in range(1, 14))
    for number, each in enumerate([*said, Settlement(0, "run", many)], 1):
        each = Settlement(number, each.batch, each.entries)
        town.settle(each)
        assert town.read(town.escrow.functions.roots(number)) == [int.from_bytes(each.root, "big")]


def test_the_rest_of_a_run_is_the_operators_bond(town: Town) -> None:
    town.deposit(town.ant, 100)
    town.settle(town.said({town.ant: -70, town.bee: 40}))
    assert town.bond() == 30
    town.settle(town.said({town.bee: 70}))
    assert town.bond() == 0
    with refused("BondTooSmall"):
        town.settle(town.said({town.bee: 71}))
    with refused("BondTooSmall"):
        town.settle(town.said({town.bee: 2**63 - 1}))
    town.sums_up()


def test_who_has_too_little_is_left_out_and_stops_nobody(town: Town) -> None:
    town.deposit(town.ant, 100)
    town.deposit(town.bee, 10)
    receipt = town.settle(town.said({town.ant: -100, town.bee: -11, town.cat: 60}))
    (short,) = town.escrow.events.Short().process_receipt(_logs(town, receipt, "Short"))
    assert short["args"] == {
        "sequence": 1,
        "owner": town.w3.to_checksum_address(town.bee),
        "owed": 11,
    }
    assert [town.locked(each) for each in town.people[:2]] == [0, 10]
    assert town.settled(town.bee) == 0
    town.settle(town.said({town.dog: -(2**63)}))
    town.sums_up()


def _logs(town: Town, receipt: dict[str, Any], name: str) -> Any:
    found = town.w3.eth.get_transaction_receipt(receipt["transactionHash"])
    topic = town.escrow.events[name]().topic
    kept = [each for each in found["logs"] if each["topics"][0].to_0x_hex() == topic]
    return {**found, "logs": kept}


@pytest.mark.threat("C2", "G6")
def test_a_settlement_counts_once_and_in_order(town: Town) -> None:
    town.add_bond(100)
    first, second = town.said({town.ant: 10}), town.said({town.ant: 30}, 2)
    with refused("OutOfOrder"):
        town.settle(second)
    town.settle(first)
    with refused("OutOfOrder"):
        town.settle(first)
    town.settle(second, by=town.dog)
    assert town.free(town.ant) == 30
    town.sums_up()


@pytest.mark.threat("G6")
def test_only_the_gateways_word_for_this_contract_on_this_chain_counts(town: Town) -> None:
    town.add_bond(100)
    said = town.said({town.ant: 10})
    for other in ({"key": secrets.token_bytes(32)}, {"chain": 1}, {"contract": town.ant}):
        with refused("NotSigned"):
            town.settle(said, **other)
        with refused("NotSigned"):
            town.claim(said, town.ant, **other)
    r, s, _v = town.sign(said)
    call = town.escrow.functions.settle(1, said.batch_hash, said.words, (r, s, 1))
    with refused("NotSigned"):  # of which no key is recovered
        town.do(call, town.operator)
    changed = town.said({town.ant: 11})
    call = town.escrow.functions.settle(1, said.batch_hash, changed.words, town.sign(said))
    with refused("NotSigned"):
        town.do(call, town.operator)
    assert town.bond() == 100


def test_entries_have_one_form(town: Town) -> None:
    odd = Entry(town.ant, 0).word | 1 << 64
    for words in ([], [odd]):
        said = town.said({town.ant: 0})
        call = town.escrow.functions.settle(1, said.batch_hash, words, town.sign(said))
        with refused("BadEntries"):
            town.do(call, town.operator)


def test_an_owner_named_twice_is_settled_by_the_first_entry(town: Town) -> None:
    town.add_bond(100)
    twice = (Entry(town.ant, 10), Entry(town.ant, 40))
    town.settle(Settlement(1, "run", twice))
    assert town.free(town.ant) == 10
    town.sums_up()


# Disputes


def test_a_silent_gateways_word_is_paid_by_its_bond(town: Town) -> None:
    town.add_bond(100)
    said = town.said({town.ant: 60, town.bee: -5, town.cat: 7}, 3)
    town.claim(said, town.ant)
    town.claim(said, town.cat, by=town.dog)
    assert (town.free(town.ant), town.free(town.cat), town.bond()) == (60, 7, 33)
    for owner in (town.ant, town.bee):
        with refused("NothingToClaim"):
            town.claim(said, owner)
    town.sums_up()


@pytest.mark.threat("C2")
def test_what_was_claimed_is_not_settled_again(town: Town) -> None:
    town.add_bond(100)
    town.deposit(town.bee, 60)
    said = town.said({town.ant: 60, town.bee: -60})
    town.claim(said, town.ant)
    town.settle(said)
    assert (town.free(town.ant), town.locked(town.bee), town.bond()) == (60, 0, 100)
    town.settle(town.said({town.ant: 80}))
    assert town.free(town.ant) == 80
    town.sums_up()


def test_a_run_that_contradicts_the_gateways_word_is_made_good_by_its_bond(town: Town) -> None:
    town.deposit(town.ant, 100)
    word = town.said({town.ant: -30})
    town.settle(town.said({town.ant: -80}))
    town.claim(word, town.ant)
    assert (town.locked(town.ant), town.free(town.ant), town.bond()) == (20, 50, 30)
    with refused("NothingToClaim"):
        town.claim(word, town.ant)
    town.sums_up()


def test_a_word_is_worth_nothing_once_a_later_one_was_settled(town: Town) -> None:
    town.deposit(town.ant, 100)
    older = town.said({town.ant: 0})
    town.settle(older)
    town.settle(town.said({town.ant: -80}))
    with refused("NothingToClaim"):
        town.claim(older, town.ant)


def test_a_bond_that_is_too_small_pays_what_it_has_and_the_rest_later(town: Town) -> None:
    said = town.said({town.ant: 60})
    with refused("BondTooSmall"):
        town.claim(said, town.ant)
    town.add_bond(20)
    town.claim(said, town.ant)
    assert town.free(town.ant) == 20
    town.add_bond(100)
    town.settle(said)
    assert (town.free(town.ant), town.bond()) == (60, 60)
    town.sums_up()


def test_a_proof_fits_its_own_entry_alone(town: Town) -> None:
    town.add_bond(1_000)
    owners = [*town.people, "0x" + "11" * 20]
    said = town.said({owner: 10 * number for number, owner in enumerate(owners, 1)})
    index, path = said.path(town.bee)
    for wrong, why in (
        ({"index": index + 1}, "NotSigned"),
        ({"index": 5}, "BadEntries"),
        ({"count": 4}, "BadEntries"),
        ({"path": path[:-1]}, "BadEntries"),
        ({"path": [*path, bytes(32)]}, "BadEntries"),
        ({"path": [bytes(32), *path[1:]]}, "NotSigned"),
        ({"entry": Entry(town.bee, 99)}, "NotSigned"),
    ):
        with refused(why):
            town.claim(said, town.bee, **wrong)
    for number, owner in enumerate(owners, 1):
        town.claim(said, owner, by=town.dog)
        assert town.free(owner) == 10 * number


# Getting out


def test_an_owner_gets_out_without_anybodys_leave(town: Town) -> None:
    town.deposit(town.ant, 100)
    with refused("NotYet"):
        town.exit(town.ant)
    town.give_notice(town.ant)
    town.settle(town.said({town.ant: -30}))
    town.node.pass_time(PERIOD - 10)
    with refused("NotYet"):
        town.exit(town.ant)
    town.give_notice(town.ant)  # does not put it off
    town.node.pass_time(10)
    town.settle(town.said({town.ant: -40}))
    assert town.locked(town.ant) == 70
    town.exit(town.ant)
    assert (town.locked(town.ant), town.free(town.ant)) == (0, 70)
    town.withdraw(town.ant, 70)
    with refused("NotYet"):
        town.exit(town.ant)
    town.deposit(town.ant, 5)
    town.settle(town.said({town.ant: -34}))
    assert town.locked(town.ant) == 1
    town.sums_up()


def test_notice_can_be_taken_back(town: Town) -> None:
    town.deposit(town.ant, 100)
    town.give_notice(town.ant)
    town.node.pass_time(PERIOD)
    town.do(town.escrow.functions.stay(), town.ant)
    with refused("NotYet"):
        town.exit(town.ant)
    town.settle(town.said({town.ant: -30}))
    assert town.locked(town.ant) == 70


def test_a_pause_holds_up_runs_and_deposits_and_nobody_who_wants_out(town: Town) -> None:
    town.add_bond(50)
    town.deposit(town.ant, 100)
    said = town.said({town.bee: 20})
    town.do(town.escrow.functions.pause(True), town.operator)
    with refused("IsPaused"):
        town.settle(said)
    with refused("IsPaused"):
        town.deposit(town.ant, 1)
    town.claim(said, town.bee)
    town.withdraw(town.bee, 20)
    town.give_notice(town.ant)
    town.node.pass_time(PERIOD)
    town.exit(town.ant)
    town.withdraw(town.ant, 100)
    town.sums_up()
    town.do(town.escrow.functions.pause(False), town.operator)
    town.deposit(town.ant, 1)


def test_nobody_takes_more_than_theirs(town: Town) -> None:
    town.deposit(town.ant, 100)
    town.add_bond(100)
    town.settle(town.said({town.bee: 20}))
    for owner, units in ((town.ant, 1), (town.bee, 21), (town.cat, 1), (town.operator, 1)):
        with refused("TooMuch"):
            town.withdraw(owner, units)
    town.sums_up()


# The operator


def test_the_operator_may_free_what_an_owner_has_locked(town: Town) -> None:
    town.deposit(town.ant, 100)
    town.do(town.escrow.functions.release(town.ant, 60), town.operator)
    assert (town.locked(town.ant), town.free(town.ant)) == (40, 60)
    with refused("TooMuch"):
        town.do(town.escrow.functions.release(town.ant, 41), town.operator)


def test_the_bond_is_taken_after_notice_and_claims_come_first(town: Town) -> None:
    town.add_bond(100)
    take = town.escrow.functions.takeBond(town.operator)
    with refused("NotYet"):
        town.do(take, town.operator)
    town.do(town.escrow.functions.askBond(90), town.operator)
    with refused("NotYet"):
        town.do(take, town.operator)
    town.claim(town.said({town.ant: 30}), town.ant)
    town.node.pass_time(PERIOD)
    before = town.tokens(town.operator)
    town.do(take, town.operator)
    assert (town.tokens(town.operator) - before, town.bond()) == (70, 0)
    with refused("NotYet"):
        town.do(take, town.operator)
    town.add_bond(100)
    town.do(town.escrow.functions.askBond(90), town.operator)
    town.node.pass_time(PERIOD)
    town.do(take, town.operator)
    assert town.bond() == 10
    town.sums_up()


def test_a_notice_for_the_bond_that_is_not_used_lapses(town: Town) -> None:
    """Asked once and kept, it would let the bond be taken at any later time without a word."""
    town.add_bond(100)
    take = town.escrow.functions.takeBond(town.operator)
    town.do(town.escrow.functions.askBond(90), town.operator)
    town.node.pass_time(2 * PERIOD)
    with refused("NotYet"):
        town.do(take, town.operator)
    town.do(town.escrow.functions.askBond(90), town.operator)
    town.node.pass_time(PERIOD)
    town.do(take, town.operator)
    assert town.bond() == 10


def test_a_new_signer_speaks_at_once_and_the_old_ones_word_holds_for_a_while(town: Town) -> None:
    town.add_bond(100)
    old, said = town.key, town.said({town.ant: 10, town.bee: 5})
    key = secrets.token_bytes(32)
    town.rotate(key)
    with refused("NotSigned"):
        town.settle(said, key=old)
    town.claim(said, town.ant, key=old)
    town.settle(said)
    assert (town.free(town.ant), town.free(town.bee)) == (10, 5)
    town.node.pass_time(PERIOD)
    with refused("NotSigned"):
        town.claim(town.said({town.ant: 20}), town.ant, key=old)
    for bad in (NOBODY, town.signer):
        with refused("BadSetting"):
            town.do(town.escrow.functions.rotate(bad), town.operator)


def test_the_operators_part_is_handed_over_by_both(town: Town) -> None:
    with refused("NotOffered"):
        town.do(town.escrow.functions.accept(), town.ant)
    town.do(town.escrow.functions.offer(town.ant), town.operator)
    town.do(town.escrow.functions.accept(), town.ant)
    with refused("NotOffered"):
        town.do(town.escrow.functions.accept(), town.ant)
    for call in (
        town.escrow.functions.release(town.ant, 1),
        town.escrow.functions.askBond(1),
        town.escrow.functions.takeBond(town.operator),
        town.escrow.functions.rotate(town.bee),
        town.escrow.functions.pause(True),
        town.escrow.functions.offer(town.operator),
    ):
        with refused("NotOperator"):
            town.do(call, town.operator)
    town.do(town.escrow.functions.pause(True), town.ant)


def test_what_can_not_be_deployed(town: Town) -> None:
    good = [town.token.address, 1, PERIOD, town.signer]
    for place, bad in ((0, town.ant), (1, 0), (1, 2**128), (2, 3_599), (2, 2_592_001), (3, NOBODY)):
        arguments = [*good[:place], bad, *good[place + 1 :]]
        with refused("BadSetting"):
            town.deploy(town.made, *arguments)


# Tokens


def test_a_deposit_is_of_something_and_bounded(town: Town) -> None:
    with refused("TooMuch"):
        town.deposit(town.ant, 0)
    town.deposit(town.ant, 2**62)
    with refused("TooMuch"):
        town.deposit(town.ant, 2**62)
    town.deposit(town.bee, 2**62 - 1)
    with refused("TooMuch"):
        town.add_bond(1)
    town.settle(town.said({town.ant: -(2**62), town.cat: 2**62}))
    town.sums_up()


def test_a_token_that_fails_fails_the_deposit(town: Town) -> None:
    town.do(town.token.functions.approve(town.escrow.address, 5), town.ant)
    with refused("TokenRefused"):
        town.deposit(town.ant, 6)
    assert town.held() == 0


def test_a_token_of_18_decimals_moves_whole_units(
    chain: Node, escrow: dict[str, Any], tokens: dict[str, Any]
) -> None:
    town = Town(chain, escrow, tokens["Plain"], unit=10**12, decimals=18)
    town.deposit(town.ant, 3_000_000_000)  # 3,000 tokens: beyond 2^63 base units
    town.settle(town.said({town.ant: -2_500_000_001, town.bee: 2_500_000_001}))
    before = town.tokens(town.bee)
    town.withdraw(town.bee, 2_500_000_001)
    assert town.tokens(town.bee) - before == 2_500_000_001 * 10**12
    town.sums_up()


def test_a_token_that_answers_nothing_serves(silent_town: Town) -> None:
    town = silent_town
    town.deposit(town.ant, 10)
    town.do(town.escrow.functions.release(town.ant, 10), town.operator)
    town.withdraw(town.ant, 10)
    town.sums_up()


def test_a_token_that_keeps_a_part_is_refused(fee_town: Town) -> None:
    with refused("NotWhole"):
        fee_town.deposit(fee_town.ant, 10)
    assert fee_town.held() == 0


def test_a_token_that_says_no_is_believed(refusing_town: Town) -> None:
    with refused("TokenRefused"):
        refusing_town.deposit(refusing_town.ant, 10)
    assert refusing_town.held() == 0


def test_a_token_that_calls_back_gains_nothing(calling_town: Town) -> None:
    town = calling_town
    inner = town.escrow.functions.deposit(town.bee, 1)._encode_transaction_data()
    town.do(town.token.functions.plant(town.escrow.address, inner), town.ant)
    town.deposit(town.ant, 10)
    assert town.read(town.token.functions.succeeded()) == [0]
    town.do(town.escrow.functions.release(town.ant, 10), town.operator)
    town.withdraw(town.ant, 4)
    assert town.read(town.token.functions.succeeded()) == [0]
    assert (town.free(town.ant), town.locked(town.bee)) == (6, 0)
    town.sums_up()
