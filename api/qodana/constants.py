"""What the Qodana contract infers, in one place: a capture of the real server corrects it here."""

from __future__ import annotations

import re

# Where the public routes are.
PUBLIC = "api/v1/public/"

# The version that the handshake tells (qodana.md 7.1); clients take the first with major 1.
API_VERSION, LINTERS_VERSION = "1.36", "1.0"

# Names of errors are in lower case on the wire, and in upper case in the newest documentation (qodana.md 3).
UPPER_CASE_NAMES = False

# Pages of users (qodana.md 4.2, 9). The echo form gives `next` and `prev` even where there is no such page.
LIMIT, LIMIT_MAX = 100, 1000
ECHO_PAGES = False

# Both parts of `team:project` (qodana.md 4.1).
SLUG_PART = re.compile(r"[A-Za-z0-9 ._-]{3,64}")
TTL_MAX = 10 * 366 * 24 * 3600

# domain role -> the wire's (qodana.md 6, house rules)
ROLES = {"owner": "OWNER", "admin": "ADMIN", "creator": "EDITOR", "member": "VIEWER", "auditor": "VIEWER"}

# The plans that open the public API (qodana.md 2).
LICENSED = frozenset({"ULTIMATE_PLUS", "TRIAL_ULTIMATE_PLUS"})
