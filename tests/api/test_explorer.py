"""The page on which people read the Quay wire's description and try its operations in their own name."""

import pytest
from django.test import Client
from playwright.sync_api import expect

from tests import make
from tests.console.entering import enter


@pytest.mark.django_db
def test_the_page_says_who_calls():
    client = Client()
    page = client.get("/api/docs/quay/").content.decode()
    assert "://" not in page
    assert 'href="/sign-in/?next=/api/docs/quay/"' in page
    client.force_login(make.user("ada"))
    assert "in the name of ada" in client.get("/api/docs/quay/").content.decode()
    other = client.get("/api/docs/qodana/").content.decode()
    assert "in the name of" not in other
    assert '<a class="brand" href="/">Muster</a>' in other
    assert "API token of an organization" in other
    assert 'href="/apis/qodana/"' in other


@pytest.mark.django_db
def test_who_views_as_another_is_told_whose_answers_these_are():
    make.user("ada")
    root = make.user("root", superuser=True)
    client = enter(root)
    client.post("/view-as/ada/", {"do": "begin"})
    page = client.get("/api/docs/quay/").content.decode()
    assert "answered as ada sees it" in page
    assert "in the name of" not in page


@pytest.mark.django_db
def test_the_frame_is_german_and_what_is_in_it_english():
    client, german = Client(), {"accept-language": "de"}
    for path in ("/api/docs/quay/", "/v3/index.html"):
        answer = client.get(path, headers=german)
        page = answer.content.decode()
        assert '<html lang="de">' in page
        assert '<main id="description" lang="en"' in page
        assert "So fangen Sie an" in page
        assert {"Accept-Language", "Cookie"} <= set(answer["Vary"].split(", "))
    assert "<h1>API-Referenz</h1>" in client.get("/api/docs/", headers=german).content.decode()
    document = client.get("/api/docs/codacy/openapi.json", headers=german)
    assert document.json() == client.get("/api/docs/codacy/openapi.json").json()


@pytest.mark.django_db
def test_the_account_leads_to_it():
    client = Client()
    client.force_login(make.user())
    assert 'href="/api/docs/"' in client.get("/account/").content.decode()


@pytest.mark.browser
@pytest.mark.parametrize("width", [1280, 390])
def test_an_operation_is_tried_in_ones_own_name(browse, transactional_db, width):
    ada = make.user("ada")
    make.organization("acme", owner=ada)
    visit = browse(ada, width=width)
    page = visit.goto("/api/docs/quay/#/team/updateOrganizationTeam")
    page.set_default_timeout(10_000)
    team = page.locator("#operations-team-updateOrganizationTeam")
    team.get_by_role("button", name="Try it out").click()
    team.get_by_placeholder("orgname").fill("acme")
    team.get_by_placeholder("teamname").fill("makers")
    team.locator("textarea").fill('{"role": "creator"}')
    team.get_by_role("button", name="Execute").click()
    team.locator(".live-responses-table .response-col_status", has_text="200").wait_for()
    assert "X-CSRF-Token" not in team.locator(".curl").inner_text()
    page.evaluate("scrollTo(0, 0)")
    # What Swagger UI draws is its own, mended by description.css and description.js.
    visit.check(f"explorer-{width}")


@pytest.mark.browser
@pytest.mark.parametrize(
    ("name", "theme"), [("quay", "light"), ("quay", "dark"), ("codacy", "light"), ("qodana", "dark")]
)
def test_a_description_is_read_by_everybody(browse, transactional_db, name, theme):
    visit = browse(width=390, theme=theme)
    page = visit.goto(f"/api/docs/{name}/")
    controls = page.locator(".opblock-summary-control")
    for number in range(2):
        controls.nth(number).click()
    expect(page.locator(".opblock.is-open .responses-wrapper")).to_have_count(2)
    page.evaluate("scrollTo(0, 0)")
    visit.check(f"description-{name}-390-{theme}")
