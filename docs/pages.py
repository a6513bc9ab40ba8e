"""Write the pages of the site that follow from code and results into docs/site, before Sphinx runs: `make docs`."""

import shutil
import sys
from pathlib import Path

import api
import gallery
import yaml

from satqkd import Scenario, load_scenario
from satqkd.validation import load_reference

ROOT = Path(__file__).parents[1]
SITE = ROOT / "docs/site"


def contents(pages: list[str], *options: str) -> str:
    """The contents of what is below a page."""
    return "\n".join(["```{toctree}", *options, "", *pages, "```"])


def notebooks(name: str) -> list[Path]:
    """Executed notebooks of an experiment, those of the events in the first run."""
    found = [path for folder in (name, f"{name}/run1") for path in ROOT.glob(f"results/{folder}/notebooks/*.ipynb")]
    return sorted(found, key=lambda path: path.name)


def experiment_page(mission: Scenario) -> str:
    """An experiment and its notebooks."""
    paper = ""
    if mission.reference:
        paper = f": {load_reference(ROOT / f'data/reference/{mission.reference}.yaml').paper}"
    return f"""# {mission.name}

{mission.title}{paper}. These are its notebooks as `make results` ran them, those of the events in the first run;
[its figures](figures-{mission.name}.md) are on a page of their own.

{contents([f"/{path.relative_to(ROOT).with_suffix('')}" for path in notebooks(mission.name)])}"""


def result_pages(missions: list[Scenario]) -> dict[str, str]:
    """Each page's file name and text."""
    drawings = {mission.name: gallery.figures(mission) for mission in missions}
    names = list(drawings)
    pages = {f"{mission.name}.md": experiment_page(mission) for mission in missions}
    pages |= {
        f"figures-{mission.name}.md": gallery.figures_page(mission, *drawings[mission.name]) for mission in missions
    }
    below = contents([f"{name} <figures-{name}>" for name in names], ":hidden:")
    pages["figures.md"] = f"{gallery.gallery_page(drawings)}\n\n{below}"
    lines = "\n".join(f"- [{mission.name}]({mission.name}.md): {mission.title}" for mission in missions)
    verdicts = [f"/{path.relative_to(ROOT).with_suffix('')}" for path in ROOT.glob("results/notebooks/08*.ipynb")]
    pages["experiments.md"] = f"""# Experiments

The notebooks of each experiment, executed by `make results`; the validation is of all of them together.

{lines}

{contents(names + verdicts, ":hidden:")}"""
    return pages


def write() -> None:
    """Write all pages anew."""
    names = yaml.safe_load((ROOT / "workflow/config.yaml").read_text())["scenarios"]
    missions = [load_scenario(ROOT / f"data/scenarios/{name}.yaml") for name in names if notebooks(name)]
    if not missions:
        sys.exit("make docs shows the notebooks and figures of results/, and there are none: run make results first")
    pages = result_pages(missions) | {f"api/{name}": text for name, text in api.pages()}
    shutil.rmtree(SITE, ignore_errors=True)
    (SITE / "api").mkdir(parents=True)
    for name, text in pages.items():
        (SITE / name).write_text(f"{text}\n")


if __name__ == "__main__":
    write()
