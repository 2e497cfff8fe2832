"""Calls that are right at home, aimed at another tenant: generated from the access table.

A second tenant, hooli, is acme's mirror: people, teams, robots and projects of the same kinds, and whatever a
row's ``prepare`` makes. Each row is called again by those of acme who may do it at home, with every id in its
path, query and body swapped for hooli's, one by one and all at once. What stands for an id is found by its
value (a name of acme's, of its people, teams, robots or projects, or a ``{name}`` of ``World.names``), so
that routes to come are included by themselves.
"""

from __future__ import annotations

import copy
import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.urls import resolve

from accounts import services as accounts
from core import seal
from projects import services as projects
from tests import checksum, make
from tests.api.quay import world as worlds
from tests.api.quay.access import NOTHING, PREFIX, Row

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.api.quay.world import World

# Whatever holds this word, or one of these names, is hooli's alone to see.
CLASSIFIED = "classified"
HIDDEN = ("hidden-team", "hidden-robot", "hidden-project", "hidden-person")
# Things that only hooli has, so that their names alone are swapped, too.
SPIES, SPY, VAULT = "spies", "spy", "vault"
# Who calls: acme's people, and tokens of one scope of its owner.
CALLERS = (*worlds.PEOPLE, *worlds.OF_OWNER)
# Operations that act as whoever can prove to be that person, which the caller here can.
PROVEN = {"SignIn": "whoever knows the password is that person"}
# Parts of a path that name nothing of anybody's.
NO_IDS = {
    "error_type": "a kind of error",
    "prefix": "a search",
    "email": "an address as typed",
    "manifestref": "a digest of content, the same wherever that is",
    "trigger_uuid": "no triggers are kept",
}

TEAMS = {"owners", "leads", "makers", "devs"}
ROBOTS = {"ci", "bot", "mine"}
PROJECTS = {"web", "docs", "site"}


def mirror(world: World) -> World:
    """Make hooli, and return a world in which it stands where acme does in the given one."""
    people = {name: _person(name) for name in (*worlds.PEOPLE, "superuser", "auditor")}
    people["globex-owner"] = world.people["globex-owner"]
    hooli = make.organization("hooli", owner=people["owner"], email=f"{CLASSIFIED}@hooli.test")
    other = worlds.World(
        hooli,
        world.globex,
        people,
        teams=_globex(world.teams),
        robots=_globex(world.robots),
        projects=_globex(world.projects),
    )
    worlds.settle(other)
    for name in (SPIES, "hidden-team"):
        other.teams[name] = make.team(hooli, name, description=CLASSIFIED)
    for name in (SPY, "hidden-robot"):
        other.robots[name] = make.robot(hooli, name, description=CLASSIFIED)
        accounts.add_team_member(actor=make.SYSTEM, team=other.teams["devs"], robot=other.robots[name])
    for name in (VAULT, "hidden-project"):
        other.projects[name] = make.project(hooli, name, description=CLASSIFIED)
        make.grant(other.projects[name], "write", team=other.teams["hidden-team"])
    make.member(other.teams["devs"], make.user("hidden-person"))
    for name in ("web", "docs"):
        projects.set_description(actor=make.SYSTEM, project=other.projects[name], description=CLASSIFIED)
    return other


def _person(name: str) -> Any:
    return make.user(f"hooli-{name}", email=f"{CLASSIFIED}-{name}@example.test")


def _globex(things: dict[str, Any]) -> dict[str, Any]:
    return {name: one for name, one in things.items() if name.startswith("globex-")}


def home(row: Row) -> list[str]:
    """Return who of acme may do what a row says."""
    if row.route[0] in PROVEN:
        return []
    return [name for name in CALLERS if 200 <= row.expect[name] < 300]


# Swapping ------------------------------------------------------------------------------------------------


def _swap(value: str, names: dict[str, str]) -> str:
    """Return hooli's counterpart of an id of acme's; other values are returned as they are."""
    if value in names:
        return names[value]
    if value == "acme":
        return "hooli"
    if value.startswith("acme+"):
        return value.replace("acme+", "hooli+")
    if value in worlds.PEOPLE:
        return f"hooli-{value}"
    only_there = ((TEAMS, SPIES), (ROBOTS, SPY), (PROJECTS, VAULT))
    return next((one for known, one in only_there if value in known), value)


