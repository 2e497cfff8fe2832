"""Organizations, their members, and their projects (cisense.md 6, operations 9 to 14)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rest_framework import serializers
from rest_framework.response import Response

from accounts import selectors, services
from api.cisense.constants import CREATED, DELETED, GIT_URL_MAX, NAME_MAX, ORGANIZATION, USER
from api.cisense.shapes import member_view, organization_detail, project_detail, project_view
from api.cisense.view import CiSenseView
from api.fields import Text, Word
from api.openapi import describe
from api.schemas import listed, ref, under
from core import publicids
from core.errors import Invalid
from permissions.catalogue import (
    MEMBER_CHANGE,
    MEMBER_REMOVE,
    ORGANIZATION_READ,
    PROJECT_CREATE,
)
from projects import selectors as project_selectors
from projects import services as project_services

if TYPE_CHECKING:
    from rest_framework.request import Request

    from accounts.models import Organization, User
    from permissions.catalogue import Right


class Contact(serializers.Serializer[None]):
    """A person named by her id."""

    user_nid = Text()


class ProjectBody(serializers.Serializer[None]):
    """The body that changes a project: whatever is sent is changed."""

    project_name = Text(trim_whitespace=True, allow_blank=False, max_length=NAME_MAX, required=False)
    project_contact = Contact(required=False)
    project_git_url = Text(max_length=GIT_URL_MAX, required=False)


class NewProject(ProjectBody):
    """The body that creates a project."""

    project_name = Text(trim_whitespace=True, allow_blank=False, max_length=NAME_MAX)
    project_contact = Contact()


class Role(serializers.Serializer[None]):
    """The body that adds or changes a member."""

    organization_role = Word("member", "administrator")


def contact(organization: Organization | None, body: dict[str, Any]) -> User | None:
    """Return the person that a body names as contact; she must be in the organization.

    Raises:
        Invalid: there is no such person, or she is not in it.
    """
    if "project_contact" not in body:
        return None
    pk = publicids.nid_pk(USER, body["project_contact"]["user_nid"])
    if pk is not None and organization is not None:
        found = selectors.insider(organization=organization, pk=pk)
        if found is not None:
            return found
    raise Invalid("The contact must be a member of the organization", field="project_contact.user_nid")


class OrganizationView(CiSenseView):
    """What the routes of one organization begin with."""

    def organization(self, nid: str, right: Right) -> Organization:
        """Return the organization of a path. Raises NotFound, Forbidden."""
        pk = self.key(ORGANIZATION, nid, "Organization")
        return selectors.organization_by_key(actor=self.actor, pk=pk, right=right)


class OneOrganization(OrganizationView):
    """``organizations/{nid}``."""

    @describe("getOrganization", {200: under("organization", ref("OrganizationDetail"))}, also=[403, 404])
    def get(self, request: Request, nid: str) -> Response:
        """Return an organization with its members."""
        organization = self.organization(nid, ORGANIZATION_READ)
        members = selectors.standings(organization=organization)
        return Response({"organization": organization_detail(organization, members)})

    @describe("deleteOrganization", {DELETED: None}, also=[403, 404, 409])
    def delete(self, request: Request, nid: str) -> Response:
        """Delete an organization with its projects."""
        services.delete_organization(actor=self.actor, organization=self.organization(nid, ORGANIZATION_READ))
        return Response(status=DELETED)


class OneMember(OrganizationView):
    """``organizations/{nid}/members/{user}``."""

    @describe("putMember", {200: under("member", ref("Member"))}, also=[403, 404, 409], body=Role)
    def put(self, request: Request, nid: str, user_nid: str) -> Response:
        """Add a person to an organization, or change her role."""
        organization = self.organization(nid, MEMBER_CHANGE)
        role = self.body(Role)["organization_role"]
        user = selectors.user_by_key(pk=self.key(USER, user_nid, "User"))
        services.set_standing(
            actor=self.actor, organization=organization, user=user, administrator=role == "administrator"
        )
        standing, *_ = selectors.standings(organization=organization, user=user)
        return Response({"member": member_view(standing)})

    @describe("removeMember", {DELETED: None}, also=[403, 404, 409])
    def delete(self, request: Request, nid: str, user_nid: str) -> Response:
        """Remove a person from an organization; the last administrator and contacts of projects stay
        (409).
        """
        organization = self.organization(nid, MEMBER_REMOVE)
        user = selectors.user_by_key(pk=self.key(USER, user_nid, "User"))
        services.end_standing(actor=self.actor, organization=organization, user=user)
        return Response(status=DELETED)


class OrganizationProjects(OrganizationView):
    """``organizations/{nid}/projects``."""

    @describe("listProjects", {200: under("projects", listed(ref("Project")))}, also=[403, 404])
    def get(self, request: Request, nid: str) -> Response:
        """List the organization's projects that the caller may see, oldest first."""
        organization = self.organization(nid, ORGANIZATION_READ)
        found = project_selectors.projects(
            actor=self.actor, namespace=organization.namespace.name, public=True
        )
        views = []
        for project in found:
            project.namespace = organization.namespace
            views.append(project_view(project))
        return Response({"projects": views})

    @describe(
        "createProject",
        {CREATED: under("project", ref("ProjectDetail"))},
        also=[403, 404, 409],
        body=NewProject,
    )
    def post(self, request: Request, nid: str) -> Response:
        """Create a project; its contact is a member of the organization."""
        organization = self.organization(nid, PROJECT_CREATE)
        body = self.body(NewProject)
        project = project_services.create_project(
            actor=self.actor,
            namespace=organization.namespace,
            name=body["project_name"],
            contact=contact(organization, body),
            git_url=body.get("project_git_url", ""),
        )
        return Response({"project": project_detail(project)}, status=CREATED)
