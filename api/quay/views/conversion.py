"""Client keys, and accounts that become organizations (quay-a.md 6.4)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rest_framework import serializers
from rest_framework.response import Response

from accounts import services
from api.fields import Text
from api.quay.errors import API, api_error
from api.quay.operation import operation
from api.quay.view import QuayView
from api.quay.views.session import start_session
from core.errors import BadCredentials, Invalid
from permissions.catalogue import ACCOUNT_CHANGE, ACCOUNT_DELETE, Scope
from permissions.checks import require

if TYPE_CHECKING:
    from rest_framework.request import Request


class OwnPassword(serializers.Serializer[None]):
    """The body that proves who is here."""

    password = Text()


class ClientKey(QuayView):
    """``user/clientkey``."""

    errors = {"bad_credentials": (400, API)}

    @operation("generateUserClientKey", "user", scopes=[Scope.USER_ADMIN], body=OwnPassword, also=[429])
    def post(self, request: Request) -> Response:
        """Return the caller's password sealed: a client that keeps it keeps no password."""
        require(self.actor, ACCOUNT_CHANGE)
        body = self.body(OwnPassword)
        return Response({"key": services.make_client_key(actor=self.actor, password=body["password"])})


class Conversion(serializers.Serializer[None]):
    """The body that turns an account into an organization; a plan is taken and has no effect."""

    adminUser = Text()
    adminPassword = Text()
    plan = Text(required=False, allow_null=True)


class Convert(QuayView):
    """``user/convert``."""

    @operation("convertUserToOrganization", "user", scopes=[Scope.USER_ADMIN], body=Conversion, also=[429])
    def post(self, request: Request) -> Response:
        """Turn the caller's account into an organization of another person, who is signed in by it."""
        require(self.actor, ACCOUNT_DELETE)
        self.fresh()
        body = self.body(Conversion)
        administrator = services.prove(
            actor=self.actor, username=body["adminUser"], password=body["adminPassword"]
        )
        services.convert_to_organization(actor=self.actor, administrator=administrator)
        response = Response({"success": True})
        response["X-Next-CSRF-Token"] = start_session(self, administrator)
        return response

    def handle_exception(self, exc: Exception) -> Response:
        """Tell that the administrator cannot be one in this operation's own words."""
        if isinstance(exc, BadCredentials):
            words = "The administrator's name or password is wrong"
            return api_error(self.request, 400, "invalid_request", words, reason="invaliduser")
        if isinstance(exc, Invalid) and exc.field == "adminUser":
            return api_error(self.request, 400, "invalid_request", exc.message, reason="invaliduser")
        return super().handle_exception(exc)
