"""Working on many rows of a list at once, and the page of an organization's credentials."""

import html
import re
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts import services as accounts
from accounts.models import AuthenticatorApp, Invitation, Membership, Robot, Team
from console.bulk import LIMIT
from core.errors import Unauthenticated
from logs.models import LogEntry
from notifications.models import Subscription
from projects.models import Project
from runs import services as runs
from runs.models import Run
from tests import make
from tests.console.entering import enter
from tokens import services as tokens
from tokens.kinds import Kind
from tokens.models import Credential
from trash.models import Trashed

pytestmark = pytest.mark.django_db
HERE = "/o/acme/credentials/"
NOW = timezone.now


@pytest.fixture
def owner():
    return make.user("owner")


@pytest.fixture
def acme(owner):
    return make.organization(owner=owner)


@pytest.fixture
def rival():
    """Make another tenant's credential."""
    other = make.organization("other", owner=make.user("rival"))
    return make.robot(other, "theirs").credentials.get()


def every_kind(acme, owner):
    """Make a credential of every kind that belongs to an organization; return them with their secrets."""
    robot, secret = accounts.create_robot(actor=make.SYSTEM, namespace=acme.namespace, shortname="ci")
    rocket = tokens.create_application(actor=make.SYSTEM, organization=acme, name="Rocket")
    project = make.project(acme)
    made = [(robot.credentials.get(), secret)]
    made.append(tokens.issue(kind=Kind.OAUTH, user=owner, application=rocket, scopes="repo:read"))
    owned = [(kind, {"organization": acme}) for kind in (Kind.ORGANIZATION, Kind.KEY)]
    owned += [(kind, {"project": project}) for kind in (Kind.REPOSITORY, Kind.PROJECT)]
    made += [tokens.create_token(actor=make.SYSTEM, kind=kind, title="x", **of) for kind, of in owned]
    return made


def lives(secret):
    try:
        tokens.authenticate(secret, kinds=list(Kind))
    except Unauthenticated:
        return False
    return True


def bulk(client, verb, path=HERE, **form):
    """Send what a list's form sends; what is confirmed leads to the page of its run."""
    return client.post(path, {"do": "bulk", "verb": verb, **form}, follow="confirmed" in form)


def plain(page):
    return re.sub(r"<[^>]+>", "", page.content.decode())


def hidden(page, name):
    return re.findall(rf'name="{name}" value="([^"]*)"', page.content.decode())[0]


def test_all_kinds_are_listed_disabled_enabled_and_revoked(acme, owner, rival):
    made = every_kind(acme, owner)
    client = enter(owner)
    page = client.get(HERE)
    assert {row["token"] for row in page.context["credentials"]} == {credential for credential, _ in made}
    assert all(lives(secret) for _, secret in made)
    picked = [str(credential.uuid) for credential, _ in made]
    shown = bulk(client, "disable", pick=picked)
    assert b"Disable 6 credentials?" in shown.content
    assert all(lives(secret) for _, secret in made)
    done = bulk(client, "disable", keys=hidden(shown, "keys"), confirmed="1")
    assert b"6 credentials disabled" in done.content
    assert not any(lives(secret) for _, secret in made)
    assert LogEntry.objects.filter(kind="disable_token", namespace=acme.namespace).count() == 6
    bulk(client, "enable", pick=picked, confirmed="1")
    assert all(lives(secret) for _, secret in made)
    bulk(client, "revoke", pick=picked, confirmed="1")
    assert not any(lives(secret) for _, secret in made)
    assert client.get(HERE).context["credentials"] == []
    rival.refresh_from_db()
    assert (rival.disabled_at, rival.revoked_at) == (None, None)


