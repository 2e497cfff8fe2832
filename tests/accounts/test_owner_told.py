"""The owner is told of a new password and a new address; a link for an address is sent again."""

import pytest
from django.test import Client

from accounts import selectors, services, tasks
from accounts.models import MailedLink, SecurityMail
from accounts.provider import Visitor
from core.errors import Conflict, TooManyRequests
from tests import make
from tests.accounts.test_links import code, deliver

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada(settings):
    settings.MAILING = True
    return make.user("ada")


def told():
    return list(SecurityMail.objects.order_by("pk").values_list("event", "email", "detail"))


def change(user, **changes):
    return services.change_own_account(actor=make.actor(user), changes=changes)


def test_the_old_address_is_told_once_the_new_one_is_proven(ada, mailbox):
    change(ada, email="new@example.test")
    assert told() == []
    assert selectors.unproven_address(actor=make.actor(ada)) == "new@example.test"
    deliver()
    services.verify_email(actor=make.actor(None), code=code(mailbox.mails[0]))
    ada.refresh_from_db()
    assert ada.email == "new@example.test"
    assert told() == [("email", "ada@example.test", "new@example.test")]
    assert selectors.unproven_address(actor=make.actor(ada)) == ""
    tasks.send_security_mail(SecurityMail.objects.get().pk)
    assert mailbox.mails[-1]["To"] == "ada@example.test"
    assert "new@example.test" in mailbox.mails[-1].get_body(["plain"]).get_content()


def test_an_address_that_an_operator_changes_is_told_too(ada):
    services.change_user(actor=make.SYSTEM, user=ada, email="other@example.test")
    assert told() == [("email", "ada@example.test", "other@example.test")]


def test_a_new_password_is_told(ada):
    change(ada, password="another-horse-9")
    assert told() == [("password", "ada@example.test", "")]


def test_a_link_is_sent_again_and_not_for_ever(ada):
    with pytest.raises(Conflict):
        services.resend_proof(actor=make.actor(ada))
    change(ada, email="new@example.test")
    for _ in range(2):
        assert services.resend_proof(actor=make.actor(ada)) == "new@example.test"
    with pytest.raises(TooManyRequests):
        services.resend_proof(actor=make.actor(ada))
    assert MailedLink.objects.filter(email="new@example.test").count() == 3


def test_the_page_offers_it(ada):
    change(ada, email="new@example.test")
    client = Client()
    client.force_login(ada)
    assert "Send it again" in client.get("/account/").content.decode()
    answer = client.post("/account/", {"do": "resend"}, follow=True).content.decode()
    assert "Another mail is on its way to new@example.test" in answer


def test_where_no_mails_are_sent_nobody_is_told(ada, settings):
    settings.MAILING = False
    change(ada, email="new@example.test", password="another-horse-9")
    assert told() == []
    assert selectors.unproven_address(actor=make.actor(ada)) == ""


def test_another_way_in_is_told_and_its_end(ada, settings, mailbox):
    settings.OIDC_ISSUER, settings.OIDC_NAME = "https://login.example.test", "Northwind ID"
    services.link_identity(actor=make.actor(ada), visitor=Visitor(subject="7"))
    services.unlink_identity(actor=make.actor(ada), user=ada, service="oidc")
    assert [one[0] for one in told()] == ["linked", "unlinked"]
    for mail in SecurityMail.objects.order_by("pk"):
        tasks.send_security_mail(mail.pk)
    first, last = (mail.get_body(["plain"]).get_content() for mail in mailbox.mails)
    assert "From now on Northwind ID signs you in, too." in first
    assert "Northwind ID does not sign you in any more." in last
