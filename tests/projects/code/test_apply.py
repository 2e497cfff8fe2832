"""Exporting, comparing and applying: what comes back is what was, twice is once, all or nothing."""

from __future__ import annotations

from datetime import timedelta

import pytest
import yaml
from django.db import connection
from django.utils import timezone

from accounts import services as accounts
from accounts.models import Invitation, Organization
from core.errors import Conflict, Forbidden, Invalid, QuotaExceeded, Unauthenticated
from logs.models import LogEntry
from projects.services import code
from projects.services.code.state import read_state
from quotas import services as quotas
from quotas.models import Resource
from tests import make
from tests.accounts.test_second_factor_asked import give
from tests.make import SYSTEM
from tests.projects.code import world
from tests.racing import race
from tokens import services
from tokens.models import Application, Credential

pytestmark = pytest.mark.django_db


@pytest.fixture
def people():
    return world.people("owner", "ada", "bob", "eve")


@pytest.fixture
def acme(people):
    return world.build(people["owner"], people)


def read(text):
    return code.read_document(text.encode())


def plan(organization, text, actor=SYSTEM, **how):
    return code.plan_document(actor=actor, organization=organization, document=read(text), **how)


def apply(organization, text, actor=SYSTEM, **how):
    return code.apply_document(actor=actor, organization=organization, document=read(text), **how)


def export(organization, actor=SYSTEM):
    return code.export_organization(actor=actor, organization=organization)


def edit(organization, change):
    """Return the organization's file after ``change`` of what it says."""
    file = yaml.safe_load(export(organization))
    change(file)
    return yaml.safe_dump(file, sort_keys=False)


def test_an_export_differs_in_nothing_from_what_it_was_made_of(acme):
    text = export(acme)
    for prune in (False, True):
        assert list(code.lines_of(plan(acme, text, prune=prune))) == [
            "Nothing to change: acme is as the file says."
        ]


def test_a_bound_team_is_exported_with_its_group_and_without_its_people(people):
    acme = world.build(people["owner"], people, bound=True)
    text = export(acme)
    mirror = text[text.index("  mirror:") :].split("robots:")[0]
    assert "group_dn: cn=all" in mirror
    assert "bob" not in mirror
    for prune in (False, True):
        assert plan(acme, text, prune=prune).is_empty


def test_what_is_exported_makes_the_same_elsewhere(acme, people):
    wanted = yaml.safe_load(export(acme))
    for name in ("organization", "notifications"):
        del wanted[name]
    other = make.organization("other", owner=people["owner"])
    text = yaml.safe_dump(wanted, sort_keys=False)
    assert not apply(other, text).is_empty
    made = yaml.safe_load(export(other))
    assert {name: made[name] for name in wanted} == wanted
    assert list(made) == list(yaml.safe_load(export(acme)))
    for prune in (False, True):
        assert plan(other, text, prune=prune).is_empty
        before = LogEntry.objects.count()
        assert apply(other, text, prune=prune).is_empty
        assert LogEntry.objects.count() == before


def test_no_secret_is_in_an_export(acme):
    text = export(acme)
    assert "SECRET" not in text
    secrets = [row.client_secret for row in Application.objects.all()]
    secrets += [services.reveal(row) for row in Credential.objects.exclude(sealed="")]
    secrets += list(Application.objects.values_list("client_id", flat=True))
    assert len(secrets) > 6
    assert not [one for one in secrets if one in text]


def test_a_diff_tells_each_object(acme):
    text = edit(
        acme,
        lambda file: (
            file["profile"].update(location="Mars"),
            file["members"].update(ada="member", eve="creator"),
            file["members"].pop("bob"),
            file["teams"]["devs"].update(members=["ada"], description="New"),
            file["teams"].update(ops={"role": "creator", "members": ["bob"]}),
            file["projects"]["web"]["grants"]["teams"].update(devs="admin", ops="read"),
            file["projects"].pop("old"),
        ),
    )
    assert list(code.lines_of(plan(acme, text))) == [
        "~ profile: location: Moon -> Mars",
        "~ member ada: role: admin -> member",
        "+ member eve: role: creator",
        "~ team devs: description: \"They: build 'it'\" -> New",
        "+ team ops: role: creator",
        "+ ada in team devs",
        "+ bob in team ops",
        "~ team devs on project web: role: write -> admin",
        "+ team ops on project web: role: read",
        "= member bob: not in the file, kept",
        "= bob in team devs: not in the file, kept",
        "= project old: not in the file, kept",
        "acme: 5 to add, 4 to change, 0 to remove.",
    ]
    pruned = list(code.lines_of(plan(acme, text, prune=True)))
    assert pruned[-3:] == [
        "- bob in team devs",
        "- project old",
        "acme: 5 to add, 4 to change, 2 to remove.",
    ]  # bob stays by the team ops, as the member that he is


