"""What the directory keeps at hand is bounded, and a batch never notices."""

import pytest

from gateway.ingest import directory
from protocol.hashchain import Chain
from tests.ingest.parties import Gateway

BASE = 10


@pytest.mark.parametrize("most", [1, 3, 5])
def test_a_full_directory_refuses_no_tick(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    ticking = []
    for number in range(4):
        device = gateway.device()
        channel = device.opened()
        chain = Chain(bytes([number]) * 32, 100)
        gateway.take(device.iou_with_chain(channel, BASE, chain))
        ticking.append((device, channel, chain))
    monkeypatch.setattr(directory, "MAX_CACHED", most)
    gateway.context.directory.forget()
    gateway.take(*(device.tick(channel, 5, chain.value(5)) for device, channel, chain in ticking))
    assert {gateway.mark(channel)[1] for _device, channel, _chain in ticking} == {BASE + 5}
