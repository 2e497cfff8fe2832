"""What every test stands on. What the settings read from the environment is prepared in environment.py."""

from __future__ import annotations

import gc
import itertools
import os
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pytest
from celery.signals import before_task_publish
from django.conf import settings as configured
from django.core.cache import caches
from django.test import Client, TransactionTestCase

from tests import sessions, staging
from tests.emptying import empty
from tests.mailbox import Mailbox

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Browser

    from accounts.models import User
    from tests.browser import Visit

# Changed once, before anything has looked at them: these hold for every test of the run.
configured.STORAGES["staticfiles"] = {
    # Pages are drawn without `collectstatic`.
    "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
}
Path(configured.STATIC_ROOT).mkdir(parents=True, exist_ok=True)
configured.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
if not configured.REDIS_URL:
    configured.CACHES["default"] = {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}
    configured.CELERY_BROKER_URL = "memory://"
    configured.CELERY_BROKER_TRANSPORT_OPTIONS = {}
if configured.DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    # In a file, as in real life: in memory, SQLite locks differently and threads collide.
    configured.DATABASES["default"].setdefault("TEST", {})["NAME"] = str(configured.DATA / "tests.sqlite3")

# What pytest-django calls after a test that commits.
TransactionTestCase._fixture_teardown = lambda self: empty()  # type: ignore[attr-defined]

_prefix = configured.CACHES["default"].get("KEY_PREFIX", "muster")
_number = itertools.count()


@pytest.fixture(autouse=True)
def empty_cache():
    """Give every test a cache in which nothing is: keys of its own, in this thread and in new ones."""
    prefix = f"{_prefix}-{next(_number)}"
    configured.CACHES["default"]["KEY_PREFIX"] = prefix
    caches["default"].key_prefix = prefix


@pytest.fixture
def mailbox(settings):
    """Let the instance send its mails to a real server on loopback."""
    settings.EMAIL_BACKEND, settings.MAILING = "django.core.mail.backends.smtp.EmailBackend", True
    box = Mailbox()
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", box.port
    yield box
    box.close()


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup, django_db_blocker):
    """End what is still connected when all is over: a thread that died late keeps the database from going."""
    yield
    staging.fall()
    with django_db_blocker.unblock():
        sessions.end_others()


@pytest.fixture(autouse=True)
def no_job_left():
    """Of jobs that a test began and left behind, no thread says later that they are under way."""
    from jobs import guard

    yield
    guard._pulse.forget()


@pytest.fixture
def bells():
    """Collect what workers were asked to do, as (task name, *ids).

    Bells ring on commit: run the change under ``django_capture_on_commit_callbacks(execute=True)``.
    """
    rung = []

    def hear(sender=None, body=None, **_):
        rung.append((sender, *body[0]))

    before_task_publish.connect(hear, weak=False)
    yield rung
    before_task_publish.disconnect(hear)


# The browser; its library is loaded by those tests alone that want it.


@pytest.fixture(scope="session")
def chromium(request: pytest.FixtureRequest) -> Iterator[Browser]:
    """Start a headless Chromium once, or skip and say so."""
    from playwright.sync_api import sync_playwright

    from tests.browser import find_chromium

    path = find_chromium()
    if not path:
        terminal = request.config.get_terminal_writer()
        terminal.line("\n*** No Chromium found (CHROMIUM or PATH): browser tests are SKIPPED ***", red=True)
        pytest.skip("no Chromium found; name one with CHROMIUM")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        # Playwright's loop runs in this thread as long as the browser does; the ORM is used between calls.
        os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
        try:
            yield browser
        finally:
            del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]
            browser.close()


