"""Who holds a grant, as people type it and as forms keep it: a name, ``organization+robot`` or ``@team``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext_lazy

from accounts import selectors

if TYPE_CHECKING:
    from accounts.models import Organization
    from permissions.models import DefaultGrant, Grant

WHO = gettext_lazy("A user name, a robot as organization+robot, or a team as @team.")


def holder_of(organization: Organization, typed: str, *, field: str = "holder") -> dict[str, Any]:
    """Return the person, robot or team of a name, as the services take it.

    Raises:
        Invalid: there is none by that name; the message stands at ``field``.
    """
    name = typed.strip()
    if name.startswith("@"):
        return {"team": selectors.team_to_add(organization=organization, name=name[1:])}
    return dict(selectors.holder_to_add(name=name, field=field))


def holder_name(grant: Grant | DefaultGrant) -> str:
    """Return the holder of a grant as forms take it."""
    if grant.team is not None:
        return f"@{grant.team.slug}"
    return grant.robot.full_name if grant.robot is not None else str(grant.user)
