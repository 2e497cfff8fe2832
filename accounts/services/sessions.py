"""Signing in and out, with guessing slowed down and every failure remembered."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING

from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from accounts.models import FailedSignIn, Identity, User
from accounts.services import factors, passkeys
from accounts.services.browsers import is_known
from accounts.services.identities import enter_by_directory
from accounts.services.links import ask_for_proof, verification_is_on
from accounts.services.viewing import end_viewing
from core import seal
from core.client import source_of
from core.errors import BadCredentials, SecondFactorRequired, TooManyRequests, Unauthenticated
from core.names import fold
from core.words import say
from logs.kinds import (
    LOGIN_FAILURE,
    LOGIN_SUCCESS,
    LOGOUT_SUCCESS,
    USER_END_SESSIONS,
    USER_GENERATE_CLIENT_KEY,
)
from logs.record import record
from permissions.catalogue import ACCOUNT_CHANGE, ACCOUNT_READ, USER_MANAGE
from permissions.checks import named_superuser, require, require_herself

if TYPE_CHECKING:
    from accounts.services.passkeys import State
    from core.actor import Actor

CLIENT_KEY = "client key"
HERE = "muster"  # where a password was checked, as the log tells it
WINDOW = timedelta(minutes=5)
SEEN_GRAIN = timedelta(minutes=1)
TRIES_PER_NAME_AND_ADDRESS = 10
TRIES_PER_ADDRESS = 50
LONG_WINDOW, TRIES_PER_NAME = timedelta(hours=1), 100


NEEDS_CODE = say("A code of your authenticator app, or a recovery code, is needed as well")


def sign_in(*, actor: Actor, username: str, password: str, code: str = "") -> User:
    """Return the person whose name (or e-mail address), password and second factor these are, and log it.

    Raises:
        SecondFactorRequired: the password is right, and a code is needed as well.
        BadCredentials, TooManyRequests: as `prove`, and as `use_code`.
    """
    user, way = _proven(actor, username, password)
    factor = ""
    if factors.has_second_factor(user=user):
        if not code:
            raise SecondFactorRequired(NEEDS_CODE)
        factor = factors.use_code(actor=actor, user=user, code=code)
    _note_success(actor, user, username, way, factor)
    return user


def begin_sign_in(*, actor: Actor, username: str, password: str) -> tuple[User, bool]:
    """Return whose name and password these are, and whether she is in; if not, her second factor is due.

    `finish_sign_in` then does the rest. Raises as `prove`.
    """
    user, way = _proven(actor, username, password)
    if factors.has_second_factor(user=user):
        return user, False
    _note_success(actor, user, username, way)
    return user, True


def finish_sign_in(
    *, actor: Actor, user: User, code: str = "", answer: str = "", host: str = "", state: State | None = None
) -> None:
    """Let somebody in who has begun to sign in, by a code, or by a passkey's ``answer``, and log it.

    Raises:
        BadCredentials, TooManyRequests: as `use_code` and `use_passkey`; or she was disabled meanwhile.
    """
    if not user.is_active or user.deleted_at is not None:
        raise BadCredentials("Invalid user name or password")
    if answer:
        factor = passkeys.use_passkey(actor=actor, user=user, host=host, state=state or {}, answer=answer)
    else:
        factor = factors.use_code(actor=actor, user=user, code=code)
    _note_success(actor, user, user.username, HERE, factor)


def sign_in_by_passkey(*, actor: Actor, host: str, state: State, answer: str) -> User:
    """Return whose passkey gave this answer, without a password, and log it.

    The challenge has asked for a finger or a PIN, so that the passkey stands for both factors.

    Raises:
        BadCredentials: it is nobody's, or hers whom a directory or a provider signs in; or, with
            ``details["unverified"]``, her address is not proven.
        TooManyRequests: as `prove` and `use_passkey`.
    """
    source = source_of(actor.ip)
    slow_down("", source)
    user = passkeys.owner_of_answer(host=host, answer=answer) if passkeys.stands_alone(state) else None
    if user is None or not passkeys.opens_without_password(user):
        with transaction.atomic():
            FailedSignIn.objects.create(ip=source)
            told = {"type": HERE, "kind": "user", "useragent": actor.user_agent}
            record(LOGIN_FAILURE, actor=actor, metadata=told | {"message": "Unknown passkey"})
        raise BadCredentials(passkeys.REFUSED)
    factor = passkeys.use_passkey(actor=actor, user=user, host=host, state=state, answer=answer)
    if not user.is_verified and verification_is_on():
        _refuse_unverified(actor, user)
    _note_success(actor, user, user.username, HERE, factor)
    return user


def _note_success(actor: Actor, user: User, username: str, way: str, factor: str = "") -> None:
    with transaction.atomic():
        record_sign_in(actor=actor, user=user, way=way, factor=factor)
        name = fold(username.strip())[:255]
        FailedSignIn.objects.filter(name=name, user=None, ip=source_of(actor.ip)).delete()


def prove(*, actor: Actor, username: str, password: str) -> User:
    """Return the person whose name (or e-mail address) and password these are; only failures are logged.

    Not one transaction: a refused sign-in must stay recorded. Who has a second factor proves herself
    elsewhere: this way has no place for it.

    Raises:
        SecondFactorRequired: she has a second factor.
        BadCredentials: wrong name or password, or she is disabled; the answer does not tell which. Or, with
            ``details["unverified"]``, both are right and her address is not proven: another link is mailed.
        Unreachable: the directory that checks passwords is down.
        TooManyRequests: ten failures within five minutes for this name from this address, or fifty from it;
            or a hundred for the name within an hour, and she was not signed in from this address before.
    """
    user, _ = _proven(actor, username, password)
    if factors.has_second_factor(user=user):
        raise SecondFactorRequired(NEEDS_CODE)
    return user


def _proven(actor: Actor, username: str, password: str) -> tuple[User, str]:
    """Return who has proven herself, and who was asked."""
    # By what was typed, not by whom it means: else a name that is slowed down would tell its address.
    name, source = fold(username.strip())[:255], source_of(actor.ip)
    slow_down(name, source)
    known = User.objects.by_login(username)
    user, way = _confirmed(actor, known, username, password)
    if user is None:
        with transaction.atomic():
            FailedSignIn.objects.create(name=name, ip=source)
            record(
                LOGIN_FAILURE,
                actor=actor,
                namespace=known.namespace if known else None,
                type=way,
                kind="user",
                useragent=actor.user_agent,
                username=name,
                message="Invalid name or password",
            )
        raise BadCredentials("Invalid user name or password")
    if way == HERE and not user.is_verified and verification_is_on():
        _refuse_unverified(actor, user)
    return user, way


def _confirmed(actor: Actor, known: User | None, login: str, password: str) -> tuple[User | None, str]:
    """Return whose name and password these are, or nobody; and who was asked.

    Where others check passwords, those kept here open for superusers alone: the way in on a bad day.
    """
    here = settings.AUTHENTICATION == "Database"
    if known is not None and not here and not (named_superuser(known) and known.has_usable_password()):
        known = None
    if known is not None and known.check_password(password) and known.is_active:
        return known, HERE
    if settings.AUTHENTICATION == "LDAP":
        return enter_by_directory(actor=actor, login=login.strip(), password=password), "ldap"
    if known is None:
        make_password(password)  # as long as a check takes, so that unknown names are not told by the clock
    return None, HERE


def _refuse_unverified(actor: Actor, user: User) -> None:
    with transaction.atomic():
        record(
            LOGIN_FAILURE,
            actor=actor,
            namespace=user.namespace,
            type="muster",
            kind="user",
            useragent=actor.user_agent,
            username=user.username,
            message="The e-mail address is not verified",
        )
        ask_for_proof(actor=actor, user=user, email=user.email)
    raise BadCredentials(
        "Verify your e-mail address first, by the link that was mailed to it", unverified=True
    )


def record_sign_in(*, actor: Actor, user: User, way: str = HERE, factor: str = "") -> None:
    """Log that a person signed in. Django's own ``login`` then makes the session."""
    told = {"type": way, "useragent": actor.user_agent} | ({"factor": factor} if factor else {})
    record(LOGIN_SUCCESS, actor=_as(actor, user), namespace=user.namespace, metadata=told)


