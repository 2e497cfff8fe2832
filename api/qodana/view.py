"""The Qodana wire's transport: organization tokens, JSON whatever the header says, one error object."""

from __future__ import annotations

import json
import secrets
import string
from typing import TYPE_CHECKING, Any, ClassVar

from django.conf import settings
from rest_framework.exceptions import ParseError
from rest_framework.renderers import JSONRenderer
from rest_framework.response import Response

from api.base import TokenView, bearer
from api.problems import FAILED, MALFORMED, WRONG_TYPE
from api.qodana.constants import LICENSED, UPPER_CASE_NAMES
from core import errors, publicids
from core.actor import Actor
from core.errors import Forbidden, NotFound, Unauthenticated
from tokens.kinds import Kind

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from rest_framework.request import Request
    from rest_framework.serializers import Serializer

    from accounts.models import Organization
    from api.problems import Problem

LETTERS = string.ascii_lowercase + string.digits
NO_AUTH = "User is not authorized"
BAD_TOKEN = "Invalid organization API token"  # noqa: S105 - words, no secret
SWITCHED_OFF = "Public API is disabled"
TOO_MANY = "Creation of the project failed because of reaching the limit of projects per organization"

# domain code -> name on the wire (qodana.md 3)
NAMES: Mapping[str, str] = {
    errors.Unauthenticated.code: "no_auth",
    errors.FreshLoginRequired.code: "no_auth",
    errors.BadCredentials.code: "no_auth",
    errors.Forbidden.code: "no_permission",
    errors.Invalid.code: "validation_failed",
    MALFORMED: "validation_failed",
    WRONG_TYPE: "validation_failed",
}


class Refused(errors.DomainError):
    """A refusal that the wire words to the letter."""

    code = "refused"

    def __init__(self, status: int, name: str, details: str) -> None:
        super().__init__(details)
        self.status, self.name = status, name


class CompactRenderer(JSONRenderer):
    """JSON without blanks, as the vendor's documented lengths have it (qodana.md 1)."""

    compact = True


class QodanaView(TokenView):
    """A resource of the Qodana wire. ``permission`` names what the licence must cover."""

    dialect = "qodana"
    renderer_classes = (CompactRenderer,)
    token_kinds: ClassVar[Collection[str]] = (Kind.ORGANIZATION,)
    statuses = {errors.Conflict.code: 400, errors.QuotaExceeded.code: 400}
    permission: ClassVar[str] = ""
    schemes: ClassVar[tuple[str, ...]] = ("organizationToken",)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Check in the wire's order: switched off, no token, a bad one, no licence (qodana.md 2)."""
        self.organization: Organization | None = None
        if not settings.PUBLIC_API:
            raise Refused(400, "public_api_disabled", SWITCHED_OFF)
        super().initial(request, *args, **kwargs)
        self.organization = self.actor.organization
        if self.permission and self.organization is not None:
            self.organization.namespace.organization = self.organization
            if self.organization.licence_plan not in LICENSED:
                raise Forbidden(f"User has no {self.permission} permission")

    def caller(self, request: Request) -> Actor:
        """Return the organization behind the token."""
        secret = bearer(request)
        if not secret:
            raise Unauthenticated(NO_AUTH)
        try:
            return self.recognized(request, secret)
        except Unauthenticated as error:
            raise Forbidden(BAD_TOKEN) from error

    def sent(self, shape: type[Serializer[Any]]) -> dict[str, Any]:
        """Return the request's object, checked by ``shape``, whatever its content type (qodana.md 1)."""
        raw = self.request._request.body
        try:
            found = json.loads(raw)
        except (ValueError, RecursionError) as error:
            raise ParseError("it is no JSON") from error
        serializer = shape(data=found)
        try:
            serializer.is_valid(raise_exception=True)
        except RecursionError as error:
            raise ParseError("it is nested too deeply") from error
        checked: dict[str, Any] = serializer.validated_data
        return checked

    def say(self, problem: Problem) -> Response:
        """Return the two-key object (qodana.md 3)."""
        name = NAMES.get(problem.code, "unknown")
        if problem.code == errors.QuotaExceeded.code:
            return said(400, "too_many_projects_for_organization", TOO_MANY)
        if problem.code == FAILED:
            return said(problem.status, "unknown", problem.words)
        words = NO_AUTH if name == "no_auth" else problem.words
        return said(problem.status, name, f"{problem.at}: {words}" if problem.at else words)

    def handle_exception(self, exc: Exception) -> Response:
        """Speak the dialect whatever was raised."""
        if isinstance(exc, Refused):
            return said(exc.status, exc.name, exc.message)
        return super().handle_exception(exc)

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        """Add what every answer carries (qodana.md 1)."""
        response = super().finalize_response(request, response, *args, **kwargs)
        response["x-request-id"] = "".join(secrets.choice(LETTERS) for _ in range(16))
        response["vary"] = "Origin"
        response["Cache-Control"] = "no-store"
        return response


def said(status: int, name: str, details: str) -> Response:
    """Return an error."""
    return Response({"name": name.upper() if UPPER_CASE_NAMES else name, "details": details}, status=status)


def key(kind: str, text: str, error: str) -> int:
    """Return the key behind an id of a path. Raises `Refused` with 404 for what cannot be one."""
    pk = publicids.short_pk(kind, text)
    if pk is None:
        raise Refused(404, error, f"There is no such {kind}")
    return pk


class UnknownRoute(QodanaView):
    """Every path below the public prefix that is no route; before anything else (qodana.md 2)."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Ask nobody who calls."""
        self.actor = Actor()
        raise NotFound("There is no such endpoint")

    schemes = ()
    get = post = put = delete = patch = QodanaView.refuse_unknown
