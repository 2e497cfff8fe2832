"""The limits of an organization: how full they are, when they will be, and asking for more."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django import forms
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from console import charts
from console.room import FormRoom
from core.errors import Invalid
from core.words import told
from permissions.catalogue import QUOTA_READ, QUOTA_REQUEST
from permissions.checks import check
from quotas import selectors, services
from quotas.services import Resource
from quotas.sizes import read_size

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.http import HttpResponse

    from quotas.models import LimitRequest, Quota

SHOWN = 10  # of what was asked for
TONES = {"open": "info", "approved": "good", "denied": "bad", "withdrawn": ""}
STATES = {
    "open": gettext_lazy("waiting for an answer"),
    "approved": gettext_lazy("approved"),
    "denied": gettext_lazy("denied"),
    "withdrawn": gettext_lazy("withdrawn"),
}


@dataclass(frozen=True)
class Line:
    """A limited resource: its bar, where it warns and refuses, and what is to be expected."""

    resource: str
    label: str
    meter: charts.Meter
    steps: list[str]
    forecast: str
    ask: str


@dataclass(frozen=True)
class Asked:
    """Something that was asked for, as a row."""

    row: LimitRequest
    label: str
    wanted: str
    granted: str
    state: str
    tone: str


class AskForm(forms.Form):
    """Of what more is needed, how much, and why."""

    resource = forms.ChoiceField(label=gettext_lazy("Of what"))
    wanted = forms.CharField(
        label=gettext_lazy("Limit you need"),
        max_length=40,
        help_text=gettext_lazy("A whole number; of storage a size, such as 750 GiB."),
    )
    reason = forms.CharField(
        label=gettext_lazy("What for"),
        max_length=500,
        required=False,
        help_text=gettext_lazy("The operators read this."),
        widget=forms.Textarea(attrs={"rows": 3}),
    )


class WhichForm(forms.Form):
    """Which request is taken back."""

    uuid = forms.CharField(max_length=64, widget=forms.HiddenInput)


class Limits(FormRoom):
    """How much of what there may be, how much there is, and what was asked for."""

    room = "limits"
    template = "console/limits.html"
    dialogs = {"ask": AskForm, "withdraw": WhichForm}

    def make_form(self, name: str, data: Any = None) -> forms.Form:
        """Offer what is limited; the address may have picked one."""
        if name != "ask":
            return super().make_form(name, data)
        form = AskForm(data, initial={"resource": self.asked("of")})
        choice: Any = form.fields["resource"]
        choice.choices = [
            (row.resource, _label(row.resource))
            for row in self.numbers.values()
            if selectors.limit_of(row) is not None
        ]
        return form

    def context(self, sent: Mapping[str, forms.Form]) -> dict[str, Any]:
        """Return a line for each limit, the fullest first, and the newest requests."""
        organization = self.enter(QUOTA_READ)
        namespace, numbers = organization.namespace, self.numbers.values()
        asked = list(selectors.limit_requests(namespace=namespace)[:SHOWN])
        waiting = {row.quota.resource for row in asked if row.status == "open"}
        may_ask = check(self.actor, QUOTA_REQUEST, namespace)
        storage = selectors.bytes_of(namespace_id=namespace.pk)
        coming = selectors.forecasts(numbers=numbers)
        lines = []
        for row in numbers:
            if (limit := selectors.limit_of(row)) is None:
                continue
            is_storage = row.resource == Resource.BYTES
            meter = charts.meter(_label(row.resource), row.used, limit, unit="bytes" if is_storage else "")
            ask = f"{self.request.path}?of={row.resource}" if row.resource not in waiting else ""
            steps = _steps(storage, limit) if is_storage and storage is not None else []
            words = _expected(row, limit, coming.get(row.resource))
            lines.append(Line(row.resource, meter.label, meter, steps, words, ask if may_ask else ""))
        return {
            "lines": sorted(lines, key=lambda line: -line.meter.percent),
            "free": [_label(row.resource) for row in numbers if selectors.limit_of(row) is None],
            "asked": [_asked(row) for row in asked],
            "may_ask": may_ask,
            "opened": "ask" if may_ask and self.asked("of") in {line.resource for line in lines} else "",
            "forms": self.all_forms(sent),
        }

    def save_ask(self, data: dict[str, Any]) -> HttpResponse:
        """Ask the operators."""
        namespace = self.enter(QUOTA_READ).namespace
        resource = Resource(data["resource"])
        services.request_limit(
            actor=self.actor,
            namespace=namespace,
            resource=resource,
            wanted=_amount(resource, data["wanted"]),
            reason=data["reason"],
        )
        words = _("The operators are told. You get a notification when they answer.")
        return self.done(words, reverse("console:limits", args=[self.organization.slug]))

    def save_withdraw(self, data: dict[str, Any]) -> HttpResponse:
        """Take back what was asked for."""
        namespace = self.enter(QUOTA_READ).namespace
        request = selectors.limit_request(namespace=namespace, uuid=data["uuid"])
        services.withdraw_limit_request(actor=self.actor, request=request)
        return self.done(_("You do not ask for it any more."))


def _label(resource: str) -> str:
    return told(str(Resource(resource).label).capitalize())


def _amount(resource: Resource, text: str) -> int:
    """Return how much somebody typed. Raises Invalid."""
    tidy = text.replace(",", "").strip()
    if resource == Resource.BYTES:
        try:
            return read_size(tidy)
        except Invalid as error:
            raise Invalid(error.message, field="wanted") from error
    if not (tidy.isascii() and tidy.isdigit() and len(tidy) <= selectors.DIGITS_MAX):
        raise Invalid("That is not a whole number", field="wanted")
    return int(tidy)


def _shown(row: LimitRequest, number: int | None) -> str:
    if number is None:
        return ""
    return charts.size(number) if row.quota.resource == Resource.BYTES else charts.amount(number)


def _asked(row: LimitRequest) -> Asked:
    return Asked(
        row,
        _label(row.quota.resource),
        _shown(row, row.wanted),
        _shown(row, row.granted),
        str(STATES[row.status]),
        TONES[row.status],
    )


def _steps(storage: selectors.Storage, limit: int) -> list[str]:
    """Return in words what happens at which share of the limit of storage."""
    found = sorted((step.percent, step.kind) for step in storage.steps)
    if storage.limit is None:
        found = [(100, "Reject")]  # the instance's default
    return [
        (
            _("warns at %(percent)s %% (%(size)s)")
            if kind == "Warning"
            else _("refuses from %(percent)s %% (%(size)s)")
        )
        % {"percent": percent, "size": charts.size(limit * percent // 100)}
        for percent, kind in found
    ] or [_("nothing is refused: the limit has no thresholds")]


def _expected(row: Quota, limit: int, forecast: selectors.Forecast | None) -> str:
    """Return in words when the limit is reached at the pace of the past."""
    if forecast is None:
        return _("Full.") if row.used == limit else _("Exceeded: nothing more fits.")
    if not forecast.past:
        return _("When it will be full can be told after a week of history.")
    if forecast.day is None:
        return _("At the pace of the last %(past)s days it will not be full for years.") % {
            "past": forecast.past
        }
    words = ngettext(
        "Full in about %(days)s day, on %(day)s, at the pace of the last %(past)s days.",
        "Full in about %(days)s days, on %(day)s, at the pace of the last %(past)s days.",
        forecast.days,
    )
    day = charts.day_label(forecast.day)
    return words % {"days": forecast.days, "day": f"{day}, {forecast.day.year}", "past": forecast.past}
