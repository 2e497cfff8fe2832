"""Components as markup: right without a browser, without JavaScript and without data."""

import gzip
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import brotli  # type: ignore[import-untyped]
import pytest
from django.contrib.staticfiles import finders
from django.core.management import call_command
from django.template import Context, Template
from django.template.loader import render_to_string
from django.test import Client, RequestFactory, override_settings
from django.urls import reverse

from console.page import render_page
from console.shell import Choice, Group, Place, Shell
from console.templatetags import console_ui
from console.views.errors import csrf_failure
from console.views.style import SampleErrors
from tests import make

NOW = datetime(2026, 11, 20, 9, 43, 34, tzinfo=UTC)


def draw(source, **context):
    return Template("{% load console_ui %}" + source).render(Context(context))


@pytest.mark.parametrize(
    ("gap", "words"),
    [
        (timedelta(0), "just now"),
        (timedelta(seconds=-59), "just now"),
        (timedelta(minutes=-5), "5 min ago"),
        (timedelta(hours=-23, minutes=-59), "23 h ago"),
        (timedelta(days=-6), "6 d ago"),
        (timedelta(days=-130), "4 mo ago"),
        (timedelta(days=-800), "2 y ago"),
        (timedelta(seconds=20), "in a moment"),
        (timedelta(days=8, hours=1), "in 8 d"),
        (timedelta(days=90, seconds=-2), "in 3 mo"),
        (timedelta(days=44), "in 1 mo"),
        (timedelta(days=-364), "12 mo ago"),
    ],
)
def test_distance(gap, words):
    assert console_ui.distance(NOW + gap, NOW) == words


@pytest.mark.parametrize(
    ("name", "letters"),
    [
        ("chiara", "CH"),
        ("Ada Lovelace", "AL"),
        ("northwind+ci_build", "NC"),
        ("k8s-ci-robot", "KC"),
        ("x", "X"),
        ("", "?"),
        ("+-", "?"),
    ],
)
def test_initials(name, letters):
    assert console_ui.initials(name) == letters


def test_times_say_utc_until_the_browser_says_more():
    html = draw("{% moment at %}", at=datetime(2019, 1, 2, 3, 4, 5, tzinfo=UTC))
    assert 'datetime="2019-01-02T03:04:05Z"' in html
    assert ">Jan 2, 2019, 03:04:05 UTC<" in html
    assert draw("{% ago at %}", at=None) == '<span class="muted">never</span>'


def test_long_names_break_behind_separators():
    assert draw("{{ name|breakable }}", name="a+b_c/<d>-") == "a+<wbr>b_<wbr>c/<wbr>&lt;d&gt;-"


def test_what_people_typed_is_escaped_everywhere():
    evil = '<img src=x onerror="x">'
    html = draw(
        "{% badge evil %}{% avatar evil %}{% tile evil evil evil %}{% chip evil '#' %}{% copyable evil %}"
        "{% card title=evil note=evil %}{{ evil }}{% endcard %}"
        "{% dialog id='d' title=evil %}{{ evil }}{% enddialog %}"
        "{% menu id='m' label=evil %}{{ evil }}{% endmenu %}{% banner title=evil %}{{ evil }}{% endbanner %}"
        "{% empty icon='home' title=evil %}{{ evil }}{% endempty %}{% progress evil 3 evil %}"
        "{{ evil|breakable }}",
        evil=evil,
    )
    assert "<img" not in html


def test_nothing_is_styled_or_scripted_inline(client, db):
    client.force_login(make.user())
    pages = [client.get(reverse("console:style")).content.decode(), render_to_string("500.html")]
    for page in pages:
        assert not re.search(r"<style|\sstyle=|\son[a-z]+=|<script(?![^>]*\ssrc=)|javascript:", page)
    ids = re.findall(r'\sid="([^"]+)"', pages[0])
    assert len(set(ids)) == len(ids), {name for name in ids if ids.count(name) > 1}


def test_style_page_is_for_those_who_are_signed_in(client, settings):
    settings.LOGIN_URL = "/elsewhere"
    assert client.get(reverse("console:style")).url == "/elsewhere?next=/style/"


