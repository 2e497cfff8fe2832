"""A diff in lines for people, and as JSON for machines."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

from core.words import say
from projects.services.code.comparing import ADD, CHANGE, REMOVE
from projects.services.code.objects import title_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from projects.services.code.comparing import Diff, Step

KEPT_SHOWN = 20
SHOWN = 120


def describe(step: Step) -> str:
    """Return what becomes of the fields of an object: ``role: member -> admin``."""
    told = []
    for name, (old, new) in step.fields.items():
        if step.sign == ADD:
            if new not in (None, "", [], False):
                told.append(f"{name}: {show(new)}")
        elif step.sign == REMOVE:
            if name == "role":
                told.append(f"{name}: {show(old)}")
        else:
            told.append(f"{name}: {show(old)} -> {show(new)}")
    return ", ".join(told)


def show(value: Any) -> str:
    """Return a value in a line; long ones are cut."""
    if value is None or value in ("", []):
        return "none"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    plain = text if isinstance(value, str) and value.isidentifier() else json.dumps(value, ensure_ascii=False)
    return plain if len(plain) <= SHOWN else f"{plain[:SHOWN]}…"


def lines_of(diff: Diff, *, done: bool = False) -> Iterator[str]:
    """Yield one line for each step, then what is kept and noted, then the sum."""
    for step in diff.steps:
        told = describe(step)
        yield f"{step.sign} {step.title}{f': {told}' if told else ''}"
    for key in diff.kept[:KEPT_SHOWN]:
        yield f"= {title_of(key)}: not in the file, kept"
    if len(diff.kept) > KEPT_SHOWN:
        yield f"= and {len(diff.kept) - KEPT_SHOWN} more that are not in the file, kept"
    for note in diff.notes:
        yield f"! {note}"
    for words in diff.refused:
        yield f"! not allowed: {words}"
    yield summary(diff, done=done)


def summary(diff: Diff, *, done: bool = False) -> str:
    """Return the sum of a diff in one sentence."""
    if diff.is_empty:
        return say("Nothing to change: {organization} is as the file says.", organization=diff.organization)
    signs = Counter(step.sign for step in diff.steps)
    numbers = {"added": signs[ADD], "changed": signs[CHANGE], "removed": signs[REMOVE]}
    if done:
        sentence = "{organization}: {added} added, {changed} changed, {removed} removed."
        return sentence.format(organization=diff.organization, **numbers)
    return say(
        "{organization}: {added} to add, {changed} to change, {removed} to remove.",
        organization=diff.organization,
        **numbers,
    )


def as_json(diff: Diff, *, done: bool = False) -> dict[str, Any]:
    """Return a diff for machines; docs/code.md tells the keys."""
    return {
        "organization": diff.organization,
        "applied": done,
        "fingerprint": diff.fingerprint,
        "prune": diff.prune,
        "changes": [
            {
                "action": {"+": "add", "~": "change", "-": "remove"}[step.sign],
                "sort": step.key[0],
                "name": list(step.key[1:]),
                "line": step.line or None,
                "fields": {name: {"old": old, "new": new} for name, (old, new) in step.fields.items()},
            }
            for step in diff.steps
        ],
        "kept": [list(key) for key in diff.kept],
        "notes": diff.notes,
        "refused": diff.refused,
    }
