"""One's own second factor: an authenticator app, passkeys, and recovery codes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import segno
from django import forms
from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts import selectors, services
from console import passkeys
from console.proof import provider_name
from console.room import FormRoom
from console.views.session import start_session
from core.errors import DomainError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.http import HttpResponse

    from accounts.models import Organization

PICTURE = 5  # pixels of a module
FILE = "data:text/plain;charset=utf-8"


class ConfirmForm(forms.Form):
    """The code that the new app shows."""

    sealed = forms.CharField(max_length=512, widget=forms.HiddenInput)
    code = forms.CharField(
        label=gettext_lazy("Code"),
        max_length=16,
        help_text=gettext_lazy("Six digits, as the app shows them now."),
        widget=forms.TextInput(attrs={"autocomplete": "one-time-code", "inputmode": "numeric"}),
    )


class PasskeyForm(forms.Form):
    """A new passkey, and what to call it."""

    name = forms.CharField(
        max_length=64,
        help_text=gettext_lazy(
            "So that you know it again: where it is kept, such as the laptop or the blue key."
        ),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    passkey = passkeys.AnswerField()


class RenameForm(forms.Form):
    """Another name for a passkey."""

    uuid = forms.CharField(widget=forms.HiddenInput)
    name = forms.CharField(max_length=64, widget=forms.TextInput(attrs={"autocomplete": "off"}))


class RemoveForm(forms.Form):
    """Which passkey to remove."""

    uuid = forms.CharField(widget=forms.HiddenInput)


class Security(FormRoom):
    """What proves beside the password, or beside who signs her in, that it is her."""

    room = "account"
    template = "console/security.html"
    dialogs = {
        "app": forms.Form,
        "confirm": ConfirmForm,
        "remove_app": forms.Form,
        "codes": forms.Form,
        "add_passkey": PasskeyForm,
        "rename_passkey": RenameForm,
        "remove_passkey": RemoveForm,
    }
    fresh = frozenset({"app", "remove_app", "codes", "add_passkey", "remove_passkey"})

    def make_form(self, name: str, data: Any = None) -> forms.Form:
        """Name the passkey that the address means."""
        form = super().make_form(name, data)
        if name in ("rename_passkey", "remove_passkey") and data is None:
            form.initial = {"uuid": self.asked("rename") or self.asked("remove")}
        return form

    def context(self, sent: Mapping[str, forms.Form]) -> dict[str, Any]:
        """Return what the person has; a new app that is half set up stays on the page with its form."""
        confirm = sent.get("confirm")
        factor = selectors.second_factor(actor=self.actor)
        named = self.asked("rename") or self.asked("remove")
        chosen = next((one for one in factor.passkeys if str(one.uuid) == named), None)
        forms_ = self.all_forms(sent)
        if chosen is not None and "rename_passkey" not in sent:
            forms_["rename_passkey"].initial["name"] = chosen.name
        opens = "rename_passkey" if self.asked("rename") else "remove_passkey"
        return {
            "factor": factor,
            "chosen": chosen,
            "open": opens if chosen is not None else "",
            "new_passkey": passkeys.offer(self.request, self.actor),
            "user": self.actor.user,
            "asking": self._asking(),
            "keeper": selectors.keeper(actor=self.actor),
            "provider": provider_name(),
            "setup": self._setup(confirm) if confirm is not None else None,
            "forms": forms_,
        }

    def _asking(self) -> list[Organization]:
        """Return her organizations that ask for a second factor: why she is here, where she goes on."""
        mine = selectors.own_organizations(actor=self.actor)
        return [one.organization for one in mine if one.organization.requires_second_factor]

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
            return self._show_codes(codes)
        return self.done(_("The authenticator app is set up."))

    def save_remove_app(self, data: dict[str, Any]) -> HttpResponse:
        """Take the app away."""
        services.remove_authenticator_app(actor=self.actor)
        self._go_on()
        return self.done(_("The authenticator app is removed. Its codes do not work any more."))

    def save_codes(self, data: dict[str, Any]) -> HttpResponse:
        """Make new recovery codes and show them, this once."""
        return self._show_codes(services.make_recovery_codes(actor=self.actor))

    def save_add_passkey(self, data: dict[str, Any]) -> HttpResponse:
        """Keep a new passkey, and show the recovery codes that come with the first second factor."""
        sent = passkeys.answered(self.request, data["passkey"])
        codes = services.add_passkey(actor=self.actor, name=data["name"], **sent)
        self._go_on()
        if codes:
            return self._show_codes(codes)
        return self.done(_("The passkey {name} is added.").format(name=data["name"]))

    def save_rename_passkey(self, data: dict[str, Any]) -> HttpResponse:
        """Call a passkey otherwise."""
        passkey = services.rename_passkey(actor=self.actor, **data)
        return self.done(_("The passkey is called {name} now.").format(name=passkey.name), "console:security")

    def save_remove_passkey(self, data: dict[str, Any]) -> HttpResponse:
        """Forget a passkey."""
        passkey = services.remove_passkey(actor=self.actor, **data)
        self._go_on()
        return self.done(_("The passkey {name} is removed.").format(name=passkey.name), "console:security")

    def _show_codes(self, codes: list[str]) -> HttpResponse:
        """Show new recovery codes, and have them in a file that the page itself holds.

        So they are asked for by no address: no cache and no log between here and the browser sees them again.
        """
        user = self.actor.user
        name = user.username if user is not None else ""
        title = _("Recovery codes of {name} for {url}, each good for one sign-in").format(
            name=name, url=settings.PUBLIC_URL
        )
        file = "\n".join((title, "", *codes, ""))
        return self.page({**self.context({}), "codes": codes, "codes_file": f"{FILE},{quote(file)}"})

    def _go_on(self) -> None:
        """Go on in a new session, as old as this one: what this could do is another thing now."""
        user = self.actor.user
        if user is not None:
            start_session(self.request, selectors.user_by_key(pk=user.pk), at=self.actor.signed_in_at)


def _drawn(address: str, secret: str) -> dict[str, str]:
    """Return the picture of an address, and the secret in groups for who types it."""
    picture = segno.make(address, error="m").svg_data_uri(scale=PICTURE, border=4, light="#fff", dark="#000")
    return {
        "picture": picture,
        "secret": " ".join(secret[at : at + 4] for at in range(0, len(secret), 4)),
        "address": address,
    }
