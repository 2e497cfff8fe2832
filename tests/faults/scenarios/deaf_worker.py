"""A worker whose connection to Redis went dead unnoticed ends itself, and its successor loses nothing."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from tests.faults import world
from tests.faults.ground import steadily
from tests.faults.servers import Redis, wait_until
from tests.faults.wire import Wire

if TYPE_CHECKING:
    from tests.faults.ground import Ground

SHORT = 0.1
SECONDS, RATE = 60, 10
SWITCHES = {"MUSTER_WORKER_LOOK_SECONDS": "2"}


def play(ground: Ground, scale: float) -> str:
    ground.redis.stop()
    real = Redis(ground.ports[-1])
    real.start()
    try:
        return _play(ground, Wire(ground.redis.port, real.port), max(5, SECONDS * scale))
    finally:
        real.stop()


def _play(ground: Ground, wire: Wire, seconds: float) -> str:
    sink = ground.sink()
    project = world.project(urls=[sink.url])
    worker = ground.start("worker")
    ground.start("beat")
    world.change(project, "before")
    world.wait_until_delivered(30)
    wire.cut()
    cut = time.monotonic()

    def write(_: int) -> None:
        for count in steadily(RATE, seconds):
            world.change(project, str(count))

    writer = world.in_threads(1, write)[0]
    wait_until(lambda: not worker.is_alive, "the deaf worker ends", 120)
    ended = time.monotonic() - cut
    assert "nothing was taken" in worker.words
    ground.start("worker")
    writer.join()
    drained = world.wait_until_delivered(60)
    told, doubled = world.settle([sink], doubled_at_most=0)
    return (
        f"ended {ended:.0f} s after its wire was cut; {told} told, {doubled} doubled, drained {drained:.1f} s"
    )
