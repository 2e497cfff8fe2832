"""Projects (flexstack.md 6, operations 1 to 5, 8 and 9)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rest_framework import serializers
from rest_framework.response import Response

from accounts import selectors as accounts
from api.fields import Text
from api.flexstack.constants import ICON, ICON_MAX, NAME_MAX
from api.flexstack.paging import WINDOW, Window
from api.flexstack.shapes import held_view, project_view
from api.flexstack.view import FlexStackView, Id
from api.openapi import describe
from api.schemas import ref
from core.errors import Invalid
from permissions.catalogue import PROJECT_CONNECT, PROJECT_DELETE, PROJECT_WRITE
from projects import services
from projects.listed import page_of_held

if TYPE_CHECKING:
    from uuid import UUID

    from rest_framework.request import Request

    from accounts.models import Organization
    from core.actor import Actor


class Icon(Text):
    """Where a picture is: a name, an emoji or an address, told apart by what stands before the colon."""

    def to_internal_value(self, data: Any) -> str:
        """Refuse every other form."""
        text = super().to_internal_value(data)
        if not ICON.fullmatch(text):
            raise serializers.ValidationError("an icon is icon:…, emoji:… or url:…")
        return text


class ProjectBody(serializers.Serializer[None]):
    """The body that replaces a project: what is not sent is reset."""

    name = Text(trim_whitespace=True, allow_blank=False, max_length=NAME_MAX)
    description = Text(required=False, allow_null=True)
    icon = Icon(required=False, allow_null=True, allow_blank=False, max_length=ICON_MAX)
    default_environment_id = Id(required=False, allow_null=True)


class NewProject(serializers.Serializer[None]):
    """The body that creates a project."""

    name = Text(trim_whitespace=True, allow_blank=False, max_length=NAME_MAX)
    description = Text(required=False, allow_null=True)
    icon = Icon(required=False, allow_null=True, allow_blank=False, max_length=ICON_MAX)
    org_id = Id(required=False, allow_null=True)


def projects_page(window: Window, *, actor: Actor, organization: Organization | None = None) -> Response:
    """Return a page of the projects on which the caller holds a role."""
    found = page_of_held(
        actor=actor,
        organization=organization,
        after=window.after,
        size=window.limit + 1,
        newest_first=window.newest_first,
    )
    return window.answer(found, held_view)


class Projects(FlexStackView):
    """``projects``."""

    @describe("listProjects", {200: ref("ProjectPage")}, query=WINDOW)
    def get(self, request: Request) -> Response:
        """Return a page of the projects on which the caller holds a role, in all her organizations."""
        return projects_page(Window.of(request.query_params), actor=self.actor)

    @describe("createProject", {201: ref("Project")}, body=NewProject)
    def post(self, request: Request) -> Response:
        """Create a project in the organization behind the credentials; a person becomes its owner."""
        body = self.body(NewProject)
        project = services.create_named_project(
            actor=self.actor,
            organization=self._home(body.get("org_id")),
            name=body["name"],
            description=body.get("description") or "",
            icon=body.get("icon") or "",
        )
        return Response(project_view(project), status=201)

    def _home(self, org_id: UUID | None) -> Organization:
        """Return where a new project goes. A person with several organizations has to say which."""
        if org_id is not None:
            return self.organization(org_id)
        own = self.actor.organization
        if own is not None:
            own.namespace.organization = own
            return own
        mine = accounts.own_organizations(actor=self.actor)
        if len(mine) != 1:
            raise Invalid("it is needed from who is in none or in several organizations", field="org_id")
        found = mine[0].organization
        found.namespace.organization = found
        return found


class OrganizationProjects(FlexStackView):
    """``orgs/{org_id}/projects``."""

    @describe("listOrganizationProjects", {200: ref("ProjectPage")}, query=WINDOW)
    def get(self, request: Request, org_id: str) -> Response:
        """Return a page of the organization's projects on which the caller holds a role."""
        window = Window.of(request.query_params)
        organization = self.organization(self.uuid(org_id))
        return projects_page(window, actor=self.actor, organization=organization)


class OneProject(FlexStackView):
    """``projects/{project_id}``."""

    @describe("getProject", {200: ref("Project")})
    def get(self, request: Request, project_id: str) -> Response:
        """Return a project."""
        return Response(project_view(self.project(project_id)))

    @describe("updateProject", {200: ref("Project")}, body=ProjectBody)
    def put(self, request: Request, project_id: str) -> Response:
        """Replace a project by the whole of what is sent."""
        project = self.project(project_id, PROJECT_WRITE)
        body = self.body(ProjectBody)
        project = services.replace_project(
            actor=self.actor,
            project=project,
            name=body["name"],
            description=body.get("description") or "",
            icon=body.get("icon") or "",
            default_environment=body.get("default_environment_id"),
        )
        return Response(project_view(project))

    @describe("deleteProject", {204: None})
    def delete(self, request: Request, project_id: str) -> Response:
        """Delete a project with its collaborators and integrations."""
        services.delete_project(actor=self.actor, project=self.project(project_id, PROJECT_DELETE))
        return Response(status=204)


class Disconnection(FlexStackView):
    """``projects/{project_id}/disconnect``."""

    @describe("disconnectProject", {204: None})
    def post(self, request: Request, project_id: str) -> Response:
        """Begin to end the link to the cloud provider; without one there is nothing to do."""
        services.disconnect_project(actor=self.actor, project=self.project(project_id, PROJECT_CONNECT))
        return Response(status=204)

    @describe("disconnectProjectByPut", {204: None})
    def put(self, request: Request, project_id: str) -> Response:
        """Begin to end the link to the cloud provider, by PUT; callers do not agree about the method."""
        return self.post(request, project_id)
