"""An organization's settings, its tokens and its applications in the console; tokens of projects; grants."""

import re

import pytest

from accounts.models import Organization
from core.errors import Unauthenticated
from quotas import services as quotas
from tests import make
from tests.console.entering import enter
from tests.console.test_tokens import aged, secret_of, text
from tokens import services as tokens
from tokens.kinds import Kind
from tokens.models import Application, Assignment, Credential

pytestmark = pytest.mark.django_db

HERE = "/o/acme/settings/"
APPS = "/o/acme/applications/"


@pytest.fixture
def owner(db):
    return make.user("owner")


@pytest.fixture
def acme(owner):
    return make.organization(owner=owner)


@pytest.fixture
def application(acme):
    return tokens.create_application(actor=make.SYSTEM, organization=acme, name="Rocket")


def test_what_is_set_is_kept_and_shown(acme, owner):
    client = enter(owner)
    forms = (
        {
            "do": "profile",
            "name": "Acme Rockets",
            "description": "Up",
            "email": "a@acme.example",
            "url": "https://acme.example/",
            "location": "Orbit",
        },
        {"do": "provider", "provider": "gh", "provider_organization": "acme-rockets"},
        {
            "do": "policy",
            "tag_expiration_s": "86400",
            "invoice_email": "on",
            "invoice_email_address": "b@c.example",
        },
    )
    for form in forms:
        assert client.post(HERE, form)["Location"] == HERE
    acme.refresh_from_db()
    for form in forms:
        for field, value in form.items():
            if field != "do":
                assert str(getattr(acme, field)) == {"on": "True"}.get(value, value)
    page = text(client.get(HERE))
    for words in ("Acme Rockets", "acme-rockets", "Orbit", "Ultimate Plus"):
        assert words in page


WRONG = [
    ({"do": "profile", "name": ""}, "This field is required"),
    ({"do": "profile", "name": "x" * 256}, "at most 255"),
    ({"do": "profile", "name": "x", "email": "nonsense"}, "valid email"),
    ({"do": "profile", "name": "x", "url": "javascript:alert(1)"}, "valid URL"),
    ({"do": "provider", "provider": "gh"}, "What is it called there?"),
    ({"do": "provider", "provider_organization": "x"}, "Which provider is it at?"),
    ({"do": "provider", "provider": "cvs", "provider_organization": "x"}, "Select a valid choice"),
    (
        {"do": "provider", "provider": "gl", "provider_organization": "Taken"},
        "Another organization is linked",
    ),
    ({"do": "policy", "tag_expiration_s": "7"}, "Select a valid choice"),
    ({"do": "key", "title": "", "lifetime": "7"}, "This field is required"),
    ({"do": "delete", "name": "Acme"}, "Type acme to confirm"),
]


@pytest.mark.parametrize(("form", "words"), WRONG)
def test_what_cannot_be_is_said_and_nothing_is_changed(acme, owner, form, words):
    make.organization("other")
    Organization.objects.filter(slug="other").update(provider="gl", provider_organization="Taken")
    before = Organization.objects.values().get(pk=acme.pk)
    answer = enter(owner).post(HERE, form)
    assert answer.status_code == 200
    assert words in text(answer)
    assert Organization.objects.values().get(pk=acme.pk) == before
    assert not Credential.objects.exists()


def test_limits_are_listed_and_the_one_by_name_is_said_once_it_is_near(acme, owner):
    client = enter(owner)

    def rows():
        page = client.get(HERE).content.decode()
        found = re.findall(r"<tr><td>(.*?)</td><td class=\"num\">(.*?)</td>(.*?)</tr>", page)
        return {what: (used, text_of(limit)) for what, used, limit in found}

    make.project(acme, "one")
    assert rows() == {
        "Members": ("1", "none"),
        "Projects": ("1", "none"),
        "Projects, to make more by name": ("1", "5,000"),
        "Robots": ("0", "none"),
        "Storage": ("0 B", "none"),
    }
    assert "Projects made by name" not in client.get("/o/acme/").content.decode()
    quotas.set_limit_by_name(actor=make.SYSTEM, namespace=acme.namespace, limit=1)
    assert rows()["Projects, to make more by name"] == ("1", "1")
    assert "Projects made by name: 1 of 1 (" in client.get("/o/acme/").content.decode()


