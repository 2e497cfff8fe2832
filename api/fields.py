"""Wire fields that take exactly the type they name: 7 is not "7", "true" is not true, [] is not an object."""

from __future__ import annotations

from math import isfinite
from typing import Any

from rest_framework import serializers


class Text(serializers.CharField):
    """A JSON string, kept as it comes: not trimmed, any length up to ``max_length``, empty allowed."""

    def __init__(self, **options: Any) -> None:
        options.setdefault("allow_blank", True)
        options.setdefault("trim_whitespace", False)
        super().__init__(**options)

    def to_internal_value(self, data: Any) -> str:
        """Refuse everything but a string, and what no database stores."""
        if not isinstance(data, str):
            raise serializers.ValidationError(f"{data!r} is not of type 'string'"[:200])
        _storable(data)
        return str(super().to_internal_value(data))


def _storable(text: str) -> None:
    if "\x00" in text:
        raise serializers.ValidationError("a string may not hold null characters")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise serializers.ValidationError("a string may not hold lone surrogates") from error


class Word(Text):
    """A JSON string out of a list of words."""

    def __init__(self, *words: str, **options: Any) -> None:
        self.words = words
        options.setdefault("allow_blank", "" in words)
        super().__init__(**options)

    def to_internal_value(self, data: Any) -> str:
        """Refuse every other word."""
        word = super().to_internal_value(data)
        if word not in self.words:
            raise serializers.ValidationError(f"{word[:80]!r} is not one of {list(self.words)}")
        return word


class Flag(serializers.BooleanField):
    """A JSON true or false."""

    def to_internal_value(self, data: Any) -> bool:
        """Refuse everything that only resembles a boolean."""
        if not isinstance(data, bool):
            raise serializers.ValidationError(f"{data!r} is not of type 'boolean'"[:200])
        return data


class Whole(serializers.IntegerField):
    """A JSON integer of at most 64 bits."""

    def __init__(self, **options: Any) -> None:
        options.setdefault("min_value", -(2**63))
        options.setdefault("max_value", 2**63 - 1)
        super().__init__(**options)

    def to_internal_value(self, data: Any) -> int:
        """Refuse strings, booleans and numbers with a fraction."""
        if isinstance(data, bool) or not isinstance(data, int):
            raise serializers.ValidationError(f"{data!r} is not of type 'integer'"[:200])
        return data


class Number(serializers.Field[float, Any, float, Any]):
    """A JSON number, whole or not; no not-a-number and nothing infinite."""

    def to_internal_value(self, data: Any) -> float:
        """Refuse strings and booleans, and what is too large to be a number of anything."""
        if isinstance(data, bool) or not isinstance(data, int | float):
            raise serializers.ValidationError(f"{data!r} is not of type 'number'"[:200])
        if isinstance(data, float) and not isfinite(data):
            raise serializers.ValidationError("the number is too large")
        return data

    def to_representation(self, value: float) -> float:
        """Return it as it is."""
        return value


class Object(serializers.Field[dict[str, Any], Any, dict[str, Any], Any]):
    """A JSON object with whatever keys, nested at most ``DEEPEST`` levels."""

    DEEPEST = 32

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        """Refuse everything but an object, and what no database stores."""
        if not isinstance(data, dict):
            raise serializers.ValidationError(f"{data!r} is not of type 'object'"[:200])
        level: list[Any] = [data]
        for _ in range(self.DEEPEST):
            level = [inner for one in level for inner in _parts(one)]
        if level:
            raise serializers.ValidationError("the object is nested too deeply")
        return data

    def to_representation(self, value: dict[str, Any]) -> dict[str, Any]:
        """Return it as it is."""
        return value


def _parts(value: Any) -> list[Any]:
    """Return what a JSON value is made of; strings must be storable."""
    if isinstance(value, str):
        _storable(value)
    if isinstance(value, dict):
        return [*value.keys(), *value.values()]
    return value if isinstance(value, list) else []


def first_problem(detail: Any, path: str = "") -> tuple[str, str]:
    """Return the path and the words of the first problem in a serializer's error detail."""
    if isinstance(detail, dict):
        for key, value in detail.items():
            name = path if key == "non_field_errors" else f"{path}.{key}".lstrip(".")
            return first_problem(value, name)
    if isinstance(detail, list | tuple) and detail:
        # Of an array the objects that are right have an empty detail.
        return first_problem(next((one for one in detail if one), detail[0]), path)
    words = str(detail)
    if words == "This field is required.":
        words = f"{path.rpartition('.')[2]!r} is a required property"
    elif words == "This field may not be null.":
        words = f"None is not allowed for {path.rpartition('.')[2]!r}"
    return path, words
