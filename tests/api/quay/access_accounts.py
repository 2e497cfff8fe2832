"""What each principal gets: people, organizations, teams, robots, default permissions, the instance."""

from accounts import services
from notifications import services as notifications
from tests import make
from tests.api.quay.access import (
    AUDITOR,
    EVERYBODY,
    FULL,
    ORG_ADMINS,
    ORG_MEMBERS,
    OWN_ADMIN,
    OWN_READ,
    OWN_WRITERS,
    SUPERUSERS,
    Row,
    everybody,
    only,
)
from tests.api.quay.world import KEEPER, OVERSEER, World
from tests.api.quay.world import PEOPLE as NAMES

EMAIL = {"email": "ops@example.test"}
SECRET = {"password": make.PASSWORD}
TEAM = "organization/acme/team/devs"
ROBOT = "organization/acme/robots/bot"
PROTOTYPES = "organization/acme/prototypes"
GLOBEX = "organization/globex"
MAILING = {"MAILING": True}
NEW_USER = {"username": "newcomer", "password": make.PASSWORD, "email": "new@example.test"}
RULE = {"role": "write", "delegate": {"name": "reader", "kind": "user"}}
MESSAGE = {"message": {"content": "Sunday", "media_type": "text/plain", "severity": "info"}}


def own_robots(world: World) -> None:
    """Give everybody a robot ``mine``."""
    for name in {*NAMES, "superuser", "auditor", KEEPER, OVERSEER} & world.people.keys():
        make.robot(world.people[name], "mine")


def invited_address(world: World) -> None:
    """Invite an address to a team."""
    services.invite(actor=make.SYSTEM, team=world.teams["devs"], email="new@example.test")


def a_message(world: World) -> None:
    """Write a message to everybody."""
    message = notifications.create_message(
        actor=make.SYSTEM, content="Sunday", severity="info", media_type="text/plain"
    )
    world.names["message"] = str(message.uuid)


SESSION = [
    Row("post", "signin", everybody(200), body={"username": "owner", **SECRET}),
    Row("post", "signin", everybody(403), body={"username": "owner", "password": "wrong-horse"}),
    Row("post", "signin/verify", only(OWN_READ, 200), body=SECRET),
    Row("post", "signout", everybody(200)),
    Row(
        "post",
        "user/initialize",
        everybody(404),
        body=NEW_USER,
        settings={"USER_INITIALIZE": False},
        csrf=False,
    ),
    Row(
        "post",
        "user/initialize",
        everybody(400),
        body=NEW_USER,
        settings={"USER_INITIALIZE": True},
        csrf=False,
    ),
]

USERS = [
    Row("get", "user/", only(OWN_READ, 200, refused=401)),
    Row("get", "user", only(OWN_READ, 200, refused=401)),
    Row("put", "user/", only(OWN_WRITERS, 200), body={"company": "Acme"}),
    Row("post", "user/", everybody(404), body=NEW_USER),
    Row("post", "user/", everybody(200), body=NEW_USER, settings={"USER_CREATION": True}),
    Row(
        "delete",
        "user/",
        # Two of acme's administrators are left when either goes; an owner's account is heir to nobody.
        only(OWN_WRITERS, 204),
    ),
    Row("get", "users/reader", everybody(200)),
    Row("get", "users/nobody", everybody(404)),
    Row("get", "users/acme", everybody(404)),
    Row("get", "users/acme+ci", everybody(404)),
    Row("get", "error/not_found", everybody(200)),
    Row("get", "error/nonsense", everybody(404)),
]

