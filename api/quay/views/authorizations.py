"""What the caller lets applications do, and what she is offered (quay-a.md 6.4)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rest_framework.response import Response

from api.quay.operation import operation
from api.quay.scopes import scope_views
from api.quay.shapes import application_avatar, organization_avatar, user_avatar
from api.quay.view import QuayView
from permissions.catalogue import TOKEN_REVOKE, Scope
from permissions.checks import require
from tokens import selectors, services

if TYPE_CHECKING:
    from rest_framework.request import Request

    from tokens.models import Application, Assignment, Credential


def owned_application_view(application: Application) -> dict[str, Any]:
    """Return an application with whom it belongs to."""
    namespace = application.namespace
    owner = (
        organization_avatar(namespace.organization)
        if namespace.kind == "organization"
        else user_avatar(namespace.user)
    )
    return {
        "name": application.name,
        "description": application.description,
        "url": application.application_uri,
        "avatar": application_avatar(application),
        "organization": {"name": namespace.name, "avatar": owner},
    }


def authorization_view(token: Credential) -> dict[str, Any]:
    """Return what an application may do."""
    return {
        "application": owned_application_view(token.application) if token.application else None,
        "scopes": scope_views(token.scopes.split()),
        "uuid": str(token.uuid),
    }


def assignment_view(offer: Assignment) -> dict[str, Any]:
    """Return a token that is offered, with what is needed to ask for it."""
    application = offer.application
    return {
        "application": owned_application_view(application) | {"clientId": application.client_id},
        "uuid": str(offer.uuid),
        "redirectUri": offer.redirect_uri,
        "scopes": scope_views(offer.scopes.split()),
        "responseType": offer.response_type,
    }


class Authorizations(QuayView):
    """``user/authorizations``."""

    @operation("listUserAuthorizations", "user", scopes=[Scope.USER_ADMIN])
    def get(self, request: Request) -> Response:
        """List the applications that may act as the caller."""
        found = selectors.authorizations(actor=self.actor)
        return Response({"authorizations": [authorization_view(token) for token in found]})


class Authorization(QuayView):
    """``user/authorizations/{access_token_uuid}``."""

    @operation("getUserAuthorization", "user", scopes=[Scope.USER_ADMIN], also=[404])
    def get(self, request: Request, access_token_uuid: str) -> Response:
        """Return what one application may do as the caller."""
        return Response(authorization_view(selectors.authorization(actor=self.actor, uuid=access_token_uuid)))

    @operation("deleteUserAuthorization", "user", scopes=[Scope.USER_ADMIN], success=204, also=[404])
    def delete(self, request: Request, access_token_uuid: str) -> Response:
        """Revoke the token by which an application acts as the caller."""
        require(self.actor, TOKEN_REVOKE)
        token = selectors.authorization(actor=self.actor, uuid=access_token_uuid)
        services.revoke(actor=self.actor, credential=token)
        return Response(status=204)


class AssignedAuthorizations(QuayView):
    """``user/assignedauthorization``."""

    @operation("listAssignedAuthorizations", "user", scopes=[Scope.USER_ADMIN])
    def get(self, request: Request) -> Response:
        """List the tokens that applications offer to the caller."""
        found = selectors.assignments(actor=self.actor)
        return Response({"authorizations": [assignment_view(offer) for offer in found]})


class AssignedAuthorization(QuayView):
    """``user/assignedauthorization/{assigned_authorization_uuid}``."""

    @operation("deleteAssignedAuthorization", "user", scopes=[Scope.USER_ADMIN], success=204, also=[404])
    def delete(self, request: Request, assigned_authorization_uuid: str) -> Response:
        """Decline an offered token."""
        require(self.actor, TOKEN_REVOKE)
        offer = selectors.assignment(actor=self.actor, uuid=assigned_authorization_uuid)
        services.decline_assignment(actor=self.actor, assignment=offer)
        return Response(status=204)
