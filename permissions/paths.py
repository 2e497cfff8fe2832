"""The ways by which somebody reaches a project: one rule for the checks and for whole matrices."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from core.words import say
from permissions.catalogue import AUDITED, ORGANIZATION_LEVEL, PROJECT_LEVEL, Level, OrganizationRole

if TYPE_CHECKING:
    from collections.abc import Iterable

    from core.words import Said
    from permissions.catalogue import Right

# Of ways to the same level the first of these decides: what holds for everybody, then what is one's own, what
# was granted to oneself, to a team, and what comes with administering or auditing the organization.
ORDER = (
    "public",
    "owner",
    "token",
    "grant",
    "team_grant",
    "member",
    "auditor",
    "team",
    "organization_admin",
    "organization_auditor",
)
DIRECTORIES = {"ldap": say("an LDAP group"), "oidc": say("a group of the identity provider")}


@dataclass(frozen=True)
class Path:
    """One way by which an actor holds a level: ``kind`` is stable for machines, ``words`` are for people.

    ``reads`` is the level where a right only reads, if that is higher.
    """

    kind: str
    level: Level
    words: str
    deciding: bool = False
    team: str = ""
    reads: Level = Level.NONE

    def toward(self, right: Right | None) -> Level:
        """Return the level that counts for a right; without one, for what anybody may ask a level for."""
        return max(self.level, self.reads) if right is not None and right.reading else self.level


def member_path(organization: str, role: str, team: str = "", sync: str = "") -> Path:
    """Return a role in an organization: direct, or by a team, whose people a directory may decide on."""
    if team:
        return Path("team", ORGANIZATION_LEVEL[role], _by_team(role, team, sync), team=team)
    words = say("{role} of {organization}", role=say(str(role)), organization=organization)
    if role == OrganizationRole.AUDITOR:
        return Path("auditor", ORGANIZATION_LEVEL[role], words, reads=AUDITED)
    return Path("member", ORGANIZATION_LEVEL[role], words)


def rules_projects(role: str) -> bool:
    """Tell whether a role in an organization says something about all of its projects: see `of_project`."""
    return ORGANIZATION_LEVEL[role] >= Level.ADMIN or role == OrganizationRole.AUDITOR


def grant_path(role: str, team: str = "", *, by_default: bool = False, sync: str = "") -> Path:
    """Return a grant on a project: direct, or a team's; ``by_default`` if a default permission made it."""
    words = _by_team(role, team, sync) if team else say("{role} granted directly", role=say(str(role)))
    if by_default:
        words = say("{way}, by a default permission when the project was made", way=words)
    return Path("team_grant" if team else "grant", PROJECT_LEVEL[role], words, team=team)


def _by_team(role: str, team: str, sync: str) -> Said:
    words = say("{role} by team {team}", role=say(str(role)), team=team)
    return (
        say("{way}, whose people come from {source}", way=words, source=DIRECTORIES[sync]) if sync else words
    )


def superuser_path() -> Path:
    """Return what superusers hold where MUSTER_SUPERUSERS_FULL_ACCESS is set."""
    return Path("superuser", Level.ABOVE, say("superuser with full access"))


def readonly_path() -> Path:
    """Return what read-only superusers hold: rights marked as reading, on any level, and no others."""
    return Path("readonly_superuser", Level.OWNER, say("read-only superuser"))


def of_project(
    *,
    public: bool = False,
    token: bool = False,
    own: bool = False,
    granted: Iterable[Path] = (),
    belonging: Iterable[Path] = (),
) -> tuple[Path, ...]:
    """Return every way to a project.

    ``public``: everybody may read it. ``token``: the credential is the project's own. ``own``: it is in the
    person's own namespace. ``granted``: the grants of the bearer and of her teams. ``belonging``: her roles
    in the project's organization, of which administering and auditing count.
    """
    paths: list[Path] = []
    if public:
        paths.append(Path("public", Level.READ, say("the project is public")))
    if token:
        paths.append(Path("token", Level.READ, say("the token belongs to the project")))
    if own:
        paths.append(Path("owner", Level.ADMIN, say("the project is in her own namespace")))
    paths.extend(granted)
    for path in belonging:
        if path.level >= Level.ADMIN:
            words = say("{way}, and so admin of its projects", way=path.words)
            paths.append(Path("organization_admin", Level.ADMIN, words, team=path.team))
        elif path.reads >= AUDITED:
            words = say("{way}, and so reader of its projects", way=path.words)
            paths.append(Path("organization_auditor", Level.READ, words, reads=path.reads))
    return tuple(paths)


def best(paths: Iterable[Path], right: Right | None = None) -> Level:
    """Return the highest level that any of the ways gives, toward a right or in general."""
    return max((path.toward(right) for path in paths), default=Level.NONE)


def ranked(paths: Iterable[Path], right: Right | None = None) -> list[Path]:
    """Return the ways with the strongest first; of equals, in `ORDER`, teams by name."""
    return sorted(paths, key=lambda path: (-path.toward(right), _place(path.kind), path.team))


def _place(kind: str) -> int:
    return ORDER.index(kind) if kind in ORDER else len(ORDER)


def decided(paths: Iterable[Path]) -> tuple[Path, ...]:
    """Return the ways with the strongest first and marked as the one that decides."""
    found = ranked(paths)
    return (replace(found[0], deciding=True), *found[1:]) if found else ()
