"""An account made by an invitation: for whom nobody here knows, once, and for the address it went to."""

import logging
import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from accounts import services, tasks
from accounts.models import FailedSignIn, Invitation, Membership, TeamMember, User
from core.errors import Conflict, DomainError, Invalid, NotFound
from logs.models import LogEntry
from tests import make
from tests.accounts.test_second_factor_asked import give

pytestmark = pytest.mark.django_db
WHO = {"username": "eve", "name": "Eve Stone", "password": make.PASSWORD}


@pytest.fixture(autouse=True)
def mailing(settings):
    settings.MAILING = True


@pytest.fixture
def acme():
    return make.organization(owner=give(make.user("owner")))


def code_for(acme, email="Eve@example.test", role="creator"):
    owner = make.actor(User.objects.get(username="owner"))
    services.invite_people(actor=owner, organization=acme, whom=[email], role=role)
    return Invitation.objects.latest("pk").code


def path(code):
    return f"/invitations/{code}/join/"


def join(code, **who):
    return services.join_by_invitation(actor=make.actor(None), code=code, **(WHO | who))


def nobody_came():
    return not User.objects.exclude(username="owner").exists()


def test_from_the_mail_to_the_organization(acme, mailoutbox):
    code = code_for(acme)
    tasks.send_invitation(Invitation.objects.get().pk)
    client = Client(enforce_csrf_checks=True)
    (link,) = set(re.findall(r"/invitations/[^/\s\"]+/", mailoutbox[0].body))
    assert link == f"/invitations/{code}/"
    page = client.get(link, follow=True)
    assert page.redirect_chain == [(path(code), 302)]
    assert "no-store" in page["Cache-Control"]
    text = page.content.decode()
    assert "Make your account to join acme" in text
    assert 'value="Eve@example.test"' in text
    assert f"/sign-in/?next=%2Finvitations%2F{code.replace(':', '%3A')}%2F" in text
    assert "Make an account if you have none" in client.get(f"/sign-in/?next={link}").content.decode()
    assert client.post(path(code), WHO).status_code == 403, "no token of the form"
    assert nobody_came()
    token, *_ = re.findall(r'name="csrfmiddlewaretoken" value="([^"]+)"', text)
    answer = client.post(
        path(code), WHO | {"email": "boss@example.test", "csrfmiddlewaretoken": token, "is_superuser": "on"}
    )
    assert answer["Location"] == "/o/acme/"
    eve = User.objects.get(username="eve")
    assert (eve.email, eve.name, eve.is_verified, eve.is_superuser) == (
        "Eve@example.test",
        "Eve Stone",
        True,
        False,
    )
    assert Membership.objects.get(user=eve).role == "creator"
    assert not Invitation.objects.exists()
    assert client.get("/o/acme/").status_code == 200
    told = LogEntry.objects.filter(performer_name="eve") | LogEntry.objects.filter(kind="user_create")
    assert {entry.kind for entry in told} >= {"user_create", "org_member_invite_accepted"}
    assert client.get(path(code))["Location"] == link, "who is in needs no other account"
    assert Client().post("/sign-in/", WHO)["Location"] == "/"


def test_whoever_is_asked_for_a_second_factor_is_led_to_it(acme):
    acme.requires_second_factor = True
    acme.save()
    client = Client()
    answer = client.post(path(code_for(acme)), WHO)
    assert answer["Location"] == "/account/security/"
    page = client.get(answer["Location"]).content.decode()
    assert "It opens to you with a second factor" in page
    assert "Set up an app" in page
    assert client.get("/o/acme/").status_code == 403
    # So is who had an account.
    bo = make.user("bo")
    code = code_for(acme, email=bo.email)
    client.force_login(bo)
    answer = client.post(f"/invitations/{code}/", {"answer": "accept"})
    assert answer["Location"] == "/account/security/"


