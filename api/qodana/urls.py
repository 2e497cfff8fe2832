"""The routes of the Qodana wire: below ``/api/v1/public/``, and some beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.urls import re_path

from api.qodana.constants import PUBLIC
from api.qodana.view import UnknownRoute
from api.qodana.views import public, tokens

if TYPE_CHECKING:
    from django.urls import URLPattern

    from api.qodana.view import QodanaView


def route(pattern: str, view: type[QodanaView]) -> URLPattern:
    """Return a route, named after its view; both spellings of a trailing slash are served."""
    return re_path(rf"^{pattern}/?\Z", view.as_view(), name=f"qodana-{view.__name__}")


urlpatterns = [
    route(rf"{PUBLIC}organizations/projects", public.ObtainProject),
    route(rf"{PUBLIC}organizations/projects/(?P<project_id>[^/]+)", public.OneProject),
    route(rf"{PUBLIC}organizations/teams/projects", public.ObtainProjectAsText),
    route(rf"{PUBLIC}organizations/users", public.Users),
    route(rf"{PUBLIC}organizations/inspections", public.Inspections),
    route(rf"{PUBLIC}organizations/project-insights/query", public.ProjectInsights),
    route(rf"{PUBLIC}organizations/inspection-insights/query", public.InspectionInsights),
    re_path(rf"^{PUBLIC}", UnknownRoute.as_view(), name="qodana-UnknownRoute"),
    route(r"api/v1/organizations/(?P<organization_id>[^/]+)/tokens", tokens.OrganizationToken),
    route(r"api/v1/projects", tokens.OwnProject),
    route(r"api/versions", tokens.Versions),
]
