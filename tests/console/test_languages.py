"""People are spoken to in their language; programs, and what is kept, in English."""

import re
from datetime import UTC, date, datetime

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import translation

from accounts import services, tasks
from accounts.models import MailedLink, User
from accounts.selectors import language_of
from console import charts
from console.templatetags import console_ui
from console.views.code import CompareForm
from core.errors import Invalid
from core.languages import speaking
from logs.models import LogEntry
from tests import make

pytestmark = pytest.mark.django_db

GERMAN = {"accept-language": "de-AT,de;q=0.9,en;q=0.5"}


@pytest.fixture
def ada():
    return make.user("ada")


def enter(user=None, **headers):
    client = Client(headers=headers or None)
    if user:
        client.force_login(user)
    return client


def choosing(user, language):
    return services.choose_language(actor=make.actor(user), language=language)


def language(answer):
    return only(r'<html lang="([^"]*)"', answer.content.decode())


def only(pattern, text):
    found = re.search(pattern, text, re.DOTALL)
    assert found is not None, pattern
    return found[1]


def test_english_where_nobody_says_otherwise(ada):
    assert language(enter(ada).get("/account/")) == "en"
    assert language(enter(ada, **{"accept-language": "fr,xx;q=0.3"}).get("/account/")) == "en"


def test_the_browser_says_what_it_wants(ada):
    answer = enter(ada, **GERMAN).get("/account/")
    assert language(answer) == "de"
    assert answer["Content-Language"] == "de"
    assert {"Accept-Language", "Cookie"} <= {one.strip() for one in answer["Vary"].split(",")}
    assert "Sprache speichern" in answer.content.decode()
    assert language(Client(headers=GERMAN).get("/sign-in/")) == "de"
    assert language(Client(headers=GERMAN).get("/nothing-at-all")) == "de"
    assert translation.get_language() == "en"  # what comes after the request begins anew


def test_who_is_not_signed_in_chooses_by_a_cookie(ada):
    client = Client(enforce_csrf_checks=True)
    page = client.get("/sign-in/?next=/account/").content.decode()
    form = {
        "csrfmiddlewaretoken": only(r'name="csrfmiddlewaretoken" value="([^"]+)"', page),
        "next": only(r'action="/language/".*?name="next" value="([^"]+)"', page),
        "language": "de",
    }
    answer = client.post("/language/", form)
    assert answer["Location"] == "/sign-in/?next=/account/"
    cookie = answer.cookies["language"]
    assert (cookie.value, cookie["httponly"], cookie["samesite"]) == ("de", True, "Lax")
    assert language(client.get("/sign-in/")) == "de"
    assert language(client.get("/sign-in/", headers={"accept-language": "en"})) == "de"


def test_nobody_is_sent_to_another_site_by_the_switch():
    answer = Client().post("/language/", {"language": "de", "next": "https://evil.example/"})
    assert answer["Location"] == "/"


def test_what_a_person_chose_holds_in_every_browser_and_is_told_to_the_log(ada):
    enter(ada).post("/language/", {"language": "de", "next": "/account/"})
    assert User.objects.get(pk=ada.pk).language == "de"
    entry = LogEntry.objects.get(kind="user_change_language")
    assert entry.metadata["language"] == "de"
    other = enter(ada, **{"accept-language": "en"})
    other.cookies["language"] = "en"
    page = other.get("/account/")
    assert language(page) == "de"
    assert '<option value="de" lang="de" selected>' in page.content.decode()
    other.post("/language/", {"language": "", "next": "/account/"})
    assert User.objects.get(pk=ada.pk).language == ""
    assert language(enter(ada, **{"accept-language": "en"}).get("/account/")) == "en"
    assert LogEntry.objects.filter(kind="user_change_language").count() == 2


def test_what_is_not_spoken_here_is_not_chosen(ada):
    with pytest.raises(Invalid):
        services.choose_language(actor=make.actor(ada), language="tlh")
    assert enter(ada).post("/language/", {"language": "tlh"}).status_code == 302
    assert User.objects.get(pk=ada.pk).language == ""


def test_an_operator_reads_whom_she_views_in_her_own_language(ada):
    boss = choosing(make.user("boss", superuser=True), "de")
    choosing(ada, "en")
    client = enter(boss)
    session = client.session
    session["signed_in_at"] = "2999-01-01T00:00:00+00:00"
    session["viewing"] = [ada.pk, "2999-01-01T00:00:00+00:00"]
    session.save()
    page = client.get("/")
    assert "ada" in page.content.decode()
    assert language(page) == "de"
    client.post("/language/", {"language": "de", "next": "/"})
    assert User.objects.get(pk=ada.pk).language == "en"


