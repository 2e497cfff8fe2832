"""The routes of the CI Sense wire, below ``/v3/``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.urls import re_path

from api.cisense.view import UnknownRoute
from api.cisense.views import accounts, description, organizations, projects, server

if TYPE_CHECKING:
    from django.urls import URLPattern

    from api.cisense.view import CiSenseView

NID = r"(?P<nid>[^/]+)"


def route(pattern: str, view: type[CiSenseView]) -> URLPattern:
    """Return a route below ``/v3/``, named after its view; both spellings of a trailing slash are served."""
    return re_path(rf"^{pattern}/?\Z", view.as_view(), name=f"cisense-{view.__name__}")


urlpatterns = [
    route(r"server/users", server.ServerUsers),
    route(rf"server/users/{NID}", server.ServerUser),
    route(r"server/accounts", server.ServerAccounts),
    route(r"server/projects", server.ServerProjects),
    route(rf"accounts/{NID}", accounts.OneAccount),
    route(rf"accounts/{NID}/organizations", accounts.AccountOrganizations),
    route(rf"organizations/{NID}", organizations.OneOrganization),
    route(rf"organizations/{NID}/members/(?P<user_nid>[^/]+)", organizations.OneMember),
    route(rf"organizations/{NID}/projects", organizations.OrganizationProjects),
    route(rf"projects/{NID}", projects.OneProject),
    route(r"swagger\.json", description.Document),
    route(r"index\.html", description.Page),
    re_path(r"^", UnknownRoute.as_view(), name="cisense-UnknownRoute"),
]
