"""Everybody by every project of an organization: narrowed, cut into pages, and written row by row."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from permissions.catalogue import PROJECT_LEVEL, PROJECT_ROLE_OF_LEVEL, Level
from permissions.resolver import PERSON, ROBOT, TEAM, Facts, Key, Ways

if TYPE_CHECKING:
    from collections.abc import Iterator

    from permissions.paths import Path

KINDS = (PERSON, TEAM, ROBOT)
SOURCES = ("direct", "outside", "synced")
_ROLE = {level: str(role) for level, role in PROJECT_ROLE_OF_LEVEL.items()}


@dataclass(frozen=True)
class Filter:
    """What of a matrix is wanted; empty values want everything.

    ``project`` and ``holder`` are pieces of names. ``kind`` is person, team or robot, ``level`` a role on a
    project. ``source`` is "direct" (a grant of one's own), "outside" (people who are no members) or "synced"
    (by a team whose people a directory decides on).
    """

    project: str = ""
    holder: str = ""
    kind: str = ""
    level: str = ""
    source: str = ""

    @property
    def is_by_cell(self) -> bool:
        """Tell whether single cells are wanted, so that rows and columns without any go."""
        return bool(self.level or self.source)

    def told(self) -> dict[str, str]:
        """Return what it narrows by, for the log."""
        return {name: value for name, value in vars(self).items() if value}


@dataclass(frozen=True)
class Cell:
    """Somebody's role on a project, "" for none, and the path that decides."""

    role: str
    path: Path | None = None


@dataclass(frozen=True)
class Row:
    """One cell with its place, as exports write it."""

    key: Key
    project: int
    role: str
    path: Path


@dataclass(frozen=True)
class Matrix:
    """A view on facts. ``keys`` are its rows and ``projects`` its columns, those left after the filter."""

    facts: Facts
    wanted: Filter = field(default_factory=Filter)

    @cached_property
    def _ways(self) -> dict[Key, Ways]:
        return {}

    def _of(self, key: Key) -> Ways:
        if key not in self._ways:
            self._ways[key] = self.facts.ways(key)
        return self._ways[key]

    @cached_property
    def _named(self) -> list[Key]:
        wanted, facts = self.wanted, self.facts
        kinds = (wanted.kind,) if wanted.kind in KINDS else KINDS
        text = wanted.holder.casefold()
        found = facts.holders(kinds)
        if text:
            found = [
                key
                for key in found
                if text in facts.bearers[key].name or text in facts.bearers[key].title.casefold()
            ]
        if wanted.source == "outside":
            found = [key for key in found if not facts.is_inside(key)]
        return found

    @cached_property
    def _places(self) -> list[int]:
        text = self.wanted.project.casefold()
        return [pk for pk, place in self.facts.projects.items() if text in place.slug]

    @cached_property
    def _public(self) -> set[int]:
        return {pk for pk in self._places if self.facts.projects[pk].public}

    @cached_property
    def _fitting(self) -> dict[Key, set[int]]:
        return {key: fitting for key in self._named if (fitting := self._fit(key))}

    def _fit(self, key: Key) -> set[int]:
        """Return the projects on which somebody has what the filter asks of cells."""
        facts, reach = self.facts, self.facts.reach(key)
        if reach.floor:
            # Administers, or reads, everything; an auditor may be granted more on some.
            level = PROJECT_LEVEL.get(self.wanted.level)
            found = {pk for pk in self._places if level in (None, facts.level(reach, pk))}
        else:
            places, level = set(self._places), PROJECT_LEVEL.get(self.wanted.level)
            granted = {pk: held for pk, held in reach.granted.items() if pk in places}
            found = {pk for pk, held in granted.items() if level in (None, held)}
            if level in (None, Level.READ):
                found |= self._public - granted.keys()
        if self.wanted.source == "direct":
            found &= facts.grants.get(key, {}).keys()
        elif self.wanted.source == "synced":
            synced = [(pk, team) for pk, team in facts.teams_of(key) if team.sync]
            if key.kind != PERSON or all(team.role != "admin" for _, team in synced):
                found &= set().union(*(facts.grants.get(Key(TEAM, pk), {}) for pk, _ in synced))
        return found

    @cached_property
    def keys(self) -> list[Key]:
        """The rows: people, then teams, then robots, each by name."""
        return list(self._fitting) if self.wanted.is_by_cell else self._named

    @cached_property
    def projects(self) -> list[int]:
        """The columns, by name."""
        if not self.wanted.is_by_cell:
            return self._places
        fitting = set().union(*self._fitting.values()) if self._fitting else set()
        return [pk for pk in self._places if pk in fitting]

    def cell(self, key: Key, project: int) -> Cell:
        """Return what stands where a row and a column meet."""
        if self.wanted.is_by_cell and project not in self._fitting[key]:
            return Cell("")
        ways = self._of(key)
        level = ways.level(project)
        return Cell(_ROLE[level], ways.paths(project)[0]) if level else Cell("")

    def rows(self) -> Iterator[Row]:
        """Yield every cell that holds a role, row by row; no more than one row is in memory."""
        for key in self.keys:
            for project in self.projects:
                cell = self.cell(key, project)
                if cell.path is not None:
                    yield Row(key, project, cell.role, cell.path)
            self._ways.pop(key, None)
