import re
from datetime import timedelta
from email.parser import BytesParser
from email.policy import default

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from accounts import selectors, services, tasks
from accounts.models import Invitation, Membership, TeamMember, User
from core.errors import Forbidden, Invalid, NotFound
from logs.models import LogEntry
from tests import make

pytestmark = pytest.mark.django_db


def test_invitations_of_an_address_are_shown_to_whom_it_is_known_to_belong(settings):
    settings.USER_CREATION = settings.MAILING = True
    devs = make.team(make.organization())
    code = services.invite(actor=make.SYSTEM, team=devs, email="eve@example.test").code
    eve = services.sign_up(
        actor=make.actor(None), username="eve", password=make.PASSWORD, email="eve@example.test"
    )
    assert not eve.is_verified
    assert not selectors.own_invitations(actor=make.actor(eve)).exists()
    # The code went to the address: who knows it, reads what is sent there.
    services.accept_invitation(actor=make.actor(eve), code=code)
    assert User.objects.get(pk=eve.pk).is_verified

    services.invite(actor=make.SYSTEM, team=make.team(make.organization("globex")), email="boss@example.test")
    services.change_own_account(actor=make.actor(eve), changes={"email": "boss@example.test"})
    assert not selectors.own_invitations(actor=make.actor(eve)).exists()
    settings.MAILING = False
    bob = make.user("bob", email="bob@example.test")
    services.invite(actor=make.SYSTEM, team=devs, email="bob@example.test")
    assert selectors.own_invitations(actor=make.actor(bob)).exists()


# Mails ---------------------------------------------------------------------------------------------------

LINK = re.compile(r"http://127\.0\.0\.1:8000(/invitations/urn:teaminvite:[0-9a-f-]{36}/)")


def deliver(minutes=0):
    """Do what a worker does with every invitation whose mail is due."""
    with time_machine.travel(timezone.now() + timedelta(minutes=minutes), tick=False):
        for key in Invitation.objects.filter(mail_due_at__lte=timezone.now()).values_list("pk", flat=True):
            tasks.send_invitation(key)


def link(mail):
    """Return the link of a mail, which is the same in both of its forms."""
    texts = [mail.get_body([sort]).get_content() for sort in ("plain", "html")]
    [found] = {match[1] for text in texts for match in LINK.finditer(text)}
    return found


def browser(user):
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def devs(mailbox):
    return make.team(make.organization(), "devs")


def invite(team, **whom):
    owner = make.actor(User.objects.get(username="acme-owner"))
    return services.invite(actor=owner, team=team, **whom)


def members(team):
    return sorted(TeamMember.objects.filter(team=team).values_list("user__username", flat=True))


@pytest.mark.parametrize("whom", ["address", "person"])
def test_an_invitation_is_mailed_shown_and_accepted(devs, mailbox, whom):
    eve = make.user("eve")
    invite(devs, **({"email": "Eve@Example.test"} if whom == "address" else {"user": eve}))
    deliver()
    deliver()
    [mail] = mailbox.mails
    assert mailbox.recipients[0].lower() == "eve@example.test"
    assert "acme-owner" in mail.get_body(["plain"]).get_content()
    path = link(mail)
    answer = Client().get(path)
    assert answer.status_code == 302
    assert answer["Location"].startswith("/sign-in/?next=%2Finvitations%2F")
    assert browser(make.user("bob")).get(path).status_code == 404
    client = browser(eve)
    assert "devs" in client.get(path).content.decode()
    assert members(devs) == []  # looking answers nothing
    assert client.post(path, {"answer": "accept"}).status_code == 302
    assert members(devs) == ["eve"]
    assert client.get(path).status_code == 404
    assert Invitation.objects.count() == 0


def test_an_invitation_is_declined(devs, mailbox):
    eve = make.user("eve")
    invite(devs, user=eve)
    deliver()
    assert browser(eve).post(link(mailbox.mails[0]), {"answer": "decline"}).status_code == 302
    assert members(devs) == []
    assert Invitation.objects.count() == 0


def test_a_newer_mail_ends_the_older_one_and_withdrawing_ends_both(devs, mailbox):
    eve = make.user("eve")
    for _ in range(2):
        invite(devs, email="eve@example.test")
        deliver()
    first, second = map(link, mailbox.mails)
    client = browser(eve)
    assert client.get(first).status_code == 404
    assert client.get(second).status_code == 200
    services.withdraw_invitation(actor=make.SYSTEM, team=devs, email="eve@example.test")
    assert client.get(second).status_code == 404


def test_an_invitation_ends_after_a_month(devs, mailbox):
    eve = make.user("eve")
    invite(devs, email="eve@example.test")
    deliver()
    with time_machine.travel(timezone.now() + timedelta(days=31)):
        assert browser(eve).get(link(mailbox.mails[0])).status_code == 404


