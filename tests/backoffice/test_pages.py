"""Every desk's pages: who may open them, what they never show, and that a list costs the same at any size."""

import re
import socket
from datetime import UTC, datetime
from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import Group
from django.db import connection, transaction
from django.test import Client, override_settings
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from backoffice.desk import Desk
from tests import make
from tests.backoffice.conftest import AUDITORS, build, one_more, signed_in
from tests.staging import stand
from tokens.models import Credential

OWN = (
    "accounts",
    "projects",
    "permissions",
    "tokens",
    "quotas",
    "logs",
    "notifications",
    "trash",
    "jobs",
    "runs",
    "streams",
)
MODELS: list[Any] = [model for label in OWN for model in apps.get_app_config(label).get_models()]
IDS = [model._meta.label for model in MODELS]


# What filters ask for that offer no links, and what links from other desks ask for.
QUERIES = {
    "accounts.User": ["?is_active__exact=1", f"?created_at__year={datetime.now(UTC):%Y}"],
    "accounts.Membership": ["?organization__id__exact={acme.pk}", "?role__exact=owner"],
    "logs.LogEntry": [
        "?kind=create_robot",
        "?when=hour&group=change",
        "?at_from_0=2020-01-01&at_from_1=00:00:00&at_to_0=2999-01-01&at_to_1=23:59:59",
        "?at_from_0=2020-01-01",
        "?at_from_0=nonsense&at_to_1=99:99",
        "?q=acme",
    ],
    "quotas.Quota": ["?fill=unlimited&namespace__id__exact={acme.namespace_id}"],
}


def list_of(model):
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")


def page_of(row):
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])


def every_page():
    for model in MODELS:
        yield list_of(model)
        yield from (page_of(row) for row in model._default_manager.all())
    yield reverse("admin:index")
    yield reverse("admin:mails")
    for label in OWN:
        yield reverse("admin:app_list", args=[label])


def test_every_model_of_ours_has_a_desk_and_nothing_else_has():
    assert set(admin.site._registry) == set(MODELS)
    assert all(isinstance(desk, Desk) for desk in admin.site._registry.values())
    assert Group not in admin.site._registry


@pytest.mark.parametrize("who", ["operator", "reader"])
def test_every_page_opens_and_none_shows_a_secret(world, request, who):
    assert len(world.secrets) > 15
    assert all(model._default_manager.exists() for model in MODELS)
    client = request.getfixturevalue(who)
    for address in every_page():
        response = client.get(address)
        assert response.status_code == 200, address
        text = response.content.decode()
        shown = [secret for secret in world.secrets if secret in text]
        assert not shown, address


@pytest.mark.parametrize(
    "probe",
    [
        "tokens/credential/?sealed__startswith=g",
        "tokens/credential/?digest=1",
        "tokens/credential/?user__password__startswith=a",
        "tokens/credential/?application__secret_sealed__gt=g",
        "tokens/application/?secret_sealed__regex=.",
        "accounts/user/?password__startswith=md5",
        "accounts/robot/?credentials__sealed__startswith=g",
        "accounts/invitation/?code__startswith=urn",
        "accounts/identity/?refresh_sealed__startswith=g",
        "accounts/identitygroup/?identity__refresh_sealed__startswith=g",
        "accounts/mailedlink/?digest=1",
        "accounts/membership/?user__password__contains=a",
        "accounts/membership/?organization__credentials__sealed__gt=g",
        "logs/logexport/?storage_name__startswith=u",
        "notifications/subscription/?secret_sealed__startswith=g",
        "notifications/subscription/?config__url__startswith=h",
        "notifications/authorizedaddress/?code_digest=1",
        "streams/stream/?secret_sealed__startswith=g",
        "streams/stream/?config__url__startswith=h",
        "notifications/notice/?metadata__code__startswith=a",
        "notifications/notice/?invitation__code__startswith=a",
        "notifications/delivery/?subscription__secret_sealed__startswith=g",
    ],
)
def test_secrets_cannot_be_guessed_by_filtering(world, reader, probe):
    assert reader.get(f"/admin/{probe}").status_code == 400


