"""Organization API tokens, for people; and what a project's token opens (qodana.md 5, 7.1, 7.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rest_framework.response import Response

from accounts import selectors as accounts
from api.base import bearer, session_caller
from api.openapi import describe
from api.qodana.constants import API_VERSION, LINTERS_VERSION
from api.qodana.view import BAD_TOKEN, QodanaView, Refused, key
from api.schemas import ref
from core.actor import Actor
from core.errors import Forbidden, NotFound, Unauthenticated
from core.publicids import short_id
from permissions.catalogue import CREDENTIAL_ISSUE
from tokens import selectors, services
from tokens.kinds import Kind

if TYPE_CHECKING:
    from rest_framework.request import Request

    from accounts.models import Organization
    from tokens.models import Credential


class PersonView(QodanaView):
    """A route for people: an access token, an API token, or the browser's session with its CSRF token."""

    token_kinds = (Kind.ACCESS, Kind.OAUTH)
    schemes = ("personToken", "session")

    def caller(self, request: Request) -> Actor:
        """Return the person who calls."""
        if bearer(request):
            return super().caller(request)
        actor = session_caller(request, dialect=self.dialect)
        if actor.is_anonymous:
            raise Unauthenticated
        return actor


class OrganizationToken(PersonView):
    """``organizations/{id}/tokens``: the one token of an organization."""

    def _organization(self, organization_id: str) -> Organization:
        pk = key("organization", organization_id, "no_organization")
        try:
            return accounts.organization_by_key(actor=self.actor, pk=pk, right=CREDENTIAL_ISSUE)
        except NotFound as error:
            raise Refused(404, "no_organization", "There is no such organization") from error

    def _living(self, organization: Organization) -> Credential | None:
        return selectors.of_organization(
            actor=self.actor, organization=organization, kind=Kind.ORGANIZATION
        ).first()

    @describe("getOrganizationToken", {200: ref("OrganizationToken")}, also=[404])
    def get(self, request: Request, organization_id: str) -> Response:
        """Return the organization's token."""
        credential = self._living(self._organization(organization_id))
        if credential is None:
            raise Refused(404, "no_organization_api_token_exists", "The organization has no API token")
        return Response(token_view(credential, services.reveal(credential)))

    @describe("createOrganizationToken", {200: ref("OrganizationToken")}, also=[404])
    def post(self, request: Request, organization_id: str) -> Response:
        """Make the organization's token; a second one is refused."""
        organization = self._organization(organization_id)
        if self._living(organization) is not None:
            raise Refused(400, "organization_api_token_already_exists", "The organization has an API token")
        credential, secret = services.create_token(
            actor=self.actor, kind=Kind.ORGANIZATION, organization=organization, at_most=1
        )
        return Response(token_view(credential, secret))

    @describe("deleteOrganizationToken", {200: ref("Empty")}, also=[404])
    def delete(self, request: Request, organization_id: str) -> Response:
        """End the organization's token at once; without one it is no error."""
        credential = self._living(self._organization(organization_id))
        if credential is not None:
            services.revoke_token(actor=self.actor, credential=credential)
        return Response({})


def token_view(credential: Credential, secret: str) -> dict[str, str]:
    """Return a token with its secret."""
    return {
        "id": short_id("token", credential.pk),
        "token": secret,
        "createdAt": credential.created_at.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
    }


class OwnProject(QodanaView):
    """``projects``: the project behind a project token."""

    token_kinds = (Kind.PROJECT,)
    schemes = ("projectToken",)

    def caller(self, request: Request) -> Actor:
        """Return the project behind the token."""
        try:
            return super().caller(request)
        except Forbidden as error:
            raise Refused(401, "invalid_token", BAD_TOKEN.replace("organization API", "project")) from error

    @describe("getOwnProject", {200: ref("OwnProject")})
    def get(self, request: Request) -> Response:
        """Return the project behind a project token, as far as there is data."""
        project = self.actor.project
        if project is None:
            raise Unauthenticated
        organization = project.namespace.organization
        return Response(
            {
                "id": short_id("project", project.pk),
                "name": project.name,
                "slug": project.slug,
                "organizationId": short_id("organization", organization.pk),
                "organizationSlug": organization.slug,
                **(
                    {"teamId": short_id("team", project.team.pk), "teamSlug": project.team.slug}
                    if project.team
                    else {}
                ),
            }
        )


class Versions(QodanaView):
    """``/api/versions``: the handshake that clients begin with."""

    anonymous = True
    schemes = ()

    def caller(self, request: Request) -> Actor:
        """Ask nobody who calls."""
        return Actor()

    @describe("getVersions", {200: ref("Versions")})
    def get(self, request: Request) -> Response:
        """Return the version of each part and where it answers."""
        root = request.build_absolute_uri("/")
        return Response(
            {
                "api": {"versions": [{"version": API_VERSION, "url": f"{root}api/v1"}]},
                "linters": {"versions": [{"version": LINTERS_VERSION, "url": f"{root}linters/v1"}]},
            }
        )
