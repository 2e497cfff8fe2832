"""Links that are mailed and work once: for a new password, and for proof of an address."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from accounts import selectors, tasks
from accounts.models import MailedLink, User
from accounts.services.rules import check_password_rule
from accounts.services.security_mails import tell_owner
from core import seal
from core.bell import ring
from core.client import source_of
from core.db import hold, update
from core.errors import Conflict, Invalid, NotFound, TooManyRequests, Unauthenticated
from core.words import say
from logs.kinds import (
    ACCOUNT_CHANGE_PASSWORD,
    USER_CHANGE_EMAIL,
    USER_RECOVER,
    USER_SEND_RECOVERY,
    USER_VERIFY_EMAIL,
)
from logs.record import record
from permissions.catalogue import ACCOUNT_CHANGE, USER_MANAGE
from permissions.checks import require

if TYPE_CHECKING:
    from core.actor import Actor

RECOVERY, VERIFICATION = MailedLink.Purpose.RECOVERY, MailedLink.Purpose.VERIFICATION
ASKED_PER_ADDRESS = 10  # within the window, whomever they mean
TYPED_MAX = 255
DEAD = say("This link does not work any more")


def verification_is_on() -> bool:
    """Tell whether addresses have to be proven."""
    return bool(settings.MAILING and settings.VERIFY_EMAIL)


# Asking --------------------------------------------------------------------------------------------------


@transaction.atomic
def request_recovery(*, actor: Actor, login: str) -> None:
    """Let whoever has forgotten her password be mailed a link; ``login`` is a name or an address.

    Nobody is looked up: a worker does that later, so that neither the answer nor its time tells who is here.

    Raises:
        NotFound: the instance sends no mails.
        Invalid: nothing was typed, or too much.
        TooManyRequests: ten were asked for from this address within the hour.
    """
    _only_with_mail()
    login = login.strip()
    if not login or len(login) > TYPED_MAX:
        raise Invalid(
            say("A name or an e-mail address has 1 to {most} characters", most=TYPED_MAX),
            field="email",
        )
    source = source_of(actor.ip)
    since = timezone.now() - tasks.LINK_WINDOW
    asked = MailedLink.objects.filter(ip=source, purpose=RECOVERY, created_at__gt=since)
    if asked[:ASKED_PER_ADDRESS].count() >= ASKED_PER_ADDRESS:
        raise TooManyRequests("Too many mails were asked for; wait a while", retry_after=600)
    _queue(RECOVERY, typed=login, ip=source)


@transaction.atomic
def send_recovery(*, actor: Actor, user: User) -> str:
    """Let a person be mailed a link for a new password; return the address it goes to (quay-a.md 11.1).

    Raises:
        Forbidden: only superusers.
        NotFound: the instance sends no mails.
        Invalid: she has no address, is disabled, or signs in by a directory.
        TooManyRequests: three were mailed to her within the hour.
    """
    require(actor, USER_MANAGE)
    _only_with_mail()
    if not user.email:
        raise Invalid(say("{username} has no e-mail address", username=user.username), field="email")
    if not user.is_active:
        raise Invalid(say("{username} is disabled", username=user.username), field="username")
    if tasks.password_is_elsewhere(user):
        raise Invalid(
            say("{username} signs in by a directory or identity provider", username=user.username),
            field="username",
        )
    _not_too_often(user, RECOVERY)
    by = actor.user.username if actor.user else "system"
    record(USER_SEND_RECOVERY, actor=actor, namespace=user.namespace, username=user.username, superuser=by)
    _queue(RECOVERY, user=user, email=user.email, ip=source_of(actor.ip))
    return user.email


def ask_for_proof(*, actor: Actor, user: User, email: str, or_say_so: bool = False) -> None:
    """Mail a link to an address that a person says is hers; not more than three an hour.

    A building block: the caller has checked the right, or the password, and writes the log. Raises
    TooManyRequests instead of being quiet with ``or_say_so``.
    """
    if not email:
        return
    try:
        _not_too_often(user, VERIFICATION)
    except TooManyRequests:
        if or_say_so:
            raise
        return
    # What was mailed to another address is no longer what she wants.
    MailedLink.objects.filter(user=user, purpose=VERIFICATION, used_at=None).exclude(email=email).update(
        expires_at=timezone.now(), due_at=None
    )
    _queue(VERIFICATION, user=user, email=email, ip=source_of(actor.ip))


@transaction.atomic
def resend_proof(*, actor: Actor) -> str:
    """Mail the acting person another link for the address that waits for proof; return the address.

    Raises:
        Conflict: none waits.
        TooManyRequests: three were mailed within the hour.
    """
    require(actor, ACCOUNT_CHANGE)
    if actor.user is None:
        raise Unauthenticated
    email = selectors.unproven_address(actor=actor)
    if not email:
        raise Conflict("No address waits for proof")
    ask_for_proof(actor=actor, user=actor.user, email=email, or_say_so=True)
    return email


def forget_proofs(*, user: User) -> None:
    """Let no link that was mailed for an address work any more; a part of what changes the address."""
    MailedLink.objects.filter(user=user, used_at=None).update(expires_at=timezone.now(), due_at=None)


def end_links_of_old_password(*, user: User) -> None:
    """Let nothing go on that was asked for under the old password; a part of what sets a new one.

    Else whoever had got into the account would still bring it to an address of his own, by a link that waits
    there, after its owner has shut him out. The proof of her own address goes on.
    """
    waiting = MailedLink.objects.filter(user=user, used_at=None)
    waiting.exclude(purpose=VERIFICATION, email=user.email).update(expires_at=timezone.now(), due_at=None)


def _only_with_mail() -> None:
    if not settings.MAILING:
        raise NotFound("This instance sends no mails")
    if settings.AUTHENTICATION != "Database":
        raise NotFound("Passwords are kept elsewhere")


def _not_too_often(user: User, purpose: str) -> None:
    since = timezone.now() - tasks.LINK_WINDOW
    asked = MailedLink.objects.filter(user=user, purpose=purpose, created_at__gt=since)
    if asked[: tasks.LINKS_PER_PERSON].count() >= tasks.LINKS_PER_PERSON:
        raise TooManyRequests("Too many mails within the hour; wait a while", retry_after=600)


def _queue(
    purpose: MailedLink.Purpose, *, user: User | None = None, email: str = "", typed: str = "", ip: str | None
) -> None:
    now = timezone.now()
    seconds = settings.RECOVERY_LINK_SECONDS if purpose == RECOVERY else settings.VERIFICATION_LINK_SECONDS
    link = MailedLink.objects.create(
        purpose=purpose,
        user=user,
        email=email,
        typed=typed,
        ip=ip,
        created_at=now,
        due_at=now,
        expires_at=now + timedelta(seconds=seconds),
    )
    ring(tasks.send_link, link.pk)


# Following -----------------------------------------------------------------------------------------------


def link_is_good(*, code: str, purpose: str) -> bool:
    """Tell whether a link would still work; looking does not use it up."""
    return _living(code, purpose) is not None


@transaction.atomic
def recover(*, actor: Actor, code: str, password: str) -> User:
    """Set a new password by a mailed link, which is used up; all sessions of the person end.

    Raises:
        NotFound: the link was used, is too old, or the person's address is another one by now.
        Invalid: the password breaks its rule; the link still works.
    """
    check_password_rule(password)
    user, _ = _use(code, RECOVERY)
    user.set_password(password)
    user.is_verified = True  # she reads what is sent there
    update(user, "password", "is_verified")
    User.objects.filter(pk=user.pk).update(session_epoch=F("session_epoch") + 1)
    end_links_of_old_password(user=user)
    by = replace(actor, user=user, memo={})
    record(USER_RECOVER, actor=by, namespace=user.namespace, username=user.username)
    record(ACCOUNT_CHANGE_PASSWORD, actor=by, namespace=user.namespace)
    tell_owner(actor=by, user=user, event="password")
    return user


@transaction.atomic
def verify_email(*, actor: Actor, code: str) -> User:
    """Prove an address by a mailed link, which is used up: the address is the person's from now on.

    Raises:
        NotFound: the link was used or is too old.
        Conflict: somebody else has the address by now.
    """
    user, email = _use(code, VERIFICATION)
    by = replace(actor, user=user, memo={})
    old, user.email, user.is_verified = user.email, email, True
    update(user, "email", "is_verified", taken=say("The e-mail address is already in use"))
    if old != email:
        told = {"email": email, "old_email": old}
        record(USER_CHANGE_EMAIL, actor=by, namespace=user.namespace, metadata=told)
        if old:
            tell_owner(actor=by, user=user, event="email", detail=email, email=old)
    record(USER_VERIFY_EMAIL, actor=by, namespace=user.namespace, username=user.username, email=email)
    forget_proofs(user=user)
    return user


def _living(code: str, purpose: str) -> MailedLink | None:
    link = (
        MailedLink.objects.select_related("user__namespace")
        .filter(digest=seal.digest(code), purpose=purpose, used_at=None, expires_at__gt=timezone.now())
        .filter(user__is_active=True, user__deleted_at=None)
        .first()
    )
    if link is None or link.user is None:
        return None
    return None if purpose == RECOVERY and link.user.email != link.email else link


def _use(code: str, purpose: str) -> tuple[User, str]:
    """Use a link up; return the person, held, and the address that the link proves."""
    link = _living(code, purpose)
    if link is None or link.user is None:
        raise NotFound(DEAD)
    hold(link.user, gone=DEAD)
    # What was found may have been used, or her address changed, while she was waited for.
    link = _living(code, purpose)
    if link is None or link.user is None:
        raise NotFound(DEAD)
    MailedLink.objects.filter(pk=link.pk).update(used_at=timezone.now())
    return link.user, link.email
