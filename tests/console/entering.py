"""Going through the console without a browser: as whom, and to what the organization of the fixture holds."""

from __future__ import annotations

from django.test import Client
from django.utils import timezone

from accounts.models import User

# What the fixture ``acme`` gives its subscription, its delivery and its run, so that addresses can be
# written down.
HOOK, SENT = "5f0c1a52-0000-4000-8000-000000000001", "5f0c1a52-0000-4000-8000-000000000002"
RUN = "5f0c1a52-0000-4000-8000-000000000003"


def enter(user: User | None = None) -> Client:
    """Return a client in which somebody has just signed in, or nobody."""
    client = Client()
    if user is not None:
        client.force_login(user)
        session = client.session
        session["signed_in_at"] = timezone.now().isoformat()
        session.save()
    return client


def person(name: str) -> User:
    """Return somebody by the user name."""
    return User.objects.get(username=name)
