"""The pictures of the documentation: `make screenshots` takes every page from a fresh demo in a real browser.

Run as ``python -m tests.console.screens FOLDER``. Pictures are WebP, and none may be heavier than `KB_MAX`.
"""

from __future__ import annotations

import base64
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Literal

from playwright.sync_api import ViewportSize, sync_playwright

from tests.browser import find_chromium
from tests.serving import ROOT, server

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

    Theme = Literal["light", "dark"]

KB_MAX = 90
QUALITY = 72
HEIGHTS = {1280: 800, 390: 780}
LOOKS: tuple[tuple[int, Theme], ...] = ((1280, "light"), (390, "dark"))
# Dialogs worth a picture: page, and the button that opens them.
DIALOGS = {"grant": ("project", "Grant access"), "robot-new": ("robots", "Create robot")}


def file_of(name: str, width: int, theme: str) -> str:
    """Return the name of a picture's file."""
    return f"{name}-{width}-{theme}.webp"


def take(folder: Path) -> None:
    """Serve the demo, furnish it, take every picture, and fail for one that is too heavy."""
    chromium = find_chromium()
    if chromium is None:
        sys.exit("No Chromium found: name one with CHROMIUM=/path/to/it")
    with TemporaryDirectory() as directory, sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--force-device-scale-factor=1"]
        )
        # Receivers below this address never answer: deliveries that fail are worth showing.
        with server(Path(directory), DEMO="1", MUSTER_EGRESS_ALLOW="192.0.2.0/24") as running:
            found = re.search(r"Password:\s+(\S+)", running.output.read_text())
            if found is None:
                sys.exit("The server printed no password")
            addresses = _furnish(os.environ | running.environment)
            for width, theme in LOOKS:
                _walk(browser, running.url, found[1], addresses, folder, width, theme)
        browser.close()
    heavy = False
    for file in sorted(folder.glob("*.webp")):
        weight = file.stat().st_size / 1024
        sys.stdout.write(f"{file.name}: {weight:.0f} KB\n")
        heavy = heavy or weight > KB_MAX
    if heavy:
        sys.exit(f"A picture is heavier than {KB_MAX} KB")


def _walk(
    browser: Browser,
    home: str,
    password: str,
    addresses: dict[str, str],
    folder: Path,
    width: int,
    theme: Theme,
) -> None:
    from tests.console.places import SIGNED_OUT

    context = browser.new_context(
        viewport=ViewportSize(width=width, height=HEIGHTS[width]),
        color_scheme=theme,
        timezone_id="UTC",
        locale="en",
        reduced_motion="reduce",
    )
    page = context.new_page()
    for name in sorted(addresses.keys() & SIGNED_OUT):
        page.goto(home + addresses[name], wait_until="networkidle")
        _keep(context, page, folder / file_of(name, width, theme))
    page.goto(home + addresses["sign-in"])
    page.get_by_label("Name or e-mail").fill("admin")
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(re.compile(r"/(o/northwind/)?$"), wait_until="networkidle")
    for name in sorted(addresses.keys() - SIGNED_OUT):
        page.goto(home + addresses[name], wait_until="networkidle")
        _keep(context, page, folder / file_of(name, width, theme))
    for name, (place, button) in DIALOGS.items():
        page.goto(home + addresses[place], wait_until="networkidle")
        page.get_by_role("button", name=button).first.click()
        page.get_by_role("dialog").wait_for()
        _keep(context, page, folder / file_of(name, width, theme))
    context.close()


def _keep(context: BrowserContext, page: Page, file: Path) -> None:
    session = context.new_cdp_session(page)
    found = session.send("Page.captureScreenshot", {"format": "webp", "quality": QUALITY})
    session.detach()
    file.write_bytes(base64.b64decode(found["data"]))


# What the demo does not have of itself ---------------------------------------------------------------------


