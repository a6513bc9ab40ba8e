"""Scenarios, and what the stages make of them, computed once for all tests; copies of the project."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pytest
import xarray as xr
import yaml
from hypothesis import settings

from satqkd.channel.stage import link_budget
from satqkd.coincidence.stage import coincidences
from satqkd.detection.stage import simulate
from satqkd.orbit.stage import find_sessions
from satqkd.scenario import AnyScenario, Scenario, load_scenario
from satqkd.workflow.preloaded import leave_out_format_checks

leave_out_format_checks()  # three seconds of every worker
# The first example waits for numba's compiler. Each run draws other examples, so that many runs see many of them.
settings.register_profile("full", deadline=None, max_examples=50)
settings.register_profile("quick", deadline=None, max_examples=10)
settings.load_profile("full")

MISSIONS = ("yin2017", "liao2017", "yin2020", "tiangong2")
# Thirty seconds near the closest approach, over a link so good that counts are high.
BRIGHT = {
    "orbit.search_end": "2018-10-02T00:00:00Z",
    "orbit.max_range_m": 8.8e5,
    "orbit.min_duration_s": 0,
    "measurements.0.duration_s": 20,
    "measurements.1.duration_s": 10,
    "transmitter.aperture_m": 0.3,
    "transmitter.divergence_full_angle_urad": 6,
    "source.pair_rate_hz": 1e5,
    "source.fidelity": 0.95,
    "detection.dead_time_ns": 0,
} | {
    f"stations.{i}.{key}": value
    for i in range(2)
    for key, value in {
        "aperture_m": 3,
        "obscuration_m": 0.5,
        "field_of_view_urad": None,
        "receiver_efficiency": 0.8,
        "zenith_extinction_db": 0.3,
        "background_rate_hz": 8e3,
    }.items()
}


# What Python and numba are just writing into their caches, for another test: it takes another name at any moment.
BEING_WRITTEN = shutil.ignore_patterns("*.pyc.*", "*.tmp.*")
# Folders whose tests are a layer of their own, which has its own target of make.
LAYERS = ("workflow", "browser", "slurm", "long")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Mark the tests of a layer; whole workflows come first, or one would go on when everything else is done."""
    for item in items:
        folders = set(item.path.relative_to(item.config.rootpath).parts)
        if "whole_run" in item.fixturenames:
            folders.add("workflow")
        for layer in folders.intersection(LAYERS):
            item.add_marker(layer)
    items.sort(key=lambda item: "whole_run" not in item.fixturenames)


@dataclass(frozen=True)
class Run:
    """A scenario with the results of its first four stages."""

    scenario: Scenario
    orbit: xr.Dataset
    channel: xr.Dataset
    tags: Path
    truth: xr.Dataset
    coincidence: xr.Dataset


@dataclass(frozen=True)
class Project:
    """A copy of the project, whose runs use its own sources."""

    folder: Path

    def configure(self, **values) -> None:
        """Change values of workflow/config.yaml."""
        path = self.folder / "workflow/config.yaml"
        path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text()) | values))

    def start(self, *command, environment=os.environ) -> subprocess.Popen:
        """Begin a command in a session of its own."""
        path = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
        # A pipe would stay open as long as a job that is left behind.
        with tempfile.NamedTemporaryFile("w", dir=self.folder.parent, prefix="said", delete=False) as said:
            process = subprocess.Popen(
                command,
                cwd=self.folder,
                env=environment | {"PATH": path, "PYTHONPATH": str(self.folder / "src")},
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                # A shell that starts the tests in the background has them ignore it, and they hand that on.
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
            )
        process.said = Path(said.name)
        return process

    def end(self, process: subprocess.Popen, seconds: float = 900) -> tuple[int, str]:
        """Exit status of a command, and what it said; it has ended afterwards, with all that it started."""
        try:
            process.wait(seconds)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        return process.returncode, process.said.read_text()

    def run(self, *command, **options) -> tuple[int, str]:
        """Exit status of a command, and what it said."""
        return self.end(self.start(*command, **options))

    def snakemake(self, *arguments, **options) -> tuple[int, str]:
        """Exit status of Snakemake on one core, and what it said."""
        return self.run("snakemake", "--cores", "1", *arguments, **options)

    def results(self) -> dict[str, bytes]:
        """Bytes by name of every file in results, drafts too, but for what holds a time of day or of the run."""
        folder, of_the_run = self.folder / "results", {"logs", "benchmarks", "notebooks"}
        with_times = ("*.provenance.json", "report*.html")
        names = [path.relative_to(folder) for path in sorted(folder.rglob("*")) if path.is_file()]
        return {
            str(name): (folder / name).read_bytes()
            for name in names
            if not of_the_run & set(name.parts) and not any(map(name.match, with_times))
        }

    def whole(self, expected: dict[str, bytes]) -> int:
        """How many of the expected results stand under their own names; each of these has to be complete."""
        found = self.results()
        there = [name for name in expected if name in found]
        assert [name for name in there if found[name] != expected[name]] == []
        return len(there)

    def assert_results(self, expected: dict[str, bytes]) -> None:
        """All of the expected results are there, the same bytes, and nothing else."""
        assert set(self.results()) == set(expected)
        assert self.whole(expected) == len(expected)


