import re
from datetime import timedelta

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from accounts import selectors, services, tasks
from accounts.models import Invitation, TeamMember, User
from core.errors import Invalid
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
    assert "eve" not in browser(eve).get(page).content.decode().partition("<main")[2]
    client.post(page, {"do": "withdraw", "username": "eve"})
    assert not Invitation.objects.exists()


@pytest.mark.parametrize("wrong", ["x@", "a@b\nBcc: all@example.test", "@", "x" * 300 + "@example.test"])
def test_addresses_that_are_none(devs, mailbox, wrong):
    client = browser(User.objects.get(username="acme-owner"))
    assert client.post("/o/acme/teams/devs/", {"do": "add", "username": wrong}).status_code == 200
    assert not Invitation.objects.exists()