def text_of(cell):
    return re.sub(r"<[^>]*>", "", cell)


def test_the_organizations_token_is_made_shown_again_replaced_and_deleted(acme, owner):
    client = enter(owner)

    def shown():
        found = re.search(r"Show the token</summary>.*?<code>([^<]+)</code>", text(client.get(HERE)), re.S)
        return found[1] if found else ""

    assert shown() == ""
    client.post(HERE, {"do": "issue", "lifetime": "90"})
    first = shown()
    assert tokens.authenticate(first, kinds=[Kind.ORGANIZATION]).organization == acme
    assert "tokens already" in text(client.post(HERE, {"do": "issue", "lifetime": "90"}, follow=True))
    client.post(HERE, {"do": "replace", "lifetime": "90"})
    second = shown()
    assert tokens.authenticate(second, kinds=[Kind.ORGANIZATION]).organization == acme
    client.post(HERE, {"do": "end"})
    assert shown() == ""
    for secret in (first, second):
        with pytest.raises(Unauthenticated):
            tokens.authenticate(secret, kinds=[Kind.ORGANIZATION])
    assert "no token any more" in text(client.post(HERE, {"do": "replace", "lifetime": "90"}, follow=True))


def test_api_keys_are_made_shown_once_and_revoked(acme, owner):
    client = enter(owner)
    secret = secret_of(client.post(HERE, {"do": "key", "title": "Deploy", "lifetime": "7"}))
    key = Credential.objects.get()
    assert tokens.authenticate(secret, kinds=[Kind.KEY]).organization == acme
    assert secret not in text(client.get(HERE))
    rival = enter(make.organization("other", owner=make.user("rival")).memberships.get().user)
    for path in (f"/o/other/settings/?token={key.uuid}", f"{HERE}?token={key.uuid}"):
        assert rival.get(path).status_code in (403, 404)
    assert rival.post("/o/other/settings/", {"do": "revoke", "uuid": key.uuid}).status_code == 404
    assert "Revoke this key?" in text(client.get(f"{HERE}?token={key.uuid}"))
    assert client.post(HERE, {"do": "revoke", "uuid": key.uuid})["Location"] == HERE
    with pytest.raises(Unauthenticated):
        tokens.authenticate(secret, kinds=[Kind.KEY])


@pytest.mark.parametrize(
    "form", [{"do": "delete", "name": "acme"}, {"do": "issue", "lifetime": "90"}, {"do": "end"}]
)
def test_who_signed_in_long_ago_proves_herself_first(acme, owner, form):
    client = aged(enter(owner))
    answer = client.post(HERE, form)
    assert answer.status_code == 200
    assert re.search(r"<dialog [^>]* open>", text(answer)) or form["do"] == "end"  # there is none to end
    assert Organization.objects.filter(deleted_at=None).exists()
    assert not Credential.objects.exists()
    assert client.post(HERE, form | {"own_password": make.PASSWORD}).status_code == 302


def test_read_only_superusers_see_settings_and_no_secrets(acme, application, settings):
    tokens.create_token(actor=make.SYSTEM, kind=Kind.ORGANIZATION, organization=acme)
    settings.READONLY_SUPERUSERS = frozenset({"auditor"})
    client = enter(make.user("auditor"))
    for path in (HERE, f"{APPS}{application.client_id}/"):
        page = text(client.get(path))
        assert client.get(path).status_code == 200
        assert tokens.reveal(Credential.objects.get()) not in page
        assert application.client_secret not in page
        assert 'commandfor="delete-dialog"' not in page
    for do in ("profile", "issue", "key", "delete"):
        form = {"do": do, "name": "acme", "title": "x", "lifetime": "7"}
        assert client.post(HERE, form).status_code == 403


# Applications ---------------------------------------------------------------------------------------------