ORGANIZATIONS = [
    Row("post", "organization/", only(OWN_WRITERS, 201), body={"name": "initech"}),
    Row("get", "organization/acme", everybody(200)),
    Row("get", "organization/nowhere", everybody(404)),
    Row("get", "organization/reader", everybody(404)),
    Row("put", "organization/acme", only(ORG_ADMINS, 200), body=EMAIL),
    Row("put", "organization/acme", everybody(400), body={"email": 7}),
    Row("put", "organization/nowhere", only(FULL, 404), body=EMAIL),
    Row("delete", "organization/acme", only(ORG_ADMINS, 204)),
    Row("delete", "organization/nowhere", only(FULL, 404)),
    Row("get", "organization/acme/members", only(ORG_ADMINS | AUDITOR, 200)),
    Row("get", "organization/nowhere/members", only(FULL | AUDITOR, 404)),
    Row("get", "organization/acme/members/member", only(ORG_ADMINS | AUDITOR, 200)),
    Row("get", "organization/acme/members/acme+ci", only(ORG_ADMINS | AUDITOR, 200)),
    Row("get", "organization/acme/members/stranger", only(ORG_ADMINS | AUDITOR, 404)),
    Row("get", "organization/acme/members/globex+ci", only(ORG_ADMINS | AUDITOR, 404)),
    Row("delete", "organization/acme/members/member", only(ORG_ADMINS, 204)),
    Row("delete", "organization/acme/members/owner", only(ORG_ADMINS, 204)),
    Row("delete", "organization/acme/members/stranger", only(ORG_ADMINS, 204)),
    Row("delete", "organization/acme/members/nobody", only(ORG_ADMINS, 404)),
    Row("delete", "organization/acme/members/acme+ci", only(ORG_ADMINS, 404)),
    Row("get", "organization/acme/collaborators", only(ORG_ADMINS | AUDITOR, 200)),
    Row("get", f"{GLOBEX}/members", only(FULL | AUDITOR, 200)),
    Row("put", GLOBEX, only(FULL, 200), body=EMAIL),
    Row("delete", GLOBEX, only(FULL, 204)),
]

TEAMS = [
    Row("put", TEAM, only(ORG_ADMINS, 200), body={"role": "creator", "description": "x"}),
    Row("put", "organization/acme/team/brandnew", only(ORG_ADMINS, 200), body={"role": "member"}),
    Row("put", "organization/nowhere/team/devs", only(FULL, 400), body={"role": "member"}),
    Row("put", TEAM, everybody(400), body={"role": "owner"}),
    Row("put", f"{GLOBEX}/team/devs", only(FULL, 200), body={"role": "admin"}),
    Row("delete", TEAM, only(ORG_ADMINS, 204)),
    Row("delete", "organization/acme/team/nothing", only(ORG_ADMINS, 400)),
    Row("delete", "organization/nowhere/team/devs", only(FULL, 400)),
    Row("get", f"{TEAM}/members", only(ORG_ADMINS | AUDITOR | {"member"}, 200)),
    Row("get", "organization/acme/team/nothing/members", only(ORG_ADMINS | AUDITOR, 404)),
    Row("get", "organization/nowhere/team/devs/members", only(FULL | AUDITOR, 404)),
    # Who is in the team sees it, within her scopes: repo:create lets its owner be a creator there.
    Row("get", "organization/acme/team/owners/members", only(ORG_ADMINS | AUDITOR | {"repo:create"}, 200)),
    Row("put", f"{TEAM}/members/stranger", only(ORG_ADMINS, 200)),
    Row("put", f"{TEAM}/members/acme+ci", only(ORG_ADMINS, 200), body={}),
    Row("put", f"{TEAM}/members/member", only(ORG_ADMINS, 400)),
    Row("put", f"{TEAM}/members/nobody", only(ORG_ADMINS, 400)),
    Row("put", f"{TEAM}/members/globex+ci", only(ORG_ADMINS, 400)),
    Row("put", "organization/acme/team/nothing/members/stranger", only(ORG_ADMINS, 404)),
    Row("delete", f"{TEAM}/members/member", only(ORG_ADMINS, 204)),
    Row("delete", f"{TEAM}/members/acme+bot", only(ORG_ADMINS, 204)),
    Row("delete", f"{TEAM}/members/stranger", only(ORG_ADMINS, 400)),
    Row("delete", f"{TEAM}/members/nobody", only(ORG_ADMINS, 404)),
    # Whoever would end her own administration is refused.
    Row("delete", "organization/acme/team/leads/members/admin", only(ORG_ADMINS, 204, admin=400)),
    Row(
        "delete",
        "organization/acme/team/owners",
        only(ORG_ADMINS, 204, **dict.fromkeys(("owner", "org:admin"), 400)),
    ),
    Row(
        "put",
        "organization/acme/team/owners",
        only(ORG_ADMINS, 200, **dict.fromkeys(("owner", "org:admin"), 400)),
        body={"role": "member"},
    ),
    Row("get", f"{TEAM}/permissions", only(ORG_ADMINS | AUDITOR, 200)),
    Row("get", "organization/acme/team/nothing/permissions", only(ORG_ADMINS | AUDITOR, 404)),
    Row("get", f"{GLOBEX}/team/devs/permissions", only(FULL | AUDITOR, 200)),
    Row("put", f"{TEAM}/invite/new@example.test", everybody(404), csrf=False),
    Row("delete", f"{TEAM}/invite/new@example.test", everybody(404), csrf=False),
    Row("put", f"{TEAM}/invite/new@example.test", only(ORG_ADMINS, 200), settings=MAILING),
    Row(
        "delete",
        f"{TEAM}/invite/new@example.test",
        only(ORG_ADMINS, 204),
        prepare=invited_address,
        settings=MAILING,
    ),
    Row("delete", f"{TEAM}/invite/new@example.test", only(ORG_ADMINS, 404), settings=MAILING),
    Row("put", "teaminvite/{invitation}", only(OWN_WRITERS, 400, stranger=200)),
    Row("delete", "teaminvite/{invitation}", only(OWN_WRITERS, 400, stranger=204)),
    Row("put", "teaminvite/nonsense", only(OWN_WRITERS, 400)),
]

