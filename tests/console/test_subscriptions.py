"""The rooms of notifications: what forms make of them, what is shown, and whose they are."""

import re
from datetime import timedelta

import pytest
from django.utils import timezone

from accounts import services as accounts
from logs.models import LogEntry
from notifications import deliveries, selectors, services
from notifications.models import AuthorizedAddress, Delivery, Subscription
from tests import make
from tests.console.entering import enter, person
from tests.notifications.receiver import ERROR, Receiver

pytestmark = pytest.mark.django_db
LIST, OF_WEB = "/o/acme/notifications/", "/o/acme/notifications/of/web/"


@pytest.fixture
def owner():
    return make.user("owner")


@pytest.fixture
def web(owner, settings):
    settings.EGRESS_ALLOW = ["192.0.2.0/24"]
    return make.project(make.organization("acme", owner=owner))


@pytest.fixture
def client(owner, web):
    return enter(owner)


@pytest.fixture
def receiver(settings):
    receiver = Receiver()
    settings.EGRESS_ALLOW = [*settings.EGRESS_ALLOW, f"127.0.0.1:{receiver.port}"]
    yield receiver
    receiver.close()


def of(row):
    return f"{LIST}{row.uuid}/"


def made(client, path, **form):
    """Post a form that adds a notification; return it."""
    answer = client.post(path, form)
    assert answer.status_code == 302, answer.content.decode()[-3000:]
    row = Subscription.objects.latest("pk")
    assert answer["Location"] == of(row)
    assert client.get(answer["Location"]).status_code == 200
    return row


WEBHOOK = {"do": "webhook", "event": "repo_change", "url": "https://192.0.2.7/hook?key=k"}


def test_a_webhook_of_either_form(client, web):
    plain = made(client, OF_WEB, **WEBHOOK, title="CI", template='{"text": "${sentence}"}')
    assert (plain.project, plain.title, plain.flat) == (web, "CI", False)
    assert plain.config == {"url": WEBHOOK["url"], "template": '{"text": "${sentence}"}'}
    flat = made(client, OF_WEB, **WEBHOOK, shape="flat")
    assert (flat.flat, flat.config) == (True, {"url": WEBHOOK["url"]})
    page = client.get(of(flat)).content.decode()
    assert "as Quay does" in page
    assert "key=k" not in re.sub(r"<dialog.*?</dialog>", "", page, flags=re.S)


def test_all_other_ways_to_tell(client, web, owner):
    AuthorizedAddress.objects.create(project=web, email="ops@example.test", confirmed_at=timezone.now())
    mail = made(client, OF_WEB, do="email", event="repo_change", email="ops@example.test")
    slack = made(client, LIST, do="slack", event="member_change", url="https://192.0.2.7/services/x")
    everybody = made(client, LIST, do="console", event="org_change", kind="org")
    person = made(client, OF_WEB, do="console", event="repo_change", kind="user", name="owner")
    flex = made(client, OF_WEB, do="integration", url="https://192.0.2.7/flex", flags=["services_ok"])
    assert [row.method for row in (mail, slack, everybody, person, flex)] == [
        "email", "slack", "in_console", "in_console", "webhook",
    ]  # fmt: skip
    assert everybody.config == {"target": {"kind": "org", "name": "acme"}}
    assert person.config == {"target": {"kind": "user", "name": "owner"}}
    assert flex.flags is not None
    assert [flag for flag, on in flex.flags.items() if on] == ["services_ok"]
    for path, count in ((LIST, 5), (OF_WEB, 3)):
        page = client.get(path)
        assert len(page.context["lines"]) == count
        assert "services/x" not in page.content.decode()


def test_events_of_projects_and_of_organizations_only(client):
    assert "Select a valid choice" in client.post(OF_WEB, WEBHOOK | {"event": "team_create"}).content.decode()
    made(client, LIST, **WEBHOOK | {"event": "team_create"})
    assert not Subscription.objects.filter(project__isnull=False).exists()


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ({"url": "http://127.0.0.1/"}, "The host is not known, or may not be called"),
        ({"url": "ftp://192.0.2.7/"}, "must begin with http"),
        ({"template": "{"}, "JSON"),
        ({"title": "x" * 256}, "at most 255 characters"),
        ({"event": "nothing"}, "Select a valid choice"),
        ({"shape": "round"}, "Select a valid choice"),
    ],
)
def test_what_is_wrong_is_said_in_the_dialog(client, form, words):
    page = client.post(OF_WEB, WEBHOOK | form).content.decode()
    assert words in page
    assert re.search(r'<dialog [^>]*id="webhook-dialog"[^>]* open', page)
    assert not Subscription.objects.exists()


