"""What workers do by calling services: groups are read again, and teams compared with them."""

from __future__ import annotations

from celery import shared_task

from accounts import services
from core.actor import Actor

TURN = 1000  # teams rung for at a time


@shared_task(name="accounts.sync_team")
def sync_team(team_id: int) -> None:
    """Compare one team with its group, if it is its turn."""
    services.sync_team(actor=Actor.of_system("sync"), team_id=team_id)


@shared_task(name="accounts.sync_teams")
def sync_teams() -> None:
    """Ring for every team whose turn it is; each is claimed by whoever does it."""
    for team_id in services.teams_to_sync(limit=TURN):
        sync_team.delay(team_id)


@shared_task(name="accounts.refresh_identity")
def refresh_identity(identity_id: int) -> None:
    """Ask the provider again for one person's groups, if it is her turn."""
    services.refresh_identity(actor=Actor.of_system("sync"), identity_id=identity_id)


@shared_task(name="accounts.refresh_identities")
def refresh_identities() -> None:
    """Ring for everybody whose turn it is; each is claimed by whoever does it."""
    for identity_id in services.identities_to_refresh(limit=TURN):
        refresh_identity.delay(identity_id)
