"""Pages from rows show what the general question shows, to whoever asks."""

import pytest

from accounts import services as accounts
from core.actor import Actor
from projects.listed import ListedProject, page_by_name
from projects.selectors import projects
from projects.services import star_project
from tests import make

pytestmark = pytest.mark.django_db
NAMES = ["alpha", "beta", "delta", "gamma", "omega"]


@pytest.fixture
def acme():
    organization = make.organization("acme")
    made = {name: make.project(organization, name) for name in NAMES}
    made["delta"].visibility = "public"
    made["delta"].save()
    return organization


def callers(acme):
    admin, auditor, reader, by_team, outsider = (
        make.user(name) for name in ("adam", "audrey", "rea", "tea", "otto")
    )
    for person, role in ((admin, "admin"), (auditor, "auditor"), (reader, "member")):
        accounts.set_member_role(actor=make.SYSTEM, organization=acme, user=person, role=role)
    team = make.team(acme)
    make.member(team, by_team)
    found = {project.slug: project for project in projects(actor=make.SYSTEM, namespace="acme")}
    make.grant(found["beta"], "read", user=reader)
    make.grant(found["gamma"], "write", team=team)
    star_project(actor=make.actor(admin), project=found["alpha"])
    star_project(actor=make.actor(outsider), project=found["delta"])
    robot = make.robot(acme)
    make.grant(found["omega"], "read", robot=robot)
    root = make.user("root", superuser=True)
    return {
        "admin": make.actor(admin),
        "admin who may only read": make.actor(admin, "repo:read"),
        "admin without a scope for it": make.actor(admin, "user:read"),
        "auditor": make.actor(auditor),
        "reader": make.actor(reader),
        "by team": make.actor(by_team),
        "outsider": make.actor(outsider),
        "superuser": make.actor(root),
        "robot": Actor(robot=robot, dialect="test"),
        "organization": Actor(organization=acme, dialect="test"),
        "nobody": Actor(),
    }


def test_everybody_sees_the_same(acme):
    acme.namespace.organization = acme
    seen = {}
    for name, actor in callers(acme).items():
        general = projects(actor=actor, namespace="acme", public=True).order_by("slug")
        wanted = [ListedProject.of(project) for project in general]
        told = page_by_name(actor=actor, organization=acme, after="", size=10)
        assert told == (wanted, False, len(wanted)), name
        seen[name] = [project.slug for project in told.projects]
        walked, after = [], ""
        while True:
            page = page_by_name(actor=actor, organization=acme, after=after, size=1)
            assert page.total == len(wanted), name
            walked += page.projects
            if not page.is_more:
                break
            after = page.projects[-1].slug
        assert walked == wanted, name
    assert seen["admin"] == seen["auditor"] == NAMES
    assert seen["reader"] == ["beta", "delta"]
    assert seen["by team"] == ["delta", "gamma"]
    assert seen["outsider"] == seen["nobody"] == seen["admin without a scope for it"] == ["delta"]


def test_a_second_factor_is_asked_here_too(acme):
    acme.namespace.organization = acme
    admin = callers(acme)["admin"]
    type(acme).objects.filter(pk=acme.pk).update(requires_second_factor=True)
    acme.refresh_from_db()
    acme.namespace.organization = acme
    told = page_by_name(actor=Actor(user=admin.user, dialect="test"), organization=acme, after="", size=10)
    assert [project.slug for project in told.projects] == ["delta"]


def test_a_page_is_one_query(acme, django_assert_num_queries):
    acme.namespace.organization = acme
    actor = make.actor(acme.memberships.select_related("user").get(role="owner").user)
    page_by_name(actor=actor, organization=acme, after="", size=10)
    with django_assert_num_queries(1):
        page_by_name(actor=actor, organization=acme, after="", size=10)
    with django_assert_num_queries(2):
        page_by_name(actor=actor, organization=acme, after="", size=2)


def test_another_organization_has_nothing_of_it(acme):
    other = make.organization("other")
    other.namespace.organization = other
    make.project(other, "alpha")
    owner = make.actor(other.memberships.select_related("user").get(role="owner").user)
    told = page_by_name(actor=owner, organization=other, after="", size=10)
    assert [(project.namespace, project.slug) for project in told.projects] == [("other", "alpha")]
