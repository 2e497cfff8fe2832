"""Taking names: one table for people and organizations."""

from __future__ import annotations

from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.models import Namespace
from core.db import insert
from core.errors import Conflict, Invalid
from core.names import fold, is_namespace_name
from core.words import say


def take(name: str, kind: Namespace.Kind) -> Namespace:
    """Take a name for a new person or organization.

    Raises:
        Invalid: the name breaks the rule (quay-a.md 7).
        Conflict: a living namespace has it, in whatever spelling.
    """
    key = fold(name)
    if not is_namespace_name(key):
        raise Invalid(
            say(
                "Invalid name {name!r}: 2 to 255 lower-case letters and digits, "
                "with single dots, dashes or underscores between them",
                name=name,
            ),
            field="name",
        )
    namespace = Namespace(name=key, key=key, kind=kind)
    # Clients of the Quay wire look for either half of this sentence.
    return insert(namespace, taken=say("The username already exists: {key} is already taken", key=key))


def is_taken(name: str) -> bool:
    """Tell whether a living namespace has the name."""
    return Namespace.objects.filter(key=fold(name), deleted_at=None).exists()


def bury(namespace: Namespace) -> None:
    """Turn a namespace into a tombstone: the name is free at once, and whoever takes it inherits nothing."""
    namespace.deleted_at = timezone.now()
    namespace.save(update_fields=["deleted_at"])


def revive(namespace: Namespace, key: str) -> None:
    """Give a tombstone its life back, under this name.

    Raises:
        Conflict: a living namespace has the name.
    """
    namespace.name, namespace.key, namespace.deleted_at = key, key, None
    try:
        with transaction.atomic():
            namespace.save(update_fields=["name", "key", "deleted_at"])
    except IntegrityError as error:
        raise Conflict(say("{key} is already taken", key=key), field="name") from error
