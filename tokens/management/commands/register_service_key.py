import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from core.actor import Actor
from core.errors import DomainError
from tokens import services


class Command(BaseCommand):
    """Registers the public half of a key that a service made itself."""

    help = (
        "Register a service's public RSA key, in PEM form, and print its kid, and nothing else on standard "
        "output. It counts once a superuser has approved it, unless --approve is given."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the arguments."""
        parser.add_argument("service", metavar="SERVICE", help="lower-case letters, digits, underscores")
        parser.add_argument(
            "--public-key", required=True, metavar="FILE", help="the PEM file, or - for standard input"
        )
        parser.add_argument("--name", default="", help="what people see it by")
        parser.add_argument("--days", type=int, metavar="N", help="it expires after so many; without, never")
        parser.add_argument("--approve", action="store_true", help="let it count at once")

    def handle(self, *args: Any, **options: Any) -> None:
        """Register it, or say why not."""
        days, file = options["days"], options["public_key"]
        if days is not None and not 1 <= days <= 365_000:
            raise CommandError("--days is a whole number from 1 to 365000")
        try:
            pem = sys.stdin.read() if file == "-" else Path(file).read_text(encoding="ascii")
        except (OSError, UnicodeDecodeError) as error:
            message = f"{file} cannot be read: {error}"
            raise CommandError(message) from error
        try:
            key = services.register_service_key(
                actor=Actor.of_system(),
                public_key=pem,
                service=options["service"],
                name=options["name"],
                expires_at=timezone.now() + timedelta(days=days) if days else None,
                metadata={"created_by": "command line"},
                approve=options["approve"],
            )
        except DomainError as error:
            raise CommandError(error.message) from error
        self.stdout.write(key.kid)
