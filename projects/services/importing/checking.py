"""What must hold between the files: nobody twice, no stranger in a team, one spelling for one name."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from core.names import fold, slugify
from projects.services.importing.files import OWNERS, Files, Name, Permission, Repository

if TYPE_CHECKING:
    from collections.abc import Iterator


def check(files: Files) -> Iterator[str]:
    """Yield each fault; spell every name in one way and add the repositories that only teams name."""
    files.spellings = len(_spellings(files))
    yield from _people(files)
    yield from _team_names(files)
    yield from _team_members(files)
    yield from _repositories(files)


def _spellings(files: Files) -> set[str]:
    lists = [files.admins, files.members]
    for team in files.teams:
        lists += [team.members, team.maintainers]
    people = {name.text for names in lists for name in names}
    return people | {one.holder for one in files.permissions if not one.is_team}


def _people(files: Files) -> Iterator[str]:
    if not files.admins and not files.members:
        yield "org.yaml:1: nobody is in the organization: admins and members are empty"
    seen: dict[str, tuple[Name, str]] = {}
    for role, names in (("admins", files.admins), ("members", files.members)):
        for name in names:
            key = fold(name.text)
            if key in seen:
                first, where = seen[key]
                yield f"{name.at}: {name.text} in {role} stands already in {where}, {first.at}"
            else:
                seen[key] = name, role


def _team_names(files: Files) -> Iterator[str]:
    seen: dict[str, Name] = {}
    every = [Name(team.name, team.at) for team in files.teams]
    current = {team.name for team in files.teams}
    # Current names first: a former name that is in use again says nothing about which team is meant.
    every += [name for team in files.teams for name in team.previously]
    for name in every:
        first = seen.setdefault(fold(name.text), name)
        if first is not name:
            yield f"{name.at}: the team name {name.text} is used already, {first.at}"
        if fold(name.text) == OWNERS and name.text not in current:
            yield f"{name.at}: a team that was {name.text} cannot be told from the one that owns all"
    # Here the team of this name administers the organization; so must be whoever the files put into it.
    admins = {fold(name.text) for name in files.admins}
    for team in (one for one in files.teams if slugify(one.name) == OWNERS):
        for name in (*team.maintainers, *team.members):
            if fold(name.text) not in admins:
                yield f"{name.at}: {name.text} in team {team.name} is not an admin of the organization"


def _team_members(files: Files) -> Iterator[str]:
    spelled = {fold(name.text): name.text for name in [*files.admins, *files.members]}
    for team in files.teams:
        seen: dict[str, Name] = {}
        for names in (team.maintainers, team.members):
            for index, name in enumerate(names):
                key = fold(name.text)
                first = seen.setdefault(key, name)
                if first is not name:
                    yield f"{name.at}: {name.text} stands twice in team {team.name}, first in {first.at}"
                elif key not in spelled:
                    yield f"{name.at}: {name.text} in team {team.name} is not in the organization"
                else:
                    names[index] = Name(spelled[key], name.at)


def _repositories(files: Files) -> Iterator[str]:
    spelled = {fold(name): name for name in files.repositories}
    people = {fold(name.text): name.text for name in [*files.admins, *files.members]}
    given: dict[tuple[str, str, bool], Permission] = {}
    for index, one in enumerate(files.permissions):
        key = fold(one.repository)
        if key not in spelled:
            spelled[key] = one.repository
            files.repositories[one.repository] = Repository(one.repository, one.at)
        holder = one.holder if one.is_team else people.setdefault(fold(one.holder), one.holder)
        one = files.permissions[index] = replace(one, repository=spelled[key], holder=holder)
        first = given.setdefault((key, holder, one.is_team), one)
        if first is not one:
            yield f"{one.at}: what {holder} may do in {one.repository} is said already, {first.at}"
    seen: dict[str, Name] = {}
    every = [Name(repository.name, repository.at) for repository in files.repositories.values()]
    every += [name for repository in files.repositories.values() for name in repository.previously]
    for name in every:
        known = seen.setdefault(fold(name.text), name)
        if known is not name:
            yield f"{name.at}: the repository name {name.text} is used already, {known.at}"
