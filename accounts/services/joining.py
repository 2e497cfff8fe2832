"""Making an account from an invitation: its code, which was mailed to one address, lets one person in."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from accounts.models import FailedSignIn, Invitation, User
from accounts.services.invitations import accept_invitation
from accounts.services.sessions import slow_down
from accounts.services.users import make_own
from core.client import source_of
from core.db import hold
from core.errors import Conflict, NotFound
from core.words import say

if TYPE_CHECKING:
    from core.actor import Actor

DEAD = say("This invitation is answered, withdrawn or too old: ask whoever invited you for another one")
IS_HERE = say("This address has an account here: sign in, then join")


def invited_may_join() -> bool:
    """Tell whether who is invited by mail and has no account may make one.

    Passwords have to be kept here, and mails sent: it is the mail that proves the address.
    """
    is_open = settings.USER_CREATION or settings.INVITED_USER_CREATION
    return bool(is_open and settings.MAILING and settings.AUTHENTICATION == "Database")


def invites_stranger(*, code: str) -> bool:
    """Tell whether a code is good for making an account; looking does not use it up."""
    try:
        invitation_of_stranger(code=code)
    except (NotFound, Conflict):
        return False
    return True


def invitation_of_stranger(*, code: str) -> Invitation:
    """Return the open invitation of a code, sent to an address that nobody here has.

    Raises:
        NotFound: unknown, answered, withdrawn, too old, or sent to a person; or nobody joins so here.
        Conflict: somebody here has the address.
    """
    sent = Invitation.objects.select_related("organization", "team", "invited_by")
    found = None
    if invited_may_join() and "\0" not in code:
        open_ones = sent.filter(expires_at__gt=timezone.now(), organization__deleted_at=None, user=None)
        found = open_ones.filter(code=code).first()
    if found is None:
        raise NotFound(DEAD)
    if User.objects.filter(email__iexact=found.email, deleted_at=None).exists():
        raise Conflict(IS_HERE, field="email")
    return found


def join_by_invitation(
    *, actor: Actor, code: str, username: str, password: str, name: str = ""
) -> tuple[User, Invitation]:
    """Create the caller's own account with the address that was invited, and accept; return both.

    Not one transaction: a refused try must stay counted, for whoever has one code may guess at names by it.

    Raises:
        NotFound: as `invitation_of_stranger`.
        Conflict: somebody here has the address or the name.
        Invalid: the name or the password breaks its rule; or as `accept_invitation`.
        QuotaExceeded: the limit of members is reached.
        TooManyRequests: ten tries from this address were refused within five minutes.
    """
    source = source_of(actor.ip)
    slow_down("", source)
    try:
        return _join(actor, code, username, password, name)
    except (Conflict, NotFound):
        FailedSignIn.objects.create(ip=source)
        raise


@transaction.atomic
def _join(actor: Actor, code: str, username: str, password: str, name: str) -> tuple[User, Invitation]:
    hold(invitation_of_stranger(code=code).organization, gone=DEAD)
    # What was found may have been answered or withdrawn while the organization was waited for.
    invitation = invitation_of_stranger(code=code)
    try:
        user = make_own(
            actor=actor,
            username=username,
            email=invitation.email,
            password=password,
            name=name,
            is_verified=True,  # only there was the code sent
        )
    except Conflict as error:
        error.field = error.field or "name"  # nobody has the address
        raise
    return user, accept_invitation(actor=replace(actor, user=user, memo={}), code=code)
