"""``manage.py apply FILE``: make an organization as a YAML file says."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.core.management.base import BaseCommand, CommandError

from accounts import selectors
from core.actor import Actor
from core.errors import DomainError
from projects.services import code
from runs import services as runs

if TYPE_CHECKING:
    from argparse import ArgumentParser

DIFFERENT = 2
READ_MAX = 5 * 2**20  # more than any file that is accepted


class Command(BaseCommand):
    """Compares and applies.

    Ends with 0 when the organization is as the file says, with 2 when a dry run found differences, and with
    1 when nothing was done because something is wrong.
    """

    help = "Make an organization as a YAML file says (docs/code.md)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare what the command line may say."""
        parser.add_argument("file", help="the file, or - for standard input")
        parser.add_argument("--dry-run", action="store_true", help="print the differences, write nothing")
        parser.add_argument("--prune", action="store_true", help="remove what the file's lists do not have")
        parser.add_argument("--organization", default="", help="its name, where the file gives none")
        parser.add_argument("--expect", default="", help="the fingerprint of the diff that was agreed to")
        parser.add_argument("--json", action="store_true", dest="as_json", help="print JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        """Compare, and unless it is a dry run, apply."""
        try:
            diff = self._act(options)
        except DomainError as error:
            if options["as_json"]:
                problems = getattr(error, "problems", [error.message])
                self.stdout.write(json.dumps({"error": error.code, "problems": problems}, indent=2))
            raise CommandError(f"{error.message}\nNothing was changed.") from error
        done = not options["dry_run"]
        if options["as_json"]:
            self.stdout.write(json.dumps(code.as_json(diff, done=done), indent=2, ensure_ascii=False))
        else:
            self.stdout.write("\n".join(code.lines_of(diff, done=done)))
        if not done and not diff.is_empty:
            sys.exit(DIFFERENT)

    def _act(self, options: dict[str, Any]) -> code.Diff:
        actor, name = Actor.of_system("code"), options["file"]
        document = code.read_document(self._read(name), name=name if name != "-" else "standard input")
        wanted = options["organization"] or document.organization
        if not wanted:
            raise CommandError("The file names no organization: say --organization NAME")
        asked = {
            "actor": actor,
            "organization": selectors.organization(actor=actor, name=wanted),
            "document": document,
            "prune": options["prune"],
            "file": name,
        }
        if options["dry_run"]:
            return code.plan_document(**asked)
        return runs.apply_code(**asked, expected=options["expect"])[0]

    def _read(self, name: str) -> bytes:
        if name == "-":
            return sys.stdin.buffer.read(READ_MAX)
        try:
            with Path(name).open("rb") as file:
                return file.read(READ_MAX)
        except OSError as error:
            raise CommandError(f"{name}: cannot be read: {error.strerror}") from error
