"""What a person is told in the console: put away, and taken out again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction
from django.utils import timezone

from core.db import update
from core.errors import Invalid, NotFound, Unauthenticated
from logs.kinds import USER_CHANGE_MAILS
from logs.record import record
from notifications.models import Notice
from notifications.selectors import shown
from notifications.wishes import WISHES
from permissions.catalogue import (
    ACCOUNT_CHANGE,
)
from permissions.checks import require

if TYPE_CHECKING:
    from collections.abc import Collection

    from core.actor import Actor


@transaction.atomic
def dismiss_notice(*, actor: Actor, notice: Notice, dismissed: bool = True) -> Notice:
    """Put an own notice away, or take it out again (quay-a.md 6.4). It is not logged: it concerns her alone.

    Raises:
        Unauthenticated, Forbidden: the credential does not allow to change the own account.
        NotFound: it is another's, or gone.
    """
    require(actor, ACCOUNT_CHANGE)
    notice.dismissed_at = (notice.dismissed_at or timezone.now()) if dismissed else None
    changed = Notice.objects.filter(pk=notice.pk, user=actor.user).update(dismissed_at=notice.dismissed_at)
    if not changed:
        raise NotFound("There is no such notification", absent="notice")
    return notice


@transaction.atomic
def mark_notices(*, actor: Actor, notice: Notice | None = None, read: bool = True) -> int:
    """Mark one own notice, or all that are open, as read or as unread; return how many changed. Not logged.

    Raises:
        Unauthenticated, Forbidden: the credential does not allow to change the own account.
    """
    require(actor, ACCOUNT_CHANGE)
    mine = shown(actor).filter(dismissed_at=None, read_at__isnull=read)
    if notice is not None:
        mine = mine.filter(pk=notice.pk)
    return mine.update(read_at=timezone.now() if read else None)


@transaction.atomic
def choose_mails(*, actor: Actor, unwanted: Collection[str]) -> None:
    """Choose which mails of `wishes.WISHES` the acting person does not want; the notices come all the same.

    Raises:
        Unauthenticated, Forbidden: the credential does not allow to change the own account.
        Invalid: there is no such mail, or it is always sent.
    """
    require(actor, ACCOUNT_CHANGE)
    user = actor.user
    if user is None:
        raise Unauthenticated
    chosen = [name for name in WISHES if name in unwanted]
    if len(chosen) != len(set(unwanted)):
        raise Invalid("There is no such mail", field="wanted")
    if chosen != user.unwanted_mails:
        user.unwanted_mails = chosen
        update(user, "unwanted_mails")
        record(USER_CHANGE_MAILS, actor=actor, namespace=user.namespace, unwanted=chosen)


@transaction.atomic
def dismiss_notices(*, actor: Actor) -> int:
    """Put all own notices away; return how many there were.

    Raises:
        Unauthenticated, Forbidden: the credential does not allow to change the own account.
    """
    require(actor, ACCOUNT_CHANGE)
    return shown(actor).filter(dismissed_at=None).update(dismissed_at=timezone.now())