def test_an_application_from_making_to_deleting(acme, owner):
    client = enter(owner)
    form = {"do": "create", "name": "Rocket", "redirect_uri": "https://rocket.example/back"}
    here = client.post(APPS, form)["Location"]
    made = Application.objects.get()
    assert here == f"{APPS}{made.client_id}/"
    assert made.client_secret in text(client.get(here))
    client.post(here, {"do": "change", "name": "Rocket 2", "description": "Up"})
    assert client.post(here, {"do": "reset"}).status_code == 302
    again = Application.objects.get()
    assert (again.name, again.description, again.redirect_uri) == ("Rocket 2", "Up", "")
    assert again.client_secret != made.client_secret
    assert "Type Rocket 2 to confirm" in text(client.post(here, {"do": "delete", "name": "Rocket"}))
    assert client.post(here, {"do": "delete", "name": "Rocket 2"})["Location"] == APPS
    assert "No applications yet" in text(client.get(APPS))
    assert "is reserved" in text(client.post(APPS, {"do": "create", "name": "__quay_bootstrap_app"}))


def test_an_applications_tokens_are_revoked_by_administrators_and_by_whom_they_act_as(
    acme, owner, application
):
    ada = make.user("ada")
    mine, hers = (
        tokens.issue(kind=Kind.OAUTH, user=ada, application=application, scopes="repo:read")[0]
        for _ in range(2)
    )
    here = f"{APPS}{application.client_id}/"
    assert "acts as ada" in text(enter(owner).get(here))
    assert enter(owner).post(here, {"do": "revoke", "uuid": hers.uuid}).status_code == 302
    client = enter(ada)
    page = text(client.get("/account/applications/"))
    assert "Rocket" in page
    assert "1 authorization" in page
    assert "No tokens yet" in text(client.get("/account/tokens/"))
    assert "Take this back?" in text(client.get(f"/account/applications/?token={mine.uuid}"))
    assert (
        enter(make.user("eve"))
        .post("/account/applications/", {"do": "revoke", "uuid": mine.uuid})
        .status_code
        == 404
    )
    assert client.post("/account/applications/", {"do": "revoke", "uuid": mine.uuid}).status_code == 302
    assert not Credential.objects.filter(revoked_at=None).exists()


def test_an_offered_token_is_taken_by_its_address_or_declined(acme, application):
    ada = make.user("ada")
    back = "https://rocket.example/back"
    Application.objects.update(redirect_uri=back)
    offer = Assignment.objects.create(
        application=application, user=ada, redirect_uri=back, scopes="repo:read"
    )
    client = enter(ada)
    page = text(client.get("/account/applications/"))
    found = re.search(r'href="(/oauth/authorize[^"]*)"', page)
    assert found
    assert client.get(found[1].replace("&amp;", "&")).status_code == 200
    form = {"do": "decline", "uuid": offer.uuid}
    assert enter(make.user("eve")).post("/account/applications/", form).status_code == 404
    assert client.post("/account/applications/", form).status_code == 302
    assert not Assignment.objects.exists()


@pytest.mark.parametrize("size", [1, 60])
def test_the_page_of_authorizations_costs_the_same_at_any_size(application, size, django_assert_num_queries):
    ada = make.user("ada")
    for _ in range(size):
        tokens.issue(kind=Kind.OAUTH, user=ada, application=application, scopes="repo:read")
    client = enter(ada)
    client.get("/account/applications/")
    with django_assert_num_queries(
        6
    ):  # session, person, offers, the page of them, how many, what surrounds it
        client.get("/account/applications/")


# Projects -------------------------------------------------------------------------------------------------


def test_a_projects_tokens_are_listed_without_values_and_revoked(acme, owner):
    web, site = make.project(acme), make.project(acme, "site")
    made, secret = tokens.create_token(actor=make.SYSTEM, kind=Kind.REPOSITORY, project=web, title="Coverage")
    writer, here = make.user("writer"), "/o/acme/projects/web/"
    make.grant(web, "write", user=writer)
    assert "Coverage" not in text(enter(writer).get(here))
    assert enter(writer).post(here, {"do": "end", "uuid": made.uuid}).status_code == 403
    client = enter(owner)
    page = text(client.get(here))
    assert "Coverage" in page
    assert secret not in page
    assert client.post(f"/o/acme/projects/{site.slug}/", {"do": "end", "uuid": made.uuid}).status_code == 404
    assert "Revoke this token?" in text(client.get(f"{here}?token={made.uuid}"))
    assert client.post(f"{here}?token={made.uuid}", {"do": "end", "uuid": made.uuid})["Location"] == here
    with pytest.raises(Unauthenticated):
        tokens.authenticate(secret, kinds=[Kind.REPOSITORY])