def test_additive_unless_pruning_is_asked_for(acme, people):
    text = "version: 1\nmembers: {owner: owner}\nteams: {owners: {}}\nprojects: {web: {grants: {}}}\n"
    text += "robots: {}\ndefault_permissions: []\napplications: []\n"
    assert plan(acme, text).is_empty
    diff = apply(acme, text, prune=True)
    assert {step.sign for step in diff.steps} == {"-"}
    left = yaml.safe_load(export(acme))
    assert left["members"] == {"owner": "owner"}
    assert list(left["teams"]) == ["owners"]
    assert list(left["projects"]) == ["web"]
    assert left["projects"]["web"]["grants"] == {}
    assert (left["robots"], left["default_permissions"], left["applications"]) == ({}, [], [])
    assert apply(acme, text, prune=True).is_empty
    assert not acme.memberships.exclude(user=people["owner"]).exists()
    for resource in ("members", "projects", "robots"):
        used = {"members": 1, "projects": 1, "robots": 0}[resource]
        assert acme.namespace.quotas.get(resource=resource).used == used
        assert acme.account.quotas.get(resource=resource).used == used


def test_a_list_that_is_not_given_is_not_pruned(acme):
    before = export(acme)
    assert apply(acme, "version: 1\nprofile: {location: Moon}\n", prune=True).is_empty
    apply(acme, "version: 1\nprofile: {location: Mars}\n", prune=True)
    assert export(acme) == before.replace("Moon", "Mars")


def test_who_leaves_the_list_but_stays_in_a_team_stays_as_a_member(acme):
    apply(acme, "version: 1\nmembers: {owner: owner}\nteams: {devs: {members: [ada]}}\n")
    apply(acme, "version: 1\nmembers: {owner: owner}\n", prune=True)
    roles = dict(acme.memberships.values_list("user__username", "role"))
    assert roles == {"owner": "owner", "ada": "member", "bob": "member", "eve": "member"}


def test_what_a_removed_member_is_granted_by_the_file_she_keeps(acme, people):
    make.grant(acme.namespace.projects.get(slug="web"), "write", user=people["ada"])
    text = edit(acme, lambda file: file["members"].pop("ada"))
    diff = apply(acme, text, prune=True)
    assert [step.title for step in diff.steps] == [
        "user ada on project web",
        "default permission of user ada on projects of robot ci",
        "member ada",
    ]
    assert plan(acme, text, prune=True).is_empty
    assert not acme.memberships.filter(user=people["ada"]).exists()


def test_all_or_nothing(acme):
    quotas.set_limit(actor=SYSTEM, resource=Resource.ROBOTS, limit=2, namespace=acme.namespace)
    before, entries = export(acme), LogEntry.objects.count()
    text = edit(
        acme,
        lambda file: (
            file["profile"].update(location="Mars"),
            file["robots"].update(new={}),
            file["projects"].update(new={}),
        ),
    )
    with pytest.raises(QuotaExceeded, match=r"^line \d+: robot new: The limit of robots"):
        apply(acme, text)
    assert export(acme) == before
    assert LogEntry.objects.count() == entries


def test_teams_change_places(acme):
    apply(acme, "version: 1\nteams: {devs: {parent: night}, night: {parent: null}}\n")
    assert acme.teams.get(slug="devs").parent.slug == "night"
    assert acme.teams.get(slug="night").parent is None
    with pytest.raises(code.BrokenFiles, match="file:1: the team night would be inside itself"):
        plan(acme, "{version: 1, teams: {night: {parent: devs}}}")


def test_a_project_of_which_no_grants_are_told_is_born_as_by_hand(acme, people):
    actor = make.actor(people["ada"])
    apply(acme, "version: 1\nprojects: {told: {grants: {users: {bob: read}}}, untold: {}}\n", actor=actor)
    made = yaml.safe_load(export(acme))["projects"]
    assert made["told"]["grants"] == {"users": {"bob": "read"}}
    assert made["untold"]["grants"] == {"teams": {"devs": "read"}, "users": {"ada": "admin"}}


