"""Write the first page of the results: every experiment with one figure, its main numbers, and links.

It is written after every run from all results in the folder, also incomplete ones. It only links to existing files.
"""

import base64
import json
import re
from collections.abc import Iterable
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from satqkd.files import finished
from satqkd.report.page import mark, page, table
from satqkd.report.verdicts import KINDS, MEANING
from satqkd.scenario import AnyScenario, Scenario, ScenarioError, load_scenario
from satqkd.tables.outcomes import MEAN, PREDICTED, with_interval
from satqkd.validation.reference import Reference, figure_id, load_reference
from satqkd.validation.stage import PRINTED, agreement_of_all, gather, vague_for_any_model, validate_results

INTRODUCTION = (
    "Experiments between satellites and ground stations, simulated detection by detection from one scenario file each "
    "and analysed as two laboratories would. Each published number is shown with the simulated one."
)

# Observables that are shown of a scenario without published values, with their names.
OWN_VALUES = {
    "channel.attenuation": "attenuation",
    "coincidence.coincidence_rate": "coincidences",
    "coincidence.sifted_rate": "sifted rate",
    "key.qber": "QBER",
    "coincidence.qber_signal": "QBER",
    "bell.chsh_s": "S",
    "key.key_length": "secret key (bits)",
    "key.no_key": "no key",
}
# Folders of the results of scenarios that are not missions.
OWN_FOLDERS = ("recorded", "counts", "bench")
# The first of these figures that exists is shown where there is no figure of a paper, or before it is drawn.
OWN_FIGURES = (
    "run1/figures/rate",
    "recorded/figures/rate",
    "counts/figures/acquisitions",
    "bench/figures/rate",
    "run1/figures/length",
    "figures/ranges",
)

NEXT = (
    ("docs/tutorial.md", "Tutorial: one experiment, then another telescope"),
    ("docs/your-own-mission.md", "Your own mission: from nothing to a result"),
    ("docs/recordings.md", "Your own recordings: time tags to QBER, S and key"),
    ("docs/count-tables.md", "Your own counts: a table to QBER, S and key; a bench"),
    ("docs/planner.md", "The passes of the coming days: make plan"),
    ("docs/clusters.md", "A grid of designs: make sweep"),
    ("docs/attacks.md", "Attacks, and what stops them: make attacks"),
    ("results/README.md", "What each file in this folder is"),
)


def first_page(results: str | Path) -> str:
    """Return the HTML page of all that a folder of results holds; the project's folder is above it.

    Parameters
    ----------
    results : str or Path
        The folder ``results``; scenarios and published values are read from ``data`` next to it.

    Returns
    -------
    str
        HTML in one file, with embedded figures; links are relative to the folder.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as project:
    ...     (Path(project) / "results").mkdir()
    ...     page = first_page(Path(project) / "results")
    >>> "No experiment with published values" in page
    True
    """
    results = Path(results)
    data = results.parent / "data"
    scenarios, faults = _scenarios(results, data / "scenarios")
    missions = {name: one for name, one in scenarios.items() if isinstance(one, Scenario)}
    references = {name: data / "reference" / f"{one.reference}.yaml" for name, one in missions.items()}
    published = {name: one for name, one in missions.items() if references[name].is_file()}
    verdicts = validate_results(results, published, data / "reference") if published else pd.DataFrame()
    parts = [f"<p>{escape(INTRODUCTION)}</p>", _tally(results, verdicts)]
    for name, scenario in scenarios.items():
        if name in published:
            reference = load_reference(references[name])
            parts.append(_experiment(results, scenario, reference, verdicts[verdicts.scenario == name]))
        else:
            parts.append(_own(results, scenario))
    parts += [f"<p>{escape(fault)}</p>" for fault in faults]
    parts += [_attacks(results), _plans(results), _further(results)]
    return page("Satellite quantum key distribution, from the orbit to the secret key", *filter(None, parts))


def write_first_page(results: str | Path) -> None:
    """Write ``report.html`` into a folder of results.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as project:
    ...     (Path(project) / "results").mkdir()
    ...     write_first_page(Path(project) / "results")
    ...     print((Path(project) / "results/report.html").is_file())
    True
    """
    with finished(Path(results) / "report.html") as draft:
        draft.write_text(first_page(results), encoding="utf-8")


def _scenarios(results: Path, folder: Path) -> tuple[dict[str, AnyScenario], list[str]]:
    """Return the scenarios that have results, published ones first in order of their flights, and what cannot be
    read.
    """
    found, faults = [], []
    for path in sorted(folder.glob("*.yaml")):
        if (results / path.stem).is_dir():
            try:
                found.append(load_scenario(path))
            except ScenarioError as error:
                faults.append(str(error))
    found.sort(key=lambda one: (not getattr(one, "reference", None), one.kind, _first_day(one), one.name))
    return {one.name: one for one in found}, faults


