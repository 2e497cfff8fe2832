"""The back office's desks for what proves who people are. No secret and no digest is ever shown."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from django.contrib import admin
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone
from unfold.contrib.filters.admin import AutocompleteSelectFilter

from accounts.models import (
    AuthenticatorApp,
    BrowserSession,
    FailedSignIn,
    Passkey,
    RecoveryCode,
    SecurityMail,
)
from backoffice.desk import Desk, Figure, column, link
from backoffice.filters import StateFilter

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.http import HttpRequest
    from django.utils.safestring import SafeString

MANY_FAILURES = 50


class OfPerson(Desk):
    """A desk for rows of one person."""

    list_filter: tuple[object, ...] = (("user", AutocompleteSelectFilter),)
    search_fields: tuple[str, ...] = ("user__username", "user__email")
    search_help_text = "Name or e-mail of the person"
    related = ("user__namespace",)
    ordering = ("-pk",)

    @column(description="Person", ordering="user__username")
    def user_link(self, row: AuthenticatorApp) -> SafeString | str:
        return link(row.user)


@admin.register(AuthenticatorApp)
class AuthenticatorAppDesk(OfPerson):
    list_display = ("app", "user_link", "created_at", "used_at")
    date_hierarchy = "created_at"
    fields = ("user_link", "created_at", "used_at")

    @column(description="App", ordering="pk")
    def app(self, row: AuthenticatorApp) -> str:
        return f"#{row.pk}"


@admin.register(RecoveryCode)
class RecoveryCodeDesk(OfPerson):
    list_display = ("code", "user_link", "created_at", "used_at")
    date_hierarchy = "created_at"
    fields = ("user_link", "created_at", "used_at")

    @column(description="Code", ordering="pk")
    def code(self, row: RecoveryCode) -> str:
        return f"#{row.pk}"


@admin.register(Passkey)
class PasskeyDesk(OfPerson):
    list_display = ("name", "user_link", "host", "is_verifying", "created_at", "used_at")
    search_fields = ("user__username", "user__email", "name")
    search_help_text = "Name of the passkey, or name or e-mail of the person"
    date_hierarchy = "created_at"
    fields = ("name", "user_link", "host", "is_verifying", "created_at", "used_at")


@admin.register(BrowserSession)
class BrowserSessionDesk(OfPerson):
    list_display = ("session", "user_link", "ip", "browser", "created_at", "seen_at")
    search_fields = ("user__username", "user__email", "=ip")
    search_help_text = "Name or e-mail of the person, or a whole address"
    date_hierarchy = "seen_at"
    fields = ("user_link", "ip", "browser", "created_at", "seen_at")

    @column(description="Session", ordering="pk")
    def session(self, row: BrowserSession) -> str:
        return f"#{row.pk}"


class MailFilter(StateFilter):
    title = "state"
    parameter_name = "state"

    def states(self) -> Sequence[tuple[str, str, Q]]:
        return [
            ("sent", "sent", Q(sent_at__isnull=False)),
            ("waiting", "to be sent", Q(sent_at=None, due_at__isnull=False)),
            ("given-up", "given up", Q(sent_at=None, due_at=None)),
        ]


@admin.register(SecurityMail)
class SecurityMailDesk(OfPerson):
    list_display = ("mail", "event", "user_link", "email", "at", "sent_at")
    list_filter = ("event", MailFilter, ("user", AutocompleteSelectFilter))
    search_fields = ("user__username", "email")
    date_hierarchy = "at"
    fields = ("user_link", "email", "event", "detail", "ip", "browser", "at", "due_at", "attempts", "sent_at")

    @column(description="Mail", ordering="pk")
    def mail(self, row: SecurityMail) -> str:
        return f"#{row.pk}"


@admin.register(FailedSignIn)
class FailedSignInDesk(Desk):
    list_display = ("at", "name", "user_link", "address")
    search_fields = ("name", "=ip")
    search_help_text = "Name as it was typed, or a whole address"
    date_hierarchy = "at"
    ordering = ("-at", "-id")
    related = ("user__namespace",)
    fields = ("at", "name", "user_link", "address")

    @column(description="Address", ordering="ip")
    def address(self, row: FailedSignIn) -> str:
        return row.ip or "-"

    @column(description="Second factor of", ordering="user__username")
    def user_link(self, row: FailedSignIn) -> SafeString | str:
        return link(row.user)

    def figures(self, request: HttpRequest) -> Sequence[Figure]:
        count = FailedSignIn.objects.filter(at__gt=timezone.now() - timedelta(hours=1)).count()
        return [
            Figure(
                "Failed sign-ins",
                count,
                note="in the last hour",
                url=reverse("admin:accounts_failedsignin_changelist"),
                mood="warning" if count >= MANY_FAILURES else "",
                rank=7,
            )
        ]
