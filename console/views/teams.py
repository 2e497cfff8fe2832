"""Teams: the list, and one team with its people and projects."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from django import forms
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts import selectors, services
from console.bulk import BulkRoom
from console.fields import described, suggest
from console.paging import paging, start_of
from console.previews import Choice, Preview, PreviewRoom, told
from console.undo import deleted
from console.views.access import address_of
from core.words import told as word
from permissions import resolver
from permissions.catalogue import (
    ACCESS_READ,
    ORGANIZATION_READ,
    TEAM_CHANGE,
    TEAM_CREATE,
    TEAM_DELETE,
    TEAM_GRANT_LIST,
    TEAM_MEMBER_CHANGE,
    TEAM_READ,
)
from permissions.checks import check, organization_paths, require
from permissions.selectors import facts
from projects import selectors as projects

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from django.db.models import QuerySet

    from accounts.models import Team
    from console.verbs import Verb

SHOWN = 100
ROLES = [
    (
        "member",
        described(
            gettext_lazy("Member"), gettext_lazy("Its people may do what the team is granted, and no more")
        ),
    ),
    ("creator", described(gettext_lazy("Creator"), gettext_lazy("Its people may also create projects"))),
    (
        "admin",
        described(gettext_lazy("Administrator"), gettext_lazy("Its people manage the whole organization")),
    ),
]


class TeamForm(forms.Form):
    """A new team."""

    name = forms.CharField(
        max_length=255,
        help_text=gettext_lazy("As you write it. Its address is made of it and stays."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    description = forms.CharField(
        required=False,
        max_length=1000,
        widget=forms.TextInput(attrs={"placeholder": gettext_lazy("Who are they?")}),
    )
    role = forms.ChoiceField(choices=ROLES, initial="member", widget=forms.RadioSelect)


class ChangeForm(forms.Form):
    """What can be changed of a team."""

    description = forms.CharField(required=False, max_length=1000)
    role = forms.ChoiceField(choices=ROLES, widget=forms.RadioSelect)


class MemberForm(forms.Form):
    """Somebody to add: a person, or a robot of the organization."""

    username = forms.CharField(
        label=gettext_lazy("User or robot"),
        max_length=511,
        help_text=gettext_lazy("A user name, or a robot as organization+robot."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )


class RemoveForm(forms.Form):
    """Whom to remove."""

    username = forms.CharField(widget=forms.HiddenInput)


class ConfirmForm(forms.Form):
    """Nothing but the wish itself."""


class Teams(BulkRoom):
    """All teams of an organization."""

    noun = "team"
    room = "teams"
    template = "console/teams.html"
    part = "console/teams_list.html"
    dialogs = {"create": TeamForm}

    def context(self, sent: Mapping[str, forms.Form]) -> dict[str, Any]:
        """Return the teams, narrowed by name; one's own are marked."""
        organization = self.enter(ORGANIZATION_READ)
        everything, found = self._teams, self._fitting()
        by_key = {team.pk: team for team in everything}
        start = start_of(self)
        return {
            "teams": [(team, by_key.get(team.parent_id or 0)) for team in found[start : start + SHOWN]],
            "paging": paging(self, found=len(found), size=SHOWN),
            "mine": self._mine,
            "only_mine": "1" if self.asked("mine") == "1" else "",
            "chips": [
                ("", _("All"), len(everything), self.here(mine="", start="")),
                ("1", _("Mine"), len(self._mine), self.here(mine="1", start="")),
            ],
            "has_synced": any(team.sync_service for team in everything),
            "search": self.asked("q"),
            "may_create": check(self.actor, TEAM_CREATE, organization),
            "bulk": check(self.actor, TEAM_DELETE, organization),
            "verbs": self.verbs,
            "noun": self.noun,
            "forms": self.all_forms(sent),
        }

    @property
    def verbs(self) -> dict[str, Verb]:
        """What may be done to teams; compared are they only where they mirror groups."""
        syncs = settings.TEAM_SYNCING and any(team.sync_service for team in self._teams)
        return {name: verb for name, verb in super().verbs.items() if name != "sync" or syncs}

    @cached_property
    def _teams(self) -> list[Team]:
        found = selectors.teams(organization=self.organization)
        return sorted(found, key=lambda team: (team.name.casefold(), team.pk))

    @cached_property
    def _mine(self) -> set[str]:
        return {path.team for path in organization_paths(self.actor, self.organization) if path.team}

    @cached_property
    def _staying(self) -> dict[int, str]:
        return {}

    def _fitting(self) -> list[Team]:
        search = self.asked("q").casefold()
        return [
            team
            for team in self._teams
            if (not search or search in f"{team.slug} {team.name} {team.description}".casefold())
            and (self.asked("mine") != "1" or team.slug in self._mine)
        ]

    def bulk_rows(self) -> QuerySet[Team]:
        """Return what fits the filter."""
        organization = self.enter(TEAM_DELETE)
        keys = [team.pk for team in self._fitting()]
        return selectors.teams_among(organization=organization, keys=keys)

    def bulk_found(self, keys: list[str]) -> dict[str, Team]:
        """Return those of this organization."""
        return {team.slug: team for team in self._teams if team.slug in keys}

    def bulk_key(self, row: Team) -> str:
        """Return its slug."""
        return row.slug

    def bulk_name(self, row: Team) -> str:
        """Return its name as typed, and by what it is addressed if that is something else."""
        return row.name if row.name == row.slug else f"{row.name} ({row.slug})"

    def bulk_look(self, verb: str, rows: Iterable[Team]) -> None:
        """Find the team whose deletion would leave the organization, or the acting person, without."""
        if verb == "delete":
            self._staying = selectors.teams_that_stay(
                actor=self.actor, organization=self.organization, teams=list(rows)
            )

    def bulk_spared(self, verb: str, row: Team) -> str:
        """Say that there is no group to compare it with, or why it cannot be deleted."""
        if verb == "delete":
            return word(self._staying.get(row.pk, ""))
        return _("it mirrors no group") if verb == "sync" and not row.sync_service else ""

    def bulk_hindered(self, verb: str, rows: QuerySet[Team]) -> QuerySet[Team]:
        """Return those that mirror no group, or cannot be deleted."""
        if verb == "delete":
            return rows.filter(pk__in=list(self._staying))
        return rows.filter(sync_service="") if verb == "sync" else rows.none()

    def bulk_effects(self, verb: str, rows: list[Team]) -> list[str]:
        """Say what ends with all of them together."""
        if verb != "delete" or not check(self.actor, ACCESS_READ, self.organization):
            return []
        now = after = facts(actor=self.actor, organization=self.organization)
        for team in rows:
            if not self.bulk_spared(verb, team):
                after = resolver.without_team(after, team.pk)
        return told(now, after)

    def save_create(self, data: dict[str, Any]) -> HttpResponse:
        """Create a team and go there."""
        organization = self.organization
        team = services.create_team(actor=self.actor, organization=organization, **data)
        return self.done(
            _("The team {name} is created.").format(name=team.name),
            "console:team",
            organization.slug,
            team.slug,
        )


