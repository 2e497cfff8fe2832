"""Importing an organization: what becomes what, that it may be repeated, and that it is all or nothing."""

import pytest
from django.core.management import CommandError, call_command

from accounts import services as accounts
from accounts.models import (
    Account,
    AccountAdministrator,
    Invitation,
    Membership,
    Namespace,
    Organization,
    Team,
    TeamMember,
    User,
)
from core.errors import Conflict, Forbidden, Invalid, QuotaExceeded, Unauthenticated
from logs.models import LogEntry
from permissions.models import Grant
from projects import services as projects
from projects.models import Project
from projects.services import importing
from quotas import services as quotas
from quotas.models import Quota, Resource
from tests import make
from tests.racing import race

pytestmark = pytest.mark.django_db
SYSTEM = make.SYSTEM

ORG = """\
name: Acme Inc.
description: Makers
billing_email: bills@acme.test
admins:
- ada
- Grace
members:
- bob
- Cleo
teams:
  devs:
    description: Make it
    maintainers: [ada]
    members: [bob, cleo]
    repos:
      web: write
      Docs: triage
    teams:
      night:
        description: ""
        members: [bob]
        repos: {web: maintain}
"""


@pytest.fixture
def folder(tmp_path):
    return tmp_path


@pytest.fixture
def files(folder):
    """Return a function that writes files and reads them as the command does."""

    def put(org=ORG, **teams):
        (folder / "org.yaml").write_text(org)
        for name, text in teams.items():
            (folder / name).mkdir(exist_ok=True)
            (folder / name / "teams.yaml").write_text(text)
        return importing.read(folder)

    return put


def run(files, name="acme", actor=SYSTEM, **how):
    return importing.import_organization(actor=actor, name=name, files=files, **how)


def acme():
    return Organization.objects.get(slug="acme", deleted_at=None)


def used(resource, **owner):
    return Quota.objects.get(resource=resource, **owner).used


def rows():
    """Count every row that an import may write."""
    models = (
        User,
        Namespace,
        Account,
        AccountAdministrator,
        Organization,
        Membership,
        Team,
        TeamMember,
        Project,
        Grant,
        Quota,
        LogEntry,
    )
    return {model.__name__: model.objects.count() for model in models}


def roles():
    return dict(acme().memberships.values_list("user__username", "role"))


def seats(slug):
    found = TeamMember.objects.filter(team__organization=acme(), team__slug=slug)
    return dict(found.values_list("user__username", "is_maintainer"))


def grants():
    return set(Grant.objects.values_list("team__slug", "user__username", "project__slug", "role"))


def told(kind):
    return [entry.metadata for entry in LogEntry.objects.filter(kind=kind).order_by("pk")]


# What becomes what ---------------------------------------------------------------------------------------


def test_everything_is_there(files):
    plan = run(files())
    assert not plan.is_empty
    org = acme()
    assert (org.name, org.description) == ("Acme Inc.", "Makers")
    assert org.invoice_email_address == "bills@acme.test"
    assert roles() == {"ada": "owner", "grace": "admin", "bob": "member", "cleo": "member"}
    assert set(org.account.administrators.values_list("username", flat=True)) == {"ada"}
    teams = {team.slug: team for team in org.teams.select_related("parent")}
    assert set(teams) == {"owners", "devs", "night"}
    assert (teams["devs"].description, teams["devs"].role, teams["devs"].parent) == (
        "Make it",
        "member",
        None,
    )
    assert teams["night"].parent == teams["devs"]
    assert seats("devs") == {"ada": True, "bob": False, "cleo": False}
    assert seats("owners") == {"ada": False}
    found = Project.objects.order_by("slug").values_list("slug", "name", "visibility", "state")
    assert list(found) == [("docs", "Docs", "public", "NORMAL"), ("web", "web", "public", "NORMAL")]
    assert grants() == {
        ("devs", None, "web", "write"),
        ("devs", None, "docs", "read"),  # GitHub's triage
        ("night", None, "web", "write"),  # GitHub's maintain
    }


