"""Every room in a real browser: what it shows in both themes on desk and phone, and what people do in it."""

import csv
import re
import time

import pytest
from playwright.sync_api import expect

from accounts import services as accounts
from logs import tasks
from logs.models import LogEntry, LogExport
from projects.models import Project
from tests import make
from tests.browser import SIDEWAYS
from tests.console import world as worlds

pytestmark = pytest.mark.browser

LOOKS = [("light", 1280), ("dark", 1280), ("dark", 390), ("light", 390)]
TWO_LOOKS = [LOOKS[0], LOOKS[2]]
HEIGHTS = {1280: 900, 390: 844}
ROOMS = [
    "/",
    "/account/",
    "/account/logs/",
    "/account/stars/",
    "/account/security/",
    "/account/sessions/",
    "/account/tokens/",
    "/account/applications/",
    "/apis/",
    "/apis/quay/",
    "/apis/flexstack/",
    "/notifications/",
    "/find/?q=e&in=acme",
    "/o/acme/",
    "/o/acme/find/?q=e",
    "/o/acme/members/",
    "/o/acme/invitations/",
    "/o/acme/teams/",
    "/o/acme/teams/devs/",
    "/o/acme/teams/empty/",
    "/o/acme/teams/mirror/",
    "/o/acme/defaults/",
    "/o/acme/projects/",
    "/o/acme/projects/web/",
    "/o/acme/projects/site/docs/",
    "/o/acme/robots/",
    "/o/acme/robots/busy/",
    "/o/acme/robots/expired/",
    "/o/acme/robots/rotated/",
    "/o/acme/applications/",
    "/o/acme/applications/ROCKET/",
    "/o/acme/credentials/",
    "/o/acme/code/",
    "/o/acme/settings/",
    "/o/acme/notifications/",
    "/o/acme/notifications/of/web/",
    f"/o/acme/notifications/{worlds.HOOK}/",
    f"/o/acme/notifications/{worlds.HOOK}/{worlds.SENT['queued']}/",
    f"/o/acme/notifications/{worlds.HOOK}/{worlds.SENT['done']}/",
    "/o/acme/rights/",
    "/o/acme/rights/?project=web",
    "/o/acme/access/",
    "/o/acme/access/?who=person1&project=web",
    "/o/acme/access/?who=%40devs",
    "/o/acme/access/?project=web",
    "/o/acme/access/?who=per&project=e",
    "/o/acme/access/matrix/",
    "/o/acme/access/matrix/?level=write",
    "/o/acme/logs/",
    "/o/acme/logs/seals/",
    "/o/acme/exports/",
    "/o/acme/streams/",
    "/o/acme/runs/",
    *(f"/o/acme/runs/{uuid}/" for uuid in worlds.RUN.values()),
]


def look(visit, name, looks=LOOKS):
    """Check what is shown now in several themes and widths, without asking for it again."""
    for theme, width in looks:
        visit.page.emulate_media(color_scheme=theme)
        visit.page.set_viewport_size({"width": width, "height": HEIGHTS[width]})
        visit.check(f"{name}-{width}-{theme}")


def name_of(path):
    return re.sub(r"\W+", "-", path.partition("?")[0]).strip("-") or "home"


def sign_in(page, username):
    page.get_by_label("Name or e-mail").fill(username)
    page.get_by_label("Password").fill(make.PASSWORD)
    page.get_by_role("button", name="Sign in").click()


def says(page, words):
    expect(page.locator(".toast").last).to_contain_text(words)


# What rooms show ------------------------------------------------------------------------------------------


def test_on_a_phone_the_tab_that_one_is_on_is_in_sight(browse, transactional_db):
    page = browse(make.user("ada"), width=390).goto("/account/trash/")
    tab = page.locator(".tabs [aria-current]")
    expect(tab).to_be_in_viewport(ratio=0.9)
    expect(page.get_by_role("heading", name="Trash", exact=True)).to_be_in_viewport(ratio=1)


def test_dismissing_what_one_is_told(browse, world):
    visit = browse(world.owner)
    page = visit.goto("/notifications/")
    bell = page.locator("#bell")
    expect(bell).to_have_accessible_name("Notifications: 4 open")
    page.get_by_role("button", name="Dismiss: acme uses").click()
    expect(page.locator(".notices li")).to_have_count(3)
    expect(bell).to_have_accessible_name("Notifications: 3 open")
    page.get_by_role("button", name="Dismiss all").click()
    expect(page.get_by_text("Nothing waits for you")).to_be_visible()
    expect(bell).to_have_accessible_name("Notifications")
    visit.check("notices-dismissed")


@pytest.mark.parametrize("part", range(4))
def test_every_room_of_an_owner(browse, world, part):
    visit = browse(world.owner)
    for path in ROOMS[part::4]:
        page = visit.goto(path)
        look(visit, f"owner-{name_of(path)}")
        for width in (320, 768, 1000, 1920):
            page.set_viewport_size({"width": width, "height": 900})
            assert page.evaluate(SIDEWAYS) == {"wide": 0, "out": []}, (path, width)


