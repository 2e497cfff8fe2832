"""The forms of streams: begun, directed to another receiver, set to another place, given a new secret."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.utils.translation import gettext_lazy

from console.views.robots import GRACES
from streams.config import SYSLOG, syslog_url

if TYPE_CHECKING:
    from collections.abc import Mapping

QUIET = {"autocomplete": "off", "spellcheck": "false"}
PLACE = gettext_lazy("As the receiver was told it with a batch; empty: the oldest entry that is there.")


def _url() -> forms.CharField:
    return forms.CharField(
        label=gettext_lazy("URL"),
        max_length=2048,
        widget=forms.TextInput(attrs={**QUIET, "placeholder": "https://", "inputmode": "url"}),
    )


def _host() -> forms.CharField:
    return forms.CharField(
        label=gettext_lazy("Host and port"),
        max_length=300,
        help_text=gettext_lazy("It takes syslog over TLS. Without a port it is 6514."),
        widget=forms.TextInput(attrs={**QUIET, "placeholder": "logs.example.com:6514", "inputmode": "url"}),
    )


def _authority() -> forms.CharField:
    return forms.CharField(
        label=gettext_lazy("Certificates to trust"),
        required=False,
        max_length=100_000,
        help_text=gettext_lazy(
            "PEM, where an authority of your own has issued that of the host. Those that this system knows"
            " are trusted anyway."
        ),
        widget=forms.Textarea(
            attrs={**QUIET, "rows": 3, "class": "mono", "placeholder": "-----BEGIN CERTIFICATE-----"}
        ),
    )


def typed(config: Mapping[str, Any]) -> dict[str, str]:
    """Return what is to be typed for a receiver of syslog."""
    return {"config": config["url"].removeprefix(SYSLOG), "authority": config.get("authority", "")}


def syslog_config(data: Mapping[str, str]) -> dict[str, str]:
    """Return the configuration of a receiver of syslog that was typed."""
    return {"url": syslog_url(data["config"].strip()), "authority": data["authority"]}


class BeginForm(forms.Form):
    """A new stream, which begins now or with the whole log."""

    title = forms.CharField(label=gettext_lazy("Title"), max_length=60, required=False)
    begin = forms.ChoiceField(
        label=gettext_lazy("It begins"),
        choices=[
            ("now", gettext_lazy("with what happens from now on")),
            ("oldest", gettext_lazy("with the oldest entry that is there")),
        ],
        initial="now",
        widget=forms.RadioSelect,
    )
    field_order = ("title", "config", "authority", "begin")


class BeginWebhookForm(BeginForm):
    """To a webhook."""

    config = _url()


class BeginSyslogForm(BeginForm):
    """To a receiver of syslog."""

    config = _host()
    authority = _authority()


class BeginFileForm(BeginForm):
    """To a file, in the directory of the settings."""

    config = forms.CharField(
        label=gettext_lazy("Name of the file"),
        max_length=100,
        widget=forms.TextInput(attrs={**QUIET, "placeholder": "all.jsonl"}),
    )


class WhichForm(forms.Form):
    """Which stream."""

    uuid = forms.UUIDField(widget=forms.HiddenInput)


class DirectForm(WhichForm):
    """To which other webhook."""

    config = _url()


class DirectSyslogForm(WhichForm):
    """To which other receiver of syslog."""

    config = _host()
    authority = _authority()


class PlaceForm(WhichForm):
    """From where on it sends."""

    cursor = forms.CharField(label=gettext_lazy("Cursor"), max_length=60, required=False, help_text=PLACE)


class RotateForm(WhichForm):
    """A new secret beside the old one."""

    grace = forms.TypedChoiceField(
        label=gettext_lazy("The old secret lives on"), choices=GRACES, coerce=int, initial=GRACES[-1][0]
    )
