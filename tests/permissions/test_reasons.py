"""Which ways lead somebody to a project, in words; who may ask, and what it costs."""

from __future__ import annotations

from typing import Any

import pytest

from accounts import services as accounts
from accounts.models import Organization, Team, User
from core.errors import DomainError, Forbidden
from permissions.models import DefaultGrant
from permissions.resolver import Facts
from permissions.selectors import facts as read
from projects import services as projects
from projects.models import Project
from tests import make


def facts(organization: Organization, **options: Any) -> Facts:
    return read(actor=make.SYSTEM, organization=organization, **options)


@pytest.fixture
def acme(db):
    return make.organization(owner=make.user("owner"))


def reasons(found: Facts, name: str, project: Project) -> list[tuple[str, str, str, bool]]:
    key = found.named(name)
    assert key is not None
    return [(path.kind, path.level.name, path.words, path.deciding) for path in found.paths(key, project.pk)]


def test_every_way_is_told_and_the_strongest_decides(acme, settings):
    bo, web = make.user("bo"), make.project(acme, visibility="public")
    readers, admins = make.team(acme, "readers"), make.team(acme, "admins", role="admin")
    for team in (readers, admins):
        make.member(team, bo)
    Team.objects.filter(pk=readers.pk).update(sync_service="ldap")
    make.grant(web, "read", team=readers)
    make.grant(web, "write", user=bo)
    assert reasons(facts(acme), "bo", web) == [
        (
            "organization_admin",
            "ADMIN",
            "admin by team admins, and so admin of its projects",
            True,
        ),
        ("grant", "WRITE", "write granted directly", False),
        ("public", "READ", "the project is public", False),
        ("team_grant", "READ", "read by team readers, whose people come from an LDAP group", False),
    ]
    assert [one[0] for one in reasons(facts(acme), "@admins", web)] == ["organization_admin", "public"]
    settings.SUPERUSERS, settings.SUPERUSERS_FULL_ACCESS = frozenset({"bo"}), True
    assert reasons(facts(acme), "bo", web)[0][0] == "superuser"
    settings.READONLY_SUPERUSERS = frozenset({"bo"})
    told = reasons(facts(acme), "bo", web)
    assert [(kind, deciding) for kind, _, _, deciding in told if deciding] == [("readonly_superuser", True)]


def test_what_a_default_permission_made_says_so_until_it_is_changed_by_hand(acme):
    devs = make.team(acme)
    projects.create_default_grant(actor=make.SYSTEM, organization=acme, role="write", team=devs)
    web = make.project(acme)
    words = "write by team devs, by a default permission when the project was made"
    make.member(devs, make.user("bo"))
    assert reasons(facts(acme), "bo", web) == [("team_grant", "WRITE", words, True)]
    DefaultGrant.objects.all().delete()
    assert reasons(facts(acme), "bo", web)[0][2] == words
    make.grant(web, "write", team=devs)
    assert reasons(facts(acme), "bo", web) == [("team_grant", "WRITE", "write by team devs", True)]


def test_nothing_of_another_organization_is_among_the_facts(acme):
    other = make.organization("other", owner=make.user("rival"))
    theirs = make.project(other, "secret")
    make.grant(theirs, "write", team=make.team(other, "theirs"))
    make.grant(theirs, "write", robot=make.robot(other, "bot"))
    make.grant(theirs, "write", user=make.user("bo"))
    found = facts(acme)
    assert {bearer.name for bearer in found.bearers.values()} == {"owner", "@owners"}
    assert not found.projects
    assert not found.grants
    for name in ("rival", "bo", "@theirs", "other+bot", "theirs"):
        assert found.named(name) is None
    assert facts(acme, outsider="@theirs").named("@theirs") is None
    assert facts(acme, outsider="other+bot").named("other+bot") is None
    assert facts(acme, outsider="bo").named("bo") is not None


def test_who_may_read_the_facts(acme, settings):
    bo = make.user("bo")
    accounts.set_member_role(actor=make.SYSTEM, organization=acme, user=bo, role="creator")
    for actor in (make.actor(bo), make.actor(make.user("stranger")), make.actor(None)):
        with pytest.raises(DomainError):
            read(actor=actor, organization=acme)
    settings.READONLY_SUPERUSERS = frozenset({"bo"})
    assert read(actor=make.actor(bo), organization=acme).bearers
    with pytest.raises(Forbidden):
        read(actor=make.actor(User.objects.get(username="owner"), "repo:admin"), organization=acme)


@pytest.mark.parametrize("size", [1, 30])
def test_facts_cost_the_same_at_any_size(acme, size, django_assert_num_queries):
    for number in range(size):
        person, team = make.user(f"p{number}"), make.team(acme, f"t{number}")
        make.member(team, person)
        web = make.project(acme, f"w{number}")
        for holder in ({"user": person}, {"team": team}, {"robot": make.robot(acme, f"r{number}")}):
            make.grant(web, "read", **holder)
    with django_assert_num_queries(6):  # members, teams, robots, seats, projects, grants
        found = facts(acme)
    assert len(found.bearers) == 3 * size + 2
