"""Slots of time: when the turns of the schedule are, the same on every host."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from celery.schedules import BaseSchedule, schedstate

if TYPE_CHECKING:
    from datetime import datetime

MINUTE = 60.0  # the grain of a crontab


class Every(BaseSchedule):
    """Once in each slot of so many seconds; slots begin at the same moments on every host."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.seconds = float(seconds)

    def __repr__(self) -> str:
        return f"<every {self.seconds:g} s>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Every) and other.seconds == self.seconds

    def __hash__(self) -> int:
        return hash(self.seconds)

    def is_due(self, last_run_at: datetime) -> schedstate:
        """Tell whether a slot has begun since, and in how many seconds the next one does."""
        now = time.time()
        wait = self.seconds - now % self.seconds
        return schedstate(now // self.seconds > last_run_at.timestamp() // self.seconds, wait)


def slot(schedule: BaseSchedule, at: float) -> int:
    """Return the number of the slot in which a moment (seconds since 1970) lies."""
    return int(at // (schedule.seconds if isinstance(schedule, Every) else MINUTE))
