"""Questions about how people prove who they are."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.conf import settings
from django.contrib.sessions.models import Session
from django.db.models import Exists, OuterRef
from django.utils import timezone

from accounts.models import (
    AuthenticatorApp,
    BrowserSession,
    Identity,
    MailedLink,
    Passkey,
    RecoveryCode,
)
from core.errors import Unauthenticated
from permissions.catalogue import ACCOUNT_READ
from permissions.checks import named_superuser, require
from permissions.factors import with_second_factor as with_second_factor

if TYPE_CHECKING:
    from accounts.models import User
    from core.actor import Actor

SESSIONS_MAX = 100  # that are listed


class Keeper(enum.StrEnum):
    """Who tells that it is her: who keeps the password, or signs her in without one that is known here."""

    MUSTER = "muster"
    DIRECTORY = "directory"
    PROVIDER = "provider"


@dataclass
class SecondFactor:
    """What a person has beside her password; ``codes_left`` are recovery codes that were not used."""

    app: AuthenticatorApp | None
    passkeys: list[Passkey]
    codes_left: int

    @property
    def is_on(self) -> bool:
        """Tell whether a password alone does not sign her in."""
        return self.app is not None or bool(self.passkeys)


def second_factor(*, actor: Actor) -> SecondFactor:
    """Return what the acting person has beside her password; three queries."""
    require(actor, ACCOUNT_READ)
    if actor.user is None:
        raise Unauthenticated
    return factors_of(user=actor.user)


def keeper(*, actor: Actor) -> Keeper:
    """Return who tells that it is the acting person; no query for who has a password that opens here."""
    require(actor, ACCOUNT_READ)
    user, way = actor.user, settings.AUTHENTICATION
    if user is None:
        raise Unauthenticated
    if user.has_usable_password() and (way == "Database" or named_superuser(user)):
        return Keeper.MUSTER
    known = set(Identity.objects.filter(user=user).values_list("service", flat=True))
    if way == "LDAP" and (Identity.Service.LDAP in known or Identity.Service.OIDC not in known):
        return Keeper.DIRECTORY
    if settings.OIDC_ISSUER and (way == "OIDC" or Identity.Service.OIDC in known):
        return Keeper.PROVIDER
    return Keeper.MUSTER


def unproven_address(*, actor: Actor) -> str:
    """Return the acting person's address that waits for proof, if any: a new one, or the one she has."""
    require(actor, ACCOUNT_READ)
    user = actor.user
    if user is None or not (settings.MAILING and settings.VERIFY_EMAIL):
        return ""
    asked = MailedLink.objects.filter(
        user=user, purpose=MailedLink.Purpose.VERIFICATION, used_at=None, expires_at__gt=timezone.now()
    )
    link = asked.exclude(email=user.email).order_by("-pk").first()
    return link.email if link is not None else "" if user.is_verified else user.email


def own_sessions(*, actor: Actor) -> list[BrowserSession]:
    """Return where the acting person is signed in, last used first; one query."""
    require(actor, ACCOUNT_READ)
    if actor.user is None:
        raise Unauthenticated
    living = Session.objects.filter(session_key=OuterRef("session_key"), expire_date__gt=timezone.now())
    mine = BrowserSession.objects.filter(
        Exists(living), user=actor.user, auth_hash=actor.user.get_session_auth_hash()
    )
    return list(mine.order_by("-seen_at", "-pk")[:SESSIONS_MAX])


def factors_of(*, user: User) -> SecondFactor:
    """Return what a person has beside her password, for who has begun to sign in as her; three queries."""
    return SecondFactor(
        app=AuthenticatorApp.objects.filter(user=user).first(),
        passkeys=list(Passkey.objects.filter(user=user).order_by("pk")),
        codes_left=RecoveryCode.objects.filter(user=user, used_at=None).count(),
    )
