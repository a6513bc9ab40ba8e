"""Write a page of a scenario's parameters with their origin."""

from collections import Counter
from html import escape

from satqkd.report.page import mark, page, table
from satqkd.scenario import Experiment
from satqkd.tables import parameter_rows

KINDS = {
    "published": "good",
    "assumed": "note",
    "calibrated": "other",
    "transferred": "other",
    "not said": "plain",
    "default": "plain",
}


def parameters_page(scenario: Experiment) -> str:
    """Return a page of a scenario's parameters, section by section, with the origin of each.

    Examples
    --------
    >>> from satqkd import load_scenario
    >>> parameters_page(load_scenario("yin2020")).count("<h2>") > 5
    True
    """
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
