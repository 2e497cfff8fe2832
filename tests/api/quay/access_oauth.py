"""What each principal gets: app-specific tokens, applications and their tokens, authorizations."""

from typing import Any

from tests import make
from tests.api.quay.access import (
    AUDITOR,
    FULL,
    ORG_ADMINS,
    OWN_ADMIN,
    OWN_WRITERS,
    Row,
    everybody,
    only,
)
from tests.api.quay.world import World
from tokens import services
from tokens.kinds import Kind
from tokens.models import Application


def with_application(world: World) -> None:
    """Give acme and globex an application each, and acme's a token of its owner."""
    owner = make.actor(world.people["owner"])
    for name in ("acme", "globex"):
        organization = getattr(world, name)
        actor = make.actor(world.people["owner" if name == "acme" else "globex-owner"])
        made = services.create_application(
            actor=actor, organization=organization, name="release-bot", redirect_uri="https://rb.example/cb"
        )
        world.names[f"{name}_app"] = made.client_id
        if name == "acme":
            token, _ = services.issue_application_token(
                actor=owner, organization=organization, application=made, name="nightly", scopes="repo:read"
            )
            world.names["app_token"] = str(token.uuid)


def with_app_token(world: World) -> None:
    """Give the owner an app-specific token."""
    token, _ = services.create_app_token(actor=make.actor(world.people["owner"]), title="laptop")
    world.names["own_token"] = str(token.uuid)


def with_authorization(world: World) -> None:
    """Let an application hold a token of the owner's, and offer her another."""
    with_application(world)
    application = Application.objects.get(client_id=world.names["acme_app"])
    owner = world.people["owner"]
    token, _ = services.issue(kind=Kind.OAUTH, user=owner, application=application, scopes="repo:read")
    page = "http://testserver/oauth/localapp"
    wish = services.Wish(application.client_id, page, "repo:read", (page,), response_type="token")
    offer = services.assign(actor=make.actor(owner), wish=wish, username=owner.username)
    world.names |= {"authorization": str(token.uuid), "offer": str(offer.uuid)}


# The owner's own things are nobody else's: others who may ask at all are told that there is no such thing.
MINE = frozenset({"owner", "user:admin"})


def of_owner(allowed: frozenset[str], status: int) -> dict[str, int]:
    """Return what everybody gets who asks for something of the owner's."""
    return only(allowed, 404, **dict.fromkeys(sorted(MINE & allowed), status))


LIST = "organization/acme/applications"
APP = f"{LIST}/{{acme_app}}"
FOREIGN = f"{LIST}/{{globex_app}}"
TOKENS = f"{APP}/tokens"
CHANGE = {"name": "bot", "redirect_uri": "", "application_uri": ""}
# A token cannot make one that may do more: of the tokens of one scope alone, org:admin makes its like.
WANT = {"name": "nightly", "scope": "org:admin"}
READERS = ORG_ADMINS | AUDITOR


def row(method: str, path: str, expect: dict[str, int], **more: Any) -> Row:
    """Return a row in the world with applications."""
    return Row(method, path, expect, prepare=with_application, **more)


ROWS = [
    Row("get", "user/apptoken", only(OWN_ADMIN, 200)),
    Row("get", "user/apptoken?expiring=True", only(OWN_ADMIN, 200)),
    Row("post", "user/apptoken", only(OWN_WRITERS, 200), body={"title": "laptop"}),
    Row("get", "user/apptoken/{own_token}", of_owner(OWN_WRITERS, 200), prepare=with_app_token),
    Row("delete", "user/apptoken/{own_token}", of_owner(OWN_WRITERS, 204), prepare=with_app_token),
    Row("get", "user/apptoken/nonsense", only(OWN_WRITERS, 404)),
    row("get", LIST, only(READERS, 200)),
    row("get", "organization/globex/applications", only(FULL | AUDITOR, 200)),
    row("get", "organization/nowhere/applications", only(FULL | AUDITOR, 404)),
    row("post", LIST, only(ORG_ADMINS, 200), body={"name": "bot"}),
    row("post", "organization/globex/applications", only(FULL, 200), body={"name": "bot"}),
    row("get", APP, only(READERS, 200)),
    row("get", FOREIGN, only(READERS, 404)),
    row("put", APP, only(ORG_ADMINS, 200), body=CHANGE),
    row("put", FOREIGN, only(ORG_ADMINS, 404), body=CHANGE),
    row("delete", APP, only(ORG_ADMINS, 204)),
    row("delete", FOREIGN, only(ORG_ADMINS, 404)),
    row("post", f"{APP}/resetclientsecret", only(ORG_ADMINS, 200)),
    row("post", f"{FOREIGN}/resetclientsecret", only(ORG_ADMINS, 404)),
    row("get", TOKENS, only(READERS, 200)),
    row("get", f"{FOREIGN}/tokens", only(READERS, 404)),
    row("post", TOKENS, only(ORG_ADMINS, 200), body=WANT),
    row("post", TOKENS, only(ORG_ADMINS - {"org:admin"}, 200), body={"name": "x", "scope": "repo:read"}),
    row("post", TOKENS, only(FULL, 200), body={"name": "x", "scope": "super:user"}),
    row("post", f"{FOREIGN}/tokens", only(ORG_ADMINS, 404), body=WANT),
    row("delete", f"{TOKENS}/{{app_token}}", only(ORG_ADMINS, 204)),
    row("delete", f"{FOREIGN}/tokens/{{app_token}}", only(ORG_ADMINS, 404)),
    row("delete", f"{TOKENS}/nonsense", only(ORG_ADMINS, 404)),
    Row("get", "user/authorizations", only(OWN_ADMIN, 200), prepare=with_authorization),
    Row(
        "get",
        "user/authorizations/{authorization}",
        of_owner(OWN_ADMIN, 200),
        prepare=with_authorization,
    ),
    Row(
        "delete",
        "user/authorizations/{authorization}",
        of_owner(OWN_WRITERS, 204),
        prepare=with_authorization,
    ),
    Row("get", "user/authorizations/nonsense", only(OWN_ADMIN, 404)),
    Row("get", "user/assignedauthorization", only(OWN_ADMIN, 200), prepare=with_authorization),
    Row(
        "delete",
        "user/assignedauthorization/{offer}",
        of_owner(OWN_WRITERS, 204),
        prepare=with_authorization,
    ),
    row("get", "app/{acme_app}", everybody(200)),
    row("get", "app/owner", everybody(404)),
]
