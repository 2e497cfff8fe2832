"""The one rule by which a name of the files becomes a name that every wire accepts."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from core.names import PROJECT_PATTERN, fold, free_slug, is_namespace_name, slugify

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping


def is_project_name(name: str) -> bool:
    """Tell whether the wires accept ``name`` for a project."""
    return re.fullmatch(PROJECT_PATTERN, name) is not None


def is_accepted(name: str, accepts: Callable[[str], bool] = is_namespace_name) -> bool:
    """Tell whether ``name`` needs no more than lower case to be a name on the wires."""
    return accepts(fold(name))


def wire_names(
    typed: Iterable[str],
    *,
    accepts: Callable[[str], bool] = is_namespace_name,
    remembered: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """Return a wire name for each typed name; no two are the same.

    The typed names differ in more than case. One that an earlier import was given stays; one that the wires
    accept in lower case is taken so; any other becomes its slug, with ``-2``, ``-3``, … where that is taken.
    """
    typed = list(typed)
    names = {one: remembered[one] for one in typed if remembered and one in remembered}
    taken = set(names.values())
    left = []
    for one in typed:
        plain = fold(one)
        if one in names:
            continue
        if accepts(plain) and plain not in taken:
            names[one] = plain
            taken.add(plain)
        else:
            left.append(one)
    for one in left:
        names[one] = free_slug(one, taken.__contains__)
        taken.add(names[one])
    return names


def is_slug_of(slug: str, typed: str) -> bool:
    """Tell whether `wire_names` may have made ``slug`` of ``typed``, with a number or without."""
    return re.fullmatch(re.escape(slugify(typed)) + r"(-[1-9][0-9]*)?", slug) is not None
