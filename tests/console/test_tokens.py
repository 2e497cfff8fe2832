"""Tokens in the console: one's own, what applications hold, an organization's and a project's."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from core.errors import Unauthenticated
from logs.models import LogEntry
from permissions.catalogue import Scope
from tests import make
from tests.console.entering import enter
from tokens import services as tokens
from tokens.kinds import Kind
from tokens.models import Credential

pytestmark = pytest.mark.django_db

MINE = "/account/tokens/"
NEW = {"do": "create", "title": "Mirror", "lifetime": "30"}
FIELDS = {
    Kind.OAUTH: {"scopes": ["repo:read", "user:read"]},
    Kind.APP_SPECIFIC: {},
    Kind.ACCESS: {},
    Kind.ACCOUNT: {},
}


def text(answer):
    return answer.content.decode()


def secret_of(answer):
    found = re.search(r"data-once.*?<code>([^<]+)</code>", text(answer), re.S)
    assert found
    return found[1]


def aged(client):
    """Return a browser whose sign-in was long ago."""
    session = client.session
    session["signed_in_at"] = (timezone.now() - timedelta(days=3)).isoformat()
    session.save()
    return client


@pytest.fixture
def ada(db):
    return make.user("ada")


@pytest.mark.parametrize("kind", FIELDS)
def test_a_token_of_each_kind_is_made_shown_once_and_revoked(ada, kind):
    client = enter(ada)
    answer = client.post(MINE, NEW | FIELDS[kind] | {"kind": kind})
    assert answer.status_code == 200
    assert answer["Cache-Control"] == "no-store"
    secret, made = secret_of(answer), Credential.objects.get()
    assert (made.kind, made.user, made.title) == (kind, ada, "Mirror")
    assert made.expires_at
    assert timedelta(days=29) < made.expires_at - timezone.now() <= timedelta(days=30)
    actor = tokens.authenticate(secret, kinds=[kind])
    assert actor.user == ada
    if kind == Kind.OAUTH:
        assert actor.scopes == frozenset({"repo:read", "user:read"})

    page = text(client.get(MINE))
    assert secret not in page
    assert "Mirror" in page
    asked = text(client.get(f"{MINE}?token={made.uuid}"))
    assert re.search(r'<dialog class="dialog" id="revoke-dialog" [^>]* open>', asked)
    answer = client.post(f"{MINE}?token={made.uuid}", {"do": "revoke", "uuid": made.uuid})
    assert answer["Location"] == MINE
    with pytest.raises(Unauthenticated):
        tokens.authenticate(secret, kinds=[kind])
    assert "No tokens yet" in text(client.get(MINE))
    told = list(LogEntry.objects.order_by("-pk").values_list("kind", flat=True)[:2])
    assert [kind.partition("_")[0] for kind in told] == ["revoke", "create"]


WRONG = [
    ({"title": ""}, "This field is required"),
    ({"title": "x" * 256}, "at most 255"),
    ({"kind": "robot"}, "Select a valid choice"),
    ({"scopes": []}, "Choose at least one"),
    ({"scopes": ["repo:everything"]}, "Select a valid choice"),
    ({"scopes": [Scope.SUPER_USER]}, "Select a valid choice"),
    ({"lifetime": "3650"}, "Select a valid choice"),
    ({"lifetime": "custom"}, "Name a day from today on"),
    ({"lifetime": "custom", "until": "2020-01-01"}, "Name a day from today on"),
    ({"lifetime": "custom", "until": "tomorrow"}, "Enter a valid date"),
]


@pytest.mark.parametrize(("change", "words"), WRONG)
def test_what_no_token_can_be_is_said_in_the_dialog(ada, change, words):
    answer = enter(ada).post(MINE, NEW | {"kind": "oauth", "scopes": ["repo:read"]} | change)
    assert answer.status_code == 200
    assert words in text(answer)
    assert re.search(r'<dialog class="dialog" id="create-dialog" [^>]* open>', text(answer))
    assert not Credential.objects.exists()


def test_a_day_of_choice_and_no_end(ada, settings):
    client, day = enter(ada), datetime.now(UTC).date() + timedelta(days=400)
    form = NEW | {"kind": "access", "lifetime": "custom", "until": str(day)}
    client.post(MINE, form)
    ends = Credential.objects.get().expires_at
    assert ends
    assert ends.astimezone(UTC).date() == day
    settings.APP_TOKEN_SECONDS = 3600  # the earlier end counts
    client.post(MINE, form | {"kind": "app_specific"})
    ends = Credential.objects.latest("pk").expires_at
    assert ends
    assert ends <= timezone.now() + timedelta(hours=1)
    settings.APP_TOKEN_SECONDS = 0
    client.post(MINE, form | {"kind": "app_specific", "lifetime": "never"})
    assert Credential.objects.latest("pk").expires_at is None


def test_superusers_are_offered_what_superusers_do(ada):
    root = make.user("root", superuser=True)
    assert "absolute trust" in text(enter(ada).get(MINE))
    for user, offered in ((ada, False), (root, True)):
        assert ("super:user" in text(enter(user).get(MINE))) is offered


def test_other_peoples_tokens_are_not_there(ada):
    make.token(make.user("rival"), title="Theirs")
    theirs, client = Credential.objects.get(), enter(ada)
    assert "Theirs" not in text(client.get(MINE))
    assert client.get(f"{MINE}?token={theirs.uuid}").status_code == 404
    for uuid in (theirs.uuid, "nonsense", "\0"):
        assert client.post(MINE, {"do": "revoke", "uuid": uuid}).status_code in (200, 302, 404)
    theirs.refresh_from_db()
    assert theirs.revoked_at is None


# A recent sign-in -----------------------------------------------------------------------------------------


def test_who_signed_in_long_ago_enters_her_password_in_the_same_dialog(ada):
    client = aged(enter(ada))
    form = NEW | {"kind": "access"}
    assert "Your password" in text(client.get(MINE))
    for proof, words in (
        ({}, "This field is required"),
        ({"own_password": "wrong-wrong"}, "not your password"),
    ):
        answer = client.post(MINE, form | proof)
        assert words in text(answer)
        assert 'value="Mirror"' in text(answer)
        assert "wrong-wrong" not in text(answer)
        assert not Credential.objects.exists()
    assert "data-once" in text(client.post(MINE, form | {"own_password": make.PASSWORD}))
    # From now on it is recent.
    assert "Your password" not in text(client.get(MINE))
    assert "data-once" in text(client.post(MINE, form))


def test_revoking_asks_for_it_too(ada):
    make.token(ada)
    made, client = Credential.objects.get(), aged(enter(ada))
    asked, form = f"{MINE}?token={made.uuid}", {"do": "revoke", "uuid": made.uuid}
    assert "Your password" in text(client.post(asked, form))
    made.refresh_from_db()
    assert made.revoked_at is None
    assert client.post(asked, form | {"own_password": make.PASSWORD})["Location"] == MINE


def test_a_service_that_wants_it_is_answered_on_the_same_page(ada):
    client = aged(enter(ada))
    form = {"do": "profile", "name": "Ada L", "email": "new@example.test", "company": "", "location": ""}
    answer = client.post("/account/", form)
    assert answer.status_code == 200
    assert "It is a while since you signed in" in text(answer)
    assert 'value="new@example.test"' in text(answer)
    assert client.post("/account/", form | {"own_password": make.PASSWORD}).status_code == 302


# Cost -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 60])
def test_the_page_of_tokens_costs_the_same_at_any_size(ada, size, django_assert_num_queries):
    for _ in range(size):
        make.token(ada)
    client = enter(ada)
    client.get(MINE)
    with django_assert_num_queries(5):  # session, person, the page of them, how many, what surrounds it
        page = text(client.get(MINE))
    assert page.count("Revoke ") >= min(size, 50)


def test_own_tokens_are_narrowed_by_what_is_to_be_said_of_them(ada):
    now = timezone.now()
    ages: dict[str, dict[str, Any]] = {
        "soon": {"expires_at": now + timedelta(days=3), "last_used_at": now, "last_used_ip": "192.0.2.7"},
        "idle": {"expires_at": now + timedelta(days=50), "last_used_at": now - timedelta(days=40)},
        "old": {"expires_at": now + timedelta(days=50), "last_used_at": now - timedelta(days=95)},
        "endless": {"expires_at": None, "last_used_at": now},
        "new": {"expires_at": now + timedelta(days=50)},
    }
    for title, values in ages.items():
        make.token(ada, title=title)
        Credential.objects.filter(title=title).update(**values)
    client = enter(ada)

    def titles(state):
        return {row["name"] for row in client.get(f"/account/tokens/?state={state}").context["tokens"]}

    assert titles("") == titles("nonsense") == set(ages)
    assert titles("expiring") == {"soon"}
    assert titles("idle") == {"idle", "old"}
    assert titles("unused") == {"old"}
    assert titles("endless") == {"endless"}
    assert titles("never") == {"new"}
    page = client.get("/account/tokens/")
    assert "192.0.2.7" in page.content.decode()
    assert {key: number for key, _, number, _ in page.context["chips"]} == {
        key: len(titles(key)) for key in ("", "expiring", "never", "idle", "unused", "endless")
    }
