"""What each principal gets: storage quotas of organizations, of one's own namespace, and of any namespace."""

from quotas import services
from tests import make
from tests.api.quay.access import AUDITOR, FULL, ORG_MEMBERS, OWN_ADMIN, SUPERUSERS, Row, only
from tests.api.quay.world import PEOPLE as NAMES
from tests.api.quay.world import World

GIB = 1024**3


def limited(world: World) -> None:
    """Give acme a quota of 10 GiB with a warning at 80 %."""
    quota = services.create_quota(actor=make.SYSTEM, namespace=world.acme.namespace, limit_bytes=10 * GIB)
    step = services.add_threshold(
        actor=make.SYSTEM, namespace=world.acme.namespace, kind="Warning", percent=80
    )
    world.names |= {"quota": str(quota.pk), "limit": str(step.pk)}


def own_limits(world: World) -> None:
    """Give everybody a quota; ``quota`` and ``limit`` are those of the owner."""
    for name in (*NAMES, "superuser", "auditor"):
        namespace = world.people[name].namespace
        quota = services.create_quota(actor=make.SYSTEM, namespace=namespace, limit_bytes=GIB)
        step = services.add_threshold(actor=make.SYSTEM, namespace=namespace, kind="Reject", percent=100)
        if name == "owner":
            world.names |= {"quota": str(quota.pk), "limit": str(step.pk)}


QUOTA = "organization/acme/quota/{quota}"
LIMIT = f"{QUOTA}/limit/{{limit}}"
OWN = "user/quota/{quota}"
INSIDE = ORG_MEMBERS | AUDITOR
OF_OWNER = frozenset({"owner", "user:admin"})

ROWS = [
    Row("get", "organization/acme/quota", only(INSIDE, 200), prepare=limited),
    Row("post", "organization/acme/quota", only(FULL, 201), body={"limit_bytes": GIB}),
    Row("get", QUOTA, only(INSIDE, 200), prepare=limited),
    Row("put", QUOTA, only(FULL, 200), body={"limit": "1 GiB"}, prepare=limited),
    Row("delete", QUOTA, only(FULL, 204), prepare=limited),
    Row("get", f"{QUOTA}/limit", only(INSIDE, 200), prepare=limited),
    Row(
        "post",
        f"{QUOTA}/limit",
        only(FULL, 201),
        body={"type": "Reject", "threshold_percent": 95},
        prepare=limited,
    ),
    Row("get", LIMIT, only(INSIDE, 200), prepare=limited),
    Row("put", LIMIT, only(FULL, 200), body={"threshold_percent": 90}, prepare=limited),
    Row("delete", LIMIT, only(FULL, 204), prepare=limited),
    # Another tenant's numbers are nobody's here.
    Row("get", "organization/globex/quota/{quota}", only(FULL | AUDITOR, 404), prepare=limited),
    Row("get", "organization/globex/quota/{quota}/limit/{limit}", only(FULL | AUDITOR, 404), prepare=limited),
    Row("delete", "organization/globex/quota/{quota}", only(FULL, 404), prepare=limited),
    Row("get", "organization/nowhere/quota", only(FULL | AUDITOR, 404)),
    Row("get", "user/quota", only(OWN_ADMIN, 200), prepare=own_limits),
    Row("get", OWN, only(OF_OWNER, 200, **dict.fromkeys(OWN_ADMIN - OF_OWNER, 404)), prepare=own_limits),
    Row(
        "get",
        f"{OWN}/limit",
        only(OF_OWNER, 200, **dict.fromkeys(OWN_ADMIN - OF_OWNER, 404)),
        prepare=own_limits,
    ),
    Row(
        "get",
        f"{OWN}/limit/{{limit}}",
        only(OF_OWNER, 200, **dict.fromkeys(OWN_ADMIN - OF_OWNER, 404)),
        prepare=own_limits,
    ),
    Row("get", "superuser/users/owner/quota", only(SUPERUSERS | AUDITOR, 200)),
    Row("get", "superuser/organization/acme/quota", only(SUPERUSERS | AUDITOR, 200), prepare=limited),
    Row("get", "superuser/organization/nowhere/quota", only(SUPERUSERS | AUDITOR, 404)),
    Row("post", "superuser/users/nowhere/quota", only(SUPERUSERS, 404), body={"limit_bytes": GIB}),
    Row("put", "superuser/users/nowhere/quota/1", only(SUPERUSERS, 404), body={"limit_bytes": GIB}),
    Row("delete", "superuser/organization/nowhere/quota/1", only(SUPERUSERS, 404)),
    Row("post", "superuser/users/owner/quota", only(SUPERUSERS, 201), body={"limit_bytes": GIB}),
    Row("post", "superuser/organization/acme/quota", only(SUPERUSERS, 201), body={"limit": "5G"}),
    Row(
        "get",
        "superuser/organization/acme/quota/{quota}",
        only(SUPERUSERS | AUDITOR, 200),
        prepare=limited,
    ),
    Row(
        "put",
        "superuser/organization/acme/quota/{quota}",
        only(SUPERUSERS, 200),
        body={"limit_bytes": 7},
        prepare=limited,
    ),
    Row("delete", "superuser/organization/acme/quota/{quota}", only(SUPERUSERS, 204), prepare=limited),
    Row("delete", "superuser/users/owner/quota/{quota}", only(SUPERUSERS, 404), prepare=limited),
    Row(
        "put",
        "superuser/users/owner/quota/{quota}",
        only(SUPERUSERS, 200),
        body={"limit_bytes": 7},
        prepare=own_limits,
    ),
    Row("delete", "superuser/users/owner/quota/{quota}", only(SUPERUSERS, 204), prepare=own_limits),
]
