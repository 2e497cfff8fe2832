"""Avatars as every wire of the Quay dialect shows them: computed, never stored (quay-a.md 1.2)."""

from __future__ import annotations

import hashlib
from functools import lru_cache

# Thirty-two colours, all dark enough for white initials.
PALETTE = (
    "#2f5fd0", "#0b7a53", "#b0480e", "#7a3fc4", "#b3246b", "#0f6f8a", "#5f6b1e", "#a03030",
    "#3f51b5", "#00695c", "#8d5a00", "#6a1b9a", "#ad1457", "#01579b", "#33691e", "#bf360c",
    "#4a5fc1", "#1b7f4b", "#9a5b13", "#8e3bb0", "#c2185b", "#17708f", "#4e6e1f", "#b23c3c",
    "#2c6e9b", "#28704f", "#a34a12", "#5c4db8", "#9c2f74", "#336b87", "#6b6416", "#8b3a3a",
)  # fmt: skip


@lru_cache(maxsize=4096)
def _hash(of: str) -> str:
    return hashlib.sha256(of.strip().lower().encode()).hexdigest()


def avatar(name: str, *, email: str = "", kind: str = "user") -> dict[str, str]:
    """Return ``{name, hash, color, kind}``; kind is user, org, team, robot or app.

    The hash is the SHA-256 hex of the lower-cased, trimmed e-mail, or of the name where there is none.
    """
    digest = _hash(email or name)
    return {"name": name, "hash": digest, "color": PALETTE[int(digest[:2], 16) % 32], "kind": kind}
