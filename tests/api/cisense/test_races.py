"""Administrators who go at once: of a group account, and of an organization, one always stays."""

import random
from collections import Counter

import pytest
from django.test import Client

from accounts import services as accounts
from accounts.models import Account, AccountAdministrator, Organization, User
from core.publicids import nid
from logs.models import LogEntry
from tests import make
from tests.racing import race
from tokens import services as tokens
from tokens.kinds import Kind

ROUNDS = 20
CROWD = 8
THREADS = 16
pytestmark = pytest.mark.django_db(transaction=True)


def bearer(user):
    _, secret = tokens.create_token(actor=make.actor(user), kind=Kind.ACCESS, user=user, title="t")
    return {"authorization": f"Bearer {secret}"}


def administered(*people):
    """Return a group account that these people administer, which holds an organization of somebody else."""
    first, *others = people
    account = accounts.create_account(actor=make.SYSTEM, name="group", administrator=first)
    for person in others:
        accounts.add_administrator(actor=make.SYSTEM, account=account, user=person)
    return account


def hold_organization(account, number=0):
    owner = make.user(f"owner{number}")
    organization = make.organization(f"acme{number}", owner)
    # Its owner administers it, and not the account: she is no heir, for this wire hands nothing over.
    Organization.objects.filter(pk=organization.pk).update(account=account)
    return organization


def left(account):
    return list(account.administrators.filter(is_active=True).values_list("username", flat=True))


def test_two_who_delete_each_other_by_the_server_leave_one():
    root = make.user("root", superuser=True)
    client = Client(headers=bearer(root))
    for number in range(ROUNDS):
        pair = [make.user(f"{name}{number}") for name in ("ada", "bo")]
        account = administered(*pair)
        if number % 2:
            hold_organization(account, number)
        came: list[int] = []

        def go(n, pair=pair, came=came):
            came.append(client.delete(f"/v3/server/users/{nid('usr', pair[n].pk)}").status_code)

        assert race(2, go, at_once=2) == {"ok": 2}
        assert Counter(came) == {204: 1, 409: 1}, number
        assert len(left(account)) == 1
        assert User.objects.filter(pk__in=[one.pk for one in pair], deleted_at=None).count() == 1
        assert LogEntry.objects.filter(kind="account_delete").count() == 0


def test_two_who_remove_each_other_leave_one():
    for number in range(ROUNDS):
        pair = [make.user(f"{name}{number}") for name in ("ada", "bo")]
        account = administered(*pair)

        def go(n, pair=pair, account=account):
            accounts.remove_administrator(actor=make.actor(pair[n]), account=account, user=pair[1 - n])

        # Who was quicker stays; the other is told that she may not (any more).
        assert race(2, go, at_once=2) == {"ok": 1, "forbidden": 1}, number
        assert len(left(account)) == 1


def test_two_who_leave_at_once_leave_one():
    for number in range(ROUNDS):
        pair = [make.user(f"{name}{number}") for name in ("ada", "bo")]
        account = administered(*pair)

        def go(n, pair=pair, account=account):
            accounts.remove_administrator(actor=make.actor(pair[n]), account=account, user=pair[n])

        assert race(2, go, at_once=2) == {"ok": 1, "conflict": 1}, number
        assert len(left(account)) == 1


def test_a_crowd_that_goes_every_way_at_once_leaves_one():
    root = make.user("root", superuser=True)
    client = Client(headers=bearer(root))
    for number in range(3):
        crowd = [make.user(f"user{number}x{n}") for n in range(CROWD)]
        account = administered(*crowd)
        hold_organization(account, number)
        chosen = random.Random(number)
        plan = [(one, other, way) for one in crowd for other in crowd for way in ("remove", "delete")]
        chosen.shuffle(plan)

        def go(n, plan=plan, account=account):
            one, other, way = plan[n]
            if way == "remove":
                accounts.remove_administrator(actor=make.actor(one), account=account, user=other)
            else:
                answer = client.delete(f"/v3/server/users/{nid('usr', other.pk)}")
                assert answer.status_code in (204, 404, 409), answer.content

        found = race(len(plan), go, at_once=THREADS)
        assert set(found) <= {"ok", "forbidden", "conflict", "not_found"}, found
        assert len(left(account)) == 1
        assert AccountAdministrator.objects.filter(account=account).count() == 1
        assert Account.objects.filter(pk=account.pk, deleted_at=None).exists()


def test_two_administrators_of_an_organization_who_remove_each_other_leave_one():
    for number in range(ROUNDS):
        pair = [make.user(f"{name}{number}") for name in ("ada", "bo")]
        acme = make.organization(f"acme{number}", pair[0])
        accounts.set_standing(actor=make.SYSTEM, organization=acme, user=pair[1], administrator=True)
        clients = [Client(headers=bearer(one)) for one in pair]
        came: list[int] = []

        def go(n, pair=pair, acme=acme, clients=clients, came=came):
            path = f"/v3/organizations/{nid('org', acme.pk)}/members/{nid('usr', pair[1 - n].pk)}"
            came.append(clients[n].delete(path).status_code)

        assert race(2, go, at_once=2) == {"ok": 2}
        assert sorted(came)[0] == 204
        assert sorted(came)[1] in (403, 404, 409), came
        assert acme.memberships.count() == 1
