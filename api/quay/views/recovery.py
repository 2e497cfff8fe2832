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
from permissions.catalogue import USER_MANAGE, Scope

if TYPE_CHECKING:
    from rest_framework.request import Request


class MailingView(QuayView):
    """A view whose routes are there only where the instance sends mails."""

    def is_offered(self) -> bool:
        """Tell whether the instance sends mails."""
        return bool(settings.MAILING)


class Forgotten(serializers.Serializer[None]):
    """The body of ``recovery``."""

    email = Text()
    recaptcha_response = Text(required=False, allow_null=True)


class Recovery(MailingView):
    """``POST recovery``: for whoever has forgotten her password."""

    anonymous_always = True

    @operation("requestRecoveryEmail", "user", body=Forgotten, also=[404, 429])
    def post(self, request: Request) -> Response:
        """Ask for a mailed link that sets a new password; the answer is the same whether or not it is
        sent.
        """
        body = self.body(Forgotten)
        services.request_recovery(actor=self.actor, login=body["email"])
        return Response({"status": "sent"})


class SendRecovery(MailingView, SuperuserView):
    """``POST superusers/users/{username}/sendrecovery``, in the plural."""

    @operation("sendInstallUserRecoveryEmail", "superuser", scopes=[Scope.SUPER_USER], also=[400, 404, 429])
    def post(self, request: Request, username: str) -> Response:
        """Mail a person a link that sets a new password."""
        self.may(USER_MANAGE)
        user = selectors.user(name=username)
        return Response({"email": services.send_recovery(actor=self.actor, user=user)})
