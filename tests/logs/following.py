"""Writers that commit late and readers that follow the log: what these met, beside what was committed."""

from __future__ import annotations

import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from django.db import connections, transaction

from logs import settled
from logs.models import LogEntry
from logs.settled import START, Cursor

if TYPE_CHECKING:
    from collections.abc import Iterator

KIND = "follow_test"


@contextmanager
def own_connection() -> Iterator[None]:
    """Give this thread a connection beside the pool, which has fewer than there are writers."""
    before = connections["default"]
    made = connections.create_connection("default")
    made.settings_dict = {
        **before.settings_dict,
        "OPTIONS": {key: value for key, value in before.settings_dict["OPTIONS"].items() if key != "pool"},
    }
    before.close()
    connections["default"] = made
    try:
        yield
    finally:
        made.close()
        connections["default"] = before


@dataclass
class Outcome:
    """What was committed, what each reader met, in its order, and how long it took."""

    committed: set[int] = field(default_factory=set)
    met: list[list[tuple[int, int]]] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def skipped(self) -> int:
        """Return how many entries some reader has not met."""
        return sum(len(self.committed - {pk for _, pk in one}) for one in self.met)

    @property
    def doubled(self) -> int:
        """Return how many entries some reader met again."""
        return sum(len(one) - len({pk for _, pk in one}) for one in self.met)

    @property
    def phantoms(self) -> int:
        """Return how many entries some reader met that were never committed."""
        return sum(len({pk for _, pk in one} - self.committed) for one in self.met)

    @property
    def in_order(self) -> bool:
        """Tell whether every reader met them in the order of their places."""
        return all(one == sorted(one) for one in self.met)


def follow(
    *, entries: int, writers: int = 16, readers: int = 4, pause: float = 2.0, each: int = 10, seed: int = 1
) -> Outcome:
    """Write ``entries`` in transactions of ``each`` that pause before they commit, and read all the while.

    One transaction in eight is rolled back and tried no more; what it wrote must not be met. The log must be
    empty of other entries, and nobody else may write.
    """
    outcome, over, guard = Outcome(), threading.Event(), threading.Lock()
    began = time.monotonic()

    def write(number: int) -> None:
        chance = random.Random(seed * 1000 + number)
        left = entries // writers
        with own_connection():
            while left > 0:
                count = min(each, left)
                left -= count
                transaction.set_autocommit(False)
                first = _write(count - count // 2)
                time.sleep(chance.uniform(0, pause))
                # The second half has numbers that are higher than what others wrote and committed meanwhile.
                second = _write(count // 2)
                if chance.random() < 1 / 8:
                    transaction.rollback()
                else:
                    transaction.commit()
                    with guard:
                        outcome.committed.update(first + second)
                transaction.set_autocommit(True)

    def read(_: int) -> list[tuple[int, int]]:
        met: list[tuple[int, int]] = []
        cursor = START
        with own_connection():
            while True:
                last = over.is_set()
                # Each reader takes pieces of its own size, so that they meet the edge at other places.
                found = settled.settled_after(cursor, 97 + 400 * (len(met) % 3))
                met += [(entry.xact, entry.pk) for entry in found]
                if found:
                    cursor = Cursor.of(found[-1])
                elif last:
                    return met
                else:
                    time.sleep(0.01)

    with ThreadPoolExecutor(max_workers=writers + readers) as pool:
        reading = [pool.submit(read, number) for number in range(readers)]
        writing = [pool.submit(write, number) for number in range(writers)]
        failures = [done.exception() for done in writing]
        over.set()
        outcome.met = [done.result() for done in reading]
    for failure in failures:
        if failure is not None:
            raise failure
    outcome.seconds = time.monotonic() - began
    return outcome


def _write(count: int) -> list[int]:
    rows: list[Any] = LogEntry.objects.bulk_create([LogEntry(kind=KIND) for _ in range(count)])
    return [row.pk for row in rows]
