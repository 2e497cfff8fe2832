"""Bring the catalogues of translations up to date: what the code says, and what the pages read."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.commands import makemessages

# Programs are answered in English, and so are operators: docs/console.md, "Languages".
ENGLISH = ("api/*", "admin", "admin.py", "migrations", "supervisor.py")
ELSEWHERE = (".venv", "var", "tests", "bench", "docs", *ENGLISH)
# What makes sentences of the domain, and which of its arguments they are: it knows no translations, and is
# told in the language of the reader (core/words.py).
MAKERS = (
    "say",
    "say_many:1,2",
    "_right:4",
    "kind:2",
    "event:2",
    "_of_content:2",
    "Call:2",
    "BadCredentials",
    "Conflict",
    "Failed",
    "FreshLoginRequired",
    "Forbidden",
    "Invalid",
    "NotFound",
    "QuotaExceeded",
    "ReadOnly",
    "Refused",
    "TooManyRequests",
    "Unauthenticated",
    "Unreachable",
)


class Command(makemessages.Command):
    """Extract every text that can be translated, and compile the catalogues (needs GNU gettext)."""

    help = "Extract the texts of Python and of the templates, and compile the catalogues. Needs GNU gettext."

    # A guess that looks finished is worse than a gap, which a test tells of.
    msgmerge_options = [*makemessages.Command.msgmerge_options, "--no-fuzzy-matching", "--no-wrap"]
    msguniq_options = [*makemessages.Command.msguniq_options, "--no-wrap"]
    msgattrib_options = [*makemessages.Command.msgattrib_options, "--no-wrap"]
    xgettext_options = [
        *makemessages.Command.xgettext_options,
        "--no-wrap",
        *(f"--keyword={maker}" for maker in MAKERS),
        # "{percent} % of it" is no format of C.
        "--flag=say:1:no-python-format",
        "--flag=kind:2:no-python-format",
    ]

    def handle(self, *args: Any, **options: Any) -> None:
        """Do both, for every language but the first, in which everything is written."""
        whose = {
            "locale": [code for code, _ in settings.LANGUAGES if code != settings.LANGUAGE_CODE],
            "ignore_patterns": list(ELSEWHERE),
        }
        super().handle(*args, **options | whose | {"add_location": "file", "no_obsolete": True})
        call_command("compilemessages", **whose, verbosity=0)
