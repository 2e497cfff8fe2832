"""The second factor: codes of an authenticator app, and recovery codes for the day it is lost."""

from __future__ import annotations

import hmac
import secrets
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pyotp
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from accounts.models import AuthenticatorApp, FailedSignIn, Passkey, RecoveryCode, User
from accounts.selectors.security import with_second_factor
from accounts.services.browsers import is_known
from accounts.services.security_mails import tell_owner
from core import seal
from core.client import source_of
from core.db import hold, insert
from core.errors import BadCredentials, Conflict, Forbidden, Invalid, NotFound, TooManyRequests
from core.words import say
from logs.kinds import (
    LOGIN_FAILURE,
    USER_ADD_AUTHENTICATOR,
    USER_MAKE_RECOVERY_CODES,
    USER_REMOVE_AUTHENTICATOR,
    USER_RESET_SECOND_FACTOR,
    USER_USE_RECOVERY_CODE,
)
from logs.record import record
from permissions.catalogue import ACCOUNT_CHANGE, USER_MANAGE
from permissions.checks import require, require_fresh

if TYPE_CHECKING:
    from collections.abc import Callable

    from core.actor import Actor

STEP_SECONDS = 30
STEPS_AROUND = 1  # clocks of phones go wrong by so many steps
DIGITS = 6
CODES = 10
LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"  # none that looks like another
HALF = 5  # letters before and behind the dash
SETUP_SECONDS = 900  # within which an app has to be set up
WINDOW, TRIES_PER_ADDRESS = timedelta(minutes=5), 5
LONG_WINDOW, TRIES_PER_PERSON = timedelta(hours=1), 20
WRONG = say("This code is wrong, or was used")


# Questions -----------------------------------------------------------------------------------------------


def has_second_factor(*, user: User) -> bool:
    """Tell whether a password alone does not sign this person in."""
    return User.objects.filter(with_second_factor(), pk=user.pk).exists()


# An authenticator app ------------------------------------------------------------------------------------


def offer_authenticator_app(*, actor: Actor) -> tuple[str, str]:
    """Return what an app is set up with: its ``otpauth`` address, and the secret sealed for this person.

    Nothing is kept: `add_authenticator_app` gets the sealed secret back, within a quarter of an hour.

    Raises:
        FreshLoginRequired: she signed in long ago.
        Conflict: she has an app already.
    """
    user = herself(actor)
    if AuthenticatorApp.objects.filter(user=user).exists():
        raise Conflict("Remove the authenticator app that is set up first")
    secret = pyotp.random_base32()
    return setup_address(user=user, secret=secret), seal.seal(f"{user.pk}:{secret}")


def setup_address(*, user: User, secret: str) -> str:
    """Return the ``otpauth`` address that an app reads from a picture."""
    return pyotp.TOTP(secret).provisioning_uri(name=user.username, issuer_name="Muster")


def offered_secret(*, actor: Actor, sealed: str) -> str:
    """Return the secret inside of an offer to this very person.

    Raises:
        Invalid: it is somebody else's, too old, or none.
    """
    user = herself(actor)
    try:
        owner, _, secret = seal.unseal(sealed, max_age=SETUP_SECONDS).partition(":")
    except seal.Unreadable:
        owner = secret = ""
    if owner != str(user.pk):
        raise Invalid("This took too long. Begin again", field="sealed")
    return secret


@transaction.atomic
def add_authenticator_app(*, actor: Actor, sealed: str, code: str) -> list[str]:
    """Set up an authenticator app that shows this code now; return new recovery codes if she had none.

    With her first second factor every session of hers ends; the door begins a new one.

    Raises:
        FreshLoginRequired: she signed in long ago.
        Invalid: the code is wrong, or the offer too old.
        Conflict: she has an app already.
    """
    user = hold(herself(actor))
    secret = offered_secret(actor=actor, sealed=sealed)
    step = _step_of(secret, code)
    if step is None:
        raise Invalid("The app shows another code by now, or its clock is wrong", field="code")
    is_first = not has_second_factor(user=user)
    app = AuthenticatorApp(user=user, secret_sealed=seal.seal(secret), last_step=step)
    insert(app, taken=say("Remove the authenticator app that is set up first"))
    record(USER_ADD_AUTHENTICATOR, actor=actor, namespace=user.namespace)
    tell_owner(actor=actor, user=user, event="app_added")
    return begin_second_factor(actor, user) if is_first else []