@pytest.mark.parametrize("name", ["ada", None])
def test_others_are_sent_away(world, name):
    client = signed_in(world.ada) if name else Client()
    for model in MODELS:
        assert client.get(list_of(model)).status_code == 302
    response = client.get(list_of(User), follow=True)
    if name:
        assert response.status_code == 403
    else:
        asked, status = response.redirect_chain[-1]
        assert (asked, status) == (f"{reverse('console:sign-in')}?next={list_of(User)}", 302)


def test_signing_in_leads_back_and_nowhere_else(world, operator):
    login = reverse("admin:login")
    assert operator.get(login, {"next": "/admin/quotas/quota/"})["Location"] == "/admin/quotas/quota/"
    assert operator.get(login, {"next": "https://evil.example.test/"})["Location"] == reverse("admin:index")
    away = Client().get(login, {"next": "https://evil.example.test/"})
    assert away["Location"] == f"{reverse('console:sign-in')}?next={reverse('admin:index')}"


def test_a_disabled_superuser_is_out_at_once(world, operator):
    User.objects.filter(pk=world.root.pk).update(is_active=False)
    assert operator.get(reverse("admin:index")).status_code == 302


def test_no_page_of_django_writes_past_the_services(world, operator):
    for model in MODELS:
        row = model._default_manager.first()
        before = model._default_manager.filter(pk=row.pk).values().get()
        add, page = list_of(model) + "add/", page_of(row)
        assert operator.get(add).status_code == 403
        assert operator.post(add, {}).status_code == 403
        assert operator.post(page, {"name": "other", "_save": "Save"}).status_code == 403
        assert operator.post(page.replace("/change/", "/delete/"), {"post": "yes"}).status_code == 403
        assert operator.get(page.replace("/change/", "/history/")).status_code == 404
        chosen = {"action": "delete_selected", "_selected_action": [row.pk], "post": "yes"}
        operator.post(list_of(model), chosen)
        assert model._default_manager.filter(pk=row.pk).values().get() == before
    for name in ("password_change", "password_change/done"):
        assert operator.get(f"/admin/{name}/").status_code == 404


def test_django_keeps_no_log_of_its_own(world, operator):
    row = world.acme
    operator.post(
        reverse("admin:accounts_organization_do", args=["take-ownership"]),
        {"sure": "take-ownership", "id": row.pk},
    )
    assert not admin.models.LogEntry.objects.exists()


def cost(operator, model):
    """Return how many queries a desk's list costs, when it was seen before."""
    operator.get(list_of(model))
    with CaptureQueriesContext(connection) as asked:
        assert operator.get(list_of(model)).status_code == 200
    return len(asked)


@override_settings(READONLY_SUPERUSERS=AUDITORS)
def small_and_grown():
    """Ask for each list while there is one of everything; make more of everything."""
    world = build()
    with transaction.atomic():
        operator = signed_in(world.root)
        costs = {model._meta.label: cost(operator, model) for model in MODELS}
        transaction.set_rollback(True)
    for number in range(3):
        one_more(world, f"more{number}")
    return world, costs


@pytest.fixture
def standing_small_and_grown(request):
    return stand(small_and_grown, request)


@pytest.mark.parametrize("model", MODELS, ids=IDS)
def test_a_list_costs_the_same_at_any_size(standing_small_and_grown, db, switched, model):
    world, costs = standing_small_and_grown
    one = costs[model._meta.label]
    assert cost(signed_in(world.root), model) == one
    assert one <= 10


@pytest.mark.parametrize("model", MODELS, ids=IDS)
def test_search_and_every_filter_answer(world, operator, model):
    desk = admin.site._registry[model]
    if desk.search_fields:
        assert operator.get(list_of(model), {"q": "acme 192.0.2.7"}).status_code == 200
    for query in QUERIES.get(model._meta.label, ()):
        response = operator.get(list_of(model) + query.format(acme=world.acme))
        assert response.status_code == 200, query
        assert response.context["cl"].result_list, query
    request = operator.get(list_of(model)).wsgi_request
    for one in desk.get_changelist_instance(request).filter_specs:
        for choice in one.choices(desk.get_changelist_instance(request)):
            if "query_string" in choice:
                response = operator.get(list_of(model) + choice["query_string"])
                assert response.status_code == 200, (one.title, choice["query_string"])


