"""The back office's desks for messages to everybody, subscriptions, what became of them, and notices."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from django.contrib import admin
from django.db.models import Count, Q
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from unfold.contrib.filters.admin import AutocompleteSelectFilter
from unfold.paginator import InfinitePaginator

from backoffice.desk import Desk, Figure, Neighbour, column, link
from backoffice.filters import StateFilter
from backoffice.verbs import Verb, VerbForm, choice, long_text, making
from notifications import services
from notifications.models import AuthorizedAddress, Delivery, GlobalMessage, Notice, Reminder, Subscription

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.http import HttpRequest
    from django.utils.safestring import SafeString

    from core.actor import Actor

Status = Delivery.Status
BY_ROLE = (
    "Needs a role there: take ownership of the organization first, "
    "unless superusers have full access (MUSTER_SUPERUSERS_FULL_ACCESS)."
)


class MessageForm(VerbForm):
    content = long_text("Message")
    severity = choice("Severity", GlobalMessage.Severity.choices)
    media_type = choice("Written in", GlobalMessage.MediaType.choices)


def _create(actor: Actor, data: dict[str, Any]) -> GlobalMessage:
    return services.create_message(actor=actor, **data)


@admin.register(GlobalMessage)
class GlobalMessageDesk(Desk):
    list_display = ("start", "shown_severity", "media_type", "created_at")
    list_filter = ("severity", "media_type")
    search_fields = ("content",)
    date_hierarchy = "created_at"
    ordering = ("-created_at", "-pk")
    fields = ("uuid", "content", "shown_severity", "media_type", "created_at")
    verbs = (
        making(
            "create",
            "New message",
            "Everybody sees it, on every wire and in the console, until it is removed.",
            "Written",
            _create,
            form=MessageForm,
        ),
        Verb(
            "delete",
            "Remove",
            "Nobody sees the message any more.",
            "Removed",
            lambda actor, message, data: services.delete_message(actor=actor, message=message),
            icon="delete",
            danger=True,
        ),
    )

    @column(description="Message", ordering="content")
    def start(self, message: GlobalMessage) -> str:
        return str(message)

    @column(
        description="Severity",
        ordering="severity",
        label={"info": "info", "warning": "warning", "error": "danger"},
    )
    def shown_severity(self, message: GlobalMessage) -> str:
        return message.severity


class OnFilter(StateFilter):
    title = "state"
    parameter_name = "state"

    def states(self) -> Sequence[tuple[str, str, Q]]:
        on = Q(disabled_at=None)
        return [
            ("on", "on", on),
            ("failing", "on, but failing", on & Q(number_of_failures__gt=0)),
            ("off", "switched off after failures", ~on & Q(paused=False)),
            ("paused", "switched off by hand", Q(paused=True)),
        ]


@admin.register(Subscription)
class SubscriptionDesk(Desk):
    list_display = ("shown_name", "owner", "event", "method", "target", "state", "number_of_failures")
    list_filter = (
        OnFilter,
        "method",
        ("namespace", AutocompleteSelectFilter),
        ("project", AutocompleteSelectFilter),
    )
    search_fields = ("=uuid", "title", "^event", "namespace__key", "project__slug", "project__namespace__key")
    search_help_text = "Title, event, project, namespace or a whole UUID"
    date_hierarchy = "created_at"
    ordering = ("-created_at", "-pk")
    related = (
        "namespace__organization",
        "namespace__user",
        "project__namespace__organization",
        "project__namespace__user",
        "created_by",
    )
    # Addresses of webhooks often carry a key: of them only the host is shown.
    fieldsets = (
        (None, {"fields": ("uuid", "title", "owner", "event", "event_config")}),
        ("Told by", {"fields": ("method", "target")}),
        ("State", {"fields": ("state", "number_of_failures", "failing_since", "disabled_at")}),
        ("Secret", {"fields": ("old_secret_until",)}),
        ("Traces", {"fields": ("creator", "created_at")}),
    )
    neighbours = (Neighbour("Deliveries", "notifications_delivery", "subscription__id__exact"),)
    verbs = (
        Verb(
            "reset",
            "Reset",
            f"Its failures are forgotten; if it was switched off, it is on again. {BY_ROLE}",
            "Reset",
            lambda actor, row, data: services.reset_subscription(actor=actor, subscription=row),
            icon="restart_alt",
            fits=lambda row: (
                (row.number_of_failures > 0 or row.disabled_at is not None) and not row.is_of_instance
            ),
        ),
        Verb(
            "delete",
            "Remove",
            f"Nothing more is sent; its deliveries are removed. This cannot be undone. {BY_ROLE}",
            "Removed",
            lambda actor, row, data: services.delete_subscription(actor=actor, subscription=row),
            icon="delete",
            fits=lambda row: not row.is_of_instance,  # the settings would bring it back
            danger=True,
        ),
    )

    @column(description="Notification", ordering="title")
    def shown_name(self, row: Subscription) -> str:
        return str(row)

    @column(description="Of")
    def owner(self, row: Subscription) -> SafeString | str:
        return link(row.project or row.namespace)

    @column(description="To")
    def target(self, row: Subscription) -> str:
        if "url" not in row.config:
            target = row.config.get("target", {})
            channel = row.config.get("channel_name") or row.config.get("channel_id")
            return str(row.config.get("email") or target.get("name") or channel or "-")
        try:
            return urlsplit(row.config["url"]).hostname or "-"
        except ValueError:
            return "-"

    @column(
        description="State",
        ordering="disabled_at",
        label={"on": "success", "failing": "warning", "off": "danger", "paused": "info"},
    )
    def state(self, row: Subscription) -> str:
        if row.disabled_at is not None:
            return "paused" if row.paused else "off"
        return "failing" if row.number_of_failures else "on"

    @column(description="Added by", ordering="created_by__username")
    def creator(self, row: Subscription) -> SafeString | str:
        return link(row.created_by)

    def figures(self, request: HttpRequest) -> Sequence[Figure]:
        off = Subscription.objects.exclude(disabled_at=None).filter(paused=False).count()
        address = reverse("admin:notifications_subscription_changelist")
        return [
            Figure(
                "Notifications switched off",
                off,
                note="after failures",
                url=f"{address}?state=off",
                mood="warning" if off else "",
                rank=9,
            )
        ]


class DueFilter(StateFilter):
    title = "work"
    parameter_name = "work"

    def states(self) -> Sequence[tuple[str, str, Q]]:
        return [
            ("open", "not finished", Q(status__in=[Status.QUEUED, Status.RUNNING])),
            ("due", "waiting for a worker", Q(due_at__lte=timezone.now())),
            ("late", "late by over a minute", Q(due_at__lte=timezone.now() - timedelta(minutes=1))),
            ("again", "failed, to be tried again", Q(status=Status.QUEUED, last_seconds__isnull=False)),
            ("dead", "dead letters: never tried again", Q(status=Status.FAILED)),
        ]


@admin.register(Delivery)
class DeliveryDesk(Desk):
    list_display = ("created_at", "event", "what", "to", "shown_status", "attempts", "last_status", "error")
    list_filter = ("status", DueFilter, ("subscription", AutocompleteSelectFilter))
    search_fields = ("=uuid", "=subscription__uuid", "^event")
    search_help_text = "Event, or a whole UUID of a delivery or its notification"
    ordering = ("-pk",)
    # There may be many millions: they are neither counted nor grouped by day.
    paginator = InfinitePaginator
    show_full_result_count = False
    related = (
        "subscription__namespace__organization",
        "subscription__namespace__user",
        "subscription__project__namespace__organization",
        "subscription__project__namespace__user",
    )
    fieldsets = (
        (None, {"fields": ("uuid", "event", "what", "to", "owner", "shown_payload")}),
        ("Work", {"fields": ("shown_status", "attempts", "due_at", "error", "lane")}),
        ("Last answer", {"fields": ("last_status", "last_seconds", "last_excerpt")}),
        ("Attempts", {"fields": ("shown_request", "shown_history")}),
        ("Traces", {"fields": ("created_at", "begun_at", "finished_at")}),
    )
    verbs = (
        Verb(
            "redeliver",
            "Send again",
            "It is sent again at once, with the same id, and tried as if it were new. Not while its "
            f"notification is switched off. {BY_ROLE}",
            "On its way again",
            lambda actor, row, data: services.redeliver(actor=actor, delivery=row),
            icon="replay",
            fits=lambda row: row.status != Status.RUNNING,
        ),
    )

    @column(description="What")
    def what(self, row: Delivery) -> str:
        return str(row.payload["data"].get("sentence") or row.payload["type"])

    @column(description="Notification")
    def to(self, row: Delivery) -> SafeString | str:
        return link(row.subscription)

    @column(description="Of")
    def owner(self, row: Delivery) -> SafeString | str:
        return link(row.subscription.project or row.subscription.namespace)

    @column(description="Payload")
    def shown_payload(self, row: Delivery) -> SafeString:
        return _as_json(row.payload)

    @column(description="What was sent last")
    def shown_request(self, row: Delivery) -> SafeString:
        # The path of the address may be a key: of it only the host is shown.
        shown = {key: value for key, value in (row.request or {}).items() if key != "url"}
        return _as_json(shown)

    @column(description="What came of it")
    def shown_history(self, row: Delivery) -> SafeString:
        return _as_json(row.history)

    @column(
        description="Status",
        ordering="status",
        label={"queued": "info", "running": "info", "done": "success", "failed": "danger"},
    )
    def shown_status(self, row: Delivery) -> str:
        return row.status

    def figures(self, request: HttpRequest) -> Sequence[Figure]:
        late = Q(due_at__lte=timezone.now() - timedelta(minutes=1))
        found = Delivery.objects.filter(due_at__isnull=False).aggregate(
            waiting=Count("pk"), late=Count("pk", filter=late)
        )
        address = reverse("admin:notifications_delivery_changelist")
        return [
            Figure(
                "Deliveries waiting",
                found["waiting"],
                note=f"{found['late']} late" if found["late"] else "",
                url=f"{address}?work=open",
                mood="warning" if found["late"] else "",
                rank=10,
            )
        ]


def _as_json(value: Any) -> SafeString:
    return format_html("<pre>{}</pre>", json.dumps(value, indent=2, ensure_ascii=False))


class AnsweredFilter(StateFilter):
    title = "state"
    parameter_name = "state"

    def states(self) -> Sequence[tuple[str, str, Q]]:
        return [
            ("confirmed", "confirmed", Q(confirmed_at__isnull=False)),
            ("open", "not answered", Q(confirmed_at=None)),
            ("due", "a mail is owed", Q(mail_due_at__lte=timezone.now())),
        ]


@admin.register(AuthorizedAddress)
class AuthorizedAddressDesk(Desk):
    list_display = ("email", "owner", "state", "times", "asked_at")
    list_filter = (AnsweredFilter, ("project", AutocompleteSelectFilter))
    search_fields = ("email", "project__slug", "project__namespace__key")
    date_hierarchy = "asked_at"
    ordering = ("-asked_at", "-pk")
    related = ("project__namespace__organization", "project__namespace__user")
    fields = ("email", "owner", "state", "times", "attempts", "mail_due_at", "asked_at", "confirmed_at")

    @column(description="May be told about")
    def owner(self, row: AuthorizedAddress) -> SafeString | str:
        return link(row.project)

    @column(description="State", ordering="confirmed_at", label={"confirmed": "success", "asked": "info"})
    def state(self, row: AuthorizedAddress) -> str:
        return "confirmed" if row.confirmed_at is not None else "asked"


class OpenFilter(StateFilter):
    title = "state"
    parameter_name = "state"

    def states(self) -> Sequence[tuple[str, str, Q]]:
        return [
            ("open", "open", Q(dismissed_at=None)),
            ("dismissed", "dismissed", Q(dismissed_at__isnull=False)),
        ]


@admin.register(Notice)
class NoticeDesk(Desk):
    list_display = ("created_at", "kind", "sentence", "person", "about", "dismissed_at")
    list_filter = (OpenFilter, ("user", AutocompleteSelectFilter), ("namespace", AutocompleteSelectFilter))
    search_fields = ("^kind", "user__username", "namespace__key")
    ordering = ("-pk",)
    # There may be many; and of an invitation the metadata hold the code, which is the person's alone.
    paginator = InfinitePaginator
    show_full_result_count = False
    related = ("user", "namespace__organization", "namespace__user")
    fields = ("uuid", "kind", "sentence", "person", "about", "as_administrator", "created_at", "dismissed_at")

    @column(description="Told to", ordering="user__username")
    def person(self, row: Notice) -> SafeString | str:
        return link(row.user)

    @column(description="About")
    def about(self, row: Notice) -> SafeString | str:
        return link(row.namespace)


@admin.register(Reminder)
class ReminderDesk(Desk):
    list_display = ("created_at", "person", "token", "days", "mail_due_at", "attempts")
    list_filter = ("days", ("user", AutocompleteSelectFilter))
    search_fields = ("user__username", "credential__title")
    search_help_text = "Person, or the credential's title"
    ordering = ("-pk",)
    paginator = InfinitePaginator
    show_full_result_count = False
    related = ("user", "credential")
    fields = ("person", "token", "days", "created_at", "mail_due_at", "attempts")

    @column(description="Told to", ordering="user__username")
    def person(self, row: Reminder) -> SafeString | str:
        return link(row.user)

    @column(description="Of")
    def token(self, row: Reminder) -> SafeString | str:
        return link(row.credential)