@pytest.mark.parametrize(("allowed", "days"), [(None, 90), (30, 30), (365, 90)])
def test_tokens_of_robots_that_a_file_makes_expire(acme, people, allowed, days):
    Organization.objects.filter(pk=acme.pk).update(token_max_days=allowed)
    acme.refresh_from_db()
    apply(acme, "version: 1\nrobots: {new: {}}\n", actor=make.actor(people["ada"]))
    [end] = Credential.objects.filter(robot__shortname="new").values_list("expires_at", flat=True)
    assert end is not None
    assert timedelta(days=days - 1) < end - timezone.now() <= timedelta(days=days)


def test_it_is_told_in_the_log_as_by_hand(acme, people):
    LogEntry.objects.all().delete()
    text = "version: 1\nmembers: {eve: creator}\nrobots: {new: {}}\nteams: {devs: {maintainers: [bob]}}\n"
    apply(acme, text, actor=make.actor(people["ada"]))
    told = LogEntry.objects.order_by("pk").values_list("kind", "performer_name", "namespace_name")
    assert list(told) == [
        (kind, "ada", "acme")
        for kind in ("create_robot", "org_set_member_role", "org_set_team_maintainer", "org_apply")
    ]
    last = LogEntry.objects.get(kind="org_apply")
    assert last.metadata == {"added": 2, "changed": 1, "removed": 0, "pruned": False}


# Who may -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["bob", "eve", "stranger", None])
def test_only_administrators_export_compare_and_apply(acme, people, name):
    actor = make.actor(people.get(name) or make.user("stranger") if name else None)
    text = "version: 1\nprofile: {location: Mars}\n"
    for act in (
        lambda: export(acme, actor),
        lambda: plan(acme, text, actor),
        lambda: apply(acme, text, actor),
    ):
        with pytest.raises((Forbidden, Unauthenticated)):
            act()


ABOVE = [  # the file, what the diff says
    ("members: {eve: owner}", "member eve: only an owner may make or unmake owners"),
    ("members: {owner: admin}", "member owner: only an owner may make or unmake owners"),
    ("quotas: {projects: {limit: 1}}", "quota projects: only superusers change quotas"),
    ("quotas: {bytes: {limit: 1}}", "quota bytes: only superusers change quotas"),
]


@pytest.mark.parametrize(("text", "said"), ABOVE)
def test_a_file_gives_no_rights(acme, people, text, said):
    actor = make.actor(people["ada"])
    text = f"version: 1\nprofile: {{location: Mars}}\n{text}\n"
    assert plan(acme, text, actor).refused == [said]
    before = export(acme)
    with pytest.raises(Forbidden):
        apply(acme, text, actor)
    assert export(acme) == before


def test_pruning_owners_is_for_owners(acme, people):
    text = "version: 1\nmembers: {ada: admin, bob: member}\nteams: {owners: {members: [], maintainers: []}}\n"
    with pytest.raises(Forbidden):
        apply(acme, text, make.actor(people["ada"]), prune=True)


def test_somebody_administers_it_afterwards(acme, people):
    text = "version: 1\nmembers: {}\nteams: {owners: {members: [], maintainers: []}}\n"
    with pytest.raises(Conflict, match="without an administrator"):
        apply(acme, text, prune=True)


def test_whoever_must_be_asked_is_invited_and_not_asked_again(acme, people, settings):
    settings.MAILING = settings.REQUIRE_TEAM_INVITE = True
    make.user("new")
    text = "version: 1\nteams: {devs: {members: [bob, new], maintainers: []}}\n"
    actor = make.actor(people["ada"])
    assert "new is invited to the team devs" in apply(acme, text, actor).notes
    assert Invitation.objects.get(user__username="new").team is not None
    again = apply(acme, text, actor)
    assert again.is_empty
    assert again.notes[0] == "new in team devs: invited already, and has not answered yet"
    assert not acme.memberships.filter(user__username="new").exists()


# Together with others ------------------------------------------------------------------------------------


def test_a_change_since_the_diff_is_noticed(acme):
    text = "version: 1\nprofile: {location: Mars}\n"
    expected = plan(acme, text).fingerprint
    make.robot(acme, "meanwhile")
    with pytest.raises(Conflict, match="changed since you looked"):
        apply(acme, text, expected=expected)
    apply(acme, text, expected=plan(acme, text).fingerprint)


@pytest.mark.django_db(transaction=True)
def test_of_two_at_once_that_saw_the_same_one_applies(people):
    acme = make.organization("acme", owner=people["owner"])
    texts = [f"version: 1\nrobots: {{r{n}: {{}}}}\nmembers: {{ada: member}}\n" for n in range(4)]
    texts = [text.replace("{r", "{rr") for text in texts]
    expected = plan(acme, texts[0]).fingerprint
    done = race(4, lambda number: apply(acme, texts[number], expected=expected))
    assert done == {"ok": 1, "conflict": 3}
    assert acme.namespace.robots.count() == 1


