"""Single projects (cisense.md 6, operations 15 to 17)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rest_framework.response import Response

from api.cisense.constants import DELETED, PROJECT
from api.cisense.shapes import project_detail
from api.cisense.view import CiSenseView
from api.cisense.views.organizations import ProjectBody, contact
from api.openapi import describe
from api.schemas import ref, under
from permissions.catalogue import PROJECT_CHANGE, PROJECT_DELETE, PROJECT_READ
from projects import selectors, services

if TYPE_CHECKING:
    from rest_framework.request import Request

    from permissions.catalogue import Right
    from projects.models import Project

# key of the body -> field of the project
FIELDS = {"project_name": "name", "project_git_url": "git_url"}


class OneProject(CiSenseView):
    """``projects/{nid}``."""

    def project(self, nid: str, right: Right) -> Project:
        """Return the project of a path. Raises NotFound, Forbidden."""
        return selectors.project_by_key(actor=self.actor, pk=self.key(PROJECT, nid, "Project"), right=right)

    @describe("getProject", {200: under("project", ref("ProjectDetail"))}, also=[403, 404])
    def get(self, request: Request, nid: str) -> Response:
        """Return a project."""
        return Response({"project": project_detail(self.project(nid, PROJECT_READ))})

    @describe(
        "changeProject", {200: under("project", ref("ProjectDetail"))}, also=[403, 404, 409], body=ProjectBody
    )
    def post(self, request: Request, nid: str) -> Response:
        """Change the keys of a project that are sent; an empty object changes nothing."""
        project = self.project(nid, PROJECT_CHANGE)
        body = self.body(ProjectBody)
        changes = {FIELDS[key]: value for key, value in body.items() if key in FIELDS}
        space = project.namespace
        person = contact(space.organization if space.kind == "organization" else None, body)
        if person is not None:
            changes["contact"] = person
        project = services.change_project(actor=self.actor, project=project, changes=changes)
        return Response({"project": project_detail(project)})

    @describe("deleteProject", {DELETED: None}, also=[403, 404, 409])
    def delete(self, request: Request, nid: str) -> Response:
        """Delete a project."""
        services.delete_project(actor=self.actor, project=self.project(nid, PROJECT_DELETE))
        return Response(status=DELETED)
