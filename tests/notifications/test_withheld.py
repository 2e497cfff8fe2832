"""An organization that asks a second factor tells those who have none only what comes from outside of it."""

from uuid import uuid4

import pytest
from django.test import Client

from accounts import services as accounts
from logs.kinds import QUOTA_WARNING, REQUEST_LIMIT
from notifications import notices, selectors, services
from notifications.models import Notice
from tests import make
from tests.accounts.test_second_factor_asked import give, now
from tests.console.entering import enter

pytestmark = pytest.mark.django_db


def tell(person, namespace, kind, sentence):
    notices.write(
        [person], namespace=namespace, origin=uuid4(), kind=kind.name, sentence=sentence, metadata={}
    )


def sentences(person):
    found = selectors.own_notices(actor=now(person))
    assert selectors.count_notices(actor=now(person))[""] == len(found)
    return [notice.sentence for notice in found]


@pytest.fixture
def acme():
    return make.organization("acme", give(make.user("owner")))


@pytest.fixture
def bo(acme):
    """An administrator without a second factor, who was told of acme and of an organization of her own."""
    bo = make.user("bo")
    accounts.set_member_role(actor=make.SYSTEM, organization=acme, user=bo, role="admin")
    beta = make.organization("beta", bo)
    tell(bo, acme.namespace, QUOTA_WARNING, "acme has 99 robots")
    tell(bo, beta.namespace, QUOTA_WARNING, "beta has 3 robots")
    accounts.require_second_factor(actor=now(acme.memberships.get(role="owner").user), organization=acme)
    return bo


def test_what_was_told_waits_for_the_second_factor(bo):
    assert sentences(bo) == ["beta has 3 robots"]
    page = enter(bo).get("/notifications/").content.decode()
    assert "beta has 3 robots" in page
    assert "acme has 99 robots" not in page
    headers = {"authorization": f"Bearer {make.token(bo)}"}
    wire = Client().get("/api/v1/user/notifications", headers=headers)
    assert len(wire.json()["notifications"]) == 1
    withheld = Notice.objects.get(sentence__startswith="acme")
    assert enter(bo).get(f"/notifications/?open={withheld.uuid}").status_code == 404
    give(bo)
    assert sentences(bo) == ["beta has 3 robots", "acme has 99 robots"]


def test_what_is_not_seen_is_neither_read_nor_put_away(bo):
    assert services.mark_notices(actor=now(bo)) == 1
    assert services.dismiss_notices(actor=now(bo)) == 1
    withheld = Notice.objects.get(sentence__startswith="acme")
    assert (withheld.read_at, withheld.dismissed_at) == (None, None)


def test_who_was_invited_is_told_so(acme, bo):
    eve = make.user("eve")
    accounts.invite(actor=make.SYSTEM, team=make.team(acme), user=eve)
    assert len(sentences(eve)) == 1


def test_superusers_are_told_what_they_are_asked_for(acme, bo, settings):
    settings.SUPERUSERS = frozenset({"bo"})
    tell(bo, acme.namespace, REQUEST_LIMIT, "acme: more robots")
    assert sentences(bo) == ["acme: more robots", "beta has 3 robots"]
    settings.SUPERUSERS_FULL_ACCESS = True
    assert len(sentences(bo)) == 3
