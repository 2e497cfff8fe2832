"""Who sends what is due, and how much at a time: slow receivers keep nobody else waiting.

One thread of a worker reads batches and notes what became of them; the calls are made by threads that touch
no database. Of one organization so few are under way at a time that there is room for others.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING

from django.db import DatabaseError, close_old_connections

from jobs.guard import is_stopping
from streams import batches

if TYPE_CHECKING:
    from notifications.channels import Answer, Undelivered
    from streams.batches import Batch, Waiting

    Calls = dict[Future[Answer | Undelivered], tuple[Waiting, Batch]]

log = logging.getLogger(__name__)

UNDER_WAY = 16  # calls of one worker at a time
OF_A_TENANT = 2
SPELL_SECONDS = 20.0
LOOK_AGAIN = 0.2  # seconds until what is due is looked at again while calls are under way

TURN = threading.Lock()
CALLS = ThreadPoolExecutor(UNDER_WAY, thread_name_prefix="stream")


def work_off() -> bool:
    """Send what is due, for a while; tell whether there may be more. Of a worker's threads one does so."""
    if not TURN.acquire(blocking=False):
        return False
    try:
        batches.wake()
        return _spell(time.monotonic() + SPELL_SECONDS)
    finally:
        TURN.release()


def _spell(end: float) -> bool:
    calls: Calls = {}
    try:
        while True:
            is_over = time.monotonic() > end or is_stopping()
            more = not is_over and _begin(calls)
            if not calls:
                if more:
                    continue
                return is_over and bool(batches.due(1))
            _listen(calls, LOOK_AGAIN)
    finally:
        if calls:  # the database failed under one of them: the others shall not be sent again for that
            close_old_connections()
        while calls:
            _listen(calls)


def _listen(calls: Calls, seconds: float | None = None) -> None:
    done, _ = wait(calls, timeout=seconds, return_when=FIRST_COMPLETED)
    for call in done:
        _, batch = calls.pop(call)
        _note(batch, call)


def _begin(calls: Calls) -> bool:
    """Begin calls for what is due and has room; tell whether anything was taken up."""
    tenants = Counter(one.tenant for one, _ in calls.values() if one.tenant)
    full = [tenant for tenant, count in tenants.items() if count >= OF_A_TENANT]
    room = UNDER_WAY - len(calls)
    if room <= 0:
        return False
    taken = [one.pk for one, _ in calls.values()]
    found = batches.due(room, without=taken, without_tenants=full)
    for one in found:
        if one.tenant and tenants[one.tenant] >= OF_A_TENANT:
            continue
        batch = batches.take(one.pk)
        if batch is not None:
            tenants[one.tenant] += 1
            calls[CALLS.submit(batches.attempt, batch)] = (one, batch)
    return bool(found)


def _note(batch: Batch, call: Future[Answer | Undelivered]) -> None:
    try:
        batches.note(batch, call.result())
    except DatabaseError:
        # It is sent again when its lease is over; the others that are under way shall not be.
        log.exception("A batch of stream %s was sent and could not be noted", batch.stream.uuid)
    except Exception:
        log.exception("A batch of stream %s could not be sent", batch.stream.uuid)
