"""Finding whom something can be granted to (quay-b.md 7, quay-a.md 12)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rest_framework.response import Response

from accounts import selectors
from api.quay.errors import MESSAGE
from api.quay.operation import Query, operation
from api.quay.shapes import entity, organization_avatar, team_avatar
from api.quay.view import QuayView
from core.errors import NotFound, Unauthenticated
from permissions.catalogue import Scope

if TYPE_CHECKING:
    from rest_framework.request import Request

LOOKUP = [
    Query("namespace", "The organization or person whose robots and teams are looked through, too"),
    Query("includeTeams", "Whether to find teams of the namespace", "boolean", default=False),
    Query("includeOrgs", "Whether to find the organization itself", "boolean", default=False),
]


class Entities(QuayView):
    """``entities/{prefix}``."""

    @operation("getMatchingEntities", "entity", query=LOOKUP)
    def get(self, request: Request, prefix: str) -> Response:
        """Find people, teams and robots by the beginning of their name; the exact name comes first."""
        found = selectors.entities(
            actor=self.actor,
            prefix=prefix,
            namespace_name=request.query_params.get("namespace", ""),
            teams=self.flag("includeTeams"),
            organizations=self.flag("includeOrgs"),
        )
        # Always true in an organization: who asks need not be inside, and must not learn who else is.
        inside = {"is_org_member": True} if found.in_organization else {}
        results: list[dict[str, Any]] = [
            {"name": team.slug, "kind": "team", "is_org_member": True, "avatar": team_avatar(team)}
            for team in found.teams
        ]
        results += [entity(one, None) | inside for one in found.users]
        results += [entity(None, one) | inside for one in found.robots]
        if found.organization is not None:
            results.append(
                {
                    "name": found.organization.slug,
                    "kind": "org",
                    "is_org_member": True,
                    "avatar": organization_avatar(found.organization),
                }
            )
        return Response({"results": results})


class LinkEntity(QuayView):
    """``entities/link/{username}``: taking somebody over from an external directory."""

    errors = {"not_found": (404, MESSAGE)}

    @operation("linkExternalUser", "entity", scopes=[Scope.USER_READ], success=404, internal=True)
    def post(self, request: Request, username: str) -> Response:
        """Import a person from an external directory; refused, for there is none."""
        if self.actor.is_anonymous:
            raise Unauthenticated("Requires authentication")
        raise NotFound("There is no external directory")
