"""Words to write JSON Schemas with: what a number, a record or an optional part is.

Source: JSON Schema, draft 2020-12, https://json-schema.org/draft/2020-12.
"""

from typing import Any

__all__ = [
    "COUNT",
    "INTERVAL",
    "NUMBER",
    "SEED",
    "TEXT",
    "Schema",
    "list_of",
    "maybe",
    "record",
    "table",
    "unless",
    "unless_none",
]

Schema = dict[str, Any]

TEXT: Schema = {"type": "string"}
NUMBER: Schema = {"type": "number", "minimum": -1e300, "maximum": 1e300}
COUNT: Schema = {"type": "integer", "minimum": 0, "maximum": 2**53}
# Earlier versions wrote NumPy's whole numbers as text.
SEED: Schema = {"type": ["integer", "string"], "minimum": 0, "maximum": 2**128, "pattern": r"^\d{1,38}$"}
INTERVAL: Schema = {"type": "array", "items": NUMBER, "minItems": 2, "maxItems": 2}


def maybe(schema: Schema) -> Schema:
    """The same, or null."""
    if isinstance(schema.get("type"), str):  # the other words are of that type alone
        return {**schema, "type": [schema["type"], "null"]}
    return {"anyOf": [{"type": "null"}, schema]}


def list_of(schema: Schema, at_least: int = 0) -> Schema:
    """A list of one kind."""
    return {"type": "array", "items": schema, "minItems": at_least}


def table(schema: Schema, required: tuple[str, ...] = ()) -> Schema:
    """An object with entries of one kind, some of which must be there."""
    return {"type": "object", "additionalProperties": schema, "required": list(required)}


def record(optional: Schema | None = None, **required: Schema) -> Schema:
    """An object with these entries, of which some may be missing; others are not looked at."""
    return {"type": "object", "properties": {**required, **(optional or {})}, "required": list(required)}


def unless(name: str, full: Schema) -> Schema:
    """Nothing more is needed of an object that says, by this entry, why it is empty."""
    return {"type": "object", "if": {"required": [name]}, "then": {"properties": {name: TEXT}}, "else": full}


def unless_none(counted: Schema, full: Schema) -> Schema:
    """Means are there unless there were no datapoints."""
    none = {"properties": {"datapoints": {"const": 0}}}
    return {"allOf": [counted, {"if": none, "then": True, "else": full}]}
