"""The Codacy wire's transport: tokens in headers of their own, pages by cursor, one error object."""

from __future__ import annotations

import json
from base64 import b64decode, urlsafe_b64encode
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import unquote

from django.conf import settings
from rest_framework.exceptions import ParseError
from rest_framework.response import Response

from accounts import selectors as accounts
from api.base import TokenView
from api.codacy.constants import LIMIT, LIMIT_MAX, PROVIDERS, WINDOW_SECONDS
from api.operation import Query
from api.problems import FAILED
from core import errors
from core.actor import Actor
from core.errors import NotFound
from core.throttle import spend
from permissions.catalogue import ORGANIZATION_READ, PROJECT_READ
from permissions.checks import sees
from projects import selectors as projects
from tokens.kinds import Kind

if TYPE_CHECKING:
    from rest_framework.request import Request
    from rest_framework.serializers import Serializer

    from accounts.models import Organization
    from api.problems import Problem
    from permissions.catalogue import Right
    from projects.models import Project

# status -> the constant that each error carries (codacy.md 3)
NAMES = {
    400: "BadRequest",
    401: "Unauthorized",
    402: "PaymentRequired",
    403: "Forbidden",
    404: "NotFound",
    405: "MethodNotAllowed",
    409: "Conflict",
    413: "PayloadTooLarge",
    422: "UnprocessableEntity",
    429: "TooManyRequests",
    500: "InternalServerError",
    503: "InternalServerError",
}

PAGE = (
    Query("cursor", "Where the page begins, as the page before told it"),
    Query("limit", "How many a page has", "integer", default=LIMIT, least=1, most=LIMIT_MAX),
)
SEARCH = Query("search", "Part of the name")


class BadParameter(errors.DomainError):
    """A query parameter, or a cursor, of the wrong type."""

    code = "bad_parameter"


class CodacyView(TokenView):
    """A resource of the Codacy wire. ``by_project`` opens it to the token of its own repository."""

    dialect = "codacy"
    statuses = {errors.Invalid.code: 422, errors.QuotaExceeded.code: 402, BadParameter.code: 400}
    by_project: ClassVar[bool] = False
    counted: ClassVar[bool] = True
    schemes: ClassVar[tuple[str, ...]] = ("accountToken",)

    def caller(self, request: Request) -> Actor:
        """Return who stands behind ``api-token``, or ``project-token`` where that is taken (codacy.md 2)."""
        if self.counted and settings.CODACY_CALLS:
            ip = self.here(Actor(), request).ip or ""
            spend(f"codacy:{ip}", calls=settings.CODACY_CALLS, seconds=WINDOW_SECONDS)
        secret = request.headers.get("api-token", "")
        if secret:
            return self.recognized(request, secret, (Kind.ACCOUNT,))
        secret = request.headers.get("project-token", "") if self.by_project else ""
        return self.recognized(request, secret, (Kind.REPOSITORY,)) if secret else Actor()

    def say(self, problem: Problem) -> Response:
        """Return the error object of a status (codacy.md 3)."""
        status = 500 if problem.code == FAILED and problem.status not in NAMES else problem.status
        words = f"{problem.at}: {problem.words}" if problem.at else problem.words
        body: dict[str, Any] = {"error": NAMES[status], "message": words, "actions": []}
        if status == 401:
            body["code"] = "Unauthorized"
        return Response(body, status=status)

    def optional(self, shape: type[Serializer[Any]]) -> dict[str, Any]:
        """Return the request's object; no body at all, of whatever content type, is an empty one."""
        raw = self.request._request.body
        if not raw.strip():
            return {}
        try:
            sent = json.loads(raw)
            serializer = shape(data=sent)
            serializer.is_valid(raise_exception=True)
        except (ValueError, RecursionError) as error:
            raise ParseError("it is no JSON") from error
        found: dict[str, Any] = serializer.validated_data
        return found

    # Things of a path ------------------------------------------------------------------------------------

    def linked(self, provider: str, organization: str) -> Organization:
        """Return the organization linked to a provider's. Raises NotFound."""
        code = PROVIDERS.get(provider, "")
        return accounts.linked_organization(actor=self.actor, provider=code, name=_unquoted(organization))

    def inside(self, provider: str, organization: str) -> Organization:
        """Return an organization whose inside the caller sees; to all others it is not there.

        Raises Forbidden where a second factor is all that she lacks.
        """
        found = self.linked(provider, organization)
        if not sees(self.actor, ORGANIZATION_READ, found):
            raise NotFound("Organization not found")
        return found

    def repository(self, provider: str, organization: str, repository: str, right: Right) -> Project:
        """Return a repository that the caller sees, and on which she has the right."""
        try:
            found = self.linked(provider, organization)
        except NotFound as error:
            # The same words, or they would tell which organizations are here.
            raise NotFound("Repository not found") from error
        return projects.project_of(
            actor=self.actor, organization=found, slug=_unquoted(repository), right=right
        )

    def seen(self, provider: str, organization: str, repository: str) -> Project:
        """Return a repository that the caller sees."""
        return self.repository(provider, organization, repository, PROJECT_READ)

    # Pages -----------------------------------------------------------------------------------------------

    def limit(self) -> int:
        """Return the size of the page that is asked for."""
        text = self.request.query_params.get("limit")
        if text is None:
            return LIMIT
        if not text.isascii() or not text.isdecimal() or len(text) > 6 or not 1 <= int(text) <= LIMIT_MAX:
            raise BadParameter(f"limit must be between 1 and {LIMIT_MAX}")
        return int(text)

    def after(self) -> str:
        """Return what the cursor says the page begins after; "" without one."""
        cursor = self.request.query_params.get("cursor", "")
        try:
            text = b64decode(cursor.encode() + b"=" * (-len(cursor) % 4), b"-_", validate=True).decode()
        except (ValueError, UnicodeError) as error:
            raise BadParameter("The cursor is none of this list's") from error
        if "\x00" in text:
            raise BadParameter("The cursor is none of this list's")
        return text


def _unquoted(part: str) -> str:
    """Return a part of a path that clients escape once more. Raises NotFound for a null character."""
    text = unquote(part)
    if "\x00" in text:
        raise NotFound("There is no such address")
    return text


def page(data: list[Any], *, limit: int, total: int | None = None, after: str = "") -> Response:
    """Return a page; the cursor is left out on the last one (codacy.md 4)."""
    pagination: dict[str, Any] = {"limit": limit}
    if total is not None:
        pagination["total"] = total
    if after:
        pagination["cursor"] = urlsafe_b64encode(after.encode()).rstrip(b"=").decode()
    return Response({"pagination": pagination, "data": data})


class UnknownRoute(CodacyView):
    """Every path below the prefix that is no route."""

    anonymous = True
    counted = False
    schemes = ()
    get = post = put = delete = patch = CodacyView.refuse_unknown

    def caller(self, request: Request) -> Actor:
        """Ask nobody who calls."""
        return Actor()
