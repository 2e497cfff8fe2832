"""The ways by which somebody reaches a project: one rule for the checks and for whole matrices."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from permissions.catalogue import AUDITED, ORGANIZATION_LEVEL, PROJECT_LEVEL, Level, OrganizationRole

if TYPE_CHECKING:
    from collections.abc import Iterable

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
DIRECTORIES = {"ldap": "an LDAP group", "oidc": "a group of the identity provider"}


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
        words = f"{role} by team {team}{_mirrored(sync)}"
        return Path("team", ORGANIZATION_LEVEL[role], words, team=team)
    if role == OrganizationRole.AUDITOR:
        return Path("auditor", ORGANIZATION_LEVEL[role], f"{role} of {organization}", reads=AUDITED)
    return Path("member", ORGANIZATION_LEVEL[role], f"{role} of {organization}")


def grant_path(role: str, team: str = "", *, by_default: bool = False, sync: str = "") -> Path:
    """Return a grant on a project: direct, or a team's; ``by_default`` if a default permission made it."""
    words = f"{role} by team {team}{_mirrored(sync)}" if team else f"{role} granted directly"
    if by_default:
        words += ", by a default permission when the project was made"
    return Path("team_grant" if team else "grant", PROJECT_LEVEL[role], words, team=team)


def _mirrored(sync: str) -> str:
    return f", whose people come from {DIRECTORIES[sync]}" if sync else ""


def superuser_path() -> Path:
    """Return what superusers hold where MUSTER_SUPERUSERS_FULL_ACCESS is set."""
    return Path("superuser", Level.ABOVE, "superuser with full access")


def readonly_path() -> Path:
    """Return what read-only superusers hold: rights marked as reading, on any level, and no others."""
    return Path("readonly_superuser", Level.OWNER, "read-only superuser")


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
        paths.append(Path("public", Level.READ, "the project is public"))
    if token:
        paths.append(Path("token", Level.READ, "the token belongs to the project"))
    if own:
        paths.append(Path("owner", Level.ADMIN, "the project is in her own namespace"))
    paths.extend(granted)
    for path in belonging:
        if path.level >= Level.ADMIN:
            words = f"{path.words}, and so admin of its projects"
            paths.append(Path("organization_admin", Level.ADMIN, words, team=path.team))
        elif path.reads >= AUDITED:
            words = f"{path.words}, and so reader of its projects"
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