def test_states_and_kinds_narrow_the_list_as_their_numbers_say(acme, owner):
    accounts.change_organization(actor=make.SYSTEM, organization=acme, changes={"token_max_days": 30})
    now = NOW()
    ages: dict[str, dict[str, Any]] = {
        "expiring": {"expires_at": now + timedelta(days=3), "last_used_at": now},
        "idle": {"expires_at": now + timedelta(days=20), "last_used_at": now - timedelta(days=40)},
        "unused": {"expires_at": now + timedelta(days=20), "last_used_at": now - timedelta(days=91)},
        "never": {"expires_at": now + timedelta(days=20)},
        "endless": {"expires_at": None, "last_used_at": now},
        "over": {"expires_at": now + timedelta(days=60), "last_used_at": now},
        "expired": {"expires_at": now - timedelta(days=1), "last_used_at": now},
        "disabled": {"expires_at": None, "disabled_at": now},
        "replaced": {"expires_at": now + timedelta(days=1), "replaced_at": now, "last_used_at": now},
    }
    for name, values in ages.items():
        tokens.create_token(actor=make.SYSTEM, kind=Kind.KEY, organization=acme, title=name)
        Credential.objects.filter(title=name).update(**values)
    off = make.robot(acme, "off")
    accounts.change_robot(actor=make.SYSTEM, robot=off, enabled=False)
    client = enter(owner)

    def titles(query):
        return {row["name"] for row in client.get(f"{HERE}?{query}").context["credentials"]}

    assert titles("state=expiring") == {"expiring"}
    assert titles("state=never") == {"never"}
    assert titles("state=idle") == {"idle", "unused"}
    assert titles("state=unused") == {"unused"}
    assert titles("state=endless") == {"endless"}
    assert titles("state=over") == {"endless", "over"}
    assert titles("state=expired") == {"expired"}
    assert titles("state=disabled") == {"disabled", "acme+off"}
    assert titles("kind=robot") == {"acme+off"}
    assert titles("q=nev") == {"never"}
    numbers = {key: number for key, _, number, _ in client.get(HERE).context["chips"]}
    assert numbers == {key: len(titles(f"state={key}")) for key in numbers}


def test_all_that_match_are_done_and_what_came_later_is_spared(acme, owner):
    make.robots(acme, 7)
    client = enter(owner)
    shown = bulk(client, "disable", f"{HERE}?state=never", all="1")
    assert b"Disable 7 credentials?" in shown.content
    make.robot(acme, "later")
    done = bulk(client, "disable", f"{HERE}?state=never", all="1", confirmed="1", upto=hidden(shown, "upto"))
    assert b"7 credentials disabled</h1>" in done.content
    assert list(Credential.objects.filter(disabled_at=None).values_list("robot__shortname", flat=True)) == [
        "later"
    ]


def test_what_fails_is_named_and_tried_again(acme, owner, rival):
    one, two = (make.robot(acme, name).credentials.get() for name in ("one", "two"))
    tokens.set_credential_enabled(actor=make.SYSTEM, organization=acme, credential=one, enabled=False)
    client = enter(owner)
    shown = bulk(client, "disable", pick=[str(one.uuid), str(two.uuid)])
    assert b"nothing: it is disabled already" in shown.content
    keys = [str(one.uuid), str(two.uuid), str(rival.uuid), "nonsense", "\0", "<script>"]
    page = bulk(client, "disable", pick=keys, confirmed="1")
    text = page.content.decode()
    assert "1 credential disabled, 1 unchanged, 3 not</h1>" in text
    assert "It is disabled already" in text
    assert text.count("It is not here, or not any more.") == 3
    assert "<script>" not in text.split("<tbody>")[1].split("</tbody>")[0]
    assert "&lt;script&gt;" in text.split("<tbody>")[1].split("</tbody>")[0]
    assert 'value="retry"' not in text  # nothing of it is there to be tried again


