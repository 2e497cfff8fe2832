from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts import selectors, services
from core.actor import Actor
from core.errors import DomainError


class Command(BaseCommand):
    """Takes a person's second factor away, who has lost it."""

    help = (
        "Take somebody's authenticator app, passkeys and recovery codes away: her password alone signs her "
        "in until she sets up others. Her sessions end."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the arguments."""
        parser.add_argument("username", metavar="USERNAME")

    def handle(self, *args: Any, **options: Any) -> None:
        """Reset it, or say why not."""
        try:
            user = selectors.user(name=options["username"])
            services.reset_second_factor(actor=Actor.of_system(), user=user)
        except DomainError as error:
            raise CommandError(error.message) from error
        self.stdout.write(f"{user.username} signs in by her password alone now.", lambda text: text)
