"""Erasing a person: nothing tells of her any more, and all the rest is still proven."""

from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db.models import TextField
from django.db.models.functions import Cast

from core.errors import Forbidden
from logs import services, tasks
from logs.chain import content, sealing
from logs.chain.findings import Sort
from logs.chain.verification import Verification
from logs.models import LogEntry, LogSeal
from tests import make
from tests.logs.written import entry, settle

# Nothing is settled on PostgreSQL before a transaction ends.
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def grace(acme):
    """Return somebody whom sealed entries tell of, in every way; and others do not."""
    person = make.user("grace")
    by_her: dict[str, Any] = {
        "performer_name": "grace",
        "performer_email": person.email,
        "performer_id": person.pk,
    }
    rows = [
        entry(acme, **by_her, credential_name="grace's laptop"),
        entry(acme, metadata={"member": "grace", "team": "web", "list": [{"user": "Grace"}, "grace+ci"]}),
        entry(acme, metadata={"email": person.email, "number": 7}),
        entry(person, metadata={"robot": "ci"}),
        entry(acme, metadata={"member": "gracelyn"}),
        entry(None),
    ]
    LogEntry.objects.bulk_create(rows)
    settle()
    tasks.seal()
    LogEntry.objects.bulk_create([entry(acme, **by_her)])  # not sealed yet
    return person


def verify():
    return [(one.sort, one.entry) for one in Verification().run()]


def test_nothing_tells_of_her_any_more_and_the_chain_is_whole(grace, acme, superuser):
    before = LogEntry.objects.count()
    count = services.erase_person(actor=superuser, user=grace)
    assert count >= 5
    told = LogEntry.objects.annotate(told=Cast("metadata", TextField()))
    for field in ("performer_name", "performer_email", "namespace_name", "credential_name", "told"):
        left = told.filter(**{f"{field}__icontains": "grace"}).exclude(told__icontains="gracelyn")
        assert not left.exists(), field
    assert told.filter(told__icontains="gracelyn").count() == 1
    assert not LogEntry.objects.filter(performer=grace.pk).exists()
    kept = LogEntry.objects.get(metadata__team="web")
    assert (kept.metadata["member"], kept.performer_name) == ("", "owner")
    (said,) = LogEntry.objects.filter(kind="erase_person")
    assert said.metadata == {"count": count}
    assert LogEntry.objects.count() == before + 1
    settle()
    tasks.seal()
    assert verify() == []
    found = Verification()
    list(found.run())
    assert 4 <= found.erased <= count
    assert services.erase_person(actor=superuser, user=grace) == 0


def test_what_is_left_is_still_proven(grace, acme, superuser):
    services.erase_person(actor=superuser, user=grace)
    settle()
    tasks.seal()
    first = LogEntry.objects.filter(namespace=acme.namespace, performer_name="", credential_name="").order_by(
        "pk"
    )[0]
    for change, was in (
        ({"kind": "delete_robot"}, {"kind": first.kind}),
        ({"metadata": {"robot": "other"}}, {"metadata": first.metadata}),
    ):
        LogEntry.objects.filter(pk=first.pk).update(**change)
        assert verify() == [(Sort.ALTERED, first.pk)]
        LogEntry.objects.filter(pk=first.pk).update(**was)
        assert verify() == []


def test_the_key_of_what_was_erased_is_gone(grace, superuser):
    seal = LogSeal.objects.get(entry=LogEntry.objects.get(credential_name="grace's laptop").pk)
    salt = bytes(seal.blinds)
    services.erase_person(actor=superuser, user=grace)
    seal.refresh_from_db()
    blinds = bytes(seal.blinds)
    assert salt not in blinds
    keys = content._keys(salt)
    assert [key in blinds for key in keys if key] == [False, False, False, True]


def test_what_was_read_before_is_not_sealed_as_it_was(grace, superuser, monkeypatch):
    settle()
    whole = sealing._chained

    def late(entries):
        made = whole(entries)
        monkeypatch.setattr(sealing, "_chained", whole)
        services.erase_person(actor=superuser, user=grace)
        return made

    monkeypatch.setattr(sealing, "_chained", late)
    assert sealing.seal_some()
    settle()
    tasks.seal()
    assert verify() == []


def test_who_may(grace, owner):
    for actor in (owner, make.actor(grace)):
        with pytest.raises(Forbidden):
            services.erase_person(actor=actor, user=grace)


def test_the_command(grace):
    out = StringIO()
    call_command("erase_person", "grace", stdout=out)
    assert out.getvalue().startswith("Erased in ")
    settle()
    tasks.seal()
    assert verify() == []
    with pytest.raises(CommandError):
        call_command("erase_person", "nobody")