@pytest.mark.django_db(transaction=True)
def test_applying_and_changing_by_hand_do_not_wait_for_each_other(people):
    acme = world.build(people["owner"], people)
    text = edit(acme, lambda file: file["projects"]["web"]["grants"]["users"].update(ada="write", bob="read"))
    web = acme.namespace.projects.get(slug="web")
    by_hand = [
        lambda: apply(acme, text),
        lambda: make.grant(web, "read", user=people["ada"]),
        lambda: accounts.set_member_role(actor=SYSTEM, organization=acme, user=people["bob"], role="creator"),
        lambda: make.project(acme, "more"),
    ]
    done = race(12, lambda number: by_hand[number % 4]())
    assert done == {"ok": 10, "conflict": 2}  # a project is made once


@pytest.mark.django_db
def test_what_is_made_while_the_state_is_read_belongs_to_the_next_reading(people):
    acme = world.build(people["owner"], people)
    made = []

    def meanwhile(execute, sql, *rest):
        if "project" not in made and sql and 'FROM "permissions_grant"' in sql:
            made.append("project")
            make.grant(make.project(acme, "late"), "read", user=people["ada"])
        if "seat" not in made and sql and sql.startswith("SELECT") and 'FROM "accounts_teammember"' in sql:
            made.append("seat")
            make.member(make.team(acme, "latecomers"), people["ada"])
        return execute(sql, *rest)

    with connection.execute_wrapper(meanwhile):
        state = read_state(acme)
    assert sorted(made) == ["project", "seat"]
    assert not [key for key in state.objects if "late" in key or "latecomers" in key]
    again = read_state(acme)
    assert {("grant", "late", "user", "ada"), ("seat", "latecomers", "user", "ada")} <= again.objects.keys()


def test_a_file_asks_for_a_second_factor_by_who_has_one_alone(acme, people):
    text = edit(acme, lambda file: file["settings"].update(requires_second_factor=True))
    ada = make.actor(people["ada"])
    (words,) = plan(acme, text, ada).refused
    assert "set up a second factor of your own" in words
    with pytest.raises(Invalid, match="Set up a second factor"):
        apply(acme, text, ada)
    acme.refresh_from_db()
    assert not acme.requires_second_factor
    give(people["ada"])
    apply(acme, text, ada)
    acme.refresh_from_db()
    assert acme.requires_second_factor
    assert yaml.safe_load(export(acme))["settings"]["requires_second_factor"] is True


# Bad input -----------------------------------------------------------------------------------------------

