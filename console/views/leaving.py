"""One's organizations, and leaving one of them."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from django import forms
from django.utils.translation import gettext as _

from accounts import selectors, services
from console.nouns import listed
from console.room import FormRoom
from core.words import told
from permissions.catalogue import ORGANIZATION_LEAVE
from permissions.checks import check

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.http import HttpResponse

NAMED = 12


class LeaveForm(forms.Form):
    """Which one."""

    organization = forms.CharField(max_length=255, widget=forms.HiddenInput)


class MyOrganizations(FormRoom):
    """Where somebody belongs, as what and since when; and the way out."""

    room = "account"
    template = "console/my_organizations.html"
    dialogs = {"leave": LeaveForm}

    def context(self, sent: Mapping[str, forms.Form]) -> dict[str, Any]:
        """Return her memberships; what she would lose, where the address names one of them."""
        forms_ = self.all_forms(sent)
        leaving = self._leaving
        if leaving is not None:
            forms_["leave"].initial = {"organization": leaving.membership.organization.slug}
        return {
            "memberships": selectors.own_organizations(actor=self.actor),
            "may_leave": check(self.actor, ORGANIZATION_LEAVE),
            "leaver": self.opener("leave"),
            "leaving": leaving,
            "refusal": told(leaving.refusal) if leaving else "",
            "teams": listed(leaving.teams, at_most=NAMED) if leaving else "",
            "grants": listed([f"{project} ({told(role)})" for project, role in leaving.grants], at_most=NAMED)
            if leaving
            else "",
            "open": "leave" if leaving else "",
            "forms": forms_,
        }

    @cached_property
    def _leaving(self) -> selectors.Parting | None:
        name = self.asked("leave")
        return selectors.parting(actor=self.actor, name=name) if name else None

    def save_leave(self, data: dict[str, Any]) -> HttpResponse:
        """Leave it."""
        name = data["organization"].replace("\0", "")
        membership = selectors.parting(actor=self.actor, name=name).membership
        services.leave_organization(actor=self.actor, organization=membership.organization)
        return self.done(_("You left {organization}.").format(organization=membership.organization.slug))