def test_what_failed_is_tried_again_before_the_page_answers(acme, owner):
    web, api = (make.project(acme, name, visibility="public") for name in ("web", "api"))
    client = enter(owner)
    Project.objects.filter(pk=web.pk).update(deleted_at=NOW())
    begun = runs.begin_run(
        actor=make.actor(owner),
        namespace=acme.namespace,
        action="project.private",
        things=[runs.Thing(web.pk, "web"), runs.Thing(api.pk, "api")],
    )
    runs.work_now(begun)
    here = f"/o/acme/runs/{begun.uuid}/"
    assert b"1 project private, 1 not</h1>" in client.get(here).content
    Project.objects.filter(pk=web.pk).update(deleted_at=None)
    again = client.post(here, {"do": "retry"}, follow=True)
    second = Run.objects.latest("pk")
    assert (second.origin, list(second.items.values_list("target", flat=True))) == (begun, [web.pk])
    assert b"1 project private</h1>" in again.content


@pytest.mark.parametrize("noun", ["robot", "project"])
def test_what_is_so_already_is_left_alone_and_told(acme, owner, noun):
    if noun == "robot":
        robots = make.robots(acme, 2)
        accounts.change_robot(actor=make.SYSTEM, robot=robots[0], enabled=False)
        path, verb, keys = "/o/acme/robots/", "disable", [robot.shortname for robot in robots]
        said = "It is disabled already"
    else:
        for name, visibility in (("one", "private"), ("two", "public")):
            make.project(acme, name, visibility=visibility)
        path, verb, keys, said = "/o/acme/projects/", "private", ["one", "two"], "It is private already"
    before = LogEntry.objects.count()
    page = bulk(enter(owner), verb, path, pick=keys, confirmed="1").content.decode()
    assert f"1 {noun} {'disabled' if noun == 'robot' else 'private'}, 1 unchanged</h1>" in page
    assert said in page
    # What was begun, and what was done to the one.
    assert LogEntry.objects.count() == before + 2
    run = Run.objects.get()
    assert (run.done, run.spared, run.failed, run.left) == (1, 1, 0, 0)


def test_a_form_that_is_sent_twice_leads_to_the_same_run(acme, owner):
    make.robots(acme, 2)
    client = enter(owner)
    shown = bulk(client, "disable", "/o/acme/robots/", all="1")
    form = {"all": "1", "confirmed": "1", "upto": hidden(shown, "upto"), "key": hidden(shown, "key")}
    one, two = (bulk(client, "disable", "/o/acme/robots/", **form) for _ in range(2))
    assert one.redirect_chain == two.redirect_chain == [(f"/o/acme/runs/{form['key']}/", 302)]
    assert Run.objects.get().done == 2
    bulk(client, "enable", "/o/acme/robots/", **form | {"key": "nonsense"})
    assert Run.objects.count() == 2


def test_teams_by_the_dozen_and_back(acme, owner):
    people = [make.user(f"person{number}") for number in range(3)]
    tribe = make.team(acme, "tribe")
    squads = [make.team(acme, f"squad{number}", parent=tribe) for number in range(2)]
    for person, team in zip(people, (tribe, *squads), strict=True):
        make.member(team, person)
    make.grant(make.project(acme, "web"), "write", team=squads[0])
    client, path = enter(owner), "/o/acme/teams/"
    keys = ["squad0", "tribe", "squad1"]
    shown = plain(bulk(client, "delete", path, pick=keys))
    assert "Delete 3 teams?" in shown
    assert "person0, person1 and person2 leave acme." in shown
    assert "Ends write on 1 project for person1: web." in shown
    assert Team.objects.filter(slug__in=keys).count() == 3
    done = bulk(client, "delete", path, pick=keys, confirmed="1")
    assert b"3 teams deleted</h1>" in done.content
    assert set(Membership.objects.values_list("user__username", flat=True)) == {"owner"}
    back = client.post(done.redirect_chain[-1][0], {"do": "undo"}, follow=True)
    assert b"3 things restored</h1>" in back.content
    assert set(Team.objects.filter(parent__slug="tribe").values_list("slug", flat=True)) == {
        "squad0",
        "squad1",
    }
    assert Membership.objects.count() == 4