@pytest.mark.parametrize("model", MODELS, ids=IDS)
def test_every_row_of_a_list_leads_to_its_page(world, operator, model):
    page = operator.get(list_of(model)).content.decode()
    rows = page.partition('id="result_list"')[2].partition("</table>")[0]
    newest = operator.get(list_of(model)).context["cl"].result_list
    for row in list(newest)[:5]:
        assert page_of(row) in rows
    # A link inside a link is cut off by the browser: the row's own would be lost.
    assert not re.search(r"<a\b[^>]*>(?:(?!</a>).)*<a\b", rows, re.DOTALL)


def test_the_policy_is_wide_below_admin_and_nowhere_else(world, operator):
    wide = operator.get(reverse("admin:index"))["Content-Security-Policy"]
    strict = operator.get(reverse("console:home"), follow=True)["Content-Security-Policy"]
    assert "script-src 'self' 'unsafe-eval'" in wide
    assert "style-src 'self' 'unsafe-inline'" in wide
    assert "'unsafe-inline'" not in wide.partition("script-src")[2].partition(";")[0]
    assert "unsafe" not in strict
    for policy in (wide, strict):
        assert "default-src 'self'" in policy
        assert "frame-ancestors 'none'" in policy


def test_the_first_page_tells_how_the_switches_stand(world, operator, settings):
    settings.READ_ONLY = settings.USER_CREATION = False
    page = operator.get("/admin/").content.decode()
    assert page.count('class="bo-notable"') == page.count('class="bo-notable"><dt>Mails')
    settings.READ_ONLY = True
    page = operator.get("/admin/").content.decode()
    assert '<div class="bo-notable"><dt>Read-only mode' in page
    assert "MUSTER_READ_ONLY" in page


def test_every_switch_is_a_setting_that_the_page_of_settings_names():
    from pathlib import Path

    from portal.dashboard import switches

    text = Path("docs/settings.md").read_text(encoding="utf-8")
    for one in switches():
        assert f"`{one.variable}`" in text


def test_bells_that_wait_are_counted(world, operator, settings):
    from kombu import Queue

    from portal.celery import app
    from portal.dashboard import waiting

    before = {one.label: one.value for one in waiting()}
    queues = ("default", "deliveries", "mails", "upkeep", "exports", "runs")
    assert before.keys() == {f"Queue {name}" for name in queues}
    app.send_task("nobody.does.this", queue="exports")
    try:
        after = {one.label: one.value for one in waiting()}
        assert int(after["Queue exports"]) == int(before["Queue exports"]) + 1
    finally:
        with app.connection_for_write() as broker:
            Queue("exports", channel=broker.channel()).purge()


def test_a_disabled_token_is_not_called_living(world, operator):
    make.token(world.ada)
    tokens = Credential.objects.filter(user=world.ada)
    tokens.update(disabled_at=timezone.now())

    def shown(state):
        answer = operator.get(list_of(Credential), {"state": state, "user__id__exact": world.ada.pk})
        return set(answer.context_data["cl"].result_list)

    for state in ("living", "unused", "endless"):
        assert shown(state) == set()
    assert shown("disabled") == set(tokens)
    desk: Any = admin.site._registry[Credential]
    assert {desk.state(one) for one in tokens} == {"disabled"}


def test_the_first_page_answers_while_the_broker_hangs(world, operator, monkeypatch):
    from portal import health
    from portal.celery import app

    monkeypatch.setattr(health, "_running", {})
    with socket.create_server(("127.0.0.1", 0)) as mute:
        monkeypatch.setitem(app.conf, "broker_write_url", f"redis://127.0.0.1:{mute.getsockname()[1]}/0")
        monkeypatch.setitem(app.conf, "broker_transport_options", {"socket_timeout": 3})
        answer = operator.get(reverse("admin:index"))
    assert answer.status_code == 200
    shown = {one.label: one for one in answer.context["figures"]}
    assert shown["Broker"].mood == "danger"
    assert not any(label.startswith("Queue") for label in shown)


@pytest.mark.parametrize("key", ["9" * 30, "x", "-1", "\0"])
def test_a_filter_by_a_key_that_no_row_has_finds_nothing(world, operator, key):
    answer = operator.get(list_of(Credential), {"user__id__exact": key}, follow=True)
    assert answer.status_code == 200
