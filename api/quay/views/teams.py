"""Teams, who is in them, and invitations (quay-a.md 8)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from django.conf import settings
from rest_framework import serializers
from rest_framework.response import Response

from accounts import directory, selectors, services
from api.fields import Text, Word
from api.quay.dates import rfc2822
from api.quay.errors import API, MESSAGE
from api.quay.operation import operation
from api.quay.shapes import entity, grant_views, team_view
from api.quay.view import QuayView
from core.avatars import avatar
from permissions.catalogue import (
    INVITATION_ANSWER,
    TEAM_CHANGE,
    TEAM_DELETE,
    TEAM_GRANT_LIST,
    TEAM_MEMBER_CHANGE,
    TEAM_SYNC,
    Scope,
)
from permissions.checks import check, is_superuser, require
from projects import selectors as projects

if TYPE_CHECKING:
    from rest_framework.request import Request

    from accounts.models import Invitation, Team
    from core.actor import Actor
    from permissions.catalogue import Right


class TeamPart(QuayView):
    """A resource below ``organization/{orgname}/team/{teamname}``."""

    def team(self, orgname: str, teamname: str, right: Right) -> Team:
        """Return the team of a path; the caller has the right on its organization."""
        return selectors.team(organization=self.organization(orgname, right), name=teamname)


class PutTeam(serializers.Serializer[None]):
    """The body that makes or changes a team."""

    role = Word("member", "creator", "admin")
    description = Text(required=False)


class OneTeam(TeamPart):
    """``team/{teamname}``: there is no reading it, the organization shows its teams."""

    errors = {
        "not_found": (400, MESSAGE),
        "put invalid:name": (400, MESSAGE),
        "invalid:": (400, MESSAGE),
        "conflict": (400, MESSAGE),
    }

    @operation("updateOrganizationTeam", "team", scopes=[Scope.ORG_ADMIN], body=PutTeam, also=[404])
    def put(self, request: Request, orgname: str, teamname: str) -> Response:
        """Make the team, or change it if there is one; ``new_team`` tells which it was."""
        body = self.body(PutTeam)
        organization = self.organization(orgname, TEAM_CHANGE)
        team, is_new = services.put_team(
            actor=self.actor, organization=organization, slug=teamname, teams_only=True, **body
        )
        return Response(team_view(team, can_view=True, new_team=is_new))

    @operation("deleteOrganizationTeam", "team", scopes=[Scope.ORG_ADMIN], success=204, also=[400, 404])
    def delete(self, request: Request, orgname: str, teamname: str) -> Response:
        """Delete the team."""
        team = self.team(orgname, teamname, TEAM_DELETE)
        services.delete_team(actor=self.actor, team=team, teams_only=True)
        return Response(status=204)


def invitation_view(invitation: Invitation) -> dict[str, Any]:
    """Return an open invitation: of a known person like a member, of an address by itself."""
    if invitation.user is not None:
        return entity(invitation.user, None) | {"invited": True}
    return {
        "email": invitation.email,
        "kind": "invite",
        "avatar": avatar(invitation.email, email=invitation.email),
        "invited": True,
    }


def sync_views(actor: Actor, team: Team) -> dict[str, Any]:
    """Return ``can_sync`` for who could bind the team, and ``synced`` where it is bound (quay-a.md 8)."""
    service = settings.AUTHENTICATION.lower()
    if service not in ("ldap", "oidc"):
        return {}
    body: dict[str, Any] = {}
    if settings.TEAM_SYNCING and selectors.may_bind_teams(actor=actor, organization=team.organization):
        where = {"base_dn": directory.base_dn()} if service == "ldap" else {"issuer_domain": oidc_host()}
        body["can_sync"] = {"service": service, **where}
    if team.sync_service:
        body["synced"] = {"service": team.sync_service}
        if settings.TEAM_SYNCING_BY_ADMINS or is_superuser(actor):
            body["synced"] |= {"last_updated": rfc2822(team.synced_at), "config": team.sync_config}
    return body


def oidc_host() -> str:
    """Return the host of the identity provider."""
    return urlsplit(settings.OIDC_ISSUER).hostname or ""


class TeamGroup(serializers.Serializer[None]):
    """The body that binds a team: which of them counts is the instance's choice."""

    group_dn = Text(required=False)
    group_name = Text(required=False)


class TeamSyncing(TeamPart):
    """``team/{teamname}/syncing``: a route only where teams may mirror groups."""

    def is_offered(self) -> bool:
        """Tell whether teams may mirror groups here."""
        return bool(settings.TEAM_SYNCING)

    @operation(
        "enableOrganizationTeamSync",
        "team",
        scopes=[Scope.ORG_ADMIN, Scope.SUPER_USER],
        body=TeamGroup,
        also=[404, 520],
    )
    def post(self, request: Request, orgname: str, teamname: str) -> Response:
        """Bind the team to a group of the directory or identity provider."""
        self.signed_in()
        self.fresh()
        organization = self.organization(orgname, TEAM_SYNC)
        body = self.body(TeamGroup)
        team = selectors.team(organization=organization, name=teamname)
        team = services.enable_team_sync(actor=self.actor, team=team, **body)
        return Response(team_view(team, can_view=True, new_team=False))

    @operation("disableOrganizationTeamSync", "team", scopes=[Scope.ORG_ADMIN, Scope.SUPER_USER], also=[404])
    def delete(self, request: Request, orgname: str, teamname: str) -> Response:
        """Release the team from its group."""
        self.signed_in()
        self.fresh()
        team = self.team(orgname, teamname, TEAM_SYNC)
        team = services.disable_team_sync(actor=self.actor, team=team)
        return Response(team_view(team, can_view=True, new_team=False))


