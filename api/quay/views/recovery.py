"""Mails with a link for a new password (quay-a.md 11.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from rest_framework import serializers
from rest_framework.response import Response

from accounts import selectors, services
from api.fields import Text
from api.quay.operation import operation
from api.quay.view import QuayView
from api.quay.views.superuser import SuperuserView
from core.errors import NotFound
from permissions.catalogue import USER_MANAGE, Scope

if TYPE_CHECKING:
    from rest_framework.request import Request


def _only_with_mail() -> None:
    """Raise NotFound where the instance sends no mails: the route is not there then."""
    if not settings.MAILING:
        raise NotFound("Not Found")


class Forgotten(serializers.Serializer[None]):
    """The body of ``recovery``."""

    email = Text()
    recaptcha_response = Text(required=False, allow_null=True)


class Recovery(QuayView):
    """``POST recovery``: for whoever has forgotten her password."""

    anonymous_always = True

    @operation("requestRecoveryEmail", "user", body=Forgotten, also=[404, 429])
    def post(self, request: Request) -> Response:
        """Answer the same whoever is meant, here or not; a worker looks and mails."""
        _only_with_mail()
        body = self.body(Forgotten)
        services.request_recovery(actor=self.actor, login=body["email"])
        return Response({"status": "sent"})


class SendRecovery(SuperuserView):
    """``POST superusers/users/{username}/sendrecovery``, in the plural."""

    @operation("sendInstallUserRecoveryEmail", "superuser", scopes=[Scope.SUPER_USER], also=[400, 404, 429])
    def post(self, request: Request, username: str) -> Response:
        """Let a person be mailed a link for a new password."""
        _only_with_mail()
        self.may(USER_MANAGE)
        user = selectors.user(name=username)
        return Response({"email": services.send_recovery(actor=self.actor, user=user)})
