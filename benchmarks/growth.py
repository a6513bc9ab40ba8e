"""Measure each stage as its input grows: the code of its notebook, in a process of its own.

``python -m benchmarks.growth 100 100000000`` prints the table up to 100 passes and 1e8 tags, and writes no file.
"""

import csv
import json
import math
import shutil
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import yaml
from tqdm import tqdm

from benchmarks.pair import memory_mb, peak_mb
from satqkd.plot import in_style, new_figure, save_figure
from satqkd.scenario.reading import read_yaml

FIGURE = Path("results/benchmarks_growth.svg")
PASSES, TAGS = (1, 10, 100, 1000), tuple(10**n for n in range(5, 10))
PASS_S, SESSION_S = 60, 300
DAYS = (1, 3, 25, 250)  # of a plan with four passes a day
NOTEBOOKS = {
    "orbit": "01_orbit",
    "channel": "02_channel",
    "detection": "03_detection",
    "coincidence": "04_coincidence",
    "key": "05_key",
    "bell": "06_bell",
}
# Picoseconds in 64 bits last for 106 days. A thousand passes fit into them because near the pole the satellite passes
# on every orbit, and because it is used by day. There are element sets for the whole time from December 2016.
ORBIT = {
    "orbit.search_start": "2016-12-18T00:00:00Z",
    "orbit.search_end": "2017-04-01T00:00:00Z",
    "orbit.elements": "micius.csv",
    "orbit.min_elevation_deg": 10,
    "orbit.max_range_m": None,
    "orbit.max_sun_elevation_deg": 90,
    "orbit.satellite_in_shadow": False,
    "orbit.showcase": None,
    "transmitter.aperture_m": 0.3,
    "transmitter.divergence_full_angle_urad": 6,
}
PLACES = ((78.93, 11.93), (78.23, 15.40))
RECEIVER = {
    "aperture_m": 3,
    "field_of_view_urad": None,
    "receiver_efficiency": 0.8,
    "zenith_extinction_db": 0.3,
    "background_rate_hz": 0,
    "altitude_m": 100,
} | {f"detectors.{j}.dark_rate_hz": 5 for j in range(4)}
# Share of the photons from the satellite that is detected in the geometry above.
DETECTED = 0.094


def rows() -> list[dict]:
    """Measure CPU and wall time of every stage by passes and by tags, the exponent from size to size, and memory."""
    found = measured(PASSES[-1], TAGS[-1])
    save_figure(growth_figure(found), FIGURE)
    return found


def measured(most_passes: int, most_tags: int) -> list[dict]:
    """Measure up to given sizes, without the figure."""
    passes, tags = [n for n in PASSES if n <= most_passes], [n for n in TAGS if n <= most_tags]
    series = {
        "pairs by passes": (pairs_by_passes, passes),
        "pairs by tags": (pairs_by_tags, tags),
        "pulses by tags": (pulses_by_tags, tags),
    }
    jobs = [(name, make, size) for name, (make, sizes) in series.items() for size in sizes]
    days = DAYS[: len(passes)]
    found: dict[str, list[dict]] = {}
    with tqdm(total=len(NOTEBOOKS) * (2 + len(jobs)) + len(days), desc="growth", unit="stage") as bar:
        for values in (pairs_by_passes(1), pulses_by_tags(TAGS[0])):  # fills numba's cache
            list(_chain(values, bar))
        for name, make, size in jobs:
            for stage, cost in _chain(make(size), bar):
                found.setdefault(f"{stage}, {name}", []).append({"size": size} | cost)
        for length in days:
            found.setdefault("forecast by passes", []).append(_forecast(length))
            bar.update()
    return [row for what, costs in found.items() for row in table(what, costs)]


def pairs_by_passes(passes: int) -> dict:
    """Return the values of a scenario with passes of a minute. They begin low: of 1e5 tags in the geometry of
    `DETECTED` 3e4 are left in each.
    """
    return _pairs(1e5 * passes, passes, PASS_S)


