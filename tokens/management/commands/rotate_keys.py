from typing import Any

from django.core.management.base import BaseCommand, CommandError

from core.actor import Actor
from core.seal import Unreadable
from tokens import services


class Command(BaseCommand):
    """Seals every stored secret again with the newest key."""

    help = "Seal all stored secrets with the first of MUSTER_ENCRYPTION_KEYS; the others may go afterwards."

    def handle(self, *args: Any, **options: Any) -> None:
        """Seal them, all or none."""
        try:
            count = services.rotate_keys(actor=Actor.of_system())
        except Unreadable as error:
            message = (
                "A secret was sealed by a key that is not in MUSTER_ENCRYPTION_KEYS; nothing was changed."
            )
            raise CommandError(message) from error
        self.stdout.write(f"{count} secrets are sealed with the newest key.")
