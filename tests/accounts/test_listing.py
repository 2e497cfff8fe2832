"""Lists that people look through: what they find, how they count, and what they cost."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts import listing, selectors
from accounts import services as accounts
from accounts.models import AuthenticatorApp, Invitation
from core.errors import Forbidden
from projects import services as projects
from tests import make

pytestmark = pytest.mark.django_db


@pytest.fixture
def owner():
    return make.user("owner")


@pytest.fixture
def acme(owner):
    return make.organization(owner=owner)


def page(owner, acme, **asked):
    asked = {"start": 0, "size": 10} | asked
    return listing.member_page(actor=make.actor(owner), organization=acme, **asked)


def robots(owner, acme, **asked):
    asked = {"start": 0, "size": 10} | asked
    return listing.robot_page(actor=make.actor(owner), namespace=acme.namespace, **asked)


# Members -------------------------------------------------------------------------------------------------


def join(acme, *names, role="member"):
    for name in names:
        accounts.set_member_role(actor=make.SYSTEM, organization=acme, user=make.user(name), role=role)


def names(found):
    return [person.user.username for person in found.people]


def test_members_come_by_name_a_page_at_a_time(owner, acme):
    join(acme, "cleo", "ada", "bo")
    first = page(owner, acme, size=2)
    assert (names(first), first.found) == (["ada", "bo"], 4)
    assert names(page(owner, acme, start=2, size=2)) == ["cleo", "owner"]
    assert names(page(owner, acme, start=4, size=2)) == []


def test_members_are_found_by_a_piece_of_either_name_and_by_role(owner, acme):
    join(acme, "ada")
    join(acme, "bo", "cleo", role="admin")
    person = acme.memberships.get(user__username="ada").user
    person.name = "Ada Lovelace"
    person.save(update_fields=["name"])
    for search in ("LOVE", "ada", "ÁDA"):
        assert names(page(owner, acme, search=search)) == ["ada"], search
    found = page(owner, acme, role="admin")
    assert (names(found), found.found) == (["bo", "cleo"], 2)
    found = page(owner, acme, role="admin", search="c")
    assert (names(found), found.found) == (["cleo"], 1)
    assert found.by_role == {"owner": 1, "admin": 2, "member": 1}
    assert page(owner, acme, role="king").found == 0
    for search in ("%", "_", "nobody"):
        assert names(page(owner, acme, search=search)) == []


def test_members_carry_their_teams_and_grants_of_here_alone(owner, acme):
    join(acme, "ada")
    ada = acme.memberships.get(user__username="ada").user
    other = make.organization("other", owner=owner)
    for where in (acme, other):
        make.member(make.team(where, f"{where.slug}-devs"), ada)
        make.grant(make.project(where, f"{where.slug}-web"), "read", user=ada)
    (found,) = page(owner, acme, search="ada").people
    assert [team.slug for team in found.teams] == ["acme-devs"]
    assert found.projects == ["acme-web"]


@pytest.mark.parametrize("size", [1, 25])
def test_a_page_of_members_costs_five_queries(owner, acme, size, django_assert_num_queries):
    join(acme, *[f"person{number}" for number in range(size)])
    make.member(make.team(acme), *[row.user for row in acme.memberships.all()])
    actor = make.actor(owner)
    page(owner, acme)
    with django_assert_num_queries(6):  # the actor's role, roles counted, found, members, teams, grants
        listing.member_page(actor=actor, organization=acme, search="p", start=0, size=10)


def test_only_administrators_list_members(acme):
    join(acme, "ada")
    ada = acme.memberships.get(user__username="ada").user
    with pytest.raises(Forbidden):
        listing.member_page(actor=make.actor(ada), organization=acme, start=0, size=10)


# Robots --------------------------------------------------------------------------------------------------

DAY = timedelta(days=1)
ROBOTS = {  # name: last used, expires, made (days from now), enabled
    "busy": (-1, None, -200, True),
    "young": (None, None, -5, True),
    "forgotten": (None, None, -91, True),
    "idle": (-91, 300, -200, True),
    "expiring": (-1, 13, -200, True),
    "later": (-1, 15, -200, True),
    "expired": (-100, -1, -200, True),
    "off": (-200, -9, -300, False),
}


@pytest.fixture
def machines(acme):
    now = timezone.now()
    for name, (used, expires, made, enabled) in ROBOTS.items():
        robot = make.robot(acme, name, description=f"Does {name} things")
        robot.created_at = now + made * DAY
        robot.save(update_fields=["created_at"])
        robot.credentials.update(
            last_used_at=None if used is None else now + used * DAY,
            expires_at=None if expires is None else now + expires * DAY,
        )
        if not enabled:
            accounts.change_robot(actor=make.SYSTEM, robot=robot, enabled=False)


STATES = {
    "": {*ROBOTS},
    "unused": {"forgotten", "idle"},
    "expiring": {"expiring"},
    "expired": {"expired"},
    "disabled": {"off"},
    "nonsense": {*ROBOTS},
}


@pytest.mark.parametrize("state", STATES)
def test_robots_by_what_is_to_be_said_of_their_tokens(owner, acme, machines, state):
    found = robots(owner, acme, state=state)
    assert {robot.shortname for robot in found.robots} == STATES[state]
    assert found.found == len(STATES[state])
    assert getattr(found.counts, state, found.counts.all) == found.found


def test_a_new_token_is_young_and_its_robot_no_stranger(owner, acme, machines):
    robot = acme.namespace.robots.get(shortname="expired")
    (before,) = robots(owner, acme, search="acme+expired").robots
    accounts.regenerate_robot_token(actor=make.SYSTEM, robot=robot, expires_at=timezone.now() + 90 * DAY)
    assert robots(owner, acme, state="expired").found == 0
    (found,) = robots(owner, acme, search="acme+expired").robots
    assert found.last_used_at == before.last_used_at is not None
    assert found.token_made_at > before.token_made_at
    assert found.expires_at > timezone.now() + 89 * DAY


def test_robots_are_found_by_name_full_name_and_description(owner, acme, machines):
    for search in ("expir", "acme+expir", "DOES expir"):
        found = robots(owner, acme, search=search)
        assert {robot.shortname for robot in found.robots} == {"expired", "expiring"}, search
        assert found.found == 2
    assert robots(owner, acme, start=6, size=4).robots[-1].full_name.startswith("acme+")
    assert len(robots(owner, acme, start=6, size=4).robots) == 2


def test_robots_of_others_are_not_counted(owner, acme, machines):
    other = make.organization("other", owner=owner)
    make.robot(other, "alone")
    assert robots(owner, other).counts == listing.RobotCounts(all=1, never=1, endless=1)
    with pytest.raises(Forbidden):
        listing.robot_counts(actor=make.actor(make.user("stranger")), namespace=acme.namespace)


def test_a_robot_with_two_tokens_is_listed_once_by_its_newest(owner, acme):
    one, other, idle = make.robots(acme, 3)
    names = [robot.full_name for robot in (other, one, idle)]
    accounts.rotate_robot_token(actor=make.actor(owner), robot=one, grace=timedelta(days=1))
    now = timezone.now()
    older, newer = one.credentials.order_by("pk")
    for credential, used in ((older, now), (newer, now - timedelta(days=2)), (other.credentials.get(), now)):
        credential.last_used_at = used
        credential.save()
    for limit in (None, 2):
        found = selectors.listed_robots(actor=make.actor(owner), namespace=acme.namespace, limit=limit)
        assert [robot.full_name for robot in found] == names[:limit]
        assert found[1].last_used_at == now - timedelta(days=2)


def test_a_robot_whose_token_was_ended_is_listed(owner, acme):
    robot = make.robot(acme)
    robot.credentials.update(revoked_at=timezone.now(), last_used_at=timezone.now())
    (found,) = selectors.listed_robots(actor=make.actor(owner), namespace=acme.namespace)
    assert (found.full_name, found.last_used_at) == (robot.full_name, None)


# Teams ---------------------------------------------------------------------------------------------------


def test_deleted_projects_are_not_counted_to_a_team(owner, acme):
    devs = make.team(acme)
    make.team(acme, "ops")
    make.member(devs, make.user("ada"), make.user("bo"))
    for name in ("web", "db"):
        make.grant(make.project(acme, name), "read", team=devs)
    projects.delete_project(actor=make.actor(owner), project=acme.namespace.projects.get(slug="db"))
    for teams in (selectors.teams(organization=acme), selectors.listed_teams(organization=acme)):
        found: dict[str, Any] = {team.slug: team for team in teams}
        assert (found["devs"].member_count, found["devs"].repo_count) == (2, 1)
        assert (found["ops"].member_count, found["ops"].repo_count) == (0, 0)


# Finding -------------------------------------------------------------------------------------------------


def found_by(person, acme, text):
    found = listing.find(actor=make.actor(person), organization=acme, text=text)
    return (
        [team.slug for team in found.teams],
        [row.user.username for row in found.people],
        [robot.full_name for robot in found.robots],
    )


def test_finding_puts_first_what_begins_with_it(owner, acme):
    for name in ("a-web", "web", "webmasters", "other"):
        make.team(acme, name)
    make.robot(acme, "my-web")
    join(acme, "webster", "cobweb")
    assert found_by(owner, acme, "WEB") == (
        ["web", "webmasters", "a-web"],
        ["webster", "cobweb"],
        ["acme+my-web"],
    )
    assert found_by(owner, acme, "acme+my") == ([], [], ["acme+my-web"])
    assert found_by(owner, acme, "") == ([], [], [])
    assert found_by(owner, acme, "%") == ([], [], [])


def test_finding_stops_at_what_one_may_list(owner, acme):
    make.team(acme, "web")
    make.robot(acme, "web")
    join(acme, "webster")
    webster = acme.memberships.get(user__username="webster").user
    assert found_by(webster, acme, "web") == (["web"], [], ["acme+web"])
    assert found_by(make.user("stranger"), acme, "web") == ([], [], [])


def test_finding_takes_a_handful_and_four_queries(owner, acme, django_assert_num_queries):
    for number in range(12):
        make.team(acme, f"team{number:02}")
        make.robot(acme, f"team{number:02}")
    actor = make.actor(owner)
    with django_assert_num_queries(4):  # the actor's role, teams, people, robots
        found = listing.find(actor=actor, organization=acme, text="team")
    assert len(found.teams) == len(found.robots) == listing.FOUND_MAX


def test_members_tell_whether_a_password_alone_signs_them_in():
    acme = make.organization(owner=make.user("ada"))
    bo = make.user("bo")
    accounts.set_member_role(actor=make.SYSTEM, organization=acme, user=bo, role="member")
    AuthenticatorApp.objects.create(user=bo, secret_sealed="x")

    def page(**how):
        found = listing.member_page(actor=make.SYSTEM, organization=acme, start=0, size=10, **how)
        return [(str(one.user), one.is_secured) for one in found.people]

    assert page() == [("ada", False), ("bo", True)]
    assert page(unsecured=True) == [("ada", False)]
    assert page(unsecured=True, role="member") == []
    assert listing.loose_ends(actor=make.SYSTEM, organization=acme) == listing.Loose(1, 0)
    Invitation.objects.create(organization=acme, email="c@example.test", expires_at=timezone.now())
    assert listing.loose_ends(actor=make.SYSTEM, organization=acme) == listing.Loose(1, 1)
    with pytest.raises(Forbidden):
        listing.loose_ends(actor=make.actor(bo), organization=acme)
