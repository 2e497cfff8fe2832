"""The console's components as template tags. /style/ shows each of them with sample data."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any
from zlib import crc32

from django import template
from django.forms import BoundField
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from heroicons import _render_icon

from console import nouns, prose
from console.charts import BarChart, Meter, Sparkline, full, short
from core.words import told
from notifications.stored import STEPS, retold

register = template.Library()

COMPONENTS = "console/components"
COPY = gettext_lazy("Copy")
NEVER = gettext_lazy("never")
NEXT = gettext_lazy("Next")
PREVIOUS = gettext_lazy("Previous")
SEPARATORS = re.compile(r"(?<=[/+:._@-])(?=.)")
BANNER_ICONS = {
    "info": "information-circle",
    "good": "check-circle",
    "warn": "exclamation-triangle",
    "bad": "exclamation-circle",
}
MESSAGE_ICONS = {
    "success": "check-circle",
    "warning": "exclamation-triangle",
    "error": "exclamation-circle",
}


# Small pieces --------------------------------------------------------------------------------------------
@register.simple_tag
def icon(name: str, size: str = "") -> SafeString:
    """Draw a heroicon in the colour of the text; ``size``: empty (20 px), ``sm`` (16 px), ``on`` (filled)."""
    return _icon(str(name), str(size))


@lru_cache(maxsize=256)
def _icon(name: str, size: str) -> SafeString:
    classes = f"icon icon-{size}" if size else "icon"
    drawing = _render_icon("outline", name, None, {"class": classes})
    return mark_safe(" ".join(drawing.split()))  # noqa: S308 - drawn from the package's own files


@register.simple_tag
def badge(text: str, tone: str = "") -> SafeString:
    """Show a state in one word; ``tone`` is empty, info, good, warn or bad."""
    return format_html('<span class="badge {}">{}</span>', tone, told(str(text)))


@register.simple_tag
def avatar(name: str, size: str = "", shape: str = "") -> SafeString:
    """Show initials in a colour that stays with the name; ``size`` small or large, ``shape`` square.

    The name itself must stand beside it: the picture is hidden from screen readers.
    """
    hue = crc32(name.encode()) % 6 + 1
    return format_html(
        '<span class="avatar {} {} hue-{}" aria-hidden="true">{}</span>', size, shape, hue, initials(name)
    )


def initials(name: str) -> str:
    """Return two letters for a person, a robot or an organization."""
    for mark in "+-_./@":
        name = name.replace(mark, " ")
    words = name.split()
    if not words:
        return "?"
    letters = words[0][:2] if len(words) == 1 else words[0][0] + words[1][0]
    return letters.upper()


@register.filter
def count(number: int) -> str:
    """Write a count in full: 2,178."""
    return full(number)


@register.filter
def things(number: int, noun: str) -> str:
    """Write a number of things: 2,178 robots."""
    return nouns.things(noun, number)


@register.filter(name="told")
def told_(words: str) -> str:
    """Say a word of the database, such as a role, in the language of the reader."""
    return told(words)


@register.filter(name="retold")
def retold_(words: str) -> str:
    """Say a stored sentence, such as what became of a delivery, in the language of the reader."""
    return retold(words)


@register.filter
def step(words: str) -> str:
    """Say what a file does to an organization, or a note on it, in the language of the reader."""
    return retold(words, STEPS)


@register.filter(name="short")
def short_count(number: int) -> str:
    """Write a count in at most five characters: 1,277, 12.5k."""
    return full(number) if number < 10_000 else short(number)


@register.filter
def markdown(text: str) -> SafeString:
    """Show what somebody wrote in Markdown."""
    return prose.rendered(text)


@register.filter
def unmarked(text: str) -> str:
    """Show the words of Markdown, without its signs."""
    return prose.plain(text)


@register.filter
def breakable(name: object) -> SafeString:
    """Let a long name break behind its separators, rather than anywhere."""
    return format_html_join(mark_safe("<wbr>"), "{}", ((part,) for part in SEPARATORS.split(str(name))))


# Times: right without JavaScript, in the reader's zone with it ---------------------------------------------
@register.simple_tag
def ago(moment: datetime | None, never: str | Promise = NEVER) -> SafeString:
    """Say how long ago, or in how long; the exact moment stands in the tooltip."""
    if moment is None:
        return format_html('<span class="muted">{}</span>', never)
    return _time(moment, "ago", distance(moment, timezone.now()))


@register.simple_tag
def moment(at: datetime | None, never: str | Promise = NEVER) -> SafeString:
    """Show a moment to the second, as a log does."""
    if at is None:
        return format_html('<span class="muted">{}</span>', never)
    utc = at.astimezone(UTC)
    # Translators: how a moment is written, in the letters of Django's filter "date"
    shape = _("M j, H:i:s") if utc.year == timezone.now().year else _("M j, Y, H:i:s")
    return _time(at, "moment", f"{date_format(utc, shape)} UTC")


@register.simple_tag
def day(at: datetime | None, never: str | Promise = NEVER) -> SafeString:
    """Show the day only."""
    if at is None:
        return format_html('<span class="muted">{}</span>', never)
    return _time(at, "day", date_format(at.astimezone(UTC), _("M j, Y")))


def _time(at: datetime, kind: str, text: str) -> SafeString:
    utc = at.astimezone(UTC)
    return format_html(
        '<time datetime="{}" data-time="{}" title="{} UTC">{}</time>',
        f"{utc:%Y-%m-%dT%H:%M:%SZ}",
        kind,
        f"{utc:%Y-%m-%d %H:%M:%S}",
        text,
    )


def distance(at: datetime, now: datetime) -> str:
    """Write the way from ``now`` to ``at`` in one unit: 5 min ago, in 8 d.

    Months and years, which are long, to the nearest; all else as far as it is whole.
    """
    seconds = (at - now).total_seconds()
    gap = timedelta(seconds=abs(seconds))
    steps = (
        (timedelta(days=365), _("in {number} y"), _("{number} y ago")),
        (timedelta(days=30), _("in {number} mo"), _("{number} mo ago")),
        (timedelta(days=1), _("in {number} d"), _("{number} d ago")),
        (timedelta(hours=1), _("in {number} h"), _("{number} h ago")),
        (timedelta(minutes=1), _("in {number} min"), _("{number} min ago")),
    )
    for length, ahead, behind in steps:
        if gap >= length:
            number = round(gap / length) if length >= timedelta(days=30) else gap // length
            return (ahead if seconds > 0 else behind).format(number=number)
    return _("in a moment") if seconds > 0 else _("just now")


# Components with a template ------------------------------------------------------------------------------
@register.inclusion_tag(f"{COMPONENTS}/tile.html")
def tile(
    label: str, value: object, note: str = "", url: str = "", spark: Sparkline | None = None
) -> dict[str, Any]:
    """Show one number with its name; with ``url`` the whole tile is the link."""
    shown = full(value) if isinstance(value, int) else value
    return {"label": label, "value": shown, "note": note, "url": url, "spark": spark}


@register.inclusion_tag(f"{COMPONENTS}/field.html")
def field(bound: BoundField, prefix: str = "", focus: bool = False) -> dict[str, Any]:
    """Show a form field with label, hint and errors.

    ``prefix`` stands inside the box, before the text; ``focus`` is for the first field of a dialog.
    """
    box = bound.as_widget(attrs={"autofocus": True}) if focus else bound
    return {"field": bound, "box": box, "prefix": prefix, "kind": bound.widget_type}


@register.inclusion_tag(f"{COMPONENTS}/chip.html")
def chip(label: str, url: str, number: int | None = None, current: bool = False) -> dict[str, Any]:
    """Show a filter that is a link; the current one is marked."""
    return {"label": label, "url": url, "number": number, "current": current}


@register.inclusion_tag(f"{COMPONENTS}/meter.html")
def quota(meter: Meter) -> dict[str, Any]:
    """Show the use of a limit."""
    return {"meter": meter}


@register.inclusion_tag(f"{COMPONENTS}/progress.html")
def progress(label: str, percent: int | None = None, note: str = "", tone: str = "") -> dict[str, Any]:
    """Show how far a long job is; without ``percent`` it has not said yet."""
    return {"label": label, "percent": percent, "note": note, "tone": tone}


@register.inclusion_tag(f"{COMPONENTS}/bars.html")
def bars(chart: BarChart) -> dict[str, Any]:
    """Draw a daily chart with its legend, and the same numbers as a table for those who cannot see it."""
    return {"chart": chart}


@register.inclusion_tag(f"{COMPONENTS}/spark.html")
def spark(line: Sparkline) -> dict[str, Any]:
    """Draw a small line."""
    return {"line": line}


@register.inclusion_tag(f"{COMPONENTS}/copy.html")
def copyable(text: str, label: str | Promise = COPY) -> dict[str, Any]:
    """Show a text to take along, with a button that copies it."""
    return {"text": text, "label": label}


@register.inclusion_tag(f"{COMPONENTS}/pager.html")
def pager(
    newer: str = "", older: str = "", back: str | Promise = PREVIOUS, on: str | Promise = NEXT
) -> dict[str, Any]:
    """Show the two ways through a long list; an empty address greys its button out."""
    return {"newer": newer, "older": older, "back": back, "on": on}


@register.inclusion_tag(f"{COMPONENTS}/messages.html")
def toasts(messages: Any, more: bool = False) -> dict[str, Any]:
    """Show what Django's messages framework has to say; ``more`` adds it to a page that is already there."""
    said = [
        {
            "text": message,
            "level": message.level_tag,
            "icon": MESSAGE_ICONS.get(message.level_tag, "information-circle"),
        }
        for message in messages or ()
    ]
    return {"said": said, "more": more}