def _furnish(environment: dict[str, str]) -> dict[str, str]:
    run = subprocess.run(
        [sys.executable, "-m", "tests.console.screens", "--furnish"],
        cwd=ROOT,
        env=environment | {"DJANGO_SETTINGS_MODULE": "portal.settings"},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    addresses: dict[str, str] = json.loads(run.stdout.splitlines()[-1])
    return addresses


def furnish() -> dict[str, str]:
    """Make one of everything that has a page; return the pages' addresses by name."""
    import django

    django.setup()
    from datetime import timedelta

    from django.utils import timezone

    from accounts import services as accounts
    from accounts.models import Organization, User
    from core.actor import Actor
    from logs import services as logs
    from notifications import services as notifications
    from projects import services as projects
    from runs import services as runs
    from tests.console.places import NEEDING, places
    from tokens import services as tokens
    from tokens.kinds import Kind

    northwind = Organization.objects.select_related("namespace").get(slug="northwind")
    admin, amira = User.objects.get(username="admin"), User.objects.get(username="amira")
    owner = Actor(user=admin, dialect="console", ip="192.0.2.10")
    orders = northwind.namespace.projects.get(slug="orders")
    guests = {"sanna": "Sanna Lehto", "tariq": "Tariq Nasser", "joan": "Joan Whitfield"}
    for username, name in guests.items():
        email = f"{username}@partner.example"
        accounts.create_user(actor=owner, username=username, email=email, name=name)
    accounts.invite_people(actor=owner, organization=northwind, whom=list(guests), role="member")
    retired = projects.create_project(
        actor=owner, namespace=northwind.namespace, slug="old-catalog", visibility="private"
    )
    projects.delete_project(actor=owner, project=retired)
    hook, _ = notifications.create_subscription(
        actor=owner,
        project=orders,
        event="repo_permission_change",
        method="webhook",
        config={"url": "https://192.0.2.7/hooks/releases"},
        title="Release board",
    )
    sent = notifications.send_test(actor=owner, subscription=hook)
    told, _ = notifications.create_subscription(
        actor=owner,
        namespace=northwind.namespace,
        event="member_change",
        method="in_console",
        config={"target": {"kind": "org", "name": northwind.slug}},
        title="Who joins, who leaves",
    )
    for _again in range(2):
        notifications.send_test(actor=owner, subscription=told)
    notifications.create_subscription(
        actor=owner,
        namespace=northwind.namespace,
        event="member_change",
        method="email",
        config={"email": "security@northwind.example"},
        title="To the security team",
    )
    board = tokens.create_application(
        actor=owner,
        organization=northwind,
        name="Release board",
        description="Shows what ships next",
        application_uri="https://board.northwind.example/",
        redirect_uri="https://board.northwind.example/back",
    )
    for user, scopes in ((admin, "repo:read user:read"), (amira, "repo:read")):
        tokens.issue(kind=Kind.OAUTH, user=user, application=board, scopes=scopes, title="Board")
    for title, days in (("Nightly report", 5), ("Importer", 60)):
        ends = timezone.now() + timedelta(days=days)
        tokens.create_token(actor=owner, kind=Kind.KEY, organization=northwind, title=title, expires_at=ends)
    tokens.create_app_token(actor=owner, title="Docker on the laptop")
    projects.star_project(actor=owner, project=orders)
    export = logs.request_export(
        actor=owner,
        namespace=northwind.namespace,
        starts_at=timezone.now() - timedelta(days=30),
        ends_at=timezone.now(),
    )
    chosen = [
        runs.Thing(robot.pk, robot.full_name) for robot in northwind.namespace.robots.order_by("pk")[:12]
    ]
    run = runs.begin_run(
        actor=owner,
        namespace=northwind.namespace,
        action="robot.disable",
        things=[*chosen, runs.Thing(0, "old-ci")],
    )
    runs.work(run.pk)
    known: dict[str, Any] = {
        "orgname": northwind.slug,
        "slug": orders.slug,
        "teamname": "platform",
        "shortname": "ci",
        "client_id": board.client_id,
        "uuid": hook.uuid,
        "delivery": sent.uuid,
        "wire": "quay",
    }
    found = places(
        known, export={"uuid": export.uuid}, instance_export={"uuid": export.uuid}, run={"uuid": run.uuid}
    )
    for name in NEEDING:
        del found[name]
    found["access"] += "?who=carla&project=orders"
    found["find"] += "?q=or"
    found["search"] += "?q=or&in=northwind"
    return found


if __name__ == "__main__":
    if sys.argv[1] == "--furnish":
        sys.stdout.write(json.dumps(furnish()) + "\n")
    else:
        take(Path(sys.argv[1]))