def test_field_names_its_hint_and_its_error():
    form = SampleErrors({"email": "chiara@"}, auto_id="error_%s")
    html = draw("{% for bound in form %}{% field bound %}{% endfor %}", form=form)
    for described in re.findall(r'aria-describedby="([^"]+)"', html):
        for target in described.split():
            assert f'id="{target}"' in html
    assert html.count('aria-invalid="true"') == html.count('class="error"') == 3
    assert "autofocus" not in html
    assert "autofocus" in draw("{% field form.email focus=True %}", form=form)


def test_shell_shows_only_what_exists():
    bare = render_to_string("console/shell.html", {"shell": Shell()})
    assert "Organization: " not in bare
    assert 'role="search"' not in bare
    assert "Sign out" not in bare
    full = render_to_string(
        "console/shell.html",
        {
            "shell": Shell(
                nav=[Group("Account", [Place("Sign out", "/out", "power", post=True)])],
                organization="acme",
                organizations=[Choice("acme", "/acme", current=True)],
                search_url="/search",
                person="ada",
                sign_out_url="/out",
            )
        },
    )
    assert full.count('<form method="post" action="/out">') == 2
    assert full.count("csrfmiddlewaretoken") == 0  # no request, no token; the browser test signs out for real
    assert 'role="search"' in full


@pytest.mark.parametrize("headers", [{}, {"HX-Request": "true"}])
def test_page_and_part_share_an_address_and_vary_on_htmx(headers):
    request = RequestFactory().get("/", headers=headers)
    response = render_page(request, "404.html", {}, part="console/components/theme.html", shell=Shell())
    assert ("<html" in response.content.decode()) is not headers
    assert (b"<html" not in response.content) is bool(headers)
    assert "HX-Request" in response.headers["Vary"]


def test_error_pages_need_nothing():
    assert "Something broke" in render_to_string("500.html")
    response = csrf_failure(RequestFactory().post("/"), reason="CSRF token missing.")
    assert response.status_code == 403
    assert b"out of date" in response.content
    assert b"CSRF token missing" not in response.content


def test_hashed_static_build_passes(tmp_path):
    storages = {
        "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"},
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.ManifestStaticFilesStorage"},
    }
    with override_settings(STORAGES=storages, STATIC_ROOT=tmp_path):
        call_command("collectstatic", interactive=False, verbosity=0)
        page = render_to_string("console/signin.html", {"form": SampleErrors()})
    hashed = re.search(r"/static/(console/tokens\.\w{12}\.css)", page)
    assert hashed, page
    css = (tmp_path / hashed[1]).read_text(encoding="utf-8")
    fonts = re.findall(r'url\("(\.\./unfold/[^"]+)"\)', css)
    assert len(fonts) == 3
    for font in fonts:
        assert re.search(r"\.\w{12}\.woff2$", font)
        assert (tmp_path / "console" / font).resolve().is_file()


def sent(name):
    """Return how many bytes of a static file go over the wire: as whitenoise keeps it, in Brotli."""
    return len(brotli.compress(Path(str(finders.find(name))).read_bytes()))


def test_weight_stays_small():
    files = ("tokens.css", "app.css", "theme.js", "typed.js", "app.js")
    assert sum(Path(str(finders.find(f"console/{name}"))).stat().st_size for name in files) < 52_000
    assert sum(sent(f"console/{name}") for name in files) < 15_000


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/", "/o/acme/", "/o/acme/logs/", "/o/acme/projects/web/"])
def test_a_first_visit_transfers_little(path):
    ada = make.user("ada")
    make.project(make.organization(owner=ada), "web")
    client = Client()
    client.force_login(ada)
    page = client.get(path, headers={"accept-encoding": "gzip"})
    assert page["Content-Encoding"] == "gzip"
    files = set(re.findall(r'(?:src|href)="/static/([^"]+)"', gzip.decompress(page.content).decode()))
    assert {"console/app.css", "console/app.js"} <= files
    fonts = {name for name in files if name.endswith(".woff2")}
    transferred = len(page.content) + sum(sent(name) for name in files - fonts)
    assert transferred < 45_000
    assert transferred + sum(sent(name) for name in fonts) < 160_000, "with the letters of the text"