def test_the_language_costs_no_query(ada):
    client = enter(ada)
    client.get("/account/security/")

    def cost(**headers):
        with CaptureQueriesContext(connection) as queries:
            client.get("/account/security/", headers=headers)
        return len(queries)

    plain = cost()
    assert cost(**GERMAN) == plain
    choosing(ada, "de")
    assert cost() == plain


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/organization/nothing-here",
        "/api/v1/user/",
        "/api/v1/public/organizations/nothing",
        "/api/v3/organizations/gh/nothing",
        "/v1/nothing",
        "/v1/user",
        "/v3/nothing",
        "/v3/users/me",
        "/oauth/nothing",
        "/oauth/access_token",
        "/config",
        "/admin/login/",
    ],
)
def test_programs_are_answered_in_english_whatever_they_accept(ada, path):
    choosing(ada, "de")
    for client in (Client(), enter(ada)):
        for send in (client.get, client.post):
            english = send(path, headers={"accept-language": "en"})
            german = send(path, headers=GERMAN)
            assert german.status_code == english.status_code
            assert strip(german) == strip(english)
            assert "Content-Language" not in german
            assert "Accept-Language" not in german.get("Vary", "")


def strip(answer):
    """Return the body without what is made anew with every answer."""
    return re.sub(r"[0-9a-f]{16,}|[\w-]{20,}|\d\d:\d\d:\d\d[.\d]*", "", answer.content.decode())


def numbers():
    return charts.full(1234567), charts.short(12_500), charts.size(1_500_000)


def test_dates_and_numbers_are_written_as_the_reader_writes_them():
    at = datetime(2025, 3, 5, 7, 8, 9, tzinfo=UTC)
    assert ">Mar 5, 2025<" in console_ui.day(at)
    assert ">Mar 5, 2025, 07:08:09 UTC<" in console_ui.moment(at)
    assert numbers() == ("1,234,567", "12.5k", "1.4 MiB")
    with speaking("de"):
        assert ">5. Mär 2025<" in console_ui.day(at)
        assert ">5. Mär 2025, 07:08:09 UTC<" in console_ui.moment(at)
        assert charts.day_label(date(2026, 12, 1)) == "1. Dez"
        assert console_ui.distance(at, datetime(2025, 3, 5, 7, 18, tzinfo=UTC)) == "vor 9 Min."
        assert numbers() == ("1.234.567", "12,5k", "1,4 MiB")
        chart = charts.daily_bars(
            key="k", title="t", series=["a"], days=[charts.Day(date(2026, 12, n), (n,)) for n in range(1, 8)]
        )
        assert all("," not in f"{bar.x}{bar.width}{bar.band_x}" for bar in chart.bars)


def test_a_mail_to_many_is_in_the_language_that_they_share(ada):
    bo = choosing(make.user("bo"), "de")
    assert language_of([bo.email.upper()]) == "de"
    assert language_of([bo.email, ada.email]) == ""
    assert language_of(["nobody@example.test"]) == ""
    assert language_of([]) == ""
    choosing(ada, "de")
    assert language_of([bo.email, ada.email]) == "de"
    assert language_of([bo.email, ada.email, "nobody@example.test"]) == ""


def test_who_is_mailed_a_link_reads_it_in_her_language(ada, mailoutbox, settings):
    settings.MAILING = True
    for chosen in ("en", "de"):
        choosing(ada, chosen)
        services.request_recovery(actor=make.actor(None), login=ada.email)
        tasks.send_link(MailedLink.objects.latest("pk").pk)
    for message, code in zip(mailoutbox, ("en", "de"), strict=True):
        assert f'<html lang="{code}">' in str(message.alternatives[0][0])


def test_while_muster_is_read_only_the_choice_is_the_browsers_alone(ada, settings):
    client, before = enter(ada), LogEntry.objects.count()
    settings.READ_ONLY = True
    assert client.post("/language/", {"language": "de", "next": "/account/"})["Location"] == "/account/"
    assert client.cookies[settings.LANGUAGE_COOKIE_NAME].value == "de"
    ada.refresh_from_db()
    assert (ada.language, LogEntry.objects.count()) == ("", before)
    assert language(client.get("/account/")) == "de"


def test_the_form_of_a_file_speaks_the_readers_language():
    with speaking("de"):
        assert str(CompareForm().fields["file"].label) == translation.gettext("A file") != "A file"
