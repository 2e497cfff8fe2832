"""The frame of every page: where the signed-in person may go, built from what she is."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from django.conf import settings
from django.urls import reverse
from django.utils.translation import gettext as _

from console.shell import Choice, Group, Place, Shell
from notifications import selectors
from permissions.catalogue import (
    ACCESS_READ,
    APPLICATION_LIST,
    CREDENTIAL_LIST,
    INSTANCE_READ,
    LOG_READ,
    LOG_STREAM_READ,
    MEMBER_LIST,
    NOTIFICATION_READ,
    ORGANIZATION_ADMINISTER,
    ORGANIZATION_CREATE,
    ORGANIZATION_READ,
    ROBOT_LIST,
    RUN_READ,
    TRASH_READ,
)
from permissions.checks import check, may_open_back_office

if TYPE_CHECKING:
    from collections.abc import Mapping

    from accounts.models import Organization
    from core.actor import Actor
    from quotas.models import Quota

SWITCHER_MAX = 12


@dataclass
class Frame:
    """What a page needs to draw its surroundings; ``quotas`` brings the numbers beside the entries.

    ``is_read_only`` tells an auditor that there is nothing to press for her.
    """

    actor: Actor
    organization: Organization | None = None
    quotas: Mapping[str, Quota] = field(default_factory=dict)
    is_read_only: bool = False

    def places(self, current: str = "") -> list[Group]:
        """Return where the person may go from here."""
        return [
            *self._organization_places(current),
            *self._instance_places(current),
            *self._own_places(current),
        ]

    def shell(self, current: str = "") -> Shell:
        """Return the shell with the place ``current`` marked."""
        user = self.actor.user
        around = selectors.surroundings(actor=self.actor) if user else selectors.Surroundings([], 0)
        return Shell(
            nav=self.places(current),
            home_url=reverse("console:home"),
            organization=self.organization.slug if self.organization else "",
            is_read_only=self.is_read_only,
            is_closed=settings.READ_ONLY,
            organizations=self._choices(around.organizations),
            all_organizations_url=reverse("console:home"),
            new_organization_url=reverse("console:organization-new")
            if check(self.actor, ORGANIZATION_CREATE)
            else "",
            search_url=self._search_url(),
            notices_url=reverse("console:notices") if user else "",
            notices=around.open_notices,
            person=user.username if user else "",
            person_note=user.name if user and user.name != user.username else "",
            account_url=reverse("console:account"),
            back_office_url=reverse("admin:index") if user and may_open_back_office(user) else "",
            sign_out_url=reverse("console:sign-out"),
            operator=self.actor.operator.username if self.actor.operator else "",
            viewing_url=reverse("console:viewing", args=[user.username]) if user else "",
        )

    def _search_url(self) -> str:
        if self.organization and check(self.actor, ORGANIZATION_READ, self.organization):
            return reverse("console:find", args=[self.organization.slug])
        return reverse("console:search")

    def _choices(self, own: list[str]) -> list[Choice]:
        here = self.organization.slug if self.organization else ""
        names = own[:SWITCHER_MAX]
        if here and here not in names:
            names.insert(0, here)
        return [Choice(name, reverse("console:overview", args=[name]), name == here) for name in names]

    def _organization_places(self, current: str) -> list[Group]:
        if self.organization is None:
            return []
        name, actor = self.organization.slug, self.actor

        def place(label: str, room: str, icon: str, resource: str = "") -> Place:
            count = self.quotas[resource].used if resource in self.quotas else None
            return Place(label, reverse(f"console:{room}", args=[name]), icon, count, room == current)

        if not check(actor, ORGANIZATION_READ, self.organization):
            return [Group(_("Organization"), [place(_("Projects"), "projects", "folder")])]
        places = [place(_("Overview"), "overview", "home")]
        if check(actor, MEMBER_LIST, self.organization):
            places.append(place(_("Members"), "members", "users", "members"))
        places.append(place(_("Teams"), "teams", "user-group"))
        places.append(place(_("Projects"), "projects", "folder", "projects"))
        if check(actor, ROBOT_LIST, self.organization):
            places.append(place(_("Robots"), "robots", "cpu-chip", "robots"))
        if check(actor, APPLICATION_LIST, self.organization):
            places.append(place(_("Applications"), "applications", "puzzle-piece"))
        places.append(place(_("Limits"), "limits", "bars-3-bottom-left"))
        if check(actor, ACCESS_READ, self.organization):
            places.append(place(_("Access"), "access", "identification"))
        groups = [Group(_("Organization"), places)]
        if check(actor, LOG_READ, self.organization):
            operations = [
                place(_("Usage log"), "logs", "document-text"),
                place(_("Exports"), "exports", "arrow-down-tray"),
            ]
            if check(actor, LOG_STREAM_READ, self.organization):
                operations.append(place(_("Streams"), "streams", "signal"))
            if check(actor, CREDENTIAL_LIST, self.organization):
                operations.append(place(_("Credentials"), "credentials", "key"))
            if check(actor, NOTIFICATION_READ, self.organization.namespace):
                operations.insert(0, place(_("Notifications"), "subscriptions", "paper-airplane"))
            if check(actor, RUN_READ, self.organization):
                operations.append(place(_("Runs"), "runs", "queue-list"))
            if check(actor, TRASH_READ, self.organization):
                operations.append(place(_("Trash"), "trash", "trash"))
            if check(actor, ORGANIZATION_ADMINISTER, self.organization):
                operations.append(place(_("Code"), "code", "code-bracket-square"))
                operations.append(place(_("Settings"), "settings", "cog-6-tooth"))
            groups.append(Group(_("Operations"), operations))
        return groups

    def _instance_places(self, current: str) -> list[Group]:
        """Return the pages over all namespaces, for superusers and for who reads everything."""
        if not check(self.actor, INSTANCE_READ):
            return []
        places = (
            (_("Usage log"), "logs", "document-text"),
            (_("Exports"), "exports", "arrow-down-tray"),
            (_("Streams"), "streams", "signal"),
        )
        return [
            Group(
                _("Whole instance"),
                [
                    Place(
                        label, reverse(f"console:instance-{name}"), icon, None, current == f"instance-{name}"
                    )
                    for label, name, icon in places
                ],
            )
        ]

    def _own_places(self, current: str) -> list[Group]:
        def place(label: str, room: str, icon: str) -> Place:
            return Place(label, reverse(f"console:{room}"), icon, None, room == current)

        return [
            Group(
                _("You"),
                [
                    place(_("Organizations"), "home", "squares-2x2"),
                    place(_("Notifications"), "notices", "bell"),
                    place(_("Tokens"), "tokens", "key"),
                    place(_("API"), "apis", "code-bracket"),
                    place(_("Authorized apps"), "authorizations", "shield-check"),
                    place(_("My account"), "account", "user-circle"),
                    Place(
                        _("Sign out"),
                        reverse("console:sign-out"),
                        "arrow-right-start-on-rectangle",
                        post=True,
                    ),
                ],
            )
        ]
