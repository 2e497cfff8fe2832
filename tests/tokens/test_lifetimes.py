"""For how long an organization lets credentials live, by every door through which they are made."""

import json
import re
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from accounts import services as accounts
from core.errors import Invalid
from projects import services as projects
from tests import make
from tokens import services
from tokens.kinds import Kind
from tokens.models import Application, Credential

pytestmark = pytest.mark.django_db
DAYS = 30
DAY = timedelta(days=1)


@pytest.fixture
def owner():
    return make.user("owner")


@pytest.fixture
def acme(owner):
    linked = {"provider": "gh", "provider_organization": "acme-gh"}
    acme = accounts.change_organization(
        actor=make.SYSTEM, organization=make.organization(owner=owner), changes=linked
    )
    return limited(acme, DAYS)


def limited(acme, days):
    return accounts.change_organization(
        actor=make.SYSTEM, organization=acme, changes={"token_max_days": days}
    )


def life(credential):
    return credential.expires_at and credential.expires_at - credential.created_at


def near(found, days=DAYS):
    return abs(found - days * DAY) < timedelta(minutes=1)


def post(path, body=None, **headers):
    return Client(headers=headers).post(
        path, "" if body is None else json.dumps(body), content_type="application/json" if body else ""
    )


OWNERS = {
    "organization": lambda acme: {"kind": Kind.ORGANIZATION, "organization": acme},
    "key": lambda acme: {"kind": Kind.KEY, "organization": acme},
    "repository": lambda acme: {"kind": Kind.REPOSITORY, "project": make.project(acme)},
    "project": lambda acme: {"kind": Kind.PROJECT, "project": make.project(acme)},
}


@pytest.mark.parametrize("owned", OWNERS.values(), ids=OWNERS)
def test_who_asks_for_no_end_gets_the_latest_and_who_asks_for_a_later_one_is_refused(acme, owned):
    wanted, now = owned(acme), timezone.now()
    made, _ = services.create_token(actor=make.SYSTEM, **wanted)
    assert near(life(made))
    soon, _ = services.create_token(actor=make.SYSTEM, expires_at=now + DAY, **wanted)
    assert soon.expires_at == now + DAY
    before = Credential.objects.count()
    with pytest.raises(Invalid, match="at most 30 days") as raised:
        services.create_token(actor=make.SYSTEM, expires_at=now + 40 * DAY, **wanted)
    assert raised.value.field == "expires_at"
    assert Credential.objects.count() == before


def test_without_a_limit_and_of_people_nothing_ends(acme, owner):
    own, _ = services.create_token(actor=make.actor(owner), kind=Kind.ACCESS, user=owner)
    robot, _ = accounts.create_robot(actor=make.actor(owner), namespace=owner.namespace, shortname="mine")
    limited(acme, None)
    free, _ = services.create_token(actor=make.SYSTEM, kind=Kind.KEY, organization=acme)
    assert [own.expires_at, robot.credentials.get().expires_at, free.expires_at] == [None, None, None]


@pytest.mark.parametrize("days", [0, -1, 3651, 10**12])
def test_a_limit_is_one_to_ten_years(acme, days):
    with pytest.raises(Invalid):
        limited(acme, days)
    acme.refresh_from_db()
    assert acme.token_max_days == DAYS


def test_what_lives_longer_already_goes_on(acme):
    limited(acme, None)
    made, secret = services.create_token(actor=make.SYSTEM, kind=Kind.KEY, organization=acme)
    limited(acme, 1)
    made.refresh_from_db()
    assert made.expires_at is None
    assert services.authenticate(secret, kinds=[Kind.KEY]).organization == acme


def test_the_quay_wire_gives_robots_what_is_allowed(acme, owner):
    bearer = {"authorization": f"Bearer {make.token(owner)}"}
    path = "/api/v1/organization/acme/robots/ci"
    assert Client(headers=bearer).put(path, "{}", content_type="application/json").status_code == 201
    assert near(life(Credential.objects.get(kind=Kind.ROBOT)))
    assert post(f"{path}/regenerate", **bearer).status_code == 200
    assert near(life(Credential.objects.get(kind=Kind.ROBOT, revoked_at=None)))