@pytest.mark.parametrize("do", ["webhook", "slack", "integration"])
def test_an_address_that_may_not_be_called_is_refused_at_its_field(client, do):
    form = WEBHOOK | {"do": do, "url": "https://127.0.0.1/services/x", "flags": "services_ok"}
    page = client.post(OF_WEB, form).content.decode()
    assert f'id="{do}_url_error"' in page


def test_an_address_is_asked_first(client, settings):
    settings.MAILING = True
    assert "Ask an address" in client.get(OF_WEB).content.decode()
    answer = client.post(OF_WEB, {"do": "address", "email": "ops@example.test"}, follow=True)
    assert "ops@example.test is asked" in answer.content.decode()
    AuthorizedAddress.objects.get(email="ops@example.test", confirmed_at=None)


def test_slack_is_offered_where_it_is_connected(client, settings):
    assert "channel-dialog" not in client.get(OF_WEB).content.decode()
    answer = client.post(OF_WEB, {"do": "channel", "channel_id": "C0DEPLOYS"})
    assert answer.status_code == 404
    settings.SLACK_TOKEN = "xoxb-1-2-three"
    assert "channel-dialog" in client.get(OF_WEB).content.decode()


def test_a_change(client, web):
    row = made(client, OF_WEB, **WEBHOOK)
    form = {"do": "change", "title": "New", "event": "repo_image_expiry", "url": "https://192.0.2.8/"}
    assert client.post(of(row), form).status_code == 302
    row.refresh_from_db()
    assert (row.title, row.event, row.config) == ("New", "repo_image_expiry", {"url": "https://192.0.2.8/"})
    client.post(of(row), form | {"days": "3"})
    row.refresh_from_db()
    assert row.event_config == {"days": 3}
    assert "Enter a whole number" in client.post(of(row), form | {"days": "soon"}).content.decode()
    client.post(of(row), form | {"event": "repo_change", "days": "3"})
    row.refresh_from_db()
    assert row.event_config == {}


def test_changes_of_notices_and_integrations(client, web, owner):
    person = made(client, OF_WEB, do="console", event="repo_change", kind="user", name="owner")
    client.post(of(person), {"do": "change", "event": "repo_change", "kind": "org", "name": "whatever"})
    person.refresh_from_db()
    assert person.config == {"target": {"kind": "org", "name": "acme"}}
    listed, _ = services.create_subscription(
        actor=make.actor(owner), project=web, event="repo_change", method="in_console", config={}
    )
    client.post(of(listed), {"do": "change", "event": "repo_change", "title": "Listed"})
    listed.refresh_from_db()
    assert (listed.title, listed.config) == ("Listed", {})
    flex = made(client, OF_WEB, do="integration", url="https://192.0.2.7/flex", flags=["services_ok"])
    client.post(of(flex), {"do": "change", "title": "Deploys", "flags": ["services_alarm"]})
    flex.refresh_from_db()
    assert flex.title == "Deploys"
    assert flex.flags is not None
    assert [flag for flag, on in flex.flags.items() if on] == ["services_alarm"]


def test_pausing_and_switching_on(client):
    row = made(client, OF_WEB, **WEBHOOK)
    client.post(of(row), {"do": "pause"})
    page = client.get(of(row)).content.decode()
    assert "paused" in page
    assert "Send a test" not in page
    assert [one.state for one in client.get(f"{LIST}?state=off").context["lines"]] == ["paused"]
    client.post(of(row), {"do": "resume"})
    row.refresh_from_db()
    assert (row.disabled_at, row.paused) == (None, False)


def test_a_new_secret(client, owner):
    row = made(client, OF_WEB, **WEBHOOK)
    actor = make.actor(owner)
    old = selectors.secret(actor=actor, subscription=row)
    assert old in client.get(of(row)).content.decode()
    client.post(of(row), {"do": "rotate", "grace": "168"})
    row.refresh_from_db()
    new = selectors.secret(actor=actor, subscription=row)
    page = client.get(of(row)).content.decode()
    assert new in page
    assert old not in page
    assert "The old secret lives on" in page
    client.post(of(row), {"do": "end"})
    assert "The old secret lives on" not in client.get(of(row)).content.decode()
    assert (
        "There is no old secret any more" in client.post(of(row), {"do": "end"}, follow=True).content.decode()
    )
    assert "Select a valid choice" in client.post(of(row), {"do": "rotate", "grace": "9"}).content.decode()