@transaction.atomic
def remove_authenticator_app(*, actor: Actor) -> None:
    """Take the acting person's authenticator app away; recovery codes go with the last second factor.

    Raises:
        FreshLoginRequired: she signed in long ago.
        NotFound: she has none.
    """
    user = hold(herself(actor))
    gone, _ = AuthenticatorApp.objects.filter(user=user).delete()
    if not gone:
        raise NotFound("No authenticator app is set up")
    record(USER_REMOVE_AUTHENTICATOR, actor=actor, namespace=user.namespace)
    tell_owner(actor=actor, user=user, event="app_removed")
    forget_codes_without_use(user)


def _step_of(secret: str, code: str) -> int | None:
    """Return the half minute whose code this is, of those around now."""
    typed = code.replace(" ", "")
    if len(typed) != DIGITS or not typed.isascii() or not typed.isdigit():
        return None
    totp, now = pyotp.TOTP(secret), int(timezone.now().timestamp()) // STEP_SECONDS
    fits = [
        step
        for step in range(now - STEPS_AROUND, now + STEPS_AROUND + 1)
        if hmac.compare_digest(totp.generate_otp(step), typed)
    ]
    return fits[-1] if fits else None


# Recovery codes ------------------------------------------------------------------------------------------


@transaction.atomic
def make_recovery_codes(*, actor: Actor) -> list[str]:
    """Make ten new recovery codes of the acting person, in place of the old ones; they are kept as digests.

    Raises:
        FreshLoginRequired: she signed in long ago.
        Conflict: she has no second factor that they could stand for.
    """
    user = hold(herself(actor))
    if not has_second_factor(user=user):
        raise Conflict("Set up an authenticator app or a passkey first")
    codes = _new_codes(actor, user)
    tell_owner(actor=actor, user=user, event="codes_made")
    return codes


def begin_second_factor(actor: Actor, user: User) -> list[str]:
    """Do what the first second factor brings: recovery codes, and the end of sessions begun without it.

    A part of what adds one.
    """
    User.objects.filter(pk=user.pk).update(session_epoch=F("session_epoch") + 1)
    return _new_codes(actor, user)


def _new_codes(actor: Actor, user: User) -> list[str]:
    RecoveryCode.objects.filter(user=user).delete()
    codes = [_new_code() for _ in range(CODES)]
    RecoveryCode.objects.bulk_create(RecoveryCode(user=user, digest=_digest(user, code)) for code in codes)
    record(USER_MAKE_RECOVERY_CODES, actor=actor, namespace=user.namespace, count=CODES)
    return codes


def _new_code() -> str:
    letters = "".join(secrets.choice(LETTERS) for _ in range(2 * HALF))
    return f"{letters[:HALF]}-{letters[HALF:]}"


def _digest(user: User, code: str) -> bytes:
    plain = "".join(letter for letter in code.casefold() if letter.isalnum())
    return seal.digest(f"recovery:{user.pk}:{plain}")


def forget_codes_without_use(user: User) -> None:
    """Delete recovery codes of who has no second factor any more; a part of what removes one."""
    if not has_second_factor(user=user):
        RecoveryCode.objects.filter(user=user).delete()


# Using them ----------------------------------------------------------------------------------------------


