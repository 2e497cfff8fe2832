"""An organization that asks a second factor of its people gives nothing to those who have none."""

from dataclasses import dataclass

import pytest
from django.test import Client

from accounts import listing as members
from accounts import selectors, services, tasks
from accounts.models import AuthenticatorApp, Membership, Organization, SecurityMail, User
from core import seal
from core.actor import Actor
from core.errors import Forbidden, Invalid, NotFound, SecondFactorMissing
from core.publicids import base58, nid, time_id
from logs.models import LogEntry
from permissions import checks, reasons
from permissions.catalogue import (
    ORGANIZATION_ADMINISTER,
    ORGANIZATION_CHANGE,
    ORGANIZATION_READ,
    PROJECT_CHANGE,
    PROJECT_READ,
    PROJECT_WRITE,
    RIGHTS,
    Ladder,
    Level,
    Scope,
)
from permissions.resolver import PERSON, Key, difference, openings, with_second_factor_asked
from permissions.selectors import facts
from projects import listing, search
from projects import selectors as projects
from projects.models import Project
from tests import make
from tests.accounts.test_second_factor import code as app_code
from tests.accounts.test_second_factor import herself, set_up
from tests.console.entering import enter
from tests.racing import race
from tokens import services as tokens
from tokens.kinds import Kind
from trash import selectors as trash
from trash.services import may_restore

pytestmark = pytest.mark.django_db
WORDS = "acme asks for a second factor: set one up under My account, Security"


def give(user):
    """Give somebody an app without the ceremony, and return her."""
    AuthenticatorApp.objects.create(user=user, secret_sealed=seal.seal("JBSWY3DPEHPK3PXP"))
    return user


def now(user, scopes=None):
    """Return somebody who acts now, with nothing remembered."""
    return make.actor(User.objects.get(pk=user.pk), scopes)


@dataclass
class World:
    acme: Organization
    web: Project
    open: Project
    people: dict[str, User]

    def __getitem__(self, name):
        return self.people[name]

    def ask(self):
        services.require_second_factor(actor=now(self["owner"]), organization=self.acme)


@pytest.fixture
def world():
    names = ("owner", "admin", "creator", "member", "auditor", "seated", "granted", "outside", "stranger")
    people = {name: make.user(name) for name in names}
    acme = make.organization("acme", give(people["owner"]))
    for name in ("admin", "creator", "member", "auditor", "granted"):
        role = "member" if name == "granted" else name
        services.set_member_role(actor=make.SYSTEM, organization=acme, user=people[name], role=role)
    make.member(make.team(acme, "devs", role="admin"), people["seated"])
    web, public = make.project(acme, "web"), make.project(acme, "open", visibility="public")
    for name in ("granted", "outside"):
        make.grant(web, "write", user=people[name])
    changes = {"provider": "gh", "provider_organization": "acme-inc"}
    services.change_organization(actor=make.SYSTEM, organization=acme, changes=changes)
    return World(acme, web, public, people)


def held(world, user):
    """Return every right that somebody has on the organization and its projects, asked in one go."""
    actor = now(user)
    acme = selectors.organization(actor=actor, name="acme")
    found = set()
    for project in (None, *Project.objects.filter(namespace=acme.namespace).order_by("pk")):
        target = project or acme
        wanted = Ladder.PROJECT if project else Ladder.ORGANIZATION
        found |= {
            (right.name, getattr(project, "slug", ""))
            for right in RIGHTS.values()
            if right.ladder == wanted and checks.check(actor, right, target)
        }
    return found


INSIDE = ("admin", "creator", "member", "auditor", "seated", "granted", "outside")
PUBLIC = {
    (right.name, "open")
    for right in RIGHTS.values()
    if right.ladder == Ladder.PROJECT and right.level == Level.READ
}


@pytest.mark.parametrize("name", INSIDE)
def test_nothing_counts_before_she_has_one_and_all_after(world, name):
    before = held(world, world[name])
    assert before > PUBLIC
    world.ask()
    assert held(world, world[name]) == PUBLIC
    give(world[name])
    assert held(world, world[name]) == before
    AuthenticatorApp.objects.all().delete()
    assert held(world, world[name]) == PUBLIC
    services.waive_second_factor(actor=make.SYSTEM, organization=world.acme)
    assert held(world, world[name]) == before


