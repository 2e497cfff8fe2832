"""What an organization API token opens: projects with their tokens, and people (qodana.md 4 and 7.3)."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast

from django.http import HttpResponse
from django.utils import timezone
from rest_framework import serializers
from rest_framework.response import Response

from accounts import selectors
from api.fields import Flag, Text, Whole
from api.openapi import describe
from api.operation import Query
from api.qodana.constants import ECHO_PAGES, LIMIT, LIMIT_MAX, PUBLIC, ROLES, SLUG_PART, TTL_MAX
from api.qodana.view import QodanaView, Refused, key
from api.schemas import TEXT, ref
from core.errors import Invalid, NotFound
from core.publicids import short_id
from permissions.catalogue import MEMBER_LIST, PROJECT_READ
from permissions.checks import require
from projects import selectors as project_selectors
from projects import services

if TYPE_CHECKING:
    from rest_framework.request import Request

    from accounts.models import Organization
    from accounts.selectors import Insider
    from projects.models import Project

NO_INSIGHTS = "Analyses are not kept here"
PROJECT_NAME = Query("projectName", "The name of the project", required=True)
PAGES = (
    Query("limit", "How many users a page has", "integer", default=LIMIT, least=1, most=LIMIT_MAX),
    Query("offset", "How many users are passed over", "integer", default=0, least=0, most=2**31),
    Query("order", "By e-mail address, forwards or backwards", default="ASC", choices=("ASC", "DESC")),
    Query("search", "Part of the e-mail address or the name"),
)


class ProjectAsked(serializers.Serializer[None]):
    """The body that asks for a project, by names or by ``team:project``."""

    teamName = Text(required=False)
    projectName = Text(required=False)
    isPublicTeam = Flag(required=False)
    projectQualifiedSlug = Text(required=False)
    tokenTtlSeconds = Whole(required=False, min_value=1, max_value=TTL_MAX)


class Public(QodanaView):
    """What the public routes begin with."""

    @property
    def own(self) -> Organization:
        """The organization behind the token."""
        return cast("Organization", self.organization)


class Obtaining(Public):
    """Asking for a project's token by names; the project is made when it is first asked for."""

    permission = "public_api_create_or_get_project_token"
    as_text = False

    @describe(
        "getProjectTokenAsText",
        {200: TEXT, 201: TEXT},
        body=ProjectAsked,
        path=f"/{PUBLIC}organizations/teams/projects",
        media="text/plain",
    )
    @describe(
        "getProjectToken",
        {200: ref("ProjectToken"), 201: ref("ProjectToken")},
        body=ProjectAsked,
        path=f"/{PUBLIC}organizations/projects",
    )
    def post(self, request: Request) -> Any:
        """Return the project's token; 201 where the project is new (qodana.md 4.1)."""
        body = self.sent(ProjectAsked)
        team, name, by_slug = _names(body)
        ttl = body.get("tokenTtlSeconds")
        expires_at = timezone.now() + timedelta(seconds=ttl) if ttl else None
        token, is_new = services.obtain_token(
            actor=self.actor,
            organization=self.own,
            team=team,
            project=name,
            by_slug=by_slug,
            expires_at=expires_at,
        )
        status = 201 if is_new else 200
        if self.as_text:
            return HttpResponse(token, content_type="text/plain; charset=utf-8", status=status)
        answer = {"projectToken": token}
        if expires_at is not None:
            answer["expiresAt"] = expires_at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        return Response(answer, status=status)


class ObtainProject(Obtaining):
    """``public/organizations/projects``."""

    @describe("getProjectByName", {200: ref("Project")}, also=[404], query=[PROJECT_NAME])
    def get(self, request: Request) -> Response:
        """Find a project by its name."""
        name = request.query_params.get("projectName", "")
        if not name:
            raise Invalid("projectName is needed", field="projectName")
        found = project_selectors.project_by_name(actor=self.actor, organization=self.own, name=name)
        if found is None:
            raise Refused(404, "no_project", "There is no such project")
        return Response(project_view(found))


def _names(body: dict[str, Any]) -> tuple[str, str, bool]:
    if "projectQualifiedSlug" in body:
        parts = body["projectQualifiedSlug"].split(":")
        if len(parts) != 2 or not all(SLUG_PART.fullmatch(part) for part in parts):
            raise Invalid("it is no team:project", field="projectQualifiedSlug")
        return parts[0], parts[1], True
    for field in ("teamName", "projectName"):
        if field not in body:
            raise Invalid("it is needed", field=field)
    return body["teamName"], body["projectName"], False


