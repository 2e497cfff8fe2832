"""The back office's desk for streams of the usage log, with those of the whole instance."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone
from unfold.contrib.filters.admin import AutocompleteSelectFilter

from backoffice.desk import Desk, Figure, column, link
from backoffice.filters import StateFilter
from backoffice.verbs import Verb, VerbForm, long_text, making, text
from streams import channels, services
from streams.config import SYSLOG, syslog_url
from streams.models import Stream

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.http import HttpRequest
    from django.utils.safestring import SafeString

    from core.actor import Actor


class WebhookForm(VerbForm):
    title = text("Title", required=False, max_length=60)
    url = text("URL", max_length=2048)


class UrlForm(VerbForm):
    url = text("URL", max_length=2048)


class ReceiverForm(VerbForm):
    address = text(
        "Host and port", max_length=300, help_text="It takes syslog over TLS; port 6514 unless named."
    )
    authority = long_text(
        "Certificates to trust",
        required=False,
        max_length=100_000,
        help_text="PEM, where an authority of its own has issued that of the host.",
    )


class SyslogForm(ReceiverForm):
    title = text("Title", required=False, max_length=60)
    field_order = ("title", "address", "authority")


class FileForm(VerbForm):
    title = text("Title", required=False, max_length=60)
    name = text("Name of the file", max_length=100, help_text="In the directory MUSTER_STREAM_DIRECTORY.")


class PlaceForm(VerbForm):
    cursor = text(
        "Cursor",
        required=False,
        max_length=60,
        help_text="As receivers are told it with each batch; empty for the oldest entry that is there.",
    )


def _create(actor: Actor, data: dict[str, Any]) -> Stream:
    made, _ = services.create_stream(
        actor=actor, method="webhook", title=data["title"], config={"url": data["url"]}
    )
    return made


def _create_file(actor: Actor, data: dict[str, Any]) -> Stream:
    made, _ = services.create_stream(
        actor=actor, method="file", title=data["title"], config={"name": data["name"]}
    )
    return made


def _create_syslog(actor: Actor, data: dict[str, Any]) -> Stream:
    made, _ = services.create_stream(
        actor=actor, method="syslog", title=data["title"], config=_receiver(data)
    )
    return made


def _receiver(data: dict[str, Any]) -> dict[str, str]:
    return {"url": syslog_url(data["address"].strip()), "authority": data["authority"]}


class OnFilter(StateFilter):
    title = "state"
    parameter_name = "state"

    def states(self) -> Sequence[tuple[str, str, Q]]:
        on = Q(disabled_at=None)
        late = Q(due_at__lte=timezone.now() - timedelta(minutes=5))
        return [
            ("on", "on", on),
            ("failing", "on, but failing", on & Q(failures__gt=0)),
            ("late", "on, and late by over five minutes", on & late),
            ("off", "switched off", ~on),
            ("paused", "switched off by hand", Q(paused=True)),
        ]


@admin.register(Stream)
class StreamDesk(Desk):
    list_display = ("shown_name", "log_of", "method", "target", "shown_state", "sent_entries", "sent_at")
    list_filter = (OnFilter, "method", ("namespace", AutocompleteSelectFilter))
    search_fields = ("=uuid", "title", "namespace__key")
    search_help_text = "Title, namespace or a whole UUID"
    ordering = ("-pk",)
    related = ("namespace__organization", "namespace__user", "created_by")
    # Addresses of webhooks often carry a key: of them only the host is shown.
    fieldsets = (
        (None, {"fields": ("uuid", "title", "log_of", "method", "target")}),
        ("State", {"fields": ("shown_state", "failures", "failing_since", "error", "disabled_at")}),
        ("Sent", {"fields": ("place", "sent_entries", "sent_batches", "sent_at", "lost_entries")}),
        ("Test", {"fields": ("tested_at", "test_error")}),
        ("Secret", {"fields": ("old_secret_until",)}),
        ("Traces", {"fields": ("creator", "created_at", "due_at")}),
    )
    verbs = (
        making(
            "create",
            "New stream of the whole log",
            "Every entry of the instance is pushed to a webhook from now on. To learn the secret that "
            "batches are signed with, take a new one in the console, at the streams of the instance's log.",
            "Begun",
            _create,
            form=WebhookForm,
            sensitive=True,
        ),
        making(
            "create-syslog",
            "New stream to syslog",
            "Every entry of the instance is sent to a receiver of syslog from now on, over TLS.",
            "Begun",
            _create_syslog,
            form=SyslogForm,
            sensitive=True,
        ),
        making(
            "create-file",
            "New stream to a file",
            "Every entry of the instance is appended to a file from now on, a line of JSON each.",
            "Begun",
            _create_file,
            form=FileForm,
            sensitive=True,
        ),
        Verb(
            "test",
            "Test",
            "A worker sends a message without entries; what came of it is shown here.",
            "It will be sent at once",
            lambda actor, row, data: services.test_stream(actor=actor, stream=row),
            icon="send",
        ),
        Verb(
            "resume",
            "Let it go on",
            "Its failures are forgotten; it goes on at once, where it stood.",
            "It goes on",
            lambda actor, row, data: services.resume_stream(actor=actor, stream=row),
            icon="play_arrow",
            fits=lambda row: row.disabled_at is not None or row.failures > 0,
        ),
        Verb(
            "pause",
            "Pause",
            "Nothing more is sent until it is let go on; it keeps its place.",
            "Paused",
            lambda actor, row, data: services.pause_stream(actor=actor, stream=row),
            icon="pause",
            fits=lambda row: not row.paused,
        ),
        Verb(
            "direct",
            "Another URL",
            "It keeps its place and its secret. A batch that was not acknowledged goes to the new URL.",
            "Directed there",
            lambda actor, row, data: services.change_stream(
                actor=actor, stream=row, config={"url": data["url"]}
            ),
            icon="alt_route",
            form=UrlForm,
            fits=lambda row: row.method == "webhook",
            sensitive=True,
            single=True,
        ),
        Verb(
            "direct-syslog",
            "Another receiver of syslog",
            "It keeps its place. A batch that was not taken goes to the new receiver.",
            "Directed there",
            lambda actor, row, data: services.change_stream(actor=actor, stream=row, config=_receiver(data)),
            icon="alt_route",
            form=ReceiverForm,
            fits=lambda row: row.method == "syslog",
            initial=lambda row: {
                "address": row.config["url"].removeprefix(SYSLOG),
                "authority": row.config.get("authority", ""),
            },
            sensitive=True,
            single=True,
        ),
        Verb(
            "rewind",
            "Set to another place",
            "What lies behind that place is sent, again or for the first time.",
            "Set",
            lambda actor, row, data: services.rewind_stream(actor=actor, stream=row, cursor=data["cursor"]),
            icon="history",
            form=PlaceForm,
            single=True,
        ),
        Verb(
            "delete",
            "End",
            "Nothing more is sent.",
            "Ended",
            lambda actor, row, data: services.delete_stream(actor=actor, stream=row),
            icon="delete",
            danger=True,
        ),
    )

    @column(description="Stream", ordering="title")
    def shown_name(self, row: Stream) -> str:
        return str(row)

    @column(description="Log of", ordering="namespace__name")
    def log_of(self, row: Stream) -> SafeString | str:
        return link(row.namespace) if row.namespace else "the whole instance"

    @column(description="To")
    def target(self, row: Stream) -> str:
        return channels.target(row)

    @column(description="Sent up to")
    def place(self, row: Stream) -> str:
        return f"{row.xact}.{row.entry}"

    @column(
        description="State",
        ordering="disabled_at",
        label={"on": "success", "failing": "warning", "off": "danger", "paused": "info"},
    )
    def shown_state(self, row: Stream) -> str:
        return row.state

    @column(description="Begun by", ordering="created_by__username")
    def creator(self, row: Stream) -> SafeString | str:
        return link(row.created_by)

    def figures(self, request: HttpRequest) -> Sequence[Figure]:
        off = Stream.objects.exclude(disabled_at=None).filter(paused=False).count()
        address = reverse("admin:streams_stream_changelist")
        return [
            Figure(
                "Log streams switched off",
                off,
                note="after failures",
                url=f"{address}?state=off",
                mood="warning" if off else "",
                rank=14,
            )
        ]
