"""The routes of the FlexStack wire, below ``/v1/``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.urls import re_path

from api.flexstack.constants import COLLABORATORS, INTEGRATIONS, ORGANIZATIONS, PROJECTS
from api.flexstack.view import UnknownRoute
from api.flexstack.views import collaborators, integrations, projects

if TYPE_CHECKING:
    from django.urls import URLPattern

    from api.flexstack.view import FlexStackView

ONE = rf"{PROJECTS}/(?P<project_id>[^/]+)"


def route(pattern: str, view: type[FlexStackView]) -> URLPattern:
    """Return a route below ``/v1/``, named after its view; with a slash at the end it is none."""
    return re_path(rf"^{pattern}\Z", view.as_view(), name=f"flexstack-{view.__name__}")


urlpatterns = [
    route(PROJECTS, projects.Projects),
    route(ONE, projects.OneProject),
    route(rf"{ONE}/disconnect", projects.Disconnection),
    route(rf"{ONE}/{COLLABORATORS}", collaborators.Collaborators),
    route(rf"{ONE}/{COLLABORATORS}/(?P<member_id>[^/]+)", collaborators.OneCollaborator),
    route(rf"{ONE}/{INTEGRATIONS}", integrations.Integrations),
    route(rf"{ONE}/{INTEGRATIONS}/(?P<integration_id>[^/]+)", integrations.OneIntegration),
    route(rf"{ORGANIZATIONS}/(?P<org_id>[^/]+)/{PROJECTS}", projects.OrganizationProjects),
    re_path(r"^", UnknownRoute.as_view(), name="flexstack-UnknownRoute"),
]
