"""The broker is told that a message was taken only when it is on disk."""

from collections.abc import Iterable
from pathlib import Path

import pytest

from gateway.ingest.inbox import Received
from gateway.store import channels
from tests.broker.worker import Speaker, until, working
from tests.services import Served


@pytest.mark.threat("C1", "N2")
def test_an_open_is_on_disk_before_the_broker_may_forget_it(broker: Served, tmp_path: Path) -> None:
    with working(tmp_path, broker) as at_work:
        link = at_work.worker.link
        stored: list[int] = []
        acknowledge = link.acknowledge

        def look(messages: Iterable[Received]) -> None:
            found = list(messages)
            if any(message.mid for message in found):
                with at_work.gateway.store.read() as conn:
                    stored.append(len(channels.by_device(conn, speaker.party.id)))
            acknowledge(found)

        link.acknowledge = look  # type: ignore[method-assign]
        speaker: Speaker = at_work.speaker()
        speaker.opened()
        until(lambda: bool(stored), "the broker is told")
        assert stored == [1]
