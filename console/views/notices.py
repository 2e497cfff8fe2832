"""What the signed-in person is told: her notices, until she dismisses them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django import forms
from django.urls import reverse

from console.paging import paging, start_of
from console.room import FormRoom
from notifications import selectors, services
from notifications.events import EVENTS, Level
from notifications.notices import INVITED, INVITED_IN, OFF

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.http import HttpResponse

    from notifications.models import Notice

PAGE = 30
EXPIRING = "credentials_expire"
LOOKS = {Level.ERROR: ("exclamation-triangle", "bad"), Level.WARNING: ("exclamation-triangle", "warn")}


@dataclass(frozen=True)
class Line:
    """A notice as a row: how it looks, and where it leads."""

    notice: Notice
    icon: str
    tone: str
    url: str


def line(notice: Notice) -> Line:
    """Return a notice as a row."""
    if notice.kind in (INVITED, INVITED_IN):
        return Line(notice, "user-plus", "info", reverse("console:home"))
    if notice.kind == OFF:
        return Line(notice, "exclamation-triangle", "warn", _where(notice))
    event = EVENTS.get(notice.kind)
    icon, tone = LOOKS.get(event.level, ("bell", "info")) if event else ("bell", "info")
    return Line(notice, icon, tone, _where(notice))


def _where(notice: Notice) -> str:
    name, project = notice.namespace.name, notice.metadata.get("name")
    if notice.kind == OFF and notice.namespace.kind == "organization":
        return reverse("console:subscription", args=[name, notice.metadata["notification_id"]])
    if notice.kind == EXPIRING:
        if notice.namespace.kind != "organization":
            return reverse("console:tokens")
        return f"{reverse('console:credentials', args=[name])}?state=expiring"
    if "repository" in notice.metadata and isinstance(project, str):
        return reverse("console:project", args=[name, project])
    if notice.namespace.kind == "organization":
        return reverse("console:overview", args=[name])
    return reverse("console:account")


class OneForm(forms.Form):
    """Which one is dismissed."""

    uuid = forms.CharField(max_length=64, widget=forms.HiddenInput)


class Notices(FormRoom):
    """The signed-in person's notices, newest first."""

    room = "notices"
    template = "console/notices.html"
    part = "console/notices_list.html"
    dialogs = {"dismiss": OneForm, "clear": forms.Form}

    def context(self, sent: Mapping[str, forms.Form]) -> dict[str, Any]:
        """Return a page of what she did not dismiss."""
        start = start_of(self)
        found = selectors.own_notices(actor=self.actor)
        count = found.count()
        return {
            "lines": [line(notice) for notice in found[start : start + PAGE]],
            "paging": paging(self, found=count, size=PAGE),
            "unread": count,
        }

    def save_dismiss(self, data: dict[str, Any]) -> HttpResponse:
        """Dismiss one."""
        notice = selectors.own_notice(actor=self.actor, uuid=data["uuid"])
        services.dismiss_notice(actor=self.actor, notice=notice)
        return self.again()

    def save_clear(self, data: dict[str, Any]) -> HttpResponse:
        """Dismiss all."""
        services.dismiss_notices(actor=self.actor)
        return self.again()

    def again(self) -> HttpResponse:
        """Show the page, or for htmx the list, as it is now."""
        if self.asks_for_part:
            return self.page(self.context({}))
        return self.done("Dismissed.")
