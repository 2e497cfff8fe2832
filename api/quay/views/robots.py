"""Robots of an organization and of the caller (quay-a.md 10)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rest_framework import serializers
from rest_framework.response import Response

from accounts import selectors, services
from api.fields import Object, Text
from api.quay.errors import MESSAGE
from api.quay.operation import Query, operation
from api.quay.shapes import grant_views, robot_token, robot_view
from api.quay.view import QuayView
from core.avatars import avatar
from permissions.catalogue import (
    ACCOUNT_ADMINISTER,
    ROBOT_CHANGE,
    ROBOT_CREATE,
    ROBOT_DELETE,
    ROBOT_LIST,
    ROBOT_READ,
    ROBOT_SECRET,
    Scope,
)
from permissions.checks import check, require
from projects import selectors as projects

if TYPE_CHECKING:
    from rest_framework.request import Request

    from accounts.models import Namespace, Robot
    from permissions.catalogue import Right

LIMIT = "If specified, the number of robots to return."

LISTED = [
    Query("permissions", "Whether to tell each robot's teams and repositories", "boolean", default=False),
    Query("token", "Whether to tell the tokens, to who may see them", "boolean", default=True),
    Query("limit", LIMIT, "integer"),
]


class RobotPart(QuayView):
    """A resource of robots: of the organization in the path, or of the caller where there is none."""

    errors = {"not_found": (400, MESSAGE)}

    def space(self, orgname: str, right: Right) -> Namespace:
        """Return the namespace whose robots are meant; the caller has the right on it."""
        if orgname:
            return self.organization(orgname, right).namespace
        namespace = self.own_namespace()
        require(self.actor, right, namespace)
        return namespace

    def robot(
        self, orgname: str, shortname: str, right: Right = ROBOT_READ, *, with_token: bool = False
    ) -> Robot:
        """Return the robot of a path."""
        return selectors.robot(
            actor=self.actor,
            namespace=self.space(orgname, right),
            shortname=shortname,
            right=right,
            with_token=with_token,
        )


class Robots(RobotPart):
    """``organization/{orgname}/robots`` and ``user/robots``."""

    # Whoever may see all finds no robots where there is no organization.
    errors = {"not_found:organization": (200, {"robots": []})}

    @operation(
        "getOrgRobots", "robot", scopes=[Scope.ORG_ADMIN], under="organization", also=[400], query=LISTED
    )
    @operation("getUserRobots", "robot", scopes=[Scope.USER_ADMIN], under="user", also=[400], query=LISTED)
    def get(self, request: Request, orgname: str = "") -> Response:
        """Return the robots, last used first; their tokens only to who may see them and wants to."""
        with_permissions = self.flag("permissions")
        limit = self.whole("limit", LIMIT)
        space = self.space(orgname, ROBOT_LIST)
        shows_more = with_permissions and check(self.actor, ROBOT_READ, space)
        shows_token = self.flag("token", default=True) and check(self.actor, ROBOT_SECRET, space)
        found = selectors.listed_robots(
            actor=self.actor,
            namespace=space,
            limit=limit if limit is not None and limit >= 0 else None,
            teams=shows_more,
            tokens=shows_token,
        )
        views = []
        for robot in found:
            view = robot_view(robot, token=robot_token(robot) if shows_token else None)
            if shows_more:
                slugs = robot.team_slugs
                view["teams"] = [{"name": slug, "avatar": avatar(slug, kind="team")} for slug in slugs]
                view["repositories"] = robot.project_slugs
            views.append(view)
        return Response({"robots": views})


class NewRobot(serializers.Serializer[None]):
    """The body that makes a robot; it may be missing altogether."""

    description = Text(required=False, max_length=255)
    unstructured_metadata = Object(required=False)


class OneRobot(RobotPart):
    """``robots/{robot_shortname}``."""

    errors = {"not_found": (400, MESSAGE)}

    @operation("getOrgRobot", "robot", scopes=[Scope.ORG_ADMIN], under="organization", also=[400])
    @operation("getUserRobot", "robot", scopes=[Scope.USER_ADMIN], under="user", also=[400])
    def get(self, request: Request, robot_shortname: str, orgname: str = "") -> Response:
        """Return the robot, with its token for who may see it."""
        robot = self.robot(orgname, robot_shortname, with_token=True)
        token = robot_token(robot) if check(self.actor, ROBOT_SECRET, robot.namespace) else None
        return Response(robot_view(robot, token=token) | {"unstructured_metadata": robot.metadata})

    @operation(
        "createOrgRobot",
        "robot",
        scopes=[Scope.ORG_ADMIN],
        under="organization",
        body=NewRobot,
        body_is="optional",
        success=201,
    )
    @operation(
        "createUserRobot",
        "robot",
        scopes=[Scope.USER_ADMIN],
        under="user",
        body=NewRobot,
        body_is="optional",
        success=201,
    )
    def put(self, request: Request, robot_shortname: str, orgname: str = "") -> Response:
        """Make the robot; one of that name is never changed."""
        if not orgname:
            # Of one's own robots the right comes before the body, of an organization's after it.
            self.space(orgname, ROBOT_CREATE)
        body = self.body(NewRobot, optional=True)
        robot, token = services.create_robot(
            actor=self.actor,
            namespace=self.space(orgname, ROBOT_CREATE),
            shortname=robot_shortname,
            description=body.get("description", ""),
            metadata=body.get("unstructured_metadata"),
        )
        # As it was sent: null where nothing was, though the robot shows {} from then on.
        shown = {"unstructured_metadata": body.get("unstructured_metadata")}
        return Response(robot_view(robot, token=token) | shown, status=201)

    @operation(
        "deleteOrgRobot", "robot", scopes=[Scope.ORG_ADMIN], under="organization", success=204, also=[400]
    )
    @operation("deleteUserRobot", "robot", scopes=[Scope.USER_ADMIN], under="user", success=204, also=[400])
    def delete(self, request: Request, robot_shortname: str, orgname: str = "") -> Response:
        """Delete the robot; its token is refused from now on."""
        robot = self.robot(orgname, robot_shortname, ROBOT_DELETE)
        services.delete_robot(actor=self.actor, robot=robot)
        return Response(status=204)


class RegenerateRobotToken(RobotPart):
    """``robots/{robot_shortname}/regenerate``."""

    @operation("regenerateOrgRobotToken", "robot", scopes=[Scope.ORG_ADMIN], under="organization", also=[400])
    @operation("regenerateUserRobotToken", "robot", scopes=[Scope.USER_ADMIN], under="user", also=[400])
    def post(self, request: Request, robot_shortname: str, orgname: str = "") -> Response:
        """Give the robot a new token; the old one is refused from now on."""
        robot = self.robot(orgname, robot_shortname, ROBOT_CHANGE)
        token = services.regenerate_robot_token(actor=self.actor, robot=robot)
        return Response(robot_view(robot, token=token))


class RobotPermissions(RobotPart):
    """``robots/{robot_shortname}/permissions``."""

    errors = {"not_found": (400, MESSAGE), "forbidden": (403, MESSAGE)}

    @operation(
        "getOrgRobotPermissions",
        "robot",
        scopes=[Scope.ORG_ADMIN, Scope.USER_ADMIN],
        under="organization",
        also=[400],
    )
    @operation("getUserRobotPermissions", "robot", scopes=[Scope.USER_ADMIN], under="user", also=[400])
    def get(self, request: Request, robot_shortname: str, orgname: str = "") -> Response:
        """Return what the robot may do in which repositories; of an organization's, too, the own account
        must be open.
        """
        require(self.actor, ACCOUNT_ADMINISTER)
        robot = self.robot(orgname, robot_shortname)
        return Response({"permissions": grant_views(projects.robot_grants(actor=self.actor, robot=robot))})


class Identity(serializers.Serializer[None]):
    """An outside identity that may act as a robot."""

    issuer = Text(allow_blank=False)
    subject = Text(allow_blank=False)


class RobotFederation(RobotPart):
    """``robots/{robot_shortname}/federation``: a bare array, both ways."""

    @operation("getOrgRobotFederation", "robot", scopes=[Scope.ORG_ADMIN], under="organization", also=[400])
    @operation("getUserRobotFederation", "robot", scopes=[Scope.USER_ADMIN], under="user", also=[400])
    def get(self, request: Request, robot_shortname: str, orgname: str = "") -> Response:
        """Return the outside identities that may act as the robot."""
        robot = self.robot(orgname, robot_shortname)
        return Response(selectors.robot_federation(actor=self.actor, robot=robot))

    @operation(
        "createOrgRobotFederation",
        "robot",
        scopes=[Scope.ORG_ADMIN],
        under="organization",
        body=Identity,
        body_is="array",
    )
    @operation(
        "createUserRobotFederation",
        "robot",
        scopes=[Scope.USER_ADMIN],
        under="user",
        body=Identity,
        body_is="array",
    )
    def post(self, request: Request, robot_shortname: str, orgname: str = "") -> Response:
        """Replace all outside identities that may act as the robot; an empty array leaves none."""
        robot = self.robot(orgname, robot_shortname, ROBOT_CHANGE)
        identities = self.bodies(Identity)
        return Response(services.set_robot_federation(actor=self.actor, robot=robot, identities=identities))

    @operation(
        "deleteOrgRobotFederation",
        "robot",
        scopes=[Scope.ORG_ADMIN],
        under="organization",
        success=204,
        also=[400],
    )
    @operation(
        "deleteUserRobotFederation", "robot", scopes=[Scope.USER_ADMIN], under="user", success=204, also=[400]
    )
    def delete(self, request: Request, robot_shortname: str, orgname: str = "") -> Response:
        """Let no outside identity act as the robot any more."""
        robot = self.robot(orgname, robot_shortname, ROBOT_CHANGE)
        services.delete_robot_federation(actor=self.actor, robot=robot)
        return Response(status=204)
