"""What an empty instance is given at its first start."""

from __future__ import annotations

from dataclasses import dataclass

from django.conf import settings
from django.db import transaction

from accounts import services as accounts
from accounts.management import password as passwords
from core.actor import Actor
from core.db import one_at_a_time
from portal import demo

ADMINISTRATOR = "admin"


@dataclass(frozen=True)
class Given:
    """What has to be told, once: either the administrator's password, or the secret for the first visit."""

    password: str = ""
    secret: str = ""
    words: str = ""


def give() -> Given:
    """Give an empty instance its administrator and the demo, or (DEMO=0) open it for the first visit."""
    if not accounts.nobody_is_here():
        return Given()
    if not settings.DEMO:
        return Given(secret=accounts.offer_first_run())
    system, password = Actor.of_system(), passwords.make()
    with transaction.atomic():
        one_at_a_time("first user")
        if not accounts.nobody_is_here():
            return Given()  # another host was faster
        administrator = accounts.create_user(
            actor=system, username=ADMINISTRATOR, password=password, name="Administrator", superuser=True
        )
        made = demo.load(actor=system, owner=administrator)
    words = (
        f"{made.organization.slug}: {len(made.people)} people, {len(made.projects)} projects, "
        f"{made.entries} log entries"
    )
    return Given(password=password, words=words)
