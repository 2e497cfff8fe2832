"""Two schedulers for ten slots of five seconds, one of them killed and replaced: each turn is sent once."""

from __future__ import annotations

import json
import time
from collections import Counter
from typing import TYPE_CHECKING

from jobs.models import Turn

if TYPE_CHECKING:
    from tests.faults.ground import Ground

SHORT = 0.3
SLOTS, SECONDS = 10, 5


def play(ground: Ground, scale: float) -> str:
    slots = max(3, round(SLOTS * scale))
    first, second = ground.start("beat"), ground.start("beat")
    _wait_for_turn()
    with ground.redis.client as client:
        client.flushall()  # counted from here: the middle of a slot
        began = Turn.objects.get(name="notifications").slot
        time.sleep(slots // 2 * SECONDS)
        first.kill()
        ground.start("beat")
        time.sleep((slots - slots // 2) * SECONDS)
        second.stop()
        # No worker took any: all that was sent is still there.
        keys = [key for key in client.keys("*") if client.type(key) == b"list"]
        sent = Counter(
            json.loads(one)["headers"]["task"] for key in keys for one in client.lrange(key, 0, -1)
        )
    slots = Turn.objects.get(name="notifications").slot - began
    found = sent["notifications.sweep"]
    assert found == slots, f"{found} bells for {slots} slots"
    assert sent["accounts.sweep"] <= slots * SECONDS // 60 + 1
    return f"{slots} slots, two schedulers, one of them killed and replaced: {found} turns, none twice"


def _wait_for_turn() -> None:
    last = -1
    for _ in range(600):
        now = Turn.objects.filter(name="notifications").values_list("slot", flat=True).first()
        if now is not None and last not in (-1, now):
            time.sleep(SECONDS / 2)
            return
        last = -1 if now is None else now
        time.sleep(0.1)
    raise AssertionError("no turn was ever taken")