OWN_ROBOT = "user/robots/mine"
IDENTITY = [{"issuer": "https://idp.example.test", "subject": "ci"}]
ROBOTS = [
    Row("get", "organization/acme/robots", only(ORG_MEMBERS | AUDITOR, 200)),
    Row("get", "organization/acme/robots?permissions=true", only(ORG_MEMBERS | AUDITOR, 200)),
    Row("get", "organization/nowhere/robots", only(FULL | AUDITOR, 200)),
    Row("get", f"{GLOBEX}/robots", only(FULL | AUDITOR, 200)),
    Row("get", ROBOT, only(ORG_ADMINS | AUDITOR, 200)),
    Row("get", "organization/acme/robots/nothing", only(ORG_ADMINS | AUDITOR, 400)),
    Row("get", "organization/nowhere/robots/ci", only(FULL | AUDITOR, 400)),
    Row("put", "organization/acme/robots/fresh", only(ORG_ADMINS, 201)),
    Row("put", "organization/acme/robots/fresh", everybody(400), body={"description": 7}),
    Row("put", ROBOT, only(ORG_ADMINS, 400)),
    Row("put", "organization/nowhere/robots/fresh", only(FULL, 400)),
    Row("delete", ROBOT, only(ORG_ADMINS, 204)),
    Row("delete", "organization/acme/robots/nothing", only(ORG_ADMINS, 400)),
    Row("delete", f"{GLOBEX}/robots/ci", only(FULL, 204)),
    Row("post", f"{ROBOT}/regenerate", only(ORG_ADMINS, 200)),
    Row("post", f"{GLOBEX}/robots/ci/regenerate", only(FULL, 200)),
    # Here the own account must be open as well.
    Row("get", f"{ROBOT}/permissions", only((ORG_ADMINS | AUDITOR) - {"org:admin"}, 200)),
    Row("get", f"{ROBOT}/federation", only(ORG_ADMINS | AUDITOR, 200)),
    Row("post", f"{ROBOT}/federation", only(ORG_ADMINS, 200), body=IDENTITY),
    Row("delete", f"{ROBOT}/federation", only(ORG_ADMINS, 204)),
    Row("get", "organization/acme/robots/nothing/federation", only(ORG_ADMINS | AUDITOR, 400)),
    Row("get", "user/robots", only(OWN_ADMIN, 200), prepare=own_robots),
    Row("get", OWN_ROBOT, only(OWN_ADMIN, 200), prepare=own_robots),
    Row("get", OWN_ROBOT, only(OWN_ADMIN, 400)),
    Row("put", OWN_ROBOT, only(OWN_WRITERS, 201)),
    Row("put", OWN_ROBOT, only(OWN_WRITERS, 400), prepare=own_robots),
    Row("delete", OWN_ROBOT, only(OWN_WRITERS, 204), prepare=own_robots),
    Row("post", f"{OWN_ROBOT}/regenerate", only(OWN_WRITERS, 200), prepare=own_robots),
    Row("get", f"{OWN_ROBOT}/permissions", only(OWN_ADMIN, 200), prepare=own_robots),
    Row("get", f"{OWN_ROBOT}/federation", only(OWN_ADMIN, 200), prepare=own_robots),
    Row("post", f"{OWN_ROBOT}/federation", only(OWN_WRITERS, 200), body=IDENTITY, prepare=own_robots),
    Row("delete", f"{OWN_ROBOT}/federation", only(OWN_WRITERS, 204), prepare=own_robots),
]

