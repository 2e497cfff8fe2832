"""Sizes as people write them: ``10 GiB``, ``500M``, ``1024``."""

from __future__ import annotations

import re

from core.errors import Invalid
from core.words import say

# K, M, … and KB, MB, … count in thousands; Ki, Mi, … and KiB, MiB, … in 1,024 (quay-b.md 6.1).
_LETTERS = "KMGTPE"
_UNITS = {"": 1}
for _power, _letter in enumerate(_LETTERS, 1):
    _UNITS |= {_letter: 1000**_power, f"{_letter}B": 1000**_power}
    _UNITS |= {f"{_letter}i": 1024**_power, f"{_letter}iB": 1024**_power}
_NAMES = ("Byte", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB")


def read_size(text: str) -> int:
    """Return the bytes that a size such as ``10 GiB`` means.

    Raises:
        Invalid: not a whole number with a unit that is known.
    """
    match = re.fullmatch(r"([0-9]{1,30})\s?([A-Za-z]*)", text)
    if match is None or match[2] not in _UNITS:
        raise Invalid(say("{text!r} is not a size", text=text[:40]), field="limit")
    return int(match[1]) * _UNITS[match[2]]


def write_size(number: int) -> str:
    """Return a size with one decimal and a binary unit: ``10.0 GiB``."""
    value, unit = float(number), 0
    while value >= 1024 and unit < len(_NAMES) - 1:
        value, unit = value / 1024, unit + 1
    return f"{value:.1f} {_NAMES[unit]}"
