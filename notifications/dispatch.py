"""Who works on what is due, and how much of it at a time: slow receivers keep nobody else waiting.

One thread of a worker, which has the *turn*, takes deliveries, makes them ready and notes what became of
them; the calls themselves are made by threads that touch no database. So many of one lane and of one tenant
are under way at a time that there is always room for others (`models.Delivery`).

Of receivers that answer quickly some more are taken ahead, many with one query, so that the next call begins
the moment the one before it is over; and what was delivered is noted many at a time.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter, deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import DatabaseError

from notifications import deliveries
from notifications.channels import Answer, Undelivered

if TYPE_CHECKING:
    from collections.abc import Callable

    from notifications.channels import Letter
    from notifications.deliveries import Waiting
    from notifications.models import Delivery

    Heard = tuple["Taken", Letter | None, Answer | Undelivered | None]

log = logging.getLogger(__name__)

UNDER_WAY = 24  # calls of one worker at a time
OF_A_LANE = 4
OF_A_TENANT = 8
SPELL_SECONDS = 20.0  # longer than any call takes: who has had the turn is gone before the next one is over
LOOK_AGAIN = 0.5  # seconds until what is due is looked at again while nothing is heard
AHEAD = 100  # that are known to be due
TAKEN_AHEAD = 16  # of a lane whose calls are quick, beside those under way
TAKEN_AGAIN = 4  # as few are left of them when more are taken
QUICK_SECONDS = 0.25
NOTED_AT_ONCE = 32
NOTED_AFTER = 0.05  # seconds: what is done waits no longer than this for its like

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


@dataclass(frozen=True)
class Taken:
    """A delivery that is ours for the length of a lease, and when it was taken."""

    one: Waiting
    delivery: Delivery
    at: float


class Spell:
    """One turn: it takes what is due for a while, and notes what becomes of it, however long that takes."""

    def __init__(self) -> None:
        # What came back, or None: somebody rang.
        self.heard: SimpleQueue[Heard | None] = SimpleQueue()
        self.waiting: list[Waiting] = []
        self.ahead: dict[str, deque[Taken]] = {}  # taken, by lane, and not yet sent
        self.over: list[Heard] = []  # came back, and is not yet noted
        self.under_way = 0
        self._quick: set[str] = set()  # lanes whose latest call was
        self._swift: set[int] = set()  # and tenants
        self._looked = float("-inf")  # when nothing more was found that fits
        self._noted = time.monotonic()

    def work(self, delivery_id: int) -> bool:
        """Work on this delivery and what else is due until nothing is; return whether some may be left."""
        end = time.monotonic() + SPELL_SECONDS
        self.waiting = deliveries.due(1, pk=delivery_id)
        try:
            while (left := end - time.monotonic()) > 0:
                self._send_ahead()
                self._note_if_worth_it()
                if self._start() or self._look():
                    continue
                if not (self.waiting or self.ahead or self.under_way):
                    return False
                self._listen(min(left, NOTED_AFTER if self.over else LOOK_AGAIN))
        finally:
            self._give_back(time.monotonic())
        return True

    def settle(self) -> None:
        """Note what is still under way as it comes back."""
        while self.under_way or self.over:
            if self.under_way:
                self._listen(NOTED_AFTER if self.over else None)
            self._note_if_worth_it()

    # Taking ----------------------------------------------------------------------------------------------

    def _look(self) -> bool:
        """Find more; return whether there is. Not again at once while what was found waits for its like."""
        if ROOM.is_full or (self.waiting and time.monotonic() - self._looked < LOOK_AGAIN):
            return False
        lanes, tenants = ROOM.full()
        lanes = [lane for lane in lanes if not self._wants_more(lane)]
        tenants = [tenant for tenant in tenants if tenant not in self._swift]
        known = {one.pk for one in self.waiting}
        found = deliveries.due(AHEAD, lanes=lanes, tenants=tenants)
        more = [one for one in found if one.pk not in known]
        self.waiting += more
        self._looked = time.monotonic()
        return bool(more)

    def _wants_more(self, lane: str) -> bool:
        """Tell whether some of a lane may be taken ahead: as few are left that it is worth a query."""
        return lane in self._quick and len(self.ahead.get(lane, ())) <= TAKEN_AGAIN

    def _start(self) -> bool:
        """Take what there is room for, and some ahead; return whether room was left again at once."""
        fits, more, left = self._choose()
        if not fits and not more:
            return False
        self.waiting = left
        keys = [one.pk for one in (*fits, *more)]
        try:
            taken = {one.pk: one for one in deliveries.take_all(keys)}
            at = time.monotonic()
            for one in more:
                if one.pk in taken:
                    self.ahead.setdefault(one.lane, deque()).append(Taken(one, taken[one.pk], at))
            for one in [one for one in fits if one.pk in taken]:
                fits.remove(one)
                self._send(Taken(one, taken[one.pk], at))
        finally:
            for one in fits:
                ROOM.leave(one)
        return len(self.over) > 0 or not taken

    def _choose(self) -> tuple[list[Waiting], list[Waiting], list[Waiting]]:
        """Return of what waits what there is room for, what is worth taking ahead, and the rest."""
        fits: list[Waiting] = []
        more: list[Waiting] = []
        left: list[Waiting] = []
        wanted = Counter(
            {
                lane: TAKEN_AHEAD - len(self.ahead.get(lane, ()))
                for lane in self._quick
                if self._wants_more(lane)
            }
        )
        for one in self.waiting:
            if one.lane not in self.ahead and ROOM.take(one):
                fits.append(one)
            elif wanted[one.lane] > 0:
                wanted[one.lane] -= 1
                more.append(one)
            else:
                left.append(one)
        return fits, more, left

    # Sending ---------------------------------------------------------------------------------------------

    def _send_ahead(self) -> None:
        """Send what was taken ahead and has room now; what waited too long for that is left to others."""
        for lane, taken in list(self.ahead.items()):
            while taken and ROOM.take(taken[0].one):
                self._send(taken.popleft())
            if not taken:
                del self.ahead[lane]
        if self.ahead:
            # A call may still begin now and be over before the lease is.
            self._give_back(time.monotonic() - max(1.0, settings.NOTIFICATION_LEASE_SECONDS / 4))

    def _give_back(self, before: float) -> None:
        late = [one for taken in self.ahead.values() for one in taken if one.at <= before]
        if late:
            self.ahead = {
                lane: kept
                for lane, taken in self.ahead.items()
                if (kept := deque(one for one in taken if one.at > before))
            }
            self._quick -= {one.one.lane for one in late}
            deliveries.give_back([one.delivery for one in late])

    def _send(self, taken: Taken) -> None:
        """Let a delivery be sent, for which there is room."""
        try:
            letter = deliveries.prepare(taken.delivery)
        except Undelivered as error:
            self._came_back(taken, None, error)
            return
        except BaseException:
            ROOM.leave(taken.one)
            raise
        if letter.here:
            try:
                outcome = deliveries.attempt(letter)
            except BaseException:
                ROOM.leave(taken.one)
                raise
            self._came_back(taken, letter, outcome)
            return
        CALLS.submit(self._call, taken, letter)
        self.under_way += 1

    def _call(self, taken: Taken, letter: Letter) -> None:
        outcome: Answer | Undelivered | None = None
        try:
            outcome = deliveries.attempt(letter)
        except Exception:
            log.exception("Delivery %s could not be sent", taken.delivery.uuid)
        finally:
            self.heard.put((taken, letter, outcome))

    # Noting ----------------------------------------------------------------------------------------------

    def _listen(self, seconds: float | None) -> None:
        """Wait for what comes back, and take in what came with it."""
        try:
            heard = self.heard.get(timeout=seconds)
        except Empty:
            return
        while True:
            if heard is None:
                self._looked = float("-inf")
            else:
                self.under_way -= 1
                self._came_back(*heard)
            try:
                heard = self.heard.get_nowait()
            except Empty:
                return

    def _came_back(self, taken: Taken, letter: Letter | None, outcome: Answer | Undelivered | None) -> None:
        lane = taken.one.lane
        ROOM.leave(taken.one)
        if isinstance(outcome, Answer) and (outcome.seconds or 0.0) < QUICK_SECONDS:
            self._quick.add(lane)
            self._swift.add(taken.one.tenant)
        else:
            self._quick.discard(lane)
            self._swift.discard(taken.one.tenant)
        if outcome is not None:  # else it is due again when its lease is over
            if not self.over:
                self._noted = time.monotonic()
            self.over.append((taken, letter, outcome))

    def _note_if_worth_it(self) -> None:
        many = len(self.over) >= NOTED_AT_ONCE
        if many or not self.under_way or time.monotonic() - self._noted >= NOTED_AFTER:
            self._note()

    def _note(self) -> None:
        """Note what came back, in its order: what was delivered many at a time, failures one by one."""
        over, self.over = self.over, []
        sent: list[deliveries.Sent] = []
        for taken, letter, outcome in over:
            if outcome is None:
                continue
            if isinstance(outcome, Undelivered):
                self._note_sent(sent)
                sent = []
                self._note_one(taken.delivery, letter, outcome)
            else:
                sent.append((taken.delivery, letter, outcome))
        self._note_sent(sent)

    def _note_sent(self, sent: list[deliveries.Sent]) -> None:
        try:
            if len(sent) > 1:
                deliveries.note_sent(sent)
                return
        except DatabaseError:
            log.warning("%d deliveries could not be noted at once", len(sent), exc_info=True)
        for delivery, letter, answer in sent:
            self._note_one(delivery, letter, answer)

    def _note_one(self, delivery: Delivery, letter: Letter | None, outcome: Answer | Undelivered) -> None:
        try:
            deliveries.note(delivery, letter, outcome)
        except DatabaseError:
            # It is sent again when its lease is over; the others that are under way shall not be.
            log.exception("Delivery %s was sent and could not be noted", delivery.uuid)


_current: list[Spell] = []


def _tell() -> None:
    """Tell who has the turn that there is more."""
    for other in _current:
        other.heard.put(None)


def work_off(delivery_id: int, *, go_on: Callable[[], None]) -> None:
    """Work on this delivery, then on what else is due, for a while; ``go_on`` is called if some may be left.

    While another thread has the turn, it is told that there is more to do.
    """
    if not SLOTS.acquire(blocking=False):
        _tell()
        return
    try:
        if not TURN.acquire(blocking=False):
            _tell()
            return
        spell = Spell()
        try:
            _current[:] = [spell]
            try:
                left = spell.work(delivery_id)
            finally:
                TURN.release()  # first: until then whoever hears a bell finds this spell to tell
                if spell in _current:
                    _current.remove(spell)
            if left or not spell.heard.empty():
                go_on()
        finally:
            spell.settle()
    finally:
        SLOTS.release()
