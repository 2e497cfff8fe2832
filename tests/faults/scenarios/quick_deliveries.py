"""No fault at all: how many deliveries a worker makes, and how soon, at 100 changes a second."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from notifications.models import Delivery
from tests.faults import world
from tests.faults.ground import steadily, wait_until

if TYPE_CHECKING:
    from tests.faults.ground import Ground

SHORT = 0.05
WAITING, SECONDS, RATE, WRITERS = 6_000, 60, 100, 4
ENOUGH, SOON = 150, 2.0  # a second, and seconds


def play(ground: Ground, scale: float) -> str:
    sink = ground.sink()
    projects = [
        world.project(f"web{number}", organization=f"org{number}", urls=[sink.url])
        for number in range(WRITERS)
    ]
    world.burst(projects[0], round(WAITING * scale))
    waiting = world.left()
    ground.start("worker")
    wait_until(lambda: sink.count, "the worker starts")
    world.wait_until_delivered(600)
    came = [at for _, at in sink.heard]
    rate = (len(came) - 1) / (came[-1] - came[0])

    ground.start("beat")
    seconds = max(3, SECONDS * scale)
    since = time.time()

    def write(number: int) -> None:
        for count in steadily(RATE / WRITERS, seconds):
            world.change(projects[number], f"{count}")

    for thread in world.in_threads(WRITERS, write):
        thread.join()
    took = time.time() - since
    world.wait_until_delivered(60)
    at = {name: when for name, when in sink.heard if when >= since}
    made = Delivery.objects.filter(created_at__gte=world.moment(since)).values_list("uuid", "created_at")
    waits = [at[f"msg_{uuid.hex}"] - created.timestamp() for uuid, created in made]
    world.settle([sink], doubled_at_most=0)
    p50, p99 = world.percentile(waits, 0.5), world.percentile(waits, 0.99)
    written = len(waits) / took
    if scale >= 1:
        assert rate >= ENOUGH, f"only {rate:.0f} a second"
        assert p99 < SOON, f"first attempts p99 {p99:.2f} s after their change"
    return (
        f"{waiting:,} waiting: {rate:.0f}/s by one worker; at {written:.0f} changes a second the first "
        f"attempt comes {p50 * 1000:.0f} ms (p50), {p99 * 1000:.0f} ms (p99) after the change; "
        "0 lost, 0 doubled"
    )