def verify_password(*, actor: Actor, password: str) -> None:
    """Let the acting person prove again that it is her, for sensitive actions.

    Raises:
        BadCredentials: the password is wrong.
        Forbidden: an operator views Muster as her.
        TooManyRequests: too many tries.
    """
    require(actor, ACCOUNT_READ)
    require_herself(actor)
    if actor.user is None:
        raise Unauthenticated
    login = actor.user.username
    if settings.AUTHENTICATION == "LDAP":
        # The directory may call her otherwise, and somebody else by her name here.
        linked = Identity.objects.filter(user=actor.user, service=Identity.Service.LDAP).first()
        login = linked.login if linked is not None else login
    user, way = _proven(actor, login, password)
    if user.pk != actor.user.pk:
        raise BadCredentials("Invalid user name or password")
    _note_success(actor, user, login, way)


def prove_again(
    *, actor: Actor, proof: str = "", answer: str = "", host: str = "", state: State | None = None
) -> None:
    """Let the acting person prove again that it is her: by her password, a code of her app, or a passkey.

    Raises:
        BadCredentials: it is none of these, or the code was used.
        Forbidden: an operator views Muster as her.
        TooManyRequests: too many tries.
    """
    require(actor, ACCOUNT_READ)
    require_herself(actor)
    if actor.user is None:
        raise Unauthenticated
    if answer:
        factor = passkeys.use_passkey(
            actor=actor, user=actor.user, host=host, state=state or {}, answer=answer
        )
        _note_success(actor, actor.user, actor.user.username, HERE, factor)
        return
    digits = proof.replace(" ", "")
    # No password is so short.
    if len(digits) == factors.DIGITS and digits.isdigit() and factors.has_second_factor(user=actor.user):
        factor = factors.use_code(actor=actor, user=actor.user, code=digits, recovery=False)
        _note_success(actor, actor.user, actor.user.username, HERE, factor)
        return
    verify_password(actor=actor, password=proof)


