"""Teams that mirror groups of a real directory: who comes, who goes, and what must not wipe a team."""

from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from accounts import directory, services, worker
from accounts.models import Identity, Membership, Team, TeamMember
from core.errors import Conflict, Invalid, Unreachable
from logs.models import LogEntry
from quotas.models import Quota, Resource
from tests import make
from tests.accounts.directories.slapd import PASSWORD, group, person
from tests.api.quay.world import bearer
from tests.console.entering import enter

pytestmark = [pytest.mark.processes, pytest.mark.django_db]
OPS = "cn=ops,ou=groups"


def link(user, uid):
    entry = directory.sign_in(uid, PASSWORD)
    assert entry
    Identity.objects.create(user=user, service="ldap", subject=entry.subject, place=entry.place, login=uid)


@pytest.fixture
def people(slapd):
    people = {name: make.user(name) for name in ("ada", "bob", "eve")}
    for name, user in people.items():
        link(user, name)
    return people


@pytest.fixture
def acme(people):
    return make.organization()


@pytest.fixture
def devs(acme):
    devs = make.team(acme)
    services.add_team_member(actor=make.SYSTEM, team=devs, robot=make.robot(acme))
    return services.enable_team_sync(actor=make.SYSTEM, team=devs, group_dn=OPS)


def turn(team, minutes=0):
    """Let the workers take a turn, so many minutes from now."""
    with time_machine.travel(timezone.now() + timedelta(minutes=minutes), tick=True):
        for key in services.teams_to_sync(limit=1000):
            worker.sync_team(key)
    team.refresh_from_db()


def inside(team):
    names = TeamMember.objects.filter(team=team, user__isnull=False)
    return sorted(names.values_list("user__username", flat=True))


def told(kind):
    return [entry.metadata for entry in LogEntry.objects.filter(kind=kind).order_by("pk")]


def test_people_come_and_go_with_the_group_and_robots_stay(slapd, people, acme, devs):
    services.disable_team_sync(actor=make.SYSTEM, team=devs)
    make.member(devs, people["eve"])
    services.enable_team_sync(actor=make.SYSTEM, team=devs, group_dn=group("ops"))
    assert inside(devs) == ["eve"]
    before = timezone.now()
    turn(devs)
    assert inside(devs) == ["ada", "bob"]
    assert devs.synced_at >= before
    assert TeamMember.objects.filter(team=devs, robot__isnull=False).count() == 1
    assert {one["member"] for one in told("org_add_team_member")} >= {"ada", "bob"}
    assert told("org_remove_team_member") == [{"member": "eve", "team": "devs"}]
    assert not Membership.objects.filter(organization=acme, user=people["eve"]).exists()
    slapd.set_group("ops", "bob")
    turn(devs)  # not its turn yet
    assert inside(devs) == ["ada", "bob"]
    turn(devs, minutes=31)
    assert inside(devs) == ["bob"]
    members = Quota.objects.get(namespace=acme.namespace, resource=Resource.MEMBERS)
    assert members.used == 2  # bob and the owner


def test_what_a_token_may_ends_with_the_group(slapd, people, acme, devs):
    web = make.project(acme)
    make.grant(web, "read", team=devs)
    client = bearer(make.token(people["ada"]))
    path = "/api/v1/repository/acme/web"
    assert client.get(path).status_code == 403
    turn(devs)
    assert client.get(path).status_code == 200
    slapd.set_group("ops", "bob")
    turn(devs, minutes=31)
    assert client.get(path).status_code == 403


@pytest.mark.parametrize("trouble", ["down", "gone", "refused", "hidden"])
def test_trouble_takes_nobody_out_and_is_told_once(slapd, settings, devs, trouble):
    turn(devs)
    synced_at = devs.synced_at
    if trouble == "down":
        slapd.stop()
    elif trouble == "gone":
        slapd.delete(group("ops"))
    elif trouble == "refused":
        settings.LDAP_BIND_PASSWORD = "wrong"
    else:
        Team.objects.filter(pk=devs.pk).update(sync_config={"group_dn": "cn=hidden,ou=groups"})
    for minutes in (31, 62, 93):
        turn(devs, minutes)
        assert inside(devs) == ["ada", "bob"]
    assert devs.synced_at == synced_at
    assert devs.sync_problem
    assert told("team_sync_failed") == [{"team": "devs", "problem": devs.sync_problem}]
    if trouble == "refused":
        settings.LDAP_BIND_PASSWORD = "reads, and no more"
        turn(devs, 124)
        assert not devs.sync_problem
        assert len(told("team_sync_recovered")) == 1