def test_people_are_as_if_made_one_by_one(files):
    run(files())
    made, new = make.user("dora", email="", password=None), User.objects.get(username="bob")
    assert not new.has_usable_password()
    skip = {"id", "namespace_id", "username", "password", "created_at", "_state"}
    for attribute in vars(made).keys() - skip:
        assert getattr(new, attribute) == getattr(made, attribute), attribute
    assert (new.namespace.name, new.namespace.key, new.namespace.kind) == ("bob", "bob", "user")
    assert new.personal_account.kind == Account.Kind.PERSONAL
    of_made = set(made.namespace.quotas.values_list("resource", "limit", "used"))
    assert set(new.namespace.quotas.values_list("resource", "limit", "used")) == of_made


def test_names_that_the_wires_refuse_are_mapped_and_reported(files):
    org = 'admins: [Ada, "ada-"]\nteams: {"Site Folk": {previously: [Web Folk]}}\nrepos: {.github: {}}\n'
    plan = run(files(org))
    assert set(User.objects.values_list("username", "name")) == {("ada", "Ada"), ("ada-2", "ada-")}
    team = acme().teams.get(slug="site-folk")
    assert (team.name, team.previous_names) == ("Site Folk", ["Web Folk"])
    assert Project.objects.values_list("slug", "name").get() == ("github", ".github")
    said = list(importing.summary_lines(plan))
    for line in (
        "person Ada is ada here",
        "person ada- is ada-2 here",
        "team Site Folk is site-folk here",
        "repository .github is github here",
    ):
        assert line in said
    # What lower case alone does not explain is read first.
    assert said.index("person Ada is ada here") == 3
    assert run(files(org)).is_empty
    # Somebody who comes later, and would have come before her, does not take her name.
    run(files('admins: [Ada, "ada--", "ada-"]\n'))
    assert User.objects.get(name="ada-").username == "ada-2"
    assert User.objects.get(name="ada--").username == "ada-3"


def test_repositories_of_the_organization(files):
    org = ORG + (
        "repos:\n  web: {description: The site, private: true, collaborators: {Eve: push, bob: none}}\n"
        "  old: {archived: true}\n"
    )
    run(files(org))
    found = Project.objects.order_by("slug").values_list("slug", "description", "visibility", "state")
    assert list(found) == [
        ("docs", "", "public", "NORMAL"),
        ("old", "", "public", "READ_ONLY"),
        ("web", "The site", "private", "NORMAL"),
    ]
    assert (None, "eve", "web", "write") in grants()
    assert "eve" not in roles()  # a collaborator from outside
    assert "bob" not in {holder for _, holder, _, _ in grants()}
    assert run(files(org)).is_empty


def test_members_who_may_create_repositories_are_creators(files):
    run(files("admins: [ada]\nmembers: [bob]\nmembers_can_create_repositories: true\n"))
    assert roles() == {"ada": "owner", "bob": "creator"}


def test_the_files_own_owners_are_the_owners_here(files):
    teams = "teams:\n  top:\n    teams:\n      owners:\n        description: All power\n"
    teams += "        maintainers: [ada]\n        members: [Grace]\n        repos: {web: admin}\n"
    made = run(files(top=teams))
    assert sum(step.team is None for step in made.teams) == 4
    owners = acme().teams.get(slug="owners")
    assert (owners.role, owners.description, owners.parent.slug) == ("admin", "All power", "top")
    assert seats("owners") == {"ada": True, "grace": False}
    assert ("owners", None, "web", "admin") in grants()
    assert run(files(top=teams)).is_empty


def test_the_owner_may_be_somebody_else(files):
    root = make.user("root")
    run(files(), owner="Root")
    assert roles() == {"root": "owner", "ada": "admin", "grace": "admin", "bob": "member", "cleo": "member"}
    assert seats("owners") == {"root": False}
    assert run(files(), owner="root").is_empty
    again = run(files())
    assert again.is_empty
    assert again.kept == ["member root (owner)"]
    assert root.is_active


def test_the_owner_may_be_a_member_of_the_files(files):
    run(files(), owner="cleo")
    assert roles()["cleo"] == "owner"
    assert roles()["ada"] == "admin"
    assert run(files()).is_empty


def test_a_later_owner_is_raised(files):
    run(files())
    run(files(), owner="bob")
    assert roles()["bob"] == "owner"
    assert run(files()).is_empty


def test_nobody_owns_it(files):
    with pytest.raises(Invalid, match="There is no user eve"):
        run(files(), owner="eve")
    with pytest.raises(Invalid, match="name no admin"):
        run(files("members: [bob]\n"))
    accounts.change_user(actor=SYSTEM, user=make.user("lost"), enabled=False)
    with pytest.raises(Invalid, match="disabled"):
        run(files(), owner="lost")
    assert not Organization.objects.exists()


