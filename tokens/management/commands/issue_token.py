from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from accounts import selectors
from core.actor import Actor
from core.errors import DomainError
from permissions.catalogue import Scope
from tokens import services


class Command(BaseCommand):
    """Issues an API token that acts as a person."""

    help = "Issue an API token for a person and print it, this once, and nothing else on standard output."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the arguments."""
        parser.add_argument("username", metavar="USERNAME")
        parser.add_argument(
            "--scopes", required=True, help=f"what it may do, separated by spaces: {' '.join(Scope.values)}"
        )
        parser.add_argument("--title", default="made on the command line", help="what people see it by")
        parser.add_argument("--days", type=int, metavar="N", help="end it after so many days; without, never")

    def handle(self, *args: Any, **options: Any) -> None:
        """Issue it, or say why not."""
        days = options["days"]
        if days is not None and days < 1:
            raise CommandError("--days is a whole number from 1")
        try:
            user = selectors.user(name=options["username"])
            if not user.is_active:
                raise CommandError(f"{user.username} is disabled; no token of hers would work")
            _, secret = services.issue_api_token(
                actor=Actor.of_system(),
                user=user,
                scopes=options["scopes"],
                title=options["title"],
                expires_at=timezone.now() + timedelta(days=days) if days else None,
            )
        except DomainError as error:
            raise CommandError(error.message) from error
        self.stdout.write(secret)
