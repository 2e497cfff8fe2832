"""Names: how they compare, what the wires accept, and how a free one is made of what people typed."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

from django.core.validators import RegexValidator

if TYPE_CHECKING:
    from collections.abc import Callable

NAMESPACE_PATTERN = r"^([a-z0-9]+(?:[._-][a-z0-9]+)*)$"
NAME_MIN, NAME_MAX = 2, 255
PROJECT_PATTERN = r"^[a-z0-9][a-z0-9._-]*(?:/[a-z0-9][a-z0-9._-]*)*$"

namespace_rule = RegexValidator(
    # \Z, not $: a trailing line feed is not part of a name.
    r"\A[a-z0-9]+(?:[._-][a-z0-9]+)*\Z",
    "must be 2 to 255 lower-case letters and digits, with single dots, dashes or underscores between them",
)
project_rule = RegexValidator(
    r"\A[a-z0-9][a-z0-9._-]*(?:/[a-z0-9][a-z0-9._-]*)*\Z",
    "must be lower-case letters, digits, dots, dashes and underscores, in parts separated by slashes",
)


def is_namespace_name(name: str) -> bool:
    """Tell whether the wires accept ``name`` for a user, an organization, a team or a robot."""
    return NAME_MIN <= len(name) <= NAME_MAX and re.fullmatch(NAMESPACE_PATTERN[1:-1], name) is not None


def is_project_name(name: str) -> bool:
    """Tell whether the wires accept ``name`` for a project (quay-b.md 1)."""
    return len(name) <= NAME_MAX and re.fullmatch(PROJECT_PATTERN[1:-1], name) is not None


def fold(name: str) -> str:
    """Return the form in which two spellings of one name are equal (NFKC, then casefold, then NFKC)."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())


def plain(name: str) -> str:
    """Return a folded name without accents."""
    found = unicodedata.normalize("NFKD", fold(name))
    return "".join(char for char in found if not unicodedata.combining(char))


def slugify(name: str) -> str:
    """Return the path-safe form of what people typed: the one rule for every name a wire would refuse.

    Folded; accents dropped; every run of other characters becomes one dash; dashes, dots and underscores at
    the ends go; a rest shorter than two characters is filled up with ``x``.
    """
    slug = re.sub(r"[^a-z0-9._-]+", "-", plain(name))
    slug = re.sub(r"[._-]*-[._-]*|[._-]{2,}", lambda run: "-" if "-" in run[0] else run[0][0], slug)
    slug = slug.strip("._-")[:NAME_MAX].rstrip("._-")
    return slug if len(slug) >= NAME_MIN else (slug + "xx")[:NAME_MIN]


def free_slug(name: str, is_taken: Callable[[str], bool]) -> str:
    """Return the slug of ``name``, or the first of ``slug-2``, ``slug-3``, … that is not taken."""
    slug = slugify(name)
    candidate, number = slug, 1
    while is_taken(candidate):
        number += 1
        ending = f"-{number}"
        candidate = slug[: NAME_MAX - len(ending)].rstrip("._-") + ending
    return candidate
