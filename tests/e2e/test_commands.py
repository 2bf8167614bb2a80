"""The commands of the README, run as their readers run them."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.e2e.stage import stage

pytestmark = pytest.mark.timeout(300)

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
    assert "not for real use" in done.stdout


def test_ctrl_c_ends_the_demo_and_all_that_it_started(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with subprocess.Popen(
        [*_PROGRAM, "demo", "--keep", "--devices", "4", "--seconds", "2", "--data", str(data)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as child:
        assert child.stdout is not None
        for line in child.stdout:
            if "Ctrl-C ends it all" in line:
                break
        child.send_signal(signal.SIGINT)
        said = child.stdout.read()
        assert child.wait(60) == 130, said
    deadline = time.monotonic() + 20
    while _alive(data) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert _alive(data) == []


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


def test_a_recorded_day_settles_to_the_watt_hour_and_the_micro_euro(
    data_folder: Path, tmp_path: Path
) -> None:
    recorded = tmp_path / "sessions.csv"
    recorded.write_text(_CSV)
    with stage(data_folder) as built:
        token = tmp_path / "token"
        token.write_text(built.token)
        words = ["simulate", "--json", "--api", built.gateway.url, "--token-file", str(token)]
        words += ["--broker", f"{built.broker.host}:{built.broker.port}"]
        words += ["--sessions", str(recorded), "--day", "2018-10-08", "--speed", "9000"]
        done = subprocess.run(
            [*_PROGRAM, *words], capture_output=True, text=True, check=False, timeout=240
        )
        assert done.returncode == 0, done.stderr
        result = json.loads(done.stdout)
        assert built.command("books") == 0
    wh = 6317 + 22_840 + 500 + 1001
    assert result["energy_in_the_file_wh"] == result["energy_settled_wh"] == wh
    assert result["money_by_the_tariff"] == result["money_settled"] == wh * 300
