"""Questions about how people prove who they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from accounts.models import AuthenticatorApp, RecoveryCode
from core.errors import Unauthenticated
from permissions.catalogue import ACCOUNT_READ
from permissions.checks import require

if TYPE_CHECKING:
    from core.actor import Actor


@dataclass
class SecondFactor:
    """What a person has beside her password; ``codes_left`` are recovery codes that were not used."""

    app: AuthenticatorApp | None
    codes_left: int

    @property
    def is_on(self) -> bool:
        """Tell whether a password alone does not sign her in."""
        return self.app is not None


def second_factor(*, actor: Actor) -> SecondFactor:
    """Return what the acting person has beside her password; two queries."""
    require(actor, ACCOUNT_READ)
    if actor.user is None:
        raise Unauthenticated
    return SecondFactor(
        app=AuthenticatorApp.objects.filter(user=actor.user).first(),
        codes_left=RecoveryCode.objects.filter(user=actor.user, used_at=None).count(),
    )