def test_an_invitation_to_a_team_by_mail_makes_an_account_and_one_by_name_none(acme):
    devs = make.team(acme, "devs")
    owner = make.actor(User.objects.get(username="owner"))
    by_mail = services.invite(actor=owner, team=devs, email="eve@example.test").code
    user, joined = join(by_mail)
    assert joined.team == devs
    assert TeamMember.objects.filter(team=devs, user=user).exists()
    by_name = services.invite(actor=owner, team=devs, user=make.user("bo")).code
    with pytest.raises(NotFound):
        join(by_name, username="mallory")
    assert Invitation.objects.get().code == by_name
    assert Client().get(f"/invitations/{by_name}/")["Location"].startswith("/sign-in/?next=")


@pytest.mark.parametrize(
    "why", ["expired", "withdrawn", "used", "made up", "nul", "long", "deleted", "renewed"]
)
def test_codes_of_no_use_are_answered_alike_and_make_nothing(acme, why):
    code = code_for(acme)
    invitation = Invitation.objects.get()
    match why:
        case "expired":
            Invitation.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
        case "withdrawn":
            services.end_invitation(actor=make.SYSTEM, invitation=invitation)
        case "used":
            join(code, username="first")
        case "renewed":
            services.renew_invitation(actor=make.SYSTEM, invitation=invitation)
        case "deleted":
            services.delete_organization(actor=make.SYSTEM, organization=acme)
        case _:
            code = {"made up": "urn:teaminvite:x", "nul": "x%00", "long": "x" * 3000}[why]
    people = User.objects.count()
    for ask in (Client().get, Client().post):
        answer = ask(path(code), WHO)
        assert answer.status_code == 302
        assert answer["Location"] == f"/invitations/{code}/"
    client = Client()
    page = client.post(path(code), WHO, follow=True)
    assert page.redirect_chain[-1][0].startswith("/sign-in/")
    shown = page.content.decode()
    assert "This invitation is answered, withdrawn or too old" in shown
    assert "ask whoever invited you for another one" in shown
    assert "Make an account" not in shown
    assert User.objects.count() == people
    with pytest.raises(NotFound):
        join(code.replace("%00", "\0"))
    assert FailedSignIn.objects.exists(), "codes are not guessed at for long"


def test_whose_address_is_known_here_signs_in(acme):
    make.user("eve", email="eve@example.test")
    code = code_for(acme)
    assert Client().get(f"/invitations/{code}/")["Location"].startswith("/sign-in/?next=")
    answer = Client().post(path(code), WHO | {"username": "mallory"}, follow=True)
    assert "This address has an account here: sign in, then join" in answer.content.decode()
    with pytest.raises(Conflict):
        join(code, username="mallory")
    assert not User.objects.filter(username="mallory").exists()
    assert Invitation.objects.count() == 1


@pytest.mark.parametrize(
    ("switches", "opens"),
    [
        ({}, True),
        ({"INVITED_USER_CREATION": False}, False),
        ({"INVITED_USER_CREATION": False, "USER_CREATION": True}, True),
        ({"AUTHENTICATION": "LDAP"}, False),
        ({"AUTHENTICATION": "OIDC"}, False),
        ({"MAILING": False}, False),
    ],
)
def test_where_it_is_open(acme, settings, switches, opens):
    code = code_for(acme)
    for name, value in switches.items():
        setattr(settings, name, value)
    shown = Client().get(path(code))
    assert shown.status_code == (200 if opens else 302)
    Client().post(path(code), WHO)
    assert nobody_came() is not opens