def test_from_what_is_undone_the_way_leads_to_the_list_as_it_was(acme, owner):
    make.team(acme, "squad")
    client = enter(owner)
    done = bulk(client, "delete", "/o/acme/teams/?q=squad", pick=["squad"], confirmed="1")
    back = client.post(done.redirect_chain[-1][0], {"do": "undo"}, follow=True)
    assert 'class="button" href="/o/acme/teams/?q=squad"' in back.content.decode()
    done = bulk(
        client, "restore", "/o/acme/trash/?kind=team", pick=[deleted_again(acme, "squad")], confirmed="1"
    )
    assert 'class="button" href="/o/acme/trash/?kind=team"' in done.content.decode()


def deleted_again(acme, slug):
    accounts.delete_team(actor=make.SYSTEM, team=Team.objects.get(organization=acme, slug=slug))
    return str(Trashed.objects.get(name=slug).uuid)


def test_all_teams_that_match_are_deleted_but_for_the_one_that_keeps_her_an_administrator(acme, owner):
    for number in range(3):
        make.team(acme, f"squad{number}")
    Membership.objects.filter(user=owner).update(role="member")
    client, path = enter(owner), "/o/acme/teams/?q=s"
    shown = bulk(client, "delete", path, all="1")
    assert b"Delete 4 teams?" in shown.content  # owners among them
    page = bulk(client, "delete", path, all="1", confirmed="1", upto=hidden(shown, "upto"))
    assert b"3 teams deleted, 1 not</h1>" in page.content
    assert b"without an administrator" in page.content
    assert list(Team.objects.values_list("slug", flat=True)) == ["owners"]


# All go in the order of their keys, owners before chiefs, and ticked ones by name.
@pytest.mark.parametrize(
    ("chief", "everything", "staying", "why"),
    [
        ("nobody", True, {"owners"}, "The organization would be left without an administrator"),
        ("nobody", False, {"owners"}, "The organization would be left without an administrator"),
        ("boss", True, {"owners"}, "This would end your own administration of the organization"),
        ("boss", False, {"owners"}, "The organization would be left without an administrator"),
        ("owner", True, {"chiefs"}, "The organization would be left without an administrator"),
        ("owner", False, {"owners"}, "The organization would be left without an administrator"),
        ("direct", True, set(), ""),
        ("direct", False, set(), ""),
    ],
)
def test_the_preview_names_the_team_by_which_the_organization_is_administered(
    acme, owner, chief, everything, staying, why
):
    if chief != "direct":
        Membership.objects.filter(user=owner).update(role="member")
    chiefs = make.team(acme, "chiefs", role="admin")
    make.team(acme, "devs")
    if chief in ("boss", "owner"):
        make.member(chiefs, owner if chief == "owner" else make.user("boss"))
    client, path = enter(owner), "/o/acme/teams/"
    chosen = {"all": "1"} if everything else {"pick": ["owners", "devs", "chiefs"]}
    shown = bulk(client, "delete", path, **chosen)
    named = re.findall(r">(\w+)</td><td[^>]*><span[^>]*>nothing: ([^<]*)", shown.content.decode())
    assert {name for name, _ in named} == staying
    assert all(reason == why for _, reason in named)
    assert ("Nothing happens to 1 of them" in plain(shown)) == bool(staying)
    sent = {"upto": hidden(shown, "upto")} if everything else {}
    chosen = chosen if everything else {"keys": hidden(shown, "keys")}
    done = bulk(client, "delete", path, confirmed="1", **chosen, **sent)
    assert f"{3 - len(staying)} teams deleted" in plain(done)
    assert set(acme.teams.values_list("slug", flat=True)) == staying
    assert why in plain(done)


