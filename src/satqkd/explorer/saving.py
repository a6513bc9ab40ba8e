"""Save an explored scenario as a file."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from satqkd.explorer.settings import CUT, changes
from satqkd.scenario import Scenario, ScenarioError, load_scenario
from satqkd.scenario.uncertain import Uncertainty


def save_scenario(scenario: Scenario, values: Mapping[str, float], name: str) -> Path:
    """Write a scenario with other settings next to its own file, and return the path of the new file.

    Changed values are marked as assumed; all others keep their origin. `reference` and `outlook` belong to the
    published experiment and are left out. An elevation cut becomes the lowest elevation of a session.

    Parameters
    ----------
    scenario : Scenario
    values : dict
        By the label of a setting, as in `satqkd.explorer.settings.changes`; `CUT` [degree] may be among them.
    name : str
        Name of the new scenario and of its file.

    Raises
    ------
    ScenarioError
        Where the file exists already, or a scenario cannot have the name or a value. No file is left then.
    """
    changed: dict[str, Any] = dict(changes(scenario, values))
    if scenario.orbit and values.get(CUT, 0.0) > scenario.orbit.min_elevation_deg:
        changed["orbit.min_elevation_deg"] = values[CUT]
    scenario.replaced({"name": name, **changed})  # refuses a name or a value before a file is made
    tree = scenario.model_dump(mode="json", exclude_unset=True, exclude={"reference", "outlook"}) | {"name": name}
    for key, value in changed.items():
        _put(tree, key, value)
    widths = {key: width for key, width in scenario.widths.items() if key not in changed}
    text = yaml.safe_dump(
        _sourced(tree, "", _origins(scenario, changed), widths), sort_keys=False, allow_unicode=True, width=120,
        default_flow_style=None,
    )  # fmt: skip
    path = scenario.path.with_name(f"{name}.yaml")
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(f"# {scenario.path.name} with other values, set in the explorer.\n{text}")
    except FileExistsError:
        raise ScenarioError(f"{path}: is there already, and is not written over: give another name") from None
    except OSError as error:
        raise ScenarioError(f"{path}: cannot be written ({type(error).__name__})") from None
    try:
        load_scenario(path)
    except ScenarioError:
        path.unlink()
        raise
    return path


def _put(tree: Any, key: str, value: Any) -> None:
    """Set a value by its dotted key in a tree of dictionaries and lists."""
    *parents, leaf = key.split(".")
    for part in parents:
        tree = tree[int(part) if isinstance(tree, list) else part]
    tree[leaf] = list(value) if isinstance(value, tuple) else value


def _origins(scenario: Scenario, changed: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
    """Return the origin of each value of the new file; the origin of a section is dropped where a key in it changed."""
    origins = {
        key: origin for key, origin in scenario.origins.items() if not any(new.startswith(f"{key}.") for new in changed)
    }
    reason = f"set in the explorer instead of the value in {scenario.path.name}"
    return origins | dict.fromkeys(changed, ("assumed", reason))


def _sourced(node: Any, key: str, origins: Mapping[str, tuple[str, str]], widths: Mapping[str, Uncertainty]) -> Any:
    """Return a tree as a scenario file has it, each value with its origin and its width."""
    if key in origins:
        origin, words = origins[key]
        if origin == "transferred":
            return {"from": words.split(":")[0]}
        return {"value": node, origin: words} | (_width(widths[key]) if key in widths else {})
    children = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    written = {child: _sourced(value, f"{key}.{child}".lstrip("."), origins, widths) for child, value in children}
    return written if isinstance(node, dict) else list(written.values()) if isinstance(node, list) else node


def _width(width: Uncertainty) -> dict[str, Any]:
    """Return how uncertain a value is, as a scenario file has it."""
    return {"sigma": width.sigma} if np.isfinite(width.sigma) else {"range": [width.low, width.high]}
