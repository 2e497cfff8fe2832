"""What an organization asks of people before it gives them anything: a second factor.

`counting` is the one place that decides it of somebody who acts. `open_to` says the same to lists of what is
in many organizations, and `permissions.resolver` of many people at once. Robots and tokens of organizations
and projects are no people, and are asked for nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db.models import CharField, Exists, OuterRef, Q, QuerySet, Value

from accounts.models import AuthenticatorApp, Passkey, User

if TYPE_CHECKING:
    from collections.abc import Iterable

    from accounts.models import Organization
    from core.actor import Actor

# Rows of (role, team's slug or "", where from), so that one query can ask several tables.
Row = tuple[str, str, str]
Rows = QuerySet[Any, Row]
NO_TEAM = Value("", output_field=CharField())
FACTOR = "factor"


def with_second_factor(of: str = "pk") -> Q:
    """Return the condition that a person has a second factor; ``of`` is the column that names her."""
    return _has(OuterRef(of))


def _has(user: Any) -> Q:
    app, passkey = AuthenticatorApp.objects.filter(user=user), Passkey.objects.filter(user=user)
    return Q(Exists(app)) | Q(Exists(passkey))


def asked_of(actor: Actor, organization: Organization) -> list[Rows]:
    """Return what asks, as part of another query, whether a person has the factor that is asked of her."""
    if not organization.requires_second_factor or actor.user is None or FACTOR in actor.memo:
        return []
    hers = User.objects.filter(with_second_factor(), pk=actor.user.pk)
    return [hers.values_list(NO_TEAM, NO_TEAM, Value(FACTOR, output_field=CharField()))]


def counting(actor: Actor, organization: Organization, rows: Iterable[Row]) -> list[Row]:
    """Return what of a person's roles and grants counts: all; or nothing, while she lacks a second factor.

    ``rows`` come with the answer to `asked_of` among them.
    """
    told = list(rows)
    found = [row for row in told if row[2] != FACTOR]
    if not organization.requires_second_factor:
        return found
    has = actor.memo.setdefault(FACTOR, len(found) < len(told))
    if found and not has:
        actor.memo["withheld", organization.pk] = True
    return found if has else []


def is_withheld(actor: Actor, organization: Organization) -> bool:
    """Tell whether `counting` took something away from a person; it must have been asked before."""
    return ("withheld", organization.pk) in actor.memo


def lacks_factor(actor: Actor) -> bool:
    """Tell whether a person has no second factor; `counting` must have been asked before."""
    return actor.memo.get(FACTOR) is False


def open_to(user: Any, organization: str = "") -> Q:
    """Return the condition that what an organization gives counts for a person, who may be given by her key.

    ``organization`` is the way to it from what is asked for, which may be in none.
    """
    name = f"{organization}__requires_second_factor" if organization else "requires_second_factor"
    return ~Q(**{name: True}) | _has(user)
