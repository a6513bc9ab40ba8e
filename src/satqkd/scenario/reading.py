"""The one reader of YAML files, and the reading of scenarios."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from satqkd.scenario.bench import Bench
from satqkd.scenario.counts import Counts
from satqkd.scenario.messages import ScenarioError, validated
from satqkd.scenario.mission import Scenario
from satqkd.scenario.provided import did_you_mean, found, neighbour
from satqkd.scenario.recorded import Recorded
from satqkd.scenario.uncertain import LOWER, UPPER, WIDTHS, Uncertainty, uncertainty_of

ORIGINS = ("published", "assumed", "calibrated")
KINDS: dict[str, type[Scenario | Recorded | Counts]] = {
    "mission": Scenario,
    "recorded": Recorded,
    "counts": Counts,
    "bench": Bench,
}
DEEPEST = 20
# libyaml's loader is several times faster; not every PyYAML was built with it.
SAFE_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
TAG = "tag:yaml.org,2002:"
TIMESTAMP = next(pattern for tag, pattern in SAFE_LOADER.yaml_implicit_resolvers["2"] if tag == f"{TAG}timestamp")
# The types of plain words in YAML 1.2, with their first characters. Numbers are decimal: 017 is 17, and 1:17 is a word.
# A number with an exponent of three digits stays a word, so that an error message can quote what the user wrote.
PLAIN = (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("null", r"~|null|Null|NULL|", "~nN"),
    ("int", r"[-+]?[0-9][0-9_]*", "-+0123456789"),
    ("float", r"[-+]?(\.[0-9]+|[0-9][0-9_]*(\.[0-9_]*)?)([eE][-+]?[0-9]{1,2})?", "-+.0123456789"),
    ("float", r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)", "-+."),
)


class _Loader(SAFE_LOADER):
    """Loader of safe YAML 1.2 without duplicate keys."""

    yaml_implicit_resolvers: dict[str, Any] = {}

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        """Construct the value of a node; refuse one that cannot be read with the number of its line."""
        try:
            return super().construct_object(node, deep)
        except ScenarioError:
            raise
        except (ValueError, LookupError, AttributeError) as error:  # such as 2016-02-30, which looks like a date
            shown = str(node.value)[:60] if isinstance(node, yaml.ScalarNode) else "the value"
            raise ScenarioError(f"line {node.start_mark.line + 1}: {shown} cannot be read ({error})") from None

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict:
        """Construct a mapping; refuse a key that is not a plain word, or that occurs twice."""
        seen = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, str | int | float):
                raise ScenarioError(f"line {key_node.start_mark.line + 1}: a key has to be a plain word")
            if key in seen:
                raise ScenarioError(f"line {key_node.start_mark.line + 1}: the key {key} occurs twice: keep one")
            seen.add(key)
        return super().construct_mapping(node, deep)


for name, pattern, first in PLAIN:
    _Loader.add_implicit_resolver(TAG + name, re.compile(rf"^(?:{pattern})$"), [*first])
_Loader.add_implicit_resolver(f"{TAG}null", re.compile("^$"), [""])
_Loader.add_implicit_resolver(f"{TAG}timestamp", TIMESTAMP, [*"0123456789"])
_Loader.add_constructor(f"{TAG}int", lambda loader, node: int(loader.construct_scalar(node)))
_Loader.add_constructor(f"{TAG}float", lambda loader, node: float(re.sub(r"\.(?=[in])", "", node.value.lower())))


def _require_flat(text: str) -> None:
    """Refuse deeply nested YAML, and aliases, which can expand without limit."""
    depth = 0
    for event in yaml.parse(text, SAFE_LOADER):
        if isinstance(event, yaml.AliasEvent):
            raise ScenarioError(f"line {event.start_mark.line + 1}: YAML aliases are not allowed: write the value out")
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth >= DEEPEST:
            raise ScenarioError("is nested too deeply: a scenario has four levels")


@dataclass
class _Sources:
    """What a scenario file says of its values: by dotted key, where they come from and how uncertain they are."""

    path: Path
    origins: dict[str, tuple[str, str]] = field(default_factory=dict)
    widths: dict[str, Uncertainty] = field(default_factory=dict)
    others: dict[Path, dict] = field(default_factory=dict)  # scenarios that values come from; each file is read once


def _unwrapped(node: Any, key: str, sources: _Sources) -> Any:
    """Replace each {value: …, published: …} by its value and each {from: …} by another scenario's, and record both."""
    if isinstance(node, dict):
        if "from" in node:
            return _transferred(node, key, sources)
        named = [origin for origin in ORIGINS if origin in node]
        if "value" in node or named:
            if set(node) - {"value", *ORIGINS, *WIDTHS} or "value" not in node or len(named) != 1:
                raise ScenarioError(
                    f"{key} requires value and one of {', '.join(ORIGINS)}, and has {', '.join(map(str, node))}"
                )
            where = node[named[0]]
            if not isinstance(where, str) or not where.strip():
                raise ScenarioError(
                    f"{key}.{named[0]}={str(where)[:60]} is not a source: write where the value comes from"
                )
            sources.origins[key] = (named[0], where)
            if width := uncertainty_of(node, key):
                sources.widths[key] = width
            return node["value"]
        return {k: _unwrapped(v, f"{key}.{k}".lstrip("."), sources) for k, v in node.items()}
    if isinstance(node, list):
        return [_unwrapped(v, f"{key}.{i}", sources) for i, v in enumerate(node)]
    return node


