"""``manage.py erase_person USERNAME``: take out of the usage log what tells of a person."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.core.management.base import BaseCommand, CommandError

from accounts import selectors
from core.actor import Actor
from core.errors import DomainError
from logs import services

if TYPE_CHECKING:
    from argparse import ArgumentParser


class Command(BaseCommand):
    """Erases, and says in how many entries."""

    help = (
        "Blank a person's name, addresses and tokens' names in all entries of the usage log, which stays "
        "provable (docs/logs.md). To be run before she is deleted."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the arguments."""
        parser.add_argument("username", metavar="USERNAME")

    def handle(self, *args: Any, **options: Any) -> None:
        """Erase, or say why not."""
        try:
            user = selectors.user(name=options["username"])
            count = services.erase_person(actor=Actor.of_system(), user=user)
        except DomainError as error:
            raise CommandError(error.message) from error
        self.stdout.write(f"Erased in {count} entries. Files of the archive and exports are not changed.")
