"""Log entries in plain words, and the daily chart of them."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, gettext_noop

from console import charts, kind_labels
from core.words import told
from logs.kinds import KINDS
from notifications.stored import retold

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import date

    from django.utils.safestring import SafeString

    from logs.models import LogEntry
    from logs.selectors import DayCount

# group -> (what the chart and the badge call it, the badge's tone, which is near the chart's colour)
GROUPS = {
    "change": (gettext_lazy("Changes"), "info"),
    "access": (gettext_lazy("Permissions"), "good"),
    "security": (gettext_lazy("Security"), "warn"),
    "export": (gettext_lazy("Exports"), ""),
}
ICONS = {"user": "user", "robot": "cpu-chip", "system": "cog-6-tooth"}
LABELS = kind_labels.LABELS
_TO, _OF = gettext_noop("{sentence} to {whom}"), gettext_noop("{sentence} of {whom}")
_FOR = gettext_noop("{sentence} for {whom}")
# What the sentences of some kinds leave out: how it is added, and the keys that may hold it.
WHOM = {
    "change_repo_permission": (_TO, ("team", "username")),
    "delete_repo_permission": (_OF, ("team", "username")),
    "create_prototype_permission": (_FOR, ("delegate_team", "delegate_user")),
    "modify_prototype_permission": (_FOR, ("delegate_team", "delegate_user")),
    "delete_prototype_permission": (_FOR, ("delegate_team", "delegate_user")),
}
# Metadata that are words of ours, not names that somebody gave.
OUR_WORDS = frozenset({"role", "visibility", "state_changed", "type", "what", "token_kind", "resource"})


def group_of(kind: str) -> str:
    """Return the group of a kind; unknown kinds are changes."""
    return KINDS[kind].group if kind in KINDS else "change"


def label_of(kind: str) -> str:
    """Return a kind's name for people, "Create team"; for other versions made of the kind."""
    if kind in LABELS:
        return told(LABELS[kind])
    thing, _, rest = kind.partition("_")
    verb, _, of = rest.partition("_")
    if thing in ("user", "account"):
        words = f"{verb} {thing} {of}"
    elif thing == "org":
        whole = verb == "change" and not of.startswith(("team", "quota"))
        words = f"{verb} organization {of}" if whole or not of else rest
    else:
        words = kind
    words = words.replace("_", " ").replace("repo", "project").replace("prototype", "default")
    return " ".join(words.split()).capitalize()


class _Values(dict[str, Any]):
    def __missing__(self, key: str) -> str:
        return "…"


class Line:
    """One entry as a line: who, what, on what, from where."""

    def __init__(self, entry: LogEntry) -> None:
        """Prepare the words; costs no query."""
        self.entry = entry
        self.at = entry.at
        self.performer = entry.performer_name or _("nobody")
        self.icon = ICONS.get(entry.performer_kind, "question-mark-circle")
        self.label = label_of(entry.kind)
        self.tone = GROUPS[group_of(entry.kind)][1]
        self.address = entry.ip or ""
        self.dialect = entry.dialect
        self.credential = entry.credential_name
        # Where the entries of the same namespace are, in a log of several.
        self.only_there = ""
        # Where it stands step by step.
        self.run_url = ""

    @property
    def sentence(self) -> SafeString:
        """Return the entry as a sentence, names set apart; every value is escaped."""
        kind = KINDS.get(self.entry.kind)
        if kind is None:
            return format_html("{} {}", self.performer, self.label.lower())
        known = _Values({key: _name(_value(key, value)) for key, value in self.entry.metadata.items()})
        known["performer"] = format_html("<b>{}</b>", self.performer)
        known.setdefault("namespace", _name(self.entry.namespace_name))
        words = told(kind.sentence)
        sentence = format_html(words, **{key: known[key] for key in _keys(words)})
        more, keys = WHOM.get(self.entry.kind, ("", ()))
        whom = next((known[key] for key in keys if self.entry.metadata.get(key)), None)
        return sentence if whom is None else format_html(told(more), sentence=sentence, whom=whom)

    @property
    def details(self) -> SafeString:
        """Return the metadata as a list of facts, one more for the way in and one for the token."""
        facts = [
            (key.replace("_", " "), str(value))
            for key, value in sorted(self.entry.metadata.items())
            if value not in ("", None)
        ]
        facts += [(_("through"), self.dialect)] if self.dialect else []
        facts += [(_("with token"), self.credential)] if self.credential else []
        return format_html_join("", "<div><dt>{}</dt><dd><code>{}</code></dd></div>", facts)

    @property
    def target(self) -> str:
        """Return what the entry is about, by name."""
        if self.entry.project_name:
            return f"{self.entry.namespace_name}/{self.entry.project_name}"
        metadata = self.entry.metadata
        for key in ("repo", "team", "delegate_team", "delegate_user", "robot", "member", "username"):
            if metadata.get(key):
                return str(metadata[key])
        return self.entry.namespace_name


def _keys(sentence: str) -> list[str]:
    return [part.split("}")[0] for part in sentence.split("{")[1:]]


def _value(key: str, value: Any) -> Any:
    if key in OUR_WORDS and isinstance(value, str):
        return told(value)
    return retold(value) if key in ("reason", "error", "problem") and isinstance(value, str) else value


def _name(value: Any) -> SafeString:
    return format_html("<code>{}</code>", "—" if value in ("", None) else value)


def daily_chart(
    key: str, found: Iterable[DayCount], first: date, last: date, link: Callable[[date], str]
) -> charts.BarChart:
    """Return the chart of entries by day and group; each bar leads where ``link`` says of its day."""
    counts: dict[date, Counter[str]] = {}
    for row in found:
        counts.setdefault(row.day, Counter())[group_of(row.kind)] += row.count
    days = []
    for number in range((last - first).days + 1):
        day = first + timedelta(days=number)
        per_group = counts.get(day, Counter())
        days.append(charts.Day(day, tuple(per_group[group] for group in GROUPS), link(day)))
    series = [str(label) for label, _tone in GROUPS.values()]
    return charts.daily_bars(key=key, title=_("Entries by day"), series=series, days=days, noun="entry")
