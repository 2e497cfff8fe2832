"""The whole server, for Server Root: people, group accounts, projects (cisense.md 6, operations 1 to 4)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rest_framework.response import Response

from accounts import selectors, services
from api.cisense.constants import DELETED, USER
from api.cisense.shapes import account_view, project_view, user_view
from api.cisense.view import CiSenseView
from api.openapi import describe
from api.schemas import listed, ref, under
from permissions.catalogue import USER_MANAGE
from permissions.checks import require
from projects import selectors as projects

if TYPE_CHECKING:
    from rest_framework.request import Request


class ServerUsers(CiSenseView):
    """``server/users``."""

    @describe("listUsers", {200: under("users", listed(ref("User")))}, also=[403])
    def get(self, request: Request) -> Response:
        """Return everybody, oldest first."""
        return Response({"users": [user_view(one) for one in selectors.all_users(actor=self.actor)]})


class ServerUser(CiSenseView):
    """``server/users/{nid}``."""

    @describe("deleteUser", {DELETED: None}, also=[403, 404, 409])
    def delete(self, request: Request, nid: str) -> Response:
        """Delete a person with all that is hers; the last administrator of a group account stays (409)."""
        require(self.actor, USER_MANAGE)
        user = selectors.user_by_key(pk=self.key(USER, nid, "User"))
        services.delete_user(actor=self.actor, user=user, by_superuser=True, hand_over=False)
        return Response(status=DELETED)


class ServerAccounts(CiSenseView):
    """``server/accounts``."""

    @describe("listAccounts", {200: under("accounts", listed(ref("Account")))}, also=[403])
    def get(self, request: Request) -> Response:
        """Return the group accounts, oldest first; personal ones are not listed."""
        found = selectors.all_accounts(actor=self.actor)
        return Response({"accounts": [account_view(one) for one in found]})


class ServerProjects(CiSenseView):
    """``server/projects``."""

    @describe("listAllProjects", {200: under("projects", listed(ref("Project")))}, also=[403])
    def get(self, request: Request) -> Response:
        """Return all projects, oldest first."""
        return Response({"projects": [project_view(one) for one in projects.all_projects(actor=self.actor)]})
