"""The back office in a real browser: its own content security policy holds, and nothing is broken by it."""

import pytest
from django.core.mail import send_mail
from django.urls import reverse

from accounts.models import User
from backoffice import mails
from tests import make
from tests.browser import SIDEWAYS

pytestmark = pytest.mark.browser

PAGES = {
    "index": "/admin/",
    "people": "/admin/accounts/user/",
    "robots": "/admin/accounts/robot/",
    "credentials": "/admin/tokens/credential/",
    "log": "/admin/logs/logentry/",
    "exports": "/admin/logs/logexport/",
    "quotas": "/admin/quotas/quota/",
    "notifications": "/admin/notifications/subscription/",
    "deliveries": "/admin/notifications/delivery/",
    "mails": "/admin/mails/",
    "create": "/admin/accounts/user/do/create/",
    "account": "/admin/accounts/account/do/create/",
    "app": "/admin/tokens/",
}


@pytest.fixture
def look(world, browse):
    """Open a window of the superuser; ``check(name)`` takes a picture and fails with what is wrong."""

    def open_window(**how):
        visit = browse(world.root, **how)

        def check(name):
            visit.page.wait_for_timeout(200)  # overlays slide
            visit.shoot(f"office-{name}-{how.get('width', 1280)}-{how.get('theme', 'light')}")
            assert not visit.faults, f"{name}: " + "\n".join(visit.faults)
            assert visit.page.evaluate(SIDEWAYS)["wide"] <= 0, f"{name} is wider than the screen"

        return visit, check

    return open_window


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_every_kind_of_page_is_whole(world, look, width, theme):
    send_mail("Export ready", "Fetch it: https://muster.example.test/x?y=1&z=2", None, ["ada@example.test"])
    visit, check = look(width=width, theme=theme)
    pages = {
        **PAGES,
        "person": reverse("admin:accounts_user_change", args=[world.ada.pk]),
        "organization": reverse("admin:accounts_organization_change", args=[world.acme.pk]),
        "delete": reverse("admin:accounts_user_do", args=["delete"]) + f"?id={world.ada.pk}",
        "mail": reverse("admin:mail", args=[mails.file_names()[0], 0]),
    }
    for name, address in pages.items():
        visit.goto(address)
        check(name)


@pytest.mark.parametrize("width", [1280, 390])
def test_overlays_open_and_close(world, look, width):
    visit, check = look(width=width)
    page = visit.goto("/admin/accounts/robot/")
    heading = page.get_by_role("heading", name="Filters")
    assert not heading.is_visible()
    page.locator("a", has_text="Filters").first.click()
    page.locator(".select2-selection").first.click()
    page.locator(".select2-search__field").last.fill("acm")
    page.get_by_role("option", name="acme").click()
    check("filters")
    page.get_by_role("button", name="Apply filters").click()
    page.wait_for_url("**namespace__id__exact=*")
    check("filtered")
    page = visit.goto("/admin/logs/logentry/")
    page.locator("a", has_text="Filters").first.click()
    page.locator("input[name=at_from_0]").fill("2020-01-01")
    page.locator("input[name=at_from_0]").scroll_into_view_if_needed()
    check("span")
    page.get_by_role("button", name="Apply filters").click()
    page.wait_for_url("**at_from_0=2020-01-01*")
    page = visit.goto(reverse("admin:accounts_user_change", args=[world.ada.pk]))
    if width < 1024:
        page.get_by_text("more_horiz").first.click()
    page.get_by_text("Actions").first.click()
    page.get_by_text("Set password").wait_for(state="visible")
    check("actions")
    page = visit.goto("/admin/")
    if width < 1280:
        page.get_by_text("dock_to_right").last.click()
        page.get_by_role("link", name="People", exact=True).first.wait_for(state="visible")
    page.get_by_text("unfold_more").click()
    page.get_by_role("button", name="Log out").wait_for(state="visible")
    check("menu")


@pytest.mark.each_database
def test_a_list_is_chosen_from_confirmed_and_done(world, look):
    visit, check = look()
    page = visit.goto("/admin/accounts/user/?q=a")
    for name in ("ada", "auditor"):
        page.locator("tr", has_text=f"{name}@").locator("input.action-select").check()
    page.locator("select[name=action]").select_option(label="Disable")
    check("bulk")
    page.get_by_role("button", name="Run").click()
    page.get_by_role("heading", name="Disable").wait_for()
    check("confirm")
    page.get_by_role("button", name="Disable").click()
    page.get_by_text("Disabled: ada, auditor.").wait_for()
    check("done")
    assert page.url.endswith("/admin/accounts/user/?q=a")
    assert not User.objects.filter(username__in=["ada", "auditor"], is_active=True).exists()


def test_a_person_is_made_by_hand(world, look):
    visit, check = look()
    page = visit.goto("/admin/accounts/user/")
    page.get_by_role("link", name="New person").click()
    page.get_by_label("Name*", exact=True).fill("eve")
    page.get_by_label("Your password").fill("wrong-password")
    page.get_by_role("button", name="New person").click()
    page.get_by_text("Invalid user name or password").wait_for()
    visit.faults = [fault for fault in visit.faults if "422" not in fault]  # Chromium notes every such answer
    check("refused")
    page.get_by_label("Your password").fill(make.PASSWORD)
    page.get_by_role("button", name="New person").click()
    page.get_by_text("Created: eve.").wait_for()
    check("created")
    page.get_by_role("link", name="New person").click()
    page.get_by_label("Name*", exact=True).wait_for()
    assert not page.get_by_label("Your password").is_visible(), "the sign-in is fresh now"
