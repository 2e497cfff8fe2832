"""Invitations: sent to many at once, watched, withdrawn; and what a mailed one leads to."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from django import forms
from django.utils import timezone
from django.utils.text import format_lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts import selectors, services
from accounts.services.invitations import AT_ONCE
from console.paging import paging, start_of
from console.room import FormRoom, Room
from console.views.members import ROLES
from core.words import told
from permissions.catalogue import MEMBER_INVITE, MEMBER_LIST, Level, OrganizationRole
from permissions.checks import check, organization_level

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.http import HttpRequest, HttpResponse

SHOWN = 50
WHOM_MAX = 30_000  # letters: a hundred of the longest addresses


class InviteForm(forms.Form):
    """Whom, and as what."""

    whom = forms.CharField(
        label=gettext_lazy("E-mail addresses or user names"),
        max_length=WHOM_MAX,
        help_text=format_lazy(
            gettext_lazy("Up to {most}, one a line or with commas or semicolons between them."), most=AT_ONCE
        ),
        widget=forms.Textarea(attrs={"rows": 5, "spellcheck": "false", "autocomplete": "off"}),
    )
    role = forms.ChoiceField(choices=ROLES, initial=OrganizationRole.MEMBER, widget=forms.RadioSelect)

    def clean_whom(self) -> list[str]:
        """Return what was typed, piece by piece, each once."""
        pieces = (piece.strip() for piece in re.split(r"[,;\n]", self.cleaned_data["whom"].replace("\0", "")))
        return list(dict.fromkeys(piece for piece in pieces if piece))


class OneForm(forms.Form):
    """Which invitation."""

    key = forms.CharField(max_length=20, widget=forms.HiddenInput)


class Invitations(FormRoom):
    """Who is invited and has not answered, and how long it is open; inviting many at once."""

    room = "members"
    template = "console/invitations.html"
    dialogs = {"invite": InviteForm, "renew": OneForm, "withdraw": OneForm}

    def make_form(self, name: str, data: Any = None) -> forms.Form:
        """Offer the roles that the person may give: owners are made by owners."""
        form = super().make_form(name, data)
        if name == "invite" and organization_level(self.actor, self.organization) < Level.OWNER:
            owner = OrganizationRole.OWNER
            form.fields["role"].choices = [one for one in ROLES if one[0] != owner]  # type: ignore[attr-defined]
        return form

    def context(self, sent: Mapping[str, forms.Form]) -> dict[str, Any]:
        """Return a page of invitations, open or expired."""
        organization = self.enter(MEMBER_LIST)
        found = selectors.organization_invitations(actor=self.actor, organization=organization)
        states = {"open": found.filter(expires_at__gt=timezone.now())}
        states["expired"] = found.filter(expires_at__lte=timezone.now())
        numbers = {name: rows.count() for name, rows in states.items()}
        state = self.asked("state") if self.asked("state") in states else "open"
        start = start_of(self)
        return {
            "invitations": states[state][start : start + SHOWN],
            "paging": paging(self, found=numbers[state], size=SHOWN),
            "state": state,
            "chips": [
                (name, name.capitalize(), numbers[name], self.here(state=name, start="")) for name in states
            ],
            "may_invite": check(self.actor, MEMBER_INVITE, organization),
            "forms": self.all_forms(sent),
        }

    def save_invite(self, data: dict[str, Any]) -> HttpResponse:
        """Invite them; where something is wrong with one, say what became of each."""
        invited = services.invite_people(actor=self.actor, organization=self.organization, **data)
        done = sum(one.done for one in invited)
        if done == len(invited):
            whom = invited[0].typed if done == 1 else _("{done} people").format(done=done)
            return self.done(_("You invited {whom} as {role}.").format(whom=whom, role=told(data["role"])))
        return self.page(
            self.context({})
            | {"results": invited, "told": _("{done} of {all} invited").format(done=done, all=len(invited))}
        )

    def save_renew(self, data: dict[str, Any]) -> HttpResponse:
        """Send one again, with a new code."""
        services.renew_invitation(actor=self.actor, invitation=self._one(data))
        return self.done(_("The invitation is sent again, for another 30 days. The older link is dead."))

    def save_withdraw(self, data: dict[str, Any]) -> HttpResponse:
        """End one."""
        services.end_invitation(actor=self.actor, invitation=self._one(data))
        return self.done(_("The invitation is withdrawn."))

    def _one(self, data: dict[str, Any]) -> Any:
        return selectors.organization_invitation(
            actor=self.actor, organization=self.organization, key=data["key"]
        )


class Invited(Room):
    """An invitation, for whom it is meant; looking answers nothing: programs that read mail look, too."""

    template = "console/invitation.html"

    def get(self, request: HttpRequest, code: str) -> HttpResponse:
        """Show who invites whereto."""
        return self.page({"invitation": selectors.invitation(actor=self.actor, code=code)})

    def post(self, request: HttpRequest, code: str) -> HttpResponse:
        """Join, or decline."""
        if request.POST.get("answer") == "accept":
            joined = services.accept_invitation(actor=self.actor, code=code)
            where = joined.team or joined.organization
            return self.done(
                _("You are in {name} now.").format(name=where.name),
                "console:overview",
                joined.organization.slug,
            )
        services.decline_invitation(actor=self.actor, code=code)
        return self.done(_("The invitation is declined."), "console:home")
