"""A project's page: its tokens are made, listed and revoked there, and it is starred there."""

import re
from datetime import timedelta

import pytest
from django.utils import timezone

from accounts import services as accounts
from core.errors import Unauthenticated
from logs.models import LogEntry
from projects import selectors
from tests import make
from tests.console.entering import enter
from tokens import services as tokens
from tokens.kinds import Kind
from tokens.models import Credential

pytestmark = pytest.mark.django_db
HERE = "/o/acme/projects/web/"


@pytest.fixture
def owner():
    return make.user("owner")


@pytest.fixture
def web(owner):
    return make.project(make.organization(owner=owner), "web")


def issue(client, **more):
    form = {"do": "issue", "title": "ci", "kind": "repository", "lifetime": "90", **more}
    return client.post(HERE, form).content.decode()


@pytest.mark.parametrize("kind", [Kind.REPOSITORY, Kind.PROJECT])
def test_a_token_is_made_works_and_is_revoked(web, owner, kind):
    client = enter(owner)
    page = issue(client, kind=kind.value)
    made = Credential.objects.get(project=web)
    assert (made.kind, made.title, made.issued_by) == (kind, "ci", owner)
    assert made.expires_at is not None
    assert timedelta(days=89) < made.expires_at - timezone.now() <= timedelta(days=90)
    secret = tokens.reveal(made)
    assert secret in page
    assert tokens.authenticate(secret, kinds=[kind]).project == web
    again = client.get(HERE).content.decode()
    assert secret not in again
    assert "ci<span" in again
    assert client.post(HERE, {"do": "end", "uuid": str(made.uuid)}).status_code == 302
    with pytest.raises(Unauthenticated):
        tokens.authenticate(secret, kinds=[kind])
    kinds = LogEntry.objects.filter(kind__in=["create_token", "revoke_token"]).order_by("pk")
    assert [entry.kind for entry in kinds] == ["create_token", "revoke_token"]


def test_a_name_is_taken_once_and_life_is_as_long_as_the_organization_allows(web, owner):
    organization = web.namespace.organization
    accounts.change_organization(actor=make.SYSTEM, organization=organization, changes={"token_max_days": 30})
    client = enter(owner)
    for lifetime in ("90", "never"):
        assert "Select a valid choice" in issue(client, lifetime=lifetime)
    assert not Credential.objects.filter(project=web).exists()
    issue(client, lifetime="30")
    assert "There is a token of this name already" in issue(client, lifetime="30")
    assert Credential.objects.filter(project=web).count() == 1


def test_another_projects_token_is_not_there(web, owner):
    other = make.project(make.organization("other", owner=make.user("rival")), "theirs")
    token, _ = tokens.create_token(actor=make.SYSTEM, kind=Kind.REPOSITORY, project=other, title="x")
    client = enter(owner)
    assert client.post(HERE, {"do": "end", "uuid": str(token.uuid)}).status_code == 404
    assert client.get(f"{HERE}?token={token.uuid}").status_code == 404
    token.refresh_from_db()
    assert token.revoked_at is None


def test_who_signed_in_long_ago_says_who_she_is_first(web, owner):
    client = enter(owner)
    session = client.session
    session["signed_in_at"] = (timezone.now() - timedelta(days=2)).isoformat()
    session.save()
    assert "Your password" in issue(client)
    assert not Credential.objects.filter(project=web).exists()
    issue(client, own_password=make.PASSWORD)
    assert Credential.objects.filter(project=web).count() == 1


def test_a_project_is_starred_on_its_page(web, owner):
    client, actor = enter(owner), make.actor(owner)

    def wish():
        return re.findall(r'name="do" value="((?:un)?star)"', client.get(HERE).content.decode())

    assert wish() == ["star"]
    client.post(HERE, {"do": "star"})
    assert wish() == ["unstar"]
    assert b"acme/web" in client.get("/account/stars/").content.replace(b"<wbr>", b"")
    assert selectors.is_starred(actor=actor, project=web)
    assert not selectors.is_starred(actor=make.actor(make.user("other")), project=web)
    client.post(HERE, {"do": "unstar"})
    assert wish() == ["star"]
    assert b"Nothing starred yet" in client.get("/account/stars/").content
