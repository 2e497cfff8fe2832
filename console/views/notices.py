"""What the signed-in person is told: her notices, until she dismisses them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django import forms
from django.conf import settings
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from console.paging import paging, start_of
from console.room import FormRoom
from notifications import selectors, services
from notifications.events import EVENTS, Level
from notifications.notices import ANSWERED, ASKED, INVITED, INVITED_IN, OFF
from notifications.wishes import WISHES, wants
from permissions.catalogue import ACCOUNT_CHANGE
from permissions.checks import check

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.http import HttpRequest, HttpResponse

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
    if notice.kind == ASKED:
        return f"{reverse('admin:quotas_limitrequest_changelist')}?status__exact=open"
    if notice.kind in ANSWERED and notice.namespace.kind == "organization":
        return reverse("console:limits", args=[name])
    if "repository" in notice.metadata and isinstance(project, str):
        return reverse("console:project", args=[name, project])
    if notice.namespace.kind == "organization":
        return reverse("console:overview", args=[name])
    return reverse("console:account")


class OneForm(forms.Form):
    """Which one is meant."""

    uuid = forms.CharField(max_length=64, widget=forms.HiddenInput)


class MailsForm(forms.Form):
    """Which mails the person wants."""

    expiring = forms.BooleanField(
        label=gettext_lazy("Credentials that expire soon"),
        help_text=gettext_lazy(
            "Yours, and those of organizations that you administer: 14, 7 and 1 days ahead."
        ),
        required=False,
    )
    switched_off = forms.BooleanField(
        label=gettext_lazy("Notifications that were switched off"),
        help_text=gettext_lazy("Of organizations that you administer, after they failed for days."),
        required=False,
    )


class Notices(FormRoom):
    """The signed-in person's notices, newest first, and which mails she gets."""

    room = "notices"
    template = "console/notices.html"
    part = "console/notices_list.html"
    dialogs = {
        "dismiss": OneForm,
        "clear": forms.Form,
        "read": OneForm,
        "unread": OneForm,
        "read_all": forms.Form,
        "mails": MailsForm,
    }

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Show them; or go to what one of them is about, which is read by that."""
        if uuid := self.asked("open"):
            notice = selectors.own_notice(actor=self.actor, uuid=uuid)
            # Who looks as somebody else leaves no trace, and while Muster is read-only nothing is written.
            if check(self.actor, ACCOUNT_CHANGE) and not settings.READ_ONLY:
                services.mark_notices(actor=self.actor, notice=notice)
            return redirect(line(notice).url)
        return super().get(request, *args, **kwargs)

    def make_form(self, name: str, data: Any = None) -> forms.Form:
        """Tick the mails that she gets."""
        user = self.actor.user
        if name == "mails" and data is None and user is not None:
            return MailsForm(initial={mail: wants(user, mail) for mail in WISHES})
        return super().make_form(name, data)

    def context(self, sent: Mapping[str, forms.Form]) -> dict[str, Any]:
        """Return a page of what she did not dismiss."""
        start = start_of(self)
        found = selectors.own_notices(actor=self.actor)
        counted = selectors.count_notices(actor=self.actor)
        chosen = "unread" if self.asked("state") == "unread" else ""
        shown = found.filter(read_at=None) if chosen else found
        labels = {"": _("All"), "unread": _("Unread")}
        return {
            "lines": [line(notice) for notice in shown[start : start + PAGE]],
            "paging": paging(self, found=counted[chosen], size=PAGE),
            "open": counted[""],
            "unread": counted["unread"],
            "chosen": chosen,
            "chips": [
                (state, label, counted[state], self.here(state=state, start=""))
                for state, label in labels.items()
            ],
            "mails": settings.MAILING,
            "forms": self.all_forms(sent),
        }

    def save_read(self, data: dict[str, Any]) -> HttpResponse:
        """Mark one as read."""
        notice = selectors.own_notice(actor=self.actor, uuid=data["uuid"])
        services.mark_notices(actor=self.actor, notice=notice)
        return self.again(_("Marked as read."))

    def save_unread(self, data: dict[str, Any]) -> HttpResponse:
        """Mark one as unread."""
        notice = selectors.own_notice(actor=self.actor, uuid=data["uuid"])
        services.mark_notices(actor=self.actor, notice=notice, read=False)
        return self.again(_("Marked as unread."))

    def save_read_all(self, data: dict[str, Any]) -> HttpResponse:
        """Mark all as read."""
        services.mark_notices(actor=self.actor)
        return self.again(_("Marked as read."))

    def save_mails(self, data: dict[str, Any]) -> HttpResponse:
        """Choose the mails."""
        unwanted = [mail for mail in WISHES if not data[mail]]
        services.choose_mails(actor=self.actor, unwanted=unwanted)
        return self.done(_("Your choice of mails is kept."))

    def save_dismiss(self, data: dict[str, Any]) -> HttpResponse:
        """Dismiss one."""
        notice = selectors.own_notice(actor=self.actor, uuid=data["uuid"])
        services.dismiss_notice(actor=self.actor, notice=notice)
        return self.again()

    def save_clear(self, data: dict[str, Any]) -> HttpResponse:
        """Dismiss all."""
        services.dismiss_notices(actor=self.actor)
        return self.again()

    def again(self, words: str = "") -> HttpResponse:
        """Show the page, or for htmx the list, as it is now."""
        if self.asks_for_part:
            return self.page(self.context({}))
        return self.done(words or _("Dismissed."))
