"""Saved views on the page of the log: kept, opened, changed, shared, deleted."""

import re
from datetime import UTC, datetime, timedelta

import pytest

from logs.models import LogView
from tests import make
from tests.console.entering import enter, person

pytestmark = pytest.mark.django_db
LOGS = "/o/acme/logs/"


def keep(client, query="?kind=create_robot", name="Robots", **more):
    return client.post(f"{LOGS}{query}", {"do": "keep", "name": name, **more})


def test_a_view_is_kept_and_opened_by_a_link(acme):
    client = enter(person("admin"))
    answer = keep(client)
    view = LogView.objects.get()
    assert answer["Location"] == f"{LOGS}?kind=create_robot&view={view.uuid}"
    page = client.get(answer["Location"])
    assert page.context["view"] == view
    assert not page.context["is_changed"]
    assert 'aria-current="true"' in page.content.decode()
    assert f'<input type="hidden" name="view" value="{view.uuid}">' in page.content.decode()
    # Without its mark the address shows the same: it may be sent to others.
    assert page.context["chart"].total == client.get(f"{LOGS}?kind=create_robot").context["chart"].total == 1


def test_a_range_up_to_today_moves_along(acme):
    client, today = enter(person("admin")), datetime.now(UTC).date()
    keep(client, f"?since={today - timedelta(days=6)}&until={today}", "Week")
    keep(client, f"?since={today - timedelta(days=29)}&until={today}&q=x", "Month")
    keep(client, "?since=2026-01-01&until=2026-01-31", "January")
    found = dict(LogView.objects.values_list("name", "query"))
    assert found["Week"] == {"days": "7"}
    assert found["Month"] == {"q": "x"}
    assert found["January"] == {"since": "2026-01-01", "until": "2026-01-31"}
    page = client.get(f"{LOGS}?days=7")
    assert (page.context["last"] - page.context["first"]).days == 6
    for nonsense in ("0", "-1", "9999999999999999999", "x"):
        assert client.get(f"{LOGS}?days={nonsense}").status_code == 200


def test_an_open_view_is_overwritten_renamed_and_deleted(acme):
    client = enter(person("admin"))
    opened = keep(client)["Location"]
    changed = f"{opened}&performer=admin"
    assert client.get(changed).context["is_changed"]
    assert "Save the change" in client.get(changed).content.decode()
    client.post(changed, {"do": "overwrite"})
    view = LogView.objects.get()
    assert view.query == {"kind": "create_robot", "performer": "admin"}
    assert not client.get(changed).context["is_changed"]
    client.post(changed, {"do": "rename", "name": "Made robots", "is_shared": "on"})
    view.refresh_from_db()
    assert (view.name, view.is_shared) == ("Made robots", True)
    assert "Made robots" in enter(person("auditor")).get(LOGS).content.decode()
    answer = client.post(changed, {"do": "forget"})
    assert "view=" not in answer["Location"]
    assert not LogView.objects.exists()


def test_refusals_are_said_in_the_dialog(acme):
    client = enter(person("admin"))
    keep(client)
    assert "You have a view of this name already" in keep(client).content.decode()
    assert "The filter has a mistake" in keep(client, "?ip=nonsense", "Other").content.decode()
    assert LogView.objects.count() == 1
    for do in ("rename", "overwrite", "forget"):
        assert client.post(LOGS, {"do": do, "name": "x"}).status_code == 404
        assert client.post(f"{LOGS}?view=nonsense", {"do": do, "name": "x"}).status_code == 404


def test_of_a_shared_view_an_auditor_sees_the_link_alone(acme):
    opened = keep(enter(person("admin")), is_shared="on")["Location"]
    auditor = enter(person("auditor"))
    page = auditor.get(opened).content.decode()
    assert "Robots" in page
    assert "rename-dialog" not in page
    assert "is_shared" not in page
    for do in ("overwrite", "forget"):
        assert auditor.post(opened, {"do": do}).status_code == 403
    assert auditor.post(opened, {"do": "rename", "name": "x"}).status_code == 403
    # What one may not is not done by sending the field all the same.
    keep(auditor, name="Own", is_shared="on")
    assert not LogView.objects.get(name="Own").is_shared


def test_nobody_is_offered_to_keep_everything(acme):
    client = enter(person("admin"))
    assert client.get(LOGS).content.decode().count("Save as a view") == 1  # the dialog, that may come in need
    assert client.get(f"{LOGS}?q=x").content.decode().count("Save as a view") == 2
    part = client.get(f"{LOGS}?q=x", headers={"hx-request": "true"}).content.decode()
    assert part.count("Save as a view") == 1


def test_ones_own_log_and_that_of_the_instance_have_views_of_their_own(acme, settings):
    settings.SUPERUSERS = frozenset({"admin"})
    client = enter(person("admin"))
    for path in (LOGS, "/account/logs/", "/logs/"):
        assert client.post(f"{path}?q=x", {"do": "keep", "name": "One"}).status_code == 302
        assert [view.name for view, _ in client.get(path).context["views"]] == ["One"]
    assert "is_shared" not in client.get("/logs/?q=x").content.decode()
    assert LogView.objects.count() == 3


def test_views_come_along_with_the_list(acme):
    client = enter(person("admin"))
    opened = keep(client)["Location"]
    part = client.get(f"{opened}&q=x", headers={"hx-request": "true"}).content.decode()
    assert re.search(r'id="views"[^>]* hx-swap-oob="true"', part)
    assert "(changed)" in part


def test_any_number_of_views_costs_the_same(acme, django_assert_num_queries):
    client = enter(person("admin"))
    keep(client)
    client.get(LOGS)
    with django_assert_num_queries(9):
        client.get(LOGS)
    for number in range(29):
        keep(client, name=f"view {number}")
    keep(client, name="one too many")
    assert LogView.objects.count() == 30
    for number in range(5):
        made = make.user(f"more{number}")
        LogView.objects.create(user=made, namespace=acme.namespace, name="x", is_shared=True)
    with django_assert_num_queries(9):
        client.get(LOGS)
