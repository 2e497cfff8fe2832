"""The pages about mailed links, as a browser without scripts sees them."""

import re

import pytest
from django.test import Client

from accounts import tasks
from accounts.models import MailedLink, User
from tests import make

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def open_house(settings):
    settings.USER_CREATION = True


def page(answer):
    return re.sub(r"[A-Za-z0-9+/_-]{22,}=*", "random", answer.content.decode())


def link(mailbox):
    for key in MailedLink.objects.exclude(due_at=None).values_list("pk", flat=True):
        tasks.send_link(key)
    text = mailbox.mails[-1].get_body(["plain"]).get_content()
    found = re.search(r"http://127\.0\.0\.1:8000(/\S+)", text)
    assert found
    return found[1]


def test_from_forgetting_to_signing_in(mailbox):
    make.user("ada")
    client = Client()
    assert "/forgot/" in page(client.get("/sign-in/"))
    assert client.get("/forgot/").status_code == 200
    client.post("/forgot/", {"login": "ada"})
    path = link(mailbox)
    for _ in range(2):  # programs that read mail look, too
        shown = client.get(path)
        assert shown.status_code == 200
        assert "no-store" in shown["Cache-Control"]
    refused = client.post(path, {"password": "short"})
    assert "at least 8 characters" in page(refused)
    assert client.post(path, {"password": "brand-new-9"})["Location"] == "/sign-in/"
    assert "Your password is changed" in page(client.get("/sign-in/"))
    assert client.post("/sign-in/", {"username": "ada", "password": "brand-new-9"})["Location"] == "/"
    assert client.get(path).status_code == 404
    assert client.post(path, {"password": "brand-new-8"}).status_code == 404


def test_the_page_tells_nobody_who_is_here(mailbox):
    make.user("ada")
    shown = {page(Client().post("/forgot/", {"login": login})) for login in ("ada", "bo", "a@example.test")}
    assert len(shown) == 1


def test_asking_too_often(mailbox):
    for _ in range(10):
        assert Client().post("/forgot/", {"login": "ada"}).status_code == 200
    assert Client().post("/forgot/", {"login": "ada"}).status_code == 429


def test_without_mail_there_is_no_page(settings):
    settings.MAILING = False
    assert Client().get("/forgot/").status_code == 404
    assert "/forgot/" not in page(Client().get("/sign-in/"))


def test_forms_need_their_token(mailbox):
    make.user("ada")
    client = Client(enforce_csrf_checks=True)
    for path in ("/forgot/", "/recover/x/", "/verify/x/"):
        assert client.post(path, {"login": "ada"}).status_code == 403
    assert not MailedLink.objects.exists()


def test_an_address_is_confirmed_by_a_button(mailbox):
    from accounts import services

    services.sign_up(actor=make.actor(None), username="eve", password=make.PASSWORD, email="eve@example.test")
    client, form = Client(), {"username": "eve", "password": make.PASSWORD}
    assert "Verify your e-mail address" in page(client.post("/sign-in/", form))
    path = link(mailbox)
    assert client.get(path).status_code == 200
    assert not User.objects.get(username="eve").is_verified
    assert client.post(path)["Location"] == "/sign-in/"
    assert client.post("/sign-in/", form)["Location"] == "/"


def test_a_new_address_in_the_profile_waits_for_its_link(mailbox):
    user = make.user("ada")
    client = Client()
    client.post("/sign-in/", {"username": "ada", "password": make.PASSWORD})
    form = {"do": "profile", "email": "new@example.test", "name": "Ada"}
    assert "A mail is on its way to new@example.test" in page(client.post("/account/", form, follow=True))
    client.post(link(mailbox))
    user.refresh_from_db()
    assert (user.email, user.name) == ("new@example.test", "Ada")


@pytest.mark.parametrize("path", ["/recover/x/", "/verify/x/", f"/recover/{'x' * 3000}/"])
def test_made_up_links(path):
    assert Client().get(path).status_code == 404
    assert Client().post(path, {"password": "brand-new-9"}).status_code == 404


def test_who_comes_from_an_invitation_is_told_how_to_go_on(client, settings):
    words = "You are invited to an organization."
    assert words not in client.get("/sign-in/?next=/o/acme/").content.decode()
    answer = client.get("/invitations/urn:teaminvite:x/")
    page = client.get(answer["Location"]).content.decode()
    assert words in page
    assert "makes one for you" in page
    # Who is invited may make one herself: this link is none, so she asks for another.
    settings.MAILING = True
    page = client.get(answer["Location"]).content.decode()
    assert "the link is used, withdrawn or too old" in page
    assert "makes one for you" not in page
    # Where a directory or a provider signs people in, an account comes with the first sign-in.
    settings.AUTHENTICATION = "OIDC"
    page = client.get(answer["Location"]).content.decode()
    assert words in page
    assert "makes one for you" not in page
