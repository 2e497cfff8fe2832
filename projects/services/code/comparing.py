"""The difference between a file and an organization, decided without a query."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from accounts.services.factors import has_second_factor
from permissions.catalogue import (
    MEMBER_CHANGE,
    ORGANIZATION_LEVEL,
    QUOTA_MANAGE,
    TEAM_SYNC,
    Level,
    OrganizationRole,
)
from permissions.checks import check, organization_level
from projects.services.code.objects import Key, order, scope_of, title_of
from projects.services.importing.files import BrokenFiles

if TYPE_CHECKING:
    from collections.abc import Iterator

    from accounts.models import User
    from core.actor import Actor
    from projects.services.code.document import Document
    from projects.services.code.objects import Fields, Objects
    from projects.services.code.state import State

ADD, CHANGE, REMOVE = "+", "~", "-"
NOTHING: dict[str, Any] = {}


@dataclass(frozen=True)
class Step:
    """One object to add, change or remove. ``fields`` maps a field to what it is and what it shall be."""

    sign: str
    key: Key
    fields: dict[str, tuple[Any, Any]] = field(default_factory=dict)
    line: int = 0

    @property
    def title(self) -> str:
        """What people call the object."""
        return title_of(self.key)

    def new(self) -> Fields:
        """Return the fields as they shall be."""
        return {name: new for name, (_, new) in self.fields.items()}


@dataclass
class Diff:
    """All that applying a file would do.

    ``steps`` come in the order of `objects.SORTS`, what is removed last. ``kept`` is here but not in the
    file, and stays because nobody asked to prune. ``notes`` are sentences. ``refused`` tells of steps that
    the person who looks may not do: applying would refuse the whole.
    """

    organization: str
    fingerprint: str
    prune: bool
    steps: list[Step] = field(default_factory=list)
    kept: list[Key] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)

    @property
    def is_empty(self) -> bool:
        """Tell whether the organization is as the file says."""
        return not self.steps

    @property
    def removals(self) -> list[Step]:
        """What would be removed."""
        return self.of(REMOVE)

    def of(self, sign: str, sort: str = "") -> list[Step]:
        """Return the steps of one sign, and of one sort of objects if given."""
        return [one for one in self.steps if one.sign == sign and sort in ("", one.key[0])]


def compare(
    *, actor: Actor, document: Document, state: State, people: dict[str, User], prune: bool, file: str
) -> Diff:
    """Return what makes an organization as a file says.

    Without ``prune`` nothing is removed; with it, what stands in a list that the file gives, but not in the
    file. A list that the file leaves out is left as it is.

    Raises:
        BrokenFiles: the file is another organization's, or names people or things that are not there.
    """
    diff = Diff(state.organization.slug, state.fingerprint, prune)
    wanted, present = document.objects, state.objects
    gone = {key for key in present if key not in wanted and scope_of(key) in document.scopes}
    removed = _removed(gone, state, document) if prune else set[Key]()
    problems = [*_strangers(document, state, people, removed), *_impossible(document, state)]
    if problems:
        raise BrokenFiles([f"{file}:{line}: {words}" for line, words in sorted(problems)])
    demoted = _demoted(removed, wanted, present)
    for key in sorted(wanted, key=order):
        line = document.lines[key]
        if key not in present or _goes_with(key, removed - demoted):
            if _is_invited(key, state):
                diff.notes.append(f"{title_of(key)}: invited already, and has not answered yet")
                continue
            new = {name: (None, value) for name, value in wanted[key].items()}
            if key[0] == "quota" and not any(value for _, value in new.values()):
                continue
            diff.steps.append(Step(ADD, key, new, line))
            continue
        changed = {
            name: (present[key].get(name), value)
            for name, value in wanted[key].items()
            if present[key].get(name) != value
        }
        if changed:
            diff.steps.append(Step(CHANGE, key, changed, line))
    for key in sorted(demoted):
        role = present[key]["role"]
        if role != OrganizationRole.MEMBER:
            changed = {"role": (role, OrganizationRole.MEMBER.value)}
            diff.steps.append(Step(CHANGE, key, changed))
    removed -= demoted
    diff.steps += [Step(REMOVE, key, _was(present[key])) for key in sorted(removed, key=order)]
    kept = (key for key in gone - removed - demoted if key[0] != "quota" and not _goes_along(key, removed))
    diff.kept = sorted(kept, key=order)
    diff.notes += _notes(document, state)
    diff.refused = list(_refused(actor, diff, state))
    return diff


def _was(fields: Fields) -> dict[str, tuple[Any, Any]]:
    return {name: (value, None) for name, value in fields.items()}


def _removed(gone: set[Key], state: State, document: Document) -> set[Key]:
    """Return what pruning takes: not what goes along with what it stands in, nor what a directory decides."""
    synced = {slug for slug, team in state.teams.items() if team.sync_service}
    named = {slug: document.objects.get(("team", slug), NOTHING).get("sync") for slug in synced}
    kept = {slug for slug in synced if named[slug] is not None or ("team", slug) not in document.objects}
    return {
        key
        for key in gone
        if not _goes_along(key, gone)
        and not (key[0] == "seat" and key[2] == "user" and key[1] in kept)
        and key[0] != "quota"
    }


def _goes_along(key: Key, removed: set[Key]) -> bool:
    if key[0] == "seat":
        return ("team", key[1]) in removed
    return key[0] == "grant" and ("project", key[1]) in removed


def _goes_with(key: Key, removed: set[Key]) -> bool:
    """Tell whether an object is lost with a member, and so is to be made again if the file names it."""
    if key[0] == "grant" and key[2] == "user":
        return ("member", key[3]) in removed
    return key[0] == "default" and ("member", key[1].removeprefix("user:")) in removed


def _demoted(removed: set[Key], wanted: Objects, present: Objects) -> set[Key]:
    """Return the members who leave the list of members but stay by a team: they lose their own role."""
    teams = {key[1] for key in removed if key[0] == "team"}
    stay = {key[3] for key in wanted if key[0] == "seat" and key[2] == "user"}
    stay |= {
        key[3]
        for key in present.keys() - removed
        if key[0] == "seat" and key[2] == "user" and key[1] not in teams
    }
    return {key for key in removed if key[0] == "member" and key[1] in stay}


def _strangers(
    document: Document, state: State, people: dict[str, User], removed: set[Key]
) -> Iterator[tuple[int, str]]:
    """Yield what the file refers to and nobody has."""
    slug = state.organization.slug
    if document.organization and document.organization != slug:
        yield (
            document.organization_line,
            f"this file is of the organization {document.organization}, not of {slug}",
        )
    known: dict[str, set[str]] = {
        "user": set(people),
        "team": {key[1] for key in _after(document, state, removed, "team")},
        "robot": {key[1] for key in _after(document, state, removed, "robot")},
    }
    for (sort, name), at in document.named.items():
        if name in known[sort]:
            continue
        if sort == "user":
            yield at.line, f"there is no user {name}: people are made by an administrator of the instance"
        elif (sort, name) in removed:
            yield at.line, f"the {sort} {name} is not in the file, and would be removed"
        else:
            yield at.line, f"there is no {sort} {name} in {slug}, nor in the file"


def _after(document: Document, state: State, removed: set[Key], sort: str) -> set[Key]:
    return {key for key in {*document.objects, *state.objects} - removed if key[0] == sort}


def _impossible(document: Document, state: State) -> Iterator[tuple[int, str]]:
    """Yield what contradicts itself."""
    for key, fields in document.objects.items():
        line = document.lines[key]
        if key[0] == "seat" and key[2] == "user":
            team = document.objects.get(("team", key[1]), NOTHING)
            bound = state.objects.get(("team", key[1]), NOTHING).get("sync")
            if team.get("sync", bound) is not None and key not in state.objects:
                yield line, f"a directory decides who is in the team {key[1]}"
        elif key[0] == "team" and fields.get("parent") is not None and _is_circle(key[1], document, state):
            yield line, f"the team {key[1]} would be inside itself"


def _is_circle(slug: str, document: Document, state: State) -> bool:
    seen = {slug}
    while True:
        key = ("team", slug)
        said, known = document.objects.get(key, NOTHING), state.objects.get(key, NOTHING)
        parent = said["parent"] if "parent" in said else known.get("parent")
        if parent is None:
            return False
        if parent in seen:
            return True
        seen.add(parent)
        slug = parent


def _is_invited(key: Key, state: State) -> bool:
    return key[0] == "seat" and key[2] == "user" and (key[1], key[3]) in state.invited


def _notes(document: Document, state: State) -> Iterator[str]:
    if document.notifications or state.notifications:
        here = len(state.notifications)
        if document.notifications != here:
            yield (
                f"notifications: {document.notifications} in the file, {here} here. A file cannot make them: "
                "where they lead is a secret, and stands in none"
            )


def _may_ask(actor: Actor, settings: Fields) -> bool:
    asks = settings.get("requires_second_factor") is True
    return not asks or actor.system or (actor.user is not None and has_second_factor(user=actor.user))


def _refused(actor: Actor, diff: Diff, state: State) -> Iterator[str]:
    """Yield the steps that the actor may not do, as far as that can be told beforehand."""
    organization = state.organization
    mine = organization_level(actor, organization) if not actor.system else Level.ABOVE
    for step in diff.steps:
        sort = step.key[0]
        if sort == "member":
            roles = [role for role in step.fields["role"] if role is not None]
            if any(ORGANIZATION_LEVEL[role] > mine for role in roles):
                yield f"{step.title}: only an owner may make or unmake owners"
            elif not check(actor, MEMBER_CHANGE, organization):
                yield f"{step.title}: you may not change members"
        elif sort == "settings" and not _may_ask(actor, step.new()):
            yield f"{step.title}: set up a second factor of your own before you ask others for one"
        elif sort == "quota" and not check(actor, QUOTA_MANAGE):
            yield f"{step.title}: only superusers change quotas"
        elif sort == "team" and "sync" in step.fields and not check(actor, TEAM_SYNC, organization):
            yield f"{step.title}: you may not bind teams to groups"
