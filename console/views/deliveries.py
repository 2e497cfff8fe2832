"""One notification, what became of its deliveries, and one of these."""

from __future__ import annotations

import json
from datetime import UTC, timedelta
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import messages
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from console.room import FormRoom
from console.views.subscription_forms import change_form, changes
from console.views.subscriptions import address_of, line
from core.paging import cut, page_token, read_token
from notifications import selectors, services
from notifications.stored import retold
from permissions.catalogue import NOTIFICATION_CHANGE, PROJECT_NOTIFICATION_CHANGE
from permissions.checks import check

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.http import HttpRequest, HttpResponse

    from notifications.models import Delivery, Subscription

SHOWN = 30
NEAR = timedelta(seconds=30)
STATES = {
    "": (gettext_lazy("All"), ()),
    "failed": (gettext_lazy("Failed"), ("failed",)),
    "waiting": (gettext_lazy("Waiting"), ("queued", "running")),
    "done": (gettext_lazy("Delivered"), ("done",)),
}
LOOKS = {
    "queued": ("waiting", "info"),
    "running": ("under way", "info"),
    "done": ("delivered", "good"),
    "failed": ("failed", "bad"),
}
GRACES = [
    ("0", gettext_lazy("It ends at once")),
    ("1", gettext_lazy("One hour")),
    ("24", gettext_lazy("One day")),
    ("168", gettext_lazy("One week")),
    ("720", gettext_lazy("Thirty days")),
]


class NothingForm(forms.Form):
    """A confirmed wish without further questions."""


class OneForm(forms.Form):
    """Which delivery."""

    uuid = forms.UUIDField(widget=forms.HiddenInput)


class RotateForm(forms.Form):
    """How long the old secret lives on."""

    grace = forms.ChoiceField(label=gettext_lazy("The old secret works for"), choices=GRACES, initial="24")


