"""A receiver that stalls for 30 s beside healthy ones: these are told as if it were not there."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from notifications.models import Delivery
from tests.faults import world
from tests.faults.ground import steadily, wait_until

if TYPE_CHECKING:
    from projects.models import Project
    from tests.faults.ground import Ground

SHORT = 0.05
SECONDS, RATE, STALL = 60, 20, 30  # a second, in each of the healthy projects' tenants
HEALTHY = 3
SLOWER = 1.10


def play(ground: Ground, scale: float) -> str:
    seconds = max(3, SECONDS * scale)
    *sinks, fourth = [ground.sink() for _ in range(HEALTHY + 1)]
    stalled = ground.sink(stall=STALL)
    healthy = [
        world.project(f"web{number}", organization=f"org{number}", urls=[sink.url])
        for number, sink in enumerate(sinks)
    ]
    # As much is written in both rounds: what is compared is the receiver, not how busy the machine is.
    fine = world.project("fine", organization="fine", urls=[fourth.url])
    stuck = world.project("stuck", organization="stuck", urls=[stalled.url])
    tenants = [one.namespace_id for one in healthy]
    ground.start("worker")
    ground.start("beat")
    world.change(healthy[0], "first")
    wait_until(lambda: sinks[0].heard, "the worker starts")

    def round_of(projects: list[Project]) -> list[float]:
        since = time.time()

        def write(number: int) -> None:
            for count in steadily(RATE, seconds):
                world.change(projects[number], f"{count}")

        for thread in world.in_threads(len(projects), write):
            thread.join()
        mine = Delivery.objects.filter(tenant__in=tenants, due_at__isnull=False)
        wait_until(lambda: not mine.exists(), "the healthy are told")
        return world.first_attempts(since, of=tenants)

    alone = round_of([*healthy, fine])
    for count in range(40):
        world.change(stuck, f"stuck {count}")
    wait_until(lambda: stalled.heard, "the stalled one is called")
    beside = round_of([*healthy, stuck])
    p99 = [world.percentile(found, 0.99) * 1000 for found in (alone, beside)]
    assert len(alone) == len(beside), f"{len(alone)} without it, {len(beside)} beside it"
    assert not Delivery.objects.filter(tenant=stuck.namespace_id, status="done").exists()
    words = f"p99 {p99[0]:.0f} ms beside a fourth of them, {p99[1]:.0f} ms beside one that stalls"
    if scale >= 1:
        assert p99[1] <= max(p99[0] * SLOWER, p99[0] + 50), f"the others were slowed: {words}"
    assert p99[1] < max(2000, 3 * p99[0]), f"the others waited: {words}"
    came = sum(len(sink.heard) for sink in sinks)
    return f"{came:,} deliveries to {HEALTHY} healthy receivers: {words} {STALL} s"
