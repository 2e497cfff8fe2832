"""What every job with something to do it for goes through: one at a time, and never a fourth bad end.

A job may kill its worker, as one does that runs out of memory, or fail whenever it is tried; and the sweepers
would ring for it for ever. So a row says that it is under way, from before its beginning until it has ended
well. Whoever finds the row of a worker that has not been heard of for a while counts one more try, unless
that worker was asked to stop: then it is no fault of the job's. What the time is says the database, so that
hosts whose clocks differ judge alike.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
from contextlib import suppress
from datetime import timedelta
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any

from celery import Task
from django.db import Error, IntegrityError, close_old_connections, connection, transaction
from django.db.models import Case, F, Q, Value, When
from django.db.models.functions import Now
from django.utils import timezone

if TYPE_CHECKING:
    from collections.abc import Iterable

    from django.db.models import QuerySet

    from jobs.models import Job

log = logging.getLogger(__name__)

TRIES = 3
PULSE = 10.0  # seconds between two signs of life of a job
DEAD = timedelta(seconds=60)  # without one, its worker is taken for dead
STOPS = 10  # of its workers in a row that are no fault of a job's; then it is one that does not end
AGAIN = timedelta(hours=6)  # after which one more try is made: what was in its way may be gone
KEY_MAX, ERROR_MAX = 100, 1000
# Their own rows have leases, and count how often they were tried.
COUNTED = frozenset({"logs.build_export", "notifications.deliver", "runs.work"})


class Stopped(Exception):
    """The worker was asked to stop, and so the job gave up: it goes on in another one, and this is no try."""


class GuardedTask(Task):  # type: ignore[type-arg]
    """A task that is a job where it has arguments."""

    abstract = True

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Do it, unless it is under way elsewhere or in quarantine."""
        if not args or self.name in COUNTED:
            try:
                return super().__call__(*args, **kwargs)
            except Stopped:
                return None  # its next turn goes on
        job = begin(self.name, ",".join(str(one) for one in args)[:KEY_MAX])
        if job is None:
            return None
        try:
            done = super().__call__(*args, **kwargs)
        except Stopped:
            give_back(job)
            return None
        except BaseException as error:
            end(job, error)
            raise
        end(job)
        return done


def each(task: Any, ids: Iterable[int]) -> None:
    """Do a job for each; one that fails is logged, and does not keep the others from their turn."""
    for one in ids:
        if is_stopping():
            return  # the next sweep rings for the others
        try:
            task(one)
        except Exception:  # whatever it is, it is counted and logged
            log.exception("%s(%s) failed", task.name, one)


def stop() -> None:
    """Note that this process was asked to stop. Fit to be called by a signal's handler: it takes no lock."""
    _pulse.stop()


def is_stopping() -> bool:
    """Tell whether this process was asked to stop; it begins no job any more."""
    return _pulse.is_stopping


def go_on() -> None:
    """Give up the job under way, at a place where another worker can take it up, if this one is to stop.

    Raises:
        Stopped: so it is.
    """
    if is_stopping():
        raise Stopped


def begin(task: str, key: str) -> Job | None:
    """Note that a job is under way, and return its row; None if it must not be done now."""
    from jobs.models import Job

    if is_stopping():
        return None
    fresh = Job(task=task, key=key, worker=_worker(), began_at=timezone.now(), alive_at=Now())
    try:
        with transaction.atomic():
            fresh.save(force_insert=True)
    except IntegrityError:
        fresh_again = _take_over(task, key)
        if fresh_again is None:
            return None
        fresh = fresh_again
    _pulse.add(fresh.pk)
    return fresh