class SinceForm(forms.Form):
    """Since when."""

    since = forms.DateTimeField(
        label=gettext_lazy("Made since (UTC)"),
        input_formats=["%Y-%m-%dT%H:%M", "%Y-%m-%d"],
        widget=forms.DateTimeInput({"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
    )


class SubscriptionRoom(FormRoom):
    """What the pages of a notification share."""

    room = "subscriptions"

    def setup(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        """Remember nothing of the last request."""
        super().setup(request, *args, **kwargs)
        self._row: Subscription | None = None

    @property
    def row(self) -> Subscription:
        """The notification of the address, whose project or organization the person administers."""
        if self._row is None:
            namespace = self.enter().namespace
            self._row = selectors.subscription_within(
                actor=self.actor, namespace=namespace, uuid=self.kwargs["uuid"]
            )
        return self._row

    @property
    def may_change(self) -> bool:
        """Tell whether the person may change it, and see its secret."""
        row = self.row
        if row.project is not None:
            return check(self.actor, PROJECT_NOTIFICATION_CHANGE, row.project)
        return check(self.actor, NOTIFICATION_CHANGE, row.namespace)


class OneSubscription(SubscriptionRoom):
    """A notification: whom it tells, its secret, and its deliveries."""

    template = "console/subscription.html"
    part = "console/deliveries_list.html"
    dialogs = {
        "change": NothingForm,
        "test": NothingForm,
        "pause": NothingForm,
        "resume": NothingForm,
        "rotate": RotateForm,
        "end": NothingForm,
        "failed": SinceForm,
        "again": OneForm,
        "delete": NothingForm,
    }
    fresh = frozenset({"rotate"})

    def make_form(self, name: str, data: Any = None) -> forms.Form:
        """Fill the forms with what is there."""
        if name == "change":
            return change_form(self.row, data)
        form = super().make_form(name, data)
        if name == "failed":
            form.initial = {"since": (timezone.now() - timedelta(days=1)).astimezone(UTC)}
        return form

    def context(self, sent: Mapping[str, forms.Form]) -> dict[str, Any]:
        """Return the notification and a page of its deliveries, newest first."""
        row = self.row
        state = self.asked("state") if self.asked("state") in STATES else ""
        found = selectors.deliveries(actor=self.actor, subscription=row)
        if state:
            found = found.filter(status__in=STATES[state][1])
        before = read_token(self.asked("page")).get("before")
        if isinstance(before, int):
            found = found.filter(pk__lt=before)
        rows, more = cut(found, SHOWN)
        may_change, line_ = self.may_change, line(row)
        living = row.old_secret_until is not None and row.old_secret_until > timezone.now()
        return {
            "row": row,
            "line": line_,
            "list_url": address_of(self.organization.slug, row),
            "secret": selectors.secret(actor=self.actor, subscription=row) if may_change else "",
            "old_until": row.old_secret_until if living else None,
            "deliveries": [(one, what(one), *LOOKS[one.status]) for one in rows],
            "is_running": any(_is_near(one) for one in rows),
            "older": self.here(page=page_token({"before": rows[-1].pk})) if more else "",
            "newest": self.here(page="") if isinstance(before, int) else "",
            "chips": [
                (key, label, None, self.here(state=key, page="")) for key, (label, statuses) in STATES.items()
            ],
            "state": state,
            "may_change": may_change,
            "forms": self.all_forms(sent) if may_change else {},
        }

    def save_change(self, data: dict[str, Any]) -> HttpResponse:
        """Change what was typed."""
        row = self.row
        if row.flags is None:
            services.change_subscription(actor=self.actor, subscription=row, changes=changes(row, data))
            return self.done(_("The notification is changed."))
        if data["title"] != row.title:
            services.change_subscription(actor=self.actor, subscription=row, changes={"title": data["title"]})
        flags = dict.fromkeys(data["flags"], True)
        services.change_integration(actor=self.actor, subscription=row, flags=flags)
        return self.done(_("The integration is changed."))

    def save_test(self, data: dict[str, Any]) -> HttpResponse:
        """Send sample data."""
        services.send_test(actor=self.actor, subscription=self.row)
        return self.done(_("A test is on its way. What becomes of it stands below."))

    def save_pause(self, data: dict[str, Any]) -> HttpResponse:
        """Switch it off."""
        services.pause_subscription(actor=self.actor, subscription=self.row)
        return self.done(_("Nothing is sent any more until you switch it on again."))

    def save_resume(self, data: dict[str, Any]) -> HttpResponse:
        """Switch it on, its failures forgotten."""
        services.reset_subscription(actor=self.actor, subscription=self.row)
        return self.done(_("It is on, and its failures are forgotten."))

    def save_rotate(self, data: dict[str, Any]) -> HttpResponse:
        """Make a new secret."""
        hours = int(data["grace"])
        services.rotate_secret(actor=self.actor, subscription=self.row, grace=timedelta(hours=hours))
        if hours:
            return self.done(
                _("There is a new secret. Until the old one ends, deliveries are signed with both.")
            )
        return self.done(_("There is a new secret. The old one is not used any more."))

    def save_end(self, data: dict[str, Any]) -> HttpResponse:
        """End the old secret."""
        services.end_old_secret(actor=self.actor, subscription=self.row)
        return self.done(_("Deliveries are signed with the new secret alone."))

    def save_failed(self, data: dict[str, Any]) -> HttpResponse:
        """Send all that failed again."""
        count = services.redeliver_failed(actor=self.actor, subscription=self.row, since=data["since"])
        return self.done(
            ngettext(
                "{count} delivery is on the way again.", "{count} deliveries are on the way again.", count
            ).format(count=count)
        )

    def save_again(self, data: dict[str, Any]) -> HttpResponse:
        """Send one again."""
        found = selectors.delivery(actor=self.actor, subscription=self.row, uuid=data["uuid"])
        services.redeliver(actor=self.actor, delivery=found)
        return self.done(_("It is on its way again."))

    def save_delete(self, data: dict[str, Any]) -> HttpResponse:
        """Remove it."""
        row = self.row
        list_url = address_of(self.organization.slug, row)
        services.delete_subscription(actor=self.actor, subscription=row)
        messages.success(self.request, _("The notification is removed, and its deliveries with it."))
        return redirect(list_url)


class OneDelivery(SubscriptionRoom):
    """A delivery: what was sent, and what came of each attempt."""

    template = "console/delivery.html"
    part = "console/delivery_state.html"
    dialogs = {"again": NothingForm}

    def setup(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        """Remember nothing of the last request."""
        super().setup(request, *args, **kwargs)
        self._delivery: Delivery | None = None

    @property
    def delivery(self) -> Delivery:
        """The delivery of the address."""
        if self._delivery is None:
            self._delivery = selectors.delivery(
                actor=self.actor, subscription=self.row, uuid=self.kwargs["delivery"]
            )
        return self._delivery

    def context(self, sent: Mapping[str, forms.Form]) -> dict[str, Any]:
        """Return it, with its attempts, the latest first."""
        found, row = self.delivery, self.row
        state, tone = LOOKS[found.status]
        return {
            "row": row,
            "line": line(row),
            "delivery": found,
            "what": what(found),
            "state": state,
            "tone": tone,
            "attempts": [(parse_datetime(one["at"]), one) for one in reversed(found.history)],
            "sent": found.request,
            "payload": json.dumps(found.payload, indent=2, ensure_ascii=False),
            "list_url": address_of(self.organization.slug, row),
            "may_change": self.may_change,
            "is_running": _is_near(found),
        }

    def save_again(self, data: dict[str, Any]) -> HttpResponse:
        """Send it again."""
        services.redeliver(actor=self.actor, delivery=self.delivery)
        return self.done(_("It is on its way again."))


def _is_near(delivery: Delivery) -> bool:
    """Tell whether something becomes of a delivery while somebody looks at the page."""
    status, due = delivery.Status, delivery.due_at
    if delivery.status == status.RUNNING:
        return True
    return delivery.status == status.QUEUED and due is not None and due < timezone.now() + NEAR


def what(delivery: Delivery) -> str:
    """Return what a delivery tells, in a sentence."""
    told = delivery.payload["data"]
    words = told.get("sentence") or delivery.payload["type"]
    is_test = told.get("test") and "sentence" not in told
    return _("{what} (a test)").format(what=words) if is_test else retold(str(words))
