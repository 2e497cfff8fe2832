"""What the files say, each thing with the place where it stands."""

from __future__ import annotations

from dataclasses import dataclass, field

from core.errors import Invalid

SHOWN_PROBLEMS = 50
OWNERS = "owners"  # the team that every organization has here from its birth, with the role admin


@dataclass(frozen=True, slots=True)
class Place:
    """A line of a file; ``file`` is relative to the imported directory, lines count from 1."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass(frozen=True, slots=True)
class Name:
    """A name as somebody typed it."""

    text: str
    at: Place


@dataclass(slots=True)
class Team:
    """A team of the files. ``parent`` is the typed name of the team around it, or empty."""

    name: str
    at: Place
    parent: str = ""
    depth: int = 0
    description: str | None = None
    members: list[Name] = field(default_factory=list)
    maintainers: list[Name] = field(default_factory=list)
    previously: list[Name] = field(default_factory=list)
    is_secret: bool = False


@dataclass(slots=True)
class Repository:
    """A repository of the files; None stands for what they leave open."""

    name: str
    at: Place
    description: str | None = None
    private: bool | None = None
    archived: bool | None = None
    previously: list[Name] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Permission:
    """What a team, or a single person beside the teams, may do in a repository, in GitHub's word."""

    repository: str
    holder: str
    is_team: bool
    word: str
    at: Place


@dataclass(slots=True)
class Files:
    """A whole organization as its files describe it: checked, and names spelled in one way.

    ``teams`` has parents before their children. ``spellings`` counts the distinct ways in which people's
    names are written; GitHub does not tell upper from lower case, so several may be one person.
    """

    source: str = ""
    profile: dict[str, str] = field(default_factory=dict)
    base_permission: str = ""
    members_create_repositories: bool = False
    admins: list[Name] = field(default_factory=list)
    members: list[Name] = field(default_factory=list)
    teams: list[Team] = field(default_factory=list)
    repositories: dict[str, Repository] = field(default_factory=dict)
    permissions: list[Permission] = field(default_factory=list)
    ignored: dict[str, int] = field(default_factory=dict)
    unread: list[str] = field(default_factory=list)
    spellings: int = 0

    def people(self) -> list[Name]:
        """Return everybody once, members of the organization first."""
        found = {name.text: name for name in [*self.admins, *self.members]}
        for one in self.permissions:
            if not one.is_team:
                found.setdefault(one.holder, Name(one.holder, one.at))
        return list(found.values())


class BrokenFiles(Invalid):
    """The files cannot be imported; ``problems`` names each fault with file and line."""

    def __init__(self, problems: list[str]) -> None:
        shown = problems[:SHOWN_PROBLEMS]
        if len(problems) > len(shown):
            shown.append(f"… and {len(problems) - len(shown)} more")
        super().__init__("\n".join(shown))
        self.problems = problems