def test_while_muster_is_read_only_nothing_is_made(acme, settings):
    code = code_for(acme)
    settings.READ_ONLY = True
    for ask in (Client().get, Client().post):
        assert ask(path(code), WHO).status_code == 503
    assert nobody_came()
    assert Invitation.objects.exists()


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"password": "short"}, "at least 8 characters"),
        ({"password": "with white space"}, "no white space"),
        ({"password": "password123"}, "known from leaks"),
        ({"password": ""}, "required"),
        ({"username": "E"}, "Invalid name"),
        ({"username": "../etc"}, "Invalid name"),
        ({"username": "owner"}, "already taken"),
        ({"username": "ACME"}, "already taken"),
        ({"username": "root"}, "already taken"),
        ({"username": "e\0ve"}, "Null characters"),
        ({"name": "x" * 256}, "at most 255"),
    ],
)
def test_what_is_refused_is_said_and_the_invitation_stays_open(acme, settings, wrong, words):
    settings.SUPERUSERS = frozenset({"root"})
    code = code_for(acme)
    before = set(LogEntry.objects.values_list("pk", flat=True))
    answer = Client().post(path(code), WHO | wrong)
    assert answer.status_code == 200
    (field,) = wrong
    assert words in " ".join(answer.context["form"].errors[field])
    assert words in answer.content.decode()
    assert nobody_came()
    assert Invitation.objects.get().code == code
    assert set(LogEntry.objects.values_list("pk", flat=True)) == before


def test_the_breached_list_and_the_longer_rule_hold_here_too(acme, settings):
    settings.PASSWORD_MIN = 30
    with pytest.raises(Invalid):
        join(code_for(acme))
    assert nobody_came()


def test_names_are_not_guessed_at_by_one_code_for_long(acme):
    code = code_for(acme)
    client = Client()
    for _ in range(10):
        assert client.post(path(code), WHO | {"username": "owner"}).status_code == 200
    assert client.post(path(code), WHO).status_code == 429
    assert nobody_came()


def test_a_full_organization_makes_no_account(acme):
    from quotas import services as quotas
    from quotas.models import Resource

    quotas.set_limit(actor=make.SYSTEM, namespace=acme.namespace, resource=Resource.MEMBERS, limit=1)
    answer = Client().post(path(code_for(acme)), WHO)
    assert answer.status_code == 200
    assert nobody_came()
    assert Invitation.objects.exists()


def test_who_was_let_go_brings_nobody_in_as_administrator(acme):
    admin = give(make.user("admin"))
    services.set_member_role(actor=make.SYSTEM, organization=acme, user=admin, role="admin")
    services.invite_people(
        actor=make.actor(admin), organization=acme, whom=["eve@example.test"], role="admin"
    )
    services.set_member_role(actor=make.SYSTEM, organization=acme, user=admin, role="member")
    with pytest.raises(Invalid):
        join(Invitation.objects.get().code)
    assert not User.objects.filter(username="eve").exists()


def test_no_code_is_written_to_the_log(acme, capsys):
    import sys

    from portal.logs import formatter

    code = code_for(acme)
    line = logging.StreamHandler(sys.stderr)
    line.setFormatter(formatter(json=True))
    logging.getLogger("django").addHandler(line)
    try:
        Client(enforce_csrf_checks=True).post(path(code), WHO)  # of which Django writes a line
        query = {"next": f"/invitations/{code}/"}
        Client(enforce_csrf_checks=True).post("/sign-in/", query_params=query)
        Client().post(path(code), WHO)
    finally:
        logging.getLogger("django").removeHandler(line)
    written = capsys.readouterr().err
    assert "CSRF" in written
    assert code[-36:] not in written
    assert code[-36:] not in str(list(LogEntry.objects.values()))


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("names", [("eve", "eve"), ("eve", "adam")], ids=["one-name", "two-names"])
def test_two_at_once_make_one_account(acme, names):
    code = code_for(acme)

    def one(username):
        try:
            join(code, username=username)
        except DomainError as error:
            return type(error)
        finally:
            connection.close()
        return None

    with ThreadPoolExecutor(2) as threads:
        ends = list(threads.map(one, names))
    assert ends.count(None) == 1
    assert set(ends) <= {None, NotFound, Conflict}
    assert User.objects.exclude(username="owner").count() == 1
    assert Membership.objects.count() == 2