def test_streams_are_begun_and_directed_elsewhere(browse, world):
    visit = browse(world.owner)
    page = visit.goto("/o/acme/streams/")
    new = page.get_by_role("button", name="New stream")
    new.click()
    look(visit, "streams-menu", TWO_LOOKS)
    page.get_by_role("button", name="To syslog").click()
    dialog = page.get_by_role("dialog", name="New stream to syslog")
    look(visit, "streams-syslog")
    dialog.get_by_label("Host and port").fill("127.0.0.1:514")
    dialog.get_by_label("Certificates to trust").fill("nonsense")
    dialog.get_by_role("button", name="Begin").click()
    expect(dialog).to_contain_text("These are no certificates in PEM")
    look(visit, "streams-syslog-refused")
    visit.goto("/o/acme/streams/")
    page.get_by_role("link", name="Direct Collector elsewhere…").click()
    again = page.get_by_role("dialog", name="Another receiver of syslog")
    expect(again.get_by_label("Host and port")).to_have_value("logs.example.test:6514")
    again.get_by_label("Host and port").fill("93.184.216.34")
    again.get_by_label("Certificates to trust").fill("")
    look(visit, "streams-directed", TWO_LOOKS)
    again.get_by_role("button", name="Direct it there").click()
    says(page, "The stream goes there from now on")
    expect(page.locator("main")).to_contain_text("93.184.216.34")


def test_an_export_in_each_state(browse, world):
    visit = browse(world.owner)
    for state, export in world.exports.items():
        visit.goto(f"/o/acme/exports/{export.uuid}/")
        look(visit, f"export-{state}", TWO_LOOKS)


def test_rooms_of_others(browse, world):
    visit = browse(world.member)
    for path in ("/", "/o/acme/", "/o/acme/teams/devs/", "/o/acme/projects/web/", "/o/acme/robots/"):
        visit.goto(path)
        look(visit, f"member-{name_of(path)}", TWO_LOOKS)
    for path in ("/o/acme/rights/", "/o/acme/rights/?project=web"):
        visit.goto(path)
        look(visit, f"member-{name_of(path)}{'-web' if 'web' in path else ''}")
    visit.goto("/o/acme/members/")
    look_away(visit, "member-403")

    visit = browse(world.stranger)
    for path in ("/", "/o/acme/projects/", "/o/acme/projects/site/docs/"):
        visit.goto(path)
        look(visit, f"stranger-{name_of(path)}", TWO_LOOKS)
    for path in ("/o/nothing/", "/o/acme/projects/web/"):
        visit.goto(path)
        look_away(visit, f"stranger-{name_of(path)}")


def test_rooms_of_an_auditor_have_nothing_to_press(browse, world):
    auditor = make.user("auditor")
    accounts.set_member_role(actor=make.SYSTEM, organization=world.acme, user=auditor, role="auditor")
    visit = browse(auditor)
    exports = [f"/o/acme/exports/{export.uuid}/" for export in world.exports.values()]
    for path in (*(path for path in ROOMS if path.startswith("/o/acme/")), *exports):
        page = visit.goto(path)
        expect(page.locator("main")).to_contain_text("You are an auditor here")
        expect(page.locator(PRESSED)).to_have_count(0)
        if path in AUDITED:
            look(visit, f"auditor-{name_of(path)}")


# Forms for files and comparisons ask, and change nothing; a star and a view of the log are her own.
PRESSED = (
    "main form[method=post]:not([data-asks], [data-own], #keep-dialog form) button,"
    "main [command=show-modal]:not([commandfor=keep-dialog])"
)
AUDITED = (
    "/o/acme/",
    "/o/acme/members/",
    "/o/acme/teams/mirror/",
    "/o/acme/projects/web/",
    "/o/acme/applications/ROCKET/",
    "/o/acme/settings/",
    "/o/acme/exports/",
)


def look_away(visit, name):
    """Check a page of refusal: the browser itself says at the console that it is one."""
    for theme, width in TWO_LOOKS:
        visit.page.emulate_media(color_scheme=theme)
        visit.page.set_viewport_size({"width": width, "height": HEIGHTS[width]})
        visit.check(f"{name}-{width}-{theme}", accept="Failed to load resource")


def test_the_way_in(browse, world):
    visit = browse()
    page = visit.goto("/o/acme/robots/?q=b")
    look(visit, "sign-in")
    page.get_by_label("Name or e-mail").fill("owner")
    page.get_by_label("Password").fill("wrong-wrong")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("Invalid user name or password")
    look_away(visit, "sign-in-wrong")
    sign_in(page, "owner")
    expect(page).to_have_url(re.compile(r"/o/acme/robots/\?q=b$"))


def test_the_first_visit(browse, transactional_db):
    secret = accounts.offer_first_run()
    visit = browse()
    page = visit.goto("/")
    look(visit, "setup")
    page.get_by_label("Setup secret").fill(secret)
    page.get_by_label("Your name").fill("ada")
    page.get_by_label("Password").fill(make.PASSWORD)
    page.get_by_role("button", name="Create administrator").click()
    expect(page.get_by_role("heading", name="You are in no organization yet")).to_be_visible()
    look(visit, "home-empty", TWO_LOOKS)


