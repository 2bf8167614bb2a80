"""The rooms' walls: which package may import which. An import against an arrow fails here."""

import ast
from pathlib import Path

import pytest

from tests.micropython.modules import OFFERED, STOCK, stubbed

ROOT = Path(__file__).parents[1]
ROOMS = {"protocol", "firmware", "gateway", "tallystick", "simulator", "provision", "tests"}


def imports(file: Path) -> set[str]:
    """Full names of the modules that a file imports, wherever in it; relative ones resolved.

    Under `if TYPE_CHECKING:`, which no interpreter enters, only our own rooms count.
    """
    package = file.relative_to(ROOT).parent.parts
    tree = ast.parse(file.read_text(encoding="utf-8"))
    never_run = {
        node
        for block in ast.walk(tree)
        if isinstance(block, ast.If) and ast.unparse(block.test) == "TYPE_CHECKING"
        for statement in block.body
        for node in ast.walk(statement)
    }
    found = set()
    for node in ast.walk(tree):
        before = set(found)
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join([*above, *filter(None, [node.module])])
            found |= {f"{module}.{alias.name}" for alias in node.names}
        if node in never_run:
            found = before | {name for name in found if name.partition(".")[0] in ROOMS}
    return found


def files(room: str) -> list[Path]:
    return sorted((ROOT / room).rglob("*.py"))


def trespasses(room: str, allowed: set[str], ours_only: bool) -> list[str]:
    """Imports of a room that are not allowed; with `ours_only` other people's packages may be."""
    return [
        f"{file.relative_to(ROOT)} imports {name}"
        for file in files(room)
        for name in sorted(imports(file))
        if (top := name.partition(".")[0]) not in allowed and (not ours_only or top in ROOMS)
    ]


def test_protocol_imports_only_hashlib_and_itself() -> None:
    assert trespasses("protocol", {"protocol", "hashlib"}, ours_only=False) == []


def test_firmware_imports_only_protocol_itself_and_what_a_stock_image_has() -> None:
    allowed = {"firmware", "protocol"} | STOCK
    found = trespasses("firmware", allowed, ours_only=False)
    offered = [f"{file} imports {name}.ed25519" for name, file in OFFERED.items()]
    assert found == offered


def test_a_stock_image_has_what_the_list_says() -> None:
    assert stubbed() >= STOCK
    assert "dataclasses" not in stubbed()


def test_gateway_imports_no_room_but_protocol() -> None:
    assert trespasses("gateway", {"gateway", "protocol"}, ours_only=True) == []


def test_simulator_imports_gateway_in_its_world_alone() -> None:
    allowed = {"simulator", "firmware", "protocol", "tallystick"}
    world = ROOT / "simulator" / "world"
    inside = [
        file
        for file in trespasses("simulator", allowed, ours_only=True)
        if not (ROOT / file.partition(" ")[0]).is_relative_to(world)
        or not file.partition(" imports ")[2].startswith("gateway.")
    ]
    assert inside == []


def test_the_client_imports_no_room() -> None:
    assert trespasses("tallystick", {"tallystick"}, ours_only=True) == []


def test_provision_imports_only_what_it_puts_on_a_board() -> None:
    allowed = {"provision", "firmware", "protocol", "tallystick"}
    assert trespasses("provision", allowed, ours_only=True) == []


@pytest.mark.parametrize("room", ["ledger", "settlement/netting.py", "documents"])
def test_books_reach_no_network_database_or_clock(room: str) -> None:
    place = ROOT / "gateway" / room
    found = {
        f"{file.relative_to(ROOT)} imports {name}"
        for file in ([place] if place.is_file() else sorted(place.rglob("*.py")))
        for name in imports(file)
        if name.partition(".")[0] in {"sqlalchemy", "sqlmodel", "socket", "time", "paho", "random"}
    }
    assert found == set()
