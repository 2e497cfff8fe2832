"""Nothing is forgotten: whatever hangs on what is put away is put away, too, or ends on purpose."""

import pytest
from django.apps import apps
from django.db import models

from trash.plans import PLANS, ROOTS

# What hangs on a thing that is put away, but never while it is alive, or not by the database.
ELSEWHERE = {
    ("organization", "notifications.Notice", "namespace"): "its namespace stays, as a tombstone",
    ("organization", "permissions.Grant", "team"): "teams are granted projects of their own organization",
    ("organization", "permissions.Grant", "robot"): "as above",
    ("organization", "accounts.TeamMember", "robot"): "robots are in teams of their own organization",
    ("organization", "permissions.DefaultGrant", "team"): "as above",
    ("organization", "permissions.DefaultGrant", "robot"): "as above",
    ("organization", "permissions.DefaultGrant", "activating_robot"): "as above",
    ("organization", "accounts.Invitation", "team"): "as above",
    ("organization", "accounts.Team", "parent"): "as above",
    ("organization", "projects.Project", "team"): "as above",
    ("organization", "tokens.AuthorizationCode", "credential"): "codes end with their applications",
    ("organization", "logs.LogExport", "namespace"): "its namespace stays, as a tombstone",
    ("project", "tokens.AuthorizationCode", "credential"): "projects' tokens come of no code",
    ("robot", "tokens.AuthorizationCode", "credential"): "robots' tokens come of no code",
}


def hanging():
    """Return (kind of thing, model, field) for every key that leads to what is put away with a thing."""
    for kind, plan in PLANS.items():
        kept = {part.model for part in plan if part.kept and not part.link}
        for label in sorted(kept):
            for relation in apps.get_model(label)._meta.get_fields(include_hidden=True):
                leads_here = relation.auto_created and not relation.concrete
                if leads_here and relation.on_delete is not models.DO_NOTHING:
                    yield kind, relation.related_model._meta.label, relation.field.name


@pytest.mark.parametrize("case", sorted(set(hanging())))
def test_what_hangs_on_it_is_in_the_plan(case):
    kind, model, field = case
    parts = [part for part in PLANS[kind] if part.model == model and part.by.split("__")[0] == field]
    assert bool(parts) != (case in ELSEWHERE)


@pytest.mark.parametrize("kind", PLANS)
def test_the_thing_itself_goes_last(kind):
    assert (PLANS[kind][-1].model, PLANS[kind][-1].by) == (ROOTS[kind], "pk")
