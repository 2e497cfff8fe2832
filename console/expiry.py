"""When a token ends: the choice that every form for a new one offers."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING, Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

if TYPE_CHECKING:
    from tokens.models import Credential

CHOICES = [
    ("7", gettext_lazy("In 7 days")),
    ("30", gettext_lazy("In 30 days")),
    ("90", gettext_lazy("In 90 days")),
    ("custom", gettext_lazy("On a day of your choice")),
    ("never", gettext_lazy("Never")),
]
PROPOSED = "90"
SOON = timedelta(days=14)


class ExpiryForm(forms.Form):
    """Ends with ``expires_at`` in its cleaned data; the day is asked for only where it is wanted."""

    lifetime = forms.ChoiceField(
        label=gettext_lazy("It expires"),
        choices=CHOICES,
        initial=PROPOSED,
        help_text=gettext_lazy("Whatever runs with it stops then."),
    )
    until = forms.DateField(
        label=gettext_lazy("Its last day"),
        required=False,
        help_text=gettext_lazy("It works until midnight, UTC."),
        widget=forms.DateInput(attrs={"type": "date"}),
    )
    days: int | None = None

    def limit(self, days: int | None) -> None:
        """Offer no longer life than an organization allows; None allows any."""
        self.days = days
        limit(self.fields["lifetime"], days)

    def clean(self) -> dict[str, Any]:
        """Turn the choice into the moment of the end."""
        data = super().clean() or {}
        lifetime, until = data.pop("lifetime", ""), data.pop("until", None)
        today = timezone.now().astimezone(UTC).date()
        data["expires_at"] = None
        if lifetime.isdigit():
            data["expires_at"] = timezone.now() + timedelta(days=int(lifetime))
        elif lifetime == "custom" and "until" not in self.errors:
            if until is None or until < today:
                self.add_error("until", _("Name a day from today on."))
            elif self.days is not None and until > today + timedelta(days=self.days):
                self.add_error(
                    "until",
                    ngettext(
                        "The organization allows {days} day at most.",
                        "The organization allows {days} days at most.",
                        self.days,
                    ).format(days=self.days),
                )
            else:
                data["expires_at"] = datetime.combine(until, time(23, 59, 59), tzinfo=UTC)
        return data


def limit(field: Any, days: int | None) -> None:
    """Leave of the choices of a lifetime in days those that an organization allows, and say so."""
    if days is None:
        return
    offered = [(key, words) for key, words in field.choices if _fits(key, days)]
    if not any(key.isdigit() for key, label in offered):
        offered.insert(0, (str(days), ngettext("In {days} day", "In {days} days", days).format(days=days)))
    field.choices = offered
    if field.initial not in dict(offered):
        field.initial = max((key for key, label in offered if key.isdigit()), key=int)
    most = ngettext(
        "The organization lets tokens live for {days} day at most.",
        "The organization lets tokens live for {days} days at most.",
        days,
    )
    field.help_text = f"{field.help_text} {most.format(days=days)}"


def _fits(key: str, days: int) -> bool:
    return int(key) <= days if key.isdigit() else key != "never"


def expiry_tone(credential: Credential) -> str:
    """Return the tone in which a token's end is told: a warning where it is near."""
    if credential.expires_at is None or credential.expires_at > timezone.now() + SOON:
        return ""
    return "warn"
