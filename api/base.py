"""What every dialect's views share: who calls, strict bodies, and refusals recorded at the door."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, ClassVar

from django.conf import settings
from django.db import transaction
from django.http import HttpResponse
from django.middleware.csrf import CsrfViewMiddleware
from rest_framework.exceptions import MethodNotAllowed, ParseError, UnsupportedMediaType
from rest_framework.views import APIView

from accounts import services as accounts
from api.problems import problem_of
from core.actor import Actor
from core.client import ip_of, session_actor
from core.errors import DomainError, Forbidden, NotFound, ReadOnly, Unauthenticated
from logs.record import record_denial
from tokens import services as tokens

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from rest_framework.request import Request
    from rest_framework.response import Response
    from rest_framework.serializers import Serializer

    from api.problems import Problem

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

    def recognized(self, request: Request, secret: str, kinds: Collection[str] | None = None) -> Actor:
        """Return who stands behind a token, and note from where it is used. Raises Unauthenticated."""
        place = self.here(Actor(), request)
        return tokens.authenticate(
            secret, kinds=kinds or self.token_kinds, ip=place.ip, user_agent=place.user_agent
        )

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


class TokenView(DialectView):
    """A view of a dialect whose callers send a token with every call: no cookies, and so no CSRF.

    A dialect says in ``caller`` who stands behind a request, in ``say`` how it words a problem, and in
    ``statuses`` where its statuses differ from the common ones.
    """

    statuses: ClassVar[Mapping[str, int]] = {}
    anonymous: ClassVar[bool] = False
    # The names of the ways to say who calls, as the wire's description has them; none where nobody is asked.
    schemes: ClassVar[tuple[str, ...]] = ()

    def caller(self, request: Request) -> Actor:
        """Return who calls; nobody is an `Actor` of nothing. Raises Unauthenticated for an unusable token."""
        raise NotImplementedError

    def say(self, problem: Problem) -> Response:
        """Return the dialect's own words for a problem."""
        raise NotImplementedError

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Go through what comes before every operation: the method, the caller, read-only mode."""
        self.actor = Actor()
        if "\x00" in request.path or "%00" in request.META.get("QUERY_STRING", ""):
            # No database stores it, and PostgreSQL does not even compare it.
            raise ParseError("A null character cannot be part of an address")
        if not hasattr(self, (request.method or "").lower()):
            raise MethodNotAllowed(request.method or "")
        if request.method == "OPTIONS":
            return
        self.actor = self.here(self.caller(request), request)
        if self.actor.is_anonymous and not self.anonymous:
            raise Unauthenticated("A token is needed")
        if settings.READ_ONLY and request.method not in ("GET", "HEAD"):
            raise ReadOnly("The instance is read-only for now")

    def handle_exception(self, exc: Exception) -> Response:
        """Speak the dialect whatever was raised."""
        problem = problem_of(self, exc, self.statuses)
        response = self.say(problem)
        for name, value in problem.headers.items():
            response[name] = value
        return response

    def refuse_unknown(self, request: Request, **_: str) -> Response:
        """Answer a path that is no route."""
        raise NotFound("There is no such address")


def bearer(request: Request) -> str:
    """Return the token of a bearer header; "" without one, or with one that is not formed like it."""
    scheme, *secrets = request.META.get("HTTP_AUTHORIZATION", "").split() or [""]
    return secrets[0] if scheme.lower() == "bearer" and len(secrets) == 1 else ""


def session_caller(request: Request, *, dialect: str) -> Actor:
    """Return the person of the browser's session, or nobody; what changes something needs a CSRF token.

    Raises:
        Forbidden: the CSRF token is missing or wrong.
    """
    http = request._request
    actor = session_actor(http, dialect=dialect)
    accounts.note_presence(actor=actor)
    if not actor.is_anonymous and request.method not in ("GET", "HEAD"):
        http._dont_enforce_csrf_checks = getattr(http, "_dont_enforce_csrf_checks", False)  # type: ignore[attr-defined]
        check = CsrfViewMiddleware(_guarded)
        check.process_request(http)
        if check.process_view(http, _guarded, (), {}) is not None:
            raise Forbidden("The CSRF token is missing or wrong")
    return actor


def _guarded(request: Any) -> HttpResponse:
    """Stand in for the view that the CSRF check asks about."""
    return HttpResponse()
