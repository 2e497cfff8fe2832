"""What each principal gets: keys of services, mails with links, the instance, accounts that change."""

from tests import make, pems
from tests.api.quay.access import (
    AUDITOR,
    EVERYBODY,
    FULL,
    NOBODY,
    OWN_WRITERS,
    SUPERUSERS,
    Row,
    everybody,
    only,
)
from tests.api.quay.world import World
from tokens import services as tokens


def a_key(world: World) -> None:
    """Register a key that waits to be approved."""
    key = tokens.register_service_key(
        actor=make.SYSTEM, public_key=pems.public_pem(), service="relay_svc", name="relay"
    )
    world.names["kid"] = key.kid


KEY = "superuser/keys/{kid}"
APPROVED = "superuser/approvedkeys/{kid}"
NEW_KEY = {"service": "relay_svc", "expiration": None}

KEYS = [
    Row("get", "superuser/keys", only(SUPERUSERS | AUDITOR, 200), prepare=a_key),
    Row("post", "superuser/keys", only(SUPERUSERS, 200), body=NEW_KEY),
    Row("post", "superuser/keys", only(EVERYBODY, 400, anonymous=401), body={"service": "relay_svc"}),
    Row("get", KEY, only(SUPERUSERS | AUDITOR, 200), prepare=a_key),
    Row("get", "superuser/keys/unknown", only(SUPERUSERS | AUDITOR, 404)),
    Row("put", KEY, only(SUPERUSERS, 200), body={"name": "other"}, prepare=a_key),
    Row("put", "superuser/keys/unknown", only(SUPERUSERS, 404), body={"name": "other"}),
    Row("delete", KEY, only(SUPERUSERS, 204), prepare=a_key),
    Row("delete", "superuser/keys/unknown", only(SUPERUSERS, 404)),
    Row("post", APPROVED, only(SUPERUSERS, 201), body={}, prepare=a_key),
    Row("post", "superuser/approvedkeys/unknown", only(SUPERUSERS, 404), body={"notes": "x"}),
]

MAILING = {"MAILING": True}
SEND = "superusers/users/{name}/sendrecovery"


def without_address(world: World) -> None:
    """Make somebody without an e-mail address."""
    make.user("bare", email="")


RECOVERY = [
    Row("post", "recovery", everybody(404), body={"email": "reader"}, csrf=False),
    # Whoever is meant, here or not.
    Row("post", "recovery", everybody(200), body={"email": "reader"}, settings=MAILING),
    Row("post", "recovery", everybody(200), body={"email": "nobody@example.test"}, settings=MAILING),
    Row("post", "recovery", everybody(400), body={"email": ""}, settings=MAILING),
    Row("post", SEND.format(name="reader"), everybody(404), csrf=False),
    Row("post", SEND.format(name="reader"), only(SUPERUSERS, 200), settings=MAILING),
    Row("post", SEND.format(name="superuser"), only(SUPERUSERS, 200), settings=MAILING),
    Row("post", SEND.format(name="nobody"), only(SUPERUSERS, 404), settings=MAILING),
    Row("post", SEND.format(name="acme"), only(SUPERUSERS, 404), settings=MAILING),
    Row(
        "post",
        SEND.format(name="bare"),
        only(SUPERUSERS, 400),
        settings=MAILING,
        prepare=without_address,
    ),
]

CONFIG = {"SUPERUSER_CONFIGDUMP": True}
INSTANCE = [
    Row("get", "superuser/config", only(NOBODY, 200)),
    Row("get", "superuser/config", only(SUPERUSERS | AUDITOR, 200), settings=CONFIG),
    Row("get", "superuser/changelog/", only(SUPERUSERS | AUDITOR, 200)),
    Row("get", "superuser/apptokens", only(FULL | AUDITOR, 200)),
    Row("get", "superuser/apptokens?expiring=true", only(FULL | AUDITOR, 200)),
    Row("get", "superuser/registrystatus", everybody(200)),
    Row("get", "registry/capabilities", everybody(200)),
]
AGREES = {"adminUser": "globex-owner", "adminPassword": make.PASSWORD}
NO_SUPERUSERS = dict.fromkeys(("superuser", "full"), 400)
ACCOUNTS = [
    Row("post", "user/clientkey", only(OWN_WRITERS, 200), body={"password": make.PASSWORD}),
    Row("post", "user/clientkey", only(OWN_WRITERS, 400), body={"password": "wrong-horse"}),
    Row("post", "user/convert", only(OWN_WRITERS, 200, **NO_SUPERUSERS), body=AGREES),
    Row("post", "user/convert", only(OWN_WRITERS, 400), body=AGREES | {"adminPassword": "wrong-horse"}),
    Row("post", "user/convert", only(OWN_WRITERS, 400), body={"adminUser": "globex-owner"}),
]

ROWS = [*KEYS, *RECOVERY, *INSTANCE, *ACCOUNTS]
