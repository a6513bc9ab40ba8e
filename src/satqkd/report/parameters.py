"""What a scenario assumes, and on whose authority."""

from collections import Counter
from html import escape

from satqkd.report.page import mark, page, table
from satqkd.scenario import Experiment
from satqkd.scenario.fields import Section

KINDS = {"published": "good", "assumed": "note", "calibrated": "other", "not said": "plain", "default": "plain"}


def parameter_rows(scenario: Experiment) -> list[tuple[str, str, str, str, str]]:
    """Every value of a scenario, also those that it leaves to their defaults.

    Parameters
    ----------
    scenario : Scenario or Recorded

    Returns
    -------
    list of tuple of str
        Key (dotted, lists from 0), value, origin (published, assumed, calibrated, not said, or default where the file
        leaves the key out), the words of the origin, and the key's description. What is None or empty is left out.
    """
    return list(_rows(scenario, "", scenario.origins, True))


def _rows(node, path: str, origins: dict, said: bool):
    for name, field in type(node).model_fields.items():
        value, key = getattr(node, name), f"{path}{name}"
        here = said and name in node.model_fields_set
        if value is None or value == {} or name == "kind":
            continue
        if isinstance(value, Section):
            yield from _rows(value, f"{key}.", origins, here)
        elif isinstance(value, tuple) and value and isinstance(value[0], Section):
            for number, entry in enumerate(value):
                yield from _rows(entry, f"{key}.{number}.", origins, here)
        else:
            whole = not isinstance(value, dict) or key in origins
            for entry, part in [(key, value)] if whole else [(f"{key}.{name}", part) for name, part in value.items()]:
                origin, words = origins.get(entry, ("not said" if here else "default", ""))
                yield entry, _shown(part), origin, words, field.description or ""


def _shown(value) -> str:
    if isinstance(value, bool) or not isinstance(value, tuple | list | dict | float):
        return "yes" if value is True else "no" if value is False else str(value)
    if isinstance(value, dict):
        return ", ".join(f"{name} {_shown(entry)}" for name, entry in value.items())
    return f"{value:.10g}" if isinstance(value, float) else "[" + ", ".join(map(_shown, value)) + "]"


def parameters_page(scenario: Experiment) -> str:
    """The parameters of a scenario section by section as a page, with where each comes from."""
    rows = parameter_rows(scenario)
    count = Counter(origin for _, _, origin, _, _ in rows)
    parts = [f"<p>{escape(', '.join(f'{count[kind]} {kind}' for kind in KINDS if count[kind]))}.</p>"]
    sections: dict[str, list] = {}
    for key, value, origin, words, description in rows:
        section, _, rest = key.partition(".")
        cells = [rest or section, value, mark(origin, KINDS[origin]), words, description]
        sections.setdefault(section if rest else "scenario", []).append(
            [cell if i == 2 else escape(cell) for i, cell in enumerate(cells)]
        )
    for section, entries in sections.items():
        parts += [f"<h2>{escape(section)}</h2>", table(["key", "value", "origin", "where or why", "meaning"], entries)]
    return page(f"{scenario.name}: {scenario.title}", *parts)
