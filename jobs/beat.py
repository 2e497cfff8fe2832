"""The schedule: slots of time instead of pauses, a memory in the database, and each turn taken once.

Celery's own remembers in a file on one host, and two of it send everything twice. Here any number may run:
who stops is replaced by another one within the same slot.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any, cast

from celery.beat import ScheduleEntry
from celery.beat import Scheduler as Celerys
from django.db import Error, close_old_connections

from jobs.slots import slot

if TYPE_CHECKING:
    from celery.schedules import BaseSchedule

log = logging.getLogger(__name__)


class Scheduler(Celerys):
    """Sends what is due, if nobody else did."""

    def setup_schedule(self) -> None:
        """Take over the configured schedule, and when each entry's turn last was."""
        from jobs import turns  # models: only once the apps are loaded

        self.merge_inplace(self.app.conf.beat_schedule)
        entries: dict[str, ScheduleEntry] = self.schedule
        turns.forget_others(entries)
        for name, at in turns.last_taken().items():
            entries[name].last_run_at = at

    def apply_entry(self, entry: ScheduleEntry, producer: Any = None) -> None:
        """Send an entry's task if this turn is ours. Without the database nobody's is: the next one comes."""
        from jobs import turns

        close_old_connections()
        name, schedule = str(entry.name), cast("BaseSchedule", entry.schedule)
        try:
            is_ours = turns.take(name, slot(schedule, time.time()))
        except Error as error:
            log.warning("Database away, a turn of %s is left out: %s", entry.name, type(error).__name__)
            return
        if is_ours:
            super().apply_entry(entry, producer=producer)
