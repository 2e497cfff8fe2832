"""The golden files of the Quay wire, played in the world of world.py; see tests/api/golden.py.

``<avatar kind name>`` or ``<avatar kind name e-mail>`` stands for a whole avatar object.
"""

from __future__ import annotations

import hashlib
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.test import override_settings

from tests.api import golden
from tests.api.quay import world as worlds
from tests.api.quay.access import PREFIX, Row

if TYPE_CHECKING:
    from tests.api.golden import Exchange
    from tests.api.quay.world import World


def avatar(kind: str, name: str, email: str = "") -> dict[str, str]:
    """Return the avatar of somebody, computed anew (quay-a.md 1.2)."""
    digest = hashlib.sha256((email or name).encode()).hexdigest()
    return {"name": name, "hash": digest, "color": "<color>", "kind": kind}


def _unfold(text: str) -> Any:
    return avatar(*text[1:-1].split()[1:]) if text.startswith("<avatar ") else text


BOOK = golden.Book(Path(__file__).parent / "golden", _unfold)
operations = BOOK.operations
differences = partial(golden.differences, unfold=_unfold)


def routes() -> set[tuple[str, str]]:
    """Return the routes and methods that some exchange calls."""
    return {row.route for row in calls()}


def calls(*files: str) -> list[Row]:
    """Return the calls of exchanges below the prefix, each with its one status; of all files, or of these."""
    found = []
    for operation in files or operations():
        for exchange in BOOK.exchanges(operation):
            method, _, path = exchange["call"].partition(" ")
            if not path.startswith("/"):
                found.append(Row(method.lower(), path, {"": exchange["status"]}))
    return found


def play(operation: str, world: World) -> list[str]:
    """Play an operation's exchanges; return every difference."""
    return BOOK.play(operation, world.names, partial(_call, world))


def _call(world: World, exchange: Exchange) -> tuple[int, Any]:
    principal = exchange.get("as", "anonymous")
    headers: dict[str, str] = {}
    with override_settings(**(worlds.EVERYWHERE | worlds.SETTINGS.get(principal, {}))):
        client = world.client(principal)
        if principal == "anonymous" and not exchange["call"].startswith("GET "):
            headers["x-csrf-token"] = client.get("/csrf_token").json()["csrf_token"]
        answer = golden.send(client, exchange, world.names, PREFIX, **headers)
    assert not answer.content or answer["Content-Type"].startswith("application/json"), answer["Content-Type"]
    return golden.told(answer)
