"""Addresses that may be told by mail: asked, and what their owners answer."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from core.bell import ring
from core.db import hold, insert, one_at_a_time, update
from core.errors import NotFound, TooManyRequests
from core.seal import digest
from core.words import say
from notifications import tasks
from notifications.config import check_address
from notifications.models import AuthorizedAddress
from permissions.catalogue import (
    PROJECT_NOTIFICATION_CHANGE,
)
from permissions.checks import require

if TYPE_CHECKING:
    from datetime import datetime

    from core.actor import Actor
    from projects.models import Project

HOUR = timedelta(hours=1)
ASKED_AGAIN_AFTER = timedelta(minutes=5)
ASKED_PER_ADDRESS = 3  # an hour, whoever asks: nobody's mailbox can be flooded from here
ASKED_PER_PROJECT = 20


@transaction.atomic
def request_address(*, actor: Actor, project: Project, email: str) -> AuthorizedAddress:
    """Ask the owner of an address, by mail, whether it may be told about a project (quay-b.md 4.4).

    An address that was confirmed is not asked again. It is not logged, as on the wire.

    Raises:
        Unauthenticated, Forbidden: the actor does not administer the project.
        NotFound: no mails are sent here, or the project was deleted just now.
        Invalid: it is no address.
        TooManyRequests: it was asked lately, or many were.
    """
    require(actor, PROJECT_NOTIFICATION_CHANGE, project)
    if not settings.MAILING:
        raise NotFound("No mails are sent here", absent="address")
    check_address(email, field="email")
    hold(project)
    one_at_a_time("authorized addresses")
    found = AuthorizedAddress.objects.filter(project=project, email__iexact=email).first()
    if found is not None and found.confirmed_at is not None:
        return found
    now = timezone.now()
    _not_too_often(project, email, found, now)
    if found is None:
        found = AuthorizedAddress(project=project, email=email)
        insert(found, taken=say("The address is being asked already"))
    else:
        found.asked_at = found.mail_due_at = now
        found.times, found.attempts = found.times + 1, 0
        update(found, "asked_at", "mail_due_at", "times", "attempts")
    ring(tasks.ask, found.pk)
    return found


def _not_too_often(project: Project, email: str, found: AuthorizedAddress | None, now: datetime) -> None:
    if found is not None:
        # Each time twice as long: who never answers is asked some eight times on the first day.
        again = found.asked_at + ASKED_AGAIN_AFTER * 2 ** min(found.times - 1, 9)
        if again > now:
            left = int((again - now).total_seconds()) + 1
            raise TooManyRequests("This address was asked lately", retry_after=left)
    lately = AuthorizedAddress.objects.filter(asked_at__gt=now - HOUR)
    lately = lately.exclude(pk=found.pk) if found is not None else lately
    by_address = lately.filter(email__iexact=email)[:ASKED_PER_ADDRESS].count()
    by_project = lately.filter(project=project)[:ASKED_PER_PROJECT].count()
    if by_address >= ASKED_PER_ADDRESS or by_project >= ASKED_PER_PROJECT:
        raise TooManyRequests("Too many addresses were asked lately", retry_after=int(HOUR.total_seconds()))


@transaction.atomic
def confirm_address(*, actor: Actor, code: str) -> AuthorizedAddress:
    """Let an address be told: its owner followed the link that was mailed to it. A code works once.

    Raises:
        NotFound: nobody was sent this code, or it was used, replaced by a later one, or is too old.
    """
    now = timezone.now()
    found = (
        AuthorizedAddress.objects.select_related("project__namespace")
        .filter(code_digest=digest(code), expires_at__gt=now, confirmed_at=None)
        .filter(project__deleted_at=None, project__namespace__deleted_at=None)
        .first()
    )
    if found is None or not AuthorizedAddress.objects.filter(
        pk=found.pk, code_digest=found.code_digest, confirmed_at=None
    ).update(confirmed_at=now, code_digest=None, expires_at=None, mail_due_at=None):
        raise NotFound("The link is not valid any more", absent="address")
    found.confirmed_at = now
    return found
