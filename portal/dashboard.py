"""The first page of the back office: every desk's numbers, and whether work for later is being done."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from django.contrib import admin

from backoffice.desk import Figure
from portal.health import CHECKS, OK, readiness

if TYPE_CHECKING:
    from django.http import HttpRequest

    from backoffice.site import BackOffice

# The database has just been asked by this very page.
WATCHED = {name: check for name, check in CHECKS.items() if name != "database"}


def fill(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Return unfold's context of the index page with ``figures``; the checks take 2 seconds at most."""
    site = cast("BackOffice", admin.site)
    figures = [figure for desk in site.desks() for figure in desk.figures(request)]
    for name, told in readiness(WATCHED)["checks"].items():
        is_well = told["status"] == OK
        figures.append(
            Figure(
                name.capitalize(),
                "ok" if is_well else told["status"],
                note=told.get("error", ""),
                mood="" if is_well else "danger",
                rank=20,
            )
        )
    return {**context, "title": "Overview", "figures": sorted(figures, key=lambda one: one.rank)}
