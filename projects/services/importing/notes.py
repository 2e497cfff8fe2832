"""What an import says beside its steps: what it left out and why, and what it found and let be."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from projects.services.importing.files import OWNERS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from projects.services.importing.files import Files
    from projects.services.importing.planning import Plan
    from projects.services.importing.state import State

SHOWN = 20


def notes_on(files: Files, state: State) -> list[str]:
    """Return one sentence for each thing of the files that Muster does not have, or has otherwise."""
    people = len(state.usernames)
    notes = []
    if files.spellings > people:
        notes.append(
            f"the files spell {people} people in {files.spellings} ways; "
            "names that differ only in upper and lower case are one person"
        )
    notes += _on_permissions(files)
    if files.members_create_repositories:
        notes.append("members_can_create_repositories: new members get the role creator")
    secret = sum(team.is_secret for team in files.teams)
    if secret:
        notes.append(f"privacy: {secret} secret teams; members of an organization see all of its teams here")
    if files.ignored:
        keys = ", ".join(f"{key} ({count})" for key, count in sorted(files.ignored.items()))
        notes.append(f"without a counterpart, left out: {keys}")
    if files.unread:
        notes.append(f"not read, for only org.yaml and teams.yaml are: {_some(files.unread)}")
    return notes + _on_rows(files, state)


def _on_permissions(files: Files) -> list[str]:
    notes = []
    if files.base_permission not in ("", "none"):
        notes.append(
            f"default_repository_permission: {files.base_permission} is left out; "
            "members may here what their teams and they themselves are granted"
        )
    words = Counter(one.word for one in files.permissions)
    for word, role in (("triage", "read"), ("maintain", "write")):
        if words[word]:
            notes.append(f"{words[word]} permissions {word} become {role}")
    if words["none"]:
        notes.append(f"{words['none']} permissions none grant nothing")
    heirs = _heirs(files)
    if heirs:
        notes.append(
            f"{len(heirs)} teams inherit permissions of a parent team on GitHub; "
            f"here only their own count: {_some(heirs)}"
        )
    return notes


def _heirs(files: Files) -> list[str]:
    grants = {one.holder for one in files.permissions if one.is_team}
    gives: dict[str, bool] = {}
    for team in files.teams:  # parents first
        gives[team.name] = team.name in grants or gives.get(team.parent, False)
    return [team.name for team in files.teams if gives.get(team.parent, False)]


def _on_rows(files: Files, state: State) -> list[str]:
    notes = []
    names = [state.usernames[name.text] for name in [*files.admins, *files.members]]
    here = [state.users[name] for name in names if name in state.users]
    strangers = [user.username for user in here if user.username not in state.memberships]
    if strangers:
        notes.append(f"{len(strangers)} people have users of their names already: {_some(strangers)}")
    disabled = [user.username for user in here if not user.is_active]
    if disabled:
        notes.append(f"{len(disabled)} of them are disabled, and stay so: {_some(disabled)}")
    strong = [slug for slug in state.team_slugs.values() if slug in state.teams and slug != OWNERS]
    strong = [slug for slug in strong if state.teams[slug].role != "member"]
    if strong:
        notes.append(f"teams with a role above member here, which their members get: {_some(strong)}")
    return notes


def kept_as_they_are(plan: Plan, state: State) -> list[str]:
    """Return a line for each thing that is here but not in the files; nothing is removed."""
    kept = []
    named = set(state.usernames.values()) | {plan.owner}
    kept += [
        f"member {username} ({membership.role})"
        for username, membership in sorted(state.memberships.items())
        if username not in named
    ]
    known = {step.team.pk: step for step in plan.teams if step.team is not None}
    kept += [
        f"team {slug}"
        for slug, team in sorted(state.teams.items())
        if team.pk not in known and slug != OWNERS
    ]
    kept += [
        f"{username} in team {step.slug}"
        for pk, step in known.items()
        for username in sorted(state.team_members[pk])
        if (step.slug, username) not in plan.wanted_seats
    ]
    moved = {step.project.pk: step for step in plan.projects if step.project is not None}
    kept += [f"project {slug}" for slug, row in sorted(state.projects.items()) if row.pk not in moved]
    kept += [
        f"{grant.role} of team {known[team].slug} on {moved[project].slug}"
        for (project, team), grant in state.team_grants.items()
        if project in moved and team in known
        if (moved[project].slug, known[team].slug) not in plan.wanted_grants
    ]
    return kept


def _some(names: Iterable[str]) -> str:
    every = list(names)
    more = len(every) - SHOWN
    return ", ".join(every[:SHOWN]) + (f", and {more} more" if more > 0 else "")
