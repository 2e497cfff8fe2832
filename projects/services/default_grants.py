"""What new projects of an organization are granted at birth."""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING, Any

from django.core.exceptions import ObjectDoesNotExist
from django.db import transaction

from accounts.services.guards import enter
from core.db import Row, hold, insert, update
from core.errors import Invalid, NotFound
from core.words import say
from logs.kinds import CREATE_PROTOTYPE, DELETE_PROTOTYPE, MODIFY_PROTOTYPE
from logs.record import record
from permissions.catalogue import DEFAULT_GRANT_CHANGE, ProjectRole
from permissions.checks import require
from permissions.models import DefaultGrant

if TYPE_CHECKING:
    from accounts.models import Organization, Robot, Team, User
    from core.actor import Actor


@transaction.atomic
def create_default_grant(
    *,
    actor: Actor,
    organization: Organization,
    role: str,
    user: User | None = None,
    team: Team | None = None,
    robot: Robot | None = None,
    activating_user: User | None = None,
    activating_robot: Robot | None = None,
) -> DefaultGrant:
    """Add a default grant for exactly one user, team or robot (quay-a.md 9).

    Raises:
        Forbidden: not an administrator.
        Invalid: unknown role, or a team or robot of another organization.
        NotFound: the organization, or somebody in the rule, was deleted just now.
    """
    require(actor, DEFAULT_GRANT_CHANGE, organization)
    _check_role(role)
    if sum(holder is not None for holder in (user, team, robot)) != 1:
        raise Invalid("A default permission is for exactly one user, team or robot")
    if team is not None and team.organization_id != organization.pk:
        raise Invalid("The team belongs to another organization", field="delegate")
    for one in (robot, activating_robot):
        if one is not None and one.namespace_id != organization.namespace_id:
            raise Invalid("The robot belongs to another namespace", field="delegate")
    for person in _in_order(user, activating_user):
        hold(person)
    enter(actor, DEFAULT_GRANT_CHANGE, organization)
    if team is not None:
        hold(team)
    for machine in _in_order(robot, activating_robot):
        hold(machine)
    rule = DefaultGrant(
        organization=organization,
        role=role,
        user=user,
        team=team,
        robot=robot,
        activating_user=activating_user,
        activating_robot=activating_robot,
    )
    insert(rule, taken=say("The default permission exists already"))
    record(CREATE_PROTOTYPE, actor=actor, namespace=organization.namespace, metadata=_told(actor, rule))
    return rule


@transaction.atomic
def change_default_grant(*, actor: Actor, rule: DefaultGrant, role: str) -> DefaultGrant:
    """Change the role of a default grant; projects that exist keep what they have."""
    organization = rule.organization
    require(actor, DEFAULT_GRANT_CHANGE, organization)
    _check_role(role)
    original, rule.role = rule.role, role
    update(rule, "role")
    told = _told(actor, rule) | {"original_role": original}
    record(MODIFY_PROTOTYPE, actor=actor, namespace=organization.namespace, metadata=told)
    return rule


@transaction.atomic
def delete_default_grant(*, actor: Actor, rule: DefaultGrant) -> None:
    """Remove a default grant; projects that exist keep what they have.

    Raises:
        NotFound: it is not there any more, and perhaps its holder neither.
    """
    organization = rule.organization
    require(actor, DEFAULT_GRANT_CHANGE, organization)
    try:
        told = _told(actor, rule)
        gone, _ = DefaultGrant.objects.filter(pk=rule.pk).delete()
    except ObjectDoesNotExist:  # a holder who is gone took it along
        gone = 0
    if not gone:
        raise NotFound("There is no such default permission")
    record(DELETE_PROTOTYPE, actor=actor, namespace=organization.namespace, metadata=told)


def _in_order(*rows: Row | None) -> list[Row]:
    """Return the rows that are there, each once, in the order in which all are held."""
    return sorted({row for row in rows if row is not None}, key=attrgetter("pk"))


def _check_role(role: str) -> None:
    if role not in ProjectRole.values:
        raise Invalid(say("Unknown role {role!r}", role=role), field="role")


def _told(actor: Actor, rule: DefaultGrant) -> dict[str, Any]:
    activating = rule.activating_user.username if rule.activating_user else None
    if rule.activating_robot is not None:
        activating = rule.activating_robot.full_name
    told: dict[str, Any] = {
        "prototypeid": str(rule.uuid),
        "username": actor.user.username if actor.user else "system",
        "activating_username": activating,
        "role": rule.role,
    }
    if rule.team is not None:
        return told | {"delegate_team": rule.team.slug}
    holder = rule.user.username if rule.user else rule.robot.full_name if rule.robot else ""
    return told | {"delegate_user": holder}
