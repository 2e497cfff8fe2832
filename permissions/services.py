"""Taking a list of who may do what along."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any

from django.db import transaction

from core.errors import Invalid
from core.sheets import CHUNK, sheet, taken
from core.words import say
from logs.kinds import EXPORT_ACCESS
from logs.record import record
from permissions.catalogue import ACCESS_READ
from permissions.checks import require
from permissions.matrix import Filter, Matrix
from permissions.selectors import facts

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from accounts.models import Organization
    from core.actor import Actor

CSV, JSON = "csv", "json"
COLUMNS = (
    "kind",
    "name",
    "display_name",
    "in_organization",
    "enabled",
    "project",
    "visibility",
    "role",
    "by",
    "team",
    "reason",
)


@transaction.atomic
def export_access(
    *, actor: Actor, organization: Organization, form: str, wanted: Filter | None = None
) -> Iterator[bytes]:
    """Return who may do what as pieces of a file in UTF-8: ``csv`` (RFC 4180) or ``json``.

    A line for each role that somebody has on a project, with the way that decides. What it is made of is read
    now, with six queries; what is yielded later needs no database, and is no more in memory than a piece.

    Raises:
        Forbidden: neither an administrator nor somebody who reads everything.
        Invalid: there is no such form.
    """
    require(actor, ACCESS_READ, organization)
    wanted = wanted or Filter()
    if form not in (CSV, JSON):
        raise Invalid(say("Unknown form {form!r}", form=form), field="form")
    matrix = Matrix(facts(actor=actor, organization=organization), wanted)
    told: dict[str, Any] = {"format": form}
    if wanted.told():
        told["filter"] = wanted.told()
    record(EXPORT_ACCESS, actor=actor, namespace=organization.namespace, metadata=told)
    return _csv(matrix) if form == CSV else _json(matrix)


def _lines(matrix: Matrix) -> Iterator[dict[str, Any]]:
    for row in matrix.rows():
        bearer, place = matrix.facts.bearers[row.key], matrix.facts.projects[row.project]
        yield {
            "kind": row.key.kind,
            "name": bearer.slug,
            "display_name": bearer.title,
            "in_organization": matrix.facts.is_inside(row.key),
            "enabled": bearer.active,
            "project": place.slug,
            "visibility": "public" if place.public else "private",
            "role": row.role,
            "by": row.path.kind,
            "team": row.path.team,
            "reason": row.path.words,
        }


def _csv(matrix: Matrix) -> Iterator[bytes]:
    return sheet(COLUMNS, ([line[name] for name in COLUMNS] for line in _lines(matrix)))


def _json(matrix: Matrix) -> Iterator[bytes]:
    head = {"organization": matrix.facts.organization, "filter": matrix.wanted.told()}
    out = io.StringIO()
    out.write(json.dumps(head)[:-1] + ', "access": [')
    for piece in _joined(json.dumps(line, ensure_ascii=False) for line in _lines(matrix)):
        out.write(piece)
        if out.tell() >= CHUNK:
            yield taken(out)
    out.write("\n]}\n")
    yield taken(out)


def _joined(pieces: Iterable[str]) -> Iterator[str]:
    for number, piece in enumerate(pieces):
        yield f"{',' if number else ''}\n{piece}"
