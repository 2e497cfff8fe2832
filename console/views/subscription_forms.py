"""Forms of notifications: one for each way of telling, and what their fields mean to the services."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from console.fields import described
from core.words import told
from notifications.events import EVENTS, FLAGS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from notifications.models import Subscription

QUIET = {"autocomplete": "off", "spellcheck": "false"}
SHAPES = [
    (
        "",
        described(
            "Standard Webhooks", gettext_lazy("Signed, with an envelope; tried ten times over three days")
        ),
    ),
    (
        "flat",
        described(
            "Quay", gettext_lazy("The data alone, as that wire sends it; off after three failures in a row")
        ),
    ),
]
TARGETS = [
    ("org", gettext_lazy("All administrators")),
    ("team", gettext_lazy("A team")),
    ("user", gettext_lazy("A person")),
]
LEVELS = [
    gettext_lazy("Critical"),
    gettext_lazy("High"),
    gettext_lazy("Medium"),
    gettext_lazy("Low"),
    gettext_lazy("Negligible"),
    gettext_lazy("Unknown"),
]
FLAG_WORDS = {
    "deployments_failed": gettext_lazy("Deployments failed"),
    "deployments_in_progress": gettext_lazy("Deployments in progress"),
    "deployments_succeeded": gettext_lazy("Deployments succeeded"),
    "marketing_changelog": gettext_lazy("Marketing changelog"),
    "marketing_promotions": gettext_lazy("Marketing promotions"),
    "services_alarm": gettext_lazy("Services alarm"),
    "services_ok": gettext_lazy("Services ok"),
}
FLAG_CHOICES = [(flag, FLAG_WORDS[flag]) for flag in FLAGS]


def _capital(words: str) -> str:
    return f"{words[:1].upper()}{words[1:]}"


def events(*, of_project: bool) -> list[tuple[str, list[tuple[str, str]]]]:
    """Return the events that may be chosen: those that happen here first."""
    known = [event for event in EVENTS.values() if event.of_project or not of_project]

    def choices(*, happens: bool) -> list[tuple[str, str]]:
        found = [one for one in known if bool(one.kinds) is happens]
        return [(one.name, _capital(told(one.words))) for one in found]

    return [
        (_("What happens here"), choices(happens=True)),
        (_("Sent as tests only"), choices(happens=False)),
    ]


class SubscriptionForm(forms.Form):
    """What all notifications have. ``config`` is what the service takes."""

    title = forms.CharField(
        required=False,
        max_length=255,
        help_text=gettext_lazy("To tell it from others."),
        widget=forms.TextInput(QUIET),
    )
    event = forms.ChoiceField(label=gettext_lazy("Tell when"))

    def __init__(self, data: Any = None, *, of_project: bool = False, **options: Any) -> None:
        super().__init__(data, **options)
        self.fields["event"].choices = events(of_project=of_project)  # type: ignore[attr-defined]

    @classmethod
    def config(cls, data: Mapping[str, Any]) -> dict[str, Any]:
        """Return the configuration that was typed."""
        raise NotImplementedError

    @classmethod
    def typed(cls, config: Mapping[str, Any]) -> dict[str, Any]:
        """Return what is to be typed for a configuration."""
        return dict(config)


class WebhookForm(SubscriptionForm):
    """A webhook."""

    url = forms.CharField(
        label=gettext_lazy("Address"), max_length=2048, widget=forms.TextInput({**QUIET, "inputmode": "url"})
    )
    template = forms.CharField(
        label=gettext_lazy("Body of your own"),
        required=False,
        max_length=16384,
        help_text=gettext_lazy("JSON, in which ${sentence} and its like stand for the data."),
        widget=forms.Textarea({**QUIET, "rows": 3}),
    )
    shape = forms.ChoiceField(
        label=gettext_lazy("Form"), choices=SHAPES, required=False, widget=forms.RadioSelect
    )

    @classmethod
    def config(cls, data: Mapping[str, Any]) -> dict[str, Any]:
        """Return the address, and the template if there is one."""
        return {"url": data["url"]} | ({"template": data["template"]} if data["template"] else {})


class EmailForm(SubscriptionForm):
    """A mail to one address."""

    email = forms.EmailField(label=gettext_lazy("Address"), max_length=254)

    @classmethod
    def config(cls, data: Mapping[str, Any]) -> dict[str, Any]:
        """Return the address."""
        return {"email": data["email"]}


class SlackForm(SubscriptionForm):
    """An incoming webhook of Slack."""

    url = forms.CharField(
        label=gettext_lazy("Incoming webhook"),
        max_length=2048,
        help_text=gettext_lazy("Slack shows it when the webhook is added to a channel."),
        widget=forms.TextInput({**QUIET, "inputmode": "url"}),
    )

    @classmethod
    def config(cls, data: Mapping[str, Any]) -> dict[str, Any]:
        """Return the address."""
        return {"url": data["url"]}


class ConsoleForm(SubscriptionForm):
    """A notice in the console."""

    kind = forms.ChoiceField(
        label=pgettext_lazy("whom", "To"), choices=TARGETS, initial="org", widget=forms.RadioSelect
    )
    name = forms.CharField(
        label=gettext_lazy("Their name"),
        required=False,
        max_length=255,
        help_text=gettext_lazy("Of the team or the person."),
        widget=forms.TextInput(QUIET),
    )

    @classmethod
    def config(cls, data: Mapping[str, Any]) -> dict[str, Any]:
        """Return whom it means."""
        return {"target": {"kind": data["kind"], "name": data["name"]}}

    @classmethod
    def typed(cls, config: Mapping[str, Any]) -> dict[str, Any]:
        """Return whom it means, as two fields."""
        target = config.get("target")
        return dict(target) if isinstance(target, dict) else {}


class IntegrationForm(forms.Form):
    """A webhook in the form of the FlexStack wire."""

    url = forms.CharField(
        label=gettext_lazy("Address"), max_length=2048, widget=forms.TextInput({**QUIET, "inputmode": "url"})
    )
    flags = forms.MultipleChoiceField(
        label=gettext_lazy("Tell of"),
        choices=FLAG_CHOICES,
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )


class ChannelForm(forms.Form):
    """A channel of Slack, by the operator's app."""

    channel_id = forms.CharField(
        label=gettext_lazy("Channel"),
        max_length=25,
        help_text=gettext_lazy("Its id, as C0123ABCD. Invite the app to the channel first."),
        widget=forms.TextInput(QUIET),
    )
    flags = forms.MultipleChoiceField(
        label=gettext_lazy("Tell of"),
        choices=FLAG_CHOICES,
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )


