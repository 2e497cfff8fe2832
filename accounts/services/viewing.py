"""Looking at the instance as somebody else does: for operators who help, told in that person's own log."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction

from core.errors import Invalid
from logs.kinds import USER_VIEW_AS, USER_VIEW_AS_END
from logs.record import record
from permissions.catalogue import ACCOUNT_READ, USER_MANAGE
from permissions.checks import may_be_viewed, require, require_fresh

if TYPE_CHECKING:
    from accounts.models import User
    from core.actor import Actor


@transaction.atomic
def begin_viewing(*, actor: Actor, user: User) -> None:
    """Note that an operator looks at Muster as a person does from now on; the door keeps whom, and how long.

    Raises:
        Forbidden: only superusers, and not while viewing.
        FreshLoginRequired: the sign-in is not recent.
        Invalid: the person is disabled, a superuser herself, or the operator.
    """
    require(actor, USER_MANAGE)
    require_fresh(actor)
    if not may_be_viewed(user):
        raise Invalid("Only people who are enabled and no superusers can be viewed")
    record(USER_VIEW_AS, actor=actor, namespace=user.namespace, username=user.username)


@transaction.atomic
def end_viewing(*, actor: Actor) -> None:
    """Note that the operator has stopped looking as the acting person does.

    Raises:
        Invalid: nobody is viewed.
    """
    require(actor, ACCOUNT_READ)
    if actor.operator is None or actor.user is None:
        raise Invalid("Nobody is viewed")
    record(USER_VIEW_AS_END, actor=actor, namespace=actor.user.namespace, username=actor.user.username)
