"""Pages of the site that follow from the code and from results/: the API, the experiments, and all figures with their code.

``python docs/pages.py`` writes them into docs/site, from which `make docs` makes the site.
"""

import importlib
import pkgutil
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import papermill  # noqa: F401  loads satqkd.workflow.engine itself, as its plug-in, and has to come first
import yaml

import satqkd
from satqkd import Scenario, load_scenario
from satqkd.papers import CATALOGUE
from satqkd.validation import load_reference

ROOT = Path(__file__).parents[1]
SITE = ROOT / "docs/site"
PARTS = {
    "Scenarios": ["scenario"],
    "Stages": ["orbit", "channel", "detection", "coincidence", "key", "bell", "fiber", "validation"],
    "What stages share": ["dataset", "files", "flight", "streams", "plot"],
    "Above several stages": [
        "analytic", "planner", "sweep", "explorer", "papers", "overview", "report", "workflow"
    ],
}  # fmt: skip
# How to draw each figure of a stage from its data set: function, arguments. Captions are those of the report.
STAGE_FIGURES = {
    "map": ("satqkd.overview.world_map", 'mission, load("{folder}/orbit.nc")'),
    "ranges": ("satqkd.orbit.figures.ranges_figure", 'load("{folder}/orbit.nc")'),
    "sky": ("satqkd.orbit.figures.sky_figure", 'load("{folder}/orbit.nc")'),
    "polarization": ("satqkd.orbit.figures.polarization_figure", 'load("{folder}/orbit.nc")'),
    "attenuation": ("satqkd.channel.figures.attenuation_figure", 'load("{folder}/channel.nc")'),
    "budget": ("satqkd.channel.figures.budget_figure", 'load("{folder}/channel.nc")'),
    "photons": ("satqkd.detection.figures.rates_figure", 'load("{folder}/run1/truth.nc")'),
    "delay": ("satqkd.coincidence.figures.delay_figure", 'load("{folder}/run1/coincidence.nc")'),
    "rate": ("satqkd.coincidence.figures.rate_figure", 'load("{folder}/run1/coincidence.nc")'),
    "qber": ("satqkd.key.figures.qber_figure", 'load("{folder}/run1/key.nc")'),
    "length": ("satqkd.key.figures.length_figure", 'load("{folder}/run1/key.nc")'),
    "correlation": ("satqkd.bell.figures.correlation_figure", 'load("{folder}/run1/bell.nc")'),
    "counts": ("satqkd.bell.figures.counts_figure", 'load("{folder}/run1/bell.nc")'),
    "locality": ("satqkd.bell.figures.locality_figure", 'load("{folder}/run1/bell.nc")'),
    "fiber": ("satqkd.fiber.figures.rates_figure", 'load("{folder}/fiber.nc")'),
    "sensitivity": ("satqkd.overview.sensitivity_figure", 'sensitivity(mission, load("{folder}/orbit.nc"))'),
}
STAGE_PREAMBLE = """from satqkd import load_scenario
from satqkd.dataset import load
from satqkd.overview import sensitivity

mission = load_scenario("data/scenarios/{name}.yaml")
"""
PAPER_PREAMBLE = """from satqkd import load_scenario
from satqkd.papers import read_results
from satqkd.validation import load_reference

mission = load_scenario("data/scenarios/{name}.yaml")
results = read_results(mission, "results/{name}"{previous})
published = {{value.id: value for value in load_reference("data/reference/{name}.yaml").values}}
"""


def directive(name: str, lines: list[str], *options: str) -> str:
    """A directive of reStructuredText with a list of names in it."""
    return "\n   ".join([f".. {name}::", *options, "", *lines])


def headed(title: str, *parts: str, line: str = "=") -> str:
    return "\n\n".join([f"{title}\n{line * len(title)}", *filter(None, parts)])


def names_of(package) -> list[str]:
    """What a package hands on, each name by the module that defines it."""
    values = {name: getattr(package, name) for name in getattr(package, "__all__", [])}
    return [f"{value.__module__}.{name}" for name, value in values.items() if hasattr(value, "__qualname__")]


def defined_in(module) -> list[str]:
    """Public functions and classes of a module, in the order of its source."""
    return [
        name
        for name, value in vars(module).items()
        if not name.startswith("_") and getattr(value, "__module__", "") == module.__name__ and value.__doc__
    ]


def api_pages(name: str) -> Iterator[tuple[str, str]]:
    """Yield the page of a module, or of a package and of each module in it."""
    package = importlib.import_module(name)
    inside = [one.name for one in pkgutil.iter_modules(getattr(package, "__path__", []), f"{name}.")]
    inside = [one for one in inside if not one.endswith("__main__")]
    names = names_of(package) if inside else []
    defined = defined_in(package)
    yield (
        name,
        headed(
            name,
            f".. automodule:: {name}" + (f"\n   :members: {', '.join(defined)}" if defined else ""),
            headed("Names", directive("autosummary", names), line="-") if names else "",
            headed("Modules", directive("autosummary", inside), line="-") if inside else "",
            directive("toctree", inside, ":hidden:") if inside else "",
        ),
    )
    for one in inside:
        yield from api_pages(one)


