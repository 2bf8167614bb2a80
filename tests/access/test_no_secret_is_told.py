"""Invariant 21: after a whole session with everything logged, each secret is in its file alone.

The session has payments, a settlement, wrong requests, failures with the key in the frames, a
crash, every command that shows something, and a backup. Then everything that came out of it is
searched for every secret, in every form in which bytes are written down.
"""

import asyncio
import base64
import hashlib
import io
import json
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote, urlsplit

import httpx2
import pyotp
import pytest
import structlog

from gateway import keys, logs
from simulator import gateway_process
from tests.e2e.stage import Stage, acked_units, running, stage, until
from tests.sizes import size

LOUD = str(Path(__file__).with_name("loud.py"))
DATABASE_PASSWORD = "only-the-database-knows-this"
WHERE_THEY_BELONG = {"gateway.key", "people.key", "webhooks.key", "broker/gateway.password"}


def forms(secret: bytes) -> Iterator[bytes]:
    """A secret in every form in which it might be written down."""
    yield secret
    yield secret.hex().encode()
    yield secret.hex().upper().encode()
    yield secret.hex(" ").encode()
    yield secret.hex(":").encode()
    for shift in range(3):
        # What stands before it shifts the digits; the ends depend on the neighbours, so off.
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            yield encode(bytes(shift) + secret).rstrip(b"=")[-(-shift * 4 // 3) + 1 : -2]
    yield repr(secret)[2:-1].encode()
    yield json.dumps(secret.decode("latin-1"))[1:-1].encode()
    yield quote(secret).encode()
    yield ", ".join(str(byte) for byte in secret).encode()
    yield secret[::-1]


def found_in(texts: dict[str, bytes], secrets: dict[str, bytes]) -> list[str]:
    """Which secrets stand where."""
    return [
        f"{name} in {where}"
        for name, secret in secrets.items()
        for form in set(forms(secret))
        for where, text in texts.items()
        if form in text
    ]


def test_the_search_finds_a_secret_in_each_form() -> None:
    secret = hashlib.sha256(b"a secret").digest()
    for form in set(forms(secret)):
        assert len(form) >= 30
    for prefix in (b"", b"x", b"xy", b"xyz"):
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            text = b"key=" + encode(prefix + secret + b"tail") + b"\n"
            assert found_in({"log": text}, {"seed": secret}) != []
    for text in (repr(secret), str(list(secret)), secret.hex()):
        assert found_in({"log": text.encode()}, {"seed": secret}) != []
    assert found_in({"log": bytes(4000)}, {"seed": secret}) == []


@pytest.fixture(params=["postgresql", "sqlite"][: size("loud_databases", 1, 2)])
def loud_stage(
    data_folder: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Stage]:
    """The product, running with everything logged."""
    if request.param == "postgresql":
        url = urlsplit(request.getfixturevalue("migrated_postgres_url"))
        host = f"{url.username}:{DATABASE_PASSWORD}@{url.hostname}:{url.port}"
        monkeypatch.setenv("TALLYSTICK_DATABASE_URL", url._replace(netloc=host).geturl())
    monkeypatch.setattr(gateway_process, "_COMMAND", (sys.executable, LOUD))
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    monkeypatch.setenv("LOUD_CRASH", "statement")
    with stage(data_folder) as built:
        yield built


class Told:
    """Everything that came out of the session, by where."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self.texts: dict[str, bytes] = {}

    def commands(self, calls: list[tuple[str, tuple[str, ...]]]) -> list[str]:
        """Run commands, each with the URL of a database or none, and keep what they say; their
        statuses."""
        data = str(self._stage.data)
        lines = [json.dumps([url, "--data", data, *words]) for url, words in calls]
        done = subprocess.run(
            [sys.executable, LOUD, "--many"],
            input="\n".join(lines),
            capture_output=True,
            text=True,
            check=True,
            timeout=200,
        )
        self.texts["commands, stdout"] = done.stdout.encode()
        self.texts["commands, stderr"] = done.stderr.encode()
        said = [line for line in done.stdout.splitlines() if line.startswith("status ")]
        assert len(said) == len(calls)
        return [line.split(":")[0].removeprefix("status ") for line in said]

    def answer(self, client: httpx2.Client, method: str, path: str, **given: object) -> int:
        """Make a request, and keep what is answered; its status."""
        answer = client.request(method, path, **given)  # type: ignore[arg-type]
        head = "".join(f"{name}: {value}\n" for name, value in answer.headers.items())
        key = f"{method} {path} {len(self.texts)}"
        self.texts[key] = head.encode() + answer.content
        return answer.status_code

    def files(self) -> None:
        """Every file of the data folder, but those whose purpose is to hold a secret."""
        for path in sorted(self._stage.data.rglob("*")):
            name = str(path.relative_to(self._stage.data))
            if path.is_file() and name not in WHERE_THEY_BELONG:
                self.texts[name] = path.read_bytes()


def _secrets(stage: Stage, tokens: dict[str, str]) -> dict[str, bytes]:
    seed = (stage.data / "gateway.key").read_bytes()
    gateway = keys.GatewayKeys(seed)
    secrets = {
        "gateway seed": seed,
        "gateway secret scalar": hashlib.sha512(seed).digest()[:32],
        "gateway agreement key": gateway._agreement,
        "gateway broker password": (stage.data / "broker" / "gateway.password")
        .read_bytes()
        .strip(),
        "database password": DATABASE_PASSWORD.encode(),
        "people's key": (stage.data / "people.key").read_bytes(),
        "webhooks' key": (stage.data / "webhooks.key").read_bytes(),
    }
    for member in stage.members:
        identity = member.device.identity
        secrets[f"{member.name} seed"] = member.board.secret
        secrets[f"{member.name} broker password"] = member.board.settings.password.encode()
        secrets[f"{member.name} MAC key"] = gateway.mac_key(identity.public_key)
        assert secrets[f"{member.name} MAC key"] == identity.mac_key(gateway.public)
    for role, token in tokens.items():
        secrets[f"{role} token"] = token.rpartition("_")[2].encode()
        secrets[f"{role} token's bytes"] = bytes.fromhex(token.rpartition("_")[2])
    return secrets


def _people(stage: Stage, told: Told) -> dict[str, bytes]:
    """Somebody comes in, and is refused in every way; what they know, have and are sent."""
    password = "nobody but I know of this horse"
    with stage.api() as api:
        link = api.post("/v1/people", {"name": "ann", "role": "admin"})["link"].rpartition("/")[2]
    with httpx2.Client(base_url=stage.gateway.url, timeout=60) as client:
        offered = client.post("/v1/welcome", json={"token": link}).json()
        code = pyotp.TOTP(offered["totp_secret"]).now()
        wrong = {"token": link, "password": password, "code": "000000"}
        assert told.answer(client, "POST", "/v1/welcome/enter", json=wrong) == 422
        entered = client.post("/v1/welcome/enter", json=wrong | {"code": code})
        entered.raise_for_status()
        assert told.answer(client, "POST", "/v1/welcome", json={"token": link}) == 403
        login = {"name": "ann", "password": password, "code": code}
        assert told.answer(client, "POST", "/v1/session", json=login) == 401
        swapped = login | {"name": password}
        assert told.answer(client, "POST", "/v1/session", json=swapped) == 401
        session = client.cookies["tallystick"]
        headers = {"X-CSRF-Token": session}
        assert told.answer(client, "DELETE", "/v1/session", headers=headers) == 403
    said = entered.json()
    codes = said["recovery_codes"]
    return {
        "password": password.encode(),
        "link": link.encode(),
        "second factor": offered["totp_secret"].encode(),
        "second factor's bytes": base64.b32decode(offered["totp_secret"]),
        "session": session.encode(),
        "session's token": said["session"]["csrf_token"].encode(),
        **{f"recovery code {number}": each.encode() for number, each in enumerate(codes)},
    }


def _webhook(stage: Stage) -> dict[str, bytes]:
    """Events go to a webhook that does not answer; what it is to know them by."""
    with stage.api() as api:
        made = api.post("/v1/webhooks", {"url": "http://127.0.0.1:9/", "loopback": True})
    secret = made["secret"].removeprefix("whsec_")
    return {"webhook secret": secret.encode(), "its bytes": base64.b64decode(secret)}


def _payments(stage: Stage) -> None:
    async def scenario() -> None:
        stage.add_busy(3)
        async with running(stage.members):
            await until(lambda: acked_units(stage) > 30, "payments flow")

    asyncio.run(scenario())


def _requests(stage: Stage, told: Told, tokens: dict[str, str]) -> None:
    """Everything that can be asked, and every way to be refused."""
    device = stage.members[0].device.identity.id
    admin = {"Authorization": f"Bearer {tokens['admin']}"}
    with httpx2.Client(base_url=stage.gateway.url, headers=admin, timeout=60) as client:
        document = client.get("/openapi.json").json()
        for path, item in document["paths"].items():
            if "get" in item and "{" not in path:
                told.answer(client, "GET", path)
        for path in ("/openapi.json", f"/v1/devices/{device}", "/v1/channels/" + "0" * 64):
            told.answer(client, "GET", path)
        # 500, in the middle of signing.
        assert told.answer(client, "POST", "/v1/settlements", json={}) == 500
        token = {"name": "x", "role": "viewer"}
        password = stage.members[0].board.settings.password
        for body in (token | {"expires": tokens["admin"]}, token | {"role": tokens["admin"]}):
            told.answer(client, "POST", "/v1/tokens", json=body)
        told.answer(client, "POST", "/v1/devices", json={"public_key": password})
        told.answer(client, "POST", "/v1/accounts", content=password.encode())
        told.answer(client, "PUT", "/v1/accounts")
        told.answer(client, "GET", "/v1/accounts?limit=" + password)
    for wrong in (tokens["admin"][:-1], tokens["admin"] + "0", "x " + tokens["admin"]):
        headers = {"Authorization": f"Bearer {wrong}"}
        with httpx2.Client(base_url=stage.gateway.url, headers=headers, timeout=60) as client:
            assert told.answer(client, "GET", "/v1/books") == 401


SHOWN: tuple[tuple[str, ...], ...] = (
    ("init",),
    ("doctor",),
    ("--json", "doctor"),
    ("account", "list"),
    ("device", "list"),
    ("--json", "device", "list"),
    ("tariff", "list"),
    ("channel", "list"),
    ("token", "list"),
    ("--json", "token", "list"),
    ("books",),
    ("settle",),
    ("--json", "settle", "list"),
    ("backup",),
    ("device", "show", "nobody"),
    ("token", "revoke", "nobody"),
)


def _commands(told: Told) -> None:
    base = f"tally:{DATABASE_PASSWORD}@"
    # No such server, no such driver, no such form: none may repeat what it was given.
    wrong = (
        f"postgresql://{base}127.0.0.1:1/nowhere?connect_timeout=2",
        f"mysql://{base}127.0.0.1/x",
        f"postgresql://{base}127.0.0.1:port/x",
        f"postgresql:/{base}127.0.0.1/x",
    )
    calls = [("", words) for words in SHOWN]
    calls += [(url, words) for url in wrong for words in (("doctor",), ("books",), ("serve",))]
    statuses = told.commands(calls)
    assert statuses[: len(SHOWN) - 2].count("0") >= len(SHOWN) - 5
    assert "0" not in statuses[len(SHOWN) :]


def _opened_backups(stage: Stage, told: Told) -> None:
    backups = list((stage.data / "backups").iterdir())
    assert backups
    for path in backups:
        with tarfile.open(fileobj=io.BytesIO(path.read_bytes())) as archive:
            for part in archive.getmembers():
                file = archive.extractfile(part)
                told.texts[f"{path.name}: {part.name}"] = b"" if file is None else file.read()


def test_no_secret_is_told_anywhere(loud_stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    stage, told = loud_stage, Told(loud_stage)
    tokens = {"admin": stage.token}
    with stage.api() as api:
        for role in ("viewer", "operator"):
            tokens[role] = api.post("/v1/tokens", {"name": role, "role": role})["token"]
    _payments(stage)
    _requests(stage, told, tokens)
    peoples = _people(stage, told) | _webhook(stage)
    _commands(told)
    # A bug in the middle of the hot path: the process ends, with a traceback.
    stage.gateway.stop()
    monkeypatch.setenv("LOUD_CRASH", "receipt,opened,offer")
    stage.gateway.restart()
    _crash(stage)
    told.files()
    _opened_backups(stage, told)
    log = told.texts["serve.log"]
    assert b"on purpose, at statement" in log
    assert log.count(b"Traceback") >= 2
    assert b'"level": "debug"' in log
    assert len(told.texts) > 40
    assert found_in(told.texts, _secrets(stage, tokens) | peoples) == []


def _crash(stage: Stage) -> None:
    for member in stage.members:
        member.switch_on_again()

    async def scenario() -> None:
        async with running(stage.members):
            await until(lambda: not stage.gateway.alive, "the gateway has ended")

    asyncio.run(scenario())


def test_what_a_secret_is_in_shows_none_of_it() -> None:
    """Nothing that holds a secret tells it when it is printed, as a debugger or a log does."""
    seed = hashlib.sha256(b"seed").digest()
    shown: list[Callable[[object], str]] = [repr, str, ascii]
    texts = {show.__name__: show(keys.GatewayKeys(seed)).encode() for show in shown}
    assert found_in(texts, {"seed": seed}) == []


@pytest.mark.parametrize("for_people", [True, False])
def test_a_logged_traceback_shows_no_variables(
    capfd: pytest.CaptureFixture[str], for_people: bool
) -> None:
    def fails(password: str) -> None:
        raise RuntimeError("on purpose")

    logs.to_stderr(for_people=for_people)
    log = structlog.get_logger("tests")
    try:
        fails(DATABASE_PASSWORD)
    except RuntimeError:
        log.exception("failed")
    said = capfd.readouterr().err
    assert "on purpose" in said
    assert "Traceback" in said
    assert DATABASE_PASSWORD not in said
