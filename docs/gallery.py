"""Pages of all figures for the site, each with the code that draws it, written by docs/pages.py."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from satqkd import Scenario
from satqkd.papers import CATALOGUE

ROOT = Path(__file__).parents[1]
# How to draw each figure of a stage from its data set: function, arguments. Captions are those of the report.
STAGE_FIGURES = {
    "map": ("satqkd.overview.stage.world_map", 'mission, load("{folder}/orbit.nc")'),
    "ranges": ("satqkd.orbit.figures.ranges_figure", 'load("{folder}/orbit.nc")'),
    "sky": ("satqkd.orbit.figures.sky_figure", 'load("{folder}/orbit.nc")'),
    "polarization": ("satqkd.orbit.figures.polarization_figure", 'load("{folder}/orbit.nc")'),
    "attenuation": ("satqkd.channel.figures.attenuation_figure", 'load("{folder}/channel.nc")'),
    "budget": ("satqkd.channel.figures.budget_figure", 'load("{folder}/channel.nc")'),
    "contrast": ("satqkd.channel.figures.contrast_figure", 'load("{folder}/channel.nc")'),
    "photons": ("satqkd.detection.figures.rates_figure", 'load("{folder}/run1/truth.nc")'),
    "delay": ("satqkd.coincidence.figures.delay_figure", 'load("{folder}/run1/coincidence.nc")'),
    "rate": ("satqkd.coincidence.figures.rate_figure", 'load("{folder}/run1/coincidence.nc")'),
    "health": ("satqkd.coincidence.figures.health_figure", 'load("{folder}/recorded/coincidence.nc")'),
    "qber": ("satqkd.key.figures.qber_figure", 'load("{folder}/run1/key.nc")'),
    "length": ("satqkd.key.figures.length_figure", 'load("{folder}/run1/key.nc")'),
    "exchange": ("satqkd.key.figures.exchange_figure", 'load("{folder}/run1/key.nc")'),
    "correlation": ("satqkd.bell.figures.correlation_figure", 'load("{folder}/run1/bell.nc")'),
    "counts": ("satqkd.bell.figures.counts_figure", 'load("{folder}/run1/bell.nc")'),
    "locality": ("satqkd.bell.figures.locality_figure", 'load("{folder}/run1/bell.nc")'),
    "fiber": ("satqkd.fiber.figures.rates_figure", 'load("{folder}/fiber.nc")'),
    "sensitivity": ("satqkd.overview.figures.sensitivity_figure", 'sensitivity(mission, load("{folder}/orbit.nc"))'),
}
STAGE_PREAMBLE = """from satqkd import load_scenario
from satqkd.dataset import load
from satqkd.overview import sensitivity

mission = load_scenario("data/scenarios/{name}.yaml")
"""
# Who compares itself with an apparatus before: the third argument of `read_results`.
PREVIOUS = {"yin2020": ', "results/yin2017/channel.nc"'}
PAPER_PREAMBLE = """from satqkd import load_scenario
from satqkd.papers import read_results
from satqkd.validation import load_reference

mission = load_scenario("data/scenarios/{name}.yaml")
results = read_results(mission, "results/{name}"{previous})
published = {{value.id: value for value in load_reference("data/reference/{name}.yaml").values}}
"""


@dataclass(frozen=True)
class Entry:
    """A figure with its code: `file` is its SVG below results/, `function` the one that draws it."""

    label: str
    title: str
    file: str
    caption: str
    function: str
    code: str


def paper_figures(name: str, reference: str) -> Iterator[Entry]:
    """Yield the figures of the scenario's paper that were drawn."""
    for figure, one in CATALOGUE.get(reference, {}).items():
        caption = (ROOT / f"workflow/report/papers/{reference}_{figure}.rst").read_text()
        table, draw = one.table, one.draw
        tables = table.__module__.rpartition(".")[2]
        code = f"from satqkd.papers import figures, {tables}\n\n"
        code += f"figures.{draw.__name__}({tables}.{table.__name__}(results), published)"
        function = f"{draw.__module__}.{draw.__name__}"
        yield Entry(f"{name}-{figure}", one.title, f"{name}/papers/{figure}.svg", caption, function, code)


def stage_figures(name: str) -> Iterator[Entry]:
    """Yield the figures of the stages, in their order."""
    for figure, (function, arguments) in STAGE_FIGURES.items():
        caption = (ROOT / f"workflow/report/{figure}.rst").read_text()
        caption = caption.replace("{{ snakemake.wildcards.scenario }}", name)
        module, _, call = function.rpartition(".")
        code = f"from {module} import {call}\n\n{call}({arguments.format(folder=f'results/{name}')})"
        for folder in (f"{name}/figures", f"{name}/run1/figures"):
            yield Entry(f"{name}-{figure}", figure.capitalize(), f"{folder}/{figure}.svg", caption, function, code)


