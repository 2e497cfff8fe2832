"""Notifications of an organization and of a project: who is told of what, and how that goes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from django.conf import settings
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from console.paging import paging, start_of
from console.room import FormRoom
from console.views.subscription_forms import (
    FLAG_WORDS,
    AddressForm,
    ChannelForm,
    ConsoleForm,
    EmailForm,
    IntegrationForm,
    SlackForm,
    SubscriptionForm,
    WebhookForm,
)
from core.errors import NotFound
from core.words import told
from notifications import selectors, services
from notifications.events import EVENTS
from permissions.catalogue import (
    NOTIFICATION_CHANGE,
    NOTIFICATION_READ,
    PROJECT_NOTIFICATION_CHANGE,
    PROJECT_NOTIFICATION_READ,
)
from permissions.checks import check
from projects import selectors as projects

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django import forms
    from django.db.models import QuerySet
    from django.http import HttpResponse

    from notifications.models import Subscription
    from projects.models import Project

SHOWN = 50
ICONS = {
    "webhook": "bolt",
    "email": "envelope",
    "slack": "chat-bubble-left-right",
    "in_console": "bell",
}
STATES = {"": gettext_lazy("All"), "failing": gettext_lazy("Failing"), "off": gettext_lazy("Off")}


@dataclass(frozen=True)
class Line:
    """A notification as a row."""

    row: Subscription
    name: str
    event: str
    to: str
    icon: str
    state: str
    tone: str

    @property
    def project(self) -> str:
        """The slug of its project, or nothing."""
        return self.row.project.slug if self.row.project is not None else ""


def line(row: Subscription) -> Line:
    """Return a notification as a row."""
    event = event_of(row)
    state, tone = state_of(row)
    return Line(row, row.title or event, event, receiver(row), ICONS[row.method], state, tone)


def event_of(row: Subscription) -> str:
    """Return when it tells, in words."""
    if row.flags is not None:
        on = [str(FLAG_WORDS.get(flag, flag)).lower() for flag, wanted in row.flags.items() if wanted]
        return f"FlexStack: {', '.join(on) or _('nothing')}"
    words = told(EVENTS[row.event].words) if row.event in EVENTS else row.event
    return f"{words[:1].upper()}{words[1:]}"


def state_of(row: Subscription) -> tuple[str, str]:
    """Return a word for how it is, and its tone."""
    if row.disabled_at is not None:
        return ("paused", "") if row.paused else ("off", "bad")
    return ("failing", "warn") if row.number_of_failures else ("on", "good")


def receiver(row: Subscription) -> str:
    """Return who is told, without what may be a key: of addresses the host."""
    config = row.config
    if "channel_id" in config:
        return f"#{config.get('channel_name') or config['channel_id']}"
    if "url" in config:
        try:
            return urlsplit(str(config["url"])).netloc
        except ValueError:
            return ""
    target = config.get("target")
    if isinstance(target, dict):
        return f"{target.get('kind', '')} {target.get('name', '')}".strip()
    return str(config.get("email") or _("administrators"))


class SubscriptionsRoom(FormRoom):
    """What the lists of an organization and of a project share."""

    room = "subscriptions"
    template = "console/subscriptions.html"
    part = "console/subscriptions_list.html"

    def owner(self) -> dict[str, Any]:
        """Return the ``namespace`` or ``project`` that notifications are added to."""
        raise NotImplementedError

    def make_form(self, name: str, data: Any = None) -> forms.Form:
        """Offer the events of a project or of an organization."""
        made = self.dialogs[name]
        if issubclass(made, SubscriptionForm):
            return made(data, of_project="project" in self.owner())
        return made(data)

    def listed(self, found: QuerySet[Subscription], sent: Mapping[str, forms.Form]) -> dict[str, Any]:
        """Return a page of notifications, narrowed by state and words, with what stands around them."""
        state, words, start = self.asked("state"), self.asked("q"), start_of(self)
        numbers = selectors.count_by_state(found)
        state = state if state in numbers else ""
        known = [event.name for event in EVENTS.values() if words.casefold() in told(event.words).casefold()]
        wanted = selectors.narrowed(found, state=state, words=words, events=known)
        return {
            "rows": list(wanted[start : start + SHOWN]),
            "paging": paging(self, found=wanted.count() if words else numbers[state], size=SHOWN),
            "state": state,
            "chips": [
                (key, label, numbers[key], self.here(state=key, start="")) for key, label in STATES.items()
            ],
            "search": words,
            "has_slack": bool(settings.SLACK_TOKEN),
            "asks_addresses": settings.MAILING,
            "forms": self.all_forms(sent),
        }

    def _create(self, method: str, data: dict[str, Any], *, config: dict[str, Any]) -> HttpResponse:
        made, _secret = services.create_subscription(
            actor=self.actor,
            event=data["event"],
            method=method,
            config=config,
            title=data["title"],
            flat=data.get("shape") == "flat",
            **self.owner(),
        )
        return self._go_to(made, _("The notification is added. Try it out with a test."))

    def _go_to(self, made: Subscription, words: str) -> HttpResponse:
        return self.done(words, "console:subscription", self.organization.slug, str(made.uuid))

    def save_webhook(self, data: dict[str, Any]) -> HttpResponse:
        """Add a webhook."""
        return self._create("webhook", data, config=WebhookForm.config(data))

    def save_email(self, data: dict[str, Any]) -> HttpResponse:
        """Add mails to an address."""
        return self._create("email", data, config=EmailForm.config(data))

    def save_slack(self, data: dict[str, Any]) -> HttpResponse:
        """Add an incoming webhook of Slack."""
        return self._create("slack", data, config=SlackForm.config(data))

    def save_console(self, data: dict[str, Any]) -> HttpResponse:
        """Add notices in the console."""
        name = self.organization.namespace.name if data["kind"] == "org" else data["name"]
        return self._create("in_console", data, config=ConsoleForm.config(data | {"name": name}))


class Subscriptions(SubscriptionsRoom):
    """The notifications of an organization, and of all its projects."""

    dialogs = {"webhook": WebhookForm, "email": EmailForm, "slack": SlackForm, "console": ConsoleForm}

    def owner(self) -> dict[str, Any]:
        """Return the organization's namespace."""
        return {"namespace": self.organization.namespace}

    def context(self, sent: Mapping[str, forms.Form]) -> dict[str, Any]:
        """Return all of them; the organization's own first."""
        namespace = self.enter(NOTIFICATION_READ).namespace
        found = selectors.subscriptions_within(actor=self.actor, namespace=namespace)
        told = self.listed(found, sent)
        may_change = check(self.actor, NOTIFICATION_CHANGE, namespace)
        return told | {"lines": [line(row) for row in told["rows"]], "may_change": may_change}


