"""PostgreSQL is stopped by `stop -m immediate`, as by a crash, and started again, 5 times under writes.

What was committed stands, is told, and is told once, but for what was under way at a crash.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from django.db import Error, connections

from logs.models import LogEntry
from notifications import dispatch
from notifications.models import Delivery
from tests.faults import world
from tests.faults.ground import steadily

if TYPE_CHECKING:
    from tests.faults.ground import Ground

SHORT = 0.2
CRASHES, BETWEEN, DOWN, RATE = 5, 15, 4, 40
HOOKS = 2
SWITCHES = {"MUSTER_NOTIFICATION_LEASE_SECONDS": "5", "MUSTER_NOTIFICATION_SECONDS": "3"}


def play(ground: Ground, scale: float) -> str:
    crashes, between, down = max(1, round(CRASHES * scale)), max(2.5, BETWEEN * scale), max(1, DOWN * scale)
    sinks = [ground.sink() for _ in range(HOOKS)]
    project = world.project(urls=[sink.url for sink in sinks])
    ground.start("worker")
    ground.start("beat")
    done: list[str] = []
    unknown: list[str] = []

    def write(number: int) -> None:
        for count in steadily(RATE / 2, (between + down) * crashes + between):
            text = f"{number}/{count}"
            try:
                world.change(project, text)
                done.append(text)
            except Error:  # it may have been committed, and its answer lost
                unknown.append(text)
                connections.close_all()

    writers = world.in_threads(2, write)
    for _ in range(crashes):
        time.sleep(between)
        ground.postgres.stop("immediate")
        time.sleep(down)
        ground.postgres.start()
    for writer in writers:
        writer.join()
    connections.close_all()
    drained = world.wait_until_delivered(120)
    kept = set(
        LogEntry.objects.filter(kind="set_repo_description").values_list("metadata__description", flat=True)
    )
    assert not set(done) - kept, f"{len(set(done) - kept)} committed changes are not in the log"
    assert kept <= set(done) | set(unknown), "the log tells what nobody did"
    assert Delivery.objects.count() == len(kept) * HOOKS, "entries and deliveries do not match"
    told, doubled = world.settle(
        sinks, doubled_at_most=crashes * (dispatch.UNDER_WAY + dispatch.NOTED_AT_ONCE)
    )
    return (
        f"{len(kept):,} changes, {crashes} crashes, {len(unknown)} writes refused meanwhile: 0 lost; "
        f"{told:,} delivered, {doubled} doubled, drained {drained:.1f} s after"
    )
