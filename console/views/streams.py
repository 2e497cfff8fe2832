"""Streams of a log: where it is pushed to, how far each is, and what can be done about it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.contrib import messages
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from console.room import FormRoom
from console.views.instance import OfInstance
from console.views.log_views import Whose
from console.views.robots import GRACES
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
METHODS = {"webhook": gettext_lazy("Webhook"), "file": gettext_lazy("File")}
PLACE = gettext_lazy("As the receiver was told it with a batch; empty: the oldest entry that is there.")


class BeginForm(forms.Form):
    """A new stream to a webhook."""

    title = forms.CharField(label=gettext_lazy("Title"), max_length=60, required=False)
    config = forms.CharField(
        label=gettext_lazy("URL"),
        max_length=2048,
        widget=forms.TextInput(attrs={"placeholder": "https://", "autocomplete": "off"}),
    )
    begin = forms.ChoiceField(
        label=gettext_lazy("It begins"),
        choices=[
            ("now", gettext_lazy("with what happens from now on")),
            ("oldest", gettext_lazy("with the oldest entry that is there")),
        ],
        initial="now",
        widget=forms.RadioSelect,
    )


class WhichForm(forms.Form):
    """Which stream."""

    uuid = forms.UUIDField(widget=forms.HiddenInput)


class PlaceForm(WhichForm):
    """From where on it sends."""

    cursor = forms.CharField(label=gettext_lazy("Cursor"), max_length=60, required=False, help_text=PLACE)


class RotateForm(WhichForm):
    """A new secret beside the old one."""

    grace = forms.TypedChoiceField(
        label=gettext_lazy("The old secret lives on"), choices=GRACES, coerce=int, initial=GRACES[-1][0]
    )


class Streams(Whose, FormRoom):
    """The streams of a log: begun, tested, paused, set to another place, ended."""

    room = "streams"
    template = "console/streams.html"
    read = LOG_STREAM_READ
    change: ClassVar[Right] = LOG_STREAM_CHANGE
    dialogs = {
        "begin": BeginForm,
        "test": WhichForm,
        "pause": WhichForm,
        "resume": WhichForm,
        "rewind": PlaceForm,
        "rotate": RotateForm,
        "end": WhichForm,
    }
    # What opens a dialog about one stream: the name in the address, and the dialog.
    about: ClassVar[dict[str, str]] = {"of": "rewind", "token": "rotate", "end": "end"}

    def context(self, sent: Mapping[str, forms.Form]) -> dict[str, Any]:
        """Return the streams, and the one of the address in its dialog."""
        namespace = self.namespace(self.read)
        found = selectors.streams(actor=self.actor, namespace=namespace)
        every = self.all_forms(sent)
        opened = ""
        for name, dialog in self.about.items():
            if self.asked(name) and dialog not in sent:
                every[dialog].initial = {**every[dialog].initial, "uuid": self.asked(name)}
                opened = opened or dialog
        return {
            "streams": [self._line(row) for row in selectors.count_behind(found)],
            "behind_max": selectors.BEHIND_MAX,
            "may_change": self._may_change(namespace),
            "is_instance": namespace is None,
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
        row, secret = services.create_stream(
            actor=self.actor,
            namespace=self.namespace(self.read),
            method="webhook",
            config={"url": data["config"].strip()},
            title=data["title"],
            cursor="" if data["begin"] == "oldest" else None,
        )
        return self._once(row, secret, _("The stream has begun."))

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