class ProjectSubscriptions(SubscriptionsRoom):
    """The notifications of a project."""

    dialogs = {
        "webhook": WebhookForm,
        "email": EmailForm,
        "slack": SlackForm,
        "console": ConsoleForm,
        "integration": IntegrationForm,
        "channel": ChannelForm,
        "address": AddressForm,
    }

    @cached_property
    def project(self) -> Project:
        """The project of the address, which the person administers."""
        found = projects.project(
            actor=self.actor,
            namespace=self.kwargs["orgname"],
            slug=self.kwargs["slug"],
            right=PROJECT_NOTIFICATION_READ,
        )
        if found.namespace.kind != found.namespace.Kind.ORGANIZATION:
            raise NotFound("Organization not found", absent="organization")
        self.__dict__["organization"] = found.namespace.organization
        return found

    def owner(self) -> dict[str, Any]:
        """Return the project."""
        return {"project": self.project}

    def context(self, sent: Mapping[str, forms.Form]) -> dict[str, Any]:
        """Return them, oldest first."""
        project = self.project
        told = self.listed(selectors.subscriptions(actor=self.actor, project=project), sent)
        for row in told["rows"]:
            row.project = project
        return told | {
            "lines": [line(row) for row in told["rows"]],
            "project": project,
            "may_change": check(self.actor, PROJECT_NOTIFICATION_CHANGE, project),
        }

    def _integrate(self, data: dict[str, Any], **config: str) -> HttpResponse:
        made = services.create_integration(
            actor=self.actor, project=self.project, flags=dict.fromkeys(data["flags"], True), **config
        )
        return self._go_to(made, _("The integration is added. Try it out with a test."))

    def save_integration(self, data: dict[str, Any]) -> HttpResponse:
        """Add a webhook of the FlexStack wire."""
        return self._integrate(data, url=data["url"])

    def save_channel(self, data: dict[str, Any]) -> HttpResponse:
        """Add a channel of Slack, where the operator has connected it."""
        namespace = self.project.namespace
        if not settings.SLACK_TOKEN:
            raise NotFound("Slack is not connected to this instance", namespace=namespace)
        return self._integrate(data, channel_id=data["channel_id"])

    def save_address(self, data: dict[str, Any]) -> HttpResponse:
        """Ask the owner of an address."""
        asked = services.request_address(actor=self.actor, project=self.project, email=data["email"])
        if asked.confirmed_at is not None:
            return self.done(_("{email} has said yes already.").format(email=asked.email))
        return self.done(
            _("{email} is asked. Add the mails once the link was followed.").format(email=asked.email)
        )


def address_of(organization: str, row: Subscription) -> str:
    """Return where the list stands that a notification is in."""
    if row.project is not None:
        return reverse("console:project-subscriptions", args=[organization, row.project.slug])
    return reverse("console:subscriptions", args=[organization])
