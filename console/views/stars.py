"""The projects that one has starred."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.utils.translation import gettext as _

from console.paging import paging, start_of
from console.room import FormRoom
from projects import selectors, services

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.http import HttpResponse

SHOWN = 50


class UnstarForm(forms.Form):
    """Which project."""

    namespace = forms.CharField(max_length=255, widget=forms.HiddenInput)
    slug = forms.CharField(max_length=255, widget=forms.HiddenInput)


class MyStars(FormRoom):
    """The person's starred projects, wherever they are, as far as she may still see them."""

    room = "account"
    template = "console/stars.html"
    dialogs = {"unstar": UnstarForm}

    def context(self, sent: Mapping[str, forms.Form]) -> dict[str, Any]:
        """Return a page of them."""
        found, start = selectors.starred(actor=self.actor), start_of(self)
        shown = found.select_related("namespace")[start : start + SHOWN]
        return {
            "projects": shown,
            "paging": paging(self, found=found.count(), size=SHOWN),
            "forms": self.all_forms(sent),
        }

    def save_unstar(self, data: dict[str, Any]) -> HttpResponse:
        """Take a star away."""
        project = selectors.markable(actor=self.actor, **data)
        services.unstar_project(actor=self.actor, project=project)
        return self.done(_("{slug} is starred no more.").format(slug=project.slug))
