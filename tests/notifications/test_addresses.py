"""Addresses that may be told by mail: asking, confirming, and what nobody can do with it (quay-b.md 4.4)."""

import re
from contextlib import suppress
from datetime import timedelta

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from accounts import services as accounts
from core.errors import Forbidden, Invalid, NotFound, TooManyRequests
from notifications import addresses, services, tasks
from notifications.models import AuthorizedAddress
from projects import services as projects
from tests import make

pytestmark = pytest.mark.django_db
OPS = "ops@example.test"


@pytest.fixture(autouse=True)
def mailing(settings):
    settings.MAILING = True


@pytest.fixture
def ask(owner, web):
    def ask(email=OPS, project=web):
        return services.request_address(actor=owner, project=project, email=email)

    return ask


def code_of(mail):
    [code] = re.findall(r"/authrepoemail\?code=([\w-]+)", mail.get_body(["plain"]).get_content())
    return code


def follow(code):
    return Client().get("/authrepoemail", {"code": code})


def test_an_address_says_yes(ask, owner, web, mailbox, settings):
    row = ask()
    assert (row.confirmed_at, row.code_digest) == (None, None)
    addresses.ask(row.pk)
    [mail] = mailbox.mails
    assert mailbox.recipients == [OPS]
    assert mail["Subject"] == "[Muster] May acme/web write to this address?"
    assert mail["Auto-Submitted"] == "auto-generated"
    code = code_of(mail)
    assert f"{settings.PUBLIC_URL}/authrepoemail?code={code}" in mail.get_body(["html"]).get_content()
    row.refresh_from_db()
    assert row.mail_due_at is None
    assert code not in str(vars(row))  # its digest alone is kept
    assert len(bytes(row.code_digest)) == 32
    with pytest.raises(Invalid, match="has not confirmed"):
        subscribe(owner, web)
    page = follow(code)
    assert (page.status_code, page["Cache-Control"], page["Referrer-Policy"]) == (
        200,
        "no-store",
        "no-referrer",
    )
    assert b"ops@example.test" in page.content.replace(b"<wbr>", b"")
    row.refresh_from_db()
    assert row.confirmed_at is not None
    assert subscribe(owner, web, "OPS@example.test").config == {"email": "OPS@example.test"}
    # Once: the link is used up, and the address is not asked again.
    assert follow(code).status_code == 404
    assert ask().confirmed_at is not None
    assert addresses.due(9) == []


def subscribe(owner, web, email=OPS):
    made, _ = services.create_subscription(
        actor=owner, project=web, event="repo_push", method="email", config={"email": email}, flat=True
    )
    return made


