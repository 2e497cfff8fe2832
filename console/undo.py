"""The way back beside the news that something was deleted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _

from trash import selectors

if TYPE_CHECKING:
    from accounts.models import Namespace
    from core.actor import Actor


def deleted(words: str, *, actor: Actor, namespace: Namespace, kind: str, name: str) -> str:
    """Return the words with a link to what they tell of in the trash, for who may restore it."""
    thing = selectors.latest(actor=actor, namespace=namespace, kind=kind, name=name)
    if thing is None:
        return words
    if kind == "organization":
        where = reverse("console:home")
    else:
        where = reverse("console:trash", args=[namespace.name])
    return format_html('{} <a href="{}?restore={}">{}</a>', words, where, thing.uuid, _("Undo"))
