"""The pages in German, on a phone: words are longer there, and none may be left in English."""

import re
from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from accounts import services as accounts
from accounts.models import Invitation, MailedLink
from core import seal
from tests import make
from tests.browser import SIDEWAYS
from tests.console import world as worlds

pytestmark = pytest.mark.browser

PAGES = [
    "/",
    "/account/",
    "/account/security/",
    "/account/tokens/",
    "/o/acme/",
    "/o/acme/access/?who=person1&project=web",
    "/o/acme/code/",
    "/o/acme/credentials/",
    "/o/acme/exports/",
    "/o/acme/invitations/",
    "/o/acme/logs/",
    "/o/acme/members/",
    "/o/acme/projects/web/",
    "/o/acme/rights/",
    "/o/acme/robots/busy/",
    "/o/acme/settings/",
    "/o/acme/teams/devs/",
]
# Words without which no English sentence does, and that German does not have.
ENGLISH = {
    *("and", "are", "as", "by", "for", "from", "has", "have", "is", "it", "may", "new", "no", "nobody"),
    *("not", "of", "or", "that", "the", "this", "to", "what", "which", "who", "with", "you", "your"),
}
# What people of this world wrote themselves, and names.
OWN = re.compile(
    r"Rockets for everybody|What everybody sees|Starts and lands rockets|They build it|Muster rests on Sunday"
    r"|The (?:busy|expired|expiring|gone|unused) one|Docker on the laptop|somebody@elsewhere\.example"
)
# Everything that is seen or said aloud, but what is typed and what is code.
WORDS = """() => {
  const said = [document.title, document.body.innerText];
  const attributes = ["aria-label", "data-label", "placeholder", "title"];
  for (const element of document.querySelectorAll("body *")) {
    for (const name of attributes) said.push(element.getAttribute(name) || "");
  }
  const verbatim = [...document.querySelectorAll("code, pre, .mono")].map((element) => element.innerText);
  return { said: said.join("\\n"), verbatim: verbatim.filter((text) => text.includes(" ")) };
}"""


@pytest.fixture
def world(transactional_db):
    world = worlds.build()
    accounts.choose_language(actor=make.actor(world.owner), language="de")
    return world


def english(page):
    """Return the lines of a page that have English words."""
    words = page.evaluate(WORDS)
    said = OWN.sub("", words["said"])
    for text in words["verbatim"]:
        said = said.replace(text, "")
    return {line for line in said.splitlines() if ENGLISH & set(re.findall(r"\w+", line.lower()))}


def check(visit, name):
    page = visit.page
    assert page.evaluate("document.documentElement.lang") == "de"
    visit.check(name)
    assert english(page) == set(), name
    page.set_viewport_size({"width": 320, "height": 800})
    assert page.evaluate(SIDEWAYS) == {"wide": 0, "out": []}, name
    page.set_viewport_size({"width": 390, "height": 844})


@pytest.mark.parametrize("half", [0, 1])
def test_the_rooms_of_an_owner_speak_german(browse, world, half):
    visit = browse(world.owner, theme="dark", width=390)
    for path in PAGES[half::2]:
        visit.goto(path)
        check(visit, f"german-{re.sub(r'[^a-z]+', '-', path.partition('?')[0])}")


def test_a_dialog_speaks_german(browse, world):
    visit = browse(world.owner, width=390)
    page = visit.goto("/o/acme/robots/")
    page.get_by_role("button", name="Roboter erstellen").first.click()
    page.get_by_role("dialog").wait_for()
    check(visit, "german-dialog")


def test_joining_speaks_german_to_who_chose_it(browse, world, settings):
    settings.MAILING = True
    accounts.invite_people(actor=make.SYSTEM, organization=world.acme, whom=["eve@example.test"])
    code = Invitation.objects.get(email="eve@example.test").code
    visit = browse(width=390)
    visit.context.add_cookies([{"name": "language", "value": "de", "url": visit.home}])
    visit.goto(f"/invitations/{code}/")
    check(visit, "german-join")
    visit.goto(f"/sign-in/?next=/invitations/{code}/")
    check(visit, "german-join-sign-in")


def link_for(purpose, user):
    """Return where a mailed link for somebody leads."""
    MailedLink.objects.create(
        user=user,
        purpose=purpose,
        email=user.email,
        digest=seal.digest(purpose),
        expires_at=timezone.now() + timedelta(hours=1),
    )
    return purpose


def test_where_mailed_links_lead_speaks_german(browse, world, settings):
    settings.MAILING = True
    visit = browse(width=390)
    visit.context.add_cookies([{"name": "language", "value": "de", "url": visit.home}])
    for path, purpose in (("recover", "recovery"), ("verify", "verification")):
        visit.goto(f"/{path}/{link_for(purpose, world.owner)}/")
        visit.page.get_by_role("button").first.wait_for()
        check(visit, f"german-{path}")
    eve = make.user("eve")
    accounts.choose_language(actor=make.actor(eve), language="de")
    accounts.invite_people(actor=make.SYSTEM, organization=world.acme, whom=["eve"])
    visit = browse(eve, width=390)
    visit.goto(f"/invitations/{Invitation.objects.get(user=eve).code}/")
    expect(visit.page.get_by_role("button", name="Beitreten")).to_be_visible()
    check(visit, "german-invited")


def test_the_first_run_speaks_german(browse, transactional_db):
    visit = browse(width=390)
    visit.context.add_cookies([{"name": "language", "value": "de", "url": visit.home}])
    accounts.offer_first_run()
    visit.goto("/setup/")
    expect(visit.page.get_by_label("Einrichtungsgeheimnis")).to_be_visible()
    check(visit, "german-setup")


def test_the_way_in_says_that_nothing_can_be_changed(browse, world, settings):
    settings.READ_ONLY = True
    visit = browse(width=390)
    visit.context.add_cookies([{"name": "language", "value": "de", "url": visit.home}])
    visit.goto("/sign-in/")
    expect(visit.page.get_by_text("hat Änderungen vorübergehend abgeschaltet")).to_be_visible()
    check(visit, "german-sign-in-closed")


def test_signing_in_speaks_german_to_who_chose_it(browse, world):
    visit = browse(width=390)
    visit.context.add_cookies([{"name": "language", "value": "de", "url": visit.home}])
    visit.goto("/sign-in/")
    check(visit, "german-sign-in")