# What was there before -----------------------------------------------------------------------------------


def test_people_of_the_same_name_are_reused(files):
    bob = make.user("bob")
    accounts.change_own_account(actor=make.actor(bob), changes={"name": "Bob the Builder"})
    plan = run(files())
    bob.refresh_from_db()
    assert (bob.name, bob.email) == ("Bob the Builder", "bob@example.test")
    assert bob.has_usable_password()
    assert [person.username for person in plan.people] == ["ada", "grace", "cleo"]
    assert "1 people have users of their names already: bob" in plan.notes


def test_a_disabled_person_stays_disabled_and_does_not_own(files):
    ada = make.user("ada")
    accounts.change_user(actor=SYSTEM, user=ada, enabled=False)
    plan = run(files())
    ada.refresh_from_db()
    assert not ada.is_active
    assert roles()["grace"] == "owner"
    assert any(note.startswith("1 of them are disabled") for note in plan.notes)


def test_the_name_of_a_deleted_person_is_taken_by_a_new_one(files):
    bob = make.user("bob")
    accounts.delete_user(actor=SYSTEM, user=bob)
    run(files())
    assert User.objects.get(username="bob").pk != bob.pk


def test_a_name_that_is_somebody_elses(files):
    make.user("acme")
    with pytest.raises(Conflict, match="belongs to a person"):
        run(files())
    with pytest.raises(Invalid, match="Invalid organization name"):
        run(files(), name="a c")


def test_a_person_named_like_an_organization_is_refused_by_file_and_line(files):
    make.organization("cleo", owner=make.user("zoe"))
    with pytest.raises(importing.BrokenFiles) as refusal:
        run(files())
    assert refusal.value.problems == ["org.yaml:9: the name cleo belongs to an organization here"]
    with pytest.raises(
        importing.BrokenFiles, match=r"org.yaml:5: the name ada belongs to an organization here"
    ):
        run(files(), name="ada")


def test_an_organization_that_is_there_already_is_completed(files):
    ada, bob, eve = make.user("ada"), make.user("bob"), make.user("eve")
    org = make.organization("acme", owner=eve)
    devs = make.team(org, "devs", role="creator")
    make.member(devs, bob, eve)
    web = make.project(org, "web", visibility="private", description="Ours")
    make.grant(web, "admin", team=devs)
    make.grant(web, "read", user=eve)
    plan = run(files())
    assert roles() == {
        "eve": "owner", "ada": "admin", "grace": "admin", "bob": "member", "cleo": "member",
    }  # fmt: skip
    # She was there by a team alone; the files say that she is a member.
    assert Membership.objects.get(user=bob).is_direct
    assert acme().teams.get(slug="devs").role == "creator"
    web.refresh_from_db()
    assert (web.visibility, web.description) == ("private", "Ours")  # a team's list says nothing of these
    assert ("devs", None, "web", "write") in grants()
    assert (None, "eve", "web", "read") in grants()
    assert seats("devs") == {"ada": True, "bob": False, "cleo": False, "eve": False}
    assert plan.kept == ["member eve (owner)", "eve in team devs"]
    assert any(note.startswith("teams with a role above member here") for note in plan.notes)
    assert used("members", namespace=org.namespace) == used("members", account=org.account) == 5
    assert used("projects", namespace=org.namespace) == used("projects", account=org.account) == 2
    assert run(files()).is_empty
    assert ada.is_active


def test_what_the_files_no_longer_say_is_reported_and_kept(files):
    run(files(ORG + "repos: {extra: {}}\n"))
    less = "admins: [ada, Grace]\nmembers: [bob]\nteams:\n  devs: {members: [bob], repos: {docs: read}}\n"
    plan = run(files(less))
    assert plan.kept == [
        "member cleo (member)",
        "team night",
        "ada in team devs",
        "cleo in team devs",
        "project extra",
        "project web",
    ]
    assert set(roles()) == {"ada", "grace", "bob", "cleo"}
    assert "= not in the files, kept: team night" in list(importing.summary_lines(plan))


def test_a_grant_that_the_files_no_longer_have_is_reported_and_kept(files):
    run(files())
    plan = run(files(ORG.replace("      Docs: triage\n", "") + "repos: {docs: {}}\n"))
    assert plan.kept == ["read of team devs on docs"]
    assert plan.is_empty


