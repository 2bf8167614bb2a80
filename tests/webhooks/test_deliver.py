"""Events on their way to other programs: signed, at least once, and no further than allowed."""

import base64
import json
import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Row
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from gateway.operations import webhooks
from gateway.operations.errors import BadInput
from gateway.pki import folder
from gateway.store import audit, events
from gateway.store import webhooks as stored_webhooks
from gateway.store.engine import Store, open_store
from gateway.store.errors import NotFound
from gateway.webhooks import deliver, signature
from gateway.webhooks.deliver import Deliverer
from tests.store.migrated import migrated
from tests.webhooks.receiver import Receiver, receiving

START = 1_800_000_000
KEY = b"\x05" * 32


class Clock:
    """Unix seconds that only a test moves."""

    def __init__(self) -> None:
        self.now = int(datetime.now(UTC).timestamp())

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def clock() -> Clock:
    """Begins now, since whoever checks a signature goes by the time it is."""
    return Clock()


@pytest.fixture
def store(tmp_path: Path, clock: Clock) -> Iterator[Store]:
    """A database with that clock."""
    opened = open_store(migrated(tmp_path / "a.db"), clock=clock)
    yield opened
    opened.close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A server on this machine."""
    with receiving() as found:
        yield found


def _happen(store: Store, *kinds: str) -> None:
    for kind in kinds:
        with store.write() as conn:
            events.note(conn, kind, "fleet", "fleet", free="5")


def _hook(store: Store, receiver: Receiver, *kinds: str) -> tuple[Row[Any], str]:
    url = f"http://127.0.0.1:{receiver.port}/hook?x=1"
    return webhooks.add(store, KEY, url, kinds, loopback=True)


def _deliver(store: Store, **more: Any) -> None:
    deliverer = Deliverer(store, more.pop("key", KEY), chance=lambda: 0.5, **more)
    while deliverer.step():
        pass


def _states(store: Store, id_: str) -> list[tuple[int, str, int]]:
    page = webhooks.deliveries(store, id_)
    return [(row.event_id, row.state, row.attempts) for row in reversed(page.items)]


def test_an_event_is_sent_signed_as_the_convention_says(store: Store, receiver: Receiver) -> None:
    _happen(store, "account.low_funds")
    hook, secret = _hook(store, receiver)
    _happen(store, "account.low_funds", "rail.failed")
    _deliver(store)
    assert len(receiver.got) == 2
    headers, body = receiver.got[0]
    said = Webhook(secret).verify(body, headers)
    assert said["type"] == "account.low_funds"
    assert said["data"] == {
        "id": 2,
        "level": "warning",
        "subject": "fleet",
        "account_id": "fleet",
        "free": "5",
    }
    assert headers["webhook-id"] == "event-2"
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(body.replace(b"fleet", b"other"), headers)
    assert _states(store, hook.id) == [(2, "delivered", 1), (3, "delivered", 1)]


def test_only_the_kinds_that_are_wanted_are_sent(store: Store, receiver: Receiver) -> None:
    _hook(store, receiver, "rail.failed")
    _happen(store, "account.low_funds", "rail.failed", "rail.recovered")
    _deliver(store)
    assert [json.loads(body)["type"] for _headers, body in receiver.got] == ["rail.failed"]


def test_what_was_not_taken_is_sent_again_ever_less_often(
    store: Store, receiver: Receiver, clock: Clock
) -> None:
    hook, _secret = _hook(store, receiver)
    _happen(store, "rail.failed")
    receiver.answers[:] = [500, 503, 404]
    for pause in (5, 10, 20):
        _deliver(store)
        count = len(receiver.got)
        clock.now += pause - 1
        _deliver(store)
        assert len(receiver.got) == count
        clock.now += 1
    _deliver(store)
    assert _states(store, hook.id) == [(1, "delivered", 4)]
    assert len({headers["webhook-id"] for headers, _body in receiver.got}) == 1


def test_an_event_that_is_not_taken_holds_up_no_later_one(store: Store, receiver: Receiver) -> None:
    hook, _secret = _hook(store, receiver)
    _happen(store, "rail.failed")
    receiver.answers[:] = [500]
    _deliver(store)
    _happen(store, "rail.recovered")
    _deliver(store)
    assert _states(store, hook.id) == [(1, "waiting", 1), (2, "delivered", 1)]


def test_a_process_that_ends_before_it_noted_the_answer_sends_again(
    store: Store, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    hook, _secret = _hook(store, receiver)
    _happen(store, "rail.failed")

    def ends(*_args: object, **_more: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Deliverer, "_note", ends)
        with pytest.raises(KeyboardInterrupt):
            _deliver(store)
    _deliver(store)
    assert len(receiver.got) == 2 and _states(store, hook.id) == [(1, "delivered", 1)]


def test_one_that_takes_nothing_for_days_is_disabled_and_that_is_an_event(
    store: Store, receiver: Receiver, clock: Clock
) -> None:
    hook, _secret = _hook(store, receiver)
    _happen(store, "rail.failed")
    receiver.answers[:] = [500] * 40
    while webhooks.listed(store)[0].state == "enabled":
        _deliver(store)
        clock.now += deliver.LONGEST_PAUSE_S
        assert len(receiver.got) < 40
    with store.read() as conn:
        (told,) = events.page(conn, kind="webhook.disabled")
    assert (told.subject, told.level) == (hook.id, "action")
    count = len(receiver.got)
    clock.now += deliver.LONGEST_PAUSE_S
    _deliver(store)
    assert len(receiver.got) == count
    receiver.answers.clear()
    webhooks.enable(store, hook.id)
    _deliver(store)
    kinds = [json.loads(body)["type"] for _headers, body in receiver.got[count:]]
    assert kinds == ["rail.failed", "webhook.disabled"]


def test_one_that_is_gone_is_disabled_at_once(store: Store, receiver: Receiver) -> None:
    _hook(store, receiver)
    _happen(store, "rail.failed")
    receiver.answers[:] = [410]
    _deliver(store)
    assert webhooks.listed(store)[0].state == "disabled"


def test_events_are_sent_again_when_asked_for(store: Store, receiver: Receiver) -> None:
    hook, _secret = _hook(store, receiver, "rail.failed")
    _happen(store, "rail.failed", "rail.recovered", "rail.failed", "rail.failed")
    _deliver(store)
    assert webhooks.replay(store, hook.id, 1, 3) == 2
    _deliver(store)
    ids = [headers["webhook-id"] for headers, _body in receiver.got]
    assert sorted(ids) == ["event-1", "event-1", "event-3", "event-3", "event-4"]
    for first, last in ((0, 1), (2, 1), (1, 1_001)):
        with pytest.raises(BadInput):
            webhooks.replay(store, hook.id, first, last)
    with pytest.raises(NotFound):
        webhooks.replay(store, "0" * 12, 1, 1)


def test_after_a_rotation_both_secrets_are_good_for_a_day(
    store: Store, receiver: Receiver, clock: Clock
) -> None:
    hook, old = _hook(store, receiver)
    _row, new = webhooks.rotate(store, KEY, hook.id)
    _happen(store, "rail.failed")
    _deliver(store)
    headers, body = receiver.got[0]
    for secret in (old, new):
        Webhook(secret).verify(body, headers)
    clock.now += webhooks.OVERLAP_S
    _happen(store, "rail.failed")
    _deliver(store)
    headers, _body = receiver.got[1]
    assert len(headers["webhook-signature"].split()) == 1


def test_a_secret_is_told_once_and_stands_in_no_record(store: Store, receiver: Receiver) -> None:
    hook, secret = _hook(store, receiver)
    _row, other = webhooks.rotate(store, KEY, hook.id)
    with store.read() as conn:
        told = [f"{record}" for _number, record, _hash in audit.records(conn)]
    assert len(told) == 2
    assert not any(each in line for line in told for each in (secret, other))


def test_a_secret_stands_nowhere_in_the_database_as_it_is(
    store: Store, receiver: Receiver, tmp_path: Path
) -> None:
    hook, secret = _hook(store, receiver)
    _row, other = webhooks.rotate(store, KEY, hook.id)
    _happen(store, "rail.failed")
    _deliver(store)
    stored = b"".join(each.read_bytes() for each in tmp_path.glob("a.db*"))
    for each in (secret, other):
        bare = each.removeprefix(signature.PREFIX)
        assert bare.encode() not in stored
        assert base64.b64decode(bare) not in stored


def test_a_secret_under_another_key_sends_nothing_until_it_is_rotated(
    store: Store, receiver: Receiver, clock: Clock
) -> None:
    hook, _secret = _hook(store, receiver)
    _happen(store, "rail.failed")
    other = b"\x06" * 32
    with store.read() as conn:
        assert webhooks.unreadable(conn, KEY) == []
        assert webhooks.unreadable(conn, other) == [hook.id]
    _deliver(store, key=other)
    assert receiver.got == [] and _states(store, hook.id) == [(1, "waiting", 1)]
    (said,) = [row.said for row in webhooks.deliveries(store, hook.id).items]
    assert "rotate it" in said
    row, new = webhooks.rotate(store, other, hook.id)
    assert (row.old_sealed, row.old_until) == (None, None)
    clock.now += 60
    _deliver(store, key=other)
    headers, body = receiver.got[0]
    Webhook(new).verify(body, headers)
    assert len(headers["webhook-signature"].split()) == 1


def test_a_secret_is_of_no_use_to_another_webhook(store: Store, receiver: Receiver) -> None:
    first, _ = _hook(store, receiver)
    second, _ = _hook(store, receiver)
    with store.write() as conn:
        stored_webhooks.change(conn, second.id, sealed=first.sealed)
        assert webhooks.unreadable(conn, KEY) == [second.id]


@pytest.mark.threat("O7")
def test_o7_a_name_that_changes_after_it_was_looked_at_leads_nowhere_else(
    store: Store, receiver: Receiver
) -> None:
    """DNS rebinding: public when it is made, the gateway's own machine when it is sent."""
    said = ["93.184.215.14"]
    hook, _secret = webhooks.add(store, KEY, "https://example.com/", resolve=lambda _h, _p: said)
    _happen(store, "rail.failed")
    said[:] = ["127.0.0.1"]
    asked: list[str] = []

    def resolve(host: str, _port: int) -> list[str]:
        asked.append(host)
        return list(said)

    _deliver(store, resolve=resolve)
    (row,) = webhooks.deliveries(store, hook.id).items
    assert row.said == "example.com is at 127.0.0.1, which is not a public address"
    assert (asked, receiver.got) == (["example.com"], [])