def test_whoever_is_no_person_and_whoever_runs_the_instance_goes_on(world, settings):
    robot = make.robot(world.acme)
    make.grant(world.web, "write", robot=robot)
    world.ask()
    web = Project.objects.select_related("namespace__organization").get(pk=world.web.pk)
    acme = web.namespace.organization
    assert checks.check(Actor(robot=robot), PROJECT_WRITE, web)
    assert checks.check(Actor(organization=acme), ORGANIZATION_CHANGE, acme)
    assert checks.check(Actor(project=web), PROJECT_READ, web)
    root = make.user("root", superuser=True)
    assert not checks.check(now(root), ORGANIZATION_READ, acme)
    settings.SUPERUSERS_FULL_ACCESS = True
    assert checks.check(now(root), ORGANIZATION_CHANGE, acme)
    settings.READONLY_SUPERUSERS = frozenset({"stranger"})
    assert checks.check(now(world["stranger"]), ORGANIZATION_ADMINISTER, acme)


def test_what_is_her_own_and_other_organizations_stay(world):
    other, hers = make.organization("globex", world["member"]), make.project(world["member"], "own")
    theirs = make.project(other, "theirs")
    world.ask()
    actor = now(world["member"])
    for right, target in ((ORGANIZATION_CHANGE, other), (PROJECT_CHANGE, hers), (PROJECT_CHANGE, theirs)):
        assert checks.check(actor, right, target)
    assert {one.slug for one in projects.projects(actor=actor)} == {"own", "theirs"}


@pytest.mark.parametrize("order", ["organization first", "project first"])
def test_the_order_of_questions_makes_no_difference(world, order):
    world.ask()
    actor = now(world["granted"])
    asked = [(ORGANIZATION_READ, world.acme), (PROJECT_WRITE, world.web)]
    world.acme.refresh_from_db()
    world.web.namespace.organization = world.acme
    for right, target in asked if order == "organization first" else reversed(asked):
        assert not checks.check(actor, right, target)
        assert checks.explain(actor, right, target).reason == WORDS


def test_no_question_more_is_asked(world, django_assert_num_queries):
    for _ in range(2):
        web = Project.objects.select_related("namespace__organization").get(pk=world.web.pk)
        with django_assert_num_queries(1):
            actor = Actor(user=world["granted"])
            checks.check(actor, PROJECT_WRITE, web)
            checks.check(actor, ORGANIZATION_READ, web.namespace.organization)
        with django_assert_num_queries(1):
            checks.check(Actor(user=world["granted"]), ORGANIZATION_READ, web.namespace.organization)
        world.ask()


def lists(world, user):
    actor = now(user)
    acme = selectors.organization(actor=actor, name="acme")
    rows = list(Project.objects.filter(namespace=acme.namespace))
    everywhere = [
        members.find_everywhere(actor=actor, text=text) for text in ("acme", "devs", "ci", "member")
    ]
    return {
        "inside": [members.inside(actor=actor, name="acme")]
        if members.inside(actor=actor, name="acme")
        else [],
        "organizations": everywhere[0].organizations,
        "their teams": everywhere[1].teams,
        "their robots": everywhere[2].robots,
        "their people": everywhere[3].people,
        "projects": {one.slug for one in projects.projects(actor=actor)},
        "held": {one.slug for one in listing.held_projects(actor=actor)},
        "levels": projects.levels(actor=actor, organization=acme, projects=rows),
        "teams": {one.slug for one in search.teams(actor=actor, text="devs")},
        "robots": {one.shortname for one in search.robots(actor=actor, text="ci")},
    }


@pytest.mark.parametrize("name", ["admin", "auditor", "seated", "granted", "outside"])
def test_lists_and_searches_hold_nothing_of_it(world, name):
    make.robot(world.acme)
    before = lists(world, world[name])
    assert before["projects"]
    world.ask()
    empty = {key: type(found)() for key, found in before.items()}
    assert lists(world, world[name]) == empty
    give(world[name])
    assert lists(world, world[name]) == before


def test_the_facts_say_the_same_as_the_checks(world):
    people = [*world.people.values(), make.user("root", superuser=True)]
    for step in ("open", "asked"):
        acme = selectors.organization(actor=make.SYSTEM, name="acme")
        told = facts(actor=make.SYSTEM, organization=acme)
        for user in people:
            key = Key(PERSON, user.pk)
            if key not in told.bearers:
                continue
            for project in Project.objects.filter(namespace=acme.namespace):
                level = told.ways(key).level(project.pk)
                assert level == checks.project_level(now(user), project), (step, user, project)
                assert all(path.level <= level for path in told.paths(key, project.pk))
        if step == "open":
            world.ask()


