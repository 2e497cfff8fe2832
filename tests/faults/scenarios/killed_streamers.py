"""The worker is killed, by `kill -9`, 30 times under three streams of the log, while writers commit late.

Each entry arrives at each stream that it belongs to, in the order of the log. What was under way at a kill is
sent again as it was, under the same id, before anything else; nothing else comes twice.
"""

from __future__ import annotations

import random
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.utils import timezone

from core.bell import ring
from logs import settled
from logs.models import LogEntry
from logs.settled import Cursor
from streams import services, tasks
from streams.models import Stream
from tests import make
from tests.faults import world
from tests.faults.ground import wait_until

if TYPE_CHECKING:
    from accounts.models import Namespace
    from tests.faults.ground import Ground
    from tests.faults.sink import Sink

SHORT = 0.1
ENTRIES, KILLS, WRITERS, AT_ONCE, PAUSE = 8_000, 30, 4, 5, 0.1
# Small batches, so that there is always one to kill under.
SWITCHES = {"MUSTER_STREAM_BATCH_ROWS": "20", "MUSTER_NOTIFICATION_SECONDS": "3"}


@dataclass
class Told:
    """A stream, and who is told by it."""

    namespace: Namespace | None
    sink: Sink
    stream: Stream
    start: Cursor

    @property
    def wanted(self) -> list[int]:
        """The entries that it is to send, in the order of the log."""
        rows = settled.after(self.start, LogEntry.objects.all())
        rows = rows if self.namespace is None else rows.filter(namespace=self.namespace)
        return list(settled.in_order(rows).values_list("pk", flat=True))


def play(ground: Ground, scale: float) -> str:
    rng = random.Random(6)
    kills, turns = max(3, round(KILLS * scale)), max(20, round(ENTRIES * scale / WRITERS / AT_ONCE))
    projects = [world.project(f"web{number}", organization=f"org{number}") for number in range(2)]
    told = [_begin(ground, space) for space in (*(one.namespace for one in projects), None)]
    ground.start("beat")
    worker = ground.start("worker")

    def write(number: int) -> None:
        chance = random.Random(number)
        for turn in range(turns):
            project = projects[(number + turn) % len(projects)]
            with transaction.atomic():
                world.tell(project, AT_ONCE)
                time.sleep(chance.random() * PAUSE)  # others that began later commit before

    start = time.monotonic()
    writers = world.in_threads(WRITERS, write)
    expected = turns * WRITERS * AT_ONCE  # of the instance; organizations hear of their half
    for kill in range(kills):
        share = expected * (kill + rng.random()) / kills
        _wait_for(told[-1].sink, share / 20, f"stuck at kill {kill}")
        time.sleep(rng.random() * 0.05)
        worker.kill()
        if kill < kills - 1 or scale < 0.5:
            # As if its leases were over, for which the last kill at length is waited.
            Stream.objects.exclude(claim=None).update(due_at=timezone.now())
        worker = ground.start("worker")
        ring(tasks.work)
    for writer in writers:
        writer.join()
    wait_until(lambda: all(map(_is_over, told)), "all is sent", 180)
    seconds = time.monotonic() - start
    doubled = sum(map(_check, told))
    assert doubled <= kills * len(told), f"{doubled} batches came twice after {kills} kills"
    count = len(told[-1].wanted)
    batches = sum(len(one.sink.heard) for one in told)
    return (
        f"{count:,} entries by {len(told)} streams in {batches:,} batches, {kills} kills: 0 lost, "
        f"0 out of order, {doubled} batches again under their ids, {count / seconds:.0f} entries/s all in all"
    )


def _begin(ground: Ground, namespace: Namespace | None) -> Told:
    sink = ground.sink(keeps_bodies=True)
    stream, _ = services.create_stream(
        actor=make.SYSTEM, namespace=namespace, method="webhook", config={"url": sink.url}
    )
    return Told(namespace, sink, stream, Cursor(stream.xact, stream.entry))


def _wait_for(sink: Sink, batches: float, words: str) -> None:
    end = time.monotonic() + 300
    while len(sink.heard) < batches:
        assert time.monotonic() < end, words
        time.sleep(0.01)


def _is_over(one: Told) -> bool:
    """Tell whether the stream rests behind the last entry that it is to send."""
    row = Stream.objects.get(pk=one.stream.pk)
    last = settled.head()
    time.sleep(0.1)
    return row.due_at is None and Cursor(row.xact, row.entry) >= last


def _check(one: Told) -> int:
    """Hold what arrived against the log; return how many batches came again."""
    known: dict[str, Any] = {}
    heard: list[int] = []
    latest, doubled = "", 0
    at = one.start
    for name, body in one.sink.bodies:
        data = body["data"]
        if name in known:
            assert known[name] == data, f"{name} came again and is another"
            assert name == latest, f"{name} came again behind later ones"
            doubled += 1
            continue
        after = Cursor.read(data["after"])
        assert after >= at, f"{name} begins before the batch before it has ended"
        known[name], latest, at = data, name, Cursor.read(data["cursor"])
        heard += [entry["id"] for entry in data["entries"]]
    wanted = one.wanted
    lost, strange = set(wanted) - set(heard), set(heard) - set(wanted)
    assert not lost, f"{len(lost)} of {len(wanted)} entries never arrived"
    assert not strange, f"{len(strange)} arrived that are not its own"
    assert heard == wanted, "not in the order of the log, or twice under two ids"
    row = Stream.objects.get(pk=one.stream.pk)
    assert row.sent_entries == len(wanted), f"{row.sent_entries} counted as sent, of {len(wanted)}"
    return doubled
