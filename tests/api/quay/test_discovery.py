"""What the operations of the Quay wire say of themselves, compared with what they do."""

from collections import defaultdict

import pytest

from api.quay import operation
from api.quay.urls import urlpatterns
from api.quay.view import QuayView
from tests.api.quay import access, golden

VIEWS: dict[str, type[QuayView]] = {
    pattern.name: pattern.callback.view_class  # type: ignore[attr-defined] # as DRF makes them
    for pattern in urlpatterns
    if pattern.name
}

# By test_session.py: the worlds of golden files and access tables are never without people.
SHOWN_ELSEWHERE = {"initializeUser": {200}}


def answered() -> dict[tuple[str, str], set[tuple[str, int]]]:
    """Return, by route and method, the paths and statuses that the golden files and access tables hold."""
    found: dict[tuple[str, str], set[tuple[str, int]]] = defaultdict(set)
    for row in [*golden.calls(), *access.all_rows()]:
        found[row.route] |= {(row.path, status) for status in row.expect.values()}
    return found


@pytest.fixture(scope="module")
def known():
    return answered()


def declared() -> list[tuple[str, str, operation.Operation]]:
    return [
        (name, method, one)
        for name, method in access.all_routes()
        for one in operation.operations_of(VIEWS[name], method)
    ]


@pytest.mark.parametrize(
    ("name", "method", "one"), declared(), ids=lambda value: getattr(value, "name", str(value))
)
def test_an_operation_says_what_it_answers(known, name, method, one):
    came = {status for path, status in known[name, method] if path.startswith(one.under)}
    said = one.statuses(method, csrf_exempt=VIEWS[name].csrf_exempt)
    # One handler serves all spellings of its path.
    shown = {status for _, status in known[name, method]} | SHOWN_ELSEWHERE.get(one.name, set())
    assert one.success in shown, f"nothing shows that {one.success} is answered"
    assert came <= said, f"{sorted(came - said)} are answered, but not told"


def test_no_two_operations_have_one_name():
    names = [one.name for _, _, one in declared()]
    assert len(names) == len(set(names))