@pytest.fixture
def browse(chromium: Browser, live_server) -> Iterator[Callable[..., Visit]]:
    """Open windows: ``browse(user, theme="dark", width=390)``; without a user nobody is signed in."""
    from tests.browser import HEIGHTS, Visit

    contexts = []

    def open_window(
        user: User | None = None,
        *,
        theme: Literal["light", "dark"] = "light",
        width: int = 1280,
        scripts: bool = True,
    ) -> Visit:
        context = chromium.new_context(
            viewport={"width": width, "height": HEIGHTS.get(width, 900)},
            color_scheme=theme,
            timezone_id="America/New_York",
            java_script_enabled=scripts,
            permissions=["clipboard-read", "clipboard-write"],
        )
        contexts.append(context)
        if user:
            client = Client()
            client.force_login(user)
            name = configured.SESSION_COOKIE_NAME
            context.add_cookies([{"name": name, "value": client.cookies[name].value, "url": live_server.url}])
        return Visit.start(context, live_server.url)

    yield open_window
    for context in contexts:
        context.close()


def pytest_addoption(parser):
    parser.addoption(
        "--second-pass",
        action="store_true",
        help="leave out what is the same on each database: it was played on the first one",
    )


def _is_bound_to_a_database(item):
    """Tell whether another database could answer otherwise.

    What pages ask of a database, their tests ask without a browser, too; what a browser adds is the same on
    each. Servers that a test starts stand on a database of their own, mostly on SQLite.
    """
    if item.get_closest_marker("each_database"):
        return True
    fixtures = set(item.fixturenames)
    if item.get_closest_marker("any_database") or {"browse", "chromium"} & fixtures:
        return False
    return bool(item.get_closest_marker("django_db") or {"db", "transactional_db", "live_server"} & fixtures)


def pytest_collection_modifyitems(config, items):
    if config.getoption("--second-pass"):
        left_out = [item for item in items if not _is_bound_to_a_database(item)]
        items[:] = [item for item in items if _is_bound_to_a_database(item)]
        config.hook.pytest_deselected(items=left_out)
    # A real browser, or a real server, on a busy machine may miss a deadline. One more try tells a late
    # answer from a wrong one; the summary counts the tries.
    for item in items:
        if {"browse", "chromium"} & set(item.fixturenames) or item.get_closest_marker("processes"):
            item.add_marker(pytest.mark.flaky(reruns=2))

    # First what waits for other processes for most of its time: the other workers are busy meanwhile, and
    # what is left to be divided at the end is small.
    items.sort(key=lambda item: item.get_closest_marker("processes") is None)

    for item in items:
        # Before the test's own transaction begins.
        item.fixturenames.sort(key=lambda name: not name.startswith(staging.PREFIX))


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop():
    """Leave what was collected, and every module, out of what is looked through for rubbish from now on."""
    gc.freeze()
    gc.enable()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    """Let no world stand that the test has not asked for."""
    if not any(name.startswith(staging.PREFIX) for name in item.fixturenames):
        staging.fall()


def pytest_terminal_summary(terminalreporter):
    """Say it loudly where nobody can miss it: what a worker of pytest-xdist prints is not shown."""
    from tests.accounts.directories.slapd import find_slapd
    from tests.browser import find_chromium
    from tests.faults.servers import find_postgres

    if find_postgres() is None:
        terminalreporter.section("NO POSTGRESQL SERVER: THE FAULT SUITE WAS SKIPPED", red=True, bold=True)
        terminalreporter.line("Install the package postgresql to run it.")
    if find_chromium() is None:
        terminalreporter.section("NO CHROMIUM: THE BROWSER TESTS WERE SKIPPED", red=True, bold=True)
        terminalreporter.line("Install one, or name it with CHROMIUM=/path/to/chromium, to run them.")
    if find_slapd() is None:
        terminalreporter.section("NO SLAPD: THE TESTS OF DIRECTORIES WERE SKIPPED", red=True, bold=True)
        terminalreporter.line("Install the package slapd to run them.")


def pytest_sessionfinish():
    """Leave nothing of ours in a Redis that others use too."""
    if configured.REDIS_URL:
        import redis

        with redis.Redis.from_url(configured.REDIS_URL) as client:
            prefix = configured.CELERY_BROKER_TRANSPORT_OPTIONS["global_keyprefix"].removesuffix(":")
            for key in client.scan_iter(match=f"{prefix}*", count=1000):
                client.delete(key)
