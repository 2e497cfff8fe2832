"""The paths that the regular expressions of routes stand for."""

from __future__ import annotations

import re
from itertools import product

from django.contrib.admindocs.utils import replace_named_groups


def spelled(pattern: str) -> list[str]:
    """Return the paths ``organization/{orgname}`` that the regular expression of a route stands for."""
    named = replace_named_groups(pattern.removeprefix("^").removesuffix(r"\Z").removesuffix("/?"))
    named = re.sub(r"<(\w+)>", r"{\1}", named).replace("\\.", ".")
    # What is left are choices between spellings: (?:user|organization/{orgname})
    pieces = re.split(r"\(\?:([^()]*)\)", named)
    choices = [piece.split("|") if at % 2 else [piece] for at, piece in enumerate(pieces)]
    return ["".join(parts) for parts in product(*choices)]