def _first_day(scenario: AnyScenario) -> str:
    return str(scenario.orbit.search_start) if isinstance(scenario, Scenario) and scenario.orbit else ""


def _tally(results: Path, verdicts: pd.DataFrame) -> str:
    """Return one line with the count of each verdict, and what the words mean."""
    if verdicts.empty:
        return "<p>No experiment with published values is among these results.</p>"
    seen = verdicts[verdicts.verdict != "missing"]
    count = seen.verdict.value_counts()
    words = ", ".join(f"{count[name]} {name}" for name in KINDS if count.get(name))
    if (unavoidable := len(vague_for_any_model(seen))) > 0:
        words += f" ({unavoidable} of the vague by printing and counting noise alone)"
    more = _link(results, "validation.html", "all of them, with their reasons")
    missing = len(verdicts) - len(seen)
    also = f" {missing} more wait for stages that have not run here." if missing else ""
    whole = f" All predicted rows together: {escape(agreement_of_all(seen))}."
    text = f"<p><strong>{len(seen)} published values compared with ours: {words}.</strong>{also}{whole} {more}</p>"
    legend = " ".join(f"{mark(f'{name}:', KINDS[name])} {escape(MEANING[name])}." for name in KINDS if count.get(name))
    return f"{text}<p>{legend}</p>{_outside(seen)}"


def _outside(verdicts: pd.DataFrame) -> str:
    """Return a list of the rows that are outside, with what is known of the reason."""
    rows = verdicts[verdicts.verdict == "outside"]
    if rows.empty:
        return ""
    items = (
        f"<li>{escape(row.scenario)}, {escape(_words(row.id))}: "
        f"{escape(known if printed else 'The reason is not known.')}</li>"
        for row in rows.itertuples()
        for known, printed, _ in [str(row.reason).partition(PRINTED)]
    )
    return f"<p>Outside are:</p><ul>{''.join(items)}</ul>"


def _experiment(results: Path, scenario: AnyScenario, reference: Reference, verdicts: pd.DataFrame) -> str:
    """Return the section of a published experiment: its headline with the paper's values and ours."""
    headline = reference.headline
    names = headline.values if headline else tuple(verdicts.id[:3])
    rows = [
        [
            escape(_words(row.id)),
            escape(_shown(row.published, row.unit, row.published_sigma)),
            escape(with_interval(row.median, row.low, row.high)),
            escape(_shown(row.simulated, row.unit, row.simulated_sigma)) or "–",
            mark(row.verdict, KINDS[row.verdict]),
        ]
        for row in verdicts.set_index("id", drop=False).loc[list(names)].itertuples()
    ]
    titles = {figure_id(title): title for title in reference.figures}
    first = [f"papers/{figure_id(headline.figure)}"] if headline else []
    figure = _figure(results / scenario.name, [*first, *OWN_FIGURES], titles)
    count = verdicts.verdict.value_counts()
    words = ", ".join(f"{count[name]} {name}" for name in KINDS if count.get(name))
    table_page = results / "validation.html"
    there = table_page.is_file() and f'id="{scenario.name}"' in table_page.read_text(encoding="utf-8")
    anchor = _link(results, "validation.html", words, f"#{scenario.name}") if there else escape(words)
    text = (
        table(["value", "published", PREDICTED, MEAN, "verdict"], rows) + f"<p>Of {len(verdicts)} values: {anchor}.</p>"
    )
    return _section(scenario, f"<p>{escape(reference.paper)}</p>", figure, text + _files(results, scenario, titles))


def _own(results: Path, scenario: AnyScenario) -> str:
    """Return the section of a user's own mission, of two recordings, of a count table or of a bench."""
    folder = results / scenario.name
    values = gather(folder)
    for path in sorted(path for place in OWN_FOLDERS for path in (folder / place).glob("*.observables.json")):
        values |= {f"{path.name.split('.')[0]}.{name}": one for name, one in json.loads(path.read_text()).items()}
    rows = [
        [escape(words), escape(_shown(_text(values[name]["value"]), values[name]["unit"]))]
        for name, words in OWN_VALUES.items()
        if name in values and values[name]["value"] not in ("", None)
    ]
    figure = _figure(folder, OWN_FIGURES, {})
    return _section(scenario, "", figure, table(["value", "simulated"], rows) + _files(results, scenario, {}))


def _section(scenario: AnyScenario, before: str, figure: str, text: str) -> str:
    name = escape(scenario.name)
    head = f'<h2 id="{name}">{escape(scenario.title)}</h2>{before}'
    return f'<section>{head}<div class="pair">{figure}<div>{text}</div></div></section>'