def test_the_quay_wire_refuses_an_applications_token_that_would_live_longer(acme, owner):
    made = services.create_application(actor=make.SYSTEM, organization=acme, name="bot")
    bearer = {"authorization": f"Bearer {make.token(owner)}"}
    path = f"/api/v1/organization/acme/applications/{made.client_id}/tokens"
    body = {"name": "nightly", "scope": "repo:read"}
    answer = post(path, body | {"expiration": 40 * 86400}, **bearer)
    assert answer.status_code == 400
    assert "at most 30 days" in answer.json()["message"]
    assert post(path, body | {"expiration": 86400}, **bearer).status_code == 200
    assert post(path, body, **bearer).status_code == 200
    shortest, capped = Credential.objects.filter(application=made).order_by("pk")
    assert near(life(shortest), 1)
    assert near(life(capped))


@pytest.mark.parametrize("way", ["token", "code"])
def test_an_authorized_application_is_told_how_long_its_token_lives(acme, owner, way):
    back = "https://app.example.test/back"
    made = services.create_application(actor=make.SYSTEM, organization=acme, name="bot", redirect_uri=back)
    client = Client()
    client.force_login(owner)
    asked = {"client_id": made.client_id, "redirect_uri": back, "scope": "repo:read", "response_type": way}
    location = client.post("/oauth/authorizeapp", asked)["Location"]
    if way == "token":
        told = int(re.findall("expires_in=([0-9]+)", location)[0])
    else:
        sent = {
            "grant_type": "authorization_code",
            "client_id": made.client_id,
            "client_secret": Application.objects.get(pk=made.pk).client_secret,
            "redirect_uri": back,
            "code": re.findall("code=([A-Za-z0-9]{40})", location)[0],
        }
        told = client.post("/oauth/access_token", sent).json()["expires_in"]
    assert told == DAYS * 86400
    assert near(life(Credential.objects.get(application=made)))


def test_the_codacy_wire_caps_and_refuses(acme, owner):
    make.project(acme)
    _, secret = services.create_token(actor=make.actor(owner), kind=Kind.ACCOUNT, user=owner)
    path = "/api/v3/organizations/gh/acme-gh/repositories/web/tokens"
    answer = post(path, **{"api-token": secret})
    assert answer.status_code == 201
    assert answer.json()["data"]["expiresAt"]
    assert near(life(Credential.objects.get(kind=Kind.REPOSITORY)))
    late = (timezone.now() + 60 * DAY).strftime("%Y-%m-%dT%H:%M:%SZ")
    refused = post(path, {"name": "late", "expiresAt": late}, **{"api-token": secret})
    assert refused.status_code == 422
    assert "at most 30 days" in refused.json()["message"]
    assert Credential.objects.filter(kind=Kind.REPOSITORY).count() == 1


def test_the_qodana_wire_caps_what_clients_need_and_refuses_what_they_ask_beyond(acme):
    _, secret = services.create_token(actor=make.SYSTEM, kind=Kind.ORGANIZATION, organization=acme)
    bearer = {"authorization": f"Bearer {secret}"}
    path = "/api/v1/public/organizations/projects"
    body = {"teamName": "devs", "projectName": "web"}
    first, again = (post(path, body, **bearer).json()["projectToken"] for _ in range(2))
    assert first == again
    kept = Credential.objects.get(kind=Kind.PROJECT)
    assert near(life(kept))
    refused = post(path, body | {"tokenTtlSeconds": 60 * 86400}, **bearer)
    assert refused.status_code == 400
    assert "at most 30 days" in json.dumps(refused.json())
    assert post(path, body | {"tokenTtlSeconds": 3600}, **bearer).json()["expiresAt"]
    # In the last tenth of its life, who asks is given the next one.
    Credential.objects.filter(pk=kept.pk).update(expires_at=timezone.now() + 2 * DAY)
    assert post(path, body, **bearer).json()["projectToken"] != first


def test_a_disabled_permanent_token_is_not_handed_out(acme):
    project = make.project(acme)
    first = projects.project_token(actor=make.SYSTEM, project=project)
    Credential.objects.filter(kind=Kind.PROJECT).update(disabled_at=timezone.now())
    assert projects.project_token(actor=make.SYSTEM, project=project) != first


def test_an_expired_token_takes_no_place(acme):
    services.create_token(actor=make.SYSTEM, kind=Kind.ORGANIZATION, organization=acme, at_most=1)
    Credential.objects.update(expires_at=timezone.now() - DAY)
    services.create_token(actor=make.SYSTEM, kind=Kind.ORGANIZATION, organization=acme, at_most=1)
    assert Credential.objects.count() == 2
