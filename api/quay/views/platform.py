"""What belongs to nobody: messages to everybody, and what the errors mean (quay-a.md 5.2 and 5.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.http import HttpResponse
from django.utils.cache import get_conditional_response
from rest_framework import serializers
from rest_framework.response import Response

from api.fields import Text, Word
from api.quay import discovery
from api.quay.errors import DESCRIPTIONS, EMPTY, MESSAGE
from api.quay.operation import Query, operation
from api.quay.view import QuayView
from core.errors import NotFound
from notifications import selectors, services
from permissions.catalogue import MESSAGE_MANAGE, Scope
from permissions.checks import require

if TYPE_CHECKING:
    from django.http.response import HttpResponseBase
    from rest_framework.request import Request

INTERNAL = Query("internal", "Whether to describe what serves browsers alone, too", "boolean", default=False)


class Discovery(QuayView):
    """``discovery``."""

    anonymous_always = True

    @operation("discovery", "discovery", also=[304], query=[INTERNAL])
    def get(self, request: Request) -> HttpResponseBase:
        """Describe this interface in Swagger 2.0; what you read was made from it."""
        text, tag = discovery.written(
            internal=self.flag("internal"), host=request.get_host(), scheme=request.scheme or "https"
        )
        answer = HttpResponse(text, content_type="application/json", headers={"ETag": tag})
        return get_conditional_response(request._request, etag=tag, response=answer) or answer

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        """Let who has the description ask whether it is still the same."""
        response = super().finalize_response(request, response, *args, **kwargs)
        response["Cache-Control"] = "no-cache"
        return response


class ErrorDescription(QuayView):
    """``error/{error_type}``."""

    @operation("getErrorDescription", "error", also=[404])
    def get(self, request: Request, error_type: str) -> Response:
        """Tell what an error of that type means."""
        if error_type not in DESCRIPTIONS:
            raise NotFound("Not Found")
        body = {
            "type": request.build_absolute_uri(f"/api/v1/error/{error_type}"),
            "title": error_type,
            "description": DESCRIPTIONS[error_type],
        }
        return Response(body)


class Message(serializers.Serializer[None]):
    """A message to everybody."""

    content = Text()
    media_type = Word("text/plain", "text/markdown")
    severity = Word("info", "warning", "error")


class NewMessage(serializers.Serializer[None]):
    """The body that writes a message."""

    message = Message()


class Messages(QuayView):
    """``messages``."""

    errors = {"forbidden": (403, MESSAGE)}

    @operation("getGlobalMessages", "globalmessages")
    def get(self, request: Request) -> Response:
        """Return the messages to everybody, oldest first; anybody may read them."""
        views = [
            {
                "uuid": str(message.uuid),
                "content": message.content,
                "severity": message.severity,
                "media_type": message.media_type,
            }
            for message in selectors.messages()
        ]
        return Response({"messages": views})

    @operation(
        "createGlobalMessage",
        "globalmessages",
        scopes=[Scope.SUPER_USER],
        body=NewMessage,
        success=201,
        empty=True,
    )
    def post(self, request: Request) -> Response:
        """Write a message; the answer is empty."""
        self.signed_in()
        self.fresh()
        body = self.body(NewMessage)
        services.create_message(actor=self.actor, **body["message"])
        return Response(status=201)


class OneMessage(QuayView):
    """``message/{uuid}``, in the singular."""

    errors = {"forbidden": (403, MESSAGE), "not_found:message": (204, EMPTY)}

    @operation("deleteGlobalMessage", "globalmessages", scopes=[Scope.SUPER_USER], success=204)
    def delete(self, request: Request, uuid: str) -> Response:
        """Remove a message; one that is not there is removed already."""
        self.signed_in()
        self.fresh()
        require(self.actor, MESSAGE_MANAGE)
        services.delete_message(actor=self.actor, message=selectors.message(uuid=uuid))
        return Response(status=204)
