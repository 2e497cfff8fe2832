"""From a YAML file to `objects`: every value strict, every fault with its line."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from django.core.exceptions import ValidationError
from django.core.validators import URLValidator, validate_email

from accounts.models import Organization, Team
from core.names import fold, is_namespace_name, is_project_name
from permissions.catalogue import OrganizationRole, ProjectRole
from projects.models import Project
from projects.services.code.objects import HOLDERS, VERSION, Fields, Key, Objects
from projects.services.importing.files import BrokenFiles
from projects.services.importing.sources import Reading
from projects.services.importing.values import Values
from quotas.models import Resource

if TYPE_CHECKING:
    from collections.abc import Callable

    import yaml

    from projects.services.importing.files import Place

LONG = 100_000
SECTIONS = (
    "profile",
    "settings",
    "members",
    "teams",
    "robots",
    "projects",
    "default_permissions",
    "applications",
    "notifications",
    "quotas",
)
LIMITS = (Resource.BYTES, Resource.MEMBERS, Resource.PROJECTS, Resource.ROBOTS)
PERCENT_MAX = 100
CREATORS = ("user", "robot")


@dataclass
class Document:
    """What a file says: its objects, the line of each, and the lists that it gives whole.

    ``named`` are the things that it refers to, each with the places where it does: ``("user", "ada")``.
    """

    organization: str = ""
    organization_line: int = 1
    objects: Objects = field(default_factory=dict)
    lines: dict[Key, int] = field(default_factory=dict)
    scopes: set[Key] = field(default_factory=set)
    named: dict[tuple[str, str], Place] = field(default_factory=dict)
    notifications: int = 0


def read_document(raw: bytes, *, name: str = "file") -> Document:
    """Read and check a file; ``name`` is how faults call it.

    Raises:
        BrokenFiles: with every fault found, each with its line.
    """
    reading = Reading()
    node = reading.node(name, raw)
    document = Document()
    if node is not None:
        _Parser(name, document, reading.problems).document(node)
    if reading.problems:
        raise BrokenFiles(reading.problems)
    return document


class _Parser(Values):
    """Reads the file into ``document``."""

    def __init__(self, file: str, document: Document, problems: list[str]) -> None:
        super().__init__(file, problems)
        self.found = document
        self.numbers: Counter[Key] = Counter()

    def document(self, node: yaml.Node) -> None:
        sections: dict[str, Callable[[yaml.Node], None]] = {
            "profile": self._profile,
            "settings": self._settings,
            "members": self._members,
            "teams": self._teams,
            "robots": self._robots,
            "projects": self._projects,
            "default_permissions": self._default_permissions,
            "applications": self._applications,
            "notifications": self._notifications,
            "quotas": self._quotas,
        }
        version = None
        for key, at, value in self._entries(node, "the file"):
            if key == "version":
                version = self._number(value, key)
                if version != VERSION:
                    self._say(at, f"version must be {VERSION}: this file is of another version of the format")
            elif key == "organization":
                self.found.organization = fold(self._text(value, key, longest=255) or "")
                self.found.organization_line = at.line
            elif key in sections:
                sections[key](value)
            else:
                self._say(at, f"unknown key {key!r} of the file")
        if version is None and not self.problems:
            self._say(node, f"the file does not begin with version: {VERSION}")

    # Sections -------------------------------------------------------------------------------------------

    def _profile(self, node: yaml.Node) -> None:
        self._fields(("profile",), node, "profile", self._profile_fields())

    def _profile_fields(self) -> dict[str, Callable[[yaml.Node, str], Any]]:
        return {
            "name": self._words(255, needed=True),
            "description": self._words(LONG),
            "email": self._email(needed=True),
            "url": self._address(200),
            "location": self._words(255),
        }

    def _settings(self, node: yaml.Node) -> None:
        providers = tuple(Organization.Provider.values)
        self._fields(
            ("settings",),
            node,
            "settings",
            {
                "provider": lambda value, key: self._one_of(value, key, providers),
                "provider_organization": self._words(255),
                "tag_expiration_s": lambda value, key: self._number(value, key),
                "invoice_email": self._flag,
                "invoice_email_address": self._email(),
                "token_max_days": lambda value, key: self._number(value, key, or_none=True),
                "requires_second_factor": self._flag,
            },
        )

    def _members(self, node: yaml.Node) -> None:
        self.found.scopes.add(("member",))
        for name, at, value in self._entries(node, "members"):
            role = self._one_of(value, f"the role of {name}", tuple(OrganizationRole.values))
            if role and self._refer("user", name, at):
                self._add(("member", fold(name)), at, {"role": role})

    def _teams(self, node: yaml.Node) -> None:
        self.found.scopes.add(("team",))
        for name, at, value in self._entries(node, "teams"):
            if not is_namespace_name(name):
                self._say(at, f"{name!r} is no name for a team on the wires: lower-case letters and digits")
                continue
            parts = {key: (where, inner) for key, where, inner in self._entries(value, f"team {name}")}
            people = {key: parts.pop(key) for key in ("members", "maintainers", "robots") if key in parts}
            self._record(
                ("team", name),
                at,
                parts,
                f"team {name}",
                {
                    "name": self._words(255, needed=True),
                    "description": self._words(LONG),
                    "role": lambda inner, key: self._one_of(inner, key, tuple(Team.Role.values)),
                    "parent": self._reference("team"),
                    "sync": self._sync,
                },
            )
            for key, (_, inner) in people.items():
                self._seats(name, key, inner)

    def _seats(self, team: str, place: str, node: yaml.Node) -> None:
        sort = "robot" if place == "robots" else "user"
        self.found.scopes.add(("seat", team, sort))
        for name in self._names(node, place):
            if self._refer(sort, name.text, name.at):
                key = ("seat", team, sort, fold(name.text))
                self._add(key, name.at, {"maintainer": place == "maintainers"})

    def _robots(self, node: yaml.Node) -> None:
        self.found.scopes.add(("robot",))
        for name, at, value in self._entries(node, "robots"):
            if not is_namespace_name(name):
                self._say(at, f"{name!r} is no short name for a robot; leave out the organization and the +")
                continue
            parts = {key: (where, inner) for key, where, inner in self._entries(value, f"robot {name}")}
            self._record(
                ("robot", name),
                at,
                parts,
                f"robot {name}",
                {
                    "description": self._words(255),
                    "enabled": self._flag,
                    "federation": self._federation,
                },
            )

    def _projects(self, node: yaml.Node) -> None:
        self.found.scopes.add(("project",))
        for name, at, value in self._entries(node, "projects"):
            if not is_project_name(name):
                self._say(at, f"{name!r} is no name for a project on the wires")
                continue
            parts = {key: (where, inner) for key, where, inner in self._entries(value, f"project {name}")}
            grants = parts.pop("grants", None)
            self._record(
                ("project", name),
                at,
                parts,
                f"project {name}",
                {
                    "name": self._words(255, needed=True),
                    "description": self._words(LONG),
                    "visibility": lambda inner, key: self._one_of(
                        inner, key, tuple(Project.Visibility.values)
                    ),
                    "state": lambda inner, key: self._one_of(inner, key, tuple(Project.State.values)),
                    "git_url": self._words(1024),
                    "icon": self._words(1024),
                    "contact": self._reference("user"),
                    "team": self._reference("team"),
                },
            )
            if grants is not None:
                self._grants(name, grants[1])

    def _grants(self, project: str, node: yaml.Node) -> None:
        self.found.scopes.add(("grant", project))
        for place, at, value in self._entries(node, "grants"):
            if place not in HOLDERS:
                self._say(at, f"unknown key {place!r} of grants: they are for {', '.join(HOLDERS)}")
                continue
            sort = HOLDERS[place]
            for name, where, inner in self._entries(value, f"grants of {place}"):
                role = self._one_of(inner, f"the role of {name}", tuple(ProjectRole.values))
                if role and self._refer(sort, name, where):
                    self._add(("grant", project, sort, fold(name)), where, {"role": role})

    def _default_permissions(self, node: yaml.Node) -> None:
        self.found.scopes.add(("default",))
        for item in self._items(node, "default_permissions"):
            at = self._place(item)
            role, holders, creator = "", [], ""
            for key, where, value in self._entries(item, "a default permission"):
                if key == "role":
                    role = self._one_of(value, key, tuple(ProjectRole.values))
                elif key in HOLDERS.values():
                    holders.append(self._holder(key, value))
                elif key == "created_by":
                    pairs = [(sort, inner) for sort, _, inner in self._entries(value, key)]
                    if len(pairs) != 1 or pairs[0][0] not in CREATORS:
                        self._say(where, "created_by names one user or one robot")
                    else:
                        creator = self._holder(*pairs[0])
                else:
                    self._say(where, f"unknown key {key!r} of a default permission")
            if not role or len(holders) != 1:
                self._say(at, "a default permission has a role, and one user, team or robot")
            elif holders[0]:
                number = self._number_of("default", holders[0], creator)
                self._add(("default", holders[0], creator, number), at, {"role": role})

    def _holder(self, sort: str, node: yaml.Node) -> str:
        name = self._text(node, sort, longest=255)
        if name is None or not self._refer(sort, name, self._place(node)):
            return ""
        return f"{sort}:{fold(name)}"

    def _applications(self, node: yaml.Node) -> None:
        self.found.scopes.add(("application",))
        for item in self._items(node, "applications"):
            at = self._place(item)
            parts = {key: (where, inner) for key, where, inner in self._entries(item, "an application")}
            name = self._text(parts.pop("name")[1], "name", longest=255) if "name" in parts else None
            if not name:
                self._say(at, "an application has a name")
                continue
            self._record(
                ("application", name, self._number_of("application", name)),
                at,
                parts,
                f"application {name}",
                {
                    "description": self._words(LONG),
                    "application_uri": self._words(1024),
                    "redirect_uri": self._words(1024),
                    "avatar_email": self._email(),
                },
            )

    def _notifications(self, node: yaml.Node) -> None:
        """Count them: they are told for the reader, and have no addresses by which they could be made."""
        self.found.notifications = len(self._items(node, "notifications"))

    def _quotas(self, node: yaml.Node) -> None:
        self.found.scopes.add(("quota",))
        for name, at, value in self._entries(node, "quotas"):
            if name not in LIMITS:
                self._say(at, f"unknown key {name!r} of quotas: they are {', '.join(LIMITS)}")
                continue
            parts = {key: (where, inner) for key, where, inner in self._entries(value, f"quota {name}")}
            known: dict[str, Callable[[yaml.Node, str], Any]] = {
                "limit": lambda inner, key: self._number(inner, key, or_none=True)
            }
            if name == Resource.BYTES:
                known |= {"warnings": self._percents, "rejects": self._percents}
            self._record(("quota", name), at, parts, f"quota {name}", known)

    # Objects --------------------------------------------------------------------------------------------

    def _fields(
        self, key: Key, node: yaml.Node, what: str, known: dict[str, Callable[[yaml.Node, str], Any]]
    ) -> None:
        parts = {name: (at, value) for name, at, value in self._entries(node, what)}
        self._record(key, self._place(node), parts, what, known)

    def _record(
        self,
        key: Key,
        at: Place,
        parts: dict[str, tuple[Place, yaml.Node]],
        what: str,
        known: dict[str, Callable[[yaml.Node, str], Any]],
    ) -> None:
        fields: Fields = {}
        for name, (where, value) in parts.items():
            if name in known:
                before = len(self.problems)
                said = known[name](value, name)
                if len(self.problems) == before:
                    fields[name] = said
            else:
                self._say(where, f"unknown key {name!r} of {what}")
        self._add(key, at, fields)

    def _add(self, key: Key, at: Place, fields: Fields) -> None:
        first = self.found.lines.get(key)
        if first is not None:
            self._say(at, f"{key[-1]} stands there already, in line {first}")
            return
        self.found.objects[key] = fields
        self.found.lines[key] = at.line

    def _number_of(self, *key: str) -> str:
        self.numbers[key] += 1
        return str(self.numbers[key])

    def _refer(self, sort: str, name: str, at: Place) -> bool:
        """Note that something is meant by its name; False after saying that it cannot be one."""
        name = fold(name)
        if not is_namespace_name(name):
            whose = "; robots are named without the organization and the +" if "+" in name else ""
            self._say(at, f"{name!r} is no name of a {sort}{whose}")
            return False
        self.found.named.setdefault((sort, name), at)
        return True

    # Values ---------------------------------------------------------------------------------------------

    def _items(self, node: yaml.Node, what: str) -> list[yaml.Node]:
        if self._is_null(node):
            return []
        if not self._is_list(node):
            self._say(node, f"{what} must be a list")
            return []
        return list(node.value)

    def _words(self, longest: int, *, needed: bool = False) -> Callable[[yaml.Node, str], str]:
        def read(node: yaml.Node, key: str) -> str:
            text = self._text(node, key, longest=longest) or ""
            if needed and not text.strip():
                self._say(node, f"{key} must not be empty")
            return text

        return read

    def _email(self, *, needed: bool = False) -> Callable[[yaml.Node, str], str | None]:
        """Read an address; of those that need not be there, none is None."""

        def read(node: yaml.Node, key: str) -> str | None:
            text = self._text(node, key, longest=254) or ""
            if text:
                try:
                    validate_email(text)
                except ValidationError:
                    self._say(node, f"{key} is no e-mail address")
            return text if text or needed else None

        return read

    def _address(self, longest: int) -> Callable[[yaml.Node, str], str]:
        def read(node: yaml.Node, key: str) -> str:
            text = self._text(node, key, longest=longest) or ""
            if text:
                try:
                    URLValidator()(text)
                except ValidationError:
                    self._say(node, f"{key} is no address of a page")
            return text

        return read

    def _reference(self, sort: str) -> Callable[[yaml.Node, str], str | None]:
        def read(node: yaml.Node, key: str) -> str | None:
            name = self._text(node, key, longest=255)
            if name is None or not self._refer(sort, name, self._place(node)):
                return None
            return fold(name)

        return read

    def _sync(self, node: yaml.Node, key: str) -> dict[str, str] | None:
        if self._is_null(node):
            return None
        pairs = [(name, self._text(value, name, longest=1024)) for name, _, value in self._entries(node, key)]
        if len(pairs) != 1 or pairs[0][0] not in ("group_dn", "group_name") or not pairs[0][1]:
            self._say(node, "sync names one group_dn or group_name, or is null")
            return None
        return {pairs[0][0]: pairs[0][1]}

    def _federation(self, node: yaml.Node, key: str) -> list[dict[str, str]]:
        found = []
        for item in self._items(node, key):
            pair = {name: self._text(value, name, longest=255) for name, _, value in self._entries(item, key)}
            if pair.keys() != {"issuer", "subject"} or not all(pair.values()):
                self._say(item, "federation lists pairs of issuer and subject")
            else:
                found.append((pair["issuer"] or "", pair["subject"] or ""))
        return [{"issuer": issuer, "subject": subject} for issuer, subject in sorted(found)]

    def _percents(self, node: yaml.Node, key: str) -> list[int]:
        found = [self._number(item, key) for item in self._items(node, key)]
        numbers = sorted(one for one in found if one is not None)
        if any(not 1 <= one <= PERCENT_MAX for one in numbers) or len(set(numbers)) != len(numbers):
            self._say(node, f"{key} lists numbers from 1 to {PERCENT_MAX}, each once")
        return numbers
