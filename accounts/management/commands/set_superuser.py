from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts import selectors, services
from core.actor import Actor
from core.errors import DomainError


class Command(BaseCommand):
    """Makes a person a superuser, or no longer one."""

    help = "Make somebody a superuser, or take that back with --revoke. MUSTER_SUPERUSERS counts beside it."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the arguments."""
        parser.add_argument("username", metavar="USERNAME")
        parser.add_argument("--revoke", action="store_true", help="take the flag away")

    def handle(self, *args: Any, **options: Any) -> None:
        """Set the flag, or say why not."""
        superuser = not options["revoke"]
        try:
            user = selectors.user(name=options["username"])
            services.set_superuser(actor=Actor.of_system(), user=user, superuser=superuser)
        except DomainError as error:
            raise CommandError(error.message) from error
        self.stdout.write(
            f"{user.username} is {'a superuser now' if superuser else 'no superuser any more'}."
        )
