"""``manage.py import_org NAME DIRECTORY``: a GitHub organization from files in peribolos format."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.core.management.base import BaseCommand, CommandError

from core.actor import Actor
from core.errors import DomainError
from projects.services import importing

if TYPE_CHECKING:
    from argparse import ArgumentParser


class Command(BaseCommand):
    """Plans and runs the import; 0 when the database is as the files say afterwards, else 1."""

    help = "Import a GitHub organization from files in peribolos format (docs/import.md)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare what the command line may say."""
        parser.add_argument("name", help="the organization's name here; it is made if there is none")
        parser.add_argument("directory", type=Path, help="holds org.yaml and any number of */teams.yaml")
        parser.add_argument("--dry-run", action="store_true", help="print the plan, write nothing")
        parser.add_argument("--owner", default="", help="who owns it; else the first admin of the files")

    def handle(self, *args: Any, **options: Any) -> None:
        """Plan, and unless it is a dry run, import."""
        actor = Actor.of_system("import")
        asked = {"actor": actor, "name": options["name"], "owner": options["owner"]}
        dry_run = options["dry_run"]
        try:
            files = importing.read(options["directory"])
            if dry_run:
                plan = importing.plan_import(**asked, files=files)
            else:
                plan = importing.import_organization(**asked, files=files, progress=self._progress)
        except DomainError as error:
            message = f"{error.message}\nNothing was imported."
            raise CommandError(message) from error
        lines = [*importing.summary_lines(plan, dry_run=dry_run)]
        if dry_run or options["verbosity"] > 1:
            lines[:0] = importing.plan_lines(plan)
        self.stdout.write("\n".join(lines))

    def _progress(self, what: str, done: int, of: int) -> None:
        self.stderr.write(f"{what}: {done} of {of}", self.style.HTTP_INFO)
