"""What people see of a device: the lamp's blinks, and when the button and restarts hold it off."""

import pytest

from firmware import status
from firmware.button import STEADY_MS, Button
from firmware.link import NO_BROKER, NO_NETWORK, REFUSED
from firmware.restarts import LONGEST_MS, held_ms
from firmware.status import TEXTS, lit


@pytest.mark.parametrize("code", sorted(TEXTS))
def test_a_code_is_as_many_blinks_and_then_a_pause(code: int) -> None:
    shown = [lit(code, now) for now in range(0, 60_000, 200)]
    text = "".join("#" if on else "." for on in shown)
    if code in (status.DELIVERING, status.RUNNING_OUT):
        pauses = {pause for pause in text.split("#") if pause}
        assert pauses == ({".."} if code == status.RUNNING_OUT else set())
        return
    groups = [group for group in text.strip(".").split("........") if group.strip(".")]
    assert {group.count("##") for group in groups[:-1]} == {code}


def test_the_numbers_are_those_of_the_guide() -> None:
    assert (NO_NETWORK, NO_BROKER, REFUSED) == (1, 2, 3)
    assert sorted(TEXTS) == list(range(11))


def test_a_press_counts_once_however_its_contact_bounces() -> None:
    button = Button()
    now = 0
    for count in range(1, 6):
        for level in (True, False, True, False, True):
            button.read(level, now)
            now += 3
        for _ in range(10):
            button.read(True, now)
            now += STEADY_MS
        assert button.stopped == bool(count % 2)
        for level in (False, True, False):
            button.read(level, now)
            now += 3
        for _ in range(10):
            button.read(False, now)
            now += STEADY_MS


def test_a_short_touch_is_no_press() -> None:
    button = Button()
    button.read(True, 0)
    button.read(True, STEADY_MS - 1)
    button.read(False, STEADY_MS)
    button.read(False, 10 * STEADY_MS)
    assert not button.stopped


def test_restarts_hold_the_load_off_longer_and_longer_up_to_an_hour() -> None:
    held = [held_ms(starts) for starts in range(1, 20)]
    assert held[:3] == [0, 0, 0]
    assert held[3:6] == [60_000, 120_000, 240_000]
    assert held == sorted(held)
    assert held[-1] == LONGEST_MS
