"""The cases of the threat model: attacks and faults, what must come of each, and, where nothing
tests a case yet, what it waits for."""

from dataclasses import dataclass

GROUPS = {
    "D": "A device that is malicious or broken",
    "N": "A network, or a client of the broker, that is malicious or broken",
    "O": "A stolen or malicious operator's token",
    "C": "Crash, power, storage, concurrency",
    "T": "Clocks",
    "G": "A malicious gateway, and rails",
}


@dataclass(frozen=True)
class Case:
    """One case. `waits_for` is empty unless a part of it, or all, has no test yet."""

    id: str
    what: str
    expected: str
    waits_for: str = ""


CASES = [
    Case("D1", "One IOU, sent many times and at once", "One effect; the same answer each time"),
    Case("D2", "An IOU at or below the mark", "Answered with the current ack; nothing changes"),
    Case(
        "D3",
        "Two signed IOUs that can't both be honest",
        "Refused, kept as evidence, the channel frozen for an operator, nothing charged",
    ),
    Case(
        "D4",
        "Amounts at the limit, one above it, and what is no amount (2^63, negative, float, text)",
        "At most the limit is accepted; all else is refused by name",
    ),
    Case("D5", "IOUs out of order and with gaps", "The debt is the maximum, never a sum"),
    Case(
        "D6",
        "Keys of small order, mixed order, or in another encoding; somebody else's key",
        "Refused at registration and when verifying",
    ),
    Case(
        "D7",
        "S + L, S out of range, wrong lengths, trailing bytes, every bit flipped",
        "All refused",
    ),
    Case(
        "D8",
        "A valid signature on another channel, kind, gateway, tariff, or a reopened channel",
        "All refused, with no effect anywhere",
    ),
    Case("D9", "Publishing on another device's topic", "Refused or dropped; nothing is charged"),
    Case(
        "D10",
        "Units and amount that the tariff does not join; a tariff that changes under a channel",
        "Refused, or priced by the tariff that was signed; never repriced",
        "prices that change under an open channel (legs)",
    ),
    Case("D11", "Consumption without payment", "Cut off at the window, and no later"),
    Case(
        "D12",
        "A device that lost its state and begins at zero",
        "Taken up from what it signed itself; no new debt, no credit",
    ),
    Case(
        "D13",
        "An old flash image, or two devices with one key",
        "Never charged twice; found by contradictions, stale IOUs and take-overs; an alert",
    ),
    Case(
        "D14",
        "A flood; huge, deeply nested, malformed messages",
        "Limited by device and by size before anything is parsed; others go on",
    ),
    Case(
        "D15",
        "HTML, formulas, SQL, paths and line ends in names",
        "Escaped or refused wherever they come out",
    ),
    Case(
        "D16",
        "A close below the mark, twice, then an IOU; an id opened twice",
        "It ends at the mark; closed is final; no id is used again",
    ),
    Case(
        "D17",
        "An IOU whose XRPL claim is missing, of another amount, channel or key, or an old one",
        "Refused by name; the mark is never above what the stored claim redeems",
    ),
    Case(
        "N1",
        "Messages lost, doubled, reordered, late by hours, corrupted",
        "Always safe; after it ends, all balances are right",
    ),
    Case(
        "N2",
        "The broker is killed after its PUBACK",
        "Devices repeat until the gateway's own ack; the total is what was consumed",
    ),
    Case("N3", "The broker comes back with nothing", "Subscribed anew, devices taken up again"),
    Case("N4", "The broker's queue overflows", "No money lost, since the next IOU contains it"),
    Case(
        "N5",
        "Somebody takes the gateway's or a device's client id",
        "The broker's configuration prevents it; if it does not, an alert, nothing twice",
    ),
    Case(
        "N6",
        "Acks, resumes and receipts that are forged, replayed or sent to others",
        "They move no money",
    ),
    Case("N7", "Retained messages and wills on money topics", "Refused"),
    Case("N8", "Every role on every topic, reading and writing", "Exactly the allowed set"),
    Case(
        "N9",
        "Certificates that are expired, of another authority, revoked, of another device; no TLS",
        "No connection",
    ),
    Case("N10", "One message at two workers", "One effect"),
    Case(
        "N11",
        "Half-open connections, black holes, minutes of latency, a byte a second",
        "Time-outs; no worker stuck; other devices go on",
    ),
    Case("O1", "Every route with every kind of token", "Exactly the declared policy; else no"),
    Case("O2", "Ids of what belongs to others", "Not told whether it exists"),
    Case("O3", "Fields in a request that nobody may set", "Refused; books are written nowhere"),
    Case(
        "O4",
        "Settling twice: double click, two operators, two keys at once",
        "One run, one file, one transfer; the second is told of the first",
    ),
    Case("O5", "One Idempotency-Key for two requests", "The second is refused"),
    Case(
        "O6",
        "A payout account is changed, then settled to",
        "Two people and a waiting time; what is on its way is not touched",
        "payout accounts",
    ),
    Case(
        "O7",
        "Webhooks to addresses inside",
        "Refused when made and when sent",
    ),
    Case(
        "O8",
        "Requests from other origins, scripts in names, frames",
        "Stopped by tokens and headers",
    ),
    Case("O9", "Rows of the books changed or deleted", "Found, with the first bad one named"),
    Case(
        "O10",
        "Tokens tried one by one, or by timing",
        "Limited; compared in constant time; only hashes are kept",
    ),
    Case(
        "C1",
        "kill -9 of the gateway at every step",
        "What was acked is there; what was not is repeated, and comes out right",
    ),
    Case("C2", "kill -9 in every step of a settlement", "Nothing is paid twice"),
    Case("C3", "Power loss: what was not synced is gone", "As C1"),
    Case(
        "C4",
        "Any write, sync or rename fails; the disk is full",
        "No ack; the process ends; afterwards the totals are exact, no file half written",
    ),
    Case(
        "C5",
        "Flipped bits and cut files",
        "Found at the start; refuses to run, and says how to restore",
    ),
    Case(
        "C6",
        "A backup of hours ago is put to work",
        "Fenced until devices, rail and books agree; the lost hours come back from the devices",
    ),
    Case("C7", "A worker stopped past its lease, then continued", "Its writes are refused"),
    Case("C8", "Two gateways on one database", "One of them is refused"),
    Case("C9", "The reply to COMMIT is lost", "Repeating has no second effect"),
    Case(
        "C10",
        "PostgreSQL: deadlocks, failed serialization, outages",
        "The whole transaction is repeated, so many times; no channel ends for it",
    ),
    Case(
        "C11",
        "A device's power fails at any step of writing its journal",
        "It holds the last state or the one before, and signs no less than it has sent",
    ),
    Case("C12", "A migration is killed at each statement", "Old or new; mixed versions refused"),
    Case("C13", "Out of descriptors, threads, queue", "Back-pressure; no ack without a commit"),
    Case("C14", "Restarts at any points of a run", "The same end as without them"),
    Case(
        "T1",
        "The gateway's clock jumps",
        "No early expiry, no period settled twice, the order is the amounts'",
    ),
    Case(
        "T2",
        "A device without a clock, or with a wrong one",
        "IOUs do not depend on it; what TLS does is said",
    ),
    Case("T3", "An IOU at the edge of a period", "Each unit is in exactly one settlement"),
    Case("T4", "Two workers' clocks differ by minutes", "Leases have no time in them"),
    Case("G1", "A gateway claims more than was signed", "It has no signature to prove it"),
    Case(
        "G2",
        "A gateway settles one state twice, or an old one",
        "Only the difference is ever paid",
    ),
    Case(
        "G3",
        "A gateway denies what it received",
        "The device's receipts prove it, offline, to anyone",
    ),
    Case(
        "G4",
        "A gateway signs two receipts or statements that contradict each other",
        "`tallystick verify` proves it from the two files",
    ),
    Case(
        "G5",
        "A gateway refuses to close",
        "The signed close is evidence; on a chain the payee closes alone",
        "the chain rail",
    ),
    Case(
        "G6",
        "A chain reorganizes, sticks, or lies",
        "Back to pending; nothing is paid twice; alarms before deadlines",
    ),
    Case(
        "G7",
        "A rail takes a file twice, rejects a part, returns a payment",
        "Each line is reconciled; what comes back is a new debt, never an edit",
    ),
]