def test_what_the_files_say_otherwise_is_changed(files):
    run(files(ORG + "repos: {web: {}}\n"))
    changed = (
        ORG.replace("Makers", "Breakers")
        .replace("- Grace\nmembers:\n", "members:\n- Grace\n")
        .replace("description: Make it", "description: Break it")
        .replace(
            "maintainers: [ada]\n    members: [bob, cleo]", "maintainers: [bob]\n    members: [ada, cleo]"
        )
        .replace("web: write", "web: admin")
    )
    changed += "repos: {web: {private: true, archived: true, description: Site}}\n"
    plan = run(files(changed))
    assert acme().description == "Breakers"
    assert roles()["grace"] == "member"  # no admin any more
    assert acme().teams.get(slug="devs").description == "Break it"
    assert seats("devs") == {"ada": False, "bob": True, "cleo": False}
    web = Project.objects.get(slug="web")
    assert (web.visibility, web.state, web.description) == ("private", "READ_ONLY", "Site")
    assert ("devs", None, "web", "admin") in grants()
    assert list(importing.plan_lines(plan)) == [
        "~ description of acme: Breakers",
        "~ member grace: member, was admin",
        '~ team devs: description "Make it" -> "Break it"',
        "~ bob in team devs: maintainer",
        "~ ada in team devs: no maintainer",
        '~ project acme/web: description none -> "Site"',
        '~ project acme/web: visibility "public" -> "private"',
        '~ project acme/web: state "NORMAL" -> "READ_ONLY"',
        "~ team devs: admin on web",
    ]
    assert run(files(changed)).is_empty


def test_what_was_given_here_beyond_the_files_is_not_taken(files):
    run(files())
    users = {user.username: user for user in User.objects.all()}
    for name, role in (("bob", "creator"), ("grace", "owner")):
        accounts.set_member_role(actor=SYSTEM, organization=acme(), user=users[name], role=role)
    assert run(files()).is_empty


def test_somebody_must_still_administer_it(files):
    run(files())
    # The owner has left; the files now make a mere member of the last admin.
    ada = User.objects.get(username="ada")
    accounts.remove_member(actor=SYSTEM, organization=acme(), user=ada)
    with pytest.raises(Conflict, match="without an administrator"):
        run(files("members: [Grace, bob, Cleo]\n"))
    assert roles()["grace"] == "admin"


# Former names --------------------------------------------------------------------------------------------


def test_a_team_found_by_a_former_name_is_renamed(files):
    run(files())
    before = acme().teams.get(slug="devs")
    org = ORG.replace("  devs:\n", "  Makers:\n    previously: [builders, devs]\n")
    plan = run(files(org))
    after = acme().teams.get(slug="makers")
    assert after.pk == before.pk
    assert (after.name, after.previous_names) == ("Makers", ["builders", "devs"])
    assert acme().teams.get(slug="night").parent == after
    assert seats("makers") == {"ada": True, "bob": False, "cleo": False}
    assert plan.kept == []
    assert '~ team makers: slug "devs" -> "makers"' in list(importing.plan_lines(plan))
    entry = told("org_change_team")[-1]
    assert entry == {"team": "makers", "fields": ["name", "previous_names", "slug"], "old_name": "devs"}
    assert run(files(org)).is_empty


def test_a_team_that_goes_by_its_new_name_already_is_not_mixed_up(files):
    org = acme_with(["devs", "builders"])
    text = "admins: [acme-owner]\nteams:\n  devs: {previously: [builders]}\n"
    plan = run(files(text))
    assert set(org.teams.values_list("slug", flat=True)) == {"owners", "devs", "builders"}
    assert plan.kept == ["team builders"]


def test_only_one_of_two_former_teams_is_renamed(files):
    org = acme_with(["first", "second"])
    plan = run(files("admins: [acme-owner]\nteams:\n  both: {previously: [second, first]}\n"))
    assert set(org.teams.values_list("slug", flat=True)) == {"owners", "first", "both"}
    assert plan.kept == ["team first"]


def acme_with(teams):
    org = make.organization("acme")
    for name in teams:
        make.team(org, name)
    return org


