"""Accounts, which hold organizations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db.models import Exists, OuterRef, Q, QuerySet

from accounts.models import Account, Membership
from core.errors import NotFound
from permissions.catalogue import INSTANCE_READ
from permissions.checks import check, require

if TYPE_CHECKING:
    from core.actor import Actor


def all_accounts(*, actor: Actor) -> QuerySet[Account]:
    """Return every living group account, oldest first, for superusers and read-only superusers."""
    require(actor, INSTANCE_READ)
    return Account.objects.filter(deleted_at=None, kind=Account.Kind.GROUP).order_by("pk")


def account_by_key(*, actor: Actor, pk: int) -> Account:
    """Return a living account by its key: one's own, one that one administers or is inside of.

    Superusers see every one. Raises NotFound.
    """
    found = Account.objects.filter(pk=pk, deleted_at=None).exclude(user__deleted_at__isnull=False)
    if not check(actor, INSTANCE_READ):
        hers = Membership.objects.filter(organization__account=OuterRef("pk"), user=actor.user)
        living = hers.filter(organization__deleted_at=None)
        found = found.filter(Q(user=actor.user) | Q(administrators=actor.user) | Exists(living)).distinct()
    account = found.first()
    if account is None:
        raise NotFound("Account not found", absent="account")
    return account