def _take_over(task: str, key: str) -> Job | None:
    """Return the row of a job that ended badly, or whose worker was stopped, if it may be tried again."""
    from jobs.models import Job

    rows = Job.objects.filter(task=task, key=key)
    idle = rows.filter(Q(alive_at=None) | Q(alive_at__lt=Now() - DEAD))
    blameless = Q(stopped_at__isnull=False, stops__lt=STOPS)
    spent = idle.filter(quarantined_at=None, tries__gte=TRIES).exclude(blameless)
    if spent.update(quarantined_at=Now(), alive_at=None, stopped_at=None):
        log.error("%s(%s) is in quarantine: %d times it did not come to an end", task, key, TRIES)
        return None
    may = Q(quarantined_at=None, tries__lt=TRIES) | Q(quarantined_at__lt=Now() - AGAIN) | blameless
    began_at = timezone.now()  # with the worker's name, what tells this try from others
    taken = idle.filter(may).update(
        tries=F("tries") + Case(When(blameless, then=Value(0)), default=Value(1)),
        stops=F("stops") + Case(When(blameless, then=Value(1)), default=Value(0)),
        worker=_worker(),
        began_at=began_at,
        alive_at=Now(),
        stopped_at=None,
        quarantined_at=None,
    )
    return rows.filter(worker=_worker(), began_at=began_at).first() if taken else None


def give_back(job: Job) -> None:
    """Note that a job gave up because its worker was asked to stop: the next one may take it at once."""
    _pulse.discard(job.pk)
    _row_of(job).update(alive_at=None, stopped_at=Now())


def end(job: Job, error: BaseException | None = None) -> None:
    """Note that a job has ended: well, or by an error."""
    _pulse.discard(job.pk)
    row = _row_of(job)
    if error is None:
        row.delete()
        return
    if connection.in_atomic_block and connection.needs_rollback:
        return
    try:
        row.update(alive_at=None, stopped_at=None, error=f"{type(error).__name__}: {error}"[:ERROR_MAX])
    except Error:
        log.warning("%s: its end is not noted", job)


def _row_of(job: Job) -> QuerySet[Job]:
    """Return the row of a try; nothing once its worker was taken for dead: it has nothing to say any more."""
    from jobs.models import Job

    return Job.objects.filter(pk=job.pk, worker=job.worker, began_at=job.began_at)


def _worker() -> str:
    return f"{socket.gethostname()[:40]}:{os.getpid()}"


class _Pulse:
    """A thread that says of every job under way in this process that it is, and ends when there is none."""

    def __init__(self) -> None:
        self.is_stopping = False
        self._jobs: set[int] = set()
        self._lock = threading.Lock()
        self._words: SimpleQueue[None] = SimpleQueue()  # what wakes the thread; any handler may put one in
        self._pid = 0
        self._thread: threading.Thread | None = None

    def add(self, pk: int) -> None:
        with self._lock:
            self._jobs.add(pk)
            if self._pid != os.getpid() or self._thread is None:
                self._pid = os.getpid()  # a thread does not come along with a fork
                self._thread = threading.Thread(target=self._beat, name="jobs-pulse", daemon=True)
                self._thread.start()

    def discard(self, pk: int) -> None:
        with self._lock:
            self._jobs.discard(pk)

    def stop(self) -> None:
        self.is_stopping = True
        self._words.put(None)

    def forget(self) -> None:
        """Say nothing any more, of no job: for who leaves jobs behind on purpose."""
        with self._lock:
            self._jobs.clear()
            thread = self._thread
        if thread is not None:
            self._words.put(None)
            thread.join()

    def _beat(self) -> None:
        while True:
            with suppress(Empty):
                self._words.get(timeout=PULSE)
            with self._lock:
                jobs = list(self._jobs)
                if not jobs:
                    self._thread = None
                    return
            self._note(jobs)

    def _note(self, jobs: list[int]) -> None:
        from jobs.models import Job

        said: dict[str, Any] = {"alive_at": Now()}
        if self.is_stopping:
            said["stopped_at"] = Now()
        try:
            close_old_connections()
            Job.objects.filter(pk__in=jobs, worker=_worker()).update(**said)
            connection.close()
        except Exception as error:  # whatever it is, the next time may go well
            log.warning("Jobs under way could not say so: %s", type(error).__name__)


_pulse = _Pulse()
