"""The seals of a log: how far it is sealed and signed, and verifying it, here or by oneself."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from typing import TYPE_CHECKING, Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from console.log_filter import EPOCH
from console.room import FormRoom
from console.views.instance import OfInstance
from console.views.log_views import Whose
from core.errors import NotFound
from logs import services
from logs.chain import state
from notifications import checkpoints
from notifications.stored import FINDINGS, retold

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.http import HttpResponse

    from logs.models import LogVerification

SHOWN = 10
TONES = {"queued": "info", "running": "info", "done": "good", "failed": "bad", "cancelled": ""}
STATES = {
    "queued": gettext_lazy("waiting"),
    "running": gettext_lazy("under way"),
    "done": gettext_lazy("done"),
    "failed": gettext_lazy("failed"),
    "cancelled": gettext_lazy("cancelled"),
}
SORTS = {
    "altered": gettext_lazy("altered"),
    "swapped": gettext_lazy("swapped"),
    "removed": gettext_lazy("removed"),
    "cut off": gettext_lazy("cut off"),
    "inserted": gettext_lazy("inserted"),
    "seal": gettext_lazy("seal"),
    "checkpoint": gettext_lazy("checkpoint"),
    "erased": gettext_lazy("erased"),
    "archive": gettext_lazy("archive"),
}


class VerifyForm(forms.Form):
    """From when on."""

    since = forms.DateField(
        label=gettext_lazy("From this day on"),
        required=False,
        help_text=gettext_lazy("Empty: from the beginning. What stands before that day is taken for right."),
        widget=forms.DateInput(attrs={"type": "date"}),
    )

    def clean_since(self) -> date | None:
        """Take only days that a database has."""
        since: date | None = self.cleaned_data["since"]
        if since is not None and since < EPOCH:
            raise forms.ValidationError(_("Choose a later day."))
        return since


class Seals(Whose, FormRoom):
    """The seals of an organization's log."""

    room = "logs"
    template = "console/seals.html"
    part = "console/seals_checks.html"
    dialogs = {"verify": VerifyForm, "cancel": forms.Form}

    def context(self, sent: Mapping[str, forms.Form]) -> dict[str, Any]:
        """Show how far it is, and what was verified; htmx asks again every two seconds while something is."""
        namespace = self.namespace(self.read)
        found = state.verifications(actor=self.actor, namespace=namespace)
        checks = list(found[:SHOWN])
        wanted = self.asked("check")
        chosen = next((one for one in checks if str(one.uuid) == wanted), checks[0] if checks else None)
        return {
            "state": state.state(actor=self.actor, namespace=namespace),
            "logs_url": self.address("logs"),
            "is_instance": namespace is None,
            "receivers": checkpoints.receivers(actor=self.actor) if namespace is None else (),
            "forms": self.all_forms(sent),
            "checks": [self._row(one) for one in checks],
            "check": self._row(chosen) if chosen else None,
            "is_running": any(one.ended_at is None for one in checks),
            "may_verify": not any(one.ended_at is None for one in checks),
        }

    def _row(self, one: LogVerification) -> dict[str, Any]:
        return {
            "row": one,
            "state": STATES[one.status],
            "tone": "bad" if one.found else TONES[one.status],
            "number": sum(one.found.values()),
            "url": self.here(check=str(one.uuid)),
            "findings": [
                (SORTS.get(sort, sort), retold(chain, FINDINGS), where, entry, retold(words, FINDINGS))
                for sort, chain, where, entry, words in one.findings
            ],
        }

    def save_verify(self, data: dict[str, Any]) -> HttpResponse:
        """Let it be verified."""
        namespace = self.namespace(self.read)
        since = datetime.combine(data["since"], time(), UTC) if data["since"] else None
        services.request_verification(actor=self.actor, namespace=namespace, since=since)
        return self.done(_("The log is being verified."), *self._here())

    def save_cancel(self, data: dict[str, Any]) -> HttpResponse:
        """Go on no more."""
        found = state.verifications(actor=self.actor, namespace=self.namespace(self.read))
        open_one = found.filter(ended_at=None).first()
        if open_one is None:
            raise NotFound("Nothing is being verified")
        services.cancel_verification(actor=self.actor, verification=open_one)
        return self.done(_("The verification is cancelled."), *self._here())

    def _here(self) -> list[str]:
        own = [self.kwargs["orgname"]] if "orgname" in self.kwargs else []
        return [f"console:{self.prefix}seals", *own]


class InstanceSeals(OfInstance, Seals):
    """The seals of all logs."""

    room = "instance-logs"
