"""Log entries in plain words, and the daily chart of them."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.utils.html import format_html, format_html_join

from console import charts
from logs.kinds import KINDS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import date

    from django.utils.safestring import SafeString

    from logs.models import LogEntry
    from logs.selectors import DayCount

# group -> (what the chart and the badge call it, the badge's tone)
GROUPS = {
    "change": ("Changes", "info"),
    "access": ("Permissions", "warn"),
    "security": ("Security", "bad"),
    "export": ("Exports", "good"),
}
ICONS = {"user": "user", "robot": "cpu-chip", "system": "cog-6-tooth"}
# What the name of a kind does not say well by itself
LABELS = {
    "login_success": "Sign in",
    "login_failure": "Failed sign-in",
    "logout_success": "Sign out",
    "access_denied": "Refused",
    "account_change_password": "Change own password",
    "export_logs_success": "Export log",
    "export_logs_failure": "Failed export",
    "export_logs_cancel": "Cancel export",
    "export_logs_retry": "Retry export",
    "modify_prototype_permission": "Change default permission",
    "create_oauth_api_token": "Issue API token",
    "revoke_oauth_api_token": "Revoke API token",
    "org_import": "Import organization",
    "org_delete_team_member_invite": "Withdraw invitation",
    "org_team_member_invite_accepted": "Join team",
    "org_team_member_invite_declined": "Decline invitation",
}
# What the sentences of some kinds leave out: the word before it, and the keys that may hold it.
WHOM = {
    "change_repo_permission": ("to", ("team", "username")),
    "delete_repo_permission": ("of", ("team", "username")),
    "create_prototype_permission": ("for", ("delegate_team", "delegate_user")),
    "modify_prototype_permission": ("for", ("delegate_team", "delegate_user")),
    "delete_prototype_permission": ("for", ("delegate_team", "delegate_user")),
}


def group_of(kind: str) -> str:
    """Return the group of a kind; unknown kinds are changes."""
    return KINDS[kind].group if kind in KINDS else "change"


def label_of(kind: str) -> str:
    """Return a kind's name for people: "Create team" for ``org_create_team``."""
    if kind in LABELS:
        return LABELS[kind]
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
        self.performer = entry.performer_name or "nobody"
        self.icon = ICONS.get(entry.performer_kind, "question-mark-circle")
        self.label = label_of(entry.kind)
        self.tone = GROUPS[group_of(entry.kind)][1]
        self.address = entry.ip or ""
        self.dialect = entry.dialect
        self.credential = entry.credential_name

    @property
    def sentence(self) -> SafeString:
        """Return the entry as a sentence, names set apart; every value is escaped."""
        kind = KINDS.get(self.entry.kind)
        if kind is None:
            return format_html("{} {}", self.performer, self.label.lower())
        told = _Values({key: _name(value) for key, value in self.entry.metadata.items()})
        told["performer"] = format_html("<b>{}</b>", self.performer)
        told.setdefault("namespace", _name(self.entry.namespace_name))
        sentence = format_html(kind.sentence, **{key: told[key] for key in _keys(kind.sentence)})
        word, keys = WHOM.get(self.entry.kind, ("", ()))
        whom = next((told[key] for key in keys if self.entry.metadata.get(key)), None)
        return sentence if whom is None else format_html("{} {} {}", sentence, word, whom)

    @property
    def details(self) -> SafeString:
        """Return the metadata as a list of facts, one more for the way in and one for the token."""
        told = [
            (key.replace("_", " "), str(value))
            for key, value in sorted(self.entry.metadata.items())
            if value not in ("", None)
        ]
        told += [("through", self.dialect)] if self.dialect else []
        told += [("with token", self.credential)] if self.credential else []
        return format_html_join("", "<div><dt>{}</dt><dd><code>{}</code></dd></div>", told)

    @property
    def target(self) -> str:
        """Return what the entry is about, by name."""
        if self.entry.project_name:
            return f"{self.entry.namespace_name}/{self.entry.project_name}"
        told = self.entry.metadata
        for key in ("repo", "team", "delegate_team", "delegate_user", "robot", "member", "username"):
            if told.get(key):
                return str(told[key])
        return self.entry.namespace_name


def _keys(sentence: str) -> list[str]:
    return [part.split("}")[0] for part in sentence.split("{")[1:]]


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
    series = [label for label, _ in GROUPS.values()]
    return charts.daily_bars(
        key=key, title="Entries by day", series=series, days=days, noun=("entry", "entries")
    )
