"""The list of one's organizations, and making a new one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.http import HttpRequest, HttpResponse

from accounts import selectors, services
from console.room import FormRoom
from notifications import selectors as notifications

if TYPE_CHECKING:
    from collections.abc import Mapping


class OrganizationForm(forms.Form):
    """A new organization."""

    name = forms.CharField(
        max_length=255,
        help_text="As you write it; the address is made of it: lower-case letters, digits and dashes.",
        widget=forms.TextInput(attrs={"autocomplete": "organization"}),
    )
    email = forms.EmailField(
        label="E-mail", required=False, help_text="Where people reach its administrators."
    )


class Home(FormRoom):
    """The first page after signing in."""

    room = "home"
    template = "console/home.html"
    dialogs = {"create": OrganizationForm}

    def context(self, sent: Mapping[str, forms.Form]) -> dict[str, Any]:
        """Return the person's organizations with her best role in each, messages to all, and invitations."""
        return {
            "memberships": selectors.own_organizations(actor=self.actor),
            "global_messages": notifications.messages(),
            "invitations": selectors.own_invitations(actor=self.actor),
            "forms": self.all_forms(sent),
        }

    def save_create(self, data: dict[str, Any]) -> HttpResponse:
        """Create an organization and go there."""
        made = services.create_organization(actor=self.actor, **data)
        return self.done(f"The organization {made.name} is yours.", "console:overview", made.slug)

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Answer an invitation, or save the form that was sent."""
        answer, code = request.POST.get("answer"), request.POST.get("code", "")
        if answer == "accept":
            joined = services.accept_invitation(actor=self.actor, code=code)
            where = joined.team or joined.organization
            return self.done(f"You are in {where.name} now.", "console:overview", joined.organization.slug)
        if answer == "decline":
            services.decline_invitation(actor=self.actor, code=code)
            return self.done("The invitation is declined.")
        return super().post(request, *args, **kwargs)


class NewOrganization(Home):
    """The same page with its dialog open."""

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Show the dialog."""
        return self.page({**self.context({}), "open": "create"})