def validation_figures() -> Iterator[Entry]:
    """Yield the figures of all experiments together."""
    for label, title, call in (("validation", "Validation", "deviation_figure"), ("z", "Spread of z", "z_figure")):
        code = f"from satqkd.validation.stage import read_table\nfrom satqkd.validation.figures import {call}\n\n"
        code += f'{call}(read_table("results/validation.csv"))'
        caption = (ROOT / f"workflow/report/{label}.rst").read_text()
        yield Entry(label, title, f"figures/{label}.svg", caption, f"satqkd.validation.figures.{call}", code)


def drawn(entries: Iterable[Entry]) -> list[Entry]:
    """Keep the figures that are there: decoy states have no Bell test, and `make quick` draws no figure of a paper."""
    return [entry for entry in entries if (ROOT / "results" / entry.file).exists()]


def figures(mission: Scenario) -> tuple[list[Entry], list[Entry]]:
    """Figures of the paper and of the stages that are there."""
    return drawn(paper_figures(mission.name, mission.reference)), drawn(stage_figures(mission.name))


def section(entry: Entry, level: str = "###") -> str:
    """One figure, its caption and its code."""
    return f"""({entry.label})=
{level} {entry.title}

![{entry.title}](../../results/{entry.file})

{entry.caption}
```python
{entry.code}
```

Drawn by {{py:func}}`~{entry.function}`.
"""


def named_figures(text: str) -> list[tuple[str, str]]:
    """Experiment and file name of each figure that a sentence of docs/physics names.

    >>> named_figures("*Figures*: yin2017 Fig 3C and liao2017 `exchange`.")
    [('yin2017', 'fig_3c'), ('liao2017', 'exchange')]
    """
    found = re.findall(rf"\b({'|'.join(CATALOGUE)}) (?:((?:ED )?(?:Fig|Table) \w+)|`(\w+)`)", text)
    return [(name, printed.lower().replace(" ", "_") or stage) for name, printed, stage in found]


def with_pictures(page: str) -> str:
    """A page of docs/physics with the figures that it names, each leading to its caption and its code.

    The pages are read on GitHub as well, where there are no results: there the names have to do.
    """

    def pictures(paragraph: re.Match[str]) -> str:
        labels = ["-".join(names) for names in named_figures(paragraph[0])]
        experiments = dict.fromkeys(label.partition("-")[0] for label in labels)
        entries = drawn(entry for name in experiments for entry in (*paper_figures(name, name), *stage_figures(name)))
        shown = {entry.label: entry for entry in entries if entry.label in labels}
        images = [f"[![{entry.title}](../../results/{entry.file})](#{label})" for label, entry in shown.items()]
        return "\n".join([paragraph[0], "```{container} pictures", *images, "```", ""]) if images else paragraph[0]

    return re.sub(r"^\*Figures?\*: (?:.+\n)+", pictures, page, flags=re.MULTILINE)


def figures_page(mission: Scenario, papers: list[Entry], stages: list[Entry]) -> str:
    """All figures of an experiment."""
    parts = [
        f"# Figures of {mission.name}\n\n{mission.title}. The code of each figure follows what its section begins with."
    ]
    for title, entries, preamble in (
        ("Of the paper", papers, PAPER_PREAMBLE), ("Of the stages", stages, STAGE_PREAMBLE)
    ):  # fmt: skip
        if entries:
            begin = preamble.format(name=mission.name, previous=PREVIOUS.get(mission.reference, ""))
            parts += [f"## {title}\n\n```python\n{begin}```", *map(section, entries)]
    return "\n\n".join(parts)


def thumbnails(entries: list[Entry]) -> str:
    """Small pictures that lead to the figures."""
    pictures = (
        f"[![{entry.title}](../../results/{Path(entry.file).with_suffix('.png')})](#{entry.label})" for entry in entries
    )
    return "\n".join(["```{container} gallery", *pictures, "```"]) if entries else ""


def gallery_page(drawings: dict[str, tuple[list[Entry], list[Entry]]]) -> str:
    """All figures of all experiments, small; and those of the validation."""
    parts = [
        "# Figures",
        "Every figure that the workflow draws; each leads to its caption and to the code that draws it.",
    ]
    for name, entries in drawings.items():
        parts += [f"## {name}", *map(thumbnails, entries)]
    parts += [section(entry, "##") for entry in drawn(validation_figures())]
    return "\n\n".join(parts)
