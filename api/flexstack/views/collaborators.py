"""Members of the organization in one of its projects (flexstack.md 6, operations 6, 7 and 10 to 12)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rest_framework import serializers
from rest_framework.response import Response

from api.fields import Word
from api.flexstack.constants import GRANTS, MEMBERS_MAX
from api.flexstack.paging import WINDOW, Window
from api.flexstack.shapes import collaborator_view
from api.flexstack.view import BadQuery, FlexStackView, Id
from api.openapi import describe
from api.operation import Query
from api.schemas import listed, ref
from permissions.catalogue import GRANT_CHANGE
from projects import listing, services

if TYPE_CHECKING:
    from rest_framework.request import Request

ROLE = Query("role", "Those with this role in the project", choices=tuple(GRANTS))


class NewCollaborators(serializers.Serializer[None]):
    """The body that adds members to a project."""

    member_ids = serializers.ListField(child=Id(), min_length=1, max_length=MEMBERS_MAX)


class Role(serializers.Serializer[None]):
    """The body that changes a collaborator."""

    role = Word(*GRANTS)


class Collaborators(FlexStackView):
    """``projects/{project_id}/collaborators``."""

    @describe("listCollaborators", {200: ref("CollaboratorPage")}, query=[*WINDOW, ROLE])
    def get(self, request: Request, project_id: str) -> Response:
        """Return a page of the collaborators, of one role if asked."""
        window, role = Window.of(request.query_params), request.query_params.get("role")
        if role is not None and role not in GRANTS:
            raise BadQuery(f"role must be one of {', '.join(GRANTS)}")
        project = self.project(project_id)
        found = listing.collaborators(actor=self.actor, project=project, role=GRANTS[role] if role else "")
        return window.page(found, lambda member: collaborator_view(member, project))

    @describe("addCollaborators", {201: listed(ref("Collaborator"))}, body=NewCollaborators)
    def post(self, request: Request, project_id: str) -> Response:
        """Add members as viewers; who collaborates already stays as she is. Returns all of them."""
        project = self.project(project_id, GRANT_CHANGE)
        ids = self.body(NewCollaborators)["member_ids"]
        members = listing.members(actor=self.actor, project=project, ids=ids)
        services.add_collaborators(actor=self.actor, project=project, members=members)
        found = {
            row.pk: row
            for row in listing.collaborators(actor=self.actor, project=project).filter(
                pk__in=[member.pk for member in members]
            )
        }
        return Response(
            [collaborator_view(found[one.pk], project) for one in members if one.pk in found], status=201
        )


class OneCollaborator(FlexStackView):
    """``projects/{project_id}/collaborators/{member_id}``."""

    @describe("getCollaborator", {200: ref("Collaborator")})
    def get(self, request: Request, project_id: str, member_id: str) -> Response:
        """Return a collaborator."""
        asked, project = self.uuid(member_id), self.project(project_id)
        member = listing.collaborator(actor=self.actor, project=project, id=asked)
        return Response(collaborator_view(member, project))

    @describe("updateCollaborator", {200: ref("Collaborator")}, body=Role)
    def put(self, request: Request, project_id: str, member_id: str) -> Response:
        """Change a collaborator's role; the last owner stays one."""
        asked, project = self.uuid(member_id), self.project(project_id, GRANT_CHANGE)
        role = self.body(Role)["role"]
        member = listing.collaborator(actor=self.actor, project=project, id=asked)
        services.change_collaborator(actor=self.actor, project=project, member=member, role=GRANTS[role])
        member.project_role = GRANTS[role]  # type: ignore[attr-defined]
        return Response(collaborator_view(member, project))

    @describe("removeCollaborator", {204: None})
    def delete(self, request: Request, project_id: str, member_id: str) -> Response:
        """Remove a collaborator; the last owner stays."""
        asked, project = self.uuid(member_id), self.project(project_id, GRANT_CHANGE)
        member = listing.collaborator(actor=self.actor, project=project, id=asked)
        services.remove_collaborator(actor=self.actor, project=project, member=member)
        return Response(status=204)