def test_a_new_organization_teaches(browse, transactional_db):
    ada = make.user("ada")
    make.organization("fresh", owner=ada)
    visit = browse(ada)
    LogEntry.objects.all().delete()
    rooms = {
        "": "Nothing has happened yet",
        "find/": "What are you looking for?",
        "projects/": "No projects yet",
        "robots/": "No robots yet",
        "applications/": "No applications yet",
        "credentials/": "No credentials yet",
        "logs/": "Nothing happened in these 30 days",
        "exports/": "No exports yet",
    }
    for room, words in rooms.items():
        page = visit.goto(f"/o/fresh/{room}")
        expect(page.get_by_role("heading", name=words)).to_be_visible()
        look(visit, f"empty-{name_of(room)}", TWO_LOOKS)


def test_names_of_any_length(browse, transactional_db):
    long, ada = worlds.LONG, make.user("a" * 255, email="a@example.test")
    acme = make.organization("o" * 255, owner=ada)
    profile = {"name": "Ö" * 255, "description": "W" * 255}
    accounts.change_organization(actor=make.SYSTEM, organization=acme, changes=profile)
    team = make.team(acme, long, description="d" * 900)
    accounts.change_team(actor=make.SYSTEM, team=team, name="T" * 255)
    robot, project = make.robot(acme, long, description="e" * 255), make.project(acme, "p" * 255)
    make.member(team, ada)
    accounts.add_team_member(actor=make.SYSTEM, team=team, robot=robot)
    make.grant(project, "write", team=team)
    make.grant(project, "read", robot=robot)
    visit = browse(ada)
    here = f"/o/{acme.slug}/"
    rooms = [
        "/",
        here,
        f"{here}members/",
        f"{here}members/?person={ada.username}",
        f"{here}teams/",
        f"{here}teams/{long}/",
        f"{here}projects/",
        f"{here}projects/{project.slug}/",
        f"{here}robots/",
        f"{here}robots/{long}/",
        f"{here}logs/",
        f"{here}find/?q=n",
    ]
    for number, path in enumerate(rooms):
        visit.goto(path)
        look(visit, f"long-{number}", TWO_LOOKS)


DIALOGS = [
    ("/", "New organization"),
    ("/account/security/", "Set up an app"),
    ("/account/tokens/", "New token"),
    ("/o/acme/members/", "Add a person"),
    ("/o/acme/teams/", "New team"),
    ("/o/acme/teams/devs/", "Add someone"),
    ("/o/acme/teams/devs/", "Change"),
    ("/o/acme/teams/devs/", "Delete team…"),
    ("/o/acme/projects/", "New project"),
    ("/o/acme/projects/web/", "Grant access"),
    ("/o/acme/projects/web/", "Change"),
    ("/o/acme/projects/web/", "Delete project…"),
    ("/o/acme/robots/", "Create robot"),
    ("/o/acme/robots/busy/", "Change"),
    ("/o/acme/robots/busy/", "Disable"),
    ("/o/acme/robots/busy/", "Rotate…"),
    ("/o/acme/robots/busy/", "New token…"),
    ("/o/acme/robots/rotated/", "End the older token…"),
    ("/o/acme/robots/busy/", "Delete robot…"),
    ("/o/acme/applications/", "New application"),
    ("/o/acme/applications/ROCKET/", "Change"),
    ("/o/acme/applications/ROCKET/", "New secret…"),
    ("/o/acme/applications/ROCKET/", "Delete application…"),
    ("/o/acme/settings/", "New API key"),
    ("/o/acme/settings/", "New token…"),
    ("/o/acme/settings/", "Delete organization…"),
    (f"/o/acme/notifications/{worlds.HOOK}/", "Change"),
    (f"/o/acme/notifications/{worlds.HOOK}/", "New secret…"),
    (f"/o/acme/notifications/{worlds.HOOK}/", "Send all failed again…"),
    (f"/o/acme/notifications/{worlds.HOOK}/", "Remove notification…"),
    ("/o/acme/logs/", "Export"),
]


def test_dialogs_and_menus_open(browse, world):
    visit = browse(world.owner)
    page = visit.page
    at = ""
    for path, button in DIALOGS:
        if path != at:
            visit.goto(path)
            at = path
        page.get_by_role("button", name=button, exact=True).first.click()
        expect(page.get_by_role("dialog")).to_have_count(1)
        look(visit, f"dialog-{name_of(path)}-{name_of(button)}", TWO_LOOKS)
        page.keyboard.press("Escape")
        expect(page.get_by_role("dialog")).to_have_count(0)
    visit.goto("/o/acme/logs/?kind=create_robot")
    page.get_by_text("expired", exact=True).first.click()
    expect(page.locator("tr.more:visible")).to_contain_text("created the robot")
    look(visit, "log-details", TWO_LOOKS)
    page.get_by_role("button", name="Account menu of owner").click()
    look(visit, "menu-account", TWO_LOOKS)
    page.keyboard.press("Escape")
    page.get_by_role("button", name=re.compile("Organization: acme")).click()
    look(visit, "menu-organizations", TWO_LOOKS)
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Menu", exact=True).click()
    look(visit, "menu-phone", [LOOKS[2]])


# What people do -------------------------------------------------------------------------------------------


