"""What every dialect's views share: who calls, strict bodies, and refusals recorded at the door."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, ClassVar

from django.conf import settings
from django.db import transaction
from rest_framework.exceptions import ParseError, UnsupportedMediaType
from rest_framework.views import APIView

from core.actor import Actor
from core.client import ip_of
from core.errors import DomainError, Forbidden
from logs.record import record_denial

if TYPE_CHECKING:
    from collections.abc import Collection

    from rest_framework.request import Request
    from rest_framework.serializers import Serializer

log = logging.getLogger(__name__)


class DialectView(APIView):
    """A view of one dialect. ``actor`` is set before the handler runs."""

    dialect: ClassVar[str]
    token_kinds: ClassVar[Collection[str]]
    actor: Actor

    def here(self, actor: Actor, request: Request) -> Actor:
        """Return the caller with where the call came from."""
        agent = request.META.get("HTTP_USER_AGENT", "")
        return actor.at(dialect=self.dialect, ip=ip_of(request._request), user_agent=agent)

    def body(self, shape: type[Serializer[Any]], *, optional: bool = False) -> dict[str, Any]:
        """Return the request's object, checked by ``shape``.

        ``optional`` takes no body, or one of another content type, as {}.
        """
        found: dict[str, Any] = self._checked(shape, optional=optional)
        return found

    def bodies(self, shape: type[Serializer[Any]]) -> list[dict[str, Any]]:
        """Return the request's array, each of its objects checked by ``shape``."""
        found: list[dict[str, Any]] = self._checked(shape, many=True)
        return found

    def _checked(self, shape: type[Serializer[Any]], *, optional: bool = False, many: bool = False) -> Any:
        try:
            serializer = shape(data=self._sent(optional=optional), many=many)
            serializer.is_valid(raise_exception=True)
        except RecursionError as error:
            raise ParseError("The body is nested too deeply") from error
        return serializer.validated_data

    def _sent(self, *, optional: bool) -> Any:
        http = self.request._request
        length = http.META.get("CONTENT_LENGTH") or "0"
        size = int(length) if length.isdecimal() else 0
        if optional and (not size or http.content_type != "application/json"):
            return {}
        # DRF takes a missing body for an empty object, of whatever content type.
        if http.content_type != "application/json":
            raise UnsupportedMediaType(http.content_type or "")
        if size > settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
            raise ParseError("The body is too large")
        if not size:
            raise ParseError("The body is empty")
        return self.request.data

    def note_refusal(self, error: DomainError, status: int) -> None:
        """Record a denied call in the log of the tenant it aimed at, after the rollback."""
        actor = getattr(self, "actor", None)
        if not isinstance(error, Forbidden) or actor is None or actor.is_anonymous:
            return
        with transaction.atomic():
            record_denial(
                actor=actor,
                right=error.right,
                reason=error.message,
                method=self.request.method or "",
                path=self.request.path,
                status=status,
                namespace=error.namespace,
            )
