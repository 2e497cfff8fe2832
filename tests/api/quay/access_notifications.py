"""What each principal gets: notifications of repositories and namespaces, addresses, and own notices."""

from typing import Any
from uuid import UUID, uuid4

from notifications import notices, services
from notifications.models import Notice
from tests import make
from tests.api.quay.access import (
    AUDITOR,
    FULL,
    NOBODY,
    ORG_ADMINS,
    OWN_ADMIN,
    OWN_WRITERS,
    WEB_ADMINS,
    Row,
    only,
)
from tests.api.quay.world import World

PUSH: dict[str, Any] = {
    "event": "repo_push",
    "method": "quay_notification",
    "config": {"target": {"kind": "org", "name": "acme"}},
    "eventConfig": {},
    "title": "pushes",
}
FULLER: dict[str, Any] = {"event": "quota_warning", "method": "slack", "eventConfig": {}}
FULLER["config"] = {"url": "https://hooks.example.com/s"}
MAILING = {"MAILING": True}
MISSING = str(UUID(int=7))


def subscribed(world: World) -> None:
    """Give acme/web, globex/web, acme, globex and the owner's own namespace a notification each."""
    owners: dict[str, Any] = {
        "web": {"project": world.projects["web"]},
        "globex_web": {"project": world.projects["globex-web"]},
        "acme": {"namespace": world.acme.namespace},
        "globex": {"namespace": world.globex.namespace},
        "own": {"namespace": world.people["owner"].namespace},
    }
    for name, owner in owners.items():
        made, _ = services.create_subscription(
            actor=make.SYSTEM, event="quota_warning", method="in_console", config={}, **owner
        )
        world.names[name] = str(made.uuid)


def asked(world: World) -> None:
    """Ask an address whether acme/web may write to it."""
    services.request_address(actor=make.SYSTEM, project=world.projects["web"], email="ops@example.test")


def noticed(world: World) -> None:
    """Tell the owner something."""
    notices.write(
        [world.people["owner"]],
        namespace=world.acme.namespace,
        origin=uuid4(),
        kind="quota_warning",
        sentence="acme is nearly full",
        metadata={},
    )
    world.names["notice"] = str(Notice.objects.filter(kind="quota_warning").latest("pk").uuid)


def of_owner(status: int, *others: str) -> dict[str, int]:
    """Return an expectation: the owner's, and missing for everybody else who may look into an own account."""
    rest = (OWN_ADMIN if not others else OWN_WRITERS) - {"owner", "user:admin"}
    return only({"owner", "user:admin"}, status, **dict.fromkeys(rest, 404))


WEB = "repository/acme/web/notification"
NOWHERE = "repository/acme/nowhere/notification"
ADDRESS = "repository/acme/web/authorizedemail/ops@example.test"
ORG = "organization/acme/notifications"
OWN = "user/namespacenotifications"
READERS = WEB_ADMINS | AUDITOR
ORG_READERS = ORG_ADMINS | AUDITOR
CHANGES = "changes"

