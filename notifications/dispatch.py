"""Who works on what is due, and how much of it at a time: slow receivers keep nobody else waiting.

One thread of a worker, which has the *turn*, takes deliveries, makes them ready and notes what became of
them; the calls themselves are made by threads that touch no database. So many of one lane and of one tenant
are under way at a time that there is always room for others (`models.Delivery`).
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

from django.db import DatabaseError

from notifications import deliveries
from notifications.channels import Undelivered

if TYPE_CHECKING:
    from collections.abc import Callable

    from notifications.channels import Answer, Letter
    from notifications.deliveries import Waiting
    from notifications.models import Delivery

    Heard = tuple[Waiting, Delivery, Letter, Answer | Undelivered | None]

log = logging.getLogger(__name__)

UNDER_WAY = 24  # calls of one worker at a time
OF_A_LANE = 4
OF_A_TENANT = 8
SPELL_SECONDS = 20.0  # longer than any call takes: who has had the turn is gone before the next one is over
LOOK_AGAIN = 0.5  # seconds until what is due is looked at again while nothing is heard
AHEAD = 50

TURN = threading.Lock()
# Of a worker's threads, the one that has the turn and the one that had it before. All others do other work.
SLOTS = threading.BoundedSemaphore(2)
CALLS = ThreadPoolExecutor(UNDER_WAY, thread_name_prefix="delivery")


class Room:
    """How much is under way in this process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lanes: Counter[str] = Counter()
        self._tenants: Counter[int] = Counter()

    def take(self, one: Waiting) -> bool:
        """Count one more, if there is room for it."""
        with self._lock:
            fits = (
                self._lanes.total() < UNDER_WAY
                and self._lanes[one.lane] < OF_A_LANE
                and self._tenants[one.tenant] < OF_A_TENANT
            )
            if fits:
                self._lanes[one.lane] += 1
                self._tenants[one.tenant] += 1
            return fits

    def leave(self, one: Waiting) -> None:
        """Count one less."""
        with self._lock:
            self._lanes[one.lane] -= 1
            self._tenants[one.tenant] -= 1
            self._lanes, self._tenants = +self._lanes, +self._tenants

    def full(self) -> tuple[list[str], list[int]]:
        """Return the lanes and the tenants of which no more fit."""
        with self._lock:
            lanes = [lane for lane, count in self._lanes.items() if count >= OF_A_LANE]
            return lanes, [tenant for tenant, count in self._tenants.items() if count >= OF_A_TENANT]

    @property
    def is_full(self) -> bool:
        """Tell whether nothing fits any more."""
        with self._lock:
            return self._lanes.total() >= UNDER_WAY


ROOM = Room()


class Spell:
    """One turn: it takes what is due for a while, and notes what becomes of it, however long that takes."""

    def __init__(self) -> None:
        # What came back, or None: somebody rang.
        self.heard: SimpleQueue[Heard | None] = SimpleQueue()
        self.waiting: list[Waiting] = []
        self.under_way = 0
        self._looked = float("-inf")  # when nothing more was found that fits

    def work(self, delivery_id: int) -> bool:
        """Work on this delivery and what else is due until nothing is; return whether some may be left."""
        end = time.monotonic() + SPELL_SECONDS
        self.waiting = deliveries.due(1, pk=delivery_id)
        while (left := end - time.monotonic()) > 0:
            if self._start() or self._look():
                continue
            if not self.waiting and not self.under_way:
                return False
            self._listen(min(left, LOOK_AGAIN))
        return True

    def settle(self) -> None:
        """Note what is still under way as it comes back."""
        while self.under_way:
            self._listen(None)

    def _look(self) -> bool:
        """Find more; return whether there is. Not again at once while what was found waits for its like."""
        if ROOM.is_full or (self.waiting and time.monotonic() - self._looked < LOOK_AGAIN):
            return False
        lanes, tenants = ROOM.full()
        known = {one.pk for one in self.waiting}
        found = deliveries.due(AHEAD, lanes=lanes, tenants=tenants)
        more = [one for one in found if one.pk not in known]
        self.waiting += more
        self._looked = time.monotonic()
        return bool(more)

    def _start(self) -> bool:
        """Take what there is room for, and let it be sent; return whether room was left again at once."""
        fits = {one.pk: one for one in self.waiting if ROOM.take(one)}
        self.waiting = [one for one in self.waiting if one.pk not in fits]
        try:
            taken = {one.pk: one for one in deliveries.take_all(fits)} if fits else {}
            for pk in [pk for pk in fits if pk in taken]:
                if self._send(fits[pk], taken[pk]):
                    del fits[pk]
        finally:
            for one in fits.values():
                ROOM.leave(one)
        return bool(fits)

    def _send(self, one: Waiting, delivery: Delivery) -> bool:
        """Let a delivery be sent; return whether that is under way."""
        try:
            letter = deliveries.prepare(delivery)
        except Undelivered as error:
            deliveries.note(delivery, None, error)
            return False
        if letter.here:
            deliveries.note(delivery, letter, deliveries.attempt(letter))
            return False
        CALLS.submit(self._call, one, delivery, letter)
        self.under_way += 1
        return True

    def _call(self, one: Waiting, delivery: Delivery, letter: Letter) -> None:
        outcome: Answer | Undelivered | None = None
        try:
            outcome = deliveries.attempt(letter)
        except Exception:
            log.exception("Delivery %s could not be sent", delivery.uuid)
        finally:
            self.heard.put((one, delivery, letter, outcome))

    def _listen(self, seconds: float | None) -> None:
        """Wait for what comes back, note it, and what came with it."""
        try:
            heard = self.heard.get(timeout=seconds)
        except Empty:
            return
        while True:
            if heard is None:
                self._looked = float("-inf")
            else:
                self._note(*heard)
            try:
                heard = self.heard.get_nowait()
            except Empty:
                return

    def _note(
        self, one: Waiting, delivery: Delivery, letter: Letter, outcome: Answer | Undelivered | None
    ) -> None:
        self.under_way -= 1
        ROOM.leave(one)
        if outcome is None:
            return  # it is due again when its lease is over
        try:
            deliveries.note(delivery, letter, outcome)
        except DatabaseError:
            # It is sent again when its lease is over; the others that are under way shall not be.
            log.exception("Delivery %s was sent and could not be noted", delivery.uuid)


_current: list[Spell] = []


def work_off(delivery_id: int, *, go_on: Callable[[], None]) -> None:
    """Work on this delivery, then on what else is due, for a while; ``go_on`` is called if some may be left.

    While another thread has the turn, it is told that there is more to do.
    """
    if not SLOTS.acquire(blocking=False):
        return
    try:
        if not TURN.acquire(blocking=False):
            for other in _current:
                other.heard.put(None)
            return
        spell = Spell()
        try:
            _current[:] = [spell]
            try:
                left = spell.work(delivery_id)
            finally:
                _current.clear()
                TURN.release()
            if left or not spell.heard.empty():
                go_on()
        finally:
            spell.settle()
    finally:
        SLOTS.release()