def test_an_empty_group_is_believed_the_second_time(slapd, devs):
    turn(devs)
    slapd.set_group("ops", "nobody-we-know")
    turn(devs, 31)
    assert inside(devs) == ["ada", "bob"]
    assert "taken out" in devs.sync_problem
    slapd.set_group("ops", "ada", "nobody-we-know")
    turn(devs, 62)
    assert inside(devs) == ["ada"]
    slapd.set_group("ops", "nobody-we-know")
    turn(devs, 93)
    assert inside(devs) == ["ada"]  # the doubt begins anew
    turn(devs, 124)
    assert inside(devs) == []
    assert not devs.sync_problem


def test_a_new_holder_of_an_old_name_inherits_nothing(slapd, people, devs):
    turn(devs)
    slapd.delete(person("ada"))
    slapd.add_person("ada")
    slapd.set_group("ops", "ada", "bob")
    turn(devs, 31)
    assert inside(devs) == ["bob"]


def test_who_is_renamed_stays(slapd, devs):
    turn(devs)
    slapd.rename(person("ada"), "uid=countess")
    slapd.set_group("ops", "countess", "bob")
    turn(devs, 31)
    assert inside(devs) == ["ada", "bob"]
    place = Identity.objects.get(user__username="ada").place
    assert place == directory.digest(person("countess"))


def test_the_last_administrator_stays_and_everybody_is_told(slapd, people):
    acme = make.organization("acme", owner=people["ada"])
    leads = Team.objects.get(organization=acme, slug="owners")
    make.member(leads, people["bob"])
    # Nobody administers it but by this team.
    Membership.objects.filter(organization=acme).update(role="member", is_direct=False)
    services.enable_team_sync(actor=make.SYSTEM, team=leads, group_dn=OPS)
    slapd.set_group("ops", "nobody-we-know")
    for minutes in (0, 31, 62):
        turn(leads, minutes)
    assert inside(leads) == ["ada"]
    assert "nobody else administers" in leads.sync_problem
    assert told("team_sync_kept_administrator") == [{"team": "owners", "member": "ada"}]
    # As soon as somebody else administers, she goes.
    make.member(make.team(acme, "more", "admin"), people["eve"])
    turn(leads, 93)
    turn(leads, 124)
    assert inside(leads) == []


def test_the_limit_of_members_holds(slapd, acme, devs):
    Quota.objects.filter(namespace=acme.namespace, resource=Resource.MEMBERS).update(limit=2)
    turn(devs)
    assert inside(devs) == []
    assert devs.sync_problem
    Quota.objects.filter(namespace=acme.namespace, resource=Resource.MEMBERS).update(limit=3)
    turn(devs, 31)
    assert inside(devs) == ["ada", "bob"]


def test_a_comparison_that_was_overtaken_changes_nothing(slapd, devs, monkeypatch):
    turn(devs)
    read = directory.places_in_group

    def slow(dn):
        found = read(dn)
        Team.objects.filter(pk=devs.pk).update(sync_tried_at=timezone.now())  # another worker's claim
        return found

    slapd.set_group("ops", "bob")
    monkeypatch.setattr(directory, "places_in_group", slow)
    turn(devs, 31)
    assert inside(devs) == ["ada", "bob"]


def test_each_team_is_taken_by_one_worker(slapd, devs, monkeypatch):
    asked = []

    def ask(dn):
        asked.append(dn)
        return set()

    monkeypatch.setattr(directory, "places_in_group", ask)
    for _ in range(3):
        worker.sync_team(devs.pk)
    assert asked == [OPS]


def test_groups_that_cannot_be_bound(slapd, acme, devs):
    other = make.team(acme, "other")
    for wrong in ("", " ", "cn=nothing,ou=groups", "no name", "cn=hidden,ou=groups", "x" * 2000, "cn=\\"):
        with pytest.raises(Invalid):
            services.enable_team_sync(actor=make.SYSTEM, team=other, group_dn=wrong)
    with pytest.raises(Conflict):
        services.enable_team_sync(actor=make.SYSTEM, team=devs, group_dn=OPS)
    slapd.stop()
    with pytest.raises(Unreachable):
        services.enable_team_sync(actor=make.SYSTEM, team=other, group_dn=OPS)
    other.refresh_from_db()
    assert not other.sync_service


