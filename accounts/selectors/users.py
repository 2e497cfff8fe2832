"""People: by name, by key, and by what is known of them elsewhere."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from django.db.models import Q, QuerySet
from django.db.models.functions import Lower

from accounts.models import Identity, User
from core.errors import NotFound
from core.names import fold
from core.prepared import Given, Prepared
from core.words import say
from permissions.catalogue import INSTANCE_READ, USER_MANAGE
from permissions.checks import may_be_viewed, require

if TYPE_CHECKING:
    from core.actor import Actor


def user(*, name: str) -> User:
    """Return a living person, with her namespace; anybody may learn that a name is taken.

    Raises:
        NotFound: nobody has the name.
    """
    found = User.objects.select_related("namespace").filter(username=fold(name), deleted_at=None).first()
    if found is None:
        raise NotFound(say("Unknown user {name}", name=name), absent="user")
    return found


def user_by_key(*, pk: int) -> User:
    """Return a living person by her key, with her namespace. Raises NotFound."""
    found = User.objects.select_related("namespace").filter(pk=pk, deleted_at=None).first()
    if found is None:
        raise NotFound("User not found", absent="user")
    return found


def language_of(addresses: Collection[str]) -> str:
    """Return the language for a mail to these: the choice of all who have one, else none."""
    owned = Q()
    for address in addresses:
        owned |= Q(email__iexact=address)
    living = User.objects.filter(owned, deleted_at=None) if owned else User.objects.none()
    spoken = dict(living.values_list(Lower("email"), "language"))
    found = {spoken.get(address.lower(), "") for address in addresses}
    return found.pop() if len(found) == 1 else ""


def viewed_person(*, actor: Actor, pk: int) -> User:
    """Return the person whom an operator looks at Muster as, with her namespace.

    Raises:
        Forbidden: the actor is no superuser, or not any more.
        NotFound: the person is gone, or may not be viewed (any more).
    """
    require(actor, USER_MANAGE)
    found = User.objects.select_related("namespace").filter(pk=pk).first()
    if found is None or not may_be_viewed(found):
        raise NotFound("Nobody to view", absent="user")
    return found


def identities(*, user: User) -> list[Identity]:
    """Return how directories and identity providers know a person. The caller may see her own account."""
    return _identities(user=user.pk)


_identities: Prepared[Identity] = Prepared(
    lambda: Identity.objects.filter(user_id=Given("user", User.id)).order_by("pk")
)


def all_users(*, actor: Actor, include_disabled: bool = True) -> QuerySet[User]:
    """Return every living person, oldest first, for superusers and read-only superusers."""
    require(actor, INSTANCE_READ)
    users = User.objects.filter(deleted_at=None).order_by("pk")
    return users if include_disabled else users.filter(is_active=True)
