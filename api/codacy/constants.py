"""What the Codacy contract infers, in one place: a capture of the real server corrects it here."""

from __future__ import annotations

# Codes of Git providers; `bbs` is read as another name of `bbe` (codacy.md 1).
PROVIDERS = {code: code for code in ("gh", "ghe", "gl", "gle", "bb", "bbe")} | {"bbs": "bbe"}

VERSION = "11.0.0"

# Pages (codacy.md 4).
LIMIT, LIMIT_MAX = 100, 1000

# Calls of one address (codacy.md 5).
WINDOW_SECONDS = 300

TOKENS_MAX = 100
TOKEN_NAME = r"[A-Za-z0-9-]{1,100}"  # noqa: S105 - a pattern, no secret
TOKEN_DAYS_MAX = 366

# domain role -> the wire's (codacy.md 7.1)
ROLES = {"owner": "admin", "admin": "admin", "creator": "manager", "member": "member"}
