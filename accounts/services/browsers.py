"""Where people are signed in: noted when a session begins, ended from elsewhere."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from django.contrib.sessions.models import Session
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from accounts.models import BrowserSession
from core.client import source_of
from core.errors import NotFound, Unauthenticated
from logs.kinds import USER_END_OTHER_SESSIONS, USER_END_SESSION
from logs.record import record
from permissions.catalogue import ACCOUNT_CHANGE
from permissions.checks import require

if TYPE_CHECKING:
    from accounts.models import User
    from core.actor import Actor

ACTIVE_GRAIN = timedelta(minutes=5)  # no write with every request


def note_session(*, actor: Actor, user: User, session_key: str) -> None:
    """Note that a session of a person has begun; a part of what signs her in, which the log tells."""
    BrowserSession.objects.create(
        user=user,
        session_key=session_key,
        auth_hash=user.get_session_auth_hash(),
        ip=actor.ip,
        source=source_of(actor.ip),
        browser=actor.user_agent,
    )


def note_activity(*, session_key: str) -> None:
    """Note that a session is in use; whoever calls does so each `ACTIVE_GRAIN` at most."""
    BrowserSession.objects.filter(session_key=session_key).update(seen_at=timezone.now())


def is_known(*, user: User, ip: str | None) -> bool:
    """Tell whether a person was signed in from this address lately, so that guesses of others slow nobody."""
    return BrowserSession.objects.filter(user=user, source=source_of(ip)).exists()


@transaction.atomic
def end_session(*, actor: Actor, uuid: str) -> None:
    """End one of the acting person's sessions; the next request by it is nobody's.

    Raises:
        NotFound: she has no such session.
    """
    require(actor, ACCOUNT_CHANGE)
    try:
        found = BrowserSession.objects.filter(user=actor.user, uuid=uuid).first()
    except (ValueError, ValidationError):
        found = None
    if found is None or actor.user is None:
        raise NotFound("There is no such session")
    _end([found])
    told = {"useragent": found.browser, "address": found.ip or ""}
    record(USER_END_SESSION, actor=actor, namespace=actor.user.namespace, metadata=told)


@transaction.atomic
def end_other_sessions(*, actor: Actor, session_key: str) -> int:
    """End every session of the acting person but the one of this key; return how many."""
    require(actor, ACCOUNT_CHANGE)
    if actor.user is None:
        raise Unauthenticated
    others = list(BrowserSession.objects.filter(user=actor.user).exclude(session_key=session_key))
    _end(others)
    if others:
        record(USER_END_OTHER_SESSIONS, actor=actor, namespace=actor.user.namespace, count=len(others))
    return len(others)


def _end(sessions: list[BrowserSession]) -> None:
    Session.objects.filter(session_key__in=[one.session_key for one in sessions]).delete()
    BrowserSession.objects.filter(pk__in=[one.pk for one in sessions]).delete()