def test_a_team_moves_in_the_tree(files):
    run(files())
    moved = "admins: [ada, Grace]\nmembers: [bob, Cleo]\nteams:\n  night: {teams: {devs: {}}}\n  new: {}\n"
    run(files(moved))
    parents = dict(acme().teams.values_list("slug", "parent__slug"))
    assert parents == {"owners": None, "night": None, "devs": "night", "new": None}
    assert run(files(moved)).is_empty


def test_a_project_found_by_a_former_name_is_renamed(files):
    run(files())
    before = Project.objects.get(slug="web")
    org = ORG.replace("web:", "site:") + "repos: {site: {previously: [WEB]}}\n"
    run(files(org))
    before.refresh_from_db()
    assert (before.slug, before.name) == ("site", "site")
    assert Project.objects.count() == 2
    assert run(files(org)).is_empty


def test_the_display_name_of_the_owners_team_lets_nobody_in(files):
    run(files())
    accounts.change_team(actor=SYSTEM, team=acme().teams.get(slug="owners"), name="core")
    core = "teams:\n  core: {members: [bob]}\n"
    # It would have to share its name with them: refused, and bob is no administrator.
    with pytest.raises(Conflict):
        run(files(core=core))
    assert seats("owners") == {"ada": False}


def test_a_team_that_a_directory_fills_is_left_to_it(files):
    org = make.organization("acme")
    Team.objects.create(organization=org, slug="devs", name="devs", role="member", sync_service="ldap")
    with pytest.raises(importing.BrokenFiles) as refusal:
        run(files())
    assert refusal.value.problems[0] == "org.yaml:13: a directory decides who is in the team devs here"


# All or nothing ------------------------------------------------------------------------------------------


def test_the_second_run_changes_nothing(files):
    run(files())
    before = rows()
    plan = run(files())
    assert plan.is_empty
    assert rows() == before
    assert list(importing.plan_lines(plan)) == []
    assert list(importing.summary_lines(plan))[-1] == "Nothing to change: acme is as the files say."


def test_a_failure_in_the_middle_leaves_nothing(files):
    org = make.organization("acme")
    quotas.set_limit(actor=SYSTEM, resource=Resource.PROJECTS, limit=1, namespace=org.namespace)
    before = rows()
    seen = []
    # People, members and teams are made when the limit of projects is met.
    with pytest.raises(QuotaExceeded):
        run(files(), progress=lambda what, done, of: seen.append((what, done, of)))
    assert seen == [
        ("people", 4, 4),
        ("members", 4, 4),
        ("teams", 1, 2),
        ("teams", 2, 2),
        ("team members", 4, 4),
    ]
    assert rows() == before
    assert used("members", namespace=org.namespace) == 1


def test_a_limit_of_members_holds(files):
    org = make.organization("acme")
    quotas.set_limit(actor=SYSTEM, resource=Resource.MEMBERS, limit=4, account=org.account)
    with pytest.raises(QuotaExceeded):
        run(files())
    quotas.set_limit(actor=SYSTEM, resource=Resource.MEMBERS, limit=5, account=org.account)
    run(files())
    assert used("members", account=org.account) == 5


def test_a_plan_writes_nothing(files):
    before = rows()
    plan = importing.plan_import(actor=SYSTEM, name="acme", files=files())
    assert rows() == before
    lines = list(importing.plan_lines(plan))
    assert lines[0] == "+ organization acme, owned by ada"
    assert "+ person cleo (written Cleo), member" in lines
    assert "+ team night in devs" in lines
    assert "+ in team devs (* maintains it): ada*, bob, cleo" in lines
    assert "+ project acme/web, public" in lines
    assert "+ team devs: read on docs" in lines
    assert list(importing.summary_lines(plan, dry_run=True))[-1] == (
        "Would make in acme: 4 people, 4 members, 2 teams, 4 team members, 2 projects, 3 grants; "
        "change: 3 settings."
    )


@pytest.mark.django_db(transaction=True)
def test_the_same_import_at_the_same_time_happens_once(files):
    said = files()
    plans = []
    assert race(4, lambda _: plans.append(run(said)), at_once=4) == {"ok": 4}
    assert sorted(plan.is_empty for plan in plans) == [False, True, True, True]
    assert used("members", namespace=acme().namespace) == acme().memberships.count() == 4
    assert len(told("org_import")) == 1


# Log, invitations, rights --------------------------------------------------------------------------------