def _transferred(node: dict, key: str, sources: _Sources) -> Any:
    """Return the value that another scenario, beside this one or of the data, has at the same key."""
    name = node["from"]
    if len(node) != 1 or not isinstance(name, str) or not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        raise ScenarioError(f"{key}.from={str(name)[:60]} is wrong: write {{from: name}}, the name of another scenario")
    path = neighbour(sources.path, name)
    if path not in sources.others:
        sources.others[path] = read_tree(path, "a scenario", "data/scenarios/yin2020.yaml")
    there: Any = sources.others[path]
    try:
        for part in key.split("."):
            there = there[int(part)] if isinstance(there, list) else there[part]
    except (LookupError, ValueError, TypeError):
        raise ScenarioError(f"{key}: from={name}, but {path} does not have this key: write the value here") from None
    if isinstance(there, dict) and "from" in there:
        raise ScenarioError(f"{key}: from={name}, but {path} takes the value from {there['from']}: name that one")
    own = _Sources(path)
    value = _unwrapped(there, key, own)
    origin, words = own.origins.get(key, ("not said", ""))
    sources.origins[key] = ("transferred", f"{name}: {origin}, {words}" if words else f"{name}: {origin}")
    sources.widths |= own.widths
    return value


def read_yaml(path: Path, what: str) -> Any:
    """Read a YAML 1.2 file: numbers are decimal, keys are unique, and there are no aliases.

    Parameters
    ----------
    path : Path
    what : str
        What the file should be, as in "a scenario".

    Raises
    ------
    ScenarioError
        One sentence that names the file, the line where there is one, and a way out.

    Examples
    --------
    >>> from satqkd.scenario import data_folder
    >>> read_yaml(data_folder() / "scenarios/yin2020.yaml", "a scenario")["coincidence"]["window_ns"]["value"]
    2.5
    """
    try:
        text = path.read_text(encoding="utf-8")
        _require_flat(text)
        return yaml.load(text, _Loader)
    except FileNotFoundError:
        hint = did_you_mean(path.name, [file.name for file in path.parent.glob("*.yaml")])
        raise ScenarioError(f"{path}: does not exist: {hint}give {what}, a YAML file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ScenarioError(f"{path}: cannot be read ({type(error).__name__}): give {what}, a YAML file") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 1}: " if mark else ""
        raise ScenarioError(f"{path}: {where}is not YAML: {getattr(error, 'problem', error)}") from None
    except ScenarioError as error:
        raise ScenarioError(f"{path}: {error}") from None


def read_tree(path: Path, what: str, example: str) -> dict:
    """Return the mapping in a YAML file; see `read_yaml`.

    Parameters
    ----------
    path : Path
    what : str
        What the file should be, as in "a scenario".
    example : str
        A valid file, for the error message.

    Raises
    ------
    ScenarioError
        Where the file cannot be read, or holds no mapping.

    Examples
    --------
    >>> from satqkd.scenario import data_folder
    >>> read_tree(data_folder() / "scenarios/yin2020.yaml", "a scenario", "data/scenarios/liao2017.yaml")["name"]
    'yin2020'
    """
    tree = read_yaml(path, what)
    if not isinstance(tree, dict):
        raise ScenarioError(f"{path}: holds no mapping: start from {example}")
    return tree


def _scenario(tree: dict, path: Path) -> Scenario | Recorded | Counts:
    """Return the model of the scenario's kind."""
    kind = tree.get("kind", "mission")
    if not isinstance(kind, str) or kind not in KINDS:
        raise ScenarioError(f"{path}: kind={str(kind)[:60]} is wrong: it is one of {', '.join(KINDS)}")
    return validated(KINDS[kind], tree, path)


def load_scenario(path: str | Path) -> Scenario | Recorded | Counts:
    """Read and check a scenario.

    Parameters
    ----------
    path : str or Path
        The name of a scenario that comes with the package, or the path of a YAML file. In the file each value may be
        written as ``{value: …, published|assumed|calibrated: …}``, with a ``range`` or ``sigma`` where it is uncertain,
        or as ``{from: …}`` with the name of the scenario that has it. The key `name` has to be the file's name.

    Raises
    ------
    ScenarioError
        One sentence that names the file, the key, the value, the bound and a way out.

    Examples
    --------
    >>> mission = load_scenario("liao2017")
    >>> mission.source.kind, mission.stations[0].name, mission.key.bound
    ('decoy', 'xinglong', 'chernoff')
    """
    path = found(path, "scenarios", "a scenario")
    tree = read_tree(path, "a scenario", "data/scenarios/yin2020.yaml")
    sources = _Sources(path)
    try:
        tree = _unwrapped(tree, "", sources)
    except ScenarioError as error:
        raise ScenarioError(f"{path}: {error}") from None
    scenario = _scenario(tree, path)
    if scenario.name != path.stem:
        raise ScenarioError(f"{path}: name={scenario.name} is not the file's: call it {path.stem}")
    scenario._path, scenario._origins, scenario._widths = path, sources.origins, sources.widths
    _require_possible(scenario)
    return scenario


def _require_possible(scenario: Scenario | Recorded | Counts) -> None:
    """Refuse a width that leads to a value which the scenario cannot have."""
    for unknown in scenario.unknowns:
        for probability in (LOWER, UPPER):
            value = unknown.uncertainty.quantile(probability)
            try:
                scenario.replaced(dict.fromkeys(unknown.keys, value))
            except ScenarioError as error:
                raise ScenarioError(f"{error}: narrow {unknown.keys[0]}, {unknown.uncertainty}") from None
