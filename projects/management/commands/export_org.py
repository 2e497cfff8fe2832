"""``manage.py export_org NAME``: an organization as YAML on standard output, without secrets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.core.management.base import BaseCommand, CommandError

from accounts import selectors
from core.actor import Actor
from core.errors import DomainError
from projects.services import code

if TYPE_CHECKING:
    from argparse import ArgumentParser


class Command(BaseCommand):
    """Writes the file that ``manage.py apply`` reads; 0, or 1 where there is no such organization."""

    help = "Write an organization as YAML, without secrets (docs/code.md)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare what the command line may say."""
        parser.add_argument("name", help="the organization's name")

    def handle(self, *args: Any, **options: Any) -> None:
        """Write it."""
        actor = Actor.of_system("code")
        try:
            organization = selectors.organization(actor=actor, name=options["name"])
            text = code.export_organization(actor=actor, organization=organization)
        except DomainError as error:
            raise CommandError(error.message) from error
        self.stdout.write(text, ending="")