@pytest.mark.each_database
def test_apply_a_yaml_diff(browse, world):
    visit = browse(world.owner)
    page = visit.goto("/o/acme/code/")
    with page.expect_download() as waiting:
        page.get_by_role("link", name="Download YAML").click()
    text = waiting.value.path().read_text()
    assert "organization: acme" in text
    changed = text.replace("Rockets for everybody", "Rockets for nobody")
    changed = changed.replace("  busy:\n", "  brand-new:\n    description: From a file\n  busy:\n", 1)
    start = changed.index("  unused:\n")
    end = changed.index("projects:\n")
    changed = changed[:start] + changed[end:]
    file = {"name": "acme.yaml", "mimeType": "application/yaml", "buffer": changed.encode()}
    page.get_by_label("A file").set_input_files(file)
    page.get_by_label("Prune").check()
    page.get_by_role("button", name="Compare").click()
    rows = page.locator("main tbody tr")
    expect(rows).to_have_count(3)
    expect(rows.nth(0)).to_contain_text("remove")
    expect(rows.nth(0)).to_contain_text("robot unused")
    look(visit, "code-diff")
    page.get_by_label("Type acme to confirm").fill("acm")
    page.get_by_label("Your password").fill(make.PASSWORD)
    page.get_by_role("button", name="Apply all of it").click()
    expect(page.locator("p.error")).to_contain_text("Type acme to confirm")
    page.get_by_label("Type acme to confirm").fill("acme")
    page.get_by_role("button", name="Apply all of it").click()
    expect(page.get_by_role("heading", name="3 changes applied")).to_be_visible()
    page.reload()
    expect(page.get_by_role("heading", name="3 changes applied")).to_be_visible()
    look(visit, "code-done", TWO_LOOKS)
    assert set(world.acme.namespace.robots.values_list("shortname", flat=True)) >= {"brand-new", "busy"}
    page.get_by_role("link", name="Compare another file").click()
    page.get_by_label("Or its content").fill("version: 1\nmembers:\n  nobody-here: admin\n  x: king\n")
    page.get_by_role("button", name="Compare").click()
    expect(page.get_by_role("alert")).to_contain_text("file:4: the role of x must be one of")
    look(visit, "code-broken", TWO_LOOKS)


@pytest.mark.each_database
def test_from_signing_in_to_the_first_grant_and_back(browse, transactional_db):
    make.user("ada")
    visit = browse()
    page = visit.goto("/")
    sign_in(page, "ada")

    # With the mouse.
    page.get_by_role("button", name="New organization").first.click()
    page.get_by_label("Name").fill("Acme Rockets")
    page.get_by_role("button", name="Create organization").click()
    says(page, "The organization Acme Rockets is yours")
    expect(page).to_have_url(re.compile("/o/acme-rockets/$"))
    page.get_by_role("link", name="Teams").first.click()
    page.get_by_role("button", name="New team").click()
    page.get_by_label("Name").fill("Fuel & Fire")
    page.get_by_role("radio", name="Creator").check()
    page.get_by_role("button", name="Create team").click()
    says(page, "The team Fuel & Fire is created")

    # By keys alone.
    page.goto(f"{visit.home}/o/acme-rockets/projects/#create-dialog")
    expect(page.get_by_label("Name")).to_be_focused()
    expect(page).to_have_url(re.compile("/projects/$"))
    page.keyboard.type("Engine")
    page.keyboard.press("Enter")
    says(page, "The project Engine is created")
    page.goto(f"{visit.home}/o/acme-rockets/robots/")
    page.get_by_role("button", name="Create robot").first.focus()
    page.keyboard.press("Enter")
    page.keyboard.type("ci")
    page.keyboard.press("Tab")
    page.keyboard.type("Builds")
    page.keyboard.press("Enter")
    says(page, "acme-rockets+ci is created")
    token = page.locator(".once code").text_content()
    page.get_by_role("button", name="Copy the secret").click()
    assert page.evaluate("navigator.clipboard.readText()") == token
    page.get_by_role("link", name="I have it").click()
    expect(page.locator("dl.facts").first).to_contain_text("in 3 mo")  # ninety days

    # Grant, change, revoke. Names are offered while one types.
    page.goto(f"{visit.home}/o/acme-rockets/projects/engine/")
    page.get_by_role("button", name="Grant access").first.click()
    page.get_by_role("combobox", name="Who").press_sequentially("acme-rockets+c")
    expect(page.locator("#suggestions option")).to_have_attribute("value", "acme-rockets+ci")
    page.keyboard.type("i")
    page.get_by_role("radio", name="Write").check()
    page.get_by_role("button", name="Grant", exact=True).click()
    says(page, "acme-rockets+ci has write now")
    page.get_by_role("link", name="Change the role of acme-rockets+ci").click()
    expect(page.get_by_role("combobox", name="Who")).to_have_value("acme-rockets+ci")
    expect(page.get_by_role("radio", name="Write")).to_be_checked()
    page.get_by_role("radio", name="Read See it").check()
    page.get_by_role("button", name="Grant", exact=True).click()
    says(page, "acme-rockets+ci has read now")
    expect(page).to_have_url(re.compile("/projects/engine/$"))
    page.get_by_role("button", name="Revoke the grant of acme-rockets+ci").click()
    expect(page.get_by_role("dialog")).to_contain_text("Ends read on 1 project for acme-rockets+ci")
    page.get_by_role("button", name="Revoke grant").click()
    says(page, "acme-rockets+ci has no grant here any more")

    # Delete, with the name typed.
    page.get_by_role("button", name="Delete project…").click()
    box = page.get_by_label("Type engine to confirm")
    box.fill("motor")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_contain_text("Type engine to confirm")
    expect(box).to_be_focused()
    box.fill("engine")
    page.get_by_role("button", name="Delete project", exact=True).click()
    says(page, "The project engine is deleted")
    expect(page.get_by_role("heading", name="No projects yet")).to_be_visible()
    assert not Project.objects.filter(deleted_at=None).exists()

    # Out.
    page.get_by_role("button", name="Account menu of ada").click()
    page.locator("#me").get_by_role("button", name="Sign out").click()
    expect(page).to_have_url(re.compile("/sign-in/$"))
    page.go_back()
    expect(page.get_by_role("heading", name="Sign in to Muster")).to_be_visible()
    assert not [fault for fault in visit.faults if "Failed to load" not in fault]