def api_index() -> str:
    parts = [
        headed(title, directive("autosummary", [f"satqkd.{name}" for name in names]), line="-")
        for title, names in PARTS.items()
    ]
    pages = [f"satqkd.{name}" for names in PARTS.values() for name in names]
    return headed("API", directive("autosummary", names_of(satqkd)), *parts, directive("toctree", pages, ":hidden:"))


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


def drawn(entries: Iterator[Entry]) -> list[Entry]:
    """Keep the figures that are in results/: another scenario has no Bell test, and `make quick` no figure of a paper."""
    return [entry for entry in entries if (ROOT / "results" / entry.file).exists()]


def section(entry: Entry) -> str:
    """One figure, its caption and its code."""
    return f"""({entry.label})=
### {entry.title}

![{entry.title}](../../results/{entry.file})

{entry.caption}
```python
{entry.code}
```

Drawn by {{py:func}}`~{entry.function}`.
"""


def figures_page(mission: Scenario, papers: list[Entry], stages: list[Entry]) -> str:
    """All figures of an experiment."""
    parts = [
        f"# Figures of {mission.name}\n\n{mission.title}. The code of each figure follows what its section begins with."
    ]
    for title, entries, preamble in (
        ("Of the paper", papers, PAPER_PREAMBLE), ("Of the stages", stages, STAGE_PREAMBLE)
    ):  # fmt: skip
        if entries:
            previous = ', "results/yin2017/channel.nc"' if mission.reference == "yin2020" else ""
            begin = preamble.format(name=mission.name, previous=previous)
            parts += [f"## {title}\n\n```python\n{begin}```", *map(section, entries)]
    return "\n\n".join(parts)


def thumbnails(entries: list[Entry]) -> str:
    """Small pictures that lead to the figures."""
    pictures = (
        f"[![{entry.title}](../../results/{Path(entry.file).with_suffix('.png')})](#{entry.label})" for entry in entries
    )
    return "\n".join(["```{container} gallery", *pictures, "```"]) if entries else ""


def contents(pages: list[str]) -> str:
    return "\n".join(["```{toctree}", ":hidden:", "", *pages, "```"])


def experiment_page(mission: Scenario, notebooks: list[Path]) -> str:
    """The notebooks of an experiment, as they ran."""
    paper = load_reference(ROOT / f"data/reference/{mission.reference}.yaml").paper if mission.reference else ""
    listed = "\n".join(f"../../{path.relative_to(ROOT).with_suffix('')}" for path in notebooks)
    return f"""# {mission.name}

{mission.title}: {paper or "no paper"}. The notebooks of its eight stages as `make results` ran them, for the first of the runs;
[its figures](figures-{mission.name}.md).

```{{toctree}}
{listed}
```
"""


def write() -> None:
    """Write all pages into docs/site."""
    names = yaml.safe_load((ROOT / "workflow/config.yaml").read_text())["scenarios"]
    missions = [load_scenario(ROOT / f"data/scenarios/{name}.yaml") for name in names]
    missions = [mission for mission in missions if list((ROOT / "results").glob(f"{mission.name}/run1/notebooks/*"))]
    if not missions:
        sys.exit("make docs shows the notebooks and figures of results/, which has none: run make results first")
    pages = {}
    overview = [
        "# Figures",
        "Every figure that the workflow draws; each leads to its caption and to the code that draws it.",
    ]
    for mission in missions:
        papers, stages = drawn(paper_figures(mission.name, mission.reference)), drawn(stage_figures(mission.name))
        notebooks = sorted((ROOT / "results" / mission.name).glob("**/notebooks/*.ipynb"), key=lambda path: path.name)
        pages[mission.name] = experiment_page(mission, notebooks)
        pages[f"figures-{mission.name}"] = figures_page(mission, papers, stages)
        overview += [f"## {mission.name}", thumbnails(papers), thumbnails(stages)]
    names = [mission.name for mission in missions]
    pages["figures"] = "\n\n".join([*overview, contents([f"{name} <figures-{name}>" for name in names])])
    lines = [f"- [{mission.name}]({mission.name}.md): {mission.title}" for mission in missions]
    pages["experiments"] = "\n\n".join(
        [
            "# Experiments",
            "The notebooks of each experiment, executed by `make results`.",
            "\n".join(lines),
            contents(names),
        ]
    )
    shutil.rmtree(SITE, ignore_errors=True)
    (SITE / "api").mkdir(parents=True)
    (SITE / "api/index.rst").write_text(api_index() + "\n")
    for name in (name for names in PARTS.values() for name in names):
        for module, text in api_pages(f"satqkd.{name}"):
            (SITE / f"api/{module}.rst").write_text(text + "\n")
    for name, text in pages.items():
        (SITE / f"{name}.md").write_text(text + "\n")


if __name__ == "__main__":
    write()