def test_a_bell_rings_and_a_lost_one_is_rung_again(ask, bells, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        row = ask()
    assert bells == [("notifications.ask", row.pk)]
    bells.clear()
    with django_capture_on_commit_callbacks(execute=True):
        tasks.sweep()
    assert bells == [("notifications.ask", row.pk)]


def test_one_mail_however_often_it_rings(ask, mailbox):
    row = ask()
    for _ in range(3):
        tasks.ask(row.pk)
    assert len(mailbox.mails) == 1


def test_a_mail_server_that_says_no(ask, mailbox):
    row = ask()
    mailbox.answer = "451 later"
    tasks.ask(row.pk)
    assert addresses.due(9) == []
    mailbox.answer = "250 OK"
    with time_machine.travel(timezone.now() + addresses.PAUSE * 2):
        assert addresses.due(9) == [row.pk]
        tasks.ask(row.pk)
    assert len(mailbox.mails) == 1
    assert follow(code_of(mailbox.mails[0])).status_code == 200


def test_mails_that_never_go_are_given_up(ask, mailbox):
    row = ask()
    mailbox.answer = "451 later"
    now = timezone.now()
    for number in range(addresses.ATTEMPTS):
        with time_machine.travel(now + addresses.PAUSE * 2 * (number + 1), tick=False):
            tasks.ask(row.pk)
    row.refresh_from_db()
    assert (row.attempts, row.mail_due_at) == (addresses.ATTEMPTS, None)


@pytest.mark.parametrize("code", ["", "x", "\0", "é" * 400, "a" * 5000])
def test_codes_that_are_none(ask, code):
    addresses.ask(ask().pk)
    assert follow(code).status_code == 404
    assert not AuthorizedAddress.objects.exclude(confirmed_at=None).exists()


def test_looking_at_the_link_without_following_it(ask, mailbox):
    addresses.ask(ask().pk)
    code = code_of(mailbox.mails[0])
    assert Client().head("/authrepoemail", {"code": code}).status_code == 405
    assert Client().post(f"/authrepoemail?code={code}").status_code == 405
    assert AuthorizedAddress.objects.get().confirmed_at is None


def test_old_links_and_those_of_earlier_mails(ask, mailbox):
    row = ask()
    addresses.ask(row.pk)
    with time_machine.travel(timezone.now() + timedelta(hours=1)):
        ask()
        addresses.ask(row.pk)
        first, second = (code_of(mail) for mail in mailbox.mails)
        assert follow(first).status_code == 404
    with time_machine.travel(timezone.now() + addresses.LIFETIME + timedelta(hours=2)):
        assert follow(second).status_code == 404


def test_what_is_gone_is_not_confirmed(ask, mailbox, owner, web, acme):
    rows = [ask(), ask(project=make.project(acme, "api"))]
    for row in rows:
        addresses.ask(row.pk)
    projects.delete_project(actor=owner, project=web)
    assert follow(code_of(mailbox.mails[0])).status_code == 404
    accounts.delete_organization(actor=owner, organization=acme)
    assert follow(code_of(mailbox.mails[1])).status_code == 404


def test_no_mail_about_what_is_gone(ask, mailbox, owner, web):
    row = ask()
    projects.delete_project(actor=owner, project=web)
    tasks.ask(row.pk)
    assert (mailbox.mails, addresses.due(9)) == ([], [])


def test_an_address_is_asked_less_and_less_often(ask):
    start, asked = timezone.now(), []
    for minutes in range(0, 24 * 60, 5):
        with time_machine.travel(start + timedelta(minutes=minutes), tick=False), suppress(TooManyRequests):
            ask()
            asked.append(minutes)
    assert asked == [0, 5, 15, 35, 75, 155, 315, 635, 1275]
    with (
        time_machine.travel(start + timedelta(days=1), tick=False),
        pytest.raises(TooManyRequests) as refused,
    ):
        ask()
    assert 0 < refused.value.details["retry_after"] <= 86400


def test_nobodys_mailbox_is_flooded_from_many_projects(ask, acme):
    projects = [make.project(acme, f"p{number}") for number in range(4)]
    for project in projects[:3]:
        ask(project=project)
    with pytest.raises(TooManyRequests):
        ask(project=projects[3], email="OPS@EXAMPLE.test")
    ask(project=projects[3], email="dev@example.test")


def test_a_project_asks_so_many_in_an_hour(ask, monkeypatch):
    monkeypatch.setattr(services.addresses, "ASKED_PER_PROJECT", 2)
    ask("a@example.test")
    ask("b@example.test")
    with pytest.raises(TooManyRequests):
        ask("c@example.test")


@pytest.mark.parametrize(
    "email", ["", "ops", "a@b.test, c@d.test", "a@b.test\nBcc: c@d.test", '"a,b"@c.test']
)
def test_what_is_no_address(ask, email):
    with pytest.raises(Invalid):
        ask(email)
    assert not AuthorizedAddress.objects.exists()


def test_where_no_mails_are_sent(ask, settings):
    settings.MAILING = False
    with pytest.raises(NotFound):
        ask()
    assert not AuthorizedAddress.objects.exists()


def test_only_administrators_ask(web):
    writer = make.user("writer")
    make.grant(web, "write", user=writer)
    with pytest.raises(Forbidden):
        services.request_address(actor=make.actor(writer), project=web, email=OPS)


def test_unanswered_ones_are_forgotten(ask, owner, web):
    ask()
    confirmed = ask("yes@example.test")
    AuthorizedAddress.objects.filter(pk=confirmed.pk).update(confirmed_at=timezone.now(), mail_due_at=None)
    with time_machine.travel(timezone.now() + addresses.LIFETIME + timedelta(hours=1)):
        tasks.prune()
    assert [row.email for row in AuthorizedAddress.objects.all()] == ["yes@example.test"]