def test_what_would_be_lost_is_told_beforehand(world):
    before = facts(actor=make.SYSTEM, organization=world.acme)
    assert before.unsecured() == sorted(INSIDE)
    effects = difference(before, with_second_factor_asked(before)).effects
    lost = {name for effect in effects for name in effect.people}
    assert lost == {"admin", "seated", "auditor", "granted", "outside"}
    world.ask()
    after = facts(actor=make.SYSTEM, organization=selectors.organization(actor=make.SYSTEM, name="acme"))
    (opening,) = openings(after, Key(PERSON, world["granted"].pk), world.web.pk)
    assert (opening.kind, opening.level) == ("second_factor", Level.WRITE)


def test_a_refusal_says_what_is_missing_to_who_is_inside_alone(world):
    world.ask()
    acme = selectors.organization(actor=make.SYSTEM, name="acme")
    for name, words in (("member", WORDS), ("stranger", "Your role does not allow to")):
        with pytest.raises(Forbidden, match=words) as caught:
            checks.require(now(world[name]), ORGANIZATION_READ, acme)
        assert isinstance(caught.value, SecondFactorMissing) == (name == "member")
    told = reasons.refusal(actor=now(world["member"]), right="organization_read", target=acme)
    assert told is not None
    assert (told.kind, told.organization, told.givers) == ("factor", "acme", ())
    # By a key or a path, what is hidden stays hidden to strangers.
    for name, error in (("member", SecondFactorMissing), ("stranger", NotFound)):
        with pytest.raises(error):
            selectors.organization_by_key(actor=now(world[name]), pk=acme.pk, right=ORGANIZATION_READ)
    for name, error in (("outside", SecondFactorMissing), ("stranger", NotFound)):
        for ask in (
            projects.project_by_key,
            lambda **more: projects.project_of(
                actor=more["actor"], organization=acme, slug="web", right=more["right"]
            ),
        ):
            with pytest.raises(error):
                ask(actor=now(world[name]), pk=world.web.pk, right=PROJECT_READ)


# Switching it on and off ---------------------------------------------------------------------------------


def test_who_asks_for_one_has_one(world):
    with pytest.raises(Invalid, match="Set up a second factor of your own first"):
        services.require_second_factor(actor=now(world["admin"]), organization=world.acme)
    with pytest.raises(Invalid, match="Only a person"):
        services.require_second_factor(actor=Actor(organization=world.acme), organization=world.acme)
    for name in ("member", "creator", "auditor", "stranger"):
        with pytest.raises(Forbidden):
            services.require_second_factor(actor=now(give(world[name])), organization=world.acme)
    with pytest.raises(Forbidden):
        services.require_second_factor(actor=now(world["owner"], Scope.REPO_ADMIN), organization=world.acme)
    world.acme.refresh_from_db()
    assert not world.acme.requires_second_factor
    assert not SecurityMail.objects.exists()


def test_it_is_told_in_the_log_and_once(world):
    world.ask()
    world.ask()
    acme = Organization.objects.get()
    services.waive_second_factor(actor=now(world["owner"]), organization=acme)
    services.waive_second_factor(actor=now(world["owner"]), organization=acme)
    rows = LogEntry.objects.filter(kind__contains="second_factor").order_by("pk")
    assert list(rows.values_list("kind", "metadata")) == [
        ("org_require_second_factor", {"namespace": "acme", "waiting": len(INSIDE)}),
        ("org_waive_second_factor", {"namespace": "acme"}),
    ]


def test_whoever_waits_for_it_cannot_switch_it_off(world):
    world.ask()
    for name in ("admin", "seated"):
        with pytest.raises(SecondFactorMissing):
            services.waive_second_factor(actor=now(world[name]), organization=world.acme)
    root = make.user("root", superuser=True)
    services.waive_second_factor(actor=now(root), organization=world.acme)
    assert checks.check(now(world["admin"]), ORGANIZATION_CHANGE, Organization.objects.get())


def test_those_who_lose_access_are_mailed_and_no_others(world, mailbox):
    User.objects.filter(pk=world["creator"].pk).update(is_active=False)
    give(world["auditor"])
    world.ask()
    rows = SecurityMail.objects.order_by("user__username")
    names = [row.user.username for row in rows]
    assert names == ["admin", "granted", "member", "outside", "seated"]
    # Who switched it on, and from where, is not for them.
    assert {(row.ip, row.browser, row.detail) for row in rows} == {(None, "", "acme")}
    tasks.send_security_mail(rows[2].pk)
    (mail,) = mailbox.mails
    assert mail["To"] == "member@example.test"
    body = mail.get_body(("plain",)).get_content()
    assert "acme asks a second factor" in " ".join(body.split())
    assert "/account/security/" in body


