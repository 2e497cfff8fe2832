"""The back office's desks for accounts elsewhere, and for links that are mailed. No secret is ever shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import admin
from django.db.models import Q
from django.utils import timezone
from unfold.contrib.filters.admin import AutocompleteSelectFilter

from accounts import services
from accounts.models import Identity, IdentityGroup, MailedLink
from backoffice.desk import Desk, Neighbour, column, link
from backoffice.filters import StateFilter
from backoffice.verbs import Verb

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.utils.safestring import SafeString


@admin.register(Identity)
class IdentityDesk(Desk):
    list_display = ("account", "user_link", "service", "issuer", "used_at", "created_at")
    list_filter = ("service", "unanswered", ("user", AutocompleteSelectFilter))
    search_fields = ("user__username", "login", "=subject")
    search_help_text = "Name of the person, here or there, or a whole subject"
    date_hierarchy = "created_at"
    ordering = ("user__username", "pk")
    related = ("user__namespace",)
    fieldsets = (
        (None, {"fields": ("user_link", "service", "issuer", "subject", "login")}),
        ("Groups", {"fields": ("groups_at", "tried_at", "unanswered")}),
        ("Traces", {"fields": ("created_at", "used_at")}),
    )
    neighbours = (Neighbour("Groups", "accounts_identitygroup", "identity__id__exact"),)
    verbs = (
        Verb(
            "unlink",
            "Unlink",
            "She can no longer sign in by this directory or provider, and her groups there count no more. "
            "Who signs in there again becomes another person here. Her sessions and tokens go on working.",
            "Unlinked",
            lambda actor, row, data: services.unlink_identity(
                actor=actor, user=row.user, service=row.service
            ),
            icon="link_off",
            danger=True,
            sensitive=True,
        ),
    )

    @column(description="Account there", ordering="login")
    def account(self, row: Identity) -> str:
        return row.login or row.subject

    @column(description="Person", ordering="user__username")
    def user_link(self, row: Identity) -> SafeString | str:
        return link(row.user)


@admin.register(IdentityGroup)
class IdentityGroupDesk(Desk):
    list_display = ("name", "identity_link", "user_link")
    list_filter = (("identity", AutocompleteSelectFilter),)
    search_fields = ("name", "identity__user__username", "identity__login")
    search_help_text = "Name of the group or of the person"
    ordering = ("name", "pk")
    related = ("identity__user__namespace",)
    fields = ("name", "identity_link", "user_link")

    @column(description="Identity", ordering="identity__login")
    def identity_link(self, row: IdentityGroup) -> SafeString | str:
        return link(row.identity)

    @column(description="Person", ordering="identity__user__username")
    def user_link(self, row: IdentityGroup) -> SafeString | str:
        return link(row.identity.user)


class LinkFilter(StateFilter):
    title = "state"
    parameter_name = "state"

    def states(self) -> Sequence[tuple[str, str, Q]]:
        fresh = Q(used_at=None, expires_at__gt=timezone.now())
        return [
            ("waiting", "to be mailed", fresh & Q(due_at__isnull=False)),
            ("mailed", "mailed, not used so far", fresh & Q(due_at=None, sent_at__isnull=False)),
            ("unsent", "not mailed: to nobody, or not allowed", fresh & Q(due_at=None, sent_at=None)),
            ("used", "used", Q(used_at__isnull=False)),
            ("expired", "expired, never used", Q(used_at=None, expires_at__lte=timezone.now())),
        ]


@admin.register(MailedLink)
class MailedLinkDesk(Desk):
    list_display = ("wish", "purpose", "user_link", "email", "state", "created_at")
    list_filter = ("purpose", LinkFilter, ("user", AutocompleteSelectFilter))
    search_fields = ("user__username", "email", "typed", "=ip")
    search_help_text = "Name of the person, e-mail, what was typed, or a whole address"
    date_hierarchy = "created_at"
    ordering = ("-pk",)
    related = ("user__namespace",)
    fieldsets = (
        (None, {"fields": ("purpose", "user_link", "email", "state")}),
        ("Wished", {"fields": ("typed", "ip", "created_at")}),
        ("Traces", {"fields": ("attempts", "due_at", "sent_at", "expires_at", "used_at")}),
    )

    @column(description="Wish", ordering="pk")
    def wish(self, row: MailedLink) -> str:
        return f"#{row.pk}"

    @column(description="Person", ordering="user__username")
    def user_link(self, row: MailedLink) -> SafeString | str:
        return link(row.user)

    @column(
        description="State",
        label={"used": "success", "mailed": "info", "waiting": "warning", "not mailed": "danger"},
    )
    def state(self, row: MailedLink) -> str:
        if row.used_at is not None:
            return "used"
        if row.expires_at <= timezone.now():
            return "expired"
        if row.due_at is not None:
            return "waiting"
        return "mailed" if row.sent_at is not None else "not mailed"
