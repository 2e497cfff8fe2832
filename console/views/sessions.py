"""Where one is signed in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.utils.translation import gettext as _

from accounts import selectors, services
from console.devices import in_words
from console.room import FormRoom

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.http import HttpResponse


class EndForm(forms.Form):
    """Which session to end."""

    uuid = forms.CharField(widget=forms.HiddenInput)


class MySessions(FormRoom):
    """The person's sessions, this one marked."""

    room = "account"
    template = "console/sessions.html"
    dialogs = {"end": EndForm, "others": forms.Form}

    def context(self, sent: Mapping[str, forms.Form]) -> dict[str, Any]:
        """Return the sessions with what their lines say of them."""
        here = self.request.session.session_key
        found = selectors.own_sessions(actor=self.actor)
        return {
            "sessions": [(one, in_words(one.browser), one.session_key == here) for one in found],
            "keeper": selectors.keeper(actor=self.actor),
            "others": sum(one.session_key != here for one in found),
            "forms": self.all_forms(sent),
        }

    def save_end(self, data: dict[str, Any]) -> HttpResponse:
        """End one of them."""
        services.end_session(actor=self.actor, **data)
        return self.done(_("This session is ended."))

    def save_others(self, data: dict[str, Any]) -> HttpResponse:
        """End all but this one."""
        key = self.request.session.session_key or ""
        services.end_other_sessions(actor=self.actor, session_key=key)
        return self.done(_("You are signed out everywhere else."))
