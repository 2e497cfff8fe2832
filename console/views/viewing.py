"""Looking at Muster as somebody else does: an operator begins, a banner on every page says so and ends it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django import forms
from django.shortcuts import redirect
from django.utils import timezone

from accounts import selectors, services
from console.room import FormRoom
from core.client import VIEWING
from permissions.catalogue import USER_MANAGE
from permissions.checks import require

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.http import HttpResponse

LASTS = timedelta(hours=1)


class Viewing(FormRoom):
    """The page that asks an operator whether she means it, and the way back."""

    template = "console/viewing.html"
    dialogs = {"begin": forms.Form, "end": forms.Form}
    fresh = frozenset({"begin"})
    asking = frozenset({"end"})

    def context(self, sent: Mapping[str, forms.Form]) -> dict[str, Any]:
        """Return who would be viewed."""
        require(self.actor, USER_MANAGE)
        user = selectors.user(name=self.kwargs["username"])
        return {"person": user, "forms": self.all_forms(sent), "minutes": LASTS.seconds // 60}

    def save_begin(self, data: dict[str, Any]) -> HttpResponse:
        """Look as she does from now on."""
        user = selectors.user(name=self.kwargs["username"])
        services.begin_viewing(actor=self.actor, user=user)
        self.request.session[VIEWING] = [user.pk, (timezone.now() + LASTS).isoformat()]
        return redirect("console:home")

    def save_end(self, data: dict[str, Any]) -> HttpResponse:
        """Be oneself again."""
        services.end_viewing(actor=self.actor)
        self.request.session.pop(VIEWING, None)
        return redirect("admin:accounts_user_changelist")
