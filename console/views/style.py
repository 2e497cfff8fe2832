"""The living style page: every component with sample data, so that a change to one is seen on all."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone

from console import charts
from console.fields import described
from console.page import render_page
from console.shell import Choice, Group, Place, Shell

SWATCHES = (
    "page", "surface", "raised", "sunken", "line", "line-strong", "ink", "muted", "accent", "accent-soft",
    "good", "good-soft", "warn", "warn-soft", "bad", "bad-soft",
    "tone-1", "tone-2", "tone-3", "tone-4", "tone-5", "tone-6",
)  # fmt: skip
ICONS = (
    "home", "users", "user-group", "folder", "cpu-chip", "key", "shield-check", "chart-pie", "document-text",
    "bell", "cog-6-tooth", "plus", "user-plus", "arrow-down-tray", "bookmark", "trash", "arrow-path",
    "pencil", "magnifying-glass", "funnel", "check", "x-mark", "lock-closed", "globe-alt", "star", "clock",
)  # fmt: skip
MOODS = (
    (54, 17, 20), (27, 11, 10), (11, 8, 6), (33, 12, 7), (58, 25, 26), (65, 18, 14), (47, 19, 8), (53, 17, 9),
    (28, 6, 5), (14, 9, 4), (39, 10, 10), (54, 19, 11), (52, 21, 18), (57, 25, 16), (57, 19, 21), (39, 9, 12),
    (23, 6, 2), (31, 12, 11), (52, 21, 16), (54, 17, 16), (53, 19, 12), (64, 14, 20), (42, 22, 11),
    (12, 4, 3), (35, 17, 17), (56, 20, 23), (55, 15, 12), (50, 18, 11), (57, 20, 17), (24, 7, 5),
)  # fmt: skip


class SampleForm(forms.Form):
    """A form with every kind of field."""

    name = forms.RegexField(
        r"^[a-z][a-z0-9_]+$",
        help_text="Lowercase letters, digits and underscores.",
        error_messages={"invalid": "Use lowercase letters, digits and underscores, and start with a letter."},
    )
    description = forms.CharField(
        required=False, widget=forms.TextInput(attrs={"placeholder": "What is it for?"})
    )
    expires = forms.ChoiceField(
        label="Token expires",
        choices=[("90", "In 90 days"), ("30", "In 30 days"), ("", "Never")],
        help_text="A reminder goes out 14, 7 and 1 days before.",
    )
    access = forms.ChoiceField(
        widget=forms.RadioSelect,
        initial="read",
        choices=[
            ("read", described("Read", "Pull from selected projects")),
            ("write", described("Write", "Pull and push")),
            ("none", described("None yet", "Grant it through a team later")),
        ],
    )


class SampleErrors(forms.Form):
    """The fields that the dialog does not show, with faults."""

    email = forms.EmailField(label="E-mail")
    notes = forms.CharField(widget=forms.Textarea(attrs={"rows": 3}), required=False)
    team = forms.ChoiceField(choices=[("", "Choose a team"), ("release", "release")])
    until = forms.DateField(widget=forms.DateInput(attrs={"type": "date"}), required=False, label="Until")
    confirm = forms.BooleanField(
        label="I understand", help_text="Robots with this token stop working at once."
    )


@login_required
def style_page(request: HttpRequest) -> HttpResponse:
    """Show every component; ``?say=1`` also brings messages."""
    if request.method == "POST":
        messages.success(request, "Said by htmx, without a new page.")
    if "say" in request.GET:
        messages.success(request, "Robot northwind+ci_build was created.")
        messages.warning(request, "The token expires in 7 days.")
        messages.error(request, "The team could not be deleted: it still owns 4 projects.")
    return render_page(
        request,
        "console/style.html",
        _samples(timezone.now()),
        part="console/components/theme.html",
        shell=_shell(request.user.get_username()),
    )


def _shell(person: str) -> Shell:
    here = reverse("console:style")
    return Shell(
        organization="northwind",
        organizations=(
            Choice("northwind", here, current=True),
            Choice("contoso-research", here),
            Choice("tailspin", here),
        ),
        all_organizations_url=here,
        new_organization_url=here,
        search_url=reverse("console:search"),
        person=person,
        person_note="Style page",
        account_url=here,
        nav=(
            Group(
                "Organization",
                (
                    Place("Overview", here, "home", current=True),
                    Place("Members", here, "users"),
                    Place("Teams", here, "user-group"),
                    Place("Projects", here, "folder"),
                    Place("Robots", here, "cpu-chip", count=24),
                ),
            ),
            Group("Operations", (Place("Usage log", here, "document-text"),)),
            Group("Account", (Place("My account", here, "user-circle"),)),
        ),
    )


def _samples(now: datetime) -> dict[str, Any]:
    def ago(**gap: float) -> datetime:
        return now - timedelta(**gap)

    today = now.date()
    return {
        "chart": charts.daily_bars(
            key="activity",
            title="Activity, last 30 days",
            series=("Pull", "Push", "Admin & security"),
            days=_days(today, MOODS),
        ),
        "week": charts.daily_bars(
            key="week",
            title="Activity, last 7 days",
            series=("Pull", "Push", "Delete", "Permissions", "Sign-ins", "Other"),
            days=[
                charts.Day(
                    today - timedelta(days=6 - index),
                    tuple((a * b) % 4100 for b in (71, 37, 11, 7, 5, 3)),
                    "#charts",
                )
                for index, (a, _, _) in enumerate(MOODS[:7])
            ],
        ),
        "quiet": charts.daily_bars(
            key="quiet",
            title="Activity of a new organization",
            series=("Pull", "Push"),
            days=_days(today, [(0, 0)] * 14),
        ),
        "spark": charts.sparkline([sum(mood) for mood in MOODS], title="Events over 30 days"),
        "meters": (
            charts.meter("Storage", 443_025_000_000, 536_870_912_000, unit="bytes"),
            charts.meter("Projects", 87, 250),
            charts.meter("Robots", 24, 25),
            charts.meter("Teams", 40, 40),
            charts.meter("Pulls this month", 2_100_000, 2_000_000),
        ),
        "events": (
            ("chiara", "deleted tag", "northwind/web:main-8fd2c1", "10.1.166.67", ago(hours=1)),
            ("dmitri", "deleted tag", "northwind/docs:main-8fd2c1", "10.0.101.20", ago(hours=3)),
            ("bjorn", "failed to sign in to", "northwind", "10.3.100.87", ago(hours=3)),
            ("farid", "added robot", "northwind+edge_pull", "10.0.138.230", ago(hours=4)),
        ),
        "robots": (
            ("argo_sync", "Argo sync automation", "active", "good", "release", 3, ago(days=6), None),
            (
                "audit_reader",
                "Audit reader automation",
                "unused",
                "warn",
                "backend, release",
                3,
                ago(days=130),
                ago(days=-61),
            ),
            (
                "cache_warm",
                "Cache warm automation",
                "expiring",
                "warn",
                "backend",
                8,
                ago(days=33),
                ago(days=-8),
            ),
            (
                "ci_release",
                "CI release automation",
                "expired",
                "bad",
                "backend, release",
                0,
                ago(minutes=15),
                ago(days=6),
            ),
            ("deploy_prod", "Deploys to production after approval", "disabled", "", "", 1, None, None),
            (
                "a_name_that_somebody_typed_only_to_see_what_would_happen_to_the_table",
                "Long names are allowed",
                "active",
                "good",
                "backend, data-science, release, research, site-reliability",
                12_480,
                ago(seconds=3),
                ago(days=-400),
            ),
        ),
        "log": (
            (
                "Pull repository",
                "info",
                "northwind+mirror_eu",
                "cpu-chip",
                "northwind/worker:main-8fd2c1",
                "10.2.125.9",
                ago(minutes=3),
            ),
            (
                "Push repository",
                "good",
                "northwind+ci_release",
                "cpu-chip",
                "northwind/api:latest",
                "10.0.97.132",
                ago(minutes=35),
            ),
            ("Delete tag", "bad", "chiara", "user", "northwind/web:main-8fd2c1", "10.1.166.67", ago(hours=1)),
            (
                "Change permission",
                "warn",
                "dmitri",
                "user",
                "northwind/ml-train",
                "2001:db8:85a3::8a2e:370:7334",
                ago(days=400),
            ),
        ),
        "moment": ago(hours=5),
        "past": ago(days=400),
        "soon": ago(days=-8, hours=-1),
        "dialog_form": SampleForm(auto_id="dialog_%s"),
        "shown_form": SampleForm({"name": "CI Build", "access": "write"}),
        "error_form": SampleErrors({"email": "chiara@"}, auto_id="error_%s"),
        "secret": "mst_robot_4fJ8sQ2vXk9TzWm1LrB7cYd3HnP6aGe0",
        "command": "docker login registry.example.org --username northwind+ci_build --password-stdin",
        "swatches": SWATCHES,
        "icons": ICONS,
        "names": (
            "chiara",
            "dmitri",
            "bjorn",
            "farid",
            "northwind+ci",
            "Ada Lovelace",
            "k8s-ci-robot",
            "zoë",
        ),
    }


def _days(today: date, counts: Any) -> list[charts.Day]:
    rows = list(counts)
    return [
        charts.Day(today - timedelta(days=len(rows) - 1 - index), tuple(row))
        for index, row in enumerate(rows)
    ]
