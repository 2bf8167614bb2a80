"""Channels from open to close, in any order that payer, operator, thief and time come up with, with
the worker restarted in between, held against a model of a few integers."""

from dataclasses import dataclass, field

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule

from gateway.ingest import upkeep
from gateway.operations import channels as channel_operations
from gateway.operations import devices as device_operations
from gateway.settlement.verify_books import verify_books
from gateway.store import channels
from gateway.store.tables import Base
from protocol import MAX_CHANNELS_PER_DEVICE, envelope
from protocol.messages import read_resume
from tests.ingest.parties import CAPACITY, PRICE, WINDOW, Party, kind_of
from tests.machines.setting import MACHINE, Folder

LIFE = 86_400


@dataclass
class Model:
    """A channel as it must be."""

    party: Party
    opening: bytes
    expiry: int
    units: int = 0
    state: str = "open"
    evidence: int = 0
    serial: int = 0
    asked_to_close: bool = False
    said: list[bytes] = field(default_factory=list)

    @property
    def amount(self) -> int:
        return self.units * PRICE.numerator


class Channels(RuleBasedStateMachine):
    """Each rule does something and knows what must be said; the invariants look at the database."""

    known = Bundle("known")

    def __init__(self) -> None:
        super().__init__()
        self.folder = Folder()
        self.gateway = self.folder.gateway()
        self.parties = [self.gateway.device(), self.gateway.device()]
        self.status = dict.fromkeys((party.id for party in self.parties), "active")
        self.models: dict[bytes, Model] = {}
        self.nonce = 0

    def teardown(self) -> None:
        found = verify_books(self.gateway.store, self.gateway.keys.public).discrepancies
        self.gateway.store.close()
        self.folder.remove()
        assert found == []

    def said(self, party: Party, kind: str, message: bytes) -> list[str]:
        """What the gateway answers: kinds, and reasons of refusals."""
        return [
            self.gateway.refusal(party, answer)[1]
            if kind_of(answer) == "refused"
            else kind_of(answer)
            for answer in self.gateway.take(party.message(kind, message))
        ]

    def is_expired(self, model: Model) -> bool:
        return self.gateway.clock.now >= model.expiry

    # The payer

    @rule(target=known, which=st.integers(0, 1))
    def open(self, which: int) -> bytes:
        party = self.parties[which]
        self.nonce += 1
        terms = party.terms(self.nonce, expiry=self.gateway.clock.now + LIFE)
        message = party.open(terms).payload
        live = [m for m in self.models.values() if m.party is party and m.state != "closed"]
        (said,) = self.said(party, "open", message)
        if self.status[party.id] != "active":
            assert said == "device_suspended"
        elif len(live) >= MAX_CHANNELS_PER_DEVICE:
            assert said == "too_many_channels"
        else:
            assert said == "opened"
            self.models[terms.channel_id()] = Model(party, message, terms.expiry)
        return terms.channel_id()

    @rule(channel=known)
    def open_again(self, channel: bytes) -> None:
        """An id is never used twice."""
        model = self.models.get(channel)
        if model is not None:
            expected = {
                "open": ["opened"],
                "frozen": ["frozen"],
                "closed": ["closed", "receipt"],
            }
            assert self.said(model.party, "open", model.opening) == expected[model.state]

    @rule(channel=known, more=st.integers(1, 400), copies=st.integers(1, 3))
    def pay(self, channel: bytes, more: int, copies: int) -> None:
        model = self.models.get(channel)
        if model is None:
            return
        units = model.units + more
        message = model.party.iou_bytes(channel, units)
        for _ in range(copies):
            self._judged(channel, model, message, units)

    def _judged(self, channel: bytes, model: Model, message: bytes, units: int) -> None:
        said = self.said(model.party, "iou", message)
        if self.status[model.party.id] == "revoked":
            assert said == ["device_suspended"]
        elif units <= model.units:
            # A repeated last IOU of a closed channel brings its receipt with it.
            assert said[0] == "ack" and set(said[1:]) <= {"receipt"}
        elif model.state == "closed":
            assert said == ["closed", "receipt"]
        elif model.state == "frozen":
            assert said == ["frozen"]
        elif self.is_expired(model):
            assert said == ["expired"]
        elif units * PRICE.numerator > CAPACITY:
            assert said == ["over_capacity"]
        else:
            assert said == ["ack"]
            model.units = units
        model.said.append(message)

    @rule(channel=known, pick=st.integers(0, 50))
    def replay(self, channel: bytes, pick: int) -> None:
        """An older message again."""
        model = self.models.get(channel)
        if model is not None and model.said:
            message = model.said[pick % len(model.said)]
            iou = message[len(message) - 64 :]
            before = (model.units, model.state)
            said = self.said(model.party, "iou", message)
            assert iou and said[0] in (
                *("ack", "closed", "frozen", "expired", "over_capacity", "device_suspended"),
            )
            now = self.gateway.mark(channel)
            if now[:2] != (model.amount, model.units):
                # It had been refused, and what stood in its way has gone: it is as good as new.
                assert before[1] == "open" and said == ["ack"] and now[1] > before[0]
                model.units = now[1]

    @rule(channel=known, less=st.integers(1, 5))
    def contradict(self, channel: bytes, less: int) -> None:
        """More money for fewer units: signed twice over."""
        model = self.models.get(channel)
        if model is None or model.units <= less:
            return
        message = model.party.iou_bytes(channel, model.units - less, model.amount)
        said = self.said(model.party, "iou", message)
        if self.status[model.party.id] == "revoked":
            assert said == ["device_suspended"]
        elif model.state == "closed":
            assert said == ["closed", "receipt"]
        elif model.state == "frozen":
            assert said == ["frozen"]
        else:
            assert said == ["conflict", "grant"]
            model.state = "frozen"
            model.evidence += 1
            model.serial += 1

    @rule(channel=known, more=st.integers(1, 9))
    def forge(self, channel: bytes, more: int) -> None:
        """The other device signs, on the payer's topic and on its own."""
        model = self.models.get(channel)
        if model is None:
            return
        thief = self.parties[model.party is self.parties[0]]
        message = thief.iou_bytes(channel, model.units + more)
        said = self.said(model.party, "iou", message)
        assert said[0] in ("bad_signature", "closed", "frozen", "expired", "device_suspended",
                           "over_capacity")  # fmt: skip
        assert self.said(thief, "iou", message)[0] in ("not_yours", "device_suspended")

    @rule(channel=known, more=st.integers(0, 50), with_iou=st.booleans())
    def close(self, channel: bytes, more: int, with_iou: bool) -> None:
        model = self.models.get(channel)
        if model is None:
            return
        units = model.units + more
        last = model.party.iou_bytes(channel, units) if with_iou and units else b""
        said = self.said(model.party, "close", model.party.close(channel, last).payload)
        raises = bool(last) and more > 0
        if last and self.status[model.party.id] == "revoked":
            assert said == ["device_suspended"]
        elif model.state == "closed":
            assert "receipt" in said
        elif model.state == "frozen":
            assert "frozen" in said
            if not raises and not model.asked_to_close:
                # The first such close is kept: it shows since when the payer wanted an end.
                model.asked_to_close = True
                model.evidence += 1
        elif raises and self.is_expired(model):
            assert said == ["expired"]
        elif raises and units * PRICE.numerator > CAPACITY:
            assert said == ["over_capacity"]
        else:
            assert said[-1] == "receipt"
            model.units = units if raises else model.units
            model.state = "closed"
            model.serial += 1

    @rule(which=st.integers(0, 1))
    def hello(self, which: int) -> None:
        """What a device is told of its channels is what is on disk."""
        party = self.parties[which]
        answers = self.gateway.take(party.hello())
        resume = read_resume(envelope.open_mac0("resume", answers[0].payload, party.mac_key))
        listed = {known.open_message for known in resume.channels}
        live = {m.opening for m in self.models.values() if m.party is party and m.state != "closed"}
        assert listed == live
        for known in resume.channels:
            assert known.limit <= max(m.units for m in self.models.values()) + WINDOW

    # The operator, time, and the machine

    @rule(channel=known)
    def operator_closes(self, channel: bytes) -> None:
        model = self.models.get(channel)
        if model is not None and model.state != "closed":
            channel_operations.close(self.gateway.store, channel)
            model.state = "closed"
            model.serial += 1

    @rule(channel=known)
    def thaw(self, channel: bytes) -> None:
        model = self.models.get(channel)
        if model is not None and model.state == "frozen":
            channel_operations.thaw(self.gateway.store, channel)
            model.state = "open"
            model.serial += 1

    @rule(which=st.integers(0, 1), revoked=st.sampled_from([False] * 7 + [True]))
    def decide_on_a_device(self, which: int, revoked: bool) -> None:
        party = self.parties[which]
        if self.status[party.id] == "revoked":
            return
        if revoked:
            device_operations._decide(self.gateway.store, party.id, "revoked")
            self.status[party.id] = "revoked"
        elif self.status[party.id] == "active":
            device_operations.suspend(self.gateway.store, party.id)
            self.status[party.id] = "suspended"
        else:
            device_operations.resume(self.gateway.store, party.id)
            self.status[party.id] = "active"
        for model in self.models.values():
            if model.party is party and model.state != "closed":
                model.serial += 1

    @rule(seconds=st.sampled_from([1, 60, LIFE // 3, LIFE]))
    def time_passes(self, seconds: int) -> None:
        self.gateway.clock.now += seconds
        if seconds == LIFE:
            upkeep.expire(self.gateway.context)
            for model in self.models.values():
                if model.state == "open" and self.is_expired(model):
                    model.state = "closed"
                    model.serial += 1

    @rule()
    def keep_house(self) -> None:
        upkeep.tell(self.gateway.context)

    @rule(whole_process=st.booleans())
    def restart(self, whole_process: bool) -> None:
        """Everything in memory is lost: the worker's, or the whole process's."""
        if whole_process:
            self.gateway.store.close()
            self.gateway.store = self.folder.store(self.gateway.clock)
        self.gateway.restart()

    # What must always be so

    @invariant()
    def the_database_is_as_the_model(self) -> None:
        with self.gateway.store.read() as conn:
            rows = {
                bytes(row.id): row for row in conn.execute(Base.metadata.tables["channel"].select())
            }
            assert rows.keys() == self.models.keys()
            for channel, model in self.models.items():
                row = rows[channel]
                assert (row.amount, row.units) == (model.amount, model.units)
                assert (row.state, row.serial) == (model.state, model.serial)
                assert row.settled_amount == (row.amount if row.state == "closed" else 0)
                assert len(channels.evidence_of(conn, channel)) == model.evidence

    @invariant()
    def what_is_posted_is_what_was_closed(self) -> None:
        with self.gateway.store.read() as conn:
            balances = {
                row.account: int(row.amount)
                for row in conn.execute(Base.metadata.tables["balance"].select())
                if row.amount
            }
        owed = sum(model.amount for model in self.models.values() if model.state == "closed")
        assert balances == ({"payer:fleet": owed, "payee:operator": -owed} if owed else {})


Channels.TestCase.settings = MACHINE


@pytest.mark.timeout(0)
@pytest.mark.threat("D1", "D2", "D3", "D5", "D9", "D16", "C14")
class TestChannels(Channels.TestCase):
    """Runs the machine."""
