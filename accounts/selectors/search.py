"""People, robots, teams and organizations by how their names begin."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from accounts.models import Namespace, Organization, Robot, Team, User
from core.names import fold, plain
from permissions.catalogue import ROBOT_LIST
from permissions.checks import check

if TYPE_CHECKING:
    from core.actor import Actor


@dataclass
class Entities:
    """What a prefix search found. ``in_organization`` tells whether it was asked for an organization."""

    users: list[User]
    robots: list[Robot]
    teams: list[Team]
    organization: Organization | None
    in_organization: bool = False


ENTITIES_MAX = 10


def entities(
    *, actor: Actor, prefix: str, namespace_name: str = "", teams: bool = False, organizations: bool = False
) -> Entities:
    """Return up to ten people and robots whose name begins with a prefix, the exact ones first (quay-b.md 7).

    Robots, and teams where asked for, are those of ``namespace_name`` and only for who is inside it. At most
    five queries.
    """
    prefix = plain(prefix).replace(" ", "")
    space = None
    if namespace_name:
        space = (
            Namespace.objects.select_related("organization", "user")
            .filter(key=fold(namespace_name), deleted_at=None)
            .first()
        )
    # In alphabetical order the exact name comes before everything that it begins.
    people = list(
        User.objects.filter(username__startswith=prefix, deleted_at=None).order_by("username")[:ENTITIES_MAX]
    )
    found = Entities(people, [], [], None)
    if space is None:
        return found
    is_inside = check(actor, ROBOT_LIST, space)
    if space.kind == Namespace.Kind.ORGANIZATION:
        organization = space.organization
        organization.namespace = space
        found.in_organization = True
        if organizations and space.name.startswith(prefix):
            found.organization = organization
        if teams and is_inside:
            groups = Team.objects.filter(organization=organization, slug__startswith=prefix)
            found.teams = list(groups.order_by("slug")[:ENTITIES_MAX])
    if is_inside:
        short = prefix.removeprefix(f"{space.name}+")
        machines = Robot.objects.filter(namespace=space, shortname__startswith=short).order_by("shortname")
        found.robots = list(machines[:ENTITIES_MAX])
        for machine in found.robots:
            machine.namespace = space
    exact = [machine for machine in found.robots if machine.shortname == short] if is_inside else []
    found.users = people[: ENTITIES_MAX - len(exact)]
    found.robots = found.robots[: ENTITIES_MAX - len(found.users)]
    return found
