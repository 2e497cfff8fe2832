"""Binding a team to a group of a directory or an identity provider, after seeing what that would do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.conf import settings
from django.utils.translation import gettext as _

from accounts import selectors, services
from console.room import FormRoom
from core.errors import DomainError, Forbidden, NotFound
from core.words import told as word
from permissions.catalogue import TEAM_SYNC

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.http import HttpResponse

    from accounts.models import Team
    from accounts.services.syncing import Difference

NAMED = 60  # people of a difference that are named; the rest is counted


class GroupForm(forms.Form):
    """Which group."""

    group = forms.CharField(
        max_length=1024, widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"})
    )


class Group(FormRoom):
    """The group that a team mirrors, or might: looked at, bound, released."""

    room = "teams"
    template = "console/group.html"
    dialogs = {"bind": GroupForm, "release": forms.Form}
    fresh = frozenset({"bind", "release"})

    @property
    def team(self) -> Team:
        """The team of the address, where teams may mirror groups and the person may say so."""
        organization = self.enter(TEAM_SYNC)
        if not settings.TEAM_SYNCING:
            raise NotFound("Teams mirror no groups here")
        if not selectors.may_bind_teams(actor=self.actor, organization=organization):
            raise Forbidden("Only superusers bind teams to groups here", right=TEAM_SYNC.name)
        return selectors.team(organization=organization, name=self.kwargs["teamname"])

    def make_form(self, name: str, data: Any = None) -> forms.Form:
        """Keep the group of the preview in the form that binds."""
        form = super().make_form(name, data)
        if name == "bind":
            form.fields["group"].widget = forms.HiddenInput()
            form.initial = {"group": self.asked("group")}
        return form

    def context(self, sent: Mapping[str, forms.Form]) -> dict[str, Any]:
        """Return the team, and what the group of the address would do to it."""
        team, group = self.team, self.asked("group")
        told: dict[str, Any] = {
            "team": team,
            "group": group,
            "is_directory": settings.AUTHENTICATION == "LDAP",
            "bound": "".join(team.sync_config.values()),
            "forms": self.all_forms(sent),
        }
        if group and not team.sync_service:
            try:
                told |= _told(services.preview_team_sync(actor=self.actor, team=team, **_named(group)))
            except DomainError as error:
                if isinstance(error, Forbidden | NotFound):
                    raise
                told["problem"] = word(error.message)
        return told

    def save_bind(self, data: dict[str, Any]) -> HttpResponse:
        """Let the group decide from now on."""
        team = services.enable_team_sync(actor=self.actor, team=self.team, **_named(data["group"]))
        words = _("The group decides from now on who of the people is in {name}.").format(name=team.name)
        return self.done(words, "console:team", self.organization.slug, team.slug)

    def save_release(self, data: dict[str, Any]) -> HttpResponse:
        """Let administrators decide again."""
        team = services.disable_team_sync(actor=self.actor, team=self.team)
        words = _("{name} mirrors no group any more. Whoever is in it stays.").format(name=team.name)
        return self.done(words, "console:team", self.organization.slug, team.slug)


def _named(group: str) -> dict[str, str]:
    return {"group_dn" if settings.AUTHENTICATION == "LDAP" else "group_name": group}


def _told(found: Difference) -> dict[str, Any]:
    return {
        "difference": found,
        "joins": found.joins[:NAMED],
        "more_join": len(found.joins[NAMED:]),
        "leaves": found.leaves[:NAMED],
        "more_leave": len(found.leaves[NAMED:]),
    }
