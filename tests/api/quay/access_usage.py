"""What each principal gets: sizes of repositories, which robots report, and the size of everything."""

from tests import make
from tests.api.quay.access import AUDITOR, SUPERUSERS, WEB_READERS, Row, everybody, only
from tests.api.quay.world import World

SIZE = {"size_bytes": 7}


def ci_is_admin(world: World) -> None:
    """Let the robot ci administer acme/web."""
    make.grant(world.projects["web"], "admin", robot=world.robots["ci"])


ROWS = [
    # Robots are taken here alone: ci writes to web, and sees it.
    Row("get", "repository/acme/web/usage", only(WEB_READERS | AUDITOR, 200, robot=200)),
    Row(
        "get",
        "repository/acme/docs/usage",
        only(
            {"admin", "owner", "full", "auditor", "member", "repo:read", "repo:write", "repo:admin"},
            200,
            robot=403,
        ),
    ),
    Row("get", "repository/acme/site/usage", everybody(200)),
    Row("get", "repository/globex/web/usage", only({"full", "auditor"}, 200, robot=403)),
    # People report nothing, not even those who administer the repository; nor does a robot that only writes.
    Row("put", "repository/acme/web/usage", only(SUPERUSERS, 200), body=SIZE),
    Row("put", "repository/acme/web/usage", only(SUPERUSERS, 200, robot=200), body=SIZE, prepare=ci_is_admin),
    Row("put", "repository/acme/docs/usage", only(SUPERUSERS, 200), body=SIZE, prepare=ci_is_admin),
    Row("put", "repository/globex/web/usage", only(SUPERUSERS, 200), body=SIZE, prepare=ci_is_admin),
    Row("put", "repository/acme/nothing/usage", only(SUPERUSERS, 404), body=SIZE, prepare=ci_is_admin),
    Row("put", "repository/nowhere/web/usage", only(SUPERUSERS, 404), body=SIZE),
    Row("get", "superuser/registrysize/", only(SUPERUSERS | AUDITOR, 200)),
    Row("post", "superuser/registrysize/", only(SUPERUSERS, 201)),
]
