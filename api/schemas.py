"""Words that the wires' own schemas are written in: JSON Schema as OpenAPI 3.1 has it."""

from __future__ import annotations

from typing import Any

Schema = dict[str, Any]
AT = "#/components/schemas/"

TEXT: Schema = {"type": "string"}
FLAG: Schema = {"type": "boolean"}
WHOLE: Schema = {"type": "integer", "format": "int64"}
MOMENT: Schema = {"type": "string", "format": "date-time"}
ADDRESS: Schema = {"type": "string", "format": "uri"}


def thing(about: str, required: dict[str, Schema], optional: dict[str, Schema] | None = None) -> Schema:
    """Return the schema of an object whose ``optional`` keys may be left out."""
    said: Schema = {"type": "object", "description": about, "properties": {**required, **(optional or {})}}
    return said | {"required": list(required)} if required else said


def ref(name: str) -> Schema:
    """Return a reference to a schema of the same wire."""
    return {"$ref": AT + name}


def listed(schema: Schema, **more: Any) -> Schema:
    """Return the schema of an array."""
    return {"type": "array", "items": schema, **more}


def words(*those: str) -> Schema:
    """Return the schema of a word out of a list."""
    return {"type": "string", "enum": list(those)}


def under(key: str, schema: Schema) -> Schema:
    """Return the schema of an object with nothing but this key."""
    return {"type": "object", "properties": {key: schema}, "required": [key]}


def or_null(schema: Schema) -> Schema:
    """Return a schema that takes null as well."""
    if "type" not in schema:
        return {"anyOf": [schema, {"type": "null"}]}
    said = schema | {"type": [schema["type"], "null"]}
    return said | {"enum": [*schema["enum"], None]} if "enum" in schema else said
