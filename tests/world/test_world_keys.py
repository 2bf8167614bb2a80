"""Another key follows the gateway's, in stories told by hand: nothing is lost, whoever is away."""

from collections.abc import Callable

import pytest

from firmware import told
from protocol import envelope, messages, succession
from simulator.world.perform import perform
from simulator.world.run import play
from simulator.world.seeds import the_oracle
from simulator.world.story import DeviceOptions, Operation, Options, Story, TariffOptions
from simulator.world.world import World

OPTIONS = Options(
    seed=4,
    accounts=[("fleet", "EUR", 10**9), ("shop", "EUR", 10**9)],
    tariffs=[TariffOptions("W.h", 3, 2, "shop", 20, 300, 86_400)],
    devices=[DeviceOptions("fleet", 0, 1, 300) for _ in range(4)],
)
ALL_CONSUME: list[Operation] = [["consume", number, 60] for number in range(4)]
PAYING: list[Operation] = [["wait", 3_000], *ALL_CONSUME, ["wait", 200]]

STORIES: dict[str, list[Operation]] = {
    "in mid-stream": [*PAYING, ["rotate_key", 500], ["wait", 40_000]],
    "while it goes on under the old key": [*PAYING, ["rotate_key", -1], *ALL_CONSUME],
    "twice, while one is away": [
        *PAYING,
        ["partition", 2],
        ["consume", 2, 30],
        ["rotate_key", 500],
        ["wait", 5_000],
        ["rotate_key", 500],
        *ALL_CONSUME,
        ["wait", 5_000],
        ["mend", 2],
    ],
    "and the flash of one is wiped after it": [
        *PAYING,
        ["rotate_key", 500],
        ["rotate_key", 500],
        ["wait", 40_000],
        ["wipe", 1],
    ],
    "and an old flash is put back": [
        *PAYING,
        ["rotate_key", 500],
        ["wait", 40_000],
        ["put_back", 1, 3],
        ["rotate_key", 500],
    ],
    "and the old one is retired under everybody": [
        *PAYING,
        ["partition", 3],
        ["consume", 3, 30],
        ["rotate_key", 500],
        ["wait", 5_000],
        ["retire_key", 1, 500],
        *ALL_CONSUME,
        ["wait", 5_000],
        ["mend", 3],
    ],
    "and every word of it is lost, then corrupted, then doubled": [
        *PAYING,
        *[["net", "drop", number, "down", "successor", 3, 0] for number in range(4)],
        *[["net", "corrupt", number, "down", "successor", 2, 77] for number in range(4)],
        *[["net", "duplicate", number, "down", "successor", 2, 0] for number in range(4)],
        ["rotate_key", 500],
        ["rotate_key", 500],
        *ALL_CONSUME,
        ["wait", 60_000],
    ],
    "and the gateway dies with every word it says of it": [
        *PAYING,
        ["rotate_key", 500],
        *[["kill_gateway_at", "publish", after, 300] for after in range(3)],
        ["wait", 5_000],
        ["rotate_key", 300],
        ["kill_gateway_at", "before_commit", 0, 300],
        ["wait", 5_000],
    ],
    "and a power cut hits each journal that takes it up": [
        *PAYING,
        *[["cut_power", number, 0, 10 * number] for number in range(4)],
        ["rotate_key", 500],
        ["wait", 30_000],
    ],
    "and others forge and play back what they can": [
        *PAYING,
        ["rotate_key", 500],
        *[["forge", number, "foreign_key"] for number in range(4)],
        ["wait", 5_000],
        *[["replay", back, number, "successor", 0] for back in (1, 5, 9) for number in range(4)],
        ["rotate_key", 500],
        *[["replay", back, number, "", 0] for back in range(12) for number in range(4)],
    ],
}


@pytest.mark.threat("D12", "N6", "C1")
@pytest.mark.parametrize("name", STORIES)
def test_another_key_follows(name: str) -> None:
    outcome = play(Story(OPTIONS, STORIES[name]), the_oracle())
    assert outcome.ok, outcome.failure
    assert outcome.faults["key_rotated"] >= 1


def test_every_channel_of_the_old_key_comes_to_its_end_and_the_key_can_be_retired() -> None:
    """Each device consumes until its channel is full: those that follow are under the new key."""
    with World(OPTIONS, the_oracle()) as world:
        for operation in (*PAYING, ["rotate_key", 500], ["wait", 30_000]):
            perform(world, operation)
        assert not world.operator.retire_key(all_the_same=False)
        for _ in range(6):
            for operation in (*ALL_CONSUME, ["wait", 60_000]):
                perform(world, operation)
        assert world.operator.retire_key(all_the_same=False)
        assert [device.delivered for device in world.devices] == [60 * 7] * 4


def _anybody(monkeypatch: pytest.MonkeyPatch) -> None:
    def unchecked(_line: object, message: bytes, _verify: object) -> bytes:
        payload = envelope.parse_sign1("successor", message).payload
        return messages.read_successor(payload).key

    monkeypatch.setattr(succession, "next_key", unchecked)


def _deaf(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(told.HANDLERS, "successor")


@pytest.mark.parametrize("spoil", [_anybody, _deaf])
def test_a_device_that_believes_anybody_or_nobody_is_found(
    monkeypatch: pytest.MonkeyPatch, spoil: Callable[[pytest.MonkeyPatch], None]
) -> None:
    spoil(monkeypatch)
    forged: list[Operation] = [["forge", number, "foreign_key"] for number in range(4)]
    story = [*PAYING, ["rotate_key", 500], ["wait", 60_000], *forged, ["wait", 40_000]]
    assert not play(Story(OPTIONS, story), the_oracle()).ok
