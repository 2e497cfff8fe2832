"""All credentials of an organization in one list: which are unused, about to end, or without an end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from django import forms
from django.urls import reverse
from django.utils import timezone
from django.utils.text import format_lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from console.bulk import BulkRoom
from console.expiry import expiry_tone
from console.page import CSV_TYPE, file_response
from console.paging import paging, start_of
from console.views.tokens import name_of
from core.words import told
from permissions.catalogue import CREDENTIAL_REVOKE
from permissions.checks import check
from tokens import listing, services
from tokens.kinds import Kind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.db.models import QuerySet
    from django.http import HttpResponse

    from tokens.models import Credential

SHOWN = 50
STATES = [
    ("", gettext_lazy("All")),
    ("expiring", format_lazy(gettext_lazy("Expire within {days} days"), days=listing.EXPIRING_DAYS)),
    ("never", gettext_lazy("Never used")),
    ("idle", format_lazy(gettext_lazy("Unused for {days} days"), days=listing.IDLE_DAYS)),
    ("unused", format_lazy(gettext_lazy("Unused for {days} days"), days=listing.UNUSED_DAYS)),
    ("endless", gettext_lazy("No expiry")),
    ("over", gettext_lazy("Over the maximum")),
    ("expired", gettext_lazy("Expired")),
    ("disabled", gettext_lazy("Disabled")),
]


class Credentials(BulkRoom):
    """What acts in the name of an organization, its robots, projects and applications."""

    dialogs = {"csv": forms.Form}
    asking = frozenset({"csv"})
    room = "credentials"
    template = "console/credentials.html"
    part = "console/credentials_list.html"
    noun = "credential"

    def save_csv(self, data: dict[str, Any]) -> HttpResponse:
        """Send the list, as it is narrowed, for a spreadsheet."""
        organization = self.enter()
        pieces = services.export_credentials(
            actor=self.actor,
            organization=organization,
            state=self.asked("state"),
            kind=self.asked("kind"),
            search=self.asked("q"),
        )
        name = f"{organization.slug}-credentials-{timezone.now():%Y-%m-%d}.csv"
        return file_response(pieces, name=name, content_type=CSV_TYPE)

    def context(self, sent: Mapping[str, forms.Form]) -> dict[str, Any]:
        """Return a page of them, narrowed by state, kind and name."""
        organization = self.enter()
        counts = listing.credential_counts(actor=self.actor, organization=organization)
        state, kind, search = self.asked("state"), self.asked("kind"), self.asked("q")
        found, start = self._fitting(), start_of(self)
        number = found.count() if kind or search else counts.by_state.get(state, counts.all)
        return {
            "credentials": [self._row(token) for token in found[start : start + SHOWN]],
            "paging": paging(self, found=number, size=SHOWN),
            "has_any": counts.all > 0,
            "chips": [
                (key, label, counts.by_state.get(key, counts.all), self.here(state=key, start=""))
                for key, label in STATES
                if not key or key in counts.by_state
            ],
            "kinds": [
                (key, told(Kind(key).label), number, self.here(kind="" if key == kind else key, start=""))
                for key, number in counts.by_kind.items()
                if number
            ],
            "state": state,
            "kind": kind,
            "search": search,
            "verbs": self.verbs,
            "noun": self.noun,
            "bulk": check(self.actor, CREDENTIAL_REVOKE, organization),
            "forms": self.all_forms(sent),
        }

    def _row(self, token: Credential) -> dict[str, Any]:
        name, url, owner = self._owner(token)
        return {
            "token": token,
            "key": str(token.uuid),
            "name": name,
            "owner": owner,
            "url": url,
            "state": _state(token),
            "tone": expiry_tone(token),
        }

    def _owner(self, token: Credential) -> tuple[str, str, str]:
        """Return what a credential is called, where it is managed, and what it belongs to."""
        slug = self.organization.slug
        if token.robot is not None:
            return (
                f"{slug}+{token.robot.shortname}",
                reverse("console:robot", args=[slug, token.robot.shortname]),
                "",
            )
        if token.project is not None:
            return (
                name_of(token),
                reverse("console:project", args=[slug, token.project.slug]),
                token.project.slug,
            )
        if token.application is not None:
            url = reverse("console:application", args=[slug, token.application.client_id])
            holder = _(", as {username}").format(username=token.user.username) if token.user else ""
            return name_of(token), url, f"{token.application.name}{holder}"
        return name_of(token), reverse("console:settings", args=[slug]), ""

    def bulk_rows(self) -> QuerySet[Credential]:
        """Return what fits the filter, to who may end it."""
        self.enter(CREDENTIAL_REVOKE)
        return self._fitting()

    def _fitting(self) -> QuerySet[Credential]:
        organization = self.organization
        return listing.narrowed(
            listing.of_whole(actor=self.actor, organization=organization),
            organization=organization,
            state=self.asked("state"),
            kind=self.asked("kind"),
            search=self.asked("q"),
        )

    def bulk_found(self, keys: list[str]) -> dict[str, Credential]:
        """Return those of this organization."""
        every = listing.of_whole(actor=self.actor, organization=self.organization)
        return {
            str(token.uuid): token for token in every.filter(uuid__in=list(filter(None, map(_uuid, keys))))
        }

    def bulk_key(self, row: Credential) -> str:
        """Return its UUID."""
        return str(row.uuid)

    def bulk_name(self, row: Credential) -> str:
        """Return its name, with its kind and what it belongs to."""
        name, _url, owner = self._owner(row)
        kind = told(row.get_kind_display())
        if owner:
            return _("{name} ({kind} of {owner})").format(name=name, kind=kind, owner=owner)
        return f"{name} ({kind})"

    def bulk_spared(self, verb: str, row: Credential) -> str:
        """Say that it is so already."""
        if verb == "disable" and row.disabled_at is not None:
            return _("it is disabled already")
        return _("it is enabled already") if verb == "enable" and row.disabled_at is None else ""


def _uuid(key: str) -> UUID | None:
    try:
        return UUID(key)
    except ValueError:
        return None


def _state(token: Credential) -> tuple[str, str]:
    """Return a credential's state in one word, and its tone."""
    now = timezone.now()
    if token.disabled_at is not None:
        return "disabled", ""
    if token.robot is not None and token.robot.disabled_at is not None:
        return "robot disabled", ""
    if token.expires_at is not None and token.expires_at <= now:
        return "expired", "bad"
    if token.replaced_at is not None:
        return "replaced", "info"
    return ("new", "info") if token.last_used_at is None else ("active", "good")
