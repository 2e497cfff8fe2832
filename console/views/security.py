"""One's own second factor: an authenticator app, and recovery codes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import segno
from django import forms

from accounts import selectors, services
from console.room import FormRoom
from console.views.session import start_session
from core.errors import DomainError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.http import HttpResponse

PICTURE = 5  # pixels of a module


class ConfirmForm(forms.Form):
    """The code that the new app shows."""

    sealed = forms.CharField(max_length=512, widget=forms.HiddenInput)
    code = forms.CharField(
        label="Code",
        max_length=16,
        help_text="Six digits, as the app shows them now.",
        widget=forms.TextInput(attrs={"autocomplete": "one-time-code", "inputmode": "numeric"}),
    )


class Security(FormRoom):
    """What proves beside the password that it is her."""

    room = "account"
    template = "console/security.html"
    dialogs = {
        "app": forms.Form,
        "confirm": ConfirmForm,
        "remove_app": forms.Form,
        "codes": forms.Form,
    }
    fresh = frozenset({"app", "remove_app", "codes"})

    def context(self, sent: Mapping[str, forms.Form]) -> dict[str, Any]:
        """Return what the person has; a new app that is half set up stays on the page with its form."""
        confirm = sent.get("confirm")
        return {
            "factor": selectors.second_factor(actor=self.actor),
            "user": self.actor.user,
            "setup": self._setup(confirm) if confirm is not None else None,
            "forms": self.all_forms(sent),
        }

    def _setup(self, form: forms.Form) -> dict[str, str] | None:
        user = self.actor.user
        try:
            secret = services.offered_secret(actor=self.actor, sealed=form.data.get("sealed", ""))
        except DomainError:
            return None
        return _drawn(services.setup_address(user=user, secret=secret), secret) if user else None

    def save_app(self, data: dict[str, Any]) -> HttpResponse:
        """Show what an app is set up with; nothing is kept until its first code came."""
        address, sealed = services.offer_authenticator_app(actor=self.actor)
        secret = services.offered_secret(actor=self.actor, sealed=sealed)
        form = ConfirmForm(initial={"sealed": sealed})
        form.auto_id = "confirm_%s"
        context = self.context({})
        context["forms"]["confirm"] = form
        return self.page({**context, "setup": _drawn(address, secret)})

    def save_confirm(self, data: dict[str, Any]) -> HttpResponse:
        """Set the app up, and show the recovery codes that come with the first second factor."""
        codes = services.add_authenticator_app(actor=self.actor, **data)
        self._go_on()
        if codes:
            return self.page({**self.context({}), "codes": codes})
        return self.done("The authenticator app is set up.")

    def save_remove_app(self, data: dict[str, Any]) -> HttpResponse:
        """Take the app away."""
        services.remove_authenticator_app(actor=self.actor)
        self._go_on()
        return self.done("The authenticator app is removed. Its codes do not work any more.")

    def save_codes(self, data: dict[str, Any]) -> HttpResponse:
        """Make new recovery codes and show them, this once."""
        codes = services.make_recovery_codes(actor=self.actor)
        return self.page({**self.context({}), "codes": codes})

    def _go_on(self) -> None:
        """Go on in a new session: what this one could do is another thing now."""
        user = self.actor.user
        if user is not None:
            start_session(self.request, selectors.user_by_key(pk=user.pk))


def _drawn(address: str, secret: str) -> dict[str, str]:
    """Return the picture of an address, and the secret in groups for who types it."""
    picture = segno.make(address, error="m").svg_data_uri(scale=PICTURE, border=4, light="#fff", dark="#000")
    return {
        "picture": picture,
        "secret": " ".join(secret[at : at + 4] for at in range(0, len(secret), 4)),
        "address": address,
    }