def test_teams_are_compared_with_their_groups_ahead_of_their_turn(acme, owner, settings):
    settings.TEAM_SYNCING, settings.AUTHENTICATION = True, "OIDC"
    ago = NOW() - timedelta(minutes=5)
    teams: dict[str, dict[str, Any]] = {
        "due": {"sync_tried_at": ago},
        "fresh": {"sync_tried_at": NOW()},
        "doubted": {"sync_tried_at": ago, "sync_doubted_at": ago},
        "elsewhere": {"sync_tried_at": ago, "sync_service": "ldap"},
    }
    for name, values in teams.items():
        team = make.team(acme, name)
        fields = {"sync_service": "oidc", "sync_config": {"group_name": name}, **values}
        Team.objects.filter(pk=team.pk).update(**fields)
    client, path = enter(owner), "/o/acme/teams/"
    due = Team.objects.get(slug="due").pk
    assert accounts.teams_to_sync(limit=9) == []
    shown = bulk(client, "sync", path, all="1")
    assert "Compare 5 teams?" in plain(shown)
    assert "nothing: it mirrors no group" in plain(shown)
    page = plain(bulk(client, "sync", path, all="1", confirmed="1", upto=hidden(shown, "upto")))
    assert "1 team to be compared, 1 unchanged, 3 not" in page
    for why in ("It mirrors no group", "just now", "nobody of the team any more", "No groups are asked here"):
        assert why in page
    assert accounts.teams_to_sync(limit=9) == [due]
    assert LogEntry.objects.filter(kind="ask_for_team_sync").count() == 1
    settings.TEAM_SYNCING = False
    assert bulk(client, "sync", path, pick="due").status_code == 404
    assert "Compare" not in plain(client.get(path))


@pytest.fixture
def invited(acme, owner, settings):
    """Invite five people by mail, two of whom waited too long, one to a team that mirrors a group by now."""
    settings.MAILING = True
    whom = [f"person{number}@example.test" for number in range(4)]
    accounts.invite_people(actor=make.actor(owner), organization=acme, whom=whom)
    mirror = make.team(acme, "mirror")
    accounts.invite(actor=make.actor(owner), team=mirror, email="fifth@example.test")
    Team.objects.filter(pk=mirror.pk).update(sync_service="ldap")
    old = Invitation.objects.filter(email__in=whom[:2])
    old.update(expires_at=NOW() - timedelta(days=1))
    Invitation.objects.update(mail_due_at=None)
    return {one.email.partition("@")[0]: one for one in Invitation.objects.all()}


def test_invitations_are_sent_again_and_withdrawn_by_the_dozen(acme, owner, invited):
    client, path = enter(owner), "/o/acme/invitations/"
    keys = [str(invited[name].pk) for name in ("person0", "person2", "fifth")]
    shown = plain(bulk(client, "renew", path, pick=keys))
    assert "Send 3 invitations again?" in shown
    assert "fifth@example.test (@mirror)" in shown
    assert "nothing: a directory decides who is in the team" in shown
    page = bulk(client, "renew", path, pick=keys, confirmed="1").content.decode()
    assert "2 invitations sent again, 1 not</h1>" in page
    assert "A directory decides who is in this team" in page
    assert 'href="/o/acme/invitations/"' in page
    codes = dict(Invitation.objects.values_list("email", "code"))
    assert codes["person0@example.test"] != invited["person0"].code
    assert codes["person3@example.test"] == invited["person3"].code
    assert Invitation.objects.filter(mail_due_at__isnull=False).count() == 2
    assert not any(one.code in page for one in Invitation.objects.all())
    page = bulk(client, "withdraw", path, pick=[str(invited["person3"].pk), keys[2]], confirmed="1").content
    assert b"2 invitations withdrawn</h1>" in page
    assert set(Invitation.objects.values_list("email", flat=True)) == {
        f"person{number}@example.test" for number in range(3)
    }