def test_a_refused_form_comes_back_with_the_reason_and_the_focus(browse, world):
    visit = browse(world.owner)
    page = visit.goto("/o/acme/teams/")
    page.get_by_role("button", name="New team").click()
    page.get_by_label("Name").fill("devs")
    page.get_by_label("Description").fill("Kept as typed")
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="New team")
    expect(dialog).to_contain_text("already exists")
    expect(dialog.get_by_label("Description")).to_have_value("Kept as typed")
    look(visit, "refused", TWO_LOOKS)

    visit.goto("/o/acme/projects/web/")
    page.get_by_role("button", name="Grant access").click()
    page.get_by_role("combobox", name="Who").fill("@nobody")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_contain_text("There is no team 'nobody'")
    expect(page.get_by_role("combobox", name="Who")).to_be_focused()
    visit.check("refused-grant")
    # Closing it leaves the page as it was.
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_a_person_is_looked_at_before_she_goes(browse, world):
    visit = browse(world.owner)
    page = visit.goto("/o/acme/members/?role=member")
    page.get_by_role("link", name="Change member", exact=True).click()
    dialog = page.get_by_role("dialog", name="member")
    expect(dialog).to_contain_text("devs")
    expect(dialog.get_by_role("radio", name="Member")).to_be_focused()
    expect(page).to_have_url(re.compile(r"/members/\?role=member$"))
    look(visit, "person", TWO_LOOKS)
    dialog.get_by_role("radio", name="Administrator").check()
    page.keyboard.press("Enter")
    says(page, "member is admin of acme now")
    expect(page).to_have_url(re.compile(r"/members/\?role=member$"))
    page.goto(f"{visit.home}/o/acme/members/?person=member")  # as it is without JavaScript
    expect(dialog).to_contain_text("1 team, 1 own grant")
    dialog.get_by_role("button", name="Remove").click()
    says(page, "member is no longer in acme")


def test_typing_filters_the_list_and_the_back_button_shows_whole_pages(browse, world):
    for number in range(116):
        make.team(world.acme, f"crew{number + 4}")
    make.robot(world.acme, "many")
    visit = browse(world.owner)
    page = visit.goto("/o/acme/teams/")
    expect(page.locator(".table-foot")).to_contain_text("1\N{EN DASH}100 of 120 teams")
    page.get_by_role("link", name="Next").click()
    expect(page.locator(".table-foot")).to_contain_text("101\N{EN DASH}120 of 120 teams")
    # From the second page, a filter starts at the first again, and the address stays short.
    box = page.get_by_role("searchbox", name="Filter teams")
    box.press_sequentially("crew11", delay=30)
    expect(page.locator(".table-foot")).to_contain_text("11 teams")
    expect(page).to_have_url(re.compile(r"/teams/\?q=crew11$"))
    expect(box).to_be_focused()
    expect(box).to_have_value("crew11")
    box.press_sequentially("9")
    # "11 teams" holds "1 team" too: only the address tells that the answer is here.
    expect(page).to_have_url(re.compile(r"/teams/\?q=crew119$"))
    expect(page.locator(".table tbody tr")).to_have_count(1)
    visit.check("filtered")
    page.get_by_role("link", name="crew119").click()
    expect(page.get_by_role("heading", name="crew119", level=1)).to_be_visible()
    for query in (r"\?q=crew119$", r"\?q=crew11$"):
        page.go_back()
        expect(page).to_have_url(re.compile(query))
        expect(page.get_by_role("navigation", name="Main")).to_be_visible()
        expect(page.get_by_role("heading", name="Teams", level=1)).to_be_visible()
    expect(page.locator(".table-foot")).to_contain_text("11 teams")
    box.fill("no such team")
    expect(page.get_by_role("heading", name="No team fits")).to_be_visible()
    page.get_by_role("link", name="Show all").click()
    expect(page).to_have_url(re.compile(r"/teams/$"))

    visit.goto("/o/acme/robots/")
    page.get_by_role("link", name=re.compile("Expiring soon")).click()
    expect(page.locator(".table tbody tr")).to_have_count(1)
    page.get_by_role("searchbox", name="Filter robots").fill("many")
    expect(page.get_by_role("heading", name="No robot fits")).to_be_visible()
    # The chips keep what was typed.
    page.get_by_role("link", name=re.compile("^All")).click()
    expect(page.locator(".table-foot")).to_contain_text("1 robot")


