"""A file of the audit log, as somebody checks it who trusts neither the gateway nor its program."""

from pathlib import Path

import pytest

from gateway.ledger.audit import Details, Record, file_of, head_of, link
from gateway.operations import audit as operations
from gateway.store import audit
from gateway.store.engine import open_store
from protocol import cbor
from tests.store.migrated import migrated
from tests.verify.keys import gateway_keys
from tests.verify.program import verify_command

pytestmark = pytest.mark.threat("O9")

KEY = gateway_keys().public.hex()


@pytest.fixture
def exported(tmp_path: Path) -> Path:
    """A file of three records."""
    store = open_store(migrated(tmp_path / "a.db"))
    for number in range(3):
        with store.write() as conn:
            audit.record(conn, "device.suspend", str(number), after={"status": "suspended"})
    made = operations.export(store, gateway_keys(), tmp_path / "audit.cbor")
    store.close()
    assert made.records == 3
    return made.path


def test_a_file_verifies_with_the_gateways_key_alone(exported: Path) -> None:
    found = verify_command(exported, "--key", KEY)
    assert found.returncode == 0, found.stdout
    assert "audit, verifies" in found.stdout and "records: 3" in found.stdout
    assert verify_command(exported).returncode == 1
    other = verify_command(exported, "--key", "01" * 32)
    assert other.returncode == 1 and "not signed by a key that was given" in other.stdout


def _rows(path: Path) -> tuple[dict[int, object], list[dict[int, object]]]:
    whole = cbor.decode(path.read_bytes())
    if not isinstance(whole, dict):
        raise TypeError
    return whole, whole[2]


def test_a_record_that_was_altered_is_named(exported: Path) -> None:
    whole, rows = _rows(exported)
    rows[1][2] = "nobody"
    exported.write_bytes(cbor.encode(whole))
    found = verify_command(exported, "--key", KEY)
    assert found.returncode == 1 and "audit.records.2: was altered" in found.stdout


def test_records_that_were_taken_off_are_missed(exported: Path) -> None:
    whole, rows = _rows(exported)
    del rows[2]
    exported.write_bytes(cbor.encode(whole))
    found = verify_command(exported, "--key", KEY)
    assert found.returncode == 1 and "2 are there, 3 were signed" in found.stdout


def test_a_log_that_was_written_anew_does_not_lead_to_the_signed_head(exported: Path) -> None:
    whole, _ = _rows(exported)
    made, records = bytes(32), []
    for number in range(1, 4):
        details = Details(bytes(16), "", "", "")
        record = Record(5, "nobody", "run.begin", str(number), details.committed(), details)
        made = link(made, record)
        records.append((number, record, made))
    head, signature = whole[3], whole[4]
    if not isinstance(head, bytes) or not isinstance(signature, bytes):
        raise TypeError
    exported.write_bytes(file_of(records, head, signature))
    found = verify_command(exported, "--key", KEY)
    assert found.returncode == 1 and "written anew" in found.stdout
    own = head_of(3, made, 5)
    # A signature of the gateway's, of something else.
    exported.write_bytes(file_of(records, own, gateway_keys().sign(own)))
    assert "not signed by a key" in verify_command(exported, "--key", KEY).stdout


@pytest.mark.parametrize(
    "bad", [{1: "tallystick audit 2"}, {1: "tallystick audit 2", 2: 3, 3: 4, 4: 5}]
)
def test_what_is_no_such_file_is_refused(tmp_path: Path, bad: object) -> None:
    path = tmp_path / "bad.cbor"
    path.write_bytes(cbor.encode(bad))
    found = verify_command(path, "--key", KEY)
    assert found.returncode == 1 and "audit" in found.stdout