def make_client_key(*, actor: Actor, password: str) -> str:
    """Return the acting person's password sealed, for clients that keep it in a file (quay-a.md 6.4).

    Only this instance opens it, and a new password ends it.

    Raises:
        BadCredentials, TooManyRequests: as `verify_password`.
    """
    require(actor, ACCOUNT_CHANGE)
    verify_password(actor=actor, password=password)
    if actor.user is None:
        raise Unauthenticated
    with transaction.atomic():
        record(USER_GENERATE_CLIENT_KEY, actor=actor, namespace=actor.user.namespace)
    return seal.seal(password, purpose=CLIENT_KEY)


def password_of(secret: str) -> str:
    """Return the password inside of a client key; anything else is a password itself."""
    # Keys were once sealed for no purpose; clients keep theirs in files.
    for purpose in (CLIENT_KEY, ""):
        with suppress(seal.Unreadable):
            return seal.unseal(secret, purpose=purpose)
    return secret


@transaction.atomic
def sign_out(*, actor: Actor) -> None:
    """End all sessions of the acting person, everywhere (quay-a.md 3.2). Nobody signed in is no error."""
    if actor.user is None:
        return
    require(actor, ACCOUNT_READ)
    if actor.operator is not None:
        # The sessions of whom an operator views are not hers to end; the door ends her own.
        end_viewing(actor=actor)
        return
    User.objects.filter(pk=actor.user.pk).update(session_epoch=F("session_epoch") + 1)
    record(LOGOUT_SUCCESS, actor=actor, namespace=actor.user.namespace)


@transaction.atomic
def end_sessions(*, actor: Actor, user: User) -> None:
    """End all sessions of a person, everywhere; her tokens go on working.

    Superusers may do so to each other: a stolen session of one must not outlast its discovery.

    Raises:
        Forbidden: only superusers.
    """
    require(actor, USER_MANAGE)
    User.objects.filter(pk=user.pk).update(session_epoch=F("session_epoch") + 1)
    record(USER_END_SESSIONS, actor=actor, namespace=user.namespace, username=user.username)


def slow_down(name: str, ip: str | None) -> None:
    """Refuse a try where too many have failed: for a name from an address, from it, or for the name.

    A building block: the caller notes what fails as a `FailedSignIn`. Raises TooManyRequests.
    """
    since = timezone.now() - WINDOW
    recent = FailedSignIn.objects.filter(ip=ip, at__gt=since)
    by_name = recent.filter(name=name)[:TRIES_PER_NAME_AND_ADDRESS].count()
    if by_name >= TRIES_PER_NAME_AND_ADDRESS or recent[:TRIES_PER_ADDRESS].count() >= TRIES_PER_ADDRESS:
        raise TooManyRequests("Too many failed sign-ins; wait a little", retry_after=60)
    # One name is guessed at from many addresses, too. Where she was signed in lately she is not slowed down.
    anywhere = FailedSignIn.objects.filter(name=name, user=None, at__gt=timezone.now() - LONG_WINDOW)
    if name and anywhere[:TRIES_PER_NAME].count() >= TRIES_PER_NAME:
        meant = User.objects.by_login(name)
        if meant is None or not is_known(user=meant, ip=ip):
            raise TooManyRequests("Too many failed sign-ins; wait a little", retry_after=600)


def _as(actor: Actor, user: User) -> Actor:
    from dataclasses import replace

    return replace(actor, user=user, memo={})


def note_presence(*, actor: Actor) -> None:
    """Note that a person is here by her browser, at most once a minute."""
    user, now = actor.user, timezone.now()
    if user is None or actor.operator is not None or not actor.is_session:
        return
    last = max((at for at in (user.seen_at, user.last_login) if at is not None), default=None)
    if last is None or last <= now - SEEN_GRAIN:
        unseen = Q(seen_at=None) | Q(seen_at__lte=now - SEEN_GRAIN)
        User.objects.filter(unseen, pk=user.pk).update(seen_at=now)
