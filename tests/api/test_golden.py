"""What each operation of the wires beside Quay's answers, to the letter; see golden.py."""

from pathlib import Path

import pytest

from api.docs import WIRES
from tests.api import golden, stages

BOOKS = {name: golden.Book(Path(__file__).parent / name / "golden") for name in WIRES}
# Refusals that every operation knows: unknown paths and callers, faults of the instance.
ERRORS = "errors"
NOT_CHANGED = 304  # has no body
# Told, because a race between two callers ends so, or a right that nothing takes away by itself.
RARE: dict[str, set[int]] = {
    "getProject": {403},
    "changeProject": {409},
    "deleteProject": {409},
    "deleteOrganization": {409},
    "createUserApiToken": {402, 409},
    "createRepositoryApiToken": {402},
}


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("wire", "operation"), [(wire, name) for wire, book in BOOKS.items() for name in book.operations()]
)
def test_the_answer_is_golden(wire, operation):
    stage = stages.STAGES[wire]()
    assert BOOKS[wire].play(operation, stage.names, stage.call) == []


@pytest.mark.parametrize("wire", sorted(WIRES))
def test_every_operation_has_a_file_with_each_success_and_each_refusal_of_its_own(wire):
    book, found = BOOKS[wire], list(WIRES[wire].operations())
    assert {one.name for *_, one in found} | {ERRORS} == set(book.operations())
    missing = {}
    for *_, one in found:
        kept = {exchange["status"] for exchange in book.exchanges(one.name)}
        told = {*one.answers, *one.also} - RARE.get(one.name, set()) - {NOT_CHANGED}
        if lacking := told - kept:
            missing[one.name] = lacking
    assert not missing


@pytest.mark.parametrize("wire", sorted(WIRES))
def test_every_refusal_that_is_common_to_the_wire_is_kept(wire):
    book, common = BOOKS[wire], {*WIRES[wire].always, *WIRES[wire].secured}
    kept = {exchange["status"] for name in book.operations() for exchange in book.exchanges(name)}
    assert common <= kept
    assert {401, 403, 404, 500} & kept == {401, 403, 404, 500}
