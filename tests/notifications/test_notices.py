"""What people are told in the console: by invitations and storage, and until when."""

from datetime import timedelta
from uuid import uuid4

import pytest
import time_machine
from django.utils import timezone

from accounts import services as accounts
from accounts import tasks as account_tasks
from core.errors import Forbidden, NotFound, Unauthenticated
from notifications import notices, selectors, services, tasks
from notifications.models import Notice
from tests import make
from tests.notifications.conftest import NOBODY

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada():
    return make.user("ada")


def tell(user, namespace, count=1, **more):
    for _ in range(count):
        notices.write(
            [user],
            namespace=namespace,
            origin=uuid4(),
            kind="quota_warning",
            sentence="It is nearly full",
            metadata={},
            **more,
        )


def open_of(user):
    return list(selectors.own_notices(actor=make.actor(user)))


# Invitations


def test_an_invited_person_is_told(acme, owner, ada):
    devs = make.team(acme, "devs")
    invitation = accounts.invite(actor=owner, team=devs, user=ada)
    [told] = open_of(ada)
    assert (told.kind, told.sentence) == (
        "org_team_invite",
        "owner invites you to the team devs of acme",
    )
    assert told.metadata == {"org": "acme", "team": "devs", "inviter": "owner", "code": invitation.code}
    again = accounts.invite(actor=owner, team=devs, user=ada)
    assert [one.metadata["code"] for one in open_of(ada)] == [again.code]


@pytest.mark.parametrize("answer", ["accept_invitation", "decline_invitation"])
def test_an_answered_invitation_is_told_no_more(acme, owner, ada, answer):
    invitation = accounts.invite(actor=owner, team=make.team(acme, "devs"), user=ada)
    getattr(accounts, answer)(actor=make.actor(ada), code=invitation.code)
    assert not Notice.objects.exists()


def test_an_invitation_ends_when_she_is_added_or_it_is_too_old(acme, owner, ada):
    devs, makers = make.team(acme, "devs"), make.team(acme, "makers")
    accounts.invite(actor=owner, team=devs, user=ada)
    accounts.invite(actor=owner, team=makers, user=ada)
    make.member(devs, ada)
    assert [one.metadata["team"] for one in open_of(ada)] == ["makers"]
    with time_machine.travel(timezone.now() + timedelta(days=400)):
        assert open_of(ada) == []


def test_an_invitation_by_mail_tells_nobody(acme, owner, ada):
    accounts.invite(actor=owner, team=make.team(acme, "devs"), email="ada@example.test")
    assert not Notice.objects.exists()


# Reading and dismissing


def test_each_sees_her_own(acme, owner, ada):
    tell(ada, acme.namespace)
    [told] = open_of(ada)
    assert open_of(owner.user) == []
    assert selectors.own_notice(actor=make.actor(ada), uuid=str(told.uuid)) == told
    for uuid in (told.uuid, "", "x", uuid4()):
        with pytest.raises(NotFound):
            selectors.own_notice(actor=owner, uuid=uuid)
    with pytest.raises(NotFound):
        services.dismiss_notice(actor=owner, notice=told)
    for act in (selectors.own_notices, services.dismiss_notices):
        with pytest.raises(Unauthenticated):
            act(actor=NOBODY)
        with pytest.raises(Forbidden):
            act(actor=make.actor(ada, "repo:admin user:read"))
    assert Notice.objects.get().dismissed_at is None


def test_dismissing(acme, ada, owner):
    tell(ada, acme.namespace, 3)
    tell(owner.user, acme.namespace)
    told, actor = open_of(ada)[0], make.actor(ada)
    services.dismiss_notice(actor=actor, notice=told)
    assert len(open_of(ada)) == 2
    assert selectors.own_notice(actor=actor, uuid=told.uuid).dismissed_at is not None
    services.dismiss_notice(actor=actor, notice=told, dismissed=False)
    assert len(open_of(ada)) == 3
    assert services.dismiss_notices(actor=actor) == 3
    assert (open_of(ada), len(open_of(owner.user))) == ([], 1)


def test_room_is_made_by_dismissing(acme, ada, monkeypatch):
    monkeypatch.setattr(notices, "OPEN_MAX", 2)
    tell(ada, acme.namespace, 5)
    tell(ada, make.organization("other").namespace)  # each namespace has its own share
    assert len(open_of(ada)) == 3
    services.dismiss_notices(actor=make.actor(ada))
    tell(ada, acme.namespace)
    assert len(open_of(ada)) == 1


@pytest.mark.parametrize("size", [0, 30])
def test_what_surrounds_a_page_costs_one_query(acme, ada, size, django_assert_num_queries):
    tell(ada, acme.namespace, size)
    for name in ("zoo", "bar"):
        make.organization(name, owner=ada)
    actor = make.actor(ada)
    with django_assert_num_queries(1):
        around = selectors.surroundings(actor=actor)
    assert (around.organizations, around.open_notices) == (["bar", "zoo"], size)


# Going


def test_a_name_that_is_taken_again_inherits_nothing(acme, owner, ada):
    tell(ada, acme.namespace)
    accounts.delete_organization(actor=owner, organization=acme)
    assert open_of(ada) == []
    make.organization("acme", owner=ada)
    assert open_of(ada) == []
    tasks.prune()
    assert not Notice.objects.exists()


def test_they_go_with_the_person(acme, ada):
    tell(ada, acme.namespace)
    accounts.delete_user(actor=make.SYSTEM, user=ada)
    account_tasks.purge_user(ada.pk)
    assert not Notice.objects.exists()


def test_old_ones_go(acme, ada, settings):
    tell(ada, acme.namespace, 2)
    old = Notice.objects.earliest("pk")
    Notice.objects.filter(pk=old.pk).update(
        created_at=timezone.now() - timedelta(days=settings.NOTICE_DAYS + 1)
    )
    tasks.prune()
    assert Notice.objects.exclude(pk=old.pk).count() == Notice.objects.count() == 1