class TeamMembers(QuayView):
    """``team/{teamname}/members``."""

    @operation("getOrganizationTeamMembers", "team", scopes=[Scope.ORG_ADMIN], also=[404])
    def get(self, request: Request, orgname: str, teamname: str) -> Response:
        """Return who is in the team; with ``includePending`` also who is invited, if the caller may edit."""
        team = selectors.readable_team(actor=self.actor, organization_name=orgname, name=teamname)
        can_edit = check(self.actor, TEAM_MEMBER_CHANGE, team.organization)
        members = [
            entity(member.user, member.robot) | {"invited": False}
            for member in selectors.team_members(team=team)
        ]
        if can_edit and self.flag("includePending"):
            members += [invitation_view(one) for one in selectors.team_invitations(team=team)]
        body = {"name": team.slug, "members": members, "can_edit": can_edit}
        return Response(body | sync_views(self.actor, team))


class TeamMember(TeamPart):
    """``team/{teamname}/members/{membername}``, where a robot is addressed by its full name."""

    errors = {
        "put not_found:user": (400, API),
        "put not_found:robot": (400, API),
        "put conflict": (400, MESSAGE),
        "put invalid:membername": (400, MESSAGE),
        "delete not_found:membership": (400, MESSAGE),
        "delete invalid": (400, MESSAGE),
        "delete conflict": (400, MESSAGE),
    }

    @operation("updateOrganizationTeamMember", "team", scopes=[Scope.ORG_ADMIN], also=[400, 404])
    def put(self, request: Request, orgname: str, teamname: str, membername: str) -> Response:
        """Add a person or a robot, or invite the person; whatever is sent is not looked at."""
        team = self.team(orgname, teamname, TEAM_MEMBER_CHANGE)
        user, robot = selectors.user_or_robot(name=membername)
        invited = services.add_team_member(actor=self.actor, team=team, user=user, robot=robot)
        return Response(entity(user, robot) | {"invited": invited})

    @operation("deleteOrganizationTeamMember", "team", scopes=[Scope.ORG_ADMIN], success=204, also=[400, 404])
    def delete(self, request: Request, orgname: str, teamname: str, membername: str) -> Response:
        """Take somebody out of the team, or withdraw her invitation."""
        team = self.team(orgname, teamname, TEAM_MEMBER_CHANGE)
        user, robot = selectors.user_or_robot(name=membername)
        services.remove_team_member(actor=self.actor, team=team, user=user, robot=robot, teams_only=True)
        return Response(status=204)


class TeamInvite(TeamPart):
    """``team/{teamname}/invite/{email}``: a route only where the instance sends mails."""

    def is_offered(self) -> bool:
        """Tell whether the instance sends mails."""
        return bool(settings.MAILING)

    @operation("inviteTeamMemberEmail", "team", scopes=[Scope.ORG_ADMIN], also=[400, 404])
    def put(self, request: Request, orgname: str, teamname: str, email: str) -> Response:
        """Invite an address; asking again renews the invitation."""
        team = self.team(orgname, teamname, TEAM_MEMBER_CHANGE)
        return Response(invitation_view(services.invite(actor=self.actor, team=team, email=email)))

    @operation("deleteTeamMemberEmailInvite", "team", scopes=[Scope.ORG_ADMIN], success=204, also=[400, 404])
    def delete(self, request: Request, orgname: str, teamname: str, email: str) -> Response:
        """Withdraw the invitation of an address."""
        team = self.team(orgname, teamname, TEAM_MEMBER_CHANGE)
        services.withdraw_invitation(actor=self.actor, team=team, email=email)
        return Response(status=204)


class TeamGrants(TeamPart):
    """``team/{teamname}/permissions``."""

    @operation("getOrganizationTeamPermissions", "team", scopes=[Scope.ORG_ADMIN], also=[404])
    def get(self, request: Request, orgname: str, teamname: str) -> Response:
        """Return what the team may do in which repositories."""
        team = self.team(orgname, teamname, TEAM_GRANT_LIST)
        return Response({"permissions": grant_views(projects.team_grants(actor=self.actor, team=team))})


class AnswerInvitation(QuayView):
    """``teaminvite/{code}``."""

    errors = {"invalid": (400, MESSAGE), "conflict": (400, MESSAGE)}

    @operation("acceptTeamInvite", "team", scopes=[Scope.USER_ADMIN], also=[400])
    def put(self, request: Request, code: str) -> Response:
        """Accept an invitation to a team."""
        require(self.actor, INVITATION_ANSWER)
        accepted = services.accept_invitation(actor=self.actor, code=code)
        team = accepted.team.slug if accepted.team else ""
        return Response({"org": accepted.organization.slug, "team": team})

    @operation("declineTeamInvite", "team", scopes=[Scope.USER_ADMIN], success=204, also=[400])
    def delete(self, request: Request, code: str) -> Response:
        """Decline an invitation to a team."""
        require(self.actor, INVITATION_ANSWER)
        services.decline_invitation(actor=self.actor, code=code)
        return Response(status=204)
