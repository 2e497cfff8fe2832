"""Redis is stopped for 2 minutes while people write 50 times a second: no call fails, none waits.

Afterwards what was owed is told: everything has arrived within five minutes of its return.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from django.db import connections

from logs.models import LogEntry
from notifications import dispatch
from tests import make
from tests.faults import world
from tests.faults.ground import wait_until

if TYPE_CHECKING:
    from tests.faults.ground import Ground

SHORT = 0.03
AWAY, AROUND, RATE = 120, 30, 50  # seconds away, seconds before and after, writes a second
PROJECTS = 16
SLOWER = 0.050  # seconds that the slowest of a hundred may take longer meanwhile


def play(ground: Ground, scale: float) -> str:
    away, around = max(4, AWAY * scale), max(3, AROUND * scale)
    sink = ground.sink()
    owner = make.user("owner")
    acme = make.organization("acme", owner)
    paths = []
    for number in range(PROJECTS):
        made = make.project(acme, f"web{number}")
        paths.append(f"/api/v1/repository/acme/{made.slug}")
    world.subscribe(acme, sink.url)
    token = make.token(owner)
    connections.close_all()
    for part in ("web", "worker", "beat"):
        ground.start(part)
    caller = world.Caller(ground.web, token)
    wait_until(lambda: caller.call("PUT", paths[0], {"description": "first"}) == 200, "the web part answers")

    writers = world.Writers(ground.web, token, paths, RATE)
    running = world.in_threads(1, lambda _: writers.write(around * 2 + away))[0]
    time.sleep(around)
    stopped = time.monotonic()
    ground.redis.stop()
    time.sleep(away)
    ground.redis.start()
    back = time.monotonic()
    running.join()
    world.wait_until_delivered(300)
    drained = time.monotonic() - back
    before, meanwhile = writers.slowest(until=stopped), writers.slowest(since=stopped, until=back)
    calls = writers.answers.total()
    assert set(writers.answers) == {200}, f"calls failed: {dict(writers.answers)}"
    assert LogEntry.objects.filter(kind="set_repo_description").count() == calls + 1
    told, doubled = world.settle([sink], doubled_at_most=dispatch.UNDER_WAY)
    words = f"p99 {before * 1000:.0f} ms before, {meanwhile * 1000:.0f} ms without Redis"
    if scale >= 1:
        assert meanwhile <= before + SLOWER, f"writers waited: {words}"
    return (
        f"{calls:,} writes at {RATE}/s, {away:.0f} s without Redis: 0 errors, {words}; "
        f"{told:,} delivered, {doubled} doubled, drained {drained:.0f} s after its return"
    )
