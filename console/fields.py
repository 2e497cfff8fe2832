"""Pieces of forms that the console's templates know how to show."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

if TYPE_CHECKING:
    from django import forms


def described(label: str, hint: str) -> SafeString:
    """Label a choice and say below it, in small letters, what choosing it means."""
    return format_html("{} <small>{}</small>", label, hint)


def dangerous(label: str, hint: str) -> SafeString:
    """Label a choice as `described` does, and mark it as one that asks for absolute trust."""
    return format_html('{} <span class="badge warn">absolute trust</span> <small>{}</small>', label, hint)


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