def test_all_expired_invitations_are_sent_again(acme, owner, invited):
    client, path = enter(owner), "/o/acme/invitations/?state=expired"
    shown = bulk(client, "renew", path, all="1")
    assert b"Send 2 invitations again?" in shown.content
    page = bulk(client, "renew", path, all="1", confirmed="1", upto=hidden(shown, "upto"))
    assert b"2 invitations sent again</h1>" in page.content
    assert not Invitation.objects.filter(expires_at__lte=NOW()).exists()
    everything = plain(bulk(client, "renew", "/o/acme/invitations/", all="1"))
    assert "Nothing happens to 1 of them" in everything
    assert everything.index("fifth@") < everything.index("person0@")


def test_who_is_no_owner_is_told_whom_she_cannot_invite_again(acme, owner, invited):
    Invitation.objects.filter(pk=invited["person2"].pk).update(role="owner")
    admin = make.user("admin")
    accounts.set_member_role(actor=make.SYSTEM, organization=acme, user=admin, role="admin")
    path = "/o/acme/invitations/"
    shown = bulk(enter(admin), "renew", path, all="1").content.decode()
    assert "Nothing happens to 2 of them" in shown
    assert "nothing: only an owner may make owners" in shown
    assert "Nothing happens to 1 of them" in bulk(enter(owner), "renew", path, all="1").content.decode()
    page = bulk(enter(admin), "renew", path, pick=str(invited["person2"].pk), confirmed="1").content.decode()
    assert "Only an owner may make or unmake owners" in page


def test_others_invitations_and_teams_are_not_there(acme, owner, invited):
    other = make.organization("other", owner=make.user("rival"))
    make.team(other, "theirs")
    accounts.invite_people(actor=make.SYSTEM, organization=other, whom=["eve@example.test"])
    theirs = Invitation.objects.get(organization=other)
    client = enter(owner)
    for path, verb, key in (
        ("/o/acme/invitations/", "withdraw", str(theirs.pk)),
        ("/o/acme/invitations/", "renew", str(theirs.pk)),
        ("/o/acme/teams/", "delete", "theirs"),
    ):
        assert "None of these is here any more" in bulk(client, verb, path, pick=key).content.decode()
        keys = [key, "9" * 30, "-1", "x\0"]
        page = bulk(client, verb, path, pick=keys, confirmed="1").content.decode()
        assert page.count("It is not here, or not any more.") == 4
    theirs.refresh_from_db()
    assert Team.objects.filter(slug="theirs").exists()


@pytest.mark.parametrize(
    ("path", "verb"),
    [
        ("/o/acme/invitations/?state=expired", "withdraw"),
        ("/o/acme/teams/?q=de&mine=1", "delete"),
        ("/o/acme/members/?role=member&q=per", "remove"),
        ("/o/acme/robots/?state=unused&q=rob", "disable"),
        ("/o/acme/credentials/?state=never", "disable"),
        ("/o/acme/projects/?q=we", "lock"),
        ("/o/acme/trash/?kind=robot", "restore"),
    ],
)
def test_the_way_back_leads_to_the_list_as_it_was_narrowed(acme, owner, path, verb):
    client = enter(owner)
    done = bulk(client, verb, f"{path}&start=50&after=x&person=owner", pick="nothing", confirmed="1")
    assert f'href="{html.escape(path)}"' in done.content.decode()


@pytest.mark.parametrize(
    "query", ["//evil.example/", "next=https://evil.example", "%0d%0ax=1", '"><script>alert(1)</script>']
)
def test_the_way_back_leads_nowhere_else(acme, owner, query):
    done = bulk(enter(owner), "lock", f"/o/acme/projects/?{query}", pick="nothing", confirmed="1").content
    back = re.findall(r'<a class="button" href="([^"]*)"', done.decode().split("page-head")[1])[0]
    assert back.startswith("/o/acme/projects/?")
    assert not set(back) & set("\r\n<>")