def test_the_wire_tells_where_people_come_from(slapd, acme, devs):
    owner = make.user("boss", superuser=True)
    services.set_member_role(actor=make.SYSTEM, organization=acme, user=owner, role="owner")
    client = bearer(make.token(owner))
    body = client.get("/api/v1/organization/acme/team/devs/members").json()
    assert body["can_sync"] == {"service": "ldap", "base_dn": ["dc=brightwater", "dc=example"]}
    assert body["synced"] == {"service": "ldap", "last_updated": None, "config": {"group_dn": OPS}}
    slapd.stop()
    make.team(acme, "ops")
    answer = client.post(
        "/api/v1/organization/acme/team/ops/syncing", {"group_dn": OPS}, content_type="application/json"
    )
    assert (answer.status_code, answer.json()["title"]) == (520, "external_service_timeout")


def test_many_teams_cost_what_each_costs(slapd, acme, devs, django_assert_max_num_queries):
    turn(devs)
    for number in range(5):
        team = make.team(acme, f"team{number}")
        services.enable_team_sync(actor=make.SYSTEM, team=team, group_dn=OPS)
    with django_assert_max_num_queries(1):
        keys = services.teams_to_sync(limit=1000)
    assert len(keys) == 5
    worker.sync_team(keys[0])
    later = time_machine.travel(timezone.now() + timedelta(minutes=31), tick=True)
    with later, django_assert_max_num_queries(20):  # of them 6 are savepoints and transactions
        worker.sync_team(keys[0])


# In the console ------------------------------------------------------------------------------------------


def test_a_preview_names_who_would_come_and_go_and_changes_nothing(slapd, people, acme):
    devs = make.team(acme)
    make.member(devs, people["eve"], people["bob"])
    found = services.preview_team_sync(actor=make.SYSTEM, team=devs, group_dn=OPS)
    assert (found.joins, found.leaves, found.stays) == (["ada"], ["eve"], 1)
    assert inside(devs) == ["bob", "eve"]
    with pytest.raises(Invalid):
        services.preview_team_sync(actor=make.SYSTEM, team=devs, group_dn="cn=nothing,ou=groups")
    slapd.stop()
    with pytest.raises(Unreachable):
        services.preview_team_sync(actor=make.SYSTEM, team=devs, group_dn=OPS)


def test_an_administrator_looks_binds_and_releases_on_a_page(slapd, people, acme):
    owner = make.user("boss")
    services.set_member_role(actor=make.SYSTEM, organization=acme, user=owner, role="owner")
    devs = make.team(acme)
    make.member(devs, people["eve"])
    client, page = enter(owner), "/o/acme/teams/devs/group/"
    assert "Mirror a group" in client.get("/o/acme/teams/devs/").content.decode()
    shown = client.get(page, {"group": OPS}).content.decode()
    assert "2 join" in shown
    assert "1 leave" in shown
    assert "Mirror this group" in shown
    wrong = client.get(page, {"group": "cn=nothing,ou=groups"}).content.decode()
    assert 'role="alert"' in wrong
    assert "Mirror this group" not in wrong
    assert client.post(page, {"do": "bind", "group": OPS})["Location"] == "/o/acme/teams/devs/"
    turn(devs)
    assert inside(devs) == ["ada", "bob"]
    assert client.post(page, {"do": "bind", "group": OPS})["Location"] == page, "bound already"
    assert client.post(page, {"do": "release"})["Location"] == "/o/acme/teams/devs/"
    devs.refresh_from_db()
    assert not devs.sync_service
    assert inside(devs) == ["ada", "bob"]


@pytest.mark.parametrize("who", ["bob", "outsider", "admin"])
def test_others_see_no_groups(slapd, settings, people, acme, who):
    make.team(acme)
    user = people.get(who) or make.user(who)
    if who != "outsider":
        role = "admin" if who == "admin" else "member"
        services.set_member_role(actor=make.SYSTEM, organization=acme, user=user, role=role)
    settings.TEAM_SYNCING_BY_ADMINS = False
    page = "/o/acme/teams/devs/group/"
    assert enter(user).get(page, {"group": OPS}).status_code == 403
    assert enter(user).post(page, {"do": "bind", "group": OPS}).status_code == 403
    assert not Team.objects.exclude(sync_service="").exists()
