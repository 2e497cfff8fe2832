"""One's organizations and leaving one of them; and giving up what one was granted elsewhere."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from django import forms
from django.utils.translation import gettext as _

from accounts import selectors, services
from console.nouns import listed
from console.paging import paging, start_of
from console.room import FormRoom
from core.words import told
from permissions.catalogue import GRANT_GIVE_UP, ORGANIZATION_LEAVE
from permissions.checks import check
from projects import selectors as projects
from projects import services as project_services

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.http import HttpResponse

    from permissions.models import Grant

NAMED = 12
SHOWN = 50


class LeaveForm(forms.Form):
    """Which one."""

    organization = forms.CharField(max_length=255, widget=forms.HiddenInput)


class GiveUpForm(forms.Form):
    """On which project, as namespace/slug."""

    project = forms.CharField(max_length=600, widget=forms.HiddenInput)


class MyOrganizations(FormRoom):
    """Where somebody belongs, as what and since when, or holds a project without that; and the way out."""

    room = "account"
    template = "console/my_organizations.html"
    dialogs = {"leave": LeaveForm, "give_up": GiveUpForm}

    def context(self, sent: Mapping[str, forms.Form]) -> dict[str, Any]:
        """Return her memberships; what she would lose, where the address names one of them."""
        forms_ = self.all_forms(sent)
        leaving = self._leaving
        if leaving is not None:
            forms_["leave"].initial = {"organization": leaving.membership.organization.slug}
        parting = self._parting
        if parting is not None:
            project = parting.project
            forms_["give_up"].initial = {"project": f"{project.namespace.name}/{project.slug}"}
        held = projects.held_elsewhere(actor=self.actor)
        number, start = held.count(), start_of(self)
        return {
            "held": held[start : start + SHOWN] if number else [],
            "paging": paging(self, found=number, size=SHOWN),
            "may_give_up": check(self.actor, GRANT_GIVE_UP),
            "giver": self.opener("give_up"),
            "parting": parting,
            "comes_again": parting is not None and projects.comes_again(grant=parting),
            "memberships": selectors.own_organizations(actor=self.actor),
            "may_leave": check(self.actor, ORGANIZATION_LEAVE),
            "leaver": self.opener("leave"),
            "leaving": leaving,
            "refusal": told(leaving.refusal) if leaving else "",
            "teams": listed(leaving.teams, at_most=NAMED) if leaving else "",
            "grants": listed([f"{project} ({told(role)})" for project, role in leaving.grants], at_most=NAMED)
            if leaving
            else "",
            "open": "leave" if leaving else "give_up" if parting else "",
            "forms": forms_,
        }

    @cached_property
    def _leaving(self) -> selectors.Parting | None:
        name = self.asked("leave")
        return selectors.parting(actor=self.actor, name=name) if name else None

    @cached_property
    def _parting(self) -> Grant | None:
        address = self.asked("give_up")
        return projects.held_there(actor=self.actor, address=address) if address else None

    def save_give_up(self, data: dict[str, Any]) -> HttpResponse:
        """Give up what was granted on a project."""
        grant = projects.held_there(actor=self.actor, address=data["project"].replace("\0", ""))
        project_services.give_up_grant(actor=self.actor, grant=grant)
        return self.done(
            _("You gave up {role} on {project}.").format(role=told(grant.role), project=grant.project.slug)
        )

    def save_leave(self, data: dict[str, Any]) -> HttpResponse:
        """Leave it."""
        name = data["organization"].replace("\0", "")
        membership = selectors.parting(actor=self.actor, name=name).membership
        services.leave_organization(actor=self.actor, organization=membership.organization)
        return self.done(_("You left {organization}.").format(organization=membership.organization.slug))