def test_who_invites_and_withdraws_all_day_floods_nobody(devs, mailbox):
    other = make.team(devs.organization, "other")
    for number in range(6):
        team = devs if number % 2 else other
        invite(team, email="eve@example.test")
        deliver()
        if number < 5:
            services.withdraw_invitation(actor=make.SYSTEM, team=team, email="eve@example.test")
    assert len(mailbox.mails) == 3
    deliver(minutes=61)
    assert len(mailbox.mails) == 4  # the one that still stands


def test_a_mail_server_that_is_down_delays_and_a_killed_worker_loses_nothing(devs, mailbox):
    invite(devs, email="eve@example.test")
    mailbox.answer = "451 not now"
    deliver()
    deliver()  # not its time yet
    one = Invitation.objects.get()
    assert (one.mail_attempts, one.mailed_at) == (1, None)
    mailbox.answer = "250 OK"
    tasks.sweep()
    assert not mailbox.mails
    with time_machine.travel(timezone.now() + timedelta(minutes=2)):
        tasks.sweep()
    assert len(mailbox.mails) == 1


def test_without_mailing_nothing_is_mailed_and_a_mirror_of_a_group_invites_nobody(devs, settings, mailbox):
    settings.MAILING = False
    invite(devs, email="eve@example.test")
    deliver()
    settings.MAILING = True
    invite(devs, email="bob@example.test")
    settings.AUTHENTICATION, settings.OIDC_ISSUER = "OIDC", "https://idp.example.test"
    services.enable_team_sync(actor=make.SYSTEM, team=devs, group_name="x")
    deliver()
    assert not mailbox.mails
    with pytest.raises(Invalid):
        invite(devs, email="ann@example.test")


def test_administrators_invite_resend_and_withdraw_on_the_team_s_page(devs, mailbox):
    page = "/o/acme/teams/devs/"
    client = browser(User.objects.get(username="acme-owner"))
    client.post(page, {"do": "add", "username": "eve@example.test"})
    deliver()
    assert "eve@example.test" in client.get(page).content.decode()
    client.post(page, {"do": "resend", "username": "eve@example.test"})
    deliver()
    assert len(mailbox.mails) == 2
    client.post(page, {"do": "withdraw", "username": "eve@example.test"})
    assert not Invitation.objects.exists()
    eve = make.user("eve")
    client.post(page, {"do": "add", "username": "eve"})
    assert Invitation.objects.get().user == eve
    assert not re.search(r"\beve\b", browser(eve).get(page).content.decode().partition("<main")[2])
    client.post(page, {"do": "withdraw", "username": "eve"})
    assert not Invitation.objects.exists()


@pytest.mark.parametrize("wrong", ["x@", "a@b\nBcc: all@example.test", "@", "x" * 300 + "@example.test"])
def test_addresses_that_are_none(devs, mailbox, wrong):
    client = browser(User.objects.get(username="acme-owner"))
    assert client.post("/o/acme/teams/devs/", {"do": "add", "username": wrong}).status_code == 200
    assert not Invitation.objects.exists()


# Many at once, into the organization -----------------------------------------------------------------------


def invited(organization, *whom, by=make.SYSTEM, **how):
    return [
        one.words
        for one in services.invite_people(actor=by, organization=organization, whom=list(whom), **how)
    ]


def test_many_are_invited_at_once_and_what_is_wrong_with_one_is_told(settings):
    settings.MAILING = True
    acme = make.organization(owner=make.user("ada"))
    make.user("bo")
    whom = ("bo", "Cy <cy@example.test>", "ada", "nobody", "not an@address@", "cy@example.test")
    assert invited(acme, *whom) == [
        "Invited",
        "Invited",
        "Is a member already",
        "Nobody has this user name",
        "Invalid e-mail address",
        "Invited",
    ]
    found = Invitation.objects.order_by("pk").values_list("user__username", "email", "role")
    assert list(found) == [("bo", "", "member"), (None, "cy@example.test", "member")], "renewed, not doubled"
    told = LogEntry.objects.filter(kind="org_invite_member").values_list("metadata__member", flat=True)
    assert list(told.order_by("pk")) == ["bo", "cy@example.test", "cy@example.test"]


def test_where_no_mails_are_sent_nobody_is_invited_by_one():
    acme = make.organization()
    make.user("bo", email="bo@example.test")
    assert invited(acme, "bo@example.test") == ["No mails are sent here: name people by their user names"]
    assert not Invitation.objects.exists()


def test_whoever_accepts_gets_the_role_and_never_a_lower_one(settings):
    settings.MAILING = True
    acme = make.organization(owner=make.user("ada"))
    bo = make.user("bo")
    invited(acme, "bo", role="creator")
    [code] = Invitation.objects.values_list("code", flat=True)
    make.member(make.team(acme), bo)
    assert services.accept_invitation(actor=make.actor(bo), code=code).organization == acme
    assert Membership.objects.get(organization=acme, user=bo).role == "creator"
    Invitation.objects.all().delete()
    Invitation.objects.create(
        organization=acme, user=bo, role="member", expires_at=timezone.now() + timedelta(days=1)
    )
    code = Invitation.objects.get().code
    services.accept_invitation(actor=make.actor(bo), code=code)
    assert Membership.objects.get(organization=acme, user=bo).role == "creator"