def _leaves(body: Any, way: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    if isinstance(body, dict | list):
        for key, value in body.items() if isinstance(body, dict) else enumerate(body):
            yield from _leaves(value, (*way, key))
    else:
        yield way, body


def variants(row: Row, names: dict[str, str]) -> Iterator[tuple[str, Any]]:
    """Yield path and body with each id swapped, one by one and all at once.

    ``row`` is filled in already; ``names`` maps the ids that were made for acme to those made for hooli.
    """
    parts = re.split(r"([/?&=])", row.path)
    paths = {(place,): _swap(part, names) for place, part in enumerate(parts) if _swap(part, names) != part}
    leaves = {} if row.body is NOTHING else dict(_leaves(row.body))
    bodies = {
        way: _swap(value, names)
        for way, value in leaves.items()
        if isinstance(value, str) and _swap(value, names) != value
    }
    singles: list[tuple[dict[Any, str], dict[Any, str]]] = [
        ({place: other}, {}) for place, other in paths.items()
    ]
    singles += [({}, {way: other}) for way, other in bodies.items()]
    everything = [(paths, bodies)] if len(singles) > 1 else []
    for in_path, in_body in singles + everything:
        swapped = list(parts)
        for (place,), other in in_path.items():
            swapped[place] = other
        body = copy.deepcopy(row.body) if in_body else row.body
        for way, other in in_body.items():
            inner = body
            for step in way[:-1]:
                inner = inner[step]
            inner[way[-1]] = other
        yield "".join(swapped), body


def filled(row: Row, names: dict[str, str]) -> Row:
    """Return the row with the names of a world in its path and body."""
    body = row.body
    if body is not NOTHING and "{" in (text := json.dumps(body)):
        for name, value in names.items():
            text = text.replace(f"{{{name}}}", value)
        body = json.loads(text)
    return replace(row, path=row.path.format(**names), body=body)


def swapped_parts(row: Row) -> set[str]:
    """Return which named parts of its route's path a row gets swapped."""
    marks = dict.fromkeys(re.findall(r"{(\w+)}", row.path), "0swapped")
    parts = re.split(r"([/?&=])", row.path.format(**marks))
    path = "".join("0swapped" if _swap(part, {}) != part else part for part in parts).partition("?")[0]
    found = resolve(PREFIX + path).kwargs
    return {name for name, value in found.items() if value and "0swapped" in value}


# What must not happen ------------------------------------------------------------------------------------


def rows_of(before: checksum.Snapshot, after: checksum.Snapshot) -> set[tuple[str, Any]]:
    """Return the rows that came between two snapshots, as (table, key)."""
    return {(one.table, one.key) for one in checksum.changes(before, after) if one.was is None}


def secrets_of(rows: set[tuple[str, Any]]) -> set[str]:
    """Return every sealed secret that the rows hold, in clear."""
    found = set()
    for model in checksum.watched_models():
        for field in model._meta.concrete_fields:
            if field.name.endswith("sealed"):
                keys = [key for table, key in rows if table == model._meta.db_table]
                sealed = model._default_manager.filter(pk__in=keys).values_list(field.name, flat=True)
                found |= {seal.unseal(one) for one in sealed if one}
    return found


def open_to_all(other: World) -> set[tuple[str, Any]]:
    """Return the rows of hooli that anybody may refer to: people, and what is public."""
    people = {("accounts_user", person.pk) for person in other.people.values()}
    return people | {("projects_project", other.projects["site"].pk)}


def trespasses(
    changed: list[checksum.Change], foreign: set[tuple[str, Any]], public: set[tuple[str, Any]]
) -> list[str]:
    """Return the changes of foreign rows, and the new rows that refer to one that is not ``public``."""
    found = [str(one) for one in changed if (one.table, one.key) in foreign]
    models = {model._meta.db_table: model for model in apps.get_models(include_auto_created=True)}
    for change in changed:
        if change.now is None or (change.table, change.key) in foreign:
            continue
        model = models[change.table]
        row = dict(zip(checksum.columns(model), change.now, strict=True))
        for field in model._meta.concrete_fields:
            target: Any = field.related_model
            if target is None or isinstance(target, str) or field.column not in row:
                continue
            if (target._meta.db_table, row[field.column]) in foreign - public:
                found.append(f"{field.name} is foreign: {change}")
    return found
