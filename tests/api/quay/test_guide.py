"""The vendor's guide names 152 operations: each has a route, access rows, golden answers, a line of docs."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from django.urls import resolve

from api.quay.operation import Operation, operations_of
from tests.api.quay import access, golden

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.api.quay.access import Row

HERE = Path(__file__).parent
PAGE = HERE.parents[2] / "docs" / "dialects" / "quay.md"
GUIDE: list[dict[str, str]] = json.loads((HERE / "guide_operations.json").read_text())
HEADING = "## The guide's operations, one by one"
SECTION = re.compile(r"[AB] \d+(\.\d+)?")


def filled(path: str) -> str:
    """Return a path of the guide with something in each of its places."""
    values = {"repository": "acme/web", "manifestref": "sha256:0f"}
    return re.sub(r"{(\w+)}", lambda found: values.get(found[1], found[1]), path)


def is_call_of(row: Row, one: dict[str, str]) -> bool:
    """Tell whether a row, or a golden exchange, calls an operation."""
    if row.method != one["method"].lower():
        return False
    pattern = re.sub(r"{(\w+)}", "[^/]+", one["path"].replace("{repository}", "[^/]+/.+"))
    called = access.PREFIX + row.path.partition("?")[0].replace("{", "").replace("}", "")
    if not re.fullmatch(pattern.rstrip("/") + "/?", called):
        return False
    return row.route == (resolve(filled(one["path"])).url_name, row.method)


def declared(one: dict[str, str]) -> Operation | None:
    """Return what the handler of an operation says of itself, if it bears the guide's name."""
    view: Any = resolve(filled(one["path"])).func
    found = operations_of(view.view_class, one["method"].lower())
    return next((known for known in found if known.name == one["name"]), None)


@cache
def access_rows() -> list[Row]:
    return access.all_rows()


@cache
def played() -> dict[str, list[Row]]:
    """Return the calls of each golden file."""
    return {name: golden.calls(name) for name in golden.operations()}


def shown_by(one: dict[str, str]) -> list[str]:
    """Return the golden files that call an operation; its own first."""
    found = [name for name, calls in played().items() if any(is_call_of(call, one) for call in calls)]
    return sorted(found, key=lambda name: (name != one["name"], name))


def line_of(one: dict[str, str], section: str, file: str) -> str:
    """Return the line of the documentation that tells what is."""
    known = declared(one)
    assert known is not None
    others = sorted(known.statuses(one["method"].lower()) - {known.success})
    answers = " ".join([f"**{known.success}**", *map(str, others)])
    path = one["path"].removeprefix(access.PREFIX)
    return f"| {one['name']} | `{one['method']} {path}` | {answers} | {section} | `{file}.json` |"


def documented(lines: Iterable[str]) -> dict[str, list[str]]:
    """Return the cells of each line of the table, by the operation's name."""
    cells = [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in lines if "`" in line]
    return {row[0]: row for row in cells}


@cache
def page() -> dict[str, list[str]]:
    _, found, text = PAGE.read_text().partition(HEADING)
    assert found, "the table is gone"
    return documented(line for line in text.partition("\n## ")[0].splitlines() if line.startswith("| "))


def test_the_guide_is_whole():
    assert len(GUIDE) == len({one["name"] for one in GUIDE}) == 152
    assert len({(one["method"], one["path"]) for one in GUIDE}) == 152
    assert page().keys() == {one["name"] for one in GUIDE}


@pytest.mark.parametrize("one", GUIDE, ids=lambda one: one["name"])
def test_an_operation_of_the_guide_is_served_shown_and_told(one):
    assert declared(one) is not None, "no route of this path and method bears the name"
    assert any(is_call_of(row, one) for row in access_rows()), "no row of an access table calls it"
    files = shown_by(one)
    assert files, "no golden file calls it"
    *_, section, file = page()[one["name"]]
    assert SECTION.fullmatch(section), f"{section!r} is no section of the contract"
    assert file.strip("`").removesuffix(".json") in files, f"it is not shown there, but in {files}"
    line = line_of(one, section, file.strip("`").removesuffix(".json"))
    assert page()[one["name"]] == documented([line])[one["name"]], f"the line should be {line}"