PROTOTYPE_ROWS = [
    Row("get", PROTOTYPES, only(ORG_ADMINS | AUDITOR, 200)),
    Row("get", "organization/nowhere/prototypes", only(FULL | AUDITOR, 404)),
    Row("post", PROTOTYPES, only(ORG_ADMINS, 200), body=RULE),
    Row("post", PROTOTYPES, everybody(400), body={"role": "write"}),
    Row("post", f"{GLOBEX}/prototypes", only(FULL, 200), body=RULE),
    Row("put", f"{PROTOTYPES}/{{prototype}}", only(ORG_ADMINS, 200), body={"role": "admin"}),
    Row("put", f"{PROTOTYPES}/{{globex_prototype}}", only(ORG_ADMINS, 404), body={"role": "admin"}),
    Row("delete", f"{PROTOTYPES}/{{prototype}}", only(ORG_ADMINS, 204)),
    Row("delete", f"{PROTOTYPES}/{{globex_prototype}}", only(ORG_ADMINS, 404)),
    Row("delete", f"{PROTOTYPES}/nonsense", only(ORG_ADMINS, 404)),
]

INSTANCE = [
    Row("get", "superuser/users/", only(SUPERUSERS | AUDITOR, 200)),
    Row("get", "superuser/users/?limit=101", only(SUPERUSERS | AUDITOR, 400)),
    Row("post", "superuser/users/", only(SUPERUSERS, 200), body={"username": "newcomer"}),
    # Who is signed in learns what is wrong with the body before she is told that she may not.
    Row("post", "superuser/users/", only(EVERYBODY, 400, anonymous=401), body={"username": 7}),
    Row("get", "superuser/users/reader", only(SUPERUSERS | AUDITOR, 200)),
    Row("get", "superuser/users/nobody", only(SUPERUSERS | AUDITOR, 404)),
    Row("put", "superuser/users/reader", only(SUPERUSERS, 200), body={"enabled": False}),
    Row("put", "superuser/users/superuser", only(SUPERUSERS, 400), body={"enabled": False}),
    Row("put", "superuser/users/nobody", only(SUPERUSERS, 404), body={"enabled": False}),
    Row("delete", "superuser/users/reader", only(SUPERUSERS, 204)),
    Row("delete", "superuser/users/superuser", only(SUPERUSERS, 400)),
    Row("delete", "superuser/users/nobody", only(SUPERUSERS, 404)),
    Row("get", "superuser/organizations/", only(SUPERUSERS | AUDITOR, 200)),
    Row("put", "superuser/organizations/acme", only(SUPERUSERS, 200), body={"name": "acme2"}),
    Row("put", "superuser/organizations/acme", only(SUPERUSERS, 400), body={"name": "globex"}),
    Row("put", "superuser/organizations/reader", only(SUPERUSERS, 400), body={"name": "acme2"}),
    Row("put", "superuser/organizations/nowhere", only(SUPERUSERS, 404), body={"name": "acme2"}),
    Row("delete", "superuser/organizations/acme", only(SUPERUSERS, 204)),
    Row("delete", "superuser/organizations/reader", only(SUPERUSERS, 404)),
    Row("post", "superuser/takeownership/acme", only(SUPERUSERS, 200)),
    Row("post", "superuser/takeownership/nowhere", only(SUPERUSERS, 404)),
    Row("post", "superuser/takeownership/reader", only(SUPERUSERS, 200)),
    Row("post", "superuser/takeownership/superuser", only(SUPERUSERS, 400)),
    Row("get", "messages", everybody(200)),
    Row("post", "messages", only(SUPERUSERS, 201), body=MESSAGE),
    Row("delete", "message/{message}", only(SUPERUSERS, 204), prepare=a_message),
    Row("delete", "message/nonsense", only(SUPERUSERS, 204)),
]

ROWS = [*SESSION, *USERS, *ORGANIZATIONS, *TEAMS, *ROBOTS, *PROTOTYPE_ROWS, *INSTANCE]