class ObtainProjectAsText(Obtaining):
    """``public/organizations/teams/projects``: the deprecated form, whose answer is the bare token."""

    as_text = True


def project_view(project: Project) -> dict[str, Any]:
    """Return a project as far as there is data: nothing was analysed here."""
    found: dict[str, Any] = {"id": short_id("project", project.pk), "name": project.name}
    if project.team is not None:
        found |= {"teamId": short_id("team", project.team.pk), "teamName": project.team.name}
    return found


class OneProject(Public):
    """``public/organizations/projects/{id}``."""

    permission = "public_api_create_or_get_project_token"

    @describe("getProject", {200: ref("Project")}, also=[404])
    def get(self, request: Request, project_id: str) -> Response:
        """Return a project of the organization."""
        pk = key("project", project_id, "no_project")
        try:
            found = project_selectors.project_by_key(actor=self.actor, pk=pk, right=PROJECT_READ)
        except NotFound as error:
            raise Refused(404, "no_project", "There is no such project") from error
        if found.namespace_id != self.own.namespace_id:
            # A public project of somebody else.
            raise Refused(404, "no_project", "There is no such project")
        return Response(project_view(found))


class Users(Public):
    """``public/organizations/users``."""

    permission = "public_api_get_organization_users"

    @describe("getOrganizationUsers", {200: ref("UsersPage")}, query=PAGES)
    def get(self, request: Request) -> Response:
        """Return a page of members and invited people, by e-mail address (qodana.md 4.2)."""
        require(self.actor, MEMBER_LIST, self.own)
        limit, offset = self._whole("limit", LIMIT, 1, LIMIT_MAX), self._whole("offset", 0, 0, 2**31)
        order = request.query_params.get("order", "ASC").upper()
        if order not in ("ASC", "DESC"):
            raise Invalid("it is ASC or DESC", field="order")
        page, count = selectors.insiders(
            organization=self.own,
            search=request.query_params.get("search", ""),
            descending=order == "DESC",
            offset=offset,
            limit=limit,
        )
        body: dict[str, Any] = {"count": count}
        if ECHO_PAGES or offset + len(page) < count:
            body["next"] = offset + len(page)
        if ECHO_PAGES or offset > 0:
            body["prev"] = max(offset - limit, 0)
        host = request.build_absolute_uri("/")
        return Response({**body, "items": [person_view(one, host) for one in page]})

    def _whole(self, name: str, default: int, least: int, most: int) -> int:
        text = self.request.query_params.get(name)
        if text is None:
            return default
        if not text.isascii() or not text.isdecimal() or len(text) > 10 or not least <= int(text) <= most:
            raise Invalid(f"it is a whole number from {least} to {most}", field=name)
        return int(text)


def person_view(one: Insider, host: str) -> dict[str, Any]:
    """Return a person, or an address that was invited; what is not there is left out (qodana.md 4.2)."""
    user, offer = one.user, one.invitation
    own = short_id("user", user.pk) if user else short_id("invitation", offer.pk if offer else 0)
    found: dict[str, Any] = {"id": own}
    if one.email:
        found["email"] = one.email
    found |= {
        "displayName": (user.name if user else "") or one.email or (user.username if user else ""),
        "role": ROLES[one.role],
        "isActive": offer is None and user is not None and user.is_active,
        "isSsoManaged": one.is_elsewhere,
    }
    if offer is not None:
        invitation = short_id("invitation", offer.pk)
        found |= {"invitationId": invitation, "invitationUrl": f"{host}invite/{invitation}"}
    return found


class Inspections(Public):
    """``public/organizations/inspections``."""

    permission = "public_api_create_or_get_project_token"

    @describe("getInspections", {})
    def get(self, request: Request) -> Response:
        """List inspections; refused, for nothing is inspected here."""
        raise Refused(400, "feature_not_supported", NO_INSIGHTS)


class ProjectInsights(Public):
    """``public/organizations/project-insights/query``."""

    permission = "public_api_create_or_get_project_token"

    @describe("queryProjectInsights", {})
    def post(self, request: Request) -> Response:
        """Query insights of projects; refused, for nothing is analysed here."""
        raise Refused(400, "feature_not_supported", NO_INSIGHTS)


class InspectionInsights(Public):
    """``public/organizations/inspection-insights/query``."""

    permission = "public_api_create_or_get_project_token"

    @describe("queryInspectionInsights", {})
    def post(self, request: Request) -> Response:
        """Query insights of inspections; refused, for nothing is analysed here."""
        raise Refused(400, "feature_not_supported", NO_INSIGHTS)
