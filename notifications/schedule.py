"""When a delivery that failed is tried again, and when that is enough."""

from __future__ import annotations

import enum
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from notifications.models import Delivery, Subscription


def _pauses(*seconds: int) -> tuple[timedelta, ...]:
    return tuple(timedelta(seconds=one) for one in seconds)


MINUTE, HOUR = 60, 3600


class Enough(enum.Enum):
    """When a receiver that fails is switched off."""

    ATTEMPTS = "at so many failed attempts in a row as the operator says"
    SCHEDULE = "when one delivery was tried to the end, and none was taken meanwhile"
    NEVER = "not for that: the fault may be our own mail server's"
    SETTINGS = "not at all: who named it in the settings takes it out there"


@dataclass(frozen=True)
class Schedule:
    """The pauses between attempts, and how long after the first one the last may come, if that is bounded."""

    pauses: tuple[timedelta, ...]
    enough: Enough
    longest: timedelta | None = None

    @property
    def attempts(self) -> int:
        """How often a delivery is tried at most."""
        return len(self.pauses) + 1

    def next(self, delivery: Delivery, now: datetime, asked: timedelta) -> datetime | None:
        """Return when a delivery that has just failed is due again, None if never.

        Up to a tenth later than planned, each in its own way: what failed together shall not come again
        together. Never before the pause that its receiver ``asked`` for is over.
        """
        if delivery.attempts >= self.attempts:
            return None
        pause = self.pauses[delivery.attempts - 1] * (1 + delivery.uuid.int % 100 / 1000)
        due = now + max(pause, asked)
        if self.longest is None or delivery.begun_at is None:
            return due
        end = delivery.begun_at + self.longest
        return None if now >= end else min(due, end)


# As the Standard Webhooks specification has it: ten attempts within 75 hours and 35 minutes.
_DAYS = _pauses(5, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR, 10 * HOUR, 14 * HOUR, 20 * HOUR, 24 * HOUR)
WEBHOOK = Schedule(_DAYS, Enough.SCHEDULE)
INTEGRATION = Schedule(_DAYS, Enough.SCHEDULE, longest=timedelta(hours=24))  # flexstack.md 8
# Its third failure in a row switches a receiver off anyway (quay-b.md 4.3).
WIRE = Schedule(_pauses(5, 30, 2 * MINUTE, 10 * MINUTE), Enough.ATTEMPTS)
# News of yesterday is no news: a mail server gets a good half day.
MAIL = Schedule(_pauses(MINUTE, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 4 * HOUR, 6 * HOUR), Enough.NEVER)
_OF_INSTANCE = {
    "webhook": replace(WEBHOOK, enough=Enough.SETTINGS),
    "email": replace(MAIL, enough=Enough.SETTINGS),
}


def schedule(subscription: Subscription) -> Schedule:
    """Return the schedule of a subscription's deliveries."""
    if subscription.is_of_instance:
        return _OF_INSTANCE[subscription.method]
    if subscription.flags is not None:
        return INTEGRATION
    if subscription.flat or subscription.method == subscription.Method.IN_CONSOLE:
        return WIRE
    return MAIL if subscription.method == subscription.Method.EMAIL else WEBHOOK