def test_searching_jumps(browse, world):
    visit = browse(world.owner)
    page = visit.goto("/o/acme/")
    page.keyboard.press("/")
    # Who goes on while an answer is under way has it cancelled, which htmx tells the console of the browser.
    jumps = page.locator("#palette")
    page.keyboard.type("devs")
    expect(jumps).to_contain_text("devs")
    page.wait_for_load_state("networkidle")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/o/acme/teams/devs/$"))
    page.keyboard.press("Control+k")
    page.keyboard.type("ex")
    expect(jumps).to_contain_text("acme+expired")
    page.wait_for_load_state("networkidle")
    page.keyboard.press("Enter")
    expect(page.locator("#list")).to_contain_text("acme+expired")
    page.get_by_role("searchbox", name="Find by name").fill("person1")
    expect(page.locator("#list li")).to_have_count(1)
    page.get_by_role("link", name="person1").click()
    expect(page).to_have_url(re.compile(r"/members/\?q=person1$"))
    # On a phone the field opens from its icon.
    page.set_viewport_size({"width": 390, "height": 844})
    page.locator("[data-search]").click()
    visit.check("search-phone")


def test_the_log_is_narrowed_by_fields_chips_names_and_bars(browse, world):
    visit = browse(world.owner)
    page = visit.goto("/o/acme/logs/")
    page.get_by_role("searchbox", name="Search the log").press_sequentially("devs", delay=20)
    expect(page).to_have_url(re.compile("q=devs"))
    assert "performer=" not in page.url
    expect(page.get_by_role("link", name="Clear filter")).to_be_visible()
    page.get_by_label("Event", exact=True).select_option(label="Create team")
    expect(page.locator(".table tbody tr:not(.more)")).to_have_count(1)
    visit.check("log-narrow")
    page.get_by_role("link", name="Clear filter").click()
    expect(page).to_have_url(re.compile("/logs/$"))
    page.get_by_role("link", name="Permissions", exact=True).click()
    expect(page.locator(".table tbody .badge").first).to_have_text("Change project permission")
    for badge in page.locator(".table tbody .badge").all_text_contents():
        assert "permission" in badge
    # A bar keeps the filter and shows its day alone.
    bar = page.locator("svg a:has(rect:not(.hit))").last
    summary = bar.get_attribute("aria-label")
    bar.click()
    expect(page).to_have_url(re.compile(r"group=access&since=([\d-]+)&until=\1"))
    expect(page.locator(".table-foot")).to_contain_text(summary.split(": ")[1].split()[0])
    # A name shows what its bearer did.
    visit.goto("/o/acme/logs/")
    page.locator(".table tbody a", has_text="owner").first.click()
    expect(page).to_have_url(re.compile("performer=owner"))
    assert (
        set(page.locator(".table tbody .who").all_text_contents()) == {" owner"}
        or page.locator(".table tbody tr").count()
    )
    # By keys: a bar can be reached and followed.
    visit.goto("/o/acme/logs/")
    page.locator("svg a").last.focus()
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("since="))


@pytest.mark.each_database
def test_an_export_runs_before_ones_eyes(browse, world):
    visit = browse(world.owner)
    page = visit.goto("/o/acme/logs/?group=access")
    shown = int(page.locator(".legend").get_by_text("Permissions").locator("b").text_content())
    page.get_by_role("button", name="Export").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text(f"The {shown} entries that fit the filter")
    page.get_by_role("button", name="Start the export").click()
    expect(page.get_by_text("Waiting for a worker")).to_be_visible()
    export = LogExport.objects.latest("pk")
    running = LogExport.objects.filter(pk=export.pk)
    running.update(status="running", percent=40, rows_written=4, due_at=None)
    expect(page.get_by_role("progressbar", name="Writing the file")).to_have_attribute("value", "40")
    visit.check("export-live")
    running.update(status="queued", due_at=export.due_at)
    tasks.build_export(export.pk)
    expect(page.get_by_role("heading", name="Ready")).to_be_visible()
    with page.expect_download() as waited:
        page.get_by_role("link", name="Download").click()
    told = list(csv.DictReader(waited.value.path().read_text().splitlines()))
    assert len(told) == shown
    assert {row["namespace"] for row in told} == {"acme"}
    assert waited.value.suggested_filename.startswith("acme-log-")
    page.get_by_role("button", name="Delete the file").click()
    says(page, "Its link does not work any more")
    expect(page.get_by_text("There is no file")).to_be_visible()
    assert not visit.faults


@pytest.mark.each_database
def test_signing_out_ends_every_window(browse, world):
    one, two = browse(world.owner), browse(world.owner)
    one.goto("/o/acme/")
    page = two.goto("/o/acme/teams/")
    one.page.get_by_role("button", name="Account menu of owner").click()
    one.page.locator("#me").get_by_role("button", name="Sign out").click()
    expect(one.page.get_by_role("heading", name="Sign in to Muster")).to_be_visible()
    # The other window asked for a part of a page: it is led to the way in, not given it inside the list.
    page.get_by_role("searchbox", name="Filter teams").fill("d")
    expect(page).to_have_url(re.compile(r"/sign-in/\?next="))
    sign_in(page, "owner")
    expect(page).to_have_url(re.compile(r"/o/acme/teams/\?q=d$"))
    expect(page.get_by_role("navigation", name="Main")).to_be_visible()