def test_a_new_secret_takes_a_recent_sign_in(client, owner):
    row = made(client, OF_WEB, **WEBHOOK)
    session = client.session
    session["signed_in_at"] = "2020-01-01T00:00:00+00:00"
    session.save()
    before = row.secret_sealed
    assert "Your password" in client.post(of(row), {"do": "rotate", "grace": "24"}).content.decode()
    row.refresh_from_db()
    assert row.secret_sealed == before
    client.post(of(row), {"do": "rotate", "grace": "24", "own_password": make.PASSWORD})
    row.refresh_from_db()
    assert row.secret_sealed != before


def test_who_only_looks_sees_no_secret(client, web, settings):
    row = made(client, OF_WEB, **WEBHOOK)
    make.user("auditor")
    settings.READONLY_SUPERUSERS = frozenset({"auditor"})
    looking = enter(person("auditor"))
    page = looking.get(of(row))
    assert page.status_code == 200
    assert "whsec_" not in page.content.decode()
    assert "key=k" not in page.content.decode()
    assert looking.post(of(row), {"do": "test"}).status_code == 403
    assert not Delivery.objects.exists()


def test_what_is_under_way_is_asked_for_again_until_it_came_to_something(client, receiver):
    row = made(client, OF_WEB, **WEBHOOK | {"url": receiver.url})
    again, htmx = 'hx-trigger="every 2s"', {"HX-Request": "true", "HX-Target": "list"}
    assert again not in client.get(of(row)).content.decode()
    client.post(of(row), {"do": "test"})
    sent = Delivery.objects.get()
    page = client.get(of(row)).content.decode()
    assert again in page
    assert "Look again" in page
    part = client.get(of(row), headers=htmx).content.decode()
    assert again in part
    assert "<html" not in part
    assert str(sent.uuid) in part
    deliveries.work(sent.pk)
    part = client.get(of(row), headers=htmx).content.decode()
    assert again not in part
    assert "delivered" in part
    # What waits for long is not asked for every other second.
    Delivery.objects.update(status="queued", due_at=timezone.now() + timedelta(hours=1))
    assert again not in client.get(of(row)).content.decode()


def test_one_that_is_under_way_is_asked_for_again_on_its_own_page(client, receiver):
    row = made(client, OF_WEB, **WEBHOOK | {"url": receiver.url})
    client.post(of(row), {"do": "test"})
    sent = Delivery.objects.get()
    here, again = f"{of(row)}{sent.uuid}/", 'hx-target="#delivery" hx-trigger="every 2s"'
    htmx = {"HX-Request": "true", "HX-Target": "delivery"}
    page = client.get(here).content.decode()
    assert again in page
    assert "Look again" in page
    part = client.get(here, headers=htmx).content.decode()
    assert again in part
    assert "Not tried so far" in part
    assert "<html" not in part
    deliveries.work(sent.pk)
    part = client.get(here, headers=htmx).content.decode()
    assert again not in part
    assert "Look again" not in part
    assert "delivered" in part
    Delivery.objects.update(status="queued", due_at=timezone.now() + timedelta(hours=1))
    assert again not in client.get(here).content.decode()


def test_a_failed_delivery_is_looked_at_and_sent_again(client, receiver):
    row = made(client, OF_WEB, **WEBHOOK | {"url": receiver.url})
    client.post(of(row), {"do": "test"})
    sent = Delivery.objects.get()
    page = f"{of(row)}{sent.uuid}/"
    assert "Not tried so far" in client.get(page).content.decode()
    receiver.answers = [ERROR.replace(b"no\x00t now\xff", b"<b>nope</b"), ERROR]
    deliveries.work(sent.pk)
    text = client.get(page).content.decode()
    assert "The URL answered 500." in text
    assert "&lt;b&gt;nope" in text
    assert "webhook-id" in text
    assert "v1," not in text
    assert client.post(page, {"do": "again"}).status_code == 302
    deliveries.work(sent.pk)
    client.post(of(row), {"do": "again", "uuid": str(sent.uuid)})
    deliveries.work(sent.pk)
    sent.refresh_from_db()
    assert [one["status"] for one in sent.history] == [500, 500, 200]
    kinds = LogEntry.objects.filter(kind="redeliver_repo_notification")
    assert kinds.count() == 2
    shown = [one.pk for one, *_ in client.get(f"{of(row)}?state=done").context["deliveries"]]
    assert shown == [sent.pk]
    assert not client.get(f"{of(row)}?state=failed").context["deliveries"]