class OneTeam(PreviewRoom):
    """A team: who is in it, what it may do where."""

    room = "teams"
    template = "console/team.html"
    previews = frozenset({"remove", "change", "delete"})
    dialogs = {
        "add": MemberForm,
        "remove": RemoveForm,
        "resend": RemoveForm,
        "withdraw": RemoveForm,
        "change": ChangeForm,
        "delete": ConfirmForm,
    }

    def setup(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        """Remember nothing of the last request."""
        super().setup(request, *args, **kwargs)
        self._team: Team | None = None

    @property
    def team(self) -> Team:
        """The team of the address."""
        if self._team is None:
            organization = self.enter(ORGANIZATION_READ)
            self._team = selectors.team(organization=organization, name=self.kwargs["teamname"])
        return self._team

    def make_form(self, name: str, data: Any = None) -> forms.Form:
        """Fill the form for changes with what is there."""
        if name == "change" and data is None:
            return ChangeForm(initial={"description": self.team.description, "role": self.team.role})
        form = super().make_form(name, data)
        if name == "add":
            suggest(form.fields["username"], self.organization.slug, "people,robots")
            if self.team.sync_service:
                form.fields["username"].help_text = _(
                    "A robot as organization+robot: people come by the group."
                )
            elif settings.MAILING:
                form.fields["username"].help_text += _(" Or an e-mail address, to invite by mail.")
        return form

    def context(self, sent: Mapping[str, forms.Form]) -> dict[str, Any]:
        """Return the team's people and grants, as far as the person may see them."""
        team, organization = self.team, self.team.organization
        sees_members = check(self.actor, TEAM_READ, team)
        sees_grants = check(self.actor, TEAM_GRANT_LIST, organization)
        may_change_members = check(self.actor, TEAM_MEMBER_CHANGE, organization)
        return {
            "team": team,
            "sees_members": sees_members,
            "children": team.children.order_by("slug"),
            "members": selectors.team_members(team=team) if sees_members else (),
            "invitations": selectors.team_invitations(team=team) if sees_grants else (),
            "sees_grants": sees_grants,
            "sees_access": self.sees_access,
            "preview": self.preview(),
            "access_url": address_of(self.actor, organization, f"@{team.slug}"),
            "grants": projects.team_grants(actor=self.actor, team=team) if sees_grants else (),
            "may_change": check(self.actor, TEAM_CHANGE, organization),
            "may_change_members": may_change_members,
            "sync_group": "".join(team.sync_config.values()) if sees_grants else "",
            "may_bind": settings.TEAM_SYNCING and self._may_bind(),
            "may_delete": check(self.actor, TEAM_DELETE, organization),
            "forms": self.all_forms(sent),
        }

    def _may_bind(self) -> bool:
        return selectors.may_bind_teams(actor=self.actor, organization=self.team.organization)

    def preview_remove(self) -> Preview | None:
        """Say what somebody loses by leaving the team."""
        require(self.actor, TEAM_MEMBER_CHANGE, self.team.organization)
        now = self.facts()
        key = now.named(self.asked("of"))
        if key is None or self.team.pk not in now.seats.get(key, ()):
            return None
        name = now.bearers[key].name
        form = RemoveForm(initial={"username": name})
        lines = told(now, resolver.without_seat(now, key, self.team.pk))
        return Preview(
            _("Remove {name} from the team?").format(name=name), "remove", _("Remove"), form, lines
        )

    def preview_change(self) -> Preview:
        """Say what each role of the team would end or give."""
        require(self.actor, TEAM_CHANGE, self.team.organization)
        now = self.facts()
        choices = [
            Choice(role, told(now, resolver.with_team_role(now, self.team.pk, role)))
            for role, label in ROLES
            if role != self.team.role
        ]
        form = self.make_form("change")
        return Preview(_("Change the team"), "change", _("Save"), form, choices=choices, danger=False)

    def preview_delete(self) -> Preview:
        """Say what ends with the team."""
        require(self.actor, TEAM_DELETE, self.team.organization)
        now = self.facts()
        lines = told(now, resolver.without_team(now, self.team.pk))
        return Preview(_("Delete this team?"), "delete", _("Delete team"), ConfirmForm(), lines)

    def save_add(self, data: dict[str, Any]) -> HttpResponse:
        """Add somebody, or invite her."""
        name = data["username"].strip()
        if settings.MAILING and "@" in name:
            services.invite(actor=self.actor, team=self.team, email=name)
            return self.done(_("A mail invites {name}.").format(name=name))
        who = selectors.holder_to_add(name=name)
        invited = services.add_team_member(actor=self.actor, team=self.team, **who)
        return self.done(
            _("{name} is invited.").format(name=name)
            if invited
            else _("{name} is in the team now.").format(name=name)
        )

    def save_resend(self, data: dict[str, Any]) -> HttpResponse:
        """Invite again: a new code, by a new mail; the old one is dead."""
        name = data["username"]
        who = {"email": name} if "@" in name else selectors.holder_to_add(name=name)
        services.invite(actor=self.actor, team=self.team, **who)
        return self.done(_("{name} is invited anew.").format(name=name))

    def save_withdraw(self, data: dict[str, Any]) -> HttpResponse:
        """Withdraw an invitation."""
        name = data["username"]
        if "@" in name:
            services.withdraw_invitation(actor=self.actor, team=self.team, email=name)
        else:
            who = selectors.holder_to_add(name=name)
            services.remove_team_member(actor=self.actor, team=self.team, **who)
        return self.done(_("{name} is not invited any more.").format(name=name))

    def save_remove(self, data: dict[str, Any]) -> HttpResponse:
        """Remove somebody."""
        who = selectors.holder_to_add(name=data["username"])
        services.remove_team_member(actor=self.actor, team=self.team, **who)
        return self.done(_("{username} is no longer in the team.").format(username=data["username"]))

    def save_change(self, data: dict[str, Any]) -> HttpResponse:
        """Change description and role."""
        services.change_team(actor=self.actor, team=self.team, **data)
        return self.done(_("The team is changed."))

    def save_delete(self, data: dict[str, Any]) -> HttpResponse:
        """Delete the team."""
        organization, name = self.team.organization, self.team.name
        services.delete_team(actor=self.actor, team=self.team)
        words = deleted(
            _("The team {name} is deleted.").format(name=name),
            actor=self.actor,
            namespace=organization.namespace,
            kind="team",
            name=self.team.slug,
        )
        return self.done(words, "console:teams", organization.slug)