@pytest.fixture(scope="session")
def project_in(root):
    """A copy of the project in a folder, with nothing in results, and with values of workflow/config.yaml changed."""

    def copied(folder: Path, **configuration) -> Project:
        for name in ("workflow", "notebooks", "data", "src"):
            shutil.copytree(root / name, folder / name, ignore=BEING_WRITTEN)
        for name in ("Snakefile", "environment.yml"):
            shutil.copy(root / name, folder)
        project = Project(folder)
        project.configure(**configuration)
        return project

    return copied


@pytest.fixture(scope="session")
def root() -> Path:
    """The project's folder."""
    return Path(__file__).parents[1]


@pytest.fixture(scope="session")
def example_in(root):
    """An example scenario, copied to the folder `scenarios` of a folder, with pieces of its text exchanged."""

    def copied(folder: Path, name: str, *changes: tuple[str, str]) -> AnyScenario:
        text = (root / f"data/scenarios/{name}.yaml").read_text()
        for old, new in changes:
            assert old in text, old
            text = text.replace(old, new, 1)
        path = folder / f"scenarios/{name}.yaml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        return load_scenario(path)

    return copied


@pytest.fixture(scope="session")
def whole_run(project_in, tmp_path_factory) -> Project:
    """All results and the report of one scenario with two runs, made on two cores."""
    project = project_in(tmp_path_factory.mktemp("whole") / "project", scenarios=["tiangong2"], replicates=2)
    for what in (["--cores", "2"], ["--report", "results/report-snakemake.html"]):
        status, said = project.run("snakemake", *what)
        assert status == 0, said
    return project


@pytest.fixture(scope="session")
def missions(root) -> dict[str, Scenario]:
    """The four experiments."""
    return {name: load_scenario(root / f"data/scenarios/{name}.yaml") for name in MISSIONS}


@pytest.fixture(scope="session")
def schema(root):
    """The committed schema of a scenario, which is itself valid."""
    import jsonschema  # after the line above that makes it fast

    committed = json.loads((root / "data/scenarios/scenario.schema.json").read_text())
    kind = jsonschema.validators.validator_for(committed)
    kind.check_schema(committed)
    return kind(committed)


@pytest.fixture(scope="session")
def orbits(missions) -> dict[str, xr.Dataset]:
    """Stage 1 of the four experiments."""
    return {name: find_sessions(scenario) for name, scenario in missions.items()}


@pytest.fixture(scope="session")
def channels(missions, orbits) -> dict[str, xr.Dataset]:
    """Stage 2 of the four experiments."""
    return {name: link_budget(scenario, orbits[name]) for name, scenario in missions.items()}


@pytest.fixture(scope="session")
def run_of(tmp_path_factory):
    """Stages 1 to 4 of a scenario."""

    def run(scenario: Scenario) -> Run:
        tags = tmp_path_factory.mktemp(scenario.name) / "detection.zarr"
        orbit = find_sessions(scenario)
        channel = link_budget(scenario, orbit)
        truth = simulate(scenario, orbit, channel, path=tags, seed=11, run=1)
        coincidence = coincidences(scenario, orbit, tags, path=tags.with_name("coincidence.nc"))
        return Run(scenario, orbit, channel, tags, truth, coincidence.load())

    return run


@pytest.fixture(scope="session")
def bright(missions, run_of) -> Run:
    """Thirty seconds of many pairs, analysed by beam splitters."""
    return run_of(missions["yin2020"].replaced(BRIGHT))


@pytest.fixture(scope="session")
def bright_active(missions, run_of) -> Run:
    """The same pairs, analysed by switched receivers."""
    active = {"detection.basis_choice": "active", "detection.switch_rate_hz": 5e3}
    return run_of(missions["yin2020"].replaced(BRIGHT | active))


@pytest.fixture(scope="session")
def pulses(missions, run_of) -> Run:
    """The pass of Tiangong-2, with a vacuum intensity that is not quite dark."""
    return run_of(missions["tiangong2"].replaced({"source.mean_photon_numbers.vacuum": 0.01, "key.bound": "chernoff"}))