def pairs_by_tags(tags: int) -> dict:
    """Return the values of a scenario with one pass and a number of tags, both stations together."""
    return _pairs(tags, 1, SESSION_S)


def pulses_by_tags(tags: int) -> dict:
    """Return the values of a scenario with one pass of decoy states; damping the transmitter sets the number of
    tags.
    """
    pulse_rate_hz, mean_photon_number = 1e8, 0.3875
    return {
        "base": "tiangong2",
        "name": "pulses",
        "orbit.max_duration_s": SESSION_S,
        "orbit.min_duration_s": SESSION_S,
        "measurements.0.duration_s": SESSION_S,
        "source.pulse_rate_hz": pulse_rate_hz,
        "transmitter.optics_efficiency": tags / SESSION_S / (pulse_rate_hz * mean_photon_number * DETECTED),
    } | _places(1)


def _pairs(tags: float, passes: int, duration_s: int) -> dict:
    return {
        "base": "yin2020",
        "name": "pairs",
        "orbit.max_duration_s": duration_s,
        "orbit.min_duration_s": duration_s,
        "measurements.0.duration_s": round(0.8 * duration_s) * passes,
        "measurements.1.duration_s": round(0.2 * duration_s) * passes,
        "source.pair_rate_hz": tags / (duration_s * passes) / (2 * DETECTED),
    } | _places(2)


def _places(stations: int) -> dict:
    keys = {f"stations.{i}.{key}": value for i in range(stations) for key, value in RECEIVER.items()}
    for i in range(stations):
        keys |= {f"stations.{i}.latitude_deg": PLACES[i][0], f"stations.{i}.longitude_deg": PLACES[i][1]}
    return ORBIT | keys


def write_scenario(values: dict, folder: Path) -> Path:
    """Write a scenario of the repository with other values, in a folder of its own next to the element sets."""
    tree = read_yaml(Path(f"data/scenarios/{values['base']}.yaml"), "a scenario")
    for name in ("reference", "outlook"):
        del tree[name]
    for key, value in values.items():
        if key != "base":
            *parents, leaf = key.split(".")
            node = tree
            for part in parents:
                node = node[int(part)] if isinstance(node, list) else node[part]
            node[leaf] = value
    path = folder / "data/scenarios" / f"{tree['name']}.yaml"
    path.parent.mkdir(parents=True)
    shutil.copytree("data/orbits", folder / "data/orbits")
    path.write_text(yaml.safe_dump(tree))
    return path


def _chain(values: dict, bar: tqdm):
    """Yield the stages one after another, each with its cost."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        given = {
            "scenario": write_scenario(values, folder),
            "orbit_data": folder / "orbit.nc",
            "channel_data": folder / "channel.nc",
            "tags": folder / "detection.zarr",
            "truth": folder / "truth.nc",
            "coincidence_data": folder / "coincidence.nc",
        }
        for stage, notebook in NOTEBOOKS.items():
            if stage != "bell" or values["base"] == "yin2020":
                output = folder / f"{stage}.{'zarr' if stage == 'detection' else 'nc'}"
                figures = folder / "figures" if stage in ("orbit", "channel") else ""
                yield stage, _child(notebook, given | {"output": output, "figures": figures})
            bar.update()


def _forecast(days: int) -> dict:
    """Measure the plan of one link over a number of days; its size is the number of passes."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        for part in ("orbits", "scenarios"):
            shutil.copytree(f"data/{part}", folder / "data" / part)
        plan = read_yaml(Path("data/plans/example.yaml"), "a plan")
        plan |= {"name": "growth", "start": "2016-12-18", "days": days, "max_age_days": 120}
        plan |= {"satellites": plan["satellites"][:1], "stations": plan["stations"][:1]}
        path = folder / "data/plans/growth.yaml"
        path.parent.mkdir()
        path.write_text(yaml.safe_dump(plan))
        cost = _child("plan", {"plan": path, "folder": folder / "plan"})
        with (folder / "plan/passes.csv").open(newline="") as handle:
            return {"size": sum(1 for _ in csv.DictReader(handle))} | cost


