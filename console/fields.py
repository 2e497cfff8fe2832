"""Pieces of forms that the console's templates know how to show."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.urls import reverse
from django.utils.functional import keep_lazy, lazy
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from core.words import told

if TYPE_CHECKING:
    from django import forms
    from django_stubs_ext import StrOrPromise


# What the domain says, in the language of whoever the form is shown to.
told_lazy = lazy(told, str)


@keep_lazy(SafeString)
def described(label: StrOrPromise, hint: StrOrPromise) -> SafeString:
    """Label a choice and say below it, in small letters, what choosing it means."""
    return format_html("{} <small>{}</small>", label, hint)


@keep_lazy(SafeString)
def dangerous(label: StrOrPromise, hint: StrOrPromise) -> SafeString:
    """Label a choice as `described` does, and mark it as one that asks for absolute trust."""
    trust = _("absolute trust")
    return format_html('{} <span class="badge warn">{}</span> <small>{}</small>', label, trust, hint)


def suggest(field: forms.Field, organization: str, kinds: str) -> None:
    """Let a field offer names while somebody types; ``kinds`` as the room of suggestions takes them.

    The page's shell holds the list. Without JavaScript nothing is offered, and the field works all the same.
    """
    field.widget.attrs |= {
        "list": "suggestions",
        "hx-get": f"{reverse('console:suggest', args=[organization])}?kinds={kinds}",
        "hx-target": "#suggestions",
        "hx-trigger": "input changed delay:150ms",
        "hx-sync": "this:replace",
        "hx-push-url": "false",
    }