OF_REPOSITORIES = [
    Row("get", f"{WEB}/", only(READERS, 200), prepare=subscribed),
    Row("post", f"{WEB}/", only(WEB_ADMINS, 201), body=PUSH),
    # Who may not is told so before the body is looked at.
    Row("post", f"{WEB}/", only(WEB_ADMINS, 400), body={"event": "repo_push"}),
    Row("get", f"{NOWHERE}/", only(READERS, 200)),
    Row("post", f"{NOWHERE}/", only(WEB_ADMINS, 404), body=PUSH),
    Row("get", f"{WEB}/{{web}}", only(READERS, 200), prepare=subscribed),
    Row("post", f"{WEB}/{{web}}", only(WEB_ADMINS, 204), prepare=subscribed),
    Row("delete", f"{WEB}/{{web}}", only(WEB_ADMINS, 204), prepare=subscribed),
    Row("post", f"{WEB}/{{web}}/test", only(WEB_ADMINS, 200), prepare=subscribed),
    Row("get", f"{NOWHERE}/{MISSING}", only(READERS, 404)),
    Row("post", f"{NOWHERE}/{MISSING}/test", only(WEB_ADMINS, 404)),
    # Another repository's is nobody's here, and neither is one of the namespace.
    Row("get", f"{WEB}/{{globex_web}}", only(READERS, 404), prepare=subscribed),
    Row("get", f"{WEB}/{{acme}}", only(READERS, 404), prepare=subscribed),
    Row("post", f"{WEB}/{{globex_web}}", only(WEB_ADMINS, 400), prepare=subscribed),
    Row("delete", f"{WEB}/{{globex_web}}", only(WEB_ADMINS, 400), prepare=subscribed),
    Row("post", f"{WEB}/{{globex_web}}/test", only(WEB_ADMINS, 400), prepare=subscribed),
    Row(
        "get",
        "repository/globex/web/notification/{globex_web}",
        only(FULL | AUDITOR, 200),
        prepare=subscribed,
    ),
    Row("delete", "repository/globex/web/notification/{globex_web}", only(FULL, 204), prepare=subscribed),
    # No such ending: the bare rule takes it.
    Row(
        "post", f"{WEB}/{{web}}/reset", dict.fromkeys(only(NOBODY, 405), 405), prepare=subscribed, csrf=False
    ),
    Row("get", ADDRESS, only(READERS, 200), prepare=asked, settings=MAILING),
    Row("get", ADDRESS, only(READERS, 404), settings=MAILING),
    Row("post", ADDRESS, only(WEB_ADMINS, 200), settings=MAILING),
    Row("post", ADDRESS, only(WEB_ADMINS, 404)),
]

OF_NAMESPACES = [
    Row("get", ORG, only(ORG_READERS, 200), prepare=subscribed),
    Row("post", ORG, only(ORG_ADMINS, 201), body=FULLER),
    Row("post", ORG, only(ORG_ADMINS, 400), body=PUSH),
    Row("get", f"{ORG}/{{acme}}", only(ORG_READERS, 200), prepare=subscribed),
    Row("post", f"{ORG}/{{acme}}", only(ORG_ADMINS, 204), prepare=subscribed),
    Row("delete", f"{ORG}/{{acme}}", only(ORG_ADMINS, 204), prepare=subscribed),
    Row("post", f"{ORG}/{{acme}}/test", only(ORG_ADMINS, 200), prepare=subscribed),
    Row("get", f"{ORG}/{{globex}}", only(ORG_READERS, 404), prepare=subscribed),
    Row("post", f"{ORG}/{{globex}}", only(ORG_ADMINS, 404), prepare=subscribed),
    Row("delete", f"{ORG}/{{globex}}", only(ORG_ADMINS, 404), prepare=subscribed),
    Row("post", f"{ORG}/{{globex}}/test", only(ORG_ADMINS, 404), prepare=subscribed),
    Row("get", f"{ORG}/{{web}}", only(ORG_READERS, 404), prepare=subscribed),
    Row("delete", "organization/globex/notifications/{globex}", only(FULL, 204), prepare=subscribed),
    Row("get", "organization/nowhere/notifications", only(FULL | AUDITOR, 404)),
    Row("get", OWN, only(OWN_ADMIN, 200)),
    Row("post", OWN, only(OWN_WRITERS, 201), body=FULLER),
    Row("get", f"{OWN}/{{own}}", of_owner(200), prepare=subscribed),
    Row("post", f"{OWN}/{{own}}", of_owner(204, CHANGES), prepare=subscribed),
    Row("delete", f"{OWN}/{{own}}", of_owner(204, CHANGES), prepare=subscribed),
    Row("post", f"{OWN}/{{own}}/test", of_owner(200, CHANGES), prepare=subscribed),
]

NOTICES = [
    Row("get", "user/notifications", only(OWN_ADMIN, 200)),
    Row("get", "user/notifications/{notice}", of_owner(200), prepare=noticed),
    Row("put", "user/notifications/{notice}", of_owner(200), prepare=noticed, body={"dismissed": True}),
]

ROWS = OF_REPOSITORIES + OF_NAMESPACES + NOTICES
