"""Working on many rows of a list at once, and the page of an organization's credentials."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts import services as accounts
from accounts.models import AuthenticatorApp, Membership, Robot
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