def later(route):
    time.sleep(0.5)
    route.continue_()


@pytest.mark.each_database
def test_a_button_pressed_twice_sends_once(browse, world):
    visit = browse(world.owner)
    page = visit.goto("/o/acme/robots/#create-dialog")
    accounts.delete_robot(actor=make.SYSTEM, robot=world.acme.namespace.robots.get(shortname="unused"))
    sent = []
    page.on("request", lambda request: sent.append(request.url) if request.method == "POST" else None)
    page.get_by_label("Name").fill("twice")
    # The answer takes its time, and the second click comes before it.
    page.route("**/robots/", later)
    button = page.get_by_role("button", name="Create robot").last
    button.evaluate("button => { button.click(); setTimeout(() => button.click(), 100); }")
    expect(page.get_by_role("heading", name="The new token")).to_be_visible()
    assert len(sent) == 1
    # What changes nothing may be asked for again.
    visit.goto("/o/acme/members/")
    for _ in range(2):
        with page.expect_download():
            page.get_by_role("button", name="As a CSV file").click()


def test_the_way_back_leads_through_pages_that_answered_a_form(browse, world):
    visit = browse(world.owner)
    page = visit.goto("/o/acme/robots/")
    page.get_by_label("Select busy").check()
    page.locator(".bulk").get_by_role("button", name="Disable…").click()
    page.get_by_role("button", name="Disable", exact=True).click()
    expect(page).to_have_url(re.compile("/runs/"))
    page.go_back()
    expect(page.get_by_role("heading", name="Robots", level=1)).to_be_visible()

    visit.goto("/o/acme/code/")
    page.get_by_label("Or its content").fill("version: 1\nteams: {fire: {}}\n")
    page.get_by_role("button", name="Compare").click()
    expect(page.get_by_text("What applying would do")).to_be_visible()
    page.get_by_role("link", name="Overview").click()
    expect(page).to_have_url(re.compile("/o/acme/$"))
    page.go_back()
    expect(page.get_by_role("heading", name="Organization as code")).to_be_visible()


# Without JavaScript ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [1280, 390])
def test_everything_can_be_done_without_javascript(browse, world, width):
    visit = browse(world.owner, width=width, scripts=False)
    page = visit.goto("/o/acme/teams/")
    page.get_by_role("button", name="New team").click()
    page.get_by_label("Name").fill("devs")
    page.get_by_role("button", name="Create team").click()
    dialog = page.get_by_role("dialog", name="New team")
    expect(dialog).to_contain_text("already exists")
    expect(dialog).to_be_in_viewport(ratio=1)
    page.get_by_label("Name").fill("fire")
    page.get_by_role("button", name="Create team").click()
    says(page, "The team fire is created")
    expect(page.locator(".toast")).to_be_in_viewport()

    visit.goto("/o/acme/teams/")
    page.get_by_role("searchbox", name="Filter teams").fill("fire")
    page.keyboard.press("Enter")
    expect(page.locator(".table tbody tr")).to_have_count(1)

    visit.goto("/o/acme/members/?role=creator")
    page.get_by_role("link", name="Change person1").click()
    dialog = page.get_by_role("dialog", name="person1")
    expect(dialog).to_be_in_viewport(ratio=1)
    page.get_by_role("radio", name="Member").check()
    page.get_by_role("button", name="Save role").click()
    says(page, "person1 is member of acme now")

    visit.goto("/o/acme/logs/")
    expect(page.locator(".table tbody time").first).to_contain_text("UTC")
    page.get_by_role("searchbox", name="Search the log").fill("devs")
    page.get_by_role("button", name="Filter").click()
    expect(page).to_have_url(re.compile("q=devs"))
    page.locator(".table tbody summary").first.click()
    expect(page.locator(".table tbody tr.more").first).to_be_visible()
    page.get_by_role("button", name="Export").click()
    page.get_by_role("button", name="Start the export").click()
    tasks.build_export(LogExport.objects.latest("pk").pk)
    page.get_by_role("link", name="Look again").click()
    with page.expect_download() as waited:
        page.get_by_role("link", name="Download").click()
    assert len(list(csv.DictReader(waited.value.path().read_text().splitlines()))) > 1


# Credentials -----------------------------------------------------------------------------------------------


def reported(visit, secret):
    """Report a size over the real wire by a robot's token; return the status."""
    answer = visit.page.request.put(
        f"{visit.home}/api/v1/repository/acme/web/usage",
        headers={"authorization": f"Bearer {secret}"},
        data={"size_bytes": 7},
    )
    return answer.status


