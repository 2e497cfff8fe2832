"""What each principal gets: teams bound to groups of an identity provider, and released."""

from accounts import services
from tests import make
from tests.api.quay.access import FULL, ORG_ADMINS, Row, everybody, only
from tests.api.quay.world import World

ON = {"TEAM_SYNCING": True, "AUTHENTICATION": "OIDC", "OIDC_ISSUER": "https://idp.example.test"}
BY_ADMINS = ON | {"TEAM_SYNCING_BY_ADMINS": True}
SYNCING = "organization/acme/team/devs/syncing"
GROUP = {"group_name": "builders"}


def bound(world: World) -> None:
    """Let a group decide who is in devs."""
    services.enable_team_sync(actor=make.SYSTEM, team=world.teams["devs"], **GROUP)


ROWS = [
    # A superuser who administers the organization; nobody here is both but by full access.
    Row("post", SYNCING, only(FULL, 200), body=GROUP, settings=ON),
    Row("delete", SYNCING, only(FULL, 200), settings=ON, prepare=bound),
    Row("post", SYNCING, only(ORG_ADMINS, 200), body=GROUP, settings=BY_ADMINS),
    Row("delete", SYNCING, only(ORG_ADMINS, 200), settings=BY_ADMINS, prepare=bound),
    Row("delete", SYNCING, only(ORG_ADMINS, 200), settings=BY_ADMINS),
    Row("post", SYNCING, only(ORG_ADMINS, 400), body=GROUP, settings=BY_ADMINS, prepare=bound),
    Row("post", SYNCING, only(ORG_ADMINS, 400), body={}, settings=BY_ADMINS),
    Row(
        "post", SYNCING, everybody(404), body=GROUP, settings=BY_ADMINS | {"TEAM_SYNCING": False}, csrf=False
    ),
    Row("delete", SYNCING, everybody(404), settings=BY_ADMINS | {"TEAM_SYNCING": False}, csrf=False),
    # A route that is not there: no method of it either, and nobody is asked who she is.
    Row("get", SYNCING, everybody(404), settings=BY_ADMINS | {"TEAM_SYNCING": False}, csrf=False),
    Row("post", "organization/acme/team/none/syncing", only(ORG_ADMINS, 404), body=GROUP, settings=BY_ADMINS),
    # Another tenant's team is nobody's here.
    Row("post", "organization/globex/team/devs/syncing", only(FULL, 200), body=GROUP, settings=BY_ADMINS),
    Row("post", "organization/nowhere/team/devs/syncing", only(FULL, 404), body=GROUP, settings=BY_ADMINS),
    # Nobody but the group changes its people; robots are ours.
    Row(
        "put",
        "organization/acme/team/devs/members/reader",
        only(ORG_ADMINS, 400),
        settings=BY_ADMINS,
        prepare=bound,
    ),
    Row(
        "put",
        "organization/acme/team/devs/members/acme+ci",
        only(ORG_ADMINS, 200),
        settings=BY_ADMINS,
        prepare=bound,
    ),
    Row(
        "delete",
        "organization/acme/team/devs/members/acme+bot",
        only(ORG_ADMINS, 204),
        settings=BY_ADMINS,
        prepare=bound,
    ),
    Row(
        "put",
        "organization/acme/team/devs/invite/eve@example.test",
        only(ORG_ADMINS, 400),
        settings=BY_ADMINS | {"MAILING": True},
        prepare=bound,
    ),
]
