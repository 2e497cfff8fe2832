"""App-specific tokens of the caller (quay-a.md 6.5)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rest_framework import serializers
from rest_framework.response import Response

from api.fields import Text
from api.quay.dates import rfc2822
from api.quay.operation import Query, operation
from api.quay.view import QuayView
from permissions.catalogue import ACCOUNT_ADMINISTER, TOKEN_ISSUE, TOKEN_REVOKE, Scope
from permissions.checks import require
from tokens import selectors, services

if TYPE_CHECKING:
    from rest_framework.request import Request

    from tokens.models import Credential

EXPIRING = Query("expiring", "Whether to list those alone that end soon", "boolean", default=False)


def app_token_view(token: Credential, **secret: str) -> dict[str, Any]:
    """Return a token; ``token_code`` is there for who asks for this one."""
    return {
        "uuid": str(token.uuid),
        "title": token.title,
        "last_accessed": rfc2822(token.last_used_at),
        "created": rfc2822(token.created_at),
        "expiration": rfc2822(token.expires_at),
        **secret,
    }


class NewAppToken(serializers.Serializer[None]):
    """The body of a new token."""

    title = Text(max_length=255)


class AppTokens(QuayView):
    """``user/apptoken``."""

    @operation("listAppTokens", "appspecifictokens", scopes=[Scope.USER_ADMIN], query=[EXPIRING])
    def get(self, request: Request) -> Response:
        """List the caller's app-specific tokens, without secrets; ``only_expiring`` is null for who does
        not ask.
        """
        require(self.actor, ACCOUNT_ADMINISTER)
        expiring = self.flag("expiring") if "expiring" in request.query_params else None
        found = selectors.app_tokens(actor=self.actor, expiring=bool(expiring))
        return Response({"tokens": [app_token_view(token) for token in found], "only_expiring": expiring})

    @operation("createAppToken", "appspecifictokens", scopes=[Scope.USER_ADMIN], body=NewAppToken)
    def post(self, request: Request) -> Response:
        """Make an app-specific token."""
        require(self.actor, TOKEN_ISSUE)
        self.fresh()
        body = self.body(NewAppToken)
        token, secret = services.create_app_token(actor=self.actor, title=body["title"])
        return Response({"token": app_token_view(token, token_code=secret)})


class AppToken(QuayView):
    """``user/apptoken/{token_uuid}``."""

    @operation("getAppToken", "appspecifictokens", scopes=[Scope.USER_ADMIN], also=[404])
    def get(self, request: Request, token_uuid: str) -> Response:
        """Return an app-specific token with its secret; who only looks on is told no secret."""
        require(self.actor, TOKEN_ISSUE)
        self.fresh()
        token = selectors.app_token(actor=self.actor, uuid=token_uuid)
        return Response({"token": app_token_view(token, token_code=services.reveal(token))})

    @operation("revokeAppToken", "appspecifictokens", scopes=[Scope.USER_ADMIN], success=204, also=[404])
    def delete(self, request: Request, token_uuid: str) -> Response:
        """End an app-specific token, also when it has expired."""
        require(self.actor, TOKEN_REVOKE)
        self.fresh()
        token = selectors.app_token(actor=self.actor, uuid=token_uuid, expired_too=True)
        services.revoke(actor=self.actor, credential=token)
        return Response(status=204)
