"""The access table of the Quay wire: every route and method, and what each principal gets.

A row says what a call answers to whom::

    Row("get", "organization/acme/members", only(ORG_ADMINS | AUDITOR, 200))
    Row("put", "organization/acme/team/devs", only(ORG_ADMINS, 200), body={"role": "creator"})

- ``path`` stands below ``/api/v1/``; ``{name}`` in it comes from ``World.names`` (see world.py; ``prepare``
  may add to them).
- ``expect`` maps principals to statuses. Build it with ``only(allowed, status)`` (nobody: 401, others: 403)
  or ``everybody(status)``, both with single principals overridden by keyword or ``**{"repo:read": 404}``.
  ``robot``, ``expired`` and ``disabled`` are left out: their tokens are none on this wire, so they read like
  ``anonymous`` and write like a call without CSRF token (403); so is ``globex-owner``, who gets what
  ``stranger`` does where neither globex nor the caller's own is spoken of; so is ``keeper``, an admin of
  acme/web alone, who gets what ``repo:admin`` does there, and elsewhere what those do to whom nothing is
  opened by a grant; so is ``overseer``, the auditor of acme, who reads of acme what ``auditor`` does, and is
  a stranger to everything else. Name them where that differs.
- ``body`` is sent as JSON; without one nothing is sent, not even a content type.
- ``prepare(world)`` changes the world before the calls, ``settings`` the switches during them.
- ``csrf`` False marks the few writes that need no CSRF token.

Each row is one test: the same world for every principal, every call undone afterwards. A call that is
refused, or that only reads, must leave every table as it was (tests/checksum.py). ``anonymous`` sends a good
CSRF token, so that the operation's own gate is seen; that the same write without one is a 403 is checked
beside. Modules beside this one named ``access_<group>.py`` are found by themselves: each has its ``ROWS``.
``test_access.py`` fails for a route and method of ``api/quay/urls.py`` without a row.
"""

from __future__ import annotations

import importlib
import json
import pkgutil
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.test import override_settings
from django.urls import resolve

import tests.api.quay
from api.quay.urls import urlpatterns
from permissions.catalogue import Scope
from tests.api.quay import world as worlds
from tests.checksum import snapshot, watched

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from django.test import Client
    from django.urls import ResolverMatch

    from tests.api.quay.world import World
    from tests.checksum import Snapshot

PREFIX = "/api/v1/"
UNKNOWN = "UnknownRoute"
NOTHING = object()
OF_ACME = ("organization/acme", "repository/acme/")
OF_THE_CALLER = ("user/", "teaminvite/")  # what these paths mean is another thing for everybody who calls

BY_RULE = frozenset(
    {*worlds.UNUSABLE, worlds.FOREIGN, worlds.KEEPER, worlds.OVERSEER}
)  # rows need not name them
# Principals by what lets them pass. Tokens of one scope belong to acme's owner, super:user to a superuser.
EVERYBODY = frozenset(worlds.PRINCIPALS)
NOBODY: frozenset[str] = frozenset()
AUDITOR = frozenset({"auditor"})  # sees everything, changes nothing
FULL = frozenset({"full"})  # a superuser where MUSTER_SUPERUSERS_FULL_ACCESS is on
PEOPLE = frozenset({*worlds.PEOPLE, "superuser", "full", "auditor"})  # with a token of every scope
SIGNED_IN = PEOPLE | frozenset(Scope.values)
OWN_ADMIN = PEOPLE | {"user:admin"}  # may administer the own account
OWN_WRITERS = OWN_ADMIN - AUDITOR  # may change it: a read-only superuser changes nothing, not even her own
OWN_READ = OWN_ADMIN | {"user:read"}
SUPERUSERS = frozenset({"superuser", "full", "super:user"})
ORG_ADMINS = frozenset({"admin", "owner", "org:admin"}) | FULL
ORG_CREATORS = ORG_ADMINS | {"creator", "repo:create"}
ORG_MEMBERS = ORG_CREATORS | {"member"}
# On the private project acme/web.
WEB_ADMINS = frozenset({"admin", "owner", "repo:admin"}) | FULL
WEB_WRITERS = WEB_ADMINS | {"writer", "repo:write"}
WEB_READERS = WEB_WRITERS | {"reader", "repo:read"}


def everybody(status: int, **others: int) -> dict[str, int]:
    """Return an expectation in which everybody gets ``status``, but for the ones named."""
    return only(EVERYBODY, status, **others)


def only(
    allowed: Iterable[str], status: int, *, refused: int = 403, unknown: int = 401, **others: int
) -> dict[str, int]:
    """Return an expectation: ``allowed`` get ``status``, nobody ``unknown``, everybody else ``refused``."""
    strange = (set(allowed) | set(others)) - EVERYBODY - BY_RULE
    if strange:
        message = f"no such principals: {sorted(strange)}"
        raise ValueError(message)
    found = dict.fromkeys(EVERYBODY - {"robot"}, refused) | {"anonymous": unknown}
    return found | dict.fromkeys(set(allowed) - {"robot"}, status) | others


