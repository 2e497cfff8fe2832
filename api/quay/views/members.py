"""Who is in an organization, and who works in it from outside (quay-a.md 7.5)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rest_framework.response import Response

from accounts import selectors, services
from api.quay.errors import MESSAGE
from api.quay.operation import operation
from api.quay.shapes import entity, team_avatar
from api.quay.view import QuayView
from permissions.catalogue import MEMBER_LIST, MEMBER_REMOVE, Scope

if TYPE_CHECKING:
    from rest_framework.request import Request

    from accounts.selectors import Person


def person_view(person: Person) -> dict[str, Any]:
    """Return a person, or a robot, with teams and the projects granted to her directly."""
    who = entity(person.user, person.robot)
    return {
        "name": who["name"],
        "kind": "robot" if person.robot is not None else "user",
        "avatar": who["avatar"],
        "teams": [{"name": team.slug, "avatar": team_avatar(team)} for team in person.teams],
        "repositories": person.projects,
    }


class Members(QuayView):
    """``organization/{orgname}/members``."""

    @operation("getOrganizationMembers", "organization", scopes=[Scope.ORG_ADMIN], also=[404])
    def get(self, request: Request, orgname: str) -> Response:
        """Return the people in the organization; robots are not among them."""
        organization = self.organization(orgname, MEMBER_LIST)
        people = selectors.members(actor=self.actor, organization=organization)
        return Response({"members": [person_view(person) for person in people]})


class OneMember(QuayView):
    """``organization/{orgname}/members/{membername}``."""

    errors = {"delete conflict": (400, MESSAGE)}

    @operation("getOrganizationMember", "organization", scopes=[Scope.ORG_ADMIN], also=[404])
    def get(self, request: Request, orgname: str, membername: str) -> Response:
        """Return one person in the organization, or one of its robots."""
        organization = self.organization(orgname, MEMBER_LIST)
        person = selectors.member(actor=self.actor, organization=organization, name=membername)
        return Response(person_view(person))

    @operation(
        "removeOrganizationMember", "organization", scopes=[Scope.ORG_ADMIN], success=204, also=[400, 404]
    )
    def delete(self, request: Request, orgname: str, membername: str) -> Response:
        """Remove a person from all teams and direct grants; one who is not in it is no error."""
        organization = self.organization(orgname, MEMBER_REMOVE)
        services.remove_member(
            actor=self.actor,
            organization=organization,
            user=selectors.user(name=membername),
            teams_only=True,
        )
        return Response(status=204)


class Collaborators(QuayView):
    """``organization/{orgname}/collaborators``."""

    @operation("getOrganizationCollaborators", "organization", scopes=[Scope.ORG_ADMIN], also=[404])
    def get(self, request: Request, orgname: str) -> Response:
        """Return the people outside the organization who hold grants in it."""
        organization = self.organization(orgname, MEMBER_LIST)
        people = selectors.collaborators(actor=self.actor, organization=organization)
        views = [person_view(person) for person in people]
        for view in views:
            del view["teams"]
        return Response({"collaborators": views})