BROKEN = [  # the file, what is said first
    ("", "file:1: the file is empty"),
    ("version: 1\n\tprofile: {}", "file:2: not YAML"),
    ("profile: {}", "file:1: the file does not begin with version: 1"),
    ("version: 2", "file:1: version must be 1"),
    ("version: '1'", "file:1: version must be a whole number"),
    ("version: 0x1", "file:1: version must be a whole number"),
    ("- a", "file:1: the file must be a mapping"),
    ("version: 1\nversion: 1", "file:2: 'version' stands twice in the file"),
    ("version: 1\nmember: {}", "file:2: unknown key 'member' of the file"),
    ("version: 1\na: &a [b]\nc: *a", "file:3: aliases (*name) are not allowed"),
    ("version: 1\n---\nversion: 1", "file:2: a second document"),
    ("version: 1\nprofile: {name: ''}", "file:2: name must not be empty"),
    ("version: 1\nprofile: {name: 42}", "file:2: name must be a text, not a number"),
    ("version: 1\nprofile: {owner: ada}", "file:2: unknown key 'owner' of profile"),
    ("version: 1\nprofile: {email: nobody}", "file:2: email is no e-mail address"),
    ("version: 1\nprofile: {url: 'javascript:1'}", "file:2: url is no address of a page"),
    ("version: 1\nsettings: {provider: xx}", "file:2: provider must be one of"),
    (
        "version: 1\nsettings: {tag_expiration_s: -1}",
        "file:2: tag_expiration_s must be a whole number from 0",
    ),
    ("version: 1\nsettings: {invoice_email: 1}", "file:2: invoice_email must be true or false"),
    ("version: 1\nmembers: [ada]", "file:2: members must be a mapping"),
    ("version: 1\nmembers: {ada: king}", "file:2: the role of ada must be one of owner, admin"),
    ("version: 1\nmembers:\n  ada: admin\n  ADA: member", "file:4: ada stands there already, in line 3"),
    ("version: 1\nmembers:\n  42: admin", "file:3: a key of members must be a text, not a number: write it"),
    ("version: 1\nmembers:\n  nobody: admin", "file:3: there is no user nobody"),
    ("version: 1\nmembers: {other+ci: member}", "file:2: 'other+ci' is no name of a user"),
    ("version: 1\nteams: {Devs: {}}", "file:2: 'Devs' is no name for a team"),
    ("version: 1\nteams: {devs: {role: owner}}", "file:2: role must be one of admin, creator, member"),
    ("version: 1\nteams: {devs: {parent: nowhere}}", "file:2: there is no team nowhere in acme"),
    ("version: 1\nteams: {devs: {parent: devs}}", "file:2: the team devs would be inside itself"),
    ("version: 1\nteams: {devs: {member: [ada]}}", "file:2: unknown key 'member' of team devs"),
    ("version: 1\nteams: {devs: {members: [ada, ada]}}", "file:2: ada stands there already"),
    (
        "version: 1\nteams: {devs: {robots: [other+ci]}}",
        "file:2: 'other+ci' is no name of a robot; robots are",
    ),
    ("version: 1\nteams: {devs: {robots: [none]}}", "file:2: there is no robot none in acme"),
    ("version: 1\nteams: {devs: {sync: {group: x}}}", "file:2: sync names one group_dn or group_name"),
    (
        "version: 1\nteams: {devs: {sync: {group_dn: x}, members: [ada]}}",
        "file:2: a directory decides who is in the team devs",
    ),
    ("version: 1\nrobots: {acme+ci: {}}", "file:2: 'acme+ci' is no short name for a robot"),
    ("version: 1\nrobots: {ci: {token: x}}", "file:2: unknown key 'token' of robot ci"),
    ("version: 1\nrobots: {ci: {federation: [{issuer: x}]}}", "file:2: federation lists pairs"),
    ("version: 1\nprojects: {../x: {}}", "file:2: '../x' is no name for a project"),
    (
        "version: 1\nprojects: {web: {visibility: secret}}",
        "file:2: visibility must be one of public, private",
    ),
    ("version: 1\nprojects: {web: {grants: {groups: {}}}}", "file:2: unknown key 'groups' of grants"),
    ("version: 1\nprojects: {web: {grants: {users: {ada: own}}}}", "file:2: the role of ada must be one of"),
    ("version: 1\nprojects: {web: {grants: {teams: {no-one: read}}}}", "file:2: there is no team no-one"),
    (
        "version: 1\ndefault_permissions: [{role: read}]",
        "file:2: a default permission has a role, and one user",
    ),
    (
        "version: 1\ndefault_permissions: [{role: read, user: ada, created_by: {team: devs}}]",
        "file:2: created_by",
    ),
    ("version: 1\napplications: [{description: x}]", "file:2: an application has a name"),
    ("version: 1\napplications: [{name: x, client_secret: y}]", "file:2: unknown key 'client_secret'"),
    ("version: 1\nquotas: {cats: {}}", "file:2: unknown key 'cats' of quotas"),
    ("version: 1\nquotas: {bytes: {warnings: [0]}}", "file:2: warnings lists numbers from 1 to 100"),
    ("version: 1\norganization: other", "file:2: this file is of the organization other, not of acme"),
]


@pytest.mark.parametrize(("text", "said"), BROKEN)
def test_broken_files_are_refused_with_their_line(acme, text, said):
    make.robot(make.organization("other"), "ci")
    with pytest.raises(code.BrokenFiles) as refusal:
        plan(acme, text)
    assert refusal.value.problems[0].startswith(said)


def test_all_who_do_not_exist_are_listed(acme):
    with pytest.raises(code.BrokenFiles) as refusal:
        plan(acme, "version: 1\nmembers:\n  one: admin\nteams:\n  devs:\n    members: [two]\n")
    assert [line.split(":")[1] for line in refusal.value.problems] == ["3", "6"]


def test_large_and_deep_files_are_refused():
    for raw, said in (
        (b"#" * (4 * 2**20 + 1), "larger than 4 MiB"),
        (b"version: " + b"[" * 100_000, "nested deeper"),
        (b"version: 1\nprofile: {name: caf\xe9}", "not UTF-8"),
    ):
        with pytest.raises(code.BrokenFiles, match=said):
            code.read_document(raw)


def test_removing_what_is_needed_elsewhere_is_refused(acme):
    text = "version: 1\nrobots: {}\nteams: {devs: {robots: [ci]}}\n"
    with pytest.raises(code.BrokenFiles, match="the robot ci is not in the file, and would be removed"):
        plan(acme, text, prune=True)
