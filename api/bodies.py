"""Bodies of requests as JSON schemas, made from the serializers that check them."""

from __future__ import annotations

import re
from collections import defaultdict
from inspect import cleandoc
from typing import TYPE_CHECKING, Any

from rest_framework import serializers

from api.fields import Number, Object, Word

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from rest_framework.fields import Field


def first_sentence(thing: object) -> str:
    """Return the first paragraph of what a class or a function says of itself, on one line."""
    return " ".join(cleandoc(thing.__doc__ or "").partition("\n\n")[0].split()).replace("``", "`")


def summary(words: str) -> str:
    """Return what is said first, without what comes after a semicolon or in another sentence."""
    return re.split(r"; |\. ", words)[0].rstrip(".")


class Shapes:
    """The bodies that requests hold, as JSON schemas under names of their own.

    ``at`` is where the document keeps them; ``nullable`` is how it says that a value may be null.
    """

    def __init__(
        self,
        bodies: Iterable[type[serializers.Serializer[Any]] | None],
        *,
        at: str,
        nullable: Callable[[dict[str, Any]], dict[str, Any]],
    ) -> None:
        self._at, self._nullable = at, nullable
        self._used: dict[str, type[serializers.Serializer[Any]]] = {}
        same = defaultdict(set)
        for body in _with_inner({body for body in bodies if body is not None}):
            same[body.__name__].add(body)
        self._shared = {name for name, classes in same.items() if len(classes) > 1}

    def reference(self, shape: type[serializers.Serializer[Any]]) -> dict[str, Any]:
        """Return a reference to a shape; two of one name are told apart by where they are."""
        name = shape.__name__
        if name in self._shared:
            name = shape.__module__.rpartition(".")[2].capitalize() + name
        self._used[name] = shape
        return {"$ref": self._at + name}

    def definitions(self) -> dict[str, Any]:
        """Return the schemas of everything referred to, and of what they refer to in turn."""
        found: dict[str, Any] = {}
        while missing := self._used.keys() - found.keys():
            for name in missing:
                found[name] = self._schema(self._used[name])
        return dict(sorted(found.items()))

    def _schema(self, shape: type[serializers.Serializer[Any]]) -> dict[str, Any]:
        fields = shape().fields
        said: dict[str, Any] = {
            "type": "object",
            "description": first_sentence(shape),
            "properties": {name: self._field(field) for name, field in fields.items()},
        }
        if required := [name for name, field in fields.items() if field.required]:
            said["required"] = required
        return said

    def _field(self, field: Field[Any, Any, Any, Any]) -> dict[str, Any]:
        if isinstance(field, serializers.ListSerializer) and isinstance(field.child, serializers.Serializer):
            return {"type": "array", "items": self.reference(type(field.child))}
        if isinstance(field, serializers.Serializer):
            return self.reference(type(field))
        said = self._plain(field)
        if field.allow_null:
            said = self._nullable(said)
        if field.help_text:
            said["description"] = str(field.help_text)
        return said

    def _plain(self, field: Field[Any, Any, Any, Any]) -> dict[str, Any]:
        said: dict[str, Any] = {}
        if isinstance(field, Word):
            said = {"type": "string", "enum": list(field.words)}
        elif isinstance(field, serializers.CharField):
            smallest = max(field.min_length or 0, 0 if field.allow_blank else 1)
            said = {"type": "string", "minLength": smallest or None, "maxLength": field.max_length}
        elif isinstance(field, serializers.BooleanField):
            said = {"type": "boolean"}
        elif isinstance(field, serializers.IntegerField):
            said = {
                "type": "integer",
                "format": "int64",
                "minimum": field.min_value,
                "maximum": field.max_value,
            }
        elif isinstance(field, Number | serializers.FloatField | serializers.DecimalField):
            said = {"type": "number"}
        elif isinstance(field, serializers.ChoiceField):
            said = {"type": "string", "enum": list(field.choices)}
        elif isinstance(field, serializers.ListField):
            child = field.child
            said = {"type": "array", "items": self._field(child), "maxItems": field.max_length}
        elif isinstance(field, Object | serializers.DictField):
            said = {"type": "object"}
        return {key: value for key, value in said.items() if value is not None}


def _with_inner(
    shapes: Iterable[type[serializers.Serializer[Any]]],
) -> Iterator[type[serializers.Serializer[Any]]]:
    for shape in shapes:
        yield shape
        for field in shape().fields.values():
            inner = field.child if isinstance(field, serializers.ListSerializer) else field
            if isinstance(inner, serializers.Serializer):
                yield from _with_inner([type(inner)])