def test_she_may_take_her_last_factor_away_and_loses_access(world):
    set_up(world["admin"])
    world.ask()
    assert checks.check(now(world["admin"]), ORGANIZATION_CHANGE, Organization.objects.get())
    services.remove_authenticator_app(actor=herself(world["admin"]))
    assert not checks.check(now(world["admin"]), ORGANIZATION_READ, Organization.objects.get())
    assert Membership.objects.filter(user=world["admin"], role="admin").exists()


def test_a_file_carries_it(world):
    services.change_organization(
        actor=now(world["owner"]), organization=world.acme, changes={"requires_second_factor": True}
    )
    assert Organization.objects.get().requires_second_factor
    services.change_organization(
        actor=now(world["owner"]), organization=world.acme, changes={"requires_second_factor": False}
    )
    assert not Organization.objects.get().requires_second_factor


def test_the_trash_asks_for_it_too(world):
    services.set_member_role(actor=make.SYSTEM, organization=world.acme, user=world["admin"], role="owner")
    world.ask()
    services.delete_organization(actor=now(world["owner"]), organization=world.acme)
    (thing,) = trash.trashed_organizations(actor=now(world["owner"]))
    may_restore(actor=now(world["owner"]), thing=thing)
    assert not trash.trashed_organizations(actor=now(world["admin"]))
    with pytest.raises(NotFound):
        trash.trashed_organization(actor=now(world["admin"]), uuid=str(thing.uuid))
    with pytest.raises(Forbidden):
        may_restore(actor=now(world["admin"]), thing=thing)
    give(world["admin"])
    may_restore(actor=now(world["admin"]), thing=thing)


# Over the wires and in the console -----------------------------------------------------------------------


def of_person(kind, user):
    return tokens.create_token(actor=make.actor(user), kind=kind, user=user, title="t")[1]


def answers(world, user, session):
    """Return what each door answers to somebody: status and body."""
    api = {"authorization": f"Bearer {make.token(user)}"}
    codacy = {"api-token": of_person(Kind.ACCOUNT, user)}
    cisense = {"authorization": f"Bearer {of_person(Kind.ACCESS, user)}"}
    org, web = nid("org", world.acme.pk), nid("prj", world.web.pk)
    flexstack = base58(time_id("project", world.web.pk, world.web.created_at))
    asked = {
        "quay organization": (api, "/api/v1/organization/acme/robots"),
        "quay project": (api, "/api/v1/repository/acme/web"),
        "codacy organization": (codacy, "/api/v3/organizations/gh/acme-inc"),
        "codacy project": (codacy, "/api/v3/organizations/gh/acme-inc/repositories/web"),
        "codacy tokens": (codacy, "/api/v3/organizations/gh/acme-inc/repositories/web/tokens"),
        "cisense organization": (cisense, f"/v3/organizations/{org}"),
        "cisense projects": (cisense, f"/v3/organizations/{org}/projects"),
        "cisense project": (cisense, f"/v3/projects/{web}"),
    }
    found = {name: Client().get(path, headers=headers) for name, (headers, path) in asked.items()}
    found["flexstack project"] = session.get(f"/v1/projects/{flexstack}")
    for page in ("", "projects/", "settings/", "projects/web/"):
        found[f"console {page}"] = session.get(f"/o/acme/{page}")
    return found


def test_every_door_refuses_her_at_once_and_opens_again_at_once(world):
    user, session = world["admin"], Client()
    session.force_login(user)
    before = answers(world, user, session)
    assert {name: one.status_code for name, one in before.items()} == dict.fromkeys(before, 200)
    world.ask()
    for name, answer in answers(world, user, session).items():
        if name == "console projects/":  # what anybody may see of it
            assert answer.status_code == 200
            assert "you see what is public" in answer.content.decode()
            assert "/projects/web/" not in answer.content.decode()
            continue
        assert answer.status_code == 403, (name, answer.status_code, answer.content)
        assert WORDS in answer.content.decode(), name
    assert "/account/security/" in session.get("/o/acme/").content.decode()
    listed = Client().get(
        "/api/v1/repository?namespace=acme", headers={"authorization": f"Bearer {make.token(user)}"}
    )
    assert listed.json()["repositories"] == []
    assert "second factor needed" in session.get("/").content.decode()
    give(user)
    after = answers(world, user, session)
    assert {name: one.status_code for name, one in after.items()} == dict.fromkeys(before, 200)


