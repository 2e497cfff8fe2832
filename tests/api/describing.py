"""Compares what a wire answers with what it says that it answers: no key more, none fewer."""

from __future__ import annotations

import json
import re
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator

from api.docs import WIRES
from api.openapi import document


@cache
def described(name: str) -> dict[str, Any]:
    """Return the document of a wire, with every object closed to keys that it does not name."""
    found: dict[str, Any] = _closed(document(WIRES[name]))
    return found


def _closed(part: Any) -> Any:
    if isinstance(part, list):
        return [_closed(one) for one in part]
    if not isinstance(part, dict):
        return part
    closed = {key: _closed(value) for key, value in part.items()}
    if part.get("type") == "object" and isinstance(part.get("properties"), dict):
        closed.setdefault("additionalProperties", False)
    return closed


@cache
def _routes(name: str) -> list[tuple[re.Pattern[str], str]]:
    return [(re.compile(_pattern(path)), path) for path in described(name)["paths"]]


def _pattern(path: str) -> str:
    # As the routes have it: nothing but the name of a repository holds slashes.
    parts = re.split(r"({\w+})", path)
    named = {"{repository}": ".+?"}
    return "".join(named.get(part, "[^/]+") if part.startswith("{") else re.escape(part) for part in parts)


def operation(name: str, method: str, path: str) -> dict[str, Any] | None:
    """Return what a wire says of a call; None for what is no operation."""
    bare = path.partition("?")[0].rstrip("/")
    for pattern, template in _routes(name):
        if pattern.fullmatch(bare):
            found: dict[str, Any] | None = described(name)["paths"][template].get(method.lower())
            return found
    return None


def check(name: str, method: str, path: str, answer: Any) -> None:
    """Assert that a wire says what it answers here."""
    said = operation(name, method, path)
    if said is None:
        return
    where = f"{said['operationId']} {answer.status_code}"
    expected = said["responses"].get(str(answer.status_code))
    assert expected is not None, f"{where} is answered, but not told: {answer.content[:300]!r}"
    if "$ref" in expected:
        expected = described(name)["components"]["responses"][expected["$ref"].rpartition("/")[2]]
    media = expected.get("content", {})
    if not media:
        assert not answer.content, f"{where} is told to be empty"
        return
    ((kind, content),) = media.items()
    assert answer["Content-Type"].partition(";")[0] == kind, where
    if kind == "application/json":
        validator = validator_of(name, json.dumps(content["schema"], sort_keys=True))
        faults = [
            f"{fault.json_path}: {fault.message}"
            for fault in validator.iter_errors(json.loads(answer.content))
        ]
        assert not faults, f"{where}: {faults}"  # fmt: skip


@cache
def validator_of(name: str, schema: str) -> Draft202012Validator:
    """Return what checks against a schema of a wire's document."""
    whole = json.loads(schema) | {"components": described(name)["components"]}
    return Draft202012Validator(whole, format_checker=Draft202012Validator.FORMAT_CHECKER)
