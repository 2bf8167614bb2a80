"""All fuzz targets by name."""

from tests.fuzz import differential, files, firmware_inputs, hostile_gateway, hot_path, wire
from tests.fuzz.target import Target

TARGETS: dict[str, Target] = {
    each.name: each
    for each in (
        *wire.TARGETS,
        *files.TARGETS,
        *firmware_inputs.TARGETS,
        *hostile_gateway.TARGETS,
        *differential.TARGETS,
        *hot_path.TARGETS,
    )
}
