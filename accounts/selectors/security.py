"""Questions about how people prove who they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from accounts.models import AuthenticatorApp, Passkey, RecoveryCode
from core.errors import Unauthenticated
from permissions.catalogue import ACCOUNT_READ
from permissions.checks import require

if TYPE_CHECKING:
    from accounts.models import User
    from core.actor import Actor


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


def factors_of(*, user: User) -> SecondFactor:
    """Return what a person has beside her password, for who has begun to sign in as her; three queries."""
    return SecondFactor(
        app=AuthenticatorApp.objects.filter(user=user).first(),
        passkeys=list(Passkey.objects.filter(user=user).order_by("pk")),
        codes_left=RecoveryCode.objects.filter(user=user, used_at=None).count(),
    )
