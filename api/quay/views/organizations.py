"""Organizations (quay-a.md 7.1 to 7.4)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rest_framework import serializers
from rest_framework.response import Response

from accounts import selectors, services
from api.fields import Flag, Text, Whole
from api.quay.errors import MESSAGE
from api.quay.operation import operation
from api.quay.shapes import organization_avatar, quota_views, team_view
from api.quay.view import QuayView, wire_name
from permissions.catalogue import (
    ORGANIZATION_ADMINISTER,
    ORGANIZATION_CHANGE,
    ORGANIZATION_CREATE,
    ORGANIZATION_DELETE,
    ORGANIZATION_READ,
    Scope,
)
from permissions.checks import audits, check, organization_paths, require
from quotas import selectors as quotas

if TYPE_CHECKING:
    from rest_framework.request import Request

    from accounts.models import Organization
    from core.actor import Actor


def organization_view(actor: Actor, organization: Organization, *, synced: bool = True) -> dict[str, Any]:
    """Return an organization; the inside is there for members, the settings for administrators (7.2).

    Who audits it sees as much as an administrator, and is none.
    ``synced`` False leaves out whether a directory keeps the teams: the answer to a change never says so.
    """
    is_member = check(actor, ORGANIZATION_READ, organization)
    sees_all = check(actor, ORGANIZATION_ADMINISTER, organization)
    body: dict[str, Any] = {
        "name": organization.slug,
        "email": organization.email if sees_all else "",
        "avatar": organization_avatar(organization, kind="user"),
        "is_admin": sees_all and not audits(actor, organization),
        "is_member": is_member,
    }
    if is_member:
        mine = {path.team for path in organization_paths(actor, organization)}
        teams = selectors.listed_teams(organization=organization)
        body["teams"] = {
            team.slug: team_view(
                team,
                can_view=sees_all or team.slug in mine,
                repo_count=team.repo_count,
                member_count=team.member_count,
                is_synced=synced and team.is_synced,
            )
            for team in teams
        }
        body["ordered_teams"] = [team.slug for team in teams]
    if sees_all:
        body |= {
            "invoice_email": organization.invoice_email,
            "invoice_email_address": organization.invoice_email_address,
            "tag_expiration_s": organization.tag_expiration_s,
            "is_free_account": True,
        }
    if is_member:
        body |= quota_views(quotas.bytes_of(namespace_id=organization.namespace_id))
    return body


class NewOrganization(serializers.Serializer[None]):
    """The body of organization creation; the e-mail address is optional, ``contact_email`` wins."""

    name = Text()
    email = Text(required=False)
    contact_email = Text(required=False)


class Organizations(QuayView):
    """``organization/``."""

    @operation(
        "createOrganization", "organization", scopes=[Scope.USER_ADMIN], body=NewOrganization, success=201
    )
    def post(self, request: Request) -> Response:
        """Create an organization; the caller becomes its owner."""
        require(self.actor, ORGANIZATION_CREATE)
        body = self.body(NewOrganization)
        email = body.get("contact_email", body.get("email", ""))
        services.create_organization(actor=self.actor, slug=wire_name(body["name"]), email=email)
        return Response("Created", status=201)


class ChangeOrganization(serializers.Serializer[None]):
    """The body of ``PUT organization/{orgname}``: any subset."""

    email = Text(required=False)
    contact_email = Text(required=False, allow_null=True)
    invoice_email = Flag(required=False)
    invoice_email_address = Text(required=False, allow_null=True)
    tag_expiration_s = Whole(required=False, min_value=0)


class OneOrganization(QuayView):
    """``organization/{orgname}``."""

    errors = {"put invalid:tag_expiration_s": (400, MESSAGE)}

    @operation("getOrganization", "organization", scopes=[Scope.ORG_ADMIN], anybody=True, also=[404])
    def get(self, request: Request, orgname: str) -> Response:
        """Return the organization; anybody may ask whether it is there."""
        return Response(organization_view(self.actor, self.organization(orgname)))

    @operation(
        "changeOrganizationDetails",
        "organization",
        scopes=[Scope.ORG_ADMIN],
        body=ChangeOrganization,
        also=[404],
    )
    def put(self, request: Request, orgname: str) -> Response:
        """Change the organization's settings."""
        changes = self.body(ChangeOrganization)
        organization = self.organization(orgname, ORGANIZATION_CHANGE)
        if "contact_email" in changes:
            changes["email"] = changes.pop("contact_email")
        organization = services.change_organization(
            actor=self.actor, organization=organization, changes=changes
        )
        return Response(organization_view(self.actor, organization, synced=False))

    @operation("deleteAdminedOrganization", "organization", scopes=[Scope.ORG_ADMIN], success=204, also=[404])
    def delete(self, request: Request, orgname: str) -> Response:
        """Delete the organization."""
        self.signed_in()
        self.fresh()
        organization = self.organization(orgname, ORGANIZATION_DELETE)
        services.delete_organization(actor=self.actor, organization=organization)
        return Response(status=204)