def _figure(folder: Path, names: Iterable[str], titles: dict[str, str]) -> str:
    """Return the first figure that exists, embedded in the page."""
    for name in names:
        path = folder / f"{name}.svg"
        if path.is_file():
            title = titles.get(path.stem, path.stem)
            image = base64.b64encode(path.read_bytes()).decode()
            picture = f'<img alt="{escape(title)}" src="data:image/svg+xml;base64,{image}">'
            return f"<figure>{picture}<figcaption>{escape(title)}</figcaption></figure>"
    return ""


def _files(results: Path, scenario: AnyScenario, titles: dict[str, str]) -> str:
    """Return links to those figures and pages of a scenario that exist."""
    folder, name = results / scenario.name, scenario.name
    papers = [_link(results, f"{name}/papers/{stem}.svg", title.partition(":")[0]) for stem, title in titles.items()]
    stages = [
        _link(results, path.relative_to(results).as_posix(), path.stem)
        for place in ("figures", "run1/figures", *(f"{name}/figures" for name in OWN_FOLDERS))
        for path in sorted((folder / place).glob("*.svg"))
    ]
    parameters = _link(results, f"{name}/parameters.html", "every parameter and where it comes from")
    lines = (("The paper's figures", papers), ("Figures by stage", stages), ("Parameters", [parameters]))
    return "".join(f"<p>{head}: {', '.join(filter(None, links))}</p>" for head, links in lines if any(links))


def _attacks(results: Path) -> str:
    """Return the section of the attack laboratory: its matrix, and links to the curves of each attack."""
    figure = _figure(results / "attacks", ["matrix"], {"matrix": "Worst verdict over all strengths of each attack"})
    if not figure:
        return ""
    curves = [
        _link(results, path.relative_to(results).as_posix(), _words(path.stem))
        for path in sorted((results / "attacks/figures").glob("*.svg"))
    ]
    also = [_link(results, "attacks/attacks.csv", "all cells"), *curves]
    return f"<section><h2>Attacks</h2>{figure}<p>{', '.join(filter(None, also))}</p></section>"


def _plans(results: Path) -> str:
    """Return links to the plans and sweeps that were computed."""
    files = {
        "plan": ("calendar.svg", "passes.csv", "links.csv", "shares.csv", "plan.ics", "plan.czml"),
        "sweep": ("sweep.svg", "sweep.nc"),
    }
    lines = []
    for kind, names in files.items():
        for folder in sorted((results / kind).glob("*")):
            links = [_link(results, f"{kind}/{folder.name}/{name}", name) for name in names]
            if any(links):
                lines.append(f"<p>{kind} {escape(folder.name)}: {', '.join(filter(None, links))}</p>")
    return "<h2>Plans and sweeps</h2>" + "".join(lines) if lines else ""


def _further(results: Path) -> str:
    """Return links to further pages and documents."""
    links = [
        _link(results, "validation.html", "Every published value with z, reason and verdict"),
        _link(results, "report-snakemake.html", "Snakemake's report: all figures with captions, run times, the rules"),
        *(_link(results.parent, path, words, base="../") for path, words in NEXT),
    ]
    return "<h2>Where to go next</h2><ul>" + "".join(f"<li>{link}</li>" for link in links if link) + "</ul>"


def _link(folder: Path, path: str, words: str, anchor: str = "", *, base: str = "") -> str:
    """Return a link to a file below a folder; empty where the file does not exist."""
    if not (folder / path).is_file():
        return ""
    return f'<a href="{escape(base + path)}{escape(anchor)}">{escape(words)}</a>'


def _words(name: str) -> str:
    """Return an id in words."""
    return " ".join({"qber": "QBER", "chsh": "CHSH", "s": "S"}.get(word, word) for word in name.split("_"))


def _shown(text: Any, unit: str, sigma: float | None = None) -> str:
    """Return a value of the table to four digits, with its standard deviation and its unit."""
    if pd.isna(text):
        return ""
    short = re.sub(r"\d+\.?\d*(e[-+]\d+)?", lambda found: _rounded(found[0], 4), str(text))
    if not pd.isna(sigma):
        short += f" ± {_rounded(sigma, 2)}"
    return short if unit in ("1", "text", "reason") else f"{short} {unit}"


def _rounded(number: Any, digits: int) -> str:
    """Return a number to a given number of digits without an exponent; no digit before the point is rounded away."""
    value = float(number)
    text = f"{value:.0f}" if abs(value) >= 10 ** (digits - 1) else f"{value:.{digits}g}"
    return np.format_float_positional(float(text), trim="-")


def _text(value: Any) -> str:
    return " to ".join(map(str, value)) if isinstance(value, list) else str(value)
