"""Who is in an organization."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from django import forms
from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts import listing, selectors, services
from console.bulk import BulkRoom
from console.fields import described, suggest
from console.page import CSV_TYPE, file_response
from console.paging import paging, start_of
from console.previews import Choice, told
from core.words import told as word
from permissions import resolver
from permissions.catalogue import (
    ACCESS_READ,
    MEMBER_CHANGE,
    MEMBER_LIST,
    MEMBER_REMOVE,
    Level,
    OrganizationRole,
)
from permissions.checks import check, organization_level
from permissions.selectors import facts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.db.models import QuerySet
    from django.http import HttpRequest, HttpResponse
    from django_stubs_ext import StrOrPromise

    from accounts.models import Membership, Organization
    from accounts.selectors import Person

SHOWN = 50
ROLES = [
    (
        OrganizationRole.MEMBER,
        described(
            gettext_lazy("Member"), gettext_lazy("Sees the organization, and what teams and grants open")
        ),
    ),
    (
        OrganizationRole.AUDITOR,
        described(gettext_lazy("Auditor"), gettext_lazy("Sees everything, and changes nothing")),
    ),
    (OrganizationRole.CREATOR, described(gettext_lazy("Creator"), gettext_lazy("May also create projects"))),
    (
        OrganizationRole.ADMIN,
        described(
            gettext_lazy("Administrator"), gettext_lazy("Manages people, teams, robots and every project")
        ),
    ),
    (
        OrganizationRole.OWNER,
        described(gettext_lazy("Owner"), gettext_lazy("May also make and unmake owners")),
    ),
]
CHIPS = [
    ("owner", gettext_lazy("Owners")),
    ("admin", gettext_lazy("Administrators")),
    ("creator", gettext_lazy("Creators")),
    ("auditor", gettext_lazy("Auditors")),
    ("member", gettext_lazy("Members")),
]


class AddForm(forms.Form):
    """A person and her role."""

    username = forms.CharField(
        label=gettext_lazy("User name"), max_length=255, widget=forms.TextInput(attrs={"autocomplete": "off"})
    )
    role = forms.ChoiceField(choices=ROLES, initial=OrganizationRole.MEMBER, widget=forms.RadioSelect)


class RemoveForm(forms.Form):
    """Whom to remove."""

    username = forms.CharField(widget=forms.HiddenInput)


class Members(BulkRoom):
    """The list of members with their roles and teams; add, change, remove."""

    noun = "member"
    room = "members"
    template = "console/members.html"
    part = "console/members_list.html"
    dialogs = {"add": AddForm, "remove": RemoveForm, "csv": forms.Form}
    asking = frozenset({"csv"})

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Show the list, or for htmx the dialog of one person alone."""
        if self.asked("person") and self.asks_for_part:
            self.enter(MEMBER_LIST)
            return self.page(self._one({}), part="console/members_person.html")
        return super().get(request, *args, **kwargs)

    def make_form(self, name: str, data: Any = None) -> forms.Form:
        """Offer the roles that the person may give: owners are made by owners."""
        form = super().make_form(name, data)
        if name == "add":
            suggest(form.fields["username"], self.organization.slug, "people")
        if name == "add" and organization_level(self.actor, self.organization) < Level.OWNER:
            form.fields["role"].choices = ROLES[:-1]  # type: ignore[attr-defined] # a choice field
        return form

    def save_csv(self, data: dict[str, Any]) -> HttpResponse:
        """Send the list, as it is narrowed, for a spreadsheet."""
        organization = self.enter(MEMBER_LIST)
        state = self.asked("state")
        pieces = services.export_members(
            actor=self.actor,
            organization=organization,
            search=self.asked("q"),
            role=self.asked("role"),
            inactive=state == "inactive",
            unsecured=state == "unsecured",
            with_factors=shows_factors(organization),
        )
        name = f"{organization.slug}-members-{timezone.now():%Y-%m-%d}.csv"
        return file_response(pieces, name=name, content_type=CSV_TYPE)

    def context(self, sent: Mapping[str, forms.Form]) -> dict[str, Any]:
        """Return a page of members, narrowed by name and role, and people outside with grants."""
        organization = self.enter(MEMBER_LIST)
        search, role, state = self.asked("q"), self.asked("role"), self.asked("state")
        is_idle, is_unsecured = state == "inactive", state == "unsecured"
        page = listing.member_page(
            actor=self.actor,
            organization=organization,
            search=search,
            role=role,
            inactive=is_idle,
            unsecured=is_unsecured,
            start=start_of(self),
            size=SHOWN,
        )
        chips: list[tuple[str, StrOrPromise, int]] = [("", _("All"), sum(page.by_role.values()))]
        chips += [(name, label, page.by_role.get(name, 0)) for name, label in CHIPS]
        name = self.asked("person")
        # Beside her dialog, somebody else may be added by the page's own.
        is_hers = bool(name) and self.request.POST.get("username", name) == name
        return {
            "people": [(person, *_best_role(person)) for person in page.people],
            "paging": paging(self, found=page.found, size=SHOWN),
            "search": search,
            "role": role,
            "opener": self.opener("person"),
            "chips": [
                *(
                    (name, label, number, self.here(role=name, state="", start=""))
                    for name, label, number in chips
                ),
                (
                    "inactive",
                    _("Inactive for {days} days").format(days=listing.UNUSED_DAYS),
                    None,
                    self.here(role="", state="inactive", start=""),
                ),
                *self._security_chip(),
            ],
            "chosen_chip": state if is_idle or is_unsecured else role,
            "shows_factors": shows_factors(organization),
            "verbs": self.verbs,
            "noun": self.noun,
            "bulk": check(self.actor, MEMBER_REMOVE, organization),
            "collaborators": () if self.request.GET else self._collaborators(),
            "may_change": check(self.actor, MEMBER_CHANGE, organization),
            "sees_access": check(self.actor, ACCESS_READ, organization),
            "forms": self.all_forms({} if is_hers else sent),
            **(self._one(sent) if is_hers else {}),
        }

    def _security_chip(self) -> list[tuple[str, str, int | None, str]]:
        if not shows_factors(self.organization):
            return []
        here = self.here(role="", state="unsecured", start="")
        return [("unsecured", _("Without a second factor"), None, here)]

    def bulk_rows(self) -> QuerySet[Membership]:
        """Return who fits the filter."""
        return listing.members_like(
            actor=self.actor,
            organization=self.enter(MEMBER_REMOVE),
            search=self.asked("q"),
            role=self.asked("role"),
            inactive=self.asked("state") == "inactive",
            unsecured=self.asked("state") == "unsecured",
        )

    def bulk_found(self, keys: list[str]) -> dict[str, Membership]:
        """Return who is in this organization."""
        found = listing.members_like(actor=self.actor, organization=self.organization)
        return {row.user.username: row for row in found.filter(user__username__in=keys)}

    def bulk_key(self, row: Membership) -> str:
        """Return the user name."""
        return row.user.username

    def bulk_target(self, row: Membership) -> int:
        """Return the person's key: a membership may be another one by then."""
        return row.user_id

    def bulk_spared(self, verb: str, row: Membership) -> str:
        """Keep oneself: that is done by leaving."""
        own = self.actor.user is not None and row.user_id == self.actor.user.pk
        return _("that is you") if own else ""

    def _collaborators(self) -> list[Person]:
        return selectors.collaborators(actor=self.actor, organization=self.organization)

    def _one(self, sent: Mapping[str, forms.Form]) -> dict[str, Any]:
        """Return the person of the address, for the dialog that changes her role or removes her.

        A role that was refused is shown there again, with the reason.
        """
        organization = self.organization
        person = selectors.member(actor=self.actor, organization=organization, name=self.asked("person"))
        form = sent.get("add") or self.make_form("add")
        form.auto_id = "person_%s"
        form.initial = {"role": person.role}
        return {
            "person": person,
            "person_url": f"{self.opener('person')}{quote(self.asked('person'))}",
            "person_form": form,
            "may_change": check(self.actor, MEMBER_CHANGE, organization),
            "may_remove": check(self.actor, MEMBER_REMOVE, organization),
            **self._effects(person),
        }

    def _effects(self, person: Person) -> dict[str, Any]:
        """Return what ends with the membership, and what each other role would end or give."""
        organization, user = self.organization, person.user
        if user is None or not check(self.actor, ACCESS_READ, organization):
            return {}
        if not self.asks_for_part and not self.asked("preview"):
            # Without a script the whole page comes along: the effects are one link away.
            query = urlencode({"person": user.username, "preview": "1"})
            return {"effects_url": f"{self.request.path}?{query}"}
        now, pk = facts(actor=self.actor, organization=organization), user.pk
        roles = [str(role) for role, label in ROLES if str(role) != person.role]
        return {
            "removal": told(now, resolver.without_member(now, pk)),
            "role_choices": [Choice(role, told(now, resolver.with_role(now, pk, role))) for role in roles],
        }

    def save_add(self, data: dict[str, Any]) -> HttpResponse:
        """Add a person, or change her role."""
        person = selectors.user_to_add(name=data["username"])
        services.set_member_role(
            actor=self.actor, organization=self.organization, user=person, role=data["role"]
        )
        return self.done(
            _("{username} is {role} of {organization} now.").format(
                username=person.username, role=word(data["role"]), organization=self.organization.slug
            )
        )

    def save_remove(self, data: dict[str, Any]) -> HttpResponse:
        """Remove a person from the organization, its teams and its projects."""
        person = selectors.user_to_add(name=data["username"])
        services.remove_member(actor=self.actor, organization=self.organization, user=person)
        return self.done(
            _("{username} is no longer in {organization}.").format(
                username=person.username, organization=self.organization.slug
            )
        )


def shows_factors(organization: Organization) -> bool:
    """Tell whether second factors here matter: an identity provider asks for its own."""
    return bool(settings.AUTHENTICATION != "OIDC") or organization.requires_second_factor


RANK = {"member": 0, "auditor": 0, "creator": 1, "admin": 2, "owner": 3}


def _best_role(person: Person) -> tuple[str, str]:
    """Return the strongest role of a person, and the team that gives it, if it is not her own."""
    best = max(person.teams, key=lambda team: RANK[team.role], default=None)
    if best is not None and RANK[best.role] > RANK[person.role]:
        return best.role, best.slug
    return person.role, ""
