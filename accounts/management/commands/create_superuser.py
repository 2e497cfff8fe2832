from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts import services
from accounts.management import password
from core.actor import Actor
from core.errors import DomainError


class Command(BaseCommand):
    """Creates a person who may manage the instance."""

    help = "Create a superuser. A password that is made up is printed, and nothing else on standard output."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the arguments."""
        parser.add_argument("username", metavar="USERNAME")
        parser.add_argument("--email", default="", metavar="ADDRESS")
        password.add_argument(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        """Create her, or say why not."""
        secret, is_new = password.read(options["password_file"])
        try:
            user = services.create_user(
                actor=Actor.of_system(),
                username=options["username"],
                email=options["email"],
                password=secret,
                superuser=True,
            )
        except DomainError as error:
            raise CommandError(error.message) from error
        self.stderr.write(f"{user.username} is a superuser now.", lambda text: text)
        if is_new:
            self.stdout.write(secret)
