"""Giving up what one was granted on a project."""

import pytest

from accounts.models import User
from core.errors import DomainError, Forbidden, NotFound
from logs.models import LogEntry
from permissions.models import Grant
from projects import selectors, services
from tests import make
from tests.racing import race

pytestmark = pytest.mark.django_db


@pytest.fixture
def acme():
    return make.organization(owner=make.user("ada"))


@pytest.fixture
def bo():
    return make.user("bo")


def held(person):
    return list(selectors.held_elsewhere(actor=make.actor(person)))


def give_up(person, grant):
    services.give_up_grant(actor=make.actor(person), grant=grant)


def test_who_is_in_no_organization_gives_up_one_project_and_keeps_the_others(acme, bo):
    web, docs = make.project(acme, "web"), make.project(acme, "docs")
    make.grant(web, "write", user=bo)
    make.grant(docs, "read", user=bo)
    make.grant(web, "read", user=make.user("carla"))
    assert [(grant.project.slug, grant.role) for grant in held(bo)] == [("docs", "read"), ("web", "write")]
    grant = selectors.held_there(actor=make.actor(bo), address="ACME/web")
    give_up(bo, grant)
    assert [grant.project.slug for grant in held(bo)] == ["docs"]
    assert Grant.objects.filter(project=web, user__username="carla").exists()
    entry = LogEntry.objects.get(kind="give_up_repo_permission")
    assert (entry.performer_name, entry.namespace_name, entry.project_name) == ("bo", "acme", "web")
    assert (entry.metadata["role"], entry.metadata["username"]) == ("write", "bo")
    with pytest.raises(NotFound):
        give_up(bo, grant)
    with pytest.raises(NotFound):
        selectors.held_there(actor=make.actor(bo), address="acme/web")


def test_members_see_theirs_where_they_belong_and_nobody_sees_what_was_deleted(acme, bo):
    web, docs = make.project(acme, "web"), make.project(acme, "docs")
    mine = make.project(make.user("carla"), "mine")
    for project in (web, docs, mine):
        make.grant(project, "read", user=bo)
    services.delete_project(actor=make.SYSTEM, project=docs)
    assert [grant.project.slug for grant in held(bo)] == ["web", "mine"]
    make.member(make.team(acme), bo)
    assert [grant.project.slug for grant in held(bo)] == ["mine"]


def test_nobody_gives_up_what_is_another_ones(acme, bo):
    make.grant(make.project(acme, "web"), "read", user=bo)
    grant = Grant.objects.get(user=bo)
    for person in (User.objects.get(username="ada"), make.user("stranger")):
        with pytest.raises(NotFound):
            give_up(person, grant)
    assert Grant.objects.filter(pk=grant.pk).exists()


def test_only_tokens_that_may_change_the_account_give_up(acme, bo):
    make.grant(make.project(acme, "web"), "read", user=bo)
    grant = Grant.objects.get(user=bo)
    for scope in ("org:admin", "user:read", "repo:admin"):
        with pytest.raises(Forbidden):
            services.give_up_grant(actor=make.actor(bo, scopes=scope), grant=grant)
    with pytest.raises(DomainError):
        services.give_up_grant(actor=make.SYSTEM, grant=grant)
    services.give_up_grant(actor=make.actor(bo, scopes="user:admin"), grant=grant)


@pytest.mark.django_db(transaction=True)
def test_given_up_twice_at_once_it_is_told_once():
    bo = make.user("bo")
    make.grant(make.project(make.organization(owner=make.user("ada")), "web"), "read", user=bo)
    grant = Grant.objects.get(user=bo)
    assert race(4, lambda _: give_up(bo, grant), at_once=4) == {"ok": 1, "not_found": 3}
    assert LogEntry.objects.filter(kind="give_up_repo_permission").count() == 1
