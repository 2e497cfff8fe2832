"""What a run may do to a thing: by the services that do it to one, and so by their rights and rules."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from accounts import services as accounts
from accounts.models import Invitation, Membership, Robot, Team
from accounts.services.syncing import NO_GROUP
from core.errors import Conflict, NotFound
from core.words import say
from permissions.catalogue import (
    CREDENTIAL_REVOKE,
    MEMBER_INVITE,
    MEMBER_REMOVE,
    ORGANIZATION_CHANGE,
    PROJECT_CHANGE,
    ROBOT_CHANGE,
    ROBOT_DELETE,
    TEAM_DELETE,
    TEAM_SYNC,
    TRASH_CHANGE,
    Right,
)
from permissions.checks import require
from projects import services as projects
from projects.models import Project
from tokens import services as tokens
from tokens.models import Credential
from trash import services as trash
from trash.models import Trashed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from accounts.models import Namespace
    from core.actor import Actor
    from trash.services import Dropped

MISSING = say("It is not here, or not any more.")
ONESELF = say("That is you: who removes many does not remove herself")
# For the lists of a run, which tell of things of one sort.
DISABLED, ENABLED = say("It is disabled already"), say("It is enabled already")
PRIVATE, SAME = say("It is private already"), say("It is so already")


class Spared(Exception):
    """Nothing is done to a thing, as it is so already; says so."""


@dataclass(frozen=True)
class Action:
    """What is done to each thing of a run, and the right without which nobody asks for it.

    ``do(actor, namespace, target)`` does it to the thing of that key, and returns what else is to be said,
    if anything; it raises Spared if that thing is so already. ``puts_away`` names the sort of things that
    lie in the trash afterwards.
    """

    right: Right
    do: Callable[[Actor, Namespace, int], str]
    puts_away: str = ""


def _remove_member(actor: Actor, namespace: Namespace, target: int) -> str:
    of = Membership.objects.filter(organization=namespace.organization, user=target)
    membership = of.select_related("user").first()
    if membership is None:
        raise NotFound(MISSING)
    if actor.user is not None and actor.user.pk == target:
        raise Conflict(ONESELF)
    accounts.remove_member(actor=actor, organization=namespace.organization, user=membership.user)
    return ""


def _invitation(namespace: Namespace, target: int) -> Invitation:
    of = Invitation.objects.filter(organization=namespace.organization, pk=target)
    found = of.select_related("organization__namespace").first()
    if found is None:
        raise NotFound(MISSING)
    return found


def _renew_invitation(actor: Actor, namespace: Namespace, target: int) -> str:
    accounts.renew_invitation(actor=actor, invitation=_invitation(namespace, target))
    return ""


def _withdraw_invitation(actor: Actor, namespace: Namespace, target: int) -> str:
    accounts.end_invitation(actor=actor, invitation=_invitation(namespace, target))
    return ""


def _team(namespace: Namespace, target: int) -> Team:
    found = Team.objects.filter(organization=namespace.organization, pk=target).first()
    if found is None:
        raise NotFound(MISSING)
    found.organization = namespace.organization
    return found


def _delete_team(actor: Actor, namespace: Namespace, target: int) -> str:
    accounts.delete_team(actor=actor, team=_team(namespace, target))
    return ""


def _sync_team(actor: Actor, namespace: Namespace, target: int) -> str:
    team = _team(namespace, target)
    require(actor, TEAM_SYNC, namespace.organization)
    if not team.sync_service:
        raise Spared(NO_GROUP)
    accounts.ask_for_team_sync(actor=actor, team=team)
    return ""


def _robot(namespace: Namespace, target: int) -> Robot:
    found = Robot.objects.filter(namespace=namespace, pk=target).first()
    if found is None:
        raise NotFound(MISSING)
    found.namespace = namespace
    return found


def _switch_robot(enabled: bool, actor: Actor, namespace: Namespace, target: int) -> str:
    robot = _robot(namespace, target)
    require(actor, ROBOT_CHANGE, namespace)
    if enabled == (robot.disabled_at is None):
        raise Spared(ENABLED if enabled else DISABLED)
    accounts.change_robot(actor=actor, robot=robot, enabled=enabled)
    return ""


def _delete_robot(actor: Actor, namespace: Namespace, target: int) -> str:
    accounts.delete_robot(actor=actor, robot=_robot(namespace, target))
    return ""


def _credential(target: int) -> Credential:
    of = Credential.objects.select_related("robot", "project", "application", "user")
    found = of.filter(pk=target, revoked_at=None).first()
    if found is None:
        raise NotFound(MISSING)
    return found  # whose it is asks its service


def _switch_credential(enabled: bool, actor: Actor, namespace: Namespace, target: int) -> str:
    try:
        tokens.set_credential_enabled(
            actor=actor, organization=namespace.organization, credential=_credential(target), enabled=enabled
        )
    except Conflict as error:
        raise Spared(error.message) from error
    return ""


def _revoke_credential(actor: Actor, namespace: Namespace, target: int) -> str:
    tokens.revoke_credential(actor=actor, organization=namespace.organization, credential=_credential(target))
    return ""


def _project(namespace: Namespace, target: int) -> Project:
    found = Project.objects.filter(namespace=namespace, pk=target, deleted_at=None).first()
    if found is None:
        raise NotFound(MISSING)
    found.namespace = namespace
    return found


def _hide_project(actor: Actor, namespace: Namespace, target: int) -> str:
    project = _project(namespace, target)
    require(actor, PROJECT_CHANGE, project)
    if project.visibility == Project.Visibility.PRIVATE:
        raise Spared(PRIVATE)
    projects.set_visibility(actor=actor, project=project, visibility=Project.Visibility.PRIVATE)
    return ""


def _set_state(state: str, actor: Actor, namespace: Namespace, target: int) -> str:
    project = _project(namespace, target)
    require(actor, PROJECT_CHANGE, project)
    if project.state == state:
        raise Spared(SAME)
    projects.set_state(actor=actor, project=project, state=state)
    return ""


def _delete_project(actor: Actor, namespace: Namespace, target: int) -> str:
    projects.delete_project(actor=actor, project=_project(namespace, target))
    return ""


RESTORE: dict[str, Callable[..., tuple[Any, list[Dropped]]]] = {
    Trashed.Kind.PROJECT: projects.restore_project,
    Trashed.Kind.TEAM: accounts.restore_team,
    Trashed.Kind.ROBOT: accounts.restore_robot,
}


def _trashed(namespace: Namespace, target: int) -> Trashed:
    found = Trashed.objects.filter(namespace=namespace, pk=target, kind__in=RESTORE).first()
    if found is None:
        raise NotFound(MISSING)
    found.namespace = namespace
    return found


def _restore(actor: Actor, namespace: Namespace, target: int) -> str:
    thing = _trashed(namespace, target)
    _made, dropped = RESTORE[thing.kind](actor=actor, thing=thing)
    return _told(dropped)


def _told(dropped: Iterable[Dropped]) -> str:
    """Say what could not come back with a thing."""
    gone = sorted({f"{one.what} of {one.whom}" if one.whom else one.what for one in dropped})
    return say("What could not come back: {things}.", things=", ".join(gone)) if gone else ""


def _purge(actor: Actor, namespace: Namespace, target: int) -> str:
    trash.purge_trashed(actor=actor, thing=_trashed(namespace, target))
    return ""


# A sort of things and a verb, as the console's lists call them.
ACTIONS: dict[str, Action] = {
    "member.remove": Action(MEMBER_REMOVE, _remove_member),
    "invitation.renew": Action(MEMBER_INVITE, _renew_invitation),
    "invitation.withdraw": Action(MEMBER_INVITE, _withdraw_invitation),
    "team.delete": Action(TEAM_DELETE, _delete_team, puts_away=Trashed.Kind.TEAM),
    "team.sync": Action(TEAM_SYNC, _sync_team),
    "robot.disable": Action(ROBOT_CHANGE, partial(_switch_robot, False)),
    "robot.enable": Action(ROBOT_CHANGE, partial(_switch_robot, True)),
    "robot.delete": Action(ROBOT_DELETE, _delete_robot, puts_away=Trashed.Kind.ROBOT),
    "credential.disable": Action(CREDENTIAL_REVOKE, partial(_switch_credential, False)),
    "credential.enable": Action(CREDENTIAL_REVOKE, partial(_switch_credential, True)),
    "credential.revoke": Action(CREDENTIAL_REVOKE, _revoke_credential),
    "project.private": Action(ORGANIZATION_CHANGE, _hide_project),
    "project.lock": Action(ORGANIZATION_CHANGE, partial(_set_state, Project.State.READ_ONLY)),
    "project.unlock": Action(ORGANIZATION_CHANGE, partial(_set_state, Project.State.NORMAL)),
    "project.delete": Action(ORGANIZATION_CHANGE, _delete_project, puts_away=Trashed.Kind.PROJECT),
    "thing.restore": Action(TRASH_CHANGE, _restore),
    "thing.purge": Action(TRASH_CHANGE, _purge),
}
