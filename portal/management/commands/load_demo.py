from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts import selectors
from core.actor import Actor
from core.errors import DomainError
from portal import demo


class Command(BaseCommand):
    """Loads the demo organization."""

    help = "Load the demo organization `northwind`: people, teams, projects, robots and a month of history."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the arguments."""
        parser.add_argument("--owner", metavar="USERNAME", help="a person who shall own it as well")

    def handle(self, *args: Any, owner: str | None = None, **options: Any) -> None:
        """Load it, or say why not."""
        try:
            person = selectors.user(name=owner) if owner else None
            made = demo.load(actor=Actor.of_system(), owner=person)
        except DomainError as error:
            raise CommandError(error.message) from error
        self.stdout.write(
            f"{made.organization.slug}: {len(made.people)} people, {len(made.projects)} projects, "
            f"{made.entries} log entries."
        )
