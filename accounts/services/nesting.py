"""Teams inside teams."""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING

from django.db import transaction

from accounts.models import Team
from accounts.services.guards import enter
from core.db import hold, update
from core.errors import Invalid
from core.words import say
from logs.kinds import ORG_CHANGE_TEAM
from logs.record import record
from permissions.catalogue import TEAM_CHANGE
from permissions.checks import require

if TYPE_CHECKING:
    from core.actor import Actor


@transaction.atomic
def move_team(*, actor: Actor, team: Team, parent: Team | None) -> Team:
    """Put a team into another one, or into none.

    Raises:
        Forbidden: not an administrator.
        Invalid: the parent belongs to another organization, or is inside of the team.
        NotFound: somebody else deleted the team or the parent just now.
    """
    organization = team.organization
    require(actor, TEAM_CHANGE, organization)
    enter(actor, TEAM_CHANGE, organization)
    if parent is not None and parent.organization_id != organization.pk:
        raise Invalid("The parent belongs to another organization", field="parent")
    for one in sorted([team, *([parent] if parent else [])], key=attrgetter("pk")):
        hold(one, gone=say("Team {slug} not found", slug=one.slug))
    above = dict(Team.objects.filter(organization=organization).values_list("pk", "parent"))
    seen, step = {team.pk}, parent.pk if parent else None
    while step is not None:
        if step in seen:
            raise Invalid("A team cannot be inside itself", field="parent")
        seen.add(step)
        step = above.get(step)
    team.parent = parent
    update(team, "parent")
    record(ORG_CHANGE_TEAM, actor=actor, namespace=organization.namespace, team=team.slug, fields=["parent"])
    return team
