"""What the CI Sense contract infers, in one place: a capture of the real server corrects it here."""

from __future__ import annotations

# Prefixes of ids; the contract knows `prj-` and `org-` (cisense.md 1).
USER, ACCOUNT, ORGANIZATION, PROJECT = "usr", "acc", "org", "prj"

# The vendor's own client takes 200 alone for whatever it parses (cisense.md 6).
CREATED = 200
DELETED = 204

NAME_MAX = 255
GIT_URL_MAX = 1024