@pytest.mark.threat("O7")
def test_o7_what_is_connected_to_is_the_address_that_was_looked_at(
    store: Store, receiver: Receiver
) -> None:
    """The name itself would lead elsewhere, or nowhere."""
    url = f"http://no-such-name.invalid:{receiver.port}/"
    _row, _secret = webhooks.add(
        store, KEY, url, loopback=True, resolve=lambda _host, _port: ["127.0.0.1"]
    )
    _happen(store, "rail.failed")
    _deliver(store, resolve=lambda _host, _port: ["127.0.0.1"])
    ((headers, _body),) = receiver.got
    assert headers["host"] == f"no-such-name.invalid:{receiver.port}"


@pytest.mark.threat("O7")
def test_o7_a_redirect_is_not_followed(store: Store, receiver: Receiver) -> None:
    with receiving() as inside:
        hook, _secret = _hook(store, receiver)
        receiver.answers[:] = [307]
        receiver.headers["Location"] = f"http://127.0.0.1:{inside.port}/"
        _happen(store, "rail.failed")
        _deliver(store)
        assert inside.got == []
        assert _states(store, hook.id) == [(1, "waiting", 1)]
        assert webhooks.deliveries(store, hook.id).items[0].said == "answered 307"


@pytest.mark.threat("O7")
def test_o7_an_answer_that_drips_is_cut_off(store: Store, receiver: Receiver) -> None:
    hook, _secret = _hook(store, receiver)
    receiver.slow = threading.Event()
    _happen(store, "rail.failed")
    _deliver(store, total=0.3)
    assert webhooks.deliveries(store, hook.id).items[0].said == "took longer than 0.3 s"


