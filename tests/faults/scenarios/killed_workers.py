"""The worker is killed, by `kill -9`, 50 times under 20,000 deliveries.

Nothing may be lost. What was under way at a kill is sent again with the same id, and nothing else is.
"""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING

from notifications import dispatch
from notifications.models import Delivery
from tests.faults import world

if TYPE_CHECKING:
    from tests.faults.ground import Ground
    from tests.faults.sink import Sink

SHORT = 0.02
DELIVERIES, KILLS, HOOKS = 20_000, 50, 4
SWITCHES = {"MUSTER_NOTIFICATION_LEASE_SECONDS": "5", "MUSTER_NOTIFICATION_SECONDS": "3"}


def play(ground: Ground, scale: float) -> str:
    rng = random.Random(1)
    kills, changes = max(3, round(KILLS * scale)), round(DELIVERIES * scale) // HOOKS
    sinks = [ground.sink() for _ in range(HOOKS)]
    project = world.project(urls=[sink.url for sink in sinks])
    ground.start("beat")
    worker = ground.start("worker")

    def write(number: int) -> None:
        for count in range(changes):
            world.change(project, f"{number}: {count}")

    start = time.monotonic()
    writer = world.in_threads(1, write)[0]
    expected = changes * HOOKS
    for kill in range(kills):
        # Kills are spread over the work: each comes when its share of it is done, in the thick of it.
        share = expected * (kill + rng.random()) / kills
        while sum(sink_count(sink) for sink in sinks) < share:
            assert time.monotonic() - start < 3600, f"stuck at kill {kill}"
            time.sleep(0.01)
        worker.kill()
        worker = ground.start("worker")
    writer.join()
    world.wait_until_delivered(120 + expected / 20)
    seconds = time.monotonic() - start
    assert Delivery.objects.count() == expected
    told, doubled = world.settle(sinks, doubled_at_most=kills * (dispatch.UNDER_WAY + dispatch.NOTED_AT_ONCE))
    return f"{told:,} deliveries, {kills} kills: 0 lost, {doubled} doubled, {told / seconds:.0f}/s all in all"


def sink_count(sink: Sink) -> int:
    with sink.file.open("rb") as file:
        return sum(1 for _ in file)
