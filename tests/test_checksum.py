"""The watchman is watched: tests/checksum.py sees what changes, and nothing else."""

import pytest
from django.db import connection

from accounts import services as accounts
from accounts.models import FailedSignIn, Team
from core.errors import BadCredentials
from tests import checksum, make
from tests.api.quay.world import bearer

pytestmark = pytest.mark.django_db


def test_every_table_is_watched_or_named():
    there = set(connection.introspection.table_names())
    assert there - checksum.UNWATCHED_TABLES.keys() <= checksum.snapshot().keys()


def test_what_is_new_changed_and_gone_is_told():
    acme = make.organization()
    team = make.team(acme)
    before = checksum.snapshot()
    with checksum.watched() as writes:
        Team.objects.filter(pk=team.pk).update(description="other")
        made = make.robot(acme)
        Team.objects.get(slug="owners").delete()
    found = writes.changes(before)
    told = [str(change) for change in found]
    assert any(line.startswith(f"accounts_team {team.pk} was ") for line in told)
    assert any(line.startswith(f"accounts_robot {made.pk} is new") for line in told)
    assert any(line.startswith("accounts_team ") and line.endswith("is gone") for line in told)
    assert found == checksum.changes(before, checksum.snapshot())


def test_what_is_not_watched_is_not_told():
    owner = make.user()
    client = bearer(make.token(owner))
    before = checksum.snapshot()
    with checksum.watched() as writes:
        assert client.get("/api/v1/user/").status_code == 200
        with pytest.raises(BadCredentials):
            accounts.sign_in(actor=make.actor(None), username="ada", password="wrong-horse-9")
    assert FailedSignIn.objects.exists()
    assert writes.statements
    assert writes.changes(before) == []