def _child(notebook: str, given: dict) -> dict:
    command = [sys.executable, "-m", "benchmarks.growth", notebook, json.dumps(given, default=str)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{notebook} ended with {done.returncode} for {given}: {done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def table(what: str, costs: list[dict]):
    """Yield two rows for each size, CPU and wall time; the ratio is the exponent of time from the size before."""
    for unit in ("cpu", "wall"):
        for before, cost in zip([None, *costs], costs, strict=False):
            slope = before and math.log(cost[unit] / before[unit]) / math.log(cost["size"] / before["size"])
            yield {
                "what": f"{what}, {unit}",
                "size": cost["size"],
                "ours": f"{cost[unit]:.4g}",
                "unit": "s",
                "ratio": "" if slope is None else f"{slope:.2f}",
                "ratio_is": "" if slope is None else "exponent of time from the size before",
                "cores": 1,
                "peak_mb": cost["peak_mb"],
            }


@in_style
def growth_figure(found: list[dict]):
    """Draw CPU seconds above and peak memory below, a column for each series and a line for each stage."""
    cpu = [row for row in found if row["what"].endswith(", cpu")]
    names = [row["what"].removesuffix(", cpu").replace(", ", " ").split(" ", 1) for row in cpu]
    stages, series = (list(dict.fromkeys(column)) for column in zip(*names, strict=True))
    series = [name for name in series if name != "by passes"]  # the planner is drawn with the passes of pairs
    figure, axes = new_figure(2, len(series), width_cm=24, height_cm=14, sharex="col", sharey="row")
    for number, stage in enumerate(stages):
        for name, (above, below) in zip(series, axes.T, strict=True):
            own = [row for row, where in zip(cpu, names, strict=True) if where in ([stage, name], [stage, name[6:]])]
            size, style = [row["size"] for row in own], {"marker": ".", "color": f"C{number}", "label": stage}
            above.loglog(size, [float(row["ours"]) for row in own], **style)
            below.semilogx(size, [row["peak_mb"] for row in own], **style)
            above.set_title(name)
            below.set_xlabel(name.split()[-1].capitalize())
    axes[0, 0].set_ylabel("CPU time (s)")
    axes[1, 0].set(ylabel="Peak memory (MB)", ylim=(0, None))
    axes[0, 0].legend(fontsize=7)
    return figure


def _run(notebook: str, given: dict) -> dict:
    """Run the cells of a notebook; the clock starts after the imports."""
    parameters, imports, *cells = _cells(notebook)
    names: dict = {}
    exec(parameters, names)
    exec(imports, names)
    names |= given
    start_mb, wall, cpu = memory_mb("VmRSS"), time.perf_counter(), time.process_time()
    for cell in cells:
        exec(cell, names)
    return {
        "cpu": time.process_time() - cpu,
        "wall": time.perf_counter() - wall,
        "start_cpu": cpu,
        "start_mb": start_mb,
        "peak_mb": peak_mb(),
    }


def _cells(notebook: str) -> list[str]:
    """Return the parameters, the imports, and the other cells of a notebook."""
    if notebook == "plan":
        return [
            "",
            "from satqkd.planner.plan import make_plan\n"
            "from satqkd.planner.planfile import load_plan\n"
            "from satqkd.planner.write import save_plan",
            "save_plan(make_plan(load_plan(plan)), folder)",
        ]
    cells = json.loads(Path(f"notebooks/{notebook}.ipynb").read_text())["cells"]
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]


if __name__ == "__main__":
    if len(sys.argv) > 2 and not sys.argv[1].isdigit():
        print(json.dumps(_run(sys.argv[1], json.loads(sys.argv[2]))))
    else:
        for row in measured(*map(int, sys.argv[1:])):
            print(*row.values(), sep="\t")
