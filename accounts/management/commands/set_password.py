from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts import selectors, services
from accounts.management import password
from core.actor import Actor
from core.errors import DomainError


class Command(BaseCommand):
    """Gives a person a new password."""

    help = (
        "Set somebody's password; her sessions end. A password that is made up is printed, and nothing else "
        "on standard output."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the arguments."""
        parser.add_argument("username", metavar="USERNAME")
        password.add_argument(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        """Set it, or say why not."""
        secret, is_new = password.read(options["password_file"])
        try:
            user = selectors.user(name=options["username"])
            services.change_user(actor=Actor.of_system(), user=user, password=secret)
        except DomainError as error:
            raise CommandError(error.message) from error
        self.stderr.write(f"{user.username} has a new password.", lambda text: text)
        if is_new:
            self.stdout.write(secret)
