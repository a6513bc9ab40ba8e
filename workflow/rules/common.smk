"""Shared by all rules: the scenarios, checked before any work starts, and lists of files.

The parameter `code` of all rules is a digest of the package's files that their notebook or module imports: a change of
one of them makes the results again.
"""

from pathlib import Path

from snakemake.exceptions import WorkflowError

from satqkd import ScenarioError, load_scenario
from satqkd.scenario.provided import neighbour
from satqkd.workflow.configuration import require_known, scenario_names
from satqkd.workflow.sources import digest_of

# A job on a cluster's node reads the scenarios again. They were checked before it was submitted, so it need not import the
# stages that check them.
if workflow.is_main_process:
    from satqkd.workflow.check import check as read_scenario
else:
    read_scenario = load_scenario


def checked_missions(names):
    """Return the scenarios by name; end with one sentence before any work if one is wrong."""
    try:
        require_known(config)
        return {
            name: read_scenario(f"data/scenarios/{name}.yaml")
            for name in scenario_names(names)
        }
    except ScenarioError as error:
        raise WorkflowError(str(error)) from None


def calibrated_files(folder):
    """Return the scenarios or references of the joint calibration."""
    from satqkd.calibration.draws import calibrated_names  # takes a second

    return [f"data/{folder}/{name}.yaml" for name in calibrated_names()]


def plan_files(plan, **days):
    """Return the files of a plan: itself, its element sets and its scenarios."""
    from satqkd.planner import load_plan  # takes a second, so only plans import it

    try:
        return list(map(str, load_plan(plan, **days).files))
    except ScenarioError as error:
        raise WorkflowError(str(error)) from None


def checked_number(key, lowest):
    value = config[key]
    if not isinstance(value, int) or isinstance(value, bool) or value < lowest:
        raise WorkflowError(
            f"workflow/config.yaml: {key}={value} is not a whole number of at least {lowest}"
        )
    return value


SCENARIOS = checked_missions(config["scenarios"])
MISSIONS = {name: s for name, s in SCENARIOS.items() if s.kind == "mission"}
RECORDED = {name: s for name, s in SCENARIOS.items() if s.kind == "recorded"}
BENCHES = {name: s for name, s in SCENARIOS.items() if s.kind == "bench"}
COUNTED = {name: s for name, s in SCENARIOS.items() if s.kind == "counts"}
SEED = checked_number("seed", 0)
RUNS = range(1, checked_number("replicates", 2) + 1)
# The scenario of `quick`: the one that is given, or the first mission.
QUICK = config.get("quick", next(iter(MISSIONS), None))
if QUICK not in MISSIONS | COUNTED | BENCHES and "quick" in config:
    raise WorkflowError(
        f"quick={QUICK} is no mission of workflow/config.yaml, nor a count table or a bench: "
        f"give one of {', '.join(MISSIONS | COUNTED | BENCHES)}"
    )
# The figures show the first run; the others are only for the scatter.
SHOWN = "1"
RUN_FOLDER = "results/{scenario}/run{run}"
OTHERS = rf"(?!{SHOWN}\b)\d+"


wildcard_constraints:
    scenario="[a-z][a-z0-9_]*",
    run=r"\d+",


def element_sets(wildcards):
    mission = MISSIONS[wildcards.scenario]
    names = [mission.orbit.elements, *filter(None, [mission.orbit.survey])]
    return [str(mission.file(name)) for name in names]


def reference_files(scenario):
    """Return the files of a scenario's published values and of the known deviations from them."""
    files = [
        f"data/reference/{name}.yaml"
        for name in (MISSIONS[scenario].reference, "known_deviations")
    ]
    return files if Path(files[0]).is_file() else []


def shared_files(scenario):
    """Return the files of the scenarios from which a scenario takes values."""
    names = sorted(set(scenario.transferred.values()))
    return [str(neighbour(scenario.path, name)) for name in names]


def shared_scenarios(wildcards):
    return shared_files(SCENARIOS[wildcards.scenario])


def displayed_values(wildcards):
    """Return the files that a stage's notebook displays next to its outcomes; runs that nobody opens display nothing.

    No result depends on it: a new published value does not run the stages again.
    """
    shown = wildcards.get("run", SHOWN) == SHOWN
    return [ancient(file) for file in reference_files(wildcards.scenario) if shown]


def run_stages(scenario):
    entangled = MISSIONS[scenario].source.kind == "entangled"
    return ["detection", "coincidence", "key"] + ["bell"] * entangled


def run_results(scenario, runs=RUNS):
    return expand(
        "results/{scenario}/run{run}/{stage}.observables.json",
        scenario=scenario,
        run=runs,
        stage=run_stages(scenario),
    )


def quick_results(scenario):
    """Return the files of one run of a mission or a bench, or of a count table."""
    parameters = f"results/{scenario}/parameters.html"
    if scenario in COUNTED:
        return [parameters, f"results/{scenario}/counts/counts.nc"]
    if scenario in BENCHES:
        return [parameters, f"results/{scenario}/bench/key.nc"]
    return [
        parameters,
        f"results/{scenario}/fiber.nc",
        run_results(scenario, [SHOWN]),
    ]


def count_table(wildcards):
    scenario = COUNTED[wildcards.scenario]
    return str(scenario.file(scenario.table))


def scenarios_of(kind):
    """Return a pattern for the names of recorded scenarios with sources of a kind; without any it matches nothing."""
    return "|".join(n for n, s in RECORDED.items() if s.source.kind == kind) or "(?!)"


def recordings(wildcards):
    """Return the recordings of a scenario, and its element sets if a satellite flew."""
    scenario = RECORDED[wildcards.scenario]
    files = scenario.recorded_files
    return [
        str(file)
        for file in files
        + ([scenario.file(scenario.orbit.elements)] if scenario.orbit else [])
    ]


def figure(stage, name, folder):
    """Return a figure with its caption in the report."""
    return report(
        f"{folder}/figures/{name}.svg",
        caption=f"../report/{name}.rst",
        category="{scenario}",
        subcategory=stage,
        labels={"figure": name},
    )


def figures(stage, *names, folder="results/{scenario}"):
    """Return the figures of the shown run or of a whole scenario: as SVG in the report, and as PNG."""
    svgs = [figure(stage, name, folder) for name in names]
    return svgs + [f"{folder}/figures/{name}.png" for name in names]