def test_what_is_tried_again_knows_the_way_back_and_a_boundless_filter_is_forgotten(acme, owner):
    web = make.project(acme, "web", visibility="public")
    client = enter(owner)
    things = [runs.Thing(web.pk, "web")]
    for listed in ("q=we", "q=" + "w" * 5000):
        begun = runs.begin_run(
            actor=make.actor(owner),
            namespace=acme.namespace,
            action="project.private",
            things=things,
            listed=listed,
        )
        Project.objects.filter(pk=web.pk).update(deleted_at=NOW())
        runs.work_now(begun)
        Project.objects.filter(pk=web.pk).update(deleted_at=None)
        again = client.post(f"/o/acme/runs/{begun.uuid}/", {"do": "retry"}, follow=True).content.decode()
        assert ('href="/o/acme/projects/?q=we"' in again) == (listed == "q=we")


def test_hostile_posts(acme, owner, rival):
    mine = make.robot(acme).credentials.get()
    client = enter(owner)
    assert bulk(client, "nothing", pick=str(mine.uuid)).status_code == 404
    assert bulk(client, "__class__", pick=str(mine.uuid)).status_code == 404
    assert bulk(client, "revoke").status_code == 302
    many = [f"00000000-0000-0000-0000-{number:012}" for number in range(10_000)]
    assert bulk(client, "revoke", keys=" ".join(many), confirmed="1").redirect_chain == [(HERE, 302)]
    assert bulk(client, "revoke", pick=many, confirmed="1").status_code == 400  # too many fields for any form
    assert bulk(client, "revoke", keys=" ".join(many[:LIMIT]), confirmed="1").status_code == 200
    for upto in ("x", "-1", "9" * 40, ""):
        page = bulk(client, "revoke", all="1", confirmed="1", upto=upto)
        assert (page.status_code, page.redirect_chain) == (200, [(HERE, 302)])
        assert "Nothing is left to do it to" in page.content.decode()
    assert bulk(enter(make.user("stranger")), "revoke", pick=str(mine.uuid), confirmed="1").status_code == 403
    assert not Credential.objects.exclude(revoked_at=None).exists()


def test_no_service_takes_anothers_credential(acme, owner, rival):
    from core.errors import Forbidden, NotFound

    with pytest.raises(NotFound):
        tokens.revoke_credential(actor=make.actor(owner), organization=acme, credential=rival)
    mine = tokens.create_token(actor=make.actor(owner), kind=Kind.ACCESS, user=owner)[0]
    with pytest.raises(NotFound):
        tokens.set_credential_enabled(
            actor=make.actor(owner), organization=acme, credential=mine, enabled=False
        )
    member = make.user("member")
    accounts.set_member_role(actor=make.SYSTEM, organization=acme, user=member, role="creator")
    with pytest.raises(Forbidden):
        tokens.revoke_credential(
            actor=make.actor(member), organization=acme, credential=make.robot(acme).credentials.get()
        )


def test_robots_members_and_projects_by_the_dozen(acme, owner):
    client = enter(owner)
    robots, projects = make.robots(acme, 3), [make.project(acme, f"p{number}") for number in range(3)]
    people = [make.user(f"person{number}") for number in range(3)]
    for person in people:
        accounts.set_member_role(actor=make.SYSTEM, organization=acme, user=person, role="member")
    path = "/o/acme/robots/"
    bulk(client, "disable", path, pick=["robot0", "robot1"], confirmed="1")
    assert Robot.objects.exclude(disabled_at=None).count() == 2
    page = bulk(client, "enable", f"{path}?state=disabled", all="1")
    bulk(client, "enable", f"{path}?state=disabled", all="1", confirmed="1", upto=hidden(page, "upto"))
    assert not Robot.objects.exclude(disabled_at=None).exists()
    bulk(client, "delete", path, pick=[robot.shortname for robot in robots], confirmed="1")
    assert not Robot.objects.exists()

    path = "/o/acme/projects/"
    bulk(client, "lock", path, pick=["p0", "p1"], confirmed="1")
    assert Project.objects.filter(state="READ_ONLY").count() == 2
    bulk(client, "delete", path, pick=[project.slug for project in projects], confirmed="1")
    assert not Project.objects.filter(deleted_at=None).exists()

    path = "/o/acme/members/"
    page = bulk(client, "remove", path, pick=["person0", "person1", "owner"], confirmed="1")
    assert b"2 members removed, 1 not" in page.content
    assert set(Membership.objects.values_list("user__username", flat=True)) == {"owner", "person2"}


