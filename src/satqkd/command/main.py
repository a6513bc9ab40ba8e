"""The console command: each subcommand calls a function of the package.

Parts of the package are imported where they are used, so that the help appears at once.
"""

import shutil
import subprocess
import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import click

import satqkd


def _one_sentence(command: Callable[..., Any]) -> Callable[..., Any]:
    """Turn an error of bad input into one sentence and exit status 1."""

    @wraps(command)
    def checked(*arguments: Any, **options: Any) -> Any:
        try:
            return command(*arguments, **options)
        except (ValueError, OSError) as error:
            raise click.ClickException(str(error)) from None

    return checked


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="satqkd")
def main() -> None:
    """Satellite quantum key distribution, from the orbit to the secret key and the Bell test.

    A SCENARIO is the name of one that comes with the package (liao2017), or the path of a YAML file.

    \b
    Examples:
      satqkd new mine                 a scenario to start from, mine.yaml
      satqkd check mine.yaml          its values, its files, and whether there is a pass
      satqkd simulate mine.yaml out   one run, from the orbit to the key
      satqkd plan example results     the passes of the coming days
      satqkd COMMAND --help           more of each
    """


@main.command(short_help="Write a scenario to start from.")
@click.argument("name")
@_one_sentence
def new(name: str) -> None:
    """Write a scenario NAME.yaml to start from, every line explained.

    \b
    Example:
      satqkd new mine
    """
    from satqkd.scenario import data_folder

    template = data_folder() / "scenarios/template.yaml"
    path = Path(f"{name}.yaml")
    satqkd.load_scenario(template).model_copy(update={"name": name})  # refuses a name that is not a plain word
    text = template.read_text(encoding="utf-8").replace("name: template", f"name: {name}", 1)
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise ValueError(f"{path}: exists already: give another name, or move it away") from None
    click.echo(f"{path}: edit it from the top down, then: satqkd check {path}")


@main.command(short_help="Check a scenario: values, files, passes.")
@click.argument("scenario")
@_one_sentence
def check(scenario: str) -> None:
    """Check a SCENARIO: its values, its files, and whether there is a pass.

    \b
    Examples:
      satqkd check mine.yaml
      satqkd check liao2017
    """
    from satqkd.workflow.check import check as checked

    mission = checked(scenario)
    click.echo(f"{mission.path}: nothing is wrong with it ({mission.title})")


@main.command(short_help="Run a scenario once, from orbit to key.")
@click.argument("scenario")
@click.argument("folder")
@click.option("--seed", default=1, show_default=True, type=click.IntRange(min=0), help="Of all random numbers.")
@_one_sentence
def simulate(scenario: str, folder: str, seed: int) -> None:
    """Run the stages of a SCENARIO once, from the orbit to the key, and write the data sets to FOLDER.

    It makes no figures and no notebooks and compares nothing with publications: the workflow does (satqkd run --help).

    \b
    Examples:
      satqkd simulate mine.yaml results/mine
      satqkd simulate tiangong2 out --seed 7
    """
    from satqkd.key import in_words
    from satqkd.scenario import Scenario
    from satqkd.stages import run_stages

    mission = satqkd.load_scenario(scenario)
    if not isinstance(mission, Scenario):
        raise ValueError(f"{mission.path}: kind={mission.kind} is measured: only missions and benches are simulated")
    results = run_stages(mission, folder, seed=seed, progress=sys.stderr.isatty())
    click.echo(in_words(results.key))
    if results.bell is not None and "s" in results.bell:
        click.echo(f"S = {float(results.bell.s):.3f} ± {float(results.bell.sigma):.3f}")
    click.echo(f"{folder}: {', '.join(sorted(path.name for path in Path(folder).glob('**/*.nc')))}")


@main.command(short_help="Run the workflow in a checkout.")
@click.argument("scenario", required=False)
@click.option("--cores", default=1, show_default=True, type=click.IntRange(min=1), help="Processor cores to use.")
@_one_sentence
def run(scenario: str | None, cores: int) -> None:
    """Run the workflow in a checkout of the repository: everything, or one run of one SCENARIO.

    The SCENARIO has to be listed in workflow/config.yaml. This calls `snakemake --cores N`, with the same results.

    \b
    Examples:
      satqkd run --cores 2            all scenarios, as make results does
      satqkd run yin2020 --cores 2    a first look at one, as make quick does
    """
    if not Path("Snakefile").is_file() or not Path("workflow/config.yaml").is_file():
        raise ValueError(
            f"{Path.cwd()}: is not a checkout of satqkd, and the workflow's files do not come with the package: clone "
            "the repository and work there, or run one scenario here with satqkd simulate"
        )
    if shutil.which("snakemake") is None:
        raise ValueError("snakemake is not installed: pip install 'satqkd[workflow]'")
    one = ["quick", "--config", f"quick={scenario}"] if scenario else []
    words = ["snakemake", *one, "--cores", str(cores), "--rerun-incomplete", "--quiet", "rules", "host", "reason"]
    raise SystemExit(subprocess.run(words, check=False).returncode)


