"""Devices that run the firmware's code, the gateway and its API, all over TLS."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
from typer.testing import CliRunner

from gateway.pki import authority
from simulator import scene
from simulator.broker import Broker as BrokerProcess
from simulator.broker import find_mosquitto, start_broker
from simulator.cli import app
from simulator.fleet import Broker, Fleet, Member, accepted_units, register
from simulator.gateway_process import GatewayProcess, tallystick, tallystick_json
from simulator.loads.sensor import Sensor
from tallystick import Api, ApiError
from tests.e2e.stage import all_paid, running, until
from tests.services import unavailable
from tests.tls.conftest import now


class House:
    """The product, set up by `tallystick pki init` alone."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.authority = data / "pki" / "ca.crt"
        self.token: str = tallystick_json(data, "init")["admin_token"]
        tallystick_json(data, "pki", "init", "--password-port", "8884")
        (data / "devices").mkdir()

    def add(self, api: Api, broker: Broker, number: int) -> Member:
        """One more device."""
        load = Sensor(interval_ms=20, burst=1, burst_every=10)
        return register(
            api,
            broker,
            scene.FLEETS[0][0],
            f"device-{number}",
            scene.READINGS,
            load,
            1,
            True,
            Random(number),
        )


@pytest.fixture
def house(data_folder: Path) -> House:
    """An installation that is not running yet."""
    if find_mosquitto() is None:
        unavailable("no Mosquitto on this machine to speak TLS with")
    return House(data_folder)


@pytest.fixture
def broker(house: House) -> Iterator[BrokerProcess]:
    """Its broker."""
    with start_broker(house.data) as started:
        yield started


@pytest.mark.threat("N9")
def test_a_fleet_pays_over_tls_by_certificate_and_by_password_until_one_is_revoked(
    house: House, broker: BrokerProcess, tmp_path: Path
) -> None:
    by_certificate = Broker(
        broker.host, broker.tls_ports[0], house.authority, house.data / "devices"
    )
    by_password = Broker(broker.host, broker.tls_ports[1], house.authority)
    stranger = tmp_path / "other.crt"
    stranger.write_bytes(authority.new_authority("other", now()).certificate_pem)

    async def scenario(api: Api) -> None:
        members = [
            house.add(api, by_certificate, 0),
            house.add(api, by_certificate, 1),
            house.add(api, by_password, 2),
        ]
        # This one expects a broker of another authority, and tells that one nothing.
        misled = house.add(api, Broker(broker.host, broker.tls_ports[1], stranger), 3)
        async with running([misled]) as lost, running(members) as fleet:
            await until(lambda: all(each.device.total > 20 for each in members), "all are served")
            await all_paid(fleet)
            units, _ = accepted_units(api, members)
            assert units == sum(each.device.total for each in members)
            revoked = members[0].device.identity.id
            assert await asyncio.to_thread(tallystick, house.data, "device", "revoke", revoked) == 0
            # Until its line is cut it may stay, and says nothing that counts; then it is out.
            await asyncio.to_thread(broker.restart)
            for each in members:
                each.board.load_ended = False
            before = [each.device.total for each in members]
            await until(
                lambda: all(
                    each.device.total > count + 20
                    for each, count in list(zip(members, before, strict=True))[1:]
                ),
                "the others pay on",
            )
            await all_paid(Fleet(members[1:]))
            assert lost.totals().open_channels == 0
        log = broker.log.read_text()
        assert "certificate revoked" in log or "certificate verify failed" in log
        assert misled.device.identity.id not in log

    with GatewayProcess(house.data, broker.tls_ports[0]) as gateway:
        with Api(gateway.url, house.token, stranger) as wrong, pytest.raises(ApiError):
            wrong.get("/v1/devices")
        with Api(gateway.url, house.token, house.authority) as api:
            scene.add_accounts(api)
            scene.add_tariffs(api)
            asyncio.run(scenario(api))
    assert tallystick(house.data, "books") == 0


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("--broker", "mqtts://127.0.0.1:8883"), "--tls-ca"),
        (("--broker", "10.0.0.1:1883"), "--insecure"),
        (("--broker", "mqtt://broker.example:1883"), "--insecure"),
        (("--broker", "127.0.0.1:1883", "--certificates", "x"), "mqtts://"),
        (("--broker", "mqtts://:8883"), "--broker"),
    ],
)
def test_simulate_asks_before_it_is_insecure(
    tmp_path: Path, words: tuple[str, ...], named: str
) -> None:
    token = tmp_path / "token"
    token.write_text("tally_x_y")
    given = ["--api", "http://127.0.0.1:1", "--token-file", str(token), *words]
    done = CliRunner().invoke(app, given)
    assert done.exit_code == 2
    assert named in done.output
