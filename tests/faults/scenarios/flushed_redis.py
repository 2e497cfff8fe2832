"""FLUSHALL while 6,000 deliveries flow: every message is gone, every few seconds, and nothing is lost."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from notifications import dispatch
from tests.faults import world
from tests.faults.ground import steadily

if TYPE_CHECKING:
    from tests.faults.ground import Ground

SHORT = 0.03
SECONDS, RATE, HOOKS = 120, 25, 2
PAUSE = 3  # seconds between two floods


def play(ground: Ground, scale: float) -> str:
    seconds = max(4, SECONDS * scale)
    sinks = [ground.sink() for _ in range(HOOKS)]
    project = world.project(urls=[sink.url for sink in sinks])
    ground.start("worker")
    ground.start("beat")

    def write(_: int) -> None:
        for count in steadily(RATE, seconds):
            world.change(project, str(count))

    writer, floods = world.in_threads(1, write)[0], 0
    with ground.redis.client as client:
        while writer.is_alive() or not floods:
            time.sleep(min(PAUSE, seconds / 3))
            client.flushall()
            floods += 1
    drained = world.wait_until_delivered(60)
    told, doubled = world.settle(sinks, doubled_at_most=dispatch.UNDER_WAY)
    return (
        f"{told:,} deliveries, FLUSHALL {floods} times: 0 lost, {doubled} doubled, "
        f"drained {drained:.1f} s after"
    )
