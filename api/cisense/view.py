"""The CI Sense wire's transport: bearer tokens, one error object, ids with a prefix (cisense.md 1 to 3)."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from rest_framework.response import Response

from api.base import TokenView, bearer
from core import publicids
from core.actor import Actor
from core.errors import NotFound
from tokens.kinds import Kind

if TYPE_CHECKING:
    from rest_framework.request import Request

    from api.problems import Problem


class CiSenseView(TokenView):
    """A resource of the CI Sense wire."""

    dialect = "cisense"
    token_kinds = (Kind.ACCESS,)
    schemes: ClassVar[tuple[str, ...]] = ("accessToken",)

    def caller(self, request: Request) -> Actor:
        """Return the person behind the access token (cisense.md 2)."""
        secret = bearer(request)
        return self.recognized(request, secret) if secret else Actor()

    def say(self, problem: Problem) -> Response:
        """Return the two-key object (cisense.md 3)."""
        words = f"{problem.at}: {problem.words}" if problem.at else problem.words
        return Response({"code": problem.status, "message": words}, status=problem.status)

    def key(self, prefix: str, nid: str, noun: str) -> int:
        """Return the key behind an id of a path. Raises NotFound for what cannot be one (cisense.md 1)."""
        pk = publicids.nid_pk(prefix, nid)
        if pk is None:
            raise NotFound(f"{noun} not found")
        return pk


class UnknownRoute(CiSenseView):
    """Every path below the prefix that is no route."""

    anonymous = True
    schemes = ()
    get = post = put = delete = patch = CiSenseView.refuse_unknown

    def caller(self, request: Request) -> Actor:
        """Ask nobody who calls."""
        return Actor()
