"""Default permissions of an organization (quay-a.md 9)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rest_framework import serializers
from rest_framework.response import Response

from accounts import selectors
from api.fields import Text, Word
from api.quay.errors import API, MESSAGE
from api.quay.operation import operation
from api.quay.shapes import entity, team_avatar
from api.quay.view import QuayView
from permissions.catalogue import DEFAULT_GRANT_CHANGE, DEFAULT_GRANT_LIST, Scope
from projects import services

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rest_framework.request import Request

    from accounts.models import Organization, Robot, User
    from permissions.models import DefaultGrant


def rule_views(organization: Organization, rules: Iterable[DefaultGrant]) -> list[dict[str, Any]]:
    """Return default permissions; whether the people in them are members costs one query for all."""
    rows = list(rules)
    people = {key for rule in rows for key in (rule.user_id, rule.activating_user_id) if key is not None}
    inside = selectors.inside(organization=organization, users=people) if people else set()

    def person(user: User | None, robot: Robot | None) -> dict[str, Any] | None:
        if user is None and robot is None:
            return None
        return entity(user, robot) | {"is_org_member": user is None or user.pk in inside}

    views = []
    for rule in rows:
        delegate = person(rule.user, rule.robot)
        if rule.team is not None:
            delegate = {"name": rule.team.slug, "kind": "team", "avatar": team_avatar(rule.team)}
        views.append(
            {
                "activating_user": person(rule.activating_user, rule.activating_robot),
                "delegate": delegate,
                "role": rule.role,
                "id": str(rule.uuid),
            }
        )
    return views


class Named(serializers.Serializer[None]):
    """Somebody by name."""

    name = Text()


class Delegate(Named):
    """Who is granted the role."""

    kind = Word("user", "team")


class Role(serializers.Serializer[None]):
    """The body that changes a default permission."""

    role = Word("read", "write", "admin")


class NewPrototype(Role):
    """The body that makes a default permission."""

    delegate = Delegate()
    activating_user = Named(required=False)


class Prototypes(QuayView):
    """``organization/{orgname}/prototypes``."""

    errors = {
        "post not_found:user": (400, API),
        "post not_found:robot": (400, API),
        "post not_found:team": (400, MESSAGE),
    }

    @operation("getOrganizationPrototypePermissions", "prototype", scopes=[Scope.ORG_ADMIN], also=[404])
    def get(self, request: Request, orgname: str) -> Response:
        """List what new repositories are granted, oldest first."""
        organization = self.organization(orgname, DEFAULT_GRANT_LIST)
        rules = selectors.default_grants(actor=self.actor, organization=organization)
        return Response({"prototypes": rule_views(organization, rules)})

    @operation(
        "createOrganizationPrototypePermission",
        "prototype",
        scopes=[Scope.ORG_ADMIN],
        body=NewPrototype,
        also=[404],
    )
    def post(self, request: Request, orgname: str) -> Response:
        """Add a default permission for new repositories; whether the same is there already is not looked
        at.
        """
        body = self.body(NewPrototype)
        organization = self.organization(orgname, DEFAULT_GRANT_CHANGE)
        nobody: tuple[User | None, Robot | None] = (None, None)
        activating = delegate = nobody
        if "activating_user" in body:
            activating = selectors.user_or_robot(name=body["activating_user"]["name"])
        name, team = body["delegate"]["name"], None
        if body["delegate"]["kind"] == "team":
            team = selectors.team(organization=organization, name=name)
        else:
            delegate = selectors.user_or_robot(name=name)
        rule = services.create_default_grant(
            actor=self.actor,
            organization=organization,
            role=body["role"],
            team=team,
            user=delegate[0],
            robot=delegate[1],
            activating_user=activating[0],
            activating_robot=activating[1],
        )
        return Response(rule_views(organization, [rule])[0])


class OnePrototype(QuayView):
    """``organization/{orgname}/prototypes/{prototypeid}``: there is no reading a single one."""

    @operation(
        "updateOrganizationPrototypePermission", "prototype", scopes=[Scope.ORG_ADMIN], body=Role, also=[404]
    )
    def put(self, request: Request, orgname: str, prototypeid: str) -> Response:
        """Change the role of a default permission; repositories that exist keep what they have."""
        body = self.body(Role)
        organization = self.organization(orgname, DEFAULT_GRANT_CHANGE)
        rule = selectors.default_grant(actor=self.actor, organization=organization, uuid=prototypeid)
        rule = services.change_default_grant(actor=self.actor, rule=rule, role=body["role"])
        return Response(rule_views(organization, [rule])[0])

    @operation(
        "deleteOrganizationPrototypePermission",
        "prototype",
        scopes=[Scope.ORG_ADMIN],
        success=204,
        also=[404],
    )
    def delete(self, request: Request, orgname: str, prototypeid: str) -> Response:
        """Remove a default permission for new repositories."""
        organization = self.organization(orgname, DEFAULT_GRANT_CHANGE)
        rule = selectors.default_grant(actor=self.actor, organization=organization, uuid=prototypeid)
        services.delete_default_grant(actor=self.actor, rule=rule)
        return Response(status=204)