@dataclass(frozen=True)
class Row:
    """One call and its answers; see the module."""

    method: str
    path: str
    expect: dict[str, int]
    body: Any = NOTHING
    prepare: Callable[[World], None] | None = None
    settings: dict[str, Any] = field(default_factory=dict)
    csrf: bool = True

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def route(self) -> tuple[str, str]:
        """The name of the route and the method."""
        return resolved(self.path).url_name or "", self.method


def resolved(path: str) -> ResolverMatch:
    """Return the route of a path and what its parts hold, names in braces as they are."""
    return resolve(PREFIX + path.replace("{", "").replace("}", "").partition("?")[0])


def call(client: Client, method: str, path: str, body: Any = NOTHING, **headers: str) -> Any:
    """Send a call below ``/api/v1/``; the answer is JSON or empty, whatever happened."""
    sent: dict[str, Any] = {"headers": headers}
    if body is not NOTHING:
        text = body if isinstance(body, str | bytes) else json.dumps(body)
        # The test client drops the content type of an empty body, unless it is told so itself.
        sent |= {"data": text, "content_type": "application/json", "CONTENT_TYPE": "application/json"}
    elif method not in ("get", "delete"):
        sent |= {"data": b"", "content_type": ""}
    answer = client.generic(method.upper(), PREFIX + path, **sent)
    if answer.content:
        json.loads(answer.content)
    return answer


def answers(row: Row, world: World) -> tuple[dict[str, int], dict[str, int], list[str]]:
    """Call a row as every principal; return what was expected, what came, and what changed that must not."""
    expected = dict(row.expect)
    for principal in worlds.UNUSABLE:
        like_nobody = row.method == "get" or not row.csrf
        expected.setdefault(principal, expected["anonymous"] if like_nobody else 403)
    if "globex" not in f"{row.path} {row.body}" and not row.path.startswith(OF_THE_CALLER):
        expected.setdefault(worlds.FOREIGN, expected["stranger"])
    expected.setdefault(worlds.KEEPER, expected[_like_keeper(row)])
    expected.setdefault(worlds.OVERSEER, expected[_like_overseer(row)])
    came: dict[str, int] = {}
    changed: list[str] = []
    with override_settings(**worlds.EVERYWHERE, **row.settings):
        if row.prepare is not None:
            row.prepare(world)
        path = row.path.format(**world.names)
        clients = {principal: world.client(principal) for principal in EVERYBODY | expected.keys()}
        token = clients["anonymous"].get("/csrf_token").json()["csrf_token"]
        before = snapshot()
        for principal, client in clients.items():
            headers = {"x-csrf-token": token} if principal == "anonymous" else {}
            came[principal] = _undone(client, row, path, principal, headers, before, changed)
        if row.method != "get" and row.csrf:
            expected["no CSRF token"] = 403
            came["no CSRF token"] = _undone(clients["anonymous"], row, path, "anonymous", {}, before, changed)
    return expected, came, changed


def _like_keeper(row: Row) -> str:
    if resolved(row.path).kwargs.get("repository") == "acme/web":
        return "repo:admin"
    return "reader" if row.path.startswith(OF_THE_CALLER) else "stranger"


def _like_overseer(row: Row) -> str:
    if row.method == "get" and row.path.startswith(OF_ACME):
        return "auditor"
    return "reader" if row.path.startswith(OF_THE_CALLER) else "stranger"


def _undone(
    client: Client,
    row: Row,
    path: str,
    principal: str,
    headers: dict[str, str],
    before: Snapshot,
    changed: list[str],
) -> int:
    cookies = client.cookies.output()
    with override_settings(**worlds.SETTINGS.get(principal, {})), transaction.atomic(), watched() as writes:
        answer = call(client, row.method, path, row.body, **headers)
        status: int = answer.status_code
        if status >= 400 or row.method == "get":
            changed += [f"{principal}, {status}: {line}" for line in writes.changes(before)]
        transaction.set_rollback(True)
    if client.cookies.output() != cookies:
        client.cookies.clear()
        client.cookies.load(cookies)
    return status


def all_rows() -> list[Row]:
    """Return the rows of every ``access_<group>`` module."""
    found: list[Row] = []
    for module in pkgutil.iter_modules(tests.api.quay.__path__):
        if module.name.startswith("access_"):
            found += importlib.import_module(f"tests.api.quay.{module.name}").ROWS
    return found


def all_routes() -> Iterator[tuple[str, str]]:
    """Yield every (route, method) that the wire serves."""
    for pattern in urlpatterns:
        view = getattr(pattern.callback, "view_class", None)
        if view is None or pattern.name == UNKNOWN:
            continue
        for method in ("get", "post", "put", "delete", "patch"):
            if hasattr(view, method):
                yield pattern.name or "", method
