"""The routes of the Codacy wire, below ``/api/v3/``. They have no trailing slash."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.urls import re_path

from api.codacy.view import UnknownRoute
from api.codacy.views import people, repositories

if TYPE_CHECKING:
    from django.urls import URLPattern

    from api.codacy.view import CodacyView

PROVIDER = r"(?P<provider>[^/]+)"
ORG = rf"organizations/{PROVIDER}/(?P<organization>[^/]+)"
REPO = rf"{ORG}/repositories/(?P<repository>.+?)"
TOKEN = r"tokens/(?P<token_id>[0-9]{1,18})"  # noqa: S105 - a pattern, no secret


def route(pattern: str, view: type[CodacyView], name: str = "") -> URLPattern:
    """Return a route below ``/api/v3/``, named after its view."""
    return re_path(rf"^{pattern}\Z", view.as_view(), name=f"codacy-{name or view.__name__}")


urlpatterns = [
    route(r"version", people.Version),
    route(r"health", people.Health),
    route(r"user", people.OwnUser),
    route(r"user/tokens", people.AccountTokens),
    route(rf"user/{TOKEN}", people.AccountToken),
    route(r"user/organizations", people.OwnOrganizations),
    route(rf"user/organizations/{PROVIDER}", people.OwnOrganizations, "OwnOrganizationsOfProvider"),
    route(rf"user/organizations/{PROVIDER}/(?P<organization>[^/]+)", people.OwnOrganization),
    route(ORG, people.OneOrganization),
    route(rf"{ORG}/people", people.People),
    route(r"repositories", repositories.AddRepository),
    route(rf"{ORG}/repositories", repositories.Repositories),
    route(rf"{REPO}/tokens/delete", repositories.DeleteTokens),
    route(rf"{REPO}/{TOKEN}", repositories.RepositoryToken),
    route(rf"{REPO}/tokens", repositories.RepositoryTokens),
    route(rf"{REPO}/follow", repositories.Follow),
    route(REPO, repositories.OneRepository),
    re_path(r"^", UnknownRoute.as_view(), name="codacy-UnknownRoute"),
]
