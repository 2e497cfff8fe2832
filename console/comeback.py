"""How many deleted things the limits let come back at once, said before it is tried; nothing is written."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy

from console.charts import full
from quotas import selectors
from quotas.services import Resource, fitting
from trash.selectors import newcomers

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

    from accounts.models import Namespace
    from trash.models import Trashed

PROJECTS = gettext_lazy("Of {wanted} projects {room} can come back: the limit leaves no room for more.")
STORAGE = gettext_lazy("Of {wanted} projects {room} can come back: storage has no room for more.")
PROJECTS_AND_STORAGE = gettext_lazy(
    "Of {wanted} projects {room} can come back: neither the limit nor storage has room for more."
)
ROBOTS = gettext_lazy("Of {wanted} robots {room} can come back: the limit leaves no room for more.")
TEAMS = gettext_lazy("Of {wanted} teams {room} can come back: the limit of members leaves no room for more.")


def without_room(namespace: Namespace, things: list[Trashed]) -> list[str]:
    """Say of which kinds the limits leave no room for all of some things, restored in this order."""
    room = selectors.room_in(namespace=namespace)
    of: dict[str, list[Trashed]] = {}
    for thing in things:
        of.setdefault(thing.kind, []).append(thing)
    said = [
        _projects(namespace, of.get("project", []), room.get(Resource.PROJECTS)),
        _robots(of.get("robot", []), room.get(Resource.ROBOTS)),
        _teams(namespace, of.get("team", []), room.get(Resource.MEMBERS)),
    ]
    return [words for words in said if words]


def _said(words: _StrPromise, wanted: int, back: int) -> str:
    return words.format(wanted=full(wanted), room=full(back))


def _projects(namespace: Namespace, things: list[Trashed], room: int | None) -> str:
    """Say how many projects come back; one that storage refuses leaves its place to the next."""
    fits = [True] * len(things)
    if any(thing.size_bytes for thing in things):
        fits = fitting(namespace=namespace, amounts=[thing.size_bytes for thing in things])
    back, full_of = 0, set()
    for is_stored in fits:
        if room is not None and back >= room:
            full_of.add(Resource.PROJECTS)
        elif not is_stored:
            full_of.add(Resource.BYTES)
        else:
            back += 1
    if not full_of:
        return ""
    words = PROJECTS if full_of == {Resource.PROJECTS} else STORAGE
    return _said(PROJECTS_AND_STORAGE if len(full_of) > 1 else words, len(things), back)


def _robots(things: list[Trashed], room: int | None) -> str:
    return "" if room is None or len(things) <= room else _said(ROBOTS, len(things), room)


def _teams(namespace: Namespace, things: list[Trashed], room: int | None) -> str:
    """Say how many teams come back; one that brings nobody takes no seat, and nobody takes two."""
    if room is None or not things:
        return ""
    coming = newcomers(namespace=namespace, teams=things)
    back, seated = 0, set[int]()
    for thing in things:
        people = coming.get(thing.pk, set()) - seated
        if not people or len(seated) + len(people) <= room:
            seated |= people
            back += 1
    return "" if back == len(things) else _said(TEAMS, len(things), back)