def test_a_robot_is_made_and_rotated_and_both_its_tokens_work(browse, world):
    visit = browse(world.owner)
    page = visit.goto("/o/acme/robots/#create-dialog")
    accounts.delete_robot(actor=make.SYSTEM, robot=world.acme.namespace.robots.get(shortname="unused"))
    page.get_by_label("Name").fill("runner")
    page.get_by_role("button", name="Create robot").last.click()
    old = page.locator(".once code").text_content()
    for title in ("Podman", "Kubernetes", "curl", "CI variables"):
        page.locator("summary", has_text=title).click()
    expect(page.get_by_text(f"ROBOT_TOKEN={old}")).to_be_visible()
    look(visit, "robot-once")
    robot = world.acme.namespace.robots.get(shortname="runner")
    make.grant(world.acme.namespace.projects.get(slug="web"), "admin", robot=robot)
    page.reload()  # the form is not sent again, and the token not shown again
    expect(page.get_by_role("heading", name="Robots")).to_be_visible()
    assert old not in page.content()

    page.goto(f"{visit.home}/o/acme/robots/runner/")
    assert old not in page.content()
    page.get_by_role("button", name="Rotate…").click()
    page.get_by_label("The old token works on").select_option("For a day")
    page.get_by_role("button", name="Rotate", exact=True).click()
    says(page, "The old one works for 1 more day")
    new = page.locator(".once code").text_content()
    assert [reported(visit, old), reported(visit, new)] == [200, 200]
    page.get_by_role("link", name="I have it").click()
    expect(page.get_by_text("The older token works, too")).to_be_visible()
    look(visit, "robot-rotated", TWO_LOOKS)
    page.get_by_role("button", name="End the older token…").click()
    page.get_by_role("button", name="End it").click()
    says(page, "The older token does not work any more")
    assert reported(visit, old) != 200
    assert reported(visit, new) == 200


@pytest.mark.each_database
def test_credentials_are_reviewed_and_disabled_by_the_dozen(browse, world):
    visit = browse(world.owner)
    page = visit.goto("/o/acme/credentials/")
    page.get_by_role("link", name="Never used").click()
    expect(page).to_have_url(re.compile("state=never"))
    page.get_by_label("Select all credentials").check()
    expect(page.locator(".bulk")).to_contain_text("selected")
    look(visit, "credentials-picked")
    page.locator(".bulk").get_by_role("button", name="Disable…").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Disable")
    look(visit, "bulk-preview")
    page.get_by_role("button", name="Disable", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("disabled")
    look(visit, "bulk-done", TWO_LOOKS)
    page.set_viewport_size({"width": 1280, "height": 900})
    page.goto(f"{visit.home}/o/acme/credentials/?state=disabled")
    page.get_by_label("Select all credentials").check()
    page.locator(".bulk").get_by_role("button", name="Disable…").click()
    expect(page.get_by_text("nothing: it is disabled already").first).to_be_visible()
    page.get_by_role("button", name="Disable", exact=True).click()
    same = page.get_by_role("row").filter(has_text="It is disabled already")
    expect(same.first).to_be_visible()
    expect(page.get_by_role("heading", level=1)).to_contain_text(f", {same.count()} unchanged")
    expect(page.get_by_role("button", name="Try the failed ones again")).to_have_count(0)
    look(visit, "bulk-unchanged")


def test_lists_are_picked_from(browse, world):
    visit = browse(world.owner)
    for room in ("robots", "members", "projects"):
        page = visit.goto(f"/o/acme/{room}/")
        page.set_viewport_size({"width": 1280, "height": 900})
        page.get_by_label(f"Select all {room}").check()
        look(visit, f"picked-{room}", TWO_LOOKS)


@pytest.mark.each_database
def test_a_webhook_from_adding_it_to_sending_again(browse, world, settings):
    settings.EGRESS_ALLOW = ["192.0.2.0/24"]
    visit = browse(world.owner)
    page = visit.goto("/o/acme/projects/web/")
    page.get_by_role("main").get_by_role("link", name="Notifications").click()
    page.get_by_role("button", name="Add", exact=True).click()
    page.get_by_role("button", name="Webhook", exact=True).click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Title").fill("Releases")
    dialog.get_by_label("Address").fill("http://127.0.0.1/")
    dialog.get_by_role("button", name="Add").click()
    expect(dialog.get_by_label("Address")).to_have_accessible_description(re.compile("may not be called"))
    look(visit, "hook-refused", TWO_LOOKS)
    dialog.get_by_label("Address").fill("https://192.0.2.7/releases")
    dialog.get_by_role("button", name="Add").click()
    says(page, "The notification is added")
    expect(page.get_by_role("heading", level=1)).to_have_text("Releases")
    page.get_by_text("Show the secret").click()
    expect(page.locator("details[open] code")).to_contain_text("whsec_")
    page.get_by_role("button", name="Send a test").click()
    says(page, "A test is on its way")
    page.get_by_role("link", name="A test: you will be told").click()
    expect(page.get_by_text("Not tried so far")).to_be_visible()
    look(visit, "delivery-new", TWO_LOOKS)
    page.get_by_role("button", name="Try now").click()
    says(page, "It is on its way again")
    page.get_by_role("link", name="Releases").click()
    page.get_by_role("button", name="Pause").click()
    says(page, "Nothing is sent any more")
    look(visit, "hook-paused", TWO_LOOKS)
    page.get_by_role("button", name="Switch on").click()
    says(page, "its failures are forgotten")
    page.get_by_role("button", name="Remove notification…").click()
    page.get_by_role("button", name="Remove notification", exact=True).click()
    says(page, "The notification is removed")
    expect(page).to_have_url(re.compile("/notifications/of/web/$"))
