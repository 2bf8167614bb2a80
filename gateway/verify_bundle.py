"""Checks an evidence bundle offline, from the file alone: what holds, and what that proves.

Each check (`gateway.bundle_checks`) is a line of the report. One that fails leaves the others
standing, and nothing that failed is counted on.
"""

from collections.abc import Sequence

from gateway.bundle_checks import STEPS, Case, Check, Report
from gateway.verify import price_in_words
from protocol import envelope
from protocol.errors import ProtocolError, WireError
from protocol.evidence import read_bundle
from protocol.legs import prices
from protocol.messages import CLOSE, read_terms

MAX_BUNDLE = 64 * 1024 * 1024
"""Greatest bundle in bytes that is read."""


def check_bundle(encoded: bytes, given: Sequence[bytes] = ()) -> Report:
    """Check all of a bundle; `given` are public keys that whoever checks it knows to be the
    payer's or the gateway's. Never raises for bad input: the report says what is wrong."""
    report = Report()
    try:
        case = _case(encoded, tuple(given), report)
    except ProtocolError as error:
        report.checks.append(Check("file and terms", False, str(error)))
        return report
    for what, step in STEPS.items():
        try:
            found = step(case)
        except ProtocolError as error:
            report.checks.append(Check(what, False, str(error)))
        else:
            if found:
                report.checks.append(Check(what, True, found))
    if report.ok:
        _conclude(case)
    return report


def _case(encoded: bytes, given: tuple[bytes, ...], report: Report) -> Case:
    if len(encoded) > MAX_BUNDLE:
        raise WireError("evidence", f"longer than {MAX_BUNDLE} bytes")
    bundle = read_bundle(encoded)
    kind, message = bundle.said[0]
    terms = read_terms(envelope.parse_sign1(kind, message).payload)
    case = Case(
        bundle, given, report, terms, [terms.gateway_key], terms.capacity, prices(terms, [])
    )
    case.verified(kind, message, [terms.payer_key])
    if (kind == "mirror") != (terms.payer_key == terms.gateway_key):
        raise WireError("evidence.said", "only a gateway pays by a mirror, and by nothing else")
    if terms.channel_id() != bundle.channel:
        raise WireError("evidence.channel_id", "the terms are those of another channel")
    tariff = terms.tariff
    report.facts = {
        "channel": bundle.channel.hex(),
        "payer": terms.payer_key.hex(),
        "payee": terms.payee_key.hex(),
        "gateway": terms.gateway_key.hex(),
        "price": price_in_words(tariff),
        "currency": f"{tariff.currency}, scale {tariff.scale}",
        "capacity": terms.capacity,
        "expiry": terms.expiry,
    }
    report.checks.append(
        Check(
            "terms",
            True,
            f"signed by the payer: {price_in_words(tariff)}, in {tariff.currency}; "
            f"{terms.capacity} at most",
        )
    )
    return case


def _conclude(case: Case) -> None:
    report = case.report
    amount, units = case.final
    settled = case.reached - case.start
    report.facts |= {"amount": amount, "units": units, "settled": settled}
    proves, lacks = report.proves, report.does_not_prove
    if case.marks:
        proves.append(f"The payer owes {amount} atomic units in all for {units} units in all.")
    else:
        lacks.append("That anything is owed: there is no IOU.")
    if case.said("opened"):
        proves.append("The gateway accepted the terms.")
    if case.receipts:
        most = max(case.receipts, key=lambda receipt: receipt.amount)
        proves.append(
            f"The gateway had {most.amount} atomic units for {most.units} units: it can't claim "
            "that it was shown less."
        )
    closed = any(receipt.event == CLOSE for receipt in case.receipts)
    if closed:
        proves.append("The channel is closed at that, by the gateway's word.")
    elif case.said("close") or any(kind == "close" for kind, _message in case.bundle.kept):
        proves.append(
            "The payer asked to end the channel; that it was refused shows in no receipt."
        )
    if settled:
        proves.append(f"The gateway stated {settled} of it in runs that it can't change any more.")
    if case.start:
        lacks.append(f"That the first {case.start} were settled: no statement here says so.")
    lacks += [
        "That nothing was left out: a later IOU would contain the last one here.",
        "That money has moved: that is the rail's to say.",
    ]
