"""A plan in lines for people: ``+`` is made, ``~`` is changed, ``=`` is here but not in the files."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from projects.services.importing.planning import GrantStep, Plan, Seat

KEPT_SHOWN = 100


def plan_lines(plan: Plan) -> Iterator[str]:
    """Yield one line for each step, in the order in which they are taken."""
    if plan.is_new:
        yield f"+ organization {plan.slug}, owned by {plan.owner}"
    for field, value in plan.profile.items():
        yield f"~ {field} of {plan.slug}: {value}"
    yield from _people(plan)
    yield from _teams(plan)
    yield from _seats(plan)
    yield from _projects(plan)
    for step in plan.grants:
        yield _grant(step)


def _people(plan: Plan) -> Iterator[str]:
    roles = {one.username: one for one in plan.roles}
    new = set()
    for person in plan.people:
        new.add(person.username)
        role = roles.get(person.username)
        spelled = f" (written {person.login})" if person.login != person.username else ""
        yield f"+ person {person.username}{spelled}, {role.role if role else 'outside the organization'}"
    for one in plan.roles:
        if one.username not in new:
            was = f", was {one.was}" if one.was else ""
            yield f"{'~' if one.was else '+'} member {one.username}: {one.role}{was}"


def _teams(plan: Plan) -> Iterator[str]:
    for step in plan.teams:
        if step.team is None:
            inside = f" in {step.parent}" if step.parent else ""
            yield f"+ team {step.slug}{inside}"
        for field, (old, new) in step.changes.items():
            yield f"~ team {step.slug}: {field.replace('_', ' ')} {_show(old)} -> {_show(new)}"


def _seats(plan: Plan) -> Iterator[str]:
    added: dict[str, list[Seat]] = defaultdict(list)
    for seat in plan.seats:
        if seat.row is None:
            added[seat.team].append(seat)
        else:
            yield f"~ {seat.username} in team {seat.team}: {'' if seat.is_maintainer else 'no '}maintainer"
    for team, seats in added.items():
        names = ", ".join(f"{one.username}*" if one.is_maintainer else one.username for one in seats)
        yield f"+ in team {team} (* maintains it): {names}"


def _projects(plan: Plan) -> Iterator[str]:
    for step in plan.projects:
        if step.project is None:
            archived = ", read-only" if step.state == "READ_ONLY" else ""
            yield f"+ project {plan.slug}/{step.slug}, {step.visibility}{archived}"
        for field, (old, new) in step.changes.items():
            yield f"~ project {plan.slug}/{step.slug}: {field} {_show(old)} -> {_show(new)}"


def _grant(step: GrantStep) -> str:
    holder = f"team {step.team}" if step.team else step.username
    if step.row is None:
        return f"+ {holder}: {step.role} on {step.project}"
    return f"~ {holder}: {step.role} on {step.project}"


def _show(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(value) or "none"
    return f'"{value}"' if value else "none"


def summary_lines(plan: Plan, *, dry_run: bool = False) -> Iterator[str]:
    """Yield how names were mapped, what is kept and what is noted, then what was (or would be) done."""
    for what, typed, wire in plan.mapped:
        yield f"{what} {typed} is {wire} here"
    for line in plan.kept[:KEPT_SHOWN]:
        yield f"= not in the files, kept: {line}"
    if len(plan.kept) > KEPT_SHOWN:
        yield f"= and {len(plan.kept) - KEPT_SHOWN} more that are not in the files, kept"
    for note in plan.notes:
        yield f"! {note}"
    yield "the files have " + ", ".join(f"{count} {what}" for what, count in plan.totals.items())
    if plan.is_empty:
        yield f"Nothing to change: {plan.slug} is as the files say."
        return
    made = {
        "people": len(plan.people),
        "members": sum(not one.was for one in plan.roles),
        "teams": sum(step.team is None for step in plan.teams),
        "team members": sum(seat.row is None for seat in plan.seats),
        "projects": sum(step.project is None for step in plan.projects),
        "grants": sum(step.row is None for step in plan.grants),
    }
    changed = {
        "settings": len(plan.profile),
        "roles": sum(bool(one.was) for one in plan.roles),
        "teams": sum(bool(step.changes) for step in plan.teams),
        "maintainers": sum(seat.row is not None for seat in plan.seats),
        "projects": sum(bool(step.changes) for step in plan.projects),
        "grants": sum(step.row is not None for step in plan.grants),
    }
    make, change = ("Would make", "change") if dry_run else ("Made", "changed")
    yield f"{make} in {plan.slug}: {_counts(made)}; {change}: {_counts(changed)}."


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {what}" for what, count in counts.items() if count) or "nothing"
