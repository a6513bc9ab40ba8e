"""The JSON schema of a scenario file."""

from itertools import combinations
from typing import Any

from pydantic.json_schema import models_json_schema

from satqkd.scenario.reading import KINDS, ORIGINS
from satqkd.scenario.uncertain import WIDTHS


def _as_written(node: Any) -> Any:
    """Return the schema with numbers that YAML 1.1 reads as text (5.9e6), and with angles as papers print them."""
    if isinstance(node, list):
        return [_as_written(entry) for entry in node]
    if not isinstance(node, dict):
        return node
    # Where a validator runs first, pydantic leaves its own words for bounds.
    bounds = {"ge": "minimum", "le": "maximum", "gt": "exclusiveMinimum", "lt": "exclusiveMaximum"}
    node = {bounds.get(name, name): _as_written(entry) for name, entry in node.items()}
    if node.get("type") in ("number", "integer"):
        node |= {"type": [node["type"], "string"], "pattern": r"^[-+]?[0-9.]+([eE][-+]?[0-9]+)?$|^[0-9]+ .*[NSEW]$"}
    return node


def json_schema() -> dict:
    """Return the JSON schema of a scenario file; each value may have its origin.

    Examples
    --------
    >>> json_schema()["$defs"]["Detector"]["required"]
    ['efficiency', 'dark_rate_hz']
    """
    _, models = models_json_schema([(model, "validation") for model in KINDS.values()])
    schema = _as_written(models)
    number = _as_written({"type": "number"})
    sourced = {
        "type": "object",
        "required": ["value"],
        "minProperties": 2,
        "maxProperties": 3,
        "properties": {"value": {}}
        | {origin: {"type": "string"} for origin in ORIGINS}
        | {
            "range": {"type": "array", "items": number, "minItems": 2, "maxItems": 2},
            "sigma": number,
            "factor": number,
        },
        "oneOf": [{"required": [origin]} for origin in ORIGINS],
        "not": {"anyOf": [{"required": list(two)} for two in combinations(WIDTHS, 2)]},
        "additionalProperties": False,
    }
    transferred = {
        "type": "object",
        "required": ["from"],
        "properties": {"from": {"type": "string", "pattern": "^[a-z][a-z0-9_]*$"}},
        "additionalProperties": False,
    }
    for definition in schema["$defs"].values():
        for name, node in definition.get("properties", {}).items():
            if name == "kind" or "$ref" in node or "discriminator" in node:
                continue
            description = node.pop("description", None)
            if isinstance(inner := node.get("additionalProperties"), dict):
                node["additionalProperties"] = {"anyOf": [inner, {"$ref": "#/$defs/Sourced"}]}
            definition["properties"][name] = {"anyOf": [node, {"$ref": "#/$defs/Sourced"}]} | (
                {"description": description} if description else {}
            )
    schema["$defs"]["Sourced"] = {"anyOf": [sourced, transferred]}
    chosen: dict = {"$ref": "#/$defs/Scenario"}
    for kind, model in KINDS.items():
        if kind != "mission":
            named = {"type": "object", "properties": {"kind": {"const": kind}}, "required": ["kind"]}
            chosen = {"if": named, "then": {"$ref": f"#/$defs/{model.__name__}"}, "else": chosen}
    return schema | chosen
