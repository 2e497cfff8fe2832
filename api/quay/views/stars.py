"""Stars (quay-a.md 6.3, quay-b.md 1.9)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rest_framework import serializers
from rest_framework.response import Response

from api.fields import Text
from api.quay.errors import NULL
from api.quay.operation import NEXT_PAGE, operation
from api.quay.view import QuayView
from api.quay.views.repositories import page_after
from core.paging import cut, page_token
from permissions.catalogue import Scope
from projects import selectors, services

if TYPE_CHECKING:
    from rest_framework.request import Request

PAGE = 100


class Mark(serializers.Serializer[None]):
    """The body that stars a repository."""

    namespace = Text()
    repository = Text()


class Starred(QuayView):
    """``user/starred``."""

    errors = {"post not_found:project": (200, NULL)}

    @operation("listStarredRepos", "user", scopes=[Scope.USER_ADMIN], query=[NEXT_PAGE])
    def get(self, request: Request) -> Response:
        """Return the repositories that the caller starred and still sees, oldest first."""
        found = selectors.starred(actor=self.actor)
        after = page_after(request.query_params.get("next_page", ""))
        rows, is_more = cut(found.filter(pk__gt=after), PAGE)
        body: dict[str, Any] = {
            "repositories": [
                {
                    "namespace": project.namespace.name,
                    "name": project.slug,
                    "description": project.description,
                    "is_public": project.visibility == "public",
                }
                for project in rows
            ]
        }
        if is_more:
            body["next_page"] = page_token({"after": rows[-1].pk})
        return Response(body)

    @operation("createStar", "user", scopes=[Scope.USER_ADMIN], body=Mark, success=201, also=[200])
    def post(self, request: Request) -> Response:
        """Star a repository; one that is missing, or not the caller's to see, is answered ``null``."""
        body = self.body(Mark)
        project = selectors.markable(actor=self.actor, namespace=body["namespace"], slug=body["repository"])
        services.star_project(actor=self.actor, project=project)
        return Response({"namespace": project.namespace.name, "repository": project.slug}, status=201)


class OneStar(QuayView):
    """``user/starred/{repository}``."""

    errors = {"not_found:project": (200, NULL)}

    @operation("deleteStar", "user", scopes=[Scope.USER_ADMIN], success=204, also=[200])
    def delete(self, request: Request, repository: str) -> Response:
        """Take the star away; without one it is a 204 all the same."""
        namespace, _, slug = repository.partition("/")
        project = selectors.markable(actor=self.actor, namespace=namespace, slug=slug)
        services.unstar_project(actor=self.actor, project=project)
        return Response(status=204)
