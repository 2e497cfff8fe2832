"""A decoder as strict as generated Go clients: no unknown keys, no missing ones, no wrong types."""

from __future__ import annotations

import dataclasses
import types
from dataclasses import dataclass, field
from typing import Any, Union, get_args, get_origin, get_type_hints
from urllib.parse import urlsplit


class Undecodable(ValueError):
    """A body that the client gives up on."""


def decode(shape: Any, data: Any, where: str = "body") -> Any:
    """Return ``data`` as ``shape``: a dataclass, a plain type, a union, ``list[…]`` or ``dict[str, …]``.

    Fields without a default must be there, others may be. ``true`` is no integer, and 1 no float.
    """
    origin = get_origin(shape)
    if shape is Any:
        return data
    if origin in (Union, types.UnionType):
        problems = []
        for one in get_args(shape):
            try:
                return decode(one, data, where)
            except Undecodable as problem:
                problems.append(str(problem))
        raise Undecodable("; ".join(problems))
    if dataclasses.is_dataclass(shape):
        return _object(shape, data, where)
    plain = origin or shape
    if type(data) is not plain:
        raise Undecodable(f"{where}: {data!r} is no {plain.__name__}")
    if plain is list and get_args(shape):
        (inner,) = get_args(shape)
        return [decode(inner, one, f"{where}[{number}]") for number, one in enumerate(data)]
    if plain is dict and get_args(shape):
        _, inner = get_args(shape)
        return {key: decode(inner, one, f"{where}.{key}") for key, one in data.items()}
    return data


def _object(shape: Any, data: Any, where: str) -> Any:
    if type(data) is not dict:
        raise Undecodable(f"{where}: {data!r} is no object")
    hints = get_type_hints(shape)
    unknown = data.keys() - hints.keys()
    needed = {
        one.name
        for one in dataclasses.fields(shape)
        if one.default is dataclasses.MISSING and one.default_factory is dataclasses.MISSING
    }
    missing = needed - data.keys()
    if unknown or missing:
        raise Undecodable(f"{where}: unknown {sorted(unknown)}, missing {sorted(missing)}")
    return shape(**{key: decode(hints[key], value, f"{where}.{key}") for key, value in data.items()})


# Errors --------------------------------------------------------------------------------------------------

TITLES = {
    400: {"invalid_request", "invalid_response"},
    401: {"invalid_token", "expired_token", "fresh_login_required"},
    403: {"insufficient_scope", "invalid_token"},
    404: {"not_found"},
    409: {"tag_immutable"},
}


@dataclass
class ApiError:
    """The six keys, and those that some operations add (quay-a.md 2)."""

    status: int
    type: str
    title: str
    detail: str
    error_message: str
    error_type: str
    session_required: bool | None = None
    reason: str | None = None
    username: str | None = None


@dataclass
class Message:
    """What the framework says; of a bad query parameter an object."""

    message: str | dict[str, str]
    is_readonly: bool | None = None
    needsEmailVerification: bool | None = None
    invalidCredentials: bool | None = None


@dataclass
class Complaint:
    """What is said before any operation."""

    error: str


def decode_error(status: int, content_type: str, data: Any) -> ApiError | Message | Complaint:
    """Decode the body of an error, and hold it to what it says of itself."""
    if content_type.partition(";")[0] != "application/json":
        raise Undecodable(f"content type {content_type}")
    found: ApiError | Message | Complaint = decode(ApiError | Message | Complaint, data)
    if not isinstance(found, ApiError):
        return found
    address = urlsplit(found.type)
    if found.status != status or found.title not in TITLES.get(status, ()):
        raise Undecodable(f"{status} says {found.status} {found.title}")
    if not address.netloc or address.path != f"/api/v1/error/{found.title}":
        raise Undecodable(f"type {found.type}")
    if (found.detail, found.title) != (found.error_message, found.error_type):
        raise Undecodable("the old keys say something else")
    return found


# What the Terraform provider reads -----------------------------------------------------------------------


@dataclass
class Avatar:
    """Somebody's picture."""

    name: str
    hash: str
    color: str
    kind: str


@dataclass
class TeamOfOrganization:
    """A team as its organization shows it."""

    name: str
    description: str
    role: str
    avatar: Avatar
    can_view: bool
    repo_count: int
    member_count: int
    is_synced: bool


@dataclass
class Organization:
    """An organization as its administrator sees it."""

    name: str
    email: str
    avatar: Avatar
    is_admin: bool
    is_member: bool
    teams: dict[str, TeamOfOrganization]
    ordered_teams: list[str]
    invoice_email: bool
    invoice_email_address: str | None
    tag_expiration_s: int
    is_free_account: bool
    quotas: list[dict[str, Any]] = field(default_factory=list)
    quota_report: dict[str, Any] = field(default_factory=dict)


@dataclass
class Member:
    """Somebody in a team."""

    name: str
    kind: str
    is_robot: bool
    avatar: Avatar
    invited: bool


@dataclass
class TeamMembers:
    """Who is in a team."""

    name: str
    members: list[Member]
    can_edit: bool


@dataclass
class Robot:
    """A robot with its token."""

    name: str
    created: str
    last_accessed: str | None
    description: str
    token: str
    unstructured_metadata: dict[str, Any] | None


@dataclass
class Repository:
    """A repository; its description is never null."""

    namespace: str
    name: str
    kind: str
    description: str
    is_public: bool
    is_organization: bool
    is_starred: bool
    status_token: str
    trust_enabled: bool
    tag_expiration_s: int
    is_free_account: bool
    state: str
    can_write: bool
    can_admin: bool
    tags: dict[str, Any] = field(default_factory=dict)


@dataclass
class TeamRole:
    """What a team may in a repository."""

    role: str


@dataclass
class UserRole:
    """What a person or a robot may in a repository of an organization."""

    role: str
    name: str
    is_robot: bool
    avatar: Avatar
    is_org_member: bool


@dataclass
class Delegate:
    """Who a default permission is for; of a team two keys less."""

    name: str
    kind: str
    avatar: Avatar
    is_robot: bool | None = None
    is_org_member: bool | None = None


@dataclass
class Prototype:
    """A default permission."""

    activating_user: Delegate | None
    delegate: Delegate
    role: str
    id: str
