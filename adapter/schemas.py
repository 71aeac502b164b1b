"""The published JSON Schemas (draft 2020-12) of what this product reads and says. A new one is a row of `SCHEMAS`."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode, JsonSchemaValue
from pydantic_core import core_schema

from adapter.domain.order import Order


@dataclass(frozen=True)
class Published:
    """A model and the version of its schema. A change that refuses what was valid before, or says it differently, is a new version."""

    model: type[BaseModel]
    version: int = 1
    mode: JsonSchemaMode = "validation"
    """`validation` for what is read, `serialization` for what is sent."""


SCHEMAS: Mapping[str, Published] = {"order": Published(Order)}
"""Name to model: `order` is the canonical order that the `standard` connector reads."""


class _Generator(GenerateJsonSchema):
    def decimal_schema(self, schema: core_schema.DecimalSchema) -> JsonSchemaValue:
        """What `adapter.domain.money.exact` reads: a decimal text, or a number, which the JSON parser keeps digit by digit."""
        return {
            "description": 'An exact decimal, best as a text such as "12.30"',
            "type": ["string", "number"],
            "pattern": r"^-?[0-9]{1,15}(\.[0-9]{1,20})?$",
            "exclusiveMinimum": -(10**15),
            "exclusiveMaximum": 10**15,
        }

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        """Without `"default": null`: what is absent is absent, and the schema is a third shorter."""
        generated = super().default_schema(schema)
        return {key: value for key, value in generated.items() if (key, value) != ("default", None)}


def schema(name: str) -> dict[str, Any]:
    """The JSON Schema of that name, with `$schema` and an `$id` such as `/schemas/order/1.json`.

    Raises KeyError naming the schemas that exist.
    """
    if name not in SCHEMAS:
        raise KeyError(f"there is no schema {name!r}; there are: {', '.join(SCHEMAS)}")
    published = SCHEMAS[name]
    return {
        "$schema": GenerateJsonSchema.schema_dialect,
        "$id": f"/schemas/{name}/{published.version}.json",
        **published.model.model_json_schema(mode=published.mode, schema_generator=_Generator),
    }
