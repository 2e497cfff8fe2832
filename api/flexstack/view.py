"""The FlexStack wire's transport: keys, three forms of ids, one error object (flexstack.md 1 to 4)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar
from uuid import UUID

from django.conf import settings
from rest_framework import serializers
from rest_framework.response import Response

from accounts import selectors as accounts
from api.base import TokenView, session_caller
from api.fields import Text
from api.flexstack.constants import CODES, ORGANIZATION, WINDOW_SECONDS
from api.problems import BUSY, MALFORMED, WRONG_MEDIA, WRONG_METHOD, WRONG_TYPE
from core import errors
from core.actor import Actor
from core.errors import NotFound
from core.publicids import parsed_uuid, time_id, time_pk
from core.throttle import spend
from permissions.catalogue import ORGANIZATION_READ, PROJECT_READ
from projects import listing
from tokens.kinds import Kind

if TYPE_CHECKING:
    from rest_framework.request import Request

    from accounts.models import Organization
    from api.problems import Problem
    from permissions.catalogue import Right
    from projects.models import Project


class BadQuery(errors.DomainError):
    """A query parameter that is not acceptable."""

    code = "bad_query"


class BadId(errors.DomainError):
    """Part of a path that has the form of no id."""

    code = "bad_id"


# domain code -> what is wrong on the whole; the problem's own words become the cause
MESSAGES = {
    BadQuery.code: "invalid query parameters",
    BadId.code: "invalid id",
    errors.Invalid.code: "invalid request",
    MALFORMED: "invalid request body",
    WRONG_TYPE: "invalid request body",
    WRONG_MEDIA: "invalid request body",
}


class FlexStackView(TokenView):
    """A resource of the FlexStack wire."""

    dialect = "flexstack"
    token_kinds = (Kind.KEY,)
    schemes: ClassVar[tuple[str, ...]] = ("apiKey", "session")
    # Only the nine statuses of the contract are ever answered.
    statuses = {
        BadQuery.code: 400,
        BadId.code: 400,
        WRONG_METHOD: 501,
        BUSY: 408,
        errors.ReadOnly.code: 403,
        errors.Unreachable.code: 500,
    }

    def caller(self, request: Request) -> Actor:
        """Return the organization behind ``X-API-Key``, else the person of the session (flexstack.md 2)."""
        secret = request.headers.get("X-API-Key")
        if secret is not None:
            actor = self.recognized(request, secret)
        else:
            actor = session_caller(request, dialect=self.dialect)
        if settings.FLEXSTACK_CALLS and not actor.is_anonymous:
            who = f"key:{actor.credential.pk}" if actor.credential else f"user:{actor.user and actor.user.pk}"
            spend(f"flexstack:{who}", calls=settings.FLEXSTACK_CALLS, seconds=WINDOW_SECONDS)
        return actor

    def say(self, problem: Problem) -> Response:
        """Return the flat object with code, message and, where it helps, cause (flexstack.md 3)."""
        status = problem.status
        if status not in CODES:
            status = 400 if status < 500 else 500
        cause = f"{problem.at}: {problem.words}" if problem.at else problem.words
        body = {"code": CODES[status], "message": MESSAGES.get(problem.code, problem.words)}
        if problem.code in MESSAGES:
            body = {"cause": cause, **body}
        return Response(body, status=status)

    # Things of a path ------------------------------------------------------------------------------------

    def uuid(self, text: str) -> UUID:
        """Return what an id of a path names. Raises `BadId`."""
        found = parsed_uuid(text)
        if found is None:
            raise BadId("an id is base58 of 22 characters, or a UUID in lower case")
        return found

    def project(self, project_id: str, right: Right = PROJECT_READ) -> Project:
        """Return the project of a path, on which the caller holds a role and has the right."""
        return listing.held_project(actor=self.actor, id=self.uuid(project_id), right=right)

    def organization(self, id: UUID) -> Organization:
        """Return an organization whose inside the caller sees. Raises NotFound."""
        pk = time_pk(ORGANIZATION, id)
        if pk is not None:
            found = accounts.organization_by_key(actor=self.actor, pk=pk, right=ORGANIZATION_READ)
            if time_id(ORGANIZATION, found.pk, found.created_at) == id:
                return found
        raise NotFound("Organization not found")


class Id(Text):
    """An id in a body, in any of its three forms; a UUID inside."""

    def __init__(self, **options: Any) -> None:
        super().__init__(allow_blank=False, **options)

    def to_internal_value(self, data: Any) -> Any:
        """Refuse what has the form of no id."""
        found = parsed_uuid(super().to_internal_value(data))
        if found is None:
            raise serializers.ValidationError("an id is base58 of 22 characters, or a UUID in lower case")
        return found


class UnknownRoute(FlexStackView):
    """Every path below the prefix that is no route."""

    anonymous = True
    schemes = ()
    get = post = put = delete = patch = FlexStackView.refuse_unknown

    def caller(self, request: Request) -> Actor:
        """Ask nobody who calls."""
        return Actor()