def test_all_that_failed_since(client):
    row = made(client, OF_WEB, **WEBHOOK)
    for _ in range(3):
        client.post(of(row), {"do": "test"})
    Delivery.objects.update(status="failed", due_at=None)
    words = client.post(of(row), {"do": "failed", "since": "2020-01-01T00:00"}, follow=True).content.decode()
    assert "3 deliveries are on the way again" in words
    again = client.post(of(row), {"do": "failed", "since": "2020-01-01T00:00"}).content.decode()
    assert "Nothing failed since then" in again
    assert "Enter a valid date" in client.post(of(row), {"do": "failed", "since": "noon"}).content.decode()


def test_history_is_read_page_by_page(client, monkeypatch):
    monkeypatch.setattr("console.views.deliveries.SHOWN", 2)
    row = made(client, OF_WEB, **WEBHOOK)
    for _ in range(5):
        client.post(of(row), {"do": "test"})
    seen, address = [], of(row)
    while address:
        page = client.get(address).context
        seen += [one.pk for one, *_ in page["deliveries"]]
        address = page["older"]
    assert seen == sorted(Delivery.objects.values_list("pk", flat=True), reverse=True)


def test_removing_leads_back_to_the_list(client):
    for path, event in ((LIST, "org_change"), (OF_WEB, "repo_change")):
        row = made(client, path, **WEBHOOK | {"event": event})
        assert client.post(of(row), {"do": "delete"})["Location"] == path
    assert not Subscription.objects.exists()


def test_another_tenants_are_not_there(client, web, owner):
    rival = make.user("rival")
    theirs = make.project(make.organization("globex", owner=rival), "shop")
    hook, _ = services.create_subscription(
        actor=make.actor(rival), project=theirs, event="repo_change", method="in_console", config={}
    )
    sent = services.send_test(actor=make.actor(rival), subscription=hook)
    own = made(client, OF_WEB, **WEBHOOK)
    for path in (of(hook), f"{of(hook)}{sent.uuid}/", f"{of(own)}{sent.uuid}/"):
        assert client.get(path).status_code == 404
        assert client.post(path, {"do": "again", "uuid": str(sent.uuid)}).status_code == 404
        assert client.post(path, {"do": "delete"}).status_code == 404
    assert client.post(of(own), {"do": "again", "uuid": str(sent.uuid)}).status_code == 404
    assert client.get("/o/globex/notifications/").status_code in (403, 404)
    assert client.get("/o/globex/notifications/of/shop/").status_code in (403, 404)
    assert Subscription.objects.filter(pk=hook.pk).exists()


def test_who_administers_one_project_alone(client, web, owner):
    keeper = make.user("keeper")
    make.grant(web, "admin", user=keeper)
    accounts.set_member_role(
        actor=make.SYSTEM, organization=web.namespace.organization, user=keeper, role="member"
    )
    row = made(client, OF_WEB, **WEBHOOK)
    own = made(client, LIST, **WEBHOOK | {"event": "org_change"})
    hers = enter(keeper)
    assert [hers.get(path).status_code for path in (OF_WEB, of(row), LIST, of(own))] == [200, 200, 403, 403]
    assert OF_WEB in hers.get("/o/acme/projects/web/").content.decode()


def test_a_list_is_narrowed(client):
    for title in ("Alpha", "Beta"):
        made(client, OF_WEB, **WEBHOOK, title=title)
    made(client, LIST, **WEBHOOK | {"event": "team_create"}, title="Gamma")

    def names(query):
        return [one.name for one in client.get(f"{LIST}?{query}").context["lines"]]

    assert names("") == ["Gamma", "Alpha", "Beta"]
    assert names("q=alp") == ["Alpha"]
    assert names("q=a%20team%20is%20created") == ["Gamma"]
    assert names("q=web") == ["Alpha", "Beta"]
    assert names("state=failing") == []
    assert names("state=%00&start=x&q=%00") == ["Gamma", "Alpha", "Beta"]
    part = client.get(f"{LIST}?q=beta", headers={"hx-request": "true"}).content.decode()
    assert "Beta" in part
    assert "<html" not in part


def test_where_nobody_is_told_a_button_begins(client):
    for page in (LIST, OF_WEB):
        empty = client.get(page).content.decode().split("Nobody is told")[1]
        assert 'commandfor="webhook-dialog"' in empty.split("<dialog")[0]
