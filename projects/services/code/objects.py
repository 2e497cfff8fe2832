"""An organization as a flat table of objects: what a file says and what the database has, in one shape.

An object is addressed by a key and has fields. `sections` and `fields` are the one list of both; what a file
leaves open has no field there, and the file's word does not count for it.

| key | fields |
|---|---|
| ``profile`` | name, description, email, url, location |
| ``settings`` | as `SETTINGS` lists |
| ``member`` username | role, the direct one |
| ``team`` slug | name, description, role, parent, sync |
| ``seat`` team, ``user`` or ``robot``, name | maintainer |
| ``robot`` short name | description, enabled, federation |
| ``project`` slug | name, description, visibility, state, git_url, icon, contact, team |
| ``grant`` project, ``user``, ``team`` or ``robot``, name | role |
| ``default`` holder, creator, number | role; holder and creator are like ``team:devs`` |
| ``application`` name, number | description, application_uri, redirect_uri, avatar_email |
| ``quota`` resource | limit; of ``bytes`` also warnings and rejects, in percent |
"""

from __future__ import annotations

from typing import Any

Key = tuple[str, ...]
Fields = dict[str, Any]
Objects = dict[Key, Fields]

VERSION = 1
# The order in which people read them, and in which they are made.
SORTS = (
    "profile",
    "settings",
    "member",
    "robot",
    "team",
    "seat",
    "project",
    "grant",
    "default",
    "application",
    "quota",
)
PROFILE = ("name", "description", "email", "url", "location")
SETTINGS = (
    "provider",
    "provider_organization",
    "tag_expiration_s",
    "invoice_email",
    "invoice_email_address",
    "token_max_days",
    "requires_second_factor",
)
TEAM = ("name", "description", "role", "parent", "sync")
ROBOT = ("description", "enabled", "federation")
PROJECT = ("name", "description", "visibility", "state", "git_url", "icon", "contact", "team")
APPLICATION = ("description", "application_uri", "redirect_uri", "avatar_email")
HOLDERS = {"users": "user", "teams": "team", "robots": "robot"}


def order(key: Key) -> tuple[int, Key]:
    """Return by what keys are sorted."""
    return SORTS.index(key[0]), key


def scope_of(key: Key) -> Key:
    """Return the list that an object stands in: only where a file gives it, absence from it means a thing."""
    if key[0] == "seat":
        return key[:3]
    return key[:2] if key[0] == "grant" else key[:1]


def title_of(key: Key) -> str:
    """Return what people call an object."""
    sort = key[0]
    if sort == "seat":
        return f"{'robot ' if key[2] == 'robot' else ''}{key[3]} in team {key[1]}"
    if sort == "grant":
        return f"{key[2]} {key[3]} on project {key[1]}"
    if sort == "default":
        holder, creator = key[1].replace(":", " ", 1), key[2].replace(":", " ", 1)
        made = f" on projects of {creator}" if creator else ""
        return f"default permission of {holder}{made}"
    if sort == "application":
        return f"application {key[1]}"
    return " ".join(key)


def nest(slug: str, objects: Objects, notifications: list[dict[str, Any]]) -> dict[str, Any]:
    """Return objects as a file has them: mappings and lists in a stable order."""
    some = sorted(objects, key=order)

    def named(sort: str) -> dict[str, Fields]:
        return {key[1]: dict(objects[key]) for key in some if key[0] == sort}

    teams, projects = named("team"), named("project")
    for name, team in teams.items():
        if team["sync"] is None:
            team["members"], team["maintainers"] = [], []
        team["robots"] = []
        teams[name] = team
    for project in projects.values():
        project["grants"] = {}
    for key in some:
        if key[0] == "seat":
            team = teams[key[1]]
            maintains = objects[key]["maintainer"]
            place = "robots" if key[2] == "robot" else "maintainers" if maintains else "members"
            if place in team:  # a directory decides who is in the others
                team[place].append(key[3])
        elif key[0] == "grant":
            place = f"{key[2]}s"
            projects[key[1]]["grants"].setdefault(place, {})[key[3]] = objects[key]["role"]
    return {
        "version": VERSION,
        "organization": slug,
        "profile": objects["profile",],
        "settings": objects["settings",],
        "members": {key[1]: objects[key]["role"] for key in some if key[0] == "member"},
        "teams": teams,
        "robots": named("robot"),
        "projects": projects,
        "default_permissions": [_rule(key, objects[key]) for key in some if key[0] == "default"],
        "applications": [{"name": key[1], **objects[key]} for key in some if key[0] == "application"],
        "notifications": notifications,
        "quotas": {key[1]: _quota(objects[key]) for key in some if key[0] == "quota"},
    }


def _rule(key: Key, fields: Fields) -> dict[str, Any]:
    _, holder, creator, _ = key
    sort, name = holder.split(":", 1)
    rule: dict[str, Any] = {"role": fields["role"], sort: name}
    if creator:
        sort, name = creator.split(":", 1)
        rule["created_by"] = {sort: name}
    return rule


def _quota(fields: Fields) -> dict[str, Any]:
    return dict(fields)
