"""Calls made up from the wire's own description: none is a 500, and every refusal speaks the dialect.

What is made up is the same on every run. Each call is undone, so that all find the same world.
"""

from __future__ import annotations

import json
from itertools import cycle
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import hypothesis
import pytest
import schemathesis
from django.db import transaction
from hypothesis import HealthCheck, Phase, given
from schemathesis import GenerationMode
from schemathesis.core import NotSet
from schemathesis.core.result import Ok

from api.quay import discovery
from tests.api.quay import world as worlds

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.test import Client
    from schemathesis import Case

ERROR_KEYS = {"detail", "error_message", "error_type", "status", "title", "type"}
# What paths are filled with beside what is made up: things that are there.
THERE = {
    "email": "someone@example.test",
    "error_type": "not_found",
    "membername": "member",
    "name": "acme",
    "namespace": "acme",
    "orgname": "acme",
    "prefix": "a",
    "repository": "acme/web",
    "robot_shortname": "ci",
    "teamname": "devs",
    "username": "reader",
}
EXAMPLES = 2


@pytest.fixture(scope="module")
def operations() -> list[Any]:
    text, _ = discovery.written(internal=True, host="testserver", scheme="http")
    schema = schemathesis.openapi.from_dict(json.loads(text))
    return [found.ok() for found in schema.get_all_operations() if isinstance(found, Ok)]


def send(client: Client, case: Case[Any], *, is_real: bool) -> Any:
    """Send a case, its path led to what is there if it should be real, and undo what it did."""
    path = case.operation.path
    for key, made_up in case.path_parameters.items():
        value = THERE.get(key, made_up) if is_real else made_up
        path = path.replace(f"{{{key}}}", quote(str(value), safe=""))
    sent: dict[str, Any] = {"query_params": case.query or {}}
    if not isinstance(case.body, NotSet):
        # Some are no JSON at all.
        data = case.body if isinstance(case.body, bytes) else json.dumps(case.body)
        sent |= {"data": data, "content_type": "application/json"}
    cookies = client.cookies.output()
    with transaction.atomic():
        answer = client.generic(case.method, path, **sent)
        transaction.set_rollback(True)
    if client.cookies.output() != cookies:
        client.cookies.clear()
    return answer


def fault(answer: Any) -> str:
    """Return what is wrong with an answer; nothing if it is the dialect's."""
    if answer.status_code >= 500:
        return "it broke"
    if not answer.content:
        return ""
    if not answer["Content-Type"].startswith("application/json"):
        return f"it is {answer['Content-Type']}"
    body = json.loads(answer.content)
    if answer.status_code < 400:
        return ""
    if not isinstance(body, dict):
        return "the refusal is no object"
    keys = body.keys()
    if keys >= ERROR_KEYS:
        same = body["status"] == answer.status_code and body["detail"] == body["error_message"]
        return "" if same else "the refusal contradicts itself"
    return "" if "message" in keys or keys == {"error"} else "the refusal has no shape of the dialect"


def make_up(operation: Any, mode: GenerationMode, use: Callable[[Case[Any], bool], None]) -> None:
    """Call ``use`` with cases of an operation; what is wrong with the negative ones is their body."""
    fixed: dict[str, Any] = {}
    is_real = cycle([True, False])
    if mode is GenerationMode.NEGATIVE:
        names = [one.name for one in operation.path_parameters]
        fixed = {"path_parameters": {name: THERE.get(name, "none") for name in names}, "query": {}}

    @hypothesis.settings(
        max_examples=EXAMPLES,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode, **fixed))
    def each(case: Case[Any]) -> None:
        use(case, next(is_real))

    each()


@pytest.mark.django_db
@pytest.mark.parametrize("principal", ["full", "owner"])
def test_no_call_breaks_the_wire(operations, principal, settings):
    settings.SUPERUSERS_FULL_ACCESS = principal == "full"
    client = worlds.build().client(principal)
    faults: dict[str, str] = {}
    called = set()

    def use(case: Case[Any], is_real: bool) -> None:
        answer = send(client, case, is_real=is_real)
        found = fault(answer)
        described = {int(status) for status in case.operation.definition.raw["responses"]}
        if not found and is_real and answer.status_code not in described | {400, 404, 405}:
            found = f"it is not described: {sorted(described)}"
        if found:
            label = f"{case.method} {case.operation.path}: {answer.status_code}, {found}"
            faults.setdefault(label, repr((case.path_parameters, case.query, case.body))[:300])
        called.add((case.method, case.operation.path))

    for operation in operations:
        make_up(operation, GenerationMode.POSITIVE, use)
        if operation.body and principal == "full":
            make_up(operation, GenerationMode.NEGATIVE, use)
    assert not faults, "\n".join(f"{label}\n    {sent}" for label, sent in faults.items())
    assert len(called) == len(operations)
