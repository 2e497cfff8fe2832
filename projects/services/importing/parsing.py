"""From YAML nodes to `Files`: every value strict, every fault with file and line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from projects.services.importing.checking import check
from projects.services.importing.files import (
    BrokenFiles,
    Files,
    Permission,
    Place,
    Repository,
    Team,
)
from projects.services.importing.sources import ORGANIZATION, Directory
from projects.services.importing.values import Values

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import yaml

PROFILE = {"name": 255, "description": 10_000, "email": 254, "billing_email": 254, "location": 255}
EMAILS = ("email", "billing_email")
BASE_PERMISSIONS = ("none", "read", "write", "admin")
PERMISSIONS = ("none", "pull", "read", "triage", "push", "write", "maintain", "admin")
PRIVACY = ("closed", "secret")
TEXT_MAX = 10_000

# What peribolos knows and Muster has no place for; docs/import.md gives the reasons.
ORGANIZATION_IGNORED = frozenset({"company", "has_organization_projects", "has_repository_projects"})
REPOSITORY_IGNORED = frozenset(
    {
        "allow_merge_commit",
        "allow_rebase_merge",
        "allow_squash_merge",
        "default_branch",
        "default_branch_only",
        "fork_from",
        "has_issues",
        "has_projects",
        "has_wiki",
        "homepage",
        "on_create",
        "squash_merge_commit_message",
        "squash_merge_commit_title",
    }
)


def read(directory: Path) -> Files:
    """Read a directory in peribolos format, check it and return what it says.

    Raises:
        BrokenFiles: with every fault found, each with file and line.
    """
    folder = Directory(directory)
    files = Files(source=directory.resolve().name)
    problems: list[str] = []
    for name, node in folder.documents():
        parser = _Parser(name, files, problems)
        if name == ORGANIZATION:
            parser.organization(node)
        else:
            parser.teams_file(node)
    files.unread = folder.unread
    problems[:0] = folder.problems
    if not problems:
        problems.extend(check(files))
    if problems:
        raise BrokenFiles(problems)
    return files


class _Parser(Values):
    """Reads one file into ``files``."""

    def __init__(self, file: str, files: Files, problems: list[str]) -> None:
        super().__init__(file, problems)
        self.files = files

    # The parts ------------------------------------------------------------------------------------------

    def organization(self, node: yaml.Node) -> None:
        for key, at, value in self._entries(node, "the file"):
            if key in PROFILE:
                self._profile(key, value)
            elif key == "default_repository_permission":
                self.files.base_permission = self._one_of(value, key, BASE_PERMISSIONS)
            elif key == "members_can_create_repositories":
                self.files.members_create_repositories = self._flag(value, key) is True
            elif key == "admins":
                self.files.admins.extend(self._names(value, key))
            elif key == "members":
                self.files.members.extend(self._names(value, key))
            elif key == "teams":
                self._teams(value)
            elif key == "repos":
                self._repositories(value)
            elif key == "orgs":
                self._say(at, "this file has many organizations: give the directory of one")
            elif key in ORGANIZATION_IGNORED:
                self._ignore(key)
            else:
                self._say(at, f"unknown key {key!r} of an organization")

    def teams_file(self, node: yaml.Node) -> None:
        for key, at, value in self._entries(node, "the file"):
            if key == "teams":
                self._teams(value)
            else:
                self._say(at, f"unknown key {key!r}: this file has teams only")

    def _profile(self, key: str, node: yaml.Node) -> None:
        text = self._text(node, key, longest=PROFILE[key])
        if text and key in EMAILS:
            try:
                validate_email(text)
            except ValidationError:
                self._say(node, f"{key} is no e-mail address")
        if text is not None:
            self.files.profile[key] = text

    def _teams(self, node: yaml.Node, parent: Team | None = None) -> None:
        for name, at, value in self._entries(node, "teams"):
            if not self._is_name(name, at, "a team"):
                continue
            team = Team(
                name=name,
                at=at,
                parent=parent.name if parent else "",
                depth=parent.depth + 1 if parent else 0,
            )
            self.files.teams.append(team)
            for key, where, inner in self._entries(value, f"team {name}"):
                self._team_entry(team, key, where, inner)

    def _team_entry(self, team: Team, key: str, at: Place, node: yaml.Node) -> None:
        if key == "description":
            team.description = self._text(node, key, longest=TEXT_MAX)
        elif key == "privacy":
            team.is_secret = self._one_of(node, key, PRIVACY) == "secret"
        elif key == "members":
            team.members.extend(self._names(node, key))
        elif key == "maintainers":
            team.maintainers.extend(self._names(node, key))
        elif key == "previously":
            team.previously.extend(self._names(node, key))
        elif key == "teams":
            self._teams(node, team)
        elif key == "repos":
            for repository, where, word in self._permissions(node, key):
                if not self._is_repository_name(repository, where):
                    continue
                self.files.permissions.append(
                    Permission(repository, holder=team.name, is_team=True, word=word, at=where)
                )
        else:
            self._say(at, f"unknown key {key!r} of team {team.name}")

    def _repositories(self, node: yaml.Node) -> None:
        for name, at, value in self._entries(node, "repos"):
            if not self._is_repository_name(name, at):
                continue
            repository = Repository(name, at)
            if name in self.files.repositories:
                continue  # the key's repetition was told
            self.files.repositories[name] = repository
            for key, where, inner in self._entries(value, f"repository {name}"):
                self._repository_entry(repository, key, where, inner)

    def _repository_entry(self, repository: Repository, key: str, at: Place, node: yaml.Node) -> None:
        if key == "description":
            repository.description = self._text(node, key, longest=TEXT_MAX)
        elif key == "private":
            repository.private = self._flag(node, key)
        elif key == "archived":
            repository.archived = self._flag(node, key)
        elif key == "previously":
            repository.previously.extend(self._names(node, key))
        elif key == "collaborators":
            for login, where, word in self._permissions(node, key):
                self.files.permissions.append(
                    Permission(repository.name, holder=login, is_team=False, word=word, at=where)
                )
        elif key in REPOSITORY_IGNORED:
            self._ignore(f"repos: {key}")
        else:
            self._say(at, f"unknown key {key!r} of repository {repository.name}")

    def _permissions(self, node: yaml.Node, what: str) -> Iterator[tuple[str, Place, str]]:
        for name, at, value in self._entries(node, what):
            word = self._one_of(value, f"the permission for {name}", PERMISSIONS)
            if word and self._is_name(name, at, what):
                yield name, at, word

    def _is_repository_name(self, text: str, at: Place) -> bool:
        if "/" in text:
            self._say(at, f"{text!r}: a repository is named without its owner")
            return False
        return self._is_name(text, at, "repos")

    def _ignore(self, key: str) -> None:
        self.files.ignored[key] = self.files.ignored.get(key, 0) + 1
