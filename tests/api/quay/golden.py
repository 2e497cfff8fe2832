"""Golden bodies: what each operation answers, kept in ``golden/<operation>.json``.

A file holds a list of exchanges: ``{"call": "GET organization/acme", "as": "owner", "sent": …, "status": 200,
"body": …}``, played in order in the world of world.py (``sent`` and ``body`` are left out where nothing is).
``{name}`` in a call comes from ``World.names``; ``"keep": {"uuid": "messages.0.uuid"}`` adds to them from the
answer. Values that vary are placeholders, which must match in type and form: see FORMS. ``<int>`` is any
whole number, ``<object>`` and ``<list>`` one of something, ``<avatar kind name>`` or
``<avatar kind name e-mail>`` the whole avatar object.
"""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.test import override_settings

from tests.api.quay import world as worlds
from tests.api.quay.access import NOTHING, PREFIX, Row

if TYPE_CHECKING:
    from tests.api.quay.world import World

DIRECTORY = Path(__file__).parent / "golden"

_DAY = r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d (Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) \d{4}"
FORMS = {
    "<color>": r"#[0-9a-f]{6}",
    "<iso>": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z",
    "<client id>": r"[A-Z0-9]{20}",
    "<client secret>": r"[A-Z0-9]{40}",
    "<token120>": r"[A-Z0-9]{120}",
    "<date>": rf"{_DAY} \d\d:\d\d:\d\d -0000",
    "<httpdate>": rf"{_DAY} \d\d:\d\d:\d\d GMT",
    "<kid>": r"[A-Za-z0-9_-]{43}",
    "<public pem>": r"-----BEGIN PUBLIC KEY-----\n[A-Za-z0-9+/=\n]+-----END PUBLIC KEY-----\n",
    "<private pem>": r"-----BEGIN RSA PRIVATE KEY-----\n[A-Za-z0-9+/=\n]+-----END RSA PRIVATE KEY-----\n",
    "<token32>": r"[A-Z0-9]{32}",
    "<token40>": r"[A-Za-z0-9]{40}",
    "<token64>": r"[A-Z0-9]{64}",
    "<csrf>": r"[A-Za-z0-9_-]{64}",
    "<sealed>": r"gAAAA[A-Za-z0-9_=-]+",
    "<uuid>": r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}",
    "<text>": r"[^\x00]+",
}


def differences(golden: Any, came: Any, where: str = "") -> list[str]:
    """Return where an answer differs from its golden body; types count: 1 is neither "1" nor 1.0 nor true."""
    if golden == "<int>":
        return [] if type(came) is int else [f"{where}: {came!r} is no integer"]
    if golden == "<object>":
        return [] if isinstance(came, dict) and came else [f"{where}: {came!r} is no object with keys"]
    if golden == "<list>":
        return [] if isinstance(came, list) and came else [f"{where}: {came!r} is no list of something"]
    if isinstance(golden, str) and golden.startswith("<avatar "):
        golden = avatar(*golden[1:-1].split()[1:])
    if isinstance(golden, str) and golden in FORMS:
        fits = isinstance(came, str) and re.fullmatch(FORMS[golden], came)
        return [] if fits else [f"{where}: {came!r} is no {golden}"]
    if type(golden) is not type(came):
        return [f"{where}: {came!r} instead of {golden!r}"]
    if isinstance(golden, dict):
        found = [f"{where}.{key}: missing" for key in golden.keys() - came.keys()]
        found += [f"{where}.{key}: not expected" for key in came.keys() - golden.keys()]
        for key in golden.keys() & came.keys():
            found += differences(golden[key], came[key], f"{where}.{key}")
        return sorted(found)
    if isinstance(golden, list):
        if len(golden) != len(came):
            return [f"{where}: {len(came)} instead of {len(golden)} items"]
        pairs = enumerate(zip(golden, came, strict=True))
        return [line for i, (one, other) in pairs for line in differences(one, other, f"{where}.{i}")]
    return [] if golden == came else [f"{where}: {came!r} instead of {golden!r}"]


def avatar(kind: str, name: str, email: str = "") -> dict[str, str]:
    """Return the avatar of somebody, computed anew (quay-a.md 1.2)."""
    digest = hashlib.sha256((email or name).encode()).hexdigest()
    return {"name": name, "hash": digest, "color": "<color>", "kind": kind}


def operations() -> list[str]:
    """Return the names of all golden files."""
    return sorted(path.stem for path in DIRECTORY.glob("*.json"))


def routes() -> set[tuple[str, str]]:
    """Return the routes and methods that some exchange calls."""
    return {row.route for row in calls()}


def calls(*files: str) -> list[Row]:
    """Return the calls of exchanges below the prefix, each with its one status; of all files, or of these."""
    found = []
    for operation in files or operations():
        for exchange in _exchanges(operation):
            method, _, path = exchange["call"].partition(" ")
            if not path.startswith("/"):
                found.append(Row(method.lower(), path, {"": exchange["status"]}))
    return found


def _exchanges(operation: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((DIRECTORY / f"{operation}.json").read_text())
    return found


def play(operation: str, world: World) -> list[str]:
    """Play an operation's exchanges; return every difference."""
    found: list[str] = []
    for number, exchange in enumerate(_exchanges(operation)):
        status, body = _call(exchange, world)
        where = f"{operation} {number}"
        if status != exchange["status"]:
            found.append(f"{where}: {status} instead of {exchange['status']}: {body}")
            continue
        golden = exchange.get("body", NOTHING)
        if golden is NOTHING or body is NOTHING:
            found += [] if golden is body else [f"{where}: {body!r} instead of {golden!r}"]
        else:
            found += differences(golden, body, where)
        for name, path in exchange.get("keep", {}).items():
            value = body
            for step in path.split("."):
                value = value[int(step) if isinstance(value, list) else step]
            world.names[name] = str(value)
    return found


def _call(exchange: dict[str, Any], world: World) -> tuple[int, Any]:
    principal = exchange.get("as", "anonymous")
    method, _, path = exchange["call"].partition(" ")
    path = path.format(**world.names)
    sent: dict[str, Any] = {}
    if "sent" in exchange:
        sent = {"data": json.dumps(exchange["sent"]), "content_type": "application/json"}
    switches = worlds.EVERYWHERE | worlds.SETTINGS.get(principal, {}) | exchange.get("settings", {})
    with override_settings(**switches):
        client = world.client(principal)
        if principal == "anonymous" and method != "GET":
            sent["headers"] = {"x-csrf-token": client.get("/csrf_token").json()["csrf_token"]}
        answer = client.generic(method, path if path.startswith("/") else PREFIX + path, **sent)
    if not answer.content:
        return answer.status_code, NOTHING
    assert answer["Content-Type"].startswith("application/json"), answer["Content-Type"]
    return answer.status_code, json.loads(answer.content)