def use_code(*, actor: Actor, user: User, code: str, recovery: bool = True) -> str:
    """Use a code of a person up; return which factor it was, ``app`` or ``recovery``.

    Not one transaction: a wrong code must stay recorded. A code works once, whoever races for it.

    Raises:
        BadCredentials: it is wrong, or was used.
        TooManyRequests: five were wrong from this address within five minutes; or twenty within an hour, and
            she was not signed in from this address before.
    """

    def compare() -> str:
        if _use_app(user, code):
            return "app"
        return "recovery" if recovery and _use_recovery(actor, user, code) else ""

    return guarded(actor, user, compare)


def guarded(actor: Actor, user: User, compare: Callable[[], str]) -> str:
    """Return what ``compare`` finds, with guessing bounded and failures remembered; to find nothing is one.

    The try is counted before it is made, so that no race makes more of them.
    """
    source, now = source_of(actor.ip), timezone.now()
    attempt = FailedSignIn.objects.create(user=user, ip=source, at=now)
    tries = FailedSignIn.objects.filter(user=user)
    here = tries.filter(ip=source, at__gt=now - WINDOW)
    anywhere = tries.filter(at__gt=now - LONG_WINDOW)
    if here[: TRIES_PER_ADDRESS + 1].count() > TRIES_PER_ADDRESS or (
        anywhere[: TRIES_PER_PERSON + 1].count() > TRIES_PER_PERSON and not is_known(user=user, ip=actor.ip)
    ):
        attempt.delete()
        raise TooManyRequests("Too many wrong codes; wait a little", retry_after=60)
    found = compare()
    if found:
        tries.filter(ip=source).delete()
        return found
    with transaction.atomic():
        record(
            LOGIN_FAILURE,
            actor=actor,
            namespace=user.namespace,
            type="muster",
            kind="user",
            useragent=actor.user_agent,
            username=user.username,
            message="Wrong second factor",
        )
    raise BadCredentials(WRONG, field="code")


def _use_app(user: User, code: str) -> bool:
    app = AuthenticatorApp.objects.filter(user=user).first()
    step = _step_of(seal.unseal(app.secret_sealed), code) if app is not None else None
    if app is None or step is None:
        return False
    # One statement: of two who bring the same code, the second finds its step taken.
    later = AuthenticatorApp.objects.filter(pk=app.pk, last_step__lt=step)
    return bool(later.update(last_step=step, used_at=timezone.now()))


@transaction.atomic
def _use_recovery(actor: Actor, user: User, code: str) -> bool:
    living = RecoveryCode.objects.filter(user=user, used_at=None)
    if not living.filter(digest=_digest(user, code)).update(used_at=timezone.now()):
        return False
    left = living.count()
    by = replace(actor, user=user, memo={})
    record(USER_USE_RECOVERY_CODE, actor=by, namespace=user.namespace, left=left)
    tell_owner(actor=actor, user=user, event="code_used", detail=str(left))
    return True


# Resetting -----------------------------------------------------------------------------------------------


@transaction.atomic
def reset_second_factor(*, actor: Actor, user: User) -> None:
    """Take a person's second factor away, whatever it is, because she has lost it; all her sessions end.

    Raises:
        Forbidden: only superusers.
        Conflict: she has none.
    """
    require(actor, USER_MANAGE)
    hold(user, gone=say("Unknown user {username}", username=user.username))
    if not has_second_factor(user=user):
        raise Conflict(say("{username} has no second factor", username=user.username))
    AuthenticatorApp.objects.filter(user=user).delete()
    Passkey.objects.filter(user=user).delete()
    forget_codes_without_use(user)
    User.objects.filter(pk=user.pk).update(session_epoch=F("session_epoch") + 1)
    record(USER_RESET_SECOND_FACTOR, actor=actor, namespace=user.namespace, username=user.username)
    tell_owner(actor=actor, user=user, event="reset")


def herself(actor: Actor) -> User:
    """Return who acts, if she sits at a browser and has proved herself lately; asks for the right."""
    require(actor, ACCOUNT_CHANGE)
    if actor.user is None or not actor.is_session:
        raise Forbidden("The second factor is changed in the console alone")
    require_fresh(actor)
    return actor.user
