"""Streams of a log: where it is pushed to, how far each is, and what can be done about it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from django.conf import settings
from django.contrib import messages
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from console.room import FormRoom
from console.views.instance import OfInstance
from console.views.log_views import Whose
from console.views.stream_forms import (
    BeginFileForm,
    BeginSyslogForm,
    BeginWebhookForm,
    DirectForm,
    DirectSyslogForm,
    PlaceForm,
    RotateForm,
    WhichForm,
    syslog_config,
    typed,
)
from permissions.catalogue import (
    INSTANCE_LOG_STREAM,
    INSTANCE_READ,
    LOG_STREAM_CHANGE,
    LOG_STREAM_READ,
)
from permissions.checks import check
from streams import channels, selectors, services

if TYPE_CHECKING:
    from collections.abc import Mapping
    from uuid import UUID

    from django import forms
    from django.http import HttpResponse

    from accounts.models import Namespace
    from permissions.catalogue import Right
    from streams.models import Stream

ONCE = "console/stream_secret.html"
STATES = {
    "on": (gettext_lazy("on"), "good"),
    "failing": (gettext_lazy("failing"), "warn"),
    "off": (gettext_lazy("off"), "bad"),
    "paused": (gettext_lazy("paused"), ""),
}
METHODS = {
    "webhook": gettext_lazy("Webhook"),
    "syslog": gettext_lazy("Syslog"),
    "file": gettext_lazy("File"),
}


class Streams(Whose, FormRoom):
    """The streams of a log: begun, tested, paused, set to another place, ended."""

    room = "streams"
    template = "console/streams.html"
    read = LOG_STREAM_READ
    change: ClassVar[Right] = LOG_STREAM_CHANGE
    dialogs = {
        "begin": BeginWebhookForm,
        "begin_syslog": BeginSyslogForm,
        "direct": DirectForm,
        "direct_syslog": DirectSyslogForm,
        "test": WhichForm,
        "pause": WhichForm,
        "resume": WhichForm,
        "rewind": PlaceForm,
        "rotate": RotateForm,
        "end": WhichForm,
    }
    # What opens a dialog about one stream: the name in the address, and the dialog.
    about: ClassVar[dict[str, str]] = {
        "of": "rewind",
        "token": "rotate",
        "end": "end",
        "webhook": "direct",
        "receiver": "direct_syslog",
    }

    def context(self, sent: Mapping[str, forms.Form]) -> dict[str, Any]:
        """Return the streams, and the one of the address in its dialog."""
        namespace = self.namespace(self.read)
        found = list(selectors.count_behind(selectors.streams(actor=self.actor, namespace=namespace)))
        configs = {str(row.uuid): row.config for row in found if row.method == "syslog"}
        every = self.all_forms(sent)
        opened = ""
        for name, dialog in self.about.items():
            if self.asked(name) and dialog not in sent:
                uuid = self.asked(name)
                now = typed(configs[uuid]) if dialog == "direct_syslog" and uuid in configs else {}
                every[dialog].initial = {**every[dialog].initial, **now, "uuid": uuid}
                opened = opened or dialog
        return {
            "streams": [self._line(row) for row in found],
            "behind_max": selectors.BEHIND_MAX,
            "may_change": self._may_change(namespace),
            "is_instance": namespace is None,
            "has_directory": bool(settings.STREAM_DIRECTORY),
            "logs_url": self.address("logs"),
            "openers": {name: self.opener(name) for name in self.about},
            "open": opened,
            "forms": every,
        }

    def _may_change(self, namespace: Namespace | None) -> bool:
        return check(self.actor, self.change, namespace)

    def _line(self, row: Stream) -> dict[str, Any]:
        label, tone = STATES[row.state]
        return {
            "row": row,
            "name": row.title or channels.target(row),
            "method": METHODS[row.method],
            "target": channels.target(row),
            "state": label,
            "tone": tone,
            "error": row.error if row.failures else "",
            "test": row.test_error,
            "has_secret": bool(row.secret_sealed),
            "opener": {"webhook": "webhook", "syslog": "receiver"}.get(row.method),
            "trusted": str(row.config.get("authority", "")).count("BEGIN CERTIFICATE"),
            "cursor": f"{row.xact}.{row.entry}",
        }

    def _stream(self, uuid: UUID) -> Stream:
        return selectors.stream(actor=self.actor, namespace=self.namespace(self.read), uuid=uuid)

    def _once(self, row: Stream, secret: str, words: str) -> HttpResponse:
        """Show a secret, once."""
        messages.success(self.request, words)
        context = {"stream": row, "name": str(row), "secret": secret, "list_url": self.request.path}
        return self.page(context, template=ONCE)

    def save_begin(self, data: dict[str, Any]) -> HttpResponse:
        """Begin a stream; the secret that batches are signed with is shown once."""
        row, secret = self._begin(data, "webhook", {"url": data["config"].strip()})
        return self._once(row, secret, _("The stream has begun."))

    def save_begin_syslog(self, data: dict[str, Any]) -> HttpResponse:
        """Begin a stream to a receiver of syslog."""
        self._begin(data, "syslog", syslog_config(data))
        return self.done(_("The stream has begun."))

    def _begin(self, data: dict[str, Any], method: str, config: dict[str, str]) -> tuple[Stream, str]:
        return services.create_stream(
            actor=self.actor,
            namespace=self.namespace(self.read),
            method=method,
            config=config,
            title=data["title"],
            cursor="" if data["begin"] == "oldest" else None,
        )

    def save_direct(self, data: dict[str, Any]) -> HttpResponse:
        """Direct a stream to another webhook."""
        return self._direct(data, {"url": data["config"].strip()})

    def save_direct_syslog(self, data: dict[str, Any]) -> HttpResponse:
        """Direct a stream to another receiver of syslog."""
        return self._direct(data, syslog_config(data))

    def _direct(self, data: dict[str, Any], config: dict[str, str]) -> HttpResponse:
        services.change_stream(actor=self.actor, stream=self._stream(data["uuid"]), config=config)
        return self.done(_("The stream goes there from now on, and keeps its place."))

    def save_test(self, data: dict[str, Any]) -> HttpResponse:
        """Have a worker send a message without entries."""
        services.test_stream(actor=self.actor, stream=self._stream(data["uuid"]))
        return self.done(_("A test is sent at once; what came of it is shown here."))

    def save_pause(self, data: dict[str, Any]) -> HttpResponse:
        """Switch a stream off; it keeps its place."""
        services.pause_stream(actor=self.actor, stream=self._stream(data["uuid"]))
        return self.done(_("Nothing more is sent until you let it go on."))

    def save_resume(self, data: dict[str, Any]) -> HttpResponse:
        """Let a stream go on."""
        services.resume_stream(actor=self.actor, stream=self._stream(data["uuid"]))
        return self.done(_("The stream goes on where it stood."))

    def save_rewind(self, data: dict[str, Any]) -> HttpResponse:
        """Set a stream to another place in the log."""
        services.rewind_stream(
            actor=self.actor, stream=self._stream(data["uuid"]), cursor=data["cursor"].strip()
        )
        return self.done(_("The stream goes on from there."))

    def save_rotate(self, data: dict[str, Any]) -> HttpResponse:
        """Make a new secret, and show it once."""
        row = self._stream(data["uuid"])
        secret = services.rotate_stream_secret(
            actor=self.actor, stream=row, grace=timedelta(days=data["grace"])
        )
        return self._once(row, secret, _("There is a new secret."))

    def save_end(self, data: dict[str, Any]) -> HttpResponse:
        """End a stream."""
        services.delete_stream(actor=self.actor, stream=self._stream(data["uuid"]))
        return self.done(_("The stream is ended."))


class InstanceStreams(OfInstance, Streams):
    """Streams of the whole log."""

    room = "instance-streams"
    read = INSTANCE_READ
    change = INSTANCE_LOG_STREAM
    dialogs = {**Streams.dialogs, "begin_file": BeginFileForm}

    def save_begin_file(self, data: dict[str, Any]) -> HttpResponse:
        """Begin a stream to a file."""
        self._begin(data, "file", {"name": data["config"].strip()})
        return self.done(_("The stream has begun."))