def test_every_row_is_told_in_the_log(files):
    run(files(), actor=importing_actor())
    assert sorted(one["username"] for one in told("user_create")) == ["ada", "bob", "cleo", "grace"]
    assert len(told("org_create")) == 1
    assert {"member": "grace", "role": "admin", "old_role": ""} in told("org_set_member_role")
    assert told("org_create_team") == [{"team": "devs"}, {"team": "night"}]
    assert {"member": "bob", "team": "night"} in told("org_add_team_member")
    assert {"repo": "web", "namespace": "acme"} in told("create_repo")
    assert {"repo": "web", "role": "write", "team": "night"} in told("change_repo_permission")
    (summary,) = told("org_import")
    assert summary == {
        "source": acme_source(), "users": 4, "members": 4, "teams": 2, "projects": 2, "grants": 3,
    }  # fmt: skip
    namespace = acme().namespace
    inside = LogEntry.objects.exclude(kind="user_create")
    assert not inside.exclude(namespace=namespace).exists()
    assert set(LogEntry.objects.values_list("performer_kind", "dialect")) == {("system", "import")}
    about = LogEntry.objects.filter(kind="create_repo").values_list("project__slug", "project_name")
    assert set(about) == {("web", "web"), ("docs", "docs")}


def importing_actor():
    from core.actor import Actor

    return Actor.of_system("import")


def acme_source():
    return LogEntry.objects.get(kind="org_import").metadata["source"]


def test_invitations_to_the_teams_are_over(files):
    org, bob = make.organization("acme"), make.user("bob")
    devs, others = make.team(org, "devs"), make.team(org, "others")
    for team in (devs, others):
        accounts.invite(actor=SYSTEM, team=team, user=bob)
    run(files())
    assert Invitation.objects.get().team == others


def test_new_projects_get_the_default_grants(files):
    org = make.organization("acme")
    devs, ops = make.team(org, "devs"), make.team(org, "ops")
    eve, robot = make.user("eve"), make.robot(org)
    for holder in ({"team": devs}, {"team": ops}, {"user": eve}, {"robot": robot}):
        projects.create_default_grant(actor=SYSTEM, organization=org, role="admin", **holder)
    make.project(org, "docs")
    Grant.objects.all().delete()
    run(files())
    web = {(team, user) for team, user, slug, role in grants() if (slug, role) == ("web", "admin")}
    assert web == {("ops", None), (None, "eve"), (None, None)}
    assert ("devs", None, "web", "write") in grants()  # the files' word goes before
    assert {team for team, _, slug, _ in grants() if slug == "docs"} == {"devs"}  # it was there already


def test_only_superusers_import(files):
    said = files()
    for who, error in ((make.actor(make.user("plain")), Forbidden), (make.actor(None), Unauthenticated)):
        for act in (importing.import_organization, importing.plan_import):
            with pytest.raises(error):
                act(actor=who, name="acme", files=said)
    root = make.user("root", superuser=True)
    run(said, actor=make.actor(root))
    assert roles()["ada"] == "owner"
    assert "root" not in roles()
    assert set(LogEntry.objects.filter(dialect="test").values_list("performer_name", flat=True)) >= {"root"}


# The command ---------------------------------------------------------------------------------------------


def test_the_command_plans_imports_and_says_so(folder, files, capsys):
    files()
    call_command("import_org", "acme", str(folder), "--dry-run")
    out = capsys.readouterr().out
    assert "+ organization acme, owned by ada" in out
    assert "Would make in acme" in out
    assert not User.objects.exists()
    call_command("import_org", "acme", str(folder), "--owner", "grace")
    said = capsys.readouterr()
    assert "Made in acme: 4 people" in said.out
    assert "people: 4 of 4" in said.err
    assert "+ person" not in said.out
    assert roles()["grace"] == "owner"
    call_command("import_org", "acme", str(folder))
    said = capsys.readouterr()
    assert said.out.endswith("Nothing to change: acme is as the files say.\n")
    assert said.err == ""


def test_the_command_refuses_broken_files(folder, files):
    files()
    (folder / "org.yaml").write_text("admins:\n- ada\n- ada\n")
    with pytest.raises(CommandError) as refusal:
        call_command("import_org", "acme", str(folder))
    assert str(refusal.value) == (
        "org.yaml:3: ada in admins stands already in admins, org.yaml:2\nNothing was imported."
    )
    assert refusal.value.returncode == 1
    assert not User.objects.exists()
