"""Which mails people may do without. What the safety of an account needs is mailed always."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from accounts.models import User

EXPIRING = "expiring"  # her credentials, and those of organizations she administers, expire soon
SWITCHED_OFF = "switched_off"  # a notification of an organization she administers was switched off
WISHES = (EXPIRING, SWITCHED_OFF)


def wants(user: User, mail: str) -> bool:
    """Tell whether a person wants a mail of `WISHES`."""
    return mail not in user.unwanted_mails