# Components around other content -------------------------------------------------------------------------
@register.simple_block_tag(end_name="endcard")
def card(
    content: str,
    title: str = "",
    note: str = "",
    action: str = "",
    url: str = "",
    tone: str = "",
    flush: bool = False,
) -> str:
    """Frame content; ``action`` and ``url`` make a link in the head, ``flush`` brings it to the edges."""
    return _around("card", content, title=title, note=note, action=action, url=url, tone=tone, flush=flush)


@register.simple_block_tag(end_name="enddialog")
def dialog(content: str, id: str, title: str, shown: bool = False) -> str:
    """Make a modal dialog, opened by ``{% opens id %}`` on any button, or at once with ``shown``."""
    return _around("dialog", content, id=id, title=title, shown=shown)


@register.simple_block_tag(end_name="endmenu")
def menu(
    content: str, id: str, label: str, text: str = "", icon: str = "ellipsis-horizontal", side: str = ""
) -> str:
    """Make a button with a menu of links and buttons; without ``text`` it shows only the icon."""
    return _around("menu", content, id=id, label=label, text=text, icon=icon, side=side)


@register.simple_block_tag(end_name="endbanner")
def banner(content: str, tone: str = "info", title: str = "", action: str = "", url: str = "") -> str:
    """Say something about the whole page; ``tone`` is info, good, warn or bad."""
    return _around("banner", content, tone=tone, title=title, action=action, url=url, icon=BANNER_ICONS[tone])


@register.simple_block_tag(end_name="endempty")
def empty(content: str, icon: str, title: str) -> str:
    """Say that there is nothing yet, and what to do about it."""
    return _around("empty", content, icon=icon, title=title)


@register.simple_tag
def opens(id: str) -> SafeString:
    """Make the button that carries it open the dialog ``id``, without JavaScript where the browser can."""
    return format_html('type="button" command="show-modal" commandfor="{}"', id)


@register.simple_tag
def closes(id: str) -> SafeString:
    """Make the button that carries it close the dialog ``id``."""
    return format_html('type="button" command="close" commandfor="{}"', id)


def _around(name: str, content: str, **context: Any) -> str:
    return render_to_string(f"{COMPONENTS}/{name}.html", {"content": content, **context})
