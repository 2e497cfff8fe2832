"""Queries that are compiled once give what their querysets give, and ask the database every time."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import connection
from django.db.models import Count, F

from accounts.models import Membership, Team, User
from core.prepared import Given, Prepared, PreparedUpdate
from tests import make

BY_NAME = Prepared(
    lambda: User.objects.select_related("namespace").filter(
        username=Given("name", User.username), deleted_at=None
    )
)


def by_name(name: str) -> User:
    found = BY_NAME.first(name=name)
    assert found is not None
    return found


def test_rows_are_those_of_the_queryset(db, django_assert_num_queries):
    ada = make.user("ada")
    make.user("bob")
    with django_assert_num_queries(1):
        [found] = BY_NAME(name="ada")
        assert found == ada
        assert found.namespace == ada.namespace
    columns = [field.attname for field in User._meta.concrete_fields]
    again = User.objects.get(pk=ada.pk)
    assert [getattr(found, name) for name in columns] == [getattr(again, name) for name in columns]
    assert not found._state.adding
    assert BY_NAME(name="nobody") == []
    assert BY_NAME.first(name="nobody") is None


def test_nothing_is_kept_but_the_statement(db):
    ada = make.user("ada")
    first, second = BY_NAME.first(name="ada"), BY_NAME.first(name="ada")
    assert first is not second
    User.objects.filter(pk=ada.pk).update(is_active=False)
    assert not by_name("ada").is_active
    User.objects.filter(pk=ada.pk).update(username="eve")
    assert BY_NAME.first(name="ada") is None


def test_values_can_be_anything_and_mean_nothing_to_sql(db):
    make.user("ada")
    for name in ("' OR 1=1 --", "%s", "%(name)s", "$1", "ada'"):
        assert BY_NAME(name=name) == []


def test_annotations_and_values_of_a_union(db):
    acme = make.organization("acme")
    owner = User.objects.get(username="acme-owner")
    devs = make.team(acme, "devs")
    make.member(devs, owner)
    counted = Prepared(
        lambda: (
            Team.objects.filter(organization_id=Given("organization", Team.id))
            .annotate(people=Count("members"))
            .order_by("slug")
        )
    )
    assert [(team.slug, team.people) for team in counted(organization=acme.pk)] == [
        ("devs", 1),
        ("owners", 1),
    ]
    given = Given("user", User.id)
    both = Prepared(
        lambda: (
            Membership.objects.filter(user_id=given)
            .values_list("role", "organization__slug")
            .union(Team.objects.filter(members__user_id=given).values_list("role", "slug"), all=True)
        )
    )
    expected = {("owner", "acme"), ("admin", "owners"), ("member", "devs")}
    assert set(both(user=owner.pk)) == expected
    assert both(user=0) == []


def test_dicts_are_refused(db):
    with pytest.raises(TypeError):
        Prepared(lambda: User.objects.values("pk"))()


@pytest.mark.django_db(transaction=True)
def test_a_migration_under_a_kept_plan_is_survived():
    """On PostgreSQL the plan is refused once; elsewhere there is none to refuse."""
    make.user("ada")
    for _ in range(8):
        assert by_name("ada").company == ""
    if connection.vendor != "postgresql":
        assert connection.vendor == "sqlite"
        return
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE accounts_user ALTER COLUMN company TYPE text")
        try:
            for _ in range(8):
                assert by_name("ada").company == ""
        finally:
            cursor.execute("ALTER TABLE accounts_user ALTER COLUMN company TYPE varchar(255)")


@pytest.mark.django_db(transaction=True)
def test_no_two_connections_give_their_statements_the_same_name():
    """A pooler may lend one session to both: each must meet its own statement there, or none."""
    if connection.vendor != "postgresql":
        assert connection.vendor == "sqlite"
        return

    make.user("ada")
    # Both are new, and have prepared nothing yet.
    connection.close_pool()  # type: ignore[attr-defined]
    both_there = Barrier(2)

    def names(_: int) -> set[str]:
        try:
            for _ in range(8):
                by_name("ada")
            both_there.wait(timeout=30)
            with connection.cursor() as cursor:
                cursor.execute("SELECT name FROM pg_prepared_statements")
                return {name for (name,) in cursor.fetchall()}
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        one, other = pool.map(names, range(2))
    assert one
    assert other
    assert not one & other


def test_what_is_given_is_named_in_each_place(db):
    same = Prepared(
        lambda: User.objects.filter(username=Given("name", User.username), given_name=F("given_name"))
    )
    make.user("ada")
    with pytest.raises(KeyError):
        same(other="ada")
    assert [user.username for user in same(name="ada")] == ["ada"]


def test_what_is_not_planned_is_compiled_once_all_the_same(db):
    make.user("ada")
    by_name = Prepared(lambda: User.objects.filter(username=Given("name", User.username)), planned=False)
    for _ in range(12):
        assert [user.username for user in by_name(name="ada")] == ["ada"]
        assert by_name(name="' OR 1=1 --") == by_name(name="100%s") == []
    if connection.vendor == "postgresql":
        mine = by_name._plan
        assert mine is not None
        with connection.cursor() as cursor:
            cursor.execute("SELECT statement FROM pg_prepared_statements")
            assert mine.statement.sql.replace("%s", "$1") not in [text for (text,) in cursor.fetchall()]


MOVED = PreparedUpdate(
    lambda: (
        User.objects.filter(username__in=["ada", Given("name", User.username)], deleted_at=None),
        {"location": Given("place", User.location), "name": F("username")},
    )
)


def test_a_change_is_that_of_the_queryset_and_counts_its_rows(db, django_assert_num_queries):
    people = [make.user(name) for name in ("ada", "bob", "eve")]
    with django_assert_num_queries(2):
        assert MOVED(name="bob", place="' OR 1=1 --") == 2
        assert MOVED(name="nobody", place="Graz") == 1
    for user in people:
        user.refresh_from_db()
    assert [(user.name, user.location) for user in people[:2]] == [("ada", "Graz"), ("bob", "' OR 1=1 --")]
    assert people[2].location == ""