class FlagsForm(forms.Form):
    """What can be changed of an integration."""

    title = forms.CharField(required=False, max_length=255, widget=forms.TextInput(QUIET))
    flags = forms.MultipleChoiceField(
        label=gettext_lazy("Tell of"),
        choices=FLAG_CHOICES,
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )


class AddressForm(forms.Form):
    """An address to ask."""

    email = forms.EmailField(
        label=gettext_lazy("Address"),
        max_length=254,
        help_text=gettext_lazy("Its owner gets a link. Once it was followed, the address may be told."),
    )


FORM_OF_METHOD: dict[str, type[SubscriptionForm]] = {
    "webhook": WebhookForm,
    "email": EmailForm,
    "slack": SlackForm,
    "in_console": ConsoleForm,
}


def change_form(row: Subscription, data: Any = None) -> forms.Form:
    """Return the form that changes a notification, filled with what is there."""
    if row.flags is not None:
        on = [flag for flag, wanted in row.flags.items() if wanted]
        return FlagsForm(data, initial={"title": row.title, "flags": on})
    made = FORM_OF_METHOD[row.method]
    form = made(data, of_project=row.project_id is not None)
    form.fields.pop("shape", None)
    if row.method == "in_console" and "target" not in row.config:
        del form.fields["kind"], form.fields["name"]
    if row.method == "email" and "email" not in row.config:
        del form.fields["email"]
    form.initial = {"title": row.title, "event": row.event, **made.typed(row.config)}
    _add_options(form, row)
    return form


def _add_options(form: forms.Form, row: Subscription) -> None:
    """Add the fields of what the event can be narrowed by."""
    for name in sorted(EVENTS[row.event].options if row.event in EVENTS else ()):
        if name == "level":
            choices = [("", _("Any")), *((str(number), word) for number, word in enumerate(LEVELS))]
            form.fields[name] = forms.ChoiceField(label=_("At least"), choices=choices, required=False)
        elif name == "days":
            form.fields[name] = forms.IntegerField(
                label=_("Days before"), min_value=1, max_value=36_500, required=False
            )
        else:
            form.fields[name] = forms.CharField(label=_("Branch or tag"), max_length=500, required=False)
        form.initial[name] = row.event_config.get(name)


def changes(row: Subscription, data: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the service is to change. Another event has other options: none so far."""
    found: dict[str, Any] = {"title": data["title"], "event": data["event"], "event_config": {}}
    if data["event"] == row.event:
        names = EVENTS[row.event].options if row.event in EVENTS else ()
        found["event_config"] = {name: data[name] for name in names if data.get(name) not in ("", None)}
    made = FORM_OF_METHOD[row.method]
    owner = row.project.namespace if row.project is not None else row.namespace
    if data.get("kind") == "org" and owner is not None:
        data = {**data, "name": owner.name}
    told = row.config if made in (ConsoleForm, EmailForm) and not _has_target(data) else made.config(data)
    return found | {"config": told}


def _has_target(data: Mapping[str, Any]) -> bool:
    return "kind" in data or "email" in data
