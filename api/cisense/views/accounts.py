"""Accounts and the organizations in them (cisense.md 6, operations 5 to 8)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rest_framework import serializers
from rest_framework.response import Response

from accounts import selectors, services
from api.cisense.constants import ACCOUNT, CREATED, DELETED, NAME_MAX
from api.cisense.shapes import account_view, organization_detail, organization_view
from api.cisense.view import CiSenseView
from api.fields import Text
from api.openapi import describe
from api.schemas import listed, ref, under
from core.errors import Conflict, Invalid
from core.names import slugify

if TYPE_CHECKING:
    from rest_framework.request import Request

    from accounts.models import Account


class NewOrganization(serializers.Serializer[None]):
    """The body that creates an organization."""

    organization_name = Text(trim_whitespace=True, allow_blank=False, max_length=NAME_MAX)


class AccountView(CiSenseView):
    """What the routes of one account begin with."""

    def account(self, nid: str) -> Account:
        """Return the account of a path that the caller belongs to. Raises NotFound."""
        return selectors.account_by_key(actor=self.actor, pk=self.key(ACCOUNT, nid, "Account"))


class OneAccount(AccountView):
    """``accounts/{nid}``."""

    @describe("getAccount", {200: under("account", ref("Account"))}, also=[404])
    def get(self, request: Request, nid: str) -> Response:
        """Return an account that the caller belongs to."""
        return Response({"account": account_view(self.account(nid))})

    @describe("deleteAccount", {DELETED: None}, also=[403, 404, 409])
    def delete(self, request: Request, nid: str) -> Response:
        """Delete a group account with everything in it; personal ones go with their person (409)."""
        account = self.account(nid)
        if account.kind != "group":
            raise Conflict("A personal account is deleted with its user")
        services.delete_account(actor=self.actor, account=account)
        return Response(status=DELETED)


class AccountOrganizations(AccountView):
    """``accounts/{nid}/organizations``."""

    @describe("listOrganizations", {200: under("organizations", listed(ref("Organization")))}, also=[404])
    def get(self, request: Request, nid: str) -> Response:
        """Return the organizations, oldest first: all to administrators, her own to everybody else."""
        found = selectors.organizations_of(actor=self.actor, account=self.account(nid))
        return Response({"organizations": [organization_view(one) for one in found]})

    @describe(
        "createOrganization",
        {CREATED: under("organization", ref("OrganizationDetail"))},
        also=[403, 404, 409],
        body=NewOrganization,
    )
    def post(self, request: Request, nid: str) -> Response:
        """Create an organization; the caller administers it.

        Names are compared by the slug that they lead to: two that differ in case or blanks alone are one.
        """
        account = self.account(nid)
        name = self.body(NewOrganization)["organization_name"]
        if account.kind != "group":
            raise Invalid("A personal account holds no organizations")
        made = services.create_organization(actor=self.actor, slug=slugify(name), name=name, account=account)
        members = selectors.standings(organization=made)
        return Response({"organization": organization_detail(made, members)}, status=CREATED)
