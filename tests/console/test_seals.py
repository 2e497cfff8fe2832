"""The page of seals, without and in a browser."""

import re

import pytest
from playwright.sync_api import expect

from logs import tasks
from logs.chain import checkpoints, sealing
from logs.models import LogEntry, LogVerification
from notifications import deliveries
from notifications.channels.webhook import new_secret
from notifications.models import Delivery
from tests import make
from tests.console.entering import enter, person
from tests.console.test_rooms_browser import LOOKS, look
from tests.logs.written import settle

SEALS = "/o/acme/logs/seals/"


def seal():
    settle()
    while sealing.seal_some():
        pass
    checkpoints.make()


def text(answer):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", answer.content.decode()))


@pytest.mark.django_db(transaction=True)
def test_the_instance_is_verified_by_who_reads_it_and_by_nobody_else(acme):
    seal()
    root = enter(make.user("root", superuser=True))
    page = root.get("/logs/seals/")
    assert "Seals of all logs" in text(page)
    assert "The last line of the file of checkpoints" in text(page)
    assert "The last line of the file" not in text(enter(person("owner")).get(SEALS))
    root.post("/logs/seals/", {"do": "verify"})
    made = LogVerification.objects.get()
    assert made.namespace is None
    tasks.verify(made.pk)
    assert "Nothing was changed." in text(root.get("/logs/seals/"))
    assert "Nothing was changed." not in text(enter(person("owner")).get(f"{SEALS}?check={made.uuid}"))


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("since", ["nonsense", "0001-01-01", "9" * 40])
def test_wrong_days_are_said(acme, since):
    answer = enter(person("owner")).post(SEALS, {"do": "verify", "since": since})
    assert answer.status_code == 200
    assert not LogVerification.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_page_costs_few_queries(acme, django_assert_max_num_queries):
    seal()
    client = enter(person("owner"))
    client.get(SEALS)
    with django_assert_max_num_queries(14):
        client.get(SEALS)


@pytest.mark.django_db(transaction=True)
def test_where_checkpoints_go_is_told_to_who_sees_the_instance(acme, settings, django_assert_max_num_queries):
    settings.CHECKPOINT_MAILS = ["audit@example.test"]
    settings.CHECKPOINT_URL = "https://audit.example.test/hook/of-a-secret-path"
    settings.CHECKPOINT_SECRETS = [new_secret()]
    seal()
    row = Delivery.objects.get(subscription__method="email")
    deliveries.work(row.pk)
    root = enter(make.user("root", superuser=True))
    page = text(root.get("/logs/seals/"))
    assert "Mailaudit@example.testNumber 1, " in page
    assert "Webhookaudit.example.test—on" in page
    assert "of-a-secret-path" not in page
    assert "audit@" not in text(enter(person("owner")).get(SEALS))
    with django_assert_max_num_queries(12):
        root.get("/logs/seals/")
    settings.CHECKPOINT_MAILS, settings.CHECKPOINT_URL = [], ""
    assert "To nobody else" in text(root.get("/logs/seals/"))


@pytest.mark.each_database
@pytest.mark.browser
def test_verifying_before_ones_eyes(browse, world):
    seal()
    visit = browse(world.owner)
    page = visit.goto("/o/acme/logs/")
    page.get_by_role("link", name="Seals").click()
    page.get_by_role("button", name="Verify").click()
    expect(page.get_by_text("Waiting for a worker")).to_be_visible()
    first = LogVerification.objects.get()
    tasks.verify(first.pk)
    expect(page.get_by_text("Nothing was changed.")).to_be_visible()
    look(visit, "seals-whole", [LOOKS[0], LOOKS[2]])
    entry = LogEntry.objects.filter(namespace=world.acme.namespace).order_by("pk")[3]
    LogEntry.objects.filter(pk=entry.pk).update(performer_name="nobody")
    page.get_by_label("From this day on").fill("2026-01-01")
    page.get_by_role("button", name="Verify").click()
    expect(page.get_by_role("button", name="Cancel")).to_be_visible()
    page.reload(wait_until="networkidle")
    tasks.verify(LogVerification.objects.latest("pk").pk)
    expect(page.get_by_role("alert")).to_contain_text("1 finding")
    expect(page.get_by_role("row", name=re.compile("altered"))).to_contain_text(str(entry.pk))
    look(visit, "seals-found", LOOKS)
    assert not visit.faults


@pytest.mark.browser
def test_where_checkpoints_go_on_any_screen(browse, world, settings):
    settings.CHECKPOINT_MAILS = ["audit@example.test"]
    settings.CHECKPOINT_URL = "https://a-long-name-of-a-receiver.audit.example.test/hook"
    settings.CHECKPOINT_SECRETS = [new_secret()]
    seal()
    failing = Delivery.objects.get(event="log.checkpoint", subscription__method="webhook")
    deliveries.work(failing.pk)
    visit = browse(make.user("root", superuser=True))
    page = visit.goto("/logs/seals/")
    expect(page.get_by_text("failing")).to_be_visible()
    look(visit, "seals-receivers")
