"""Invitations: one's own, an organization's, a team's, and the one of a code."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db.models import Q, QuerySet
from django.utils import timezone

from accounts.models import Invitation, Organization, Team, User
from core.errors import NotFound
from core.names import fold
from permissions.catalogue import ACCOUNT_ADMINISTER, MEMBER_LIST
from permissions.checks import require

if TYPE_CHECKING:
    from collections.abc import Iterable

    from core.actor import Actor


def own_invitations(*, actor: Actor) -> QuerySet[Invitation]:
    """Return the open invitations of the acting person, or of her address if it is known to be hers."""
    require(actor, ACCOUNT_ADMINISTER)
    mine = Q(user=actor.user)
    if actor.user is not None and actor.user.email and actor.user.is_verified:
        mine |= Q(email__iexact=actor.user.email)
    return (
        Invitation.objects.filter(mine, expires_at__gt=timezone.now(), organization__deleted_at=None)
        .select_related("organization", "team", "invited_by")
        .order_by("pk")
    )


def organization_invitations(*, actor: Actor, organization: Organization) -> QuerySet[Invitation]:
    """Return an organization's unanswered invitations, expired ones among them, the newest first.

    Raises:
        Forbidden: not an administrator.
    """
    require(actor, MEMBER_LIST, organization)
    found = Invitation.objects.filter(organization=organization)
    return found.select_related("team", "user", "invited_by").order_by("-created_at", "-pk")


def organization_invitation(*, actor: Actor, organization: Organization, key: str) -> Invitation:
    """Return one unanswered invitation of an organization by its key, expired or not.

    Raises:
        Forbidden: not an administrator.
        NotFound: there is none (any more) by that key here.
    """
    found = organization_invitations(actor=actor, organization=organization)
    found = found.select_related("organization__namespace")
    one = found.filter(pk=int(key)).first() if _is_key(key) else None
    if one is None:
        raise NotFound("This invitation is answered or withdrawn", absent="invitation")
    return one


def invitations_among(
    *, actor: Actor, organization: Organization, keys: Iterable[str]
) -> QuerySet[Invitation]:
    """Return those of an organization's unanswered invitations by their keys; nonsense is left out.

    Raises:
        Forbidden: not an administrator.
    """
    known = [int(key) for key in keys if _is_key(key)]
    return organization_invitations(actor=actor, organization=organization).filter(pk__in=known)


def _is_key(key: str) -> bool:
    return key.isascii() and key.isdecimal() and len(key) < 19


def is_invited(invitation: Invitation, user: User) -> bool:
    """Tell whether an invitation whose code somebody brought is meant for her."""
    # People set their address without proving it: what proves that an invitation to an address is hers is
    # its code, which only that address was sent. The address alone must never bring the code to light.
    if invitation.user_id is not None:
        return invitation.user_id == user.pk
    return fold(invitation.email) == fold(user.email)


def invitation(*, actor: Actor, code: str) -> Invitation:
    """Return the open invitation of a code, meant for the acting person, with its organization and team.

    Raises:
        NotFound: unknown, answered, withdrawn, too old, or meant for somebody else.
    """
    require(actor, ACCOUNT_ADMINISTER)
    found = (
        Invitation.objects.filter(code=code, expires_at__gt=timezone.now(), organization__deleted_at=None)
        .select_related("organization", "team", "invited_by")
        .first()
    )
    if found is None or actor.user is None or not is_invited(found, actor.user):
        raise NotFound("This invitation is answered, withdrawn or too old, or it is for another address")
    return found


def team_invitations(*, team: Team) -> QuerySet[Invitation]:
    """Return the open invitations to a team."""
    return (
        Invitation.objects.filter(team=team, expires_at__gt=timezone.now())
        .select_related("user")
        .order_by("pk")
    )