def test_each_wire_refuses_in_its_own_shape(world):
    world.ask()
    session = Client()
    session.force_login(world["admin"])
    found = answers(world, world["admin"], session)
    quay = found["quay organization"].json()
    assert (quay["error_type"], quay["detail"]) == ("insufficient_scope", WORDS)
    codacy = found["codacy organization"].json()
    assert codacy == {"error": "Forbidden", "message": WORDS, "actions": []}
    assert found["cisense organization"].json() == {"code": 403, "message": WORDS}
    flexstack = found["flexstack project"].json()
    assert flexstack["message"] == WORDS


def test_the_organizations_own_token_goes_on(world):
    _, secret = tokens.create_token(actor=make.SYSTEM, kind=Kind.ORGANIZATION, organization=world.acme)
    world.ask()
    headers = {"authorization": f"Bearer {secret}"}
    answer = Client().get("/api/v1/public/organizations/users", headers=headers)
    assert answer.status_code == 200, answer.content


def test_every_wire_says_the_same_of_who_is_in_it(world):
    """The name of the organization stays hers to see: she is still a member."""
    world.ask()
    headers = {"authorization": f"Bearer {make.token(world['admin'])}"}
    mine = Client().get("/api/v1/user/", headers=headers).json()["organizations"]
    (acme,) = [one for one in mine if one["name"] == "acme"]
    assert not acme["is_org_admin"]
    assert not acme["can_create_repo"]


# At once -------------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_switching_it_on_and_taking_ones_own_away_at_once(world):
    """Whoever switches it on has one at that moment; no race leaves her with neither answer."""
    AuthenticatorApp.objects.all().delete()
    set_up(world["owner"])
    actors = [now(world["owner"]), herself(world["owner"])]
    acts = [
        lambda: services.require_second_factor(actor=actors[0], organization=world.acme),
        lambda: services.remove_authenticator_app(actor=actors[1]),
    ]
    told = race(2, lambda number: acts[number]())
    acme = Organization.objects.get()
    on, log = acme.requires_second_factor, LogEntry.objects.order_by("pk")
    kinds = [kind for kind in log.values_list("kind", flat=True) if "factor" in kind or "remove_auth" in kind]
    assert not AuthenticatorApp.objects.exists()
    if on:  # first asked, then taken away: she waits for herself
        assert told == {"ok": 2}
        assert kinds == ["org_require_second_factor", "user_remove_authenticator"]
        assert not checks.check(now(world["owner"]), ORGANIZATION_READ, acme)
    else:
        assert told == {"ok": 1, "invalid": 1}
        assert kinds == ["user_remove_authenticator"]


def test_her_security_page_says_what_waits_for_it_and_leads_on():
    ada, root = make.user("ada"), give(make.user("owner"))
    acme = make.organization("acme", owner=root)
    make.organization("calm", owner=ada)
    Membership.objects.create(organization=acme, user=ada, role="member")
    client = enter(ada)
    assert "stay closed" not in client.get("/account/security/").content.decode()
    Organization.objects.filter(pk=acme.pk).update(requires_second_factor=True)
    shown = client.get("/account/security/").content.decode()
    assert "stay closed to you" in shown
    assert '<a href="/o/acme/">' in shown
    assert "/o/calm/" not in shown
    actor = herself(ada)
    _, sealed = services.offer_authenticator_app(actor=actor)
    secret = services.offered_secret(actor=actor, sealed=sealed)
    shown = client.post(
        "/account/security/", {"do": "confirm", "sealed": sealed, "code": app_code(secret)}
    ).content.decode()
    assert "Your recovery codes" in shown
    assert "go on to:" in shown
    assert '<a href="/o/acme/">' in shown
    assert "go on to:" not in client.get("/account/security/").content.decode()


def test_who_signs_in_by_a_recovery_code_is_told_how_many_are_left():
    ada = give(make.user("ada"))
    spent = services.make_recovery_codes(actor=herself(ada))[0]
    client = Client()
    client.post("/sign-in/", {"username": "ada", "password": make.PASSWORD})
    assert client.post("/sign-in/second/", {"code": spent})["Location"] == "/"
    assert "recovery code; 9 are left" in client.get("/").content.decode()