@pytest.mark.parametrize(("role", "may"), [("owner", False), ("admin", True), ("nonsense", False)])
def test_nobody_invites_above_herself(role, may):
    acme = make.organization(owner=make.user("ada"))
    make.user("bo")
    admin = make.user("admin")
    services.set_member_role(actor=make.SYSTEM, organization=acme, user=admin, role="admin")
    if may:
        assert invited(acme, "bo", by=make.actor(admin), role=role) == ["Invited"]
    else:
        with pytest.raises((Forbidden, Invalid)):
            invited(acme, "bo", by=make.actor(admin), role=role)
        assert not Invitation.objects.exists()


@pytest.mark.parametrize(
    ("has", "role", "gets"),
    [
        ("member", "auditor", "auditor"),
        ("auditor", "member", "auditor"),
        # Either gives what the other does not: she keeps what she has.
        ("creator", "auditor", "creator"),
        ("auditor", "creator", "auditor"),
        ("admin", "auditor", "admin"),
        ("auditor", "admin", "admin"),
    ],
)
def test_auditing_is_neither_lost_nor_takes_anything_by_an_invitation(has, role, gets):
    acme = make.organization(owner=make.user("ada"))
    bo = make.user("bo")
    invited(acme, "bo", role=role)
    services.set_member_role(actor=make.SYSTEM, organization=acme, user=bo, role=has)
    services.accept_invitation(actor=make.actor(bo), code=Invitation.objects.get().code)
    assert Membership.objects.get(organization=acme, user=bo).role == gets


@pytest.mark.parametrize("role", ["admin", "auditor"])
def test_who_was_let_go_makes_nobody_an_administrator_any_more(role):
    acme = make.organization(owner=make.user("ada"))
    bo, admin = make.user("bo"), make.user("admin")
    services.set_member_role(actor=make.SYSTEM, organization=acme, user=admin, role="admin")
    invited(acme, "bo", by=make.actor(admin), role=role)
    code = Invitation.objects.get().code
    services.set_member_role(actor=make.SYSTEM, organization=acme, user=admin, role="member")
    with pytest.raises(Invalid):
        services.accept_invitation(actor=make.actor(bo), code=code)
    assert not Membership.objects.filter(organization=acme, user=bo).exists()
    assert Invitation.objects.exists(), "an owner may send it again"


def test_too_many_or_nobody_is_refused():
    acme = make.organization()
    for whom in ([], ["x"] * 101):
        with pytest.raises(Invalid):
            services.invite_people(actor=make.SYSTEM, organization=acme, whom=whom)


def test_an_invitation_of_another_tenant_is_none():
    acme, globex = make.organization(), make.organization("globex", owner=make.user("gil"))
    make.user("bo")
    invited(globex, "bo")
    key = str(Invitation.objects.get().pk)
    for wrong in (key, "0", "-1", "x", "9" * 30, "\u0661"):
        with pytest.raises(NotFound):
            selectors.organization_invitation(actor=make.SYSTEM, organization=acme, key=wrong)
    with pytest.raises(Forbidden):
        selectors.organization_invitation(actor=make.actor(make.user("eve")), organization=globex, key=key)


def test_expired_ones_are_sent_again_or_ended(settings):
    settings.MAILING = True
    acme = make.organization()
    make.user("bo")
    invited(acme, "bo")
    old = Invitation.objects.get()
    Invitation.objects.update(expires_at=timezone.now() - timedelta(days=1))
    new = services.renew_invitation(actor=make.SYSTEM, invitation=old)
    assert new.code != old.code
    assert new.expires_at > timezone.now()
    with pytest.raises(NotFound):
        services.end_invitation(actor=make.SYSTEM, invitation=old)
    services.end_invitation(actor=make.SYSTEM, invitation=new)
    assert not Invitation.objects.exists()
    assert LogEntry.objects.get(kind="org_delete_member_invite").metadata == {"user": "bo", "member": "bo"}


def test_the_mail_names_the_organization_and_its_link_leads_in(settings, mailoutbox):
    settings.MAILING = True
    acme = make.organization(owner=make.user("ada"))
    bo = make.user("bo", email="bo@example.test")
    invited(acme, "bo@example.test", by=make.actor(User.objects.get(username="ada")))
    deliver()
    [mail] = mailoutbox
    assert mail.subject == "[Muster] You are invited"
    path = link(BytesParser(policy=default).parsebytes(mail.message().as_bytes()))
    answer = browser(bo).post(path, {"answer": "accept"})
    assert answer["Location"] == "/o/acme/"
    assert Membership.objects.filter(organization=acme, user=bo, is_direct=True).exists()