def test_https_is_spoken_with_the_certificate_of_the_name(store: Store, tmp_path: Path) -> None:
    now = datetime.now(UTC)
    pki = folder.create(tmp_path, "test", now, ["localhost"])
    pki.servers(["localhost"], 30, now)
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(pki.folder / "api.crt", pki.folder / "api.key")
    trusting = ssl.create_default_context(cafile=pki.folder / "ca.crt")
    with receiving(serving) as receiver:
        good, _ = webhooks.add(store, KEY, f"https://localhost:{receiver.port}/", loopback=True)
        bad, _ = webhooks.add(
            store,
            KEY,
            f"https://other.test:{receiver.port}/",
            loopback=True,
            resolve=lambda _host, _port: ["127.0.0.1"],
        )
        _happen(store, "rail.failed")
        _deliver(store, context=trusting, resolve=lambda _host, _port: ["127.0.0.1"])
        assert _states(store, good.id) == [(1, "delivered", 1)]
        assert "certificate is not good" in webhooks.deliveries(store, bad.id).items[0].said
        _happen(store, "rail.failed")
        _deliver(store, resolve=lambda _host, _port: ["127.0.0.1"])
        assert len(receiver.got) == 1


@pytest.mark.threat("O7")
@pytest.mark.parametrize(
    "url", ["https://127.0.0.1/", "https://169.254.169.254/", "http://x.test/"]
)
def test_o7_a_url_into_the_house_is_refused_when_it_is_given(store: Store, url: str) -> None:
    with pytest.raises(BadInput, match="url"):
        webhooks.add(store, KEY, url)
    with pytest.raises(BadInput, match="kinds"):
        webhooks.add(store, KEY, "http://127.0.0.1/", ["rail.eaten"], loopback=True)
    assert webhooks.listed(store) == []