@main.command(short_help="Find the passes of days, and their yield.")
@click.argument("plan")
@click.argument("folder")
@click.option("--start", help="First day, in place of the plan's.")
@click.option("--days", help="How many days, in place of the plan's.")
@_one_sentence
def plan(plan: str, folder: str, start: str | None, days: str | None) -> None:
    """Find the passes in the days of a PLAN and their yield: write tables, calendar and CZML to FOLDER.

    \b
    Examples:
      satqkd plan example results/plan
      satqkd plan mine.yaml results/plan --start 2018-09-20 --days 7
    """
    from satqkd.planner import load_plan, make_plan
    from satqkd.planner.write import save_plan

    forecast = make_plan(load_plan(plan, start=start, days=days), progress=True)
    save_plan(forecast, folder)
    click.echo(forecast.links.to_string(index=False))


@main.command(short_help="Compute a grid of designs.")
@click.argument("sweep")
@click.argument("output", type=click.Path(dir_okay=False))
@_one_sentence
def sweep(sweep: str, output: str) -> None:
    """Compute the grid of designs of a SWEEP by the analytic chain: write a data set OUTPUT, and a figure beside it.

    Points that the sweep also simulates are left to the workflow: make sweep.

    \b
    Example:
      satqkd sweep example results/example.nc
    """
    from satqkd.dataset import save
    from satqkd.plot import save_figure
    from satqkd.sweep import load_sweep
    from satqkd.sweep.figures import sweep_figure
    from satqkd.sweep.grid import block, gather

    grid = load_sweep(sweep)
    data = gather(grid, [block(grid, 0, grid.size - 1)], [])
    save(data, output)
    save_figure(sweep_figure(data), Path(output).with_suffix(".svg"))
    click.echo(f"{output}: {grid.size} designs; figure in {Path(output).with_suffix('.svg')}")


@main.command(short_help="Print the length of a key from counts.")
@click.argument("counts", nargs=-1, required=True, metavar="[FILE] [KEY=VALUE]...")
@_one_sentence
def key(counts: tuple[str, ...]) -> None:
    """Print the length of the secret key under every proof, from counts in a YAML FILE, as KEY=VALUE, or both.

    \b
    Pairs:    n_z n_x errors_z errors_x
    Pulses:   detections_x detections_z errors_x errors_z mean_photon_numbers intensity_probabilities (pulses):
              lists over signal, decoy, vacuum, as in 11593429,586141,1839
    Both:     eps_sec eps_cor f_ec efficiency_mismatch, with defaults 1e-10 1e-10 1.16 0

    \b
    Examples:
      satqkd key n_z=1685 n_x=1415 errors_z=78 errors_x=62 f_ec=1.19
      satqkd key counts.yaml eps_sec=1e-6
    """
    from satqkd.command.counts import key_lengths
    from satqkd.scenario.reading import read_tree

    given: dict[str, Any] = {}
    file, *words = counts if "=" not in counts[0] else ("", *counts)
    if file:
        given |= read_tree(Path(file), "counts", "satqkd key --help")
    for word in words:
        name, separator, value = word.partition("=")
        if not separator:
            raise click.UsageError(f"{word} is not KEY=VALUE: write it as in n_z=1685")
        given[name] = value.split(",") if "," in value else value
    click.echo(key_lengths(given, file or "counts").to_string(index=False))


@main.command(short_help="Write a page of parameters or verdicts.")
@click.argument("source")
@click.argument("output", type=click.Path(dir_okay=False))
@_one_sentence
def report(source: str, output: str) -> None:
    """Write a page: the origins of a scenario's parameters, or the verdicts of a validation table (CSV).

    \b
    Examples:
      satqkd report liao2017 parameters.html
      satqkd report results/validation.csv validation.html
    """
    from satqkd.files import finished
    from satqkd.report import parameters_page, validation_page
    from satqkd.validation.stage import read_table

    if source.endswith(".csv"):
        page = validation_page(read_table(source))
    else:
        page = parameters_page(satqkd.load_scenario(source))
    with finished(output) as draft:
        draft.write_text(page, encoding="utf-8")
    click.echo(f"{output}: open it in a browser")
