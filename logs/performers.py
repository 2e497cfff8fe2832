"""How the Quay wire and the export file show who did something (quay-b.md 5.2)."""

from __future__ import annotations

from typing import Any

from core.avatars import avatar

# As a log entry names its performer's kind -> (kind on the wire, kind of the avatar).
KINDS = {
    "user": ("user", "user"),
    "robot": ("user", "robot"),
    "organization": ("org", "org"),
    "project": ("app", "app"),
}


def performer(kind: str, name: str, email: str) -> dict[str, Any] | None:
    """Return ``{kind, name, is_robot, avatar}`` of an entry's copied names.

    None for nobody and for the system itself: the wire leaves the key out then.
    """
    if kind not in KINDS:
        return None
    shown, drawn = KINDS[kind]
    return {
        "kind": shown,
        "name": name,
        "is_robot": kind == "robot",
        "avatar": avatar(name, email=email, kind=drawn),
    }
