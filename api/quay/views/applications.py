"""OAuth applications of organizations, and their tokens (quay-a.md 7.6 to 7.8)."""

from __future__ import annotations

from datetime import UTC, timedelta
from typing import TYPE_CHECKING, Any

from rest_framework import serializers
from rest_framework.response import Response

from api.fields import Text, Whole
from api.quay.errors import MESSAGE
from api.quay.operation import NEXT_PAGE, operation
from api.quay.shapes import application_avatar
from api.quay.view import QuayView
from api.quay.views.organizations import organization_view
from core.errors import Invalid
from core.paging import cut, page_token, read_token
from permissions.catalogue import APPLICATION_CHANGE, APPLICATION_LIST, Scope
from permissions.checks import check
from tokens import selectors, services

if TYPE_CHECKING:
    from datetime import datetime

    from rest_framework.request import Request

    from accounts.models import Organization
    from core.actor import Actor
    from permissions.catalogue import Right
    from tokens.models import Application, Credential

PAGE = 50
LIFETIME_MAX = 315576000


def application_view(actor: Actor, organization: Organization, application: Application) -> dict[str, Any]:
    """Return an application; who may only look on sees neither the secret nor where answers go."""
    may_change = check(actor, APPLICATION_CHANGE, organization)
    return {
        "name": application.name,
        "description": application.description,
        "application_uri": application.application_uri,
        "client_id": application.client_id,
        "client_secret": application.client_secret if may_change else None,
        "redirect_uri": application.redirect_uri if may_change else None,
        "avatar_email": application.avatar_email if may_change else None,
    }


class NewApplication(serializers.Serializer[None]):
    """The body of a new application."""

    name = Text(max_length=255)
    redirect_uri = Text(required=False, max_length=1024)
    application_uri = Text(required=False, max_length=1024)
    description = Text(required=False)
    avatar_email = Text(required=False, max_length=254)


class ChangedApplication(serializers.Serializer[None]):
    """The body of a change; what is left out of the last two is reset."""

    name = Text(max_length=255)
    redirect_uri = Text(max_length=1024)
    application_uri = Text(max_length=1024)
    description = Text(default="")
    avatar_email = Text(default=None, max_length=254)


class Applications(QuayView):
    """``organization/{orgname}/applications``."""

    @operation("getOrganizationApplications", "organization", scopes=[Scope.ORG_ADMIN], also=[404])
    def get(self, request: Request, orgname: str) -> Response:
        """List the organization's OAuth applications."""
        organization = self.organization(orgname, APPLICATION_LIST)
        found = selectors.applications(actor=self.actor, organization=organization)
        views = [application_view(self.actor, organization, application) for application in found]
        return Response({"applications": views})

    @operation(
        "createOrganizationApplication",
        "organization",
        scopes=[Scope.ORG_ADMIN],
        body=NewApplication,
        also=[404],
    )
    def post(self, request: Request, orgname: str) -> Response:
        """Create an OAuth application."""
        body = self.body(NewApplication)
        organization = self.organization(orgname, APPLICATION_CHANGE)
        made = services.create_application(actor=self.actor, organization=organization, **body)
        return Response(application_view(self.actor, organization, made))


class OfApplication(QuayView):
    """What operations on one application share."""

    def application(self, orgname: str, client_id: str, right: Right) -> tuple[Organization, Application]:
        """Return the organization and the application of the path, on which the caller has the right."""
        organization = self.organization(orgname, right)
        found = selectors.application(
            actor=self.actor, organization=organization, client_id=client_id, right=right
        )
        return organization, found


class OneApplication(OfApplication):
    """``organization/{orgname}/applications/{client_id}``."""

    @operation("getOrganizationApplication", "organization", scopes=[Scope.ORG_ADMIN], also=[404])
    def get(self, request: Request, orgname: str, client_id: str) -> Response:
        """Return an OAuth application."""
        organization, application = self.application(orgname, client_id, APPLICATION_LIST)
        return Response(application_view(self.actor, organization, application))

    @operation(
        "updateOrganizationApplication",
        "organization",
        scopes=[Scope.ORG_ADMIN],
        body=ChangedApplication,
        also=[404],
    )
    def put(self, request: Request, orgname: str, client_id: str) -> Response:
        """Change an OAuth application."""
        changes = self.body(ChangedApplication)
        organization, application = self.application(orgname, client_id, APPLICATION_CHANGE)
        application = services.change_application(
            actor=self.actor, organization=organization, application=application, changes=changes
        )
        return Response(application_view(self.actor, organization, application))

    @operation(
        "deleteOrganizationApplication", "organization", scopes=[Scope.ORG_ADMIN], success=204, also=[404]
    )
    def delete(self, request: Request, orgname: str, client_id: str) -> Response:
        """Delete an OAuth application; its tokens die with it."""
        organization, application = self.application(orgname, client_id, APPLICATION_CHANGE)
        services.delete_application(actor=self.actor, organization=organization, application=application)
        return Response(status=204)


