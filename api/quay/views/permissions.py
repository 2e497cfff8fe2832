"""Who may do what in a repository (quay-b.md 2)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rest_framework import serializers
from rest_framework.response import Response

from accounts import selectors as accounts
from api.fields import Word
from api.quay.errors import API, MESSAGE
from api.quay.operation import operation
from api.quay.shapes import entity, team_avatar
from api.quay.views.repositories import RepositoryPart
from core.errors import NotFound
from permissions.catalogue import GRANT_CHANGE, PROJECT_ADMINISTER, Scope
from projects import selectors, services

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rest_framework.request import Request

    from api.quay.errors import Shape
    from permissions.models import Grant
    from projects.models import Project

# Nobody holds anything in a repository that is missing: clients expect the empty object (2).
NOBODY: dict[str, tuple[int, Shape]] = {"get not_found:project": (200, {"permissions": {}})}


def person_views(project: Project, grants: Iterable[Grant]) -> list[dict[str, Any]]:
    """Return grants of people and robots; ``is_org_member`` is told in organizations alone."""
    held = list(grants)
    namespace = project.namespace
    people = {grant.user_id for grant in held if grant.user_id is not None}
    inside: set[int] = set()
    if namespace.kind == "organization" and people:
        inside = accounts.inside(organization=namespace.organization, users=people)
    views = []
    for grant in held:
        who = entity(grant.user, grant.robot)
        view = {"role": grant.role} | {key: who[key] for key in ("name", "is_robot", "avatar")}
        if namespace.kind == "organization":
            view["is_org_member"] = grant.robot_id is not None or grant.user_id in inside
        views.append(view)
    return views


def team_grant_view(grant: Grant) -> dict[str, Any]:
    """Return a team's grant."""
    if grant.team is None:
        return {}
    return {"role": grant.role, "name": grant.team.slug, "avatar": team_avatar(grant.team)}


class Role(serializers.Serializer[None]):
    """The body that grants a role."""

    role = Word("read", "write", "admin")


class UserPermissions(RepositoryPart):
    """``permissions/user/``."""

    errors = NOBODY

    @operation("listRepoUserPermissions", "permission", scopes=[Scope.REPO_ADMIN])
    def get(self, request: Request, repository: str) -> Response:
        """List the people and robots with a permission of their own, by name."""
        project = self.project(repository, PROJECT_ADMINISTER)
        grants = selectors.grants(actor=self.actor, project=project).filter(team=None)
        return Response({"permissions": {view["name"]: view for view in person_views(project, grants)}})


class UserPermission(RepositoryPart):
    """``permissions/user/{username}``, where a robot is addressed by its full name."""

    errors = {
        "get not_found:grant": (400, MESSAGE),
        "not_found:grant": (400, API),
        "not_found:user": (400, API),
        "not_found:robot": (400, API),
    }

    @operation("getUserPermissions", "permission", scopes=[Scope.REPO_ADMIN], also=[400, 404])
    def get(self, request: Request, repository: str, username: str) -> Response:
        """Return the permission of one person or robot in the repository; none is a 400."""
        project = self.project(repository, PROJECT_ADMINISTER)
        grant = selectors.grant_of_person(actor=self.actor, project=project, name=username)
        return Response(person_views(project, [grant])[0])

    @operation("changeUserPermissions", "permission", scopes=[Scope.REPO_ADMIN], body=Role, also=[404])
    def put(self, request: Request, repository: str, username: str) -> Response:
        """Grant a person or a robot a role in the repository, whether or not there was one."""
        project = self.project(repository, GRANT_CHANGE)
        body = self.body(Role)
        user, robot = selectors.holder(project=project, name=username)
        grant = services.set_grant(
            actor=self.actor, project=project, user=user, robot=robot, role=body["role"]
        )
        return Response(person_views(project, [grant])[0])

    @operation("deleteUserPermissions", "permission", scopes=[Scope.REPO_ADMIN], success=204, also=[400, 404])
    def delete(self, request: Request, repository: str, username: str) -> Response:
        """Take a person's or a robot's permission back; none is a 400."""
        project = self.project(repository, GRANT_CHANGE)
        grant = selectors.grant_of_person(actor=self.actor, project=project, name=username)
        services.revoke_grant(actor=self.actor, project=project, user=grant.user, robot=grant.robot)
        return Response(status=204)


class TransitivePermission(RepositoryPart):
    """``permissions/user/{username}/transitive``."""

    @operation("getUserTransitivePermission", "permission", scopes=[Scope.REPO_ADMIN], also=[404])
    def get(self, request: Request, repository: str, username: str) -> Response:
        """Return every role that somebody holds in the repository, by a permission of her own or of a
        team; none is a 404.
        """
        project = self.project(repository, PROJECT_ADMINISTER)
        user, robot = selectors.holder(project=project, name=username)
        found = selectors.reach(actor=self.actor, project=project, user=user, robot=robot)
        if not found:
            raise NotFound("User does not have permission for repo.", absent="grant")
        return Response({"permissions": [{"role": one.role} for one in found]})


class TeamPermissions(RepositoryPart):
    """``permissions/team/``."""

    errors = NOBODY

    @operation("listRepoTeamPermissions", "permission", scopes=[Scope.REPO_ADMIN])
    def get(self, request: Request, repository: str) -> Response:
        """Return the teams with a permission, by name."""
        project = self.project(repository, PROJECT_ADMINISTER)
        grants = selectors.grants(actor=self.actor, project=project).filter(team__isnull=False)
        views = [team_grant_view(grant) for grant in grants]
        return Response({"permissions": {view["name"]: view for view in views}})


class TeamPermission(RepositoryPart):
    """``permissions/team/{teamname}``."""

    errors = {
        "get not_found:grant": (400, MESSAGE),
        "not_found:grant": (400, API),
        "not_found:team": (400, API),
    }

    @operation("getTeamPermissions", "permission", scopes=[Scope.REPO_ADMIN], also=[400, 404])
    def get(self, request: Request, repository: str, teamname: str) -> Response:
        """Return the role of one team in the repository; none is a 400."""
        project = self.project(repository, PROJECT_ADMINISTER)
        grant = selectors.grant_of_team(actor=self.actor, project=project, name=teamname)
        return Response({"role": grant.role})

    @operation("changeTeamPermissions", "permission", scopes=[Scope.REPO_ADMIN], body=Role, also=[404])
    def put(self, request: Request, repository: str, teamname: str) -> Response:
        """Grant a team of the same organization a role in the repository."""
        project = self.project(repository, GRANT_CHANGE)
        body = self.body(Role)
        team = selectors.team_beside(project=project, name=teamname)
        grant = services.set_grant(actor=self.actor, project=project, team=team, role=body["role"])
        return Response(team_grant_view(grant))

    @operation("deleteTeamPermissions", "permission", scopes=[Scope.REPO_ADMIN], success=204, also=[400, 404])
    def delete(self, request: Request, repository: str, teamname: str) -> Response:
        """Take the team's permission back; none is a 400."""
        project = self.project(repository, GRANT_CHANGE)
        grant = selectors.grant_of_team(actor=self.actor, project=project, name=teamname)
        services.revoke_grant(actor=self.actor, project=project, team=grant.team)
        return Response(status=204)
