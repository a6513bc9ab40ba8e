"""Tables of docs/scenario-keys.md, from the model: ``python docs/scenario_keys.py`` rewrites the page."""

import re
from pathlib import Path

from satqkd.scenario import PROOFS, json_schema

PAGE = Path(__file__).with_suffix("").with_name("scenario-keys.md")
INTRODUCTION = """# Keys of a scenario

Made from the model by `python docs/scenario_keys.py`; a test keeps it current. A scenario is one YAML file of one of
two kinds: a mission, simulated from the orbit on, or two recordings (`kind: recorded`). The tables follow the model's
sections; a key without a default has to be given. Any value may say where it comes from, as in
`{value: 5.9e6, published: main text}`, likewise `assumed` or `calibrated`, and a single number how uncertain it is, as
`range: [lowest, highest]` or `sigma`; `{from: yin2020}` takes it from another scenario:
[scenarios](../data/scenarios/README.md).
A commented file to start from is [template.yaml](../data/scenarios/template.yaml).

`key.bound` names a proof, of pairs PAIRS, of decoy states PULSES: [key lengths](key-lengths.md).
"""
SAID = {"kind": "which of the kinds it is"}
AS_ABOVE = "As of a mission.\n"
KINDS = {"Scenario": "A mission", "Recorded": "Recordings (`kind: recorded`)"}
BOUNDS = {
    "minimum": "≥ ",
    "exclusiveMinimum": "> ",
    "maximum": "≤ ",
    "exclusiveMaximum": "< ",
    "maxLength": "length ≤ ",
}
PATTERNS = {r"^[a-z][a-z0-9_]*$": "lower case, digits, _"}


def page() -> str:
    """The page as the model gives it now."""
    definitions = json_schema()["$defs"]
    proofs = {kind: ", ".join(f"`{name}`" for name in names) for kind, names in PROOFS.items()}
    introduction = INTRODUCTION.replace("PAIRS", proofs["entangled"]).replace("PULSES", proofs["decoy"])
    parts, done = [introduction], set()
    for name, title in KINDS.items():
        parts.append(f"## {title}\n\n{_section(name, definitions)}")
        for where, inner in _inner(name, "", definitions):
            parts.append(f"### {where}\n\n{_section(inner, definitions) if inner not in done else AS_ABOVE}")
            done.add(inner)
    return "\n".join(parts)


def _inner(name: str, path: str, definitions: dict):
    """Sections below a section: the heading and the definition of each, in the file's order."""
    for key, node in definitions[name]["properties"].items():
        for inner in _referenced(node):
            kind = definitions[inner]["properties"].get("kind", {}).get("const")
            here = f"{path}{key}"
            yield f"`{here}`" + (f", `kind: {kind}`" if kind else "") + (", a list" if _is_list(node) else ""), inner
            yield from _inner(inner, f"{here}.", definitions)


def _section(name: str, definitions: dict) -> str:
    definition = definitions[name]
    rows = [["key", "type", "unit", "bounds", "default", "what it is"], ["---"] * 6]
    for key, node in definition["properties"].items():
        words, unit = _unit(node.get("description", ""))
        bare = _bare(node)
        default = _default(bare, key in definition.get("required", []))
        rows.append([f"`{key}`", _type(bare), unit, _bounds(bare), default, words or SAID.get(key, "below")])
    lines = "\n".join("| " + " | ".join(row) + " |" for row in rows)
    return f"{definition['description']}\n\n{lines}\n"


def _bare(node: dict) -> dict:
    """A value's schema without the form that names its source, and without null."""
    while "anyOf" in node:
        inner = [n for n in node["anyOf"] if n.get("$ref") != "#/$defs/Sourced" and n.get("type") != "null"]
        outer = {key: value for key, value in node.items() if key != "anyOf"}
        if len(inner) > 1:
            return outer | {"either": [_bare(n) for n in inner]}
        node = outer | inner[0]
    return node


def _referenced(node) -> list[str]:
    """Names of the sections that a key holds."""
    if isinstance(node, list):
        return [name for entry in node for name in _referenced(entry)]
    if not isinstance(node, dict):
        return []
    here = [node["$ref"].rpartition("/")[2]] if "$ref" in node else []
    below = [name for key, entry in node.items() if key != "discriminator" for name in _referenced(entry)]
    return [name for name in here + below if name != "Sourced"]


def _is_list(node: dict) -> bool:
    return _bare(node).get("type") == "array"


def _unit(description: str) -> tuple[str, str]:
    found = re.fullmatch(r"(.*?) \[([^\[\]]+)\]", description)
    return (found[1], found[2]) if found else (description, "")


def _type(node: dict) -> str:
    if "either" in node:
        return " or ".join(map(_type, node["either"]))
    if "enum" in node or "const" in node:
        return ", ".join(f"`{value}`" for value in node.get("enum", [node.get("const")]))
    if _referenced(node) and node.get("type") != "array":
        return "section"
    if node.get("type") == "array":
        length, inner = _length(node), node.get("items") or node["prefixItems"][0]
        one = "section" if _referenced(inner) else _type(_bare(inner))
        return f"list of {length}{'lists' + one[4:] if one.startswith('list') else one + 's'}"
    if node.get("format") == "date-time":
        return "time (UTC)"
    if node.get("type") == "object":
        names = node.get("propertyNames", {}).get("enum")
        return f"{_type(_bare(node['additionalProperties']))} by {'/'.join(names) if names else 'key'}"
    words = {"string": "text", "boolean": "yes or no", "integer": "whole number", "number": "number"}
    return words[node["type"] if isinstance(node["type"], str) else node["type"][0]]  # numbers may be written as text


def _length(node: dict) -> str:
    low, high = node.get("minItems"), node.get("maxItems")
    return "" if not high else f"{low} " if low == high else f"{low or 0} to {high} "


def _bounds(node: dict) -> str:
    if "either" in node:
        return _bounds(node["either"][0])
    if node.get("type") == "array":
        return _bounds(_bare(node.get("items") or node["prefixItems"][0]))
    if node.get("type") == "object" and isinstance(node.get("additionalProperties"), dict):
        return _bounds(_bare(node["additionalProperties"]))
    said = [f"{sign}{node[key]:.10g}" for key, sign in BOUNDS.items() if key in node]
    return ", ".join(filter(None, [*said, PATTERNS.get(node.get("pattern"))]))


def _default(bare: dict, required: bool) -> str:
    value = bare.get("default")
    if required or value in (None, {}):
        return "" if required else "none"
    if isinstance(value, dict):
        return "as below"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
