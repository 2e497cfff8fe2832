"""Each scope's ceiling, on calls that need each level of each ladder: a token does that and no more."""

from collections import Counter

import pytest
from django.db import transaction

from permissions.catalogue import Scope
from tests import make
from tests.api.quay import world as worlds
from tests.api.quay.access import NOTHING, call
from tests.api.quay.world import bearer

WEB = "repository/acme/web"
# What needs which level: a call that the owner, who is a superuser here, may do with every scope.
PROBES = {
    "project read": ("get", WEB, NOTHING),
    "project write": ("put", WEB, {"description": "x"}),
    "project admin": ("post", f"{WEB}/changevisibility", {"visibility": "public"}),
    "organization creator": ("post", "repository", {
        "namespace": "acme", "repository": "fresh", "visibility": "private", "description": ""}),
    "organization admin": ("get", "organization/acme/members", NOTHING),
    "account read": ("get", "user/", NOTHING),
    "account admin": ("post", "organization/", {"name": "initech"}),
    "instance admin": ("get", "superuser/users/", NOTHING),
}  # fmt: skip
REACH = {
    Scope.REPO_READ: {"project read"},
    Scope.REPO_WRITE: {"project read", "project write"},
    Scope.REPO_ADMIN: {"project read", "project write", "project admin"},
    Scope.REPO_CREATE: {"organization creator"},
    Scope.ORG_ADMIN: {"organization creator", "organization admin"},
    Scope.USER_READ: {"account read"},
    Scope.USER_ADMIN: {"account read", "account admin"},
    Scope.SUPER_USER: {"instance admin"},
}


@pytest.fixture
def owner(db):
    world = worlds.build()
    person = world.people["owner"]
    person.is_superuser = True
    person.save()
    return person


def reached(secret):
    """Return the probes that a token passes; every other is a refusal, never an error."""
    found = set()
    client = bearer(secret)
    statuses: Counter[int] = Counter()
    for name, (method, path, body) in PROBES.items():
        with transaction.atomic():
            status = call(client, method, path, body).status_code
            transaction.set_rollback(True)
        statuses[status] += 1
        if status < 300:
            found.add(name)
    assert statuses.keys() <= {200, 201, 204, 401, 403}
    return found


@pytest.mark.parametrize("scope", Scope.values)
def test_a_scope_reaches_its_ceiling_and_not_beyond(owner, scope):
    assert reached(make.token(owner, scope)) == REACH[Scope(scope)]


def test_scopes_add_up_ladder_by_ladder(owner):
    wide = "repo:read repo:create user:read"
    together = {"project read", "organization creator", "account read"}
    assert reached(make.token(owner, wide)) == together
    assert reached(make.token(owner)) == PROBES.keys()


def test_no_scope_gives_what_the_person_has_not(owner):
    stranger = make.user("nobody-here")
    assert reached(make.token(stranger)) == {"account read", "account admin"}