def test_who_was_not_here_for_long_is_found(acme, owner):
    long_ago = NOW() - timedelta(days=100)
    for name in ("idle", "browser", "script", "fresh"):
        accounts.set_member_role(actor=make.SYSTEM, organization=acme, user=make.user(name), role="member")
    Membership.objects.exclude(user__username="fresh").update(created_at=long_ago)
    make.token(accounts_user("script"))
    Credential.objects.update(last_used_at=NOW())
    type(owner).objects.filter(username="browser").update(seen_at=NOW())
    client = enter(owner)
    page = client.get("/o/acme/members/?state=inactive")
    assert [person.user.username for person, *_ in page.context["people"]] == ["idle"]
    active = {
        one.user.username: one.active_at for one, *_ in client.get("/o/acme/members/").context["people"]
    }
    assert {name for name, at in active.items() if at is None} == {"idle", "fresh"}


def accounts_user(name):
    return Membership.objects.get(user__username=name).user


# What needs attention --------------------------------------------------------------------------------------


def test_the_overview_says_what_needs_attention_and_where(acme, owner):
    client = enter(owner)
    app = AuthenticatorApp.objects.create(user=owner, secret_sealed="x")
    assert "Needs attention" not in client.get("/o/acme/").content.decode()
    accounts.change_organization(actor=make.SYSTEM, organization=acme, changes={"token_max_days": 30})
    now = NOW()
    for number, ends in enumerate((3, 9, 20)):
        tokens.create_token(
            actor=make.SYSTEM,
            kind=Kind.KEY,
            organization=acme,
            title=f"k{number}",
            expires_at=now + timedelta(days=ends),
        )
    app.delete()
    accounts.invite(actor=make.SYSTEM, team=make.team(acme), email="eve@example.test")
    acme.invitations.update(expires_at=now - timedelta(days=1))
    hook = Subscription.objects.create(
        project=make.project(acme),
        event="repo_change",
        method="webhook",
        secret_sealed="x",
        number_of_failures=3,
    )
    made = tokens.create_token(actor=make.SYSTEM, kind=Kind.KEY, organization=acme, title="old")[0]
    Credential.objects.filter(pk=made.pk).update(expires_at=None, created_at=now - timedelta(days=100))
    found = {item.words: item.url for item in client.get("/o/acme/").context["attention"]}
    assert found == {
        "1 notification failing": "/o/acme/notifications/?state=failing",
        "2 credentials due to expire within 14 days": f"{HERE}?state=expiring",
        "1 credential living longer than the organization allows": f"{HERE}?state=over",
        "1 credential unused for 90 days": f"{HERE}?state=unused",
        "1 credential without expiry": f"{HERE}?state=endless",
        "1 invitation expired unanswered": "/o/acme/invitations/?state=expired",
        "1 member without a second factor": "/o/acme/members/?state=unsecured",
    }
    for words, url in found.items():
        page = client.get(url)
        assert page.status_code == 200
        if "credential" in words:
            assert len(page.context["credentials"]) == int(words.split()[0])
    hook.delete()
    make.user("member")
    accounts.set_member_role(
        actor=make.SYSTEM, organization=acme, user=type(owner).objects.get(username="member"), role="member"
    )
    assert "attention" not in enter(accounts_user("member")).get("/o/acme/").context