class ResetClientSecret(OfApplication):
    """``organization/{orgname}/applications/{client_id}/resetclientsecret``."""

    @operation(
        "resetOrganizationApplicationClientSecret", "organization", scopes=[Scope.ORG_ADMIN], also=[404]
    )
    def post(self, request: Request, orgname: str, client_id: str) -> Response:
        """Give the application a new secret."""
        organization, application = self.application(orgname, client_id, APPLICATION_CHANGE)
        application = services.reset_client_secret(
            actor=self.actor, organization=organization, application=application
        )
        return Response(application_view(self.actor, organization, application))


class ApplicationInformation(QuayView):
    """``app/{client_id}``: anybody may ask who stands behind a client id."""

    @operation("getApplicationInformation", "organization", also=[404])
    def get(self, request: Request, client_id: str) -> Response:
        """Show the application and its organization, whose teams are never told here."""
        application = selectors.known_application(client_id=client_id)
        organization = application.namespace.organization
        return Response(
            {
                "name": application.name,
                "description": application.description,
                "uri": application.application_uri,
                "avatar": application_avatar(application),
                "organization": organization_view(self.actor, organization)
                | {"teams": {}, "ordered_teams": []},
            }
        )


# Tokens --------------------------------------------------------------------------------------------------


def _iso(when: datetime | None) -> str | None:
    """Return ``2035-01-13T11:41:16.000000Z``: these operations alone write dates so (quay-a.md 1)."""
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ") if when is not None else None


def token_view(credential: Credential, **secret: str) -> dict[str, Any]:
    """Return a token of an application; ``token`` is there when it is made, and never again."""
    return {
        "uuid": str(credential.uuid),
        "name": credential.title or None,
        "scope": credential.scopes,
        "expires_at": _iso(credential.expires_at),
        "created": _iso(credential.created_at),
        "created_by": credential.issued_by.username if credential.issued_by else None,
        "last_accessed": _iso(credential.last_used_at),
        **secret,
    }


class NewApplicationToken(serializers.Serializer[None]):
    """The body of a new token; it lives as long as it may if nothing else is said."""

    name = Text()
    scope = Text(max_length=1024)
    expiration = Whole(required=False)


class ApplicationTokens(OfApplication):
    """``organization/{orgname}/applications/{client_id}/tokens``."""

    errors = {"post invalid": (400, MESSAGE)}

    @operation(
        "listApplicationTokens", "organization", scopes=[Scope.ORG_ADMIN], also=[404], query=[NEXT_PAGE]
    )
    def get(self, request: Request, orgname: str, client_id: str) -> Response:
        """List the application's living tokens, newest first."""
        organization, application = self.application(orgname, client_id, APPLICATION_LIST)
        last = read_token(request.query_params.get("next_page", "")).get("before")
        found = selectors.application_tokens(
            actor=self.actor,
            organization=organization,
            application=application,
            before=last if isinstance(last, int) else None,
        )
        rows, more = cut(found, PAGE)
        body: dict[str, Any] = {"tokens": [token_view(token) for token in rows]}
        if more:
            body["next_page"] = page_token({"before": rows[-1].pk})
        return Response(body)

    @operation(
        "createApplicationToken",
        "organization",
        scopes=[Scope.ORG_ADMIN],
        body=NewApplicationToken,
        also=[404],
    )
    def post(self, request: Request, orgname: str, client_id: str) -> Response:
        """Make a token of the application that acts as the caller."""
        body = self.body(NewApplicationToken)
        organization, application = self.application(orgname, client_id, APPLICATION_CHANGE)
        seconds = body.get("expiration")
        if seconds is not None and not 1 <= seconds <= LIFETIME_MAX:
            raise Invalid(f"A token lives for 1 to {LIFETIME_MAX} seconds", field="expiration")
        token, secret = services.issue_application_token(
            actor=self.actor,
            organization=organization,
            application=application,
            name=body["name"],
            scopes=body["scope"],
            lifetime=None if seconds is None else timedelta(seconds=seconds),
        )
        return Response(token_view(token, token=secret))


class ApplicationToken(OfApplication):
    """``organization/{orgname}/applications/{client_id}/tokens/{token_uuid}``."""

    @operation("deleteApplicationToken", "organization", scopes=[Scope.ORG_ADMIN], success=204, also=[404])
    def delete(self, request: Request, orgname: str, client_id: str, token_uuid: str) -> Response:
        """End a token of the application, whoever it acts as."""
        organization, application = self.application(orgname, client_id, APPLICATION_CHANGE)
        token = selectors.application_token(
            actor=self.actor, organization=organization, application=application, uuid=token_uuid
        )
        services.revoke_application_token(
            actor=self.actor, organization=organization, application=application, credential=token
        )
        return Response(status=204)
