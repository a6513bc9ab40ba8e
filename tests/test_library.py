"""The package as a library: installed away from the repository, imported in parts, changed and printed in Python."""

import contextlib
import os
import re
import subprocess
import sys
import tomllib
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

import netCDF4
import numpy as np
import pytest
import xarray as xr
import yaml
from click.testing import CliRunner
from pydantic import ValidationError

import satqkd
from satqkd.bell import chsh
from satqkd.command.counts import key_lengths
from satqkd.command.main import main
from satqkd.dataset import save
from satqkd.key import bbm92_key_length
from satqkd.result import plain
from satqkd.scenario import Scenario, ScenarioError, load_scenario
from satqkd.scenario.provided import provided_names

ROOT = Path(__file__).parents[1]
# What the extras bring: modules that run the workflow or draw sliders.
NEEDS_EXTRAS = {
    "satqkd.explorer",
    *(f"satqkd.workflow.{name}" for name in ("engine", "kernels", "notebook", "preloaded", "running", "server")),
}


def run(program, **options):
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, **options)
    assert done.returncode == 0, done.stderr
    return done.stdout


# The package and its parts


def test_the_package_is_imported_without_its_parts():
    heavy = run("import sys, satqkd; print(*{'numpy', 'pydantic', 'numba', 'matplotlib'} & set(sys.modules))").strip()
    assert heavy == ""


def test_every_part_is_an_attribute_of_the_package():
    folder = Path(satqkd.__file__).parent
    there = {path.stem for path in folder.iterdir() if path.suffix == ".py" or (path / "__init__.py").is_file()}
    assert set(satqkd._PARTS) == there - {"__init__", "__main__", "command"}
    assert satqkd.channel.link_budget and satqkd.__version__ == version("satqkd")
    assert {"channel", "load_scenario", "__version__"} <= set(dir(satqkd))
    with pytest.raises(AttributeError, match="module 'satqkd' has no attribute 'chanel'"):
        satqkd.chanel  # noqa: B018


def distributions(names):
    """Distributions, and all that they need, which are installed here."""
    found, waiting = set(), list(names)
    while waiting:
        name = re.match(r"[\w.-]+", waiting.pop())[0].lower().replace("_", "-")
        if name not in found:
            with contextlib.suppress(PackageNotFoundError):  # for another system, or another Python
                waiting += [line for line in requires(name) or [] if "extra ==" not in line]
                found.add(name)
    return found


WITHOUT = """
import importlib, importlib.abc, sys, warnings
class Absent(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {absent}:
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Absent())
import erfa, matplotlib, netCDF4, numba, numpy, pandas, scipy.stats, xarray, zarr
def settings():
    return netCDF4.get_chunk_cache(), dict(matplotlib.rcParams), warnings.filters[:], numpy.get_printoptions()
before = settings()
for name in {modules}:
    importlib.import_module(name)
assert settings() == before
"""


@pytest.mark.slow
def test_the_physics_is_imported_without_the_extras_and_changes_no_setting_of_a_library():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    absent = distributions(extras["workflow"] + extras["notebooks"]) - distributions(project["dependencies"])
    assert {"snakemake", "papermill", "ipykernel", "jupyterlab", "ipywidgets"} <= absent
    modules = [
        ".".join(path.relative_to(ROOT / "src").with_suffix("").parts).removesuffix(".__init__")
        for path in sorted((ROOT / "src/satqkd").rglob("*.py"))
        if path.name != "__main__.py"
    ]
    without = [name for name in modules if not any(name.startswith(part) for part in NEEDS_EXTRAS)]
    assert len(without) > 100
    run(WITHOUT.format(absent={name.replace("-", "_") for name in absent} | {"IPython"}, modules=without))


def test_writing_sets_the_chunk_cache_back(tmp_path):
    before = netCDF4.get_chunk_cache()
    save(xr.Dataset({"x": ("t", np.zeros(2000))}), tmp_path / "x.nc")
    assert netCDF4.get_chunk_cache() == before


# Scenarios by name, and changed in Python


def test_a_scenario_is_loaded_by_name_from_anywhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert load_scenario("liao2017").content_hash == load_scenario(ROOT / "data/scenarios/liao2017.yaml").content_hash
    assert load_scenario("yin2020").file("micius.csv").is_file()
    assert {"liao2017", "template", "jinan1"} <= set(provided_names("scenarios"))
    assert "calibration" not in provided_names("scenarios")


@pytest.mark.parametrize(
    ("name", "near"), [("lio2017", "did you mean liao2017?"), ("moon", "known are bench_example, ")]
)
def test_a_wrong_name_lists_the_right_ones(name, near):
    with pytest.raises(ScenarioError, match=f"{name}: is not the name of a scenario: ") as error:
        load_scenario(name)
    assert near in str(error.value) and "tiangong2" in str(error.value)


def test_a_name_has_to_be_the_files(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text((ROOT / "data/scenarios/template.yaml").read_text())
    with pytest.raises(ScenarioError, match="mine.yaml: name=template is not the file's: call it mine"):
        load_scenario(path)


def changed(mission, key, value):
    """The mission with a value of a section changed, by every way in."""
    section, name = key.split(".")
    tree = mission.model_dump(mode="python")
    tree[section][name] = value
    yield lambda: mission.replaced({key: value})
    yield lambda: mission.model_copy(update={section: tree[section]})
    yield lambda: Scenario(**tree)
    yield lambda: Scenario.model_validate(tree)


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("transmitter.aperture_m", -3, "aperture_m"),
        ("key.bound", "nosuch", "is not a proof for this source: take one of asymptotic, multinomial"),
        ("orbit.search_end", "2000-01-01T00:00:00Z", "is not after search_start"),
    ],
)
def test_a_wrong_value_is_refused_by_every_way_in(missions, key, value, said):
    for change in changed(missions["liao2017"], key, value):
        with pytest.raises((ScenarioError, ValidationError)) as error:
            change()
        assert said in str(error.value)


def test_a_changed_section_is_checked_and_keeps_what_it_was(missions):
    mission = missions["liao2017"]
    with pytest.raises(ScenarioError, match="^transmitter: aperture_m=-3 is wrong, input should be greater than 0"):
        mission.transmitter.model_copy(update={"aperture_m": -3})
    with pytest.raises(ScenarioError, match="transmitter: unknown key aperture: did you mean aperture_m"):
        mission.transmitter.model_copy(update={"aperture": 3})
    wider = mission.model_copy(update={"transmitter": mission.transmitter.model_copy(update={"aperture_m": 0.2})})
    assert wider.content_hash == mission.replaced({"transmitter.aperture_m": 0.2}).content_hash
    assert (wider.path, wider.origins) == (mission.path, mission.origins)
    assert mission.model_copy().content_hash == mission.content_hash


def test_a_proof_that_needs_a_true_vacuum_is_refused_without_one(missions):
    with pytest.raises(ScenarioError, match="key.bound=tiangong2 is not a proof for this source"):
        missions["liao2017"].replaced({"key.bound": "tiangong2", "source.mean_photon_numbers.vacuum": 0.01})


# Results


def test_results_print_plain_numbers():
    counts = np.array([[30, 5, 4, 31], [29, 6, 5, 30], [31, 4, 5, 30], [4, 31, 30, 5]])
    key = bbm92_key_length(
        n_z=1685, n_x=1415, errors_z=78, errors_x=62, eps_sec=1e-10, eps_cor=1e-10, f_ec=1.19, bound="yin2020"
    )
    for result in (key, chsh(counts)):
        assert "np." not in repr(result) and "float64" not in repr(result)
    assert repr(key).startswith("Bbm92Key(bound='yin2020', split=EpsilonSplit(eps_sec=1e-10, ")


def test_plain_numbers_are_the_same_numbers():
    assert repr(plain((np.float64(0.1), np.True_, np.array(3), "a", None))) == "(0.1, True, 3, 'a', None)"


# The command


@pytest.fixture
def command(tmp_path, monkeypatch):
    """The status and the words of the command in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def called(*words):
        done = CliRunner().invoke(main, words)
        return done.exit_code, done.output

    return called


def test_a_new_scenario_can_be_checked_at_once(command, tmp_path):
    assert command("new", "mine") == (0, "mine.yaml: edit it from the top down, then: satqkd check mine.yaml\n")
    assert load_scenario(tmp_path / "mine.yaml").name == "mine"
    assert command("new", "mine") == (1, "Error: mine.yaml: exists already: give another name, or move it away\n")
    status, said = command("check", "mine.yaml")
    assert status == 0 and said.startswith("mine.yaml: nothing is wrong with it")


def test_a_bench_is_simulated_in_an_empty_folder(command, tmp_path):
    bench = yaml.safe_load((ROOT / "data/scenarios/bench_example.yaml").read_text())
    bench |= {"name": "mine", "source": bench["source"] | {"pair_rate_hz_per_mw": 4e4}}
    bench["stations"][0]["loss_db"] = 3
    bench["measurements"].append({"name": "bell", "duration_s": 2, "angles_deg": [[0, 45], [22.5, 67.5]]})
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(bench))
    status, said = command("simulate", "mine.yaml", "out")
    assert status == 0, said
    assert "secret key by projected: " in said and "S = 2." in said
    assert "out: bell.nc, channel.nc, coincidence.nc, key.nc, orbit.nc, truth.nc\n" in said


def test_lengths_from_counts_on_the_command_line_or_in_a_file(command, tmp_path):
    counts = {"n_z": 1685, "n_x": 1415, "errors_z": 78, "errors_x": 62, "f_ec": 1.19, "efficiency_mismatch": 0.0147}
    status, table = command("key", *(f"{key}={value}" for key, value in counts.items()))
    assert status == 0 and "yin2020   372" in table  # as printed by Yin et al. (2020)
    (tmp_path / "counts.yaml").write_text(yaml.safe_dump(counts))
    assert command("key", "counts.yaml") == (0, table)
    assert command("key", "counts.yaml", "f_ec=1")[1] != table


def test_lengths_of_pulses_are_those_of_the_function():
    counts = yaml.safe_load((ROOT / "data/reference/decoy_counts.yaml").read_text())
    for extra in ("errors_z_shared", "key_length_bits", "note"):
        del counts[extra]
    table = key_lengths(counts).set_index("proof").bits
    assert "tiangong2" not in table and table["asymptotic"] > table["chernoff"] > table["lim2014"] > 0


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (["check", "lio2017"], 1, "Error: lio2017: is not the name of a scenario: did you mean liao2017?"),
        (["check", "none.yaml"], 1, "Error: none.yaml: does not exist"),
        (["new", "a b"], 1, "name=a b is wrong"),
        (["new", "../a"], 1, "name=../a is wrong"),
        (["run"], 1, "is not a checkout of satqkd"),
        (["simulate", "lio2017", "out"], 1, "Error: lio2017: is not the name of a scenario: did you mean liao2017?"),
        (["simulate", "counts_example", "out"], 1, "kind=counts is measured: only missions and benches are simulated"),
        (["plan", "none", "out"], 1, "Error: none: is not the name of a plan: known are example"),
        (["sweep", "none", "out.nc"], 1, "Error: none: is not the name of a sweep: known are example"),
        (["report", "none.csv", "out.html"], 1, "Error: none.csv: "),
        (["key", "n_z=1"], 1, "Error: counts: the key n_x is missing"),
        (["key", "n_z=1", "n_x=1", "errors_z=2", "errors_x=0"], 1, "Error: counts: errors_z=2 exceeds n_z=1"),
        (["key", "n_z=1", "n_x"], 2, "Error: n_x is not KEY=VALUE: write it as in n_z=1685"),
        (["fly"], 2, "Error: No such command 'fly'"),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence(command, tmp_path, words, status, said):
    ended, output = command(*words)
    assert ended == status and said in output and "Traceback" not in output
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", sorted(main.commands))
def test_every_help_has_an_example(command, name):
    status, text = command(name, "--help")
    assert status == 0 and re.search(rf"Examples?:\n +satqkd {name}", text)


def test_a_report_of_a_scenario(command, tmp_path):
    assert command("report", "tiangong2", "page.html")[0] == 0
    assert "<html" in (tmp_path / "page.html").read_text()


# The wheel


AWAY = """
import doctest, importlib, pkgutil, sys
import satqkd
assert satqkd.__file__.startswith(sys.prefix), satqkd.__file__
for name in satqkd.scenario.provided.provided_names("scenarios"):
    satqkd.load_scenario(name)
mission = satqkd.load_scenario("tiangong2")
sessions = satqkd.orbit.find_sessions(mission)
link = satqkd.channel.link_budget(mission, sessions)
print(satqkd.analytic.expected_from_orbit(mission, sessions))
print(len(satqkd.validation.load_reference("yin2020").values))
print(len(satqkd.overview.worldmap.read_land()))
satqkd.planner.load_plan("example"), satqkd.sweep.load_sweep("example")
for module in ("satqkd", *("satqkd." + name for name in ("result", "scenario.mission", "scenario.reading"))):
    result = doctest.testmod(importlib.import_module(module))
    assert result.attempted and not result.failed, module
"""


@pytest.mark.slow
def test_the_wheel_works_away_from_the_repository(tmp_path):
    """Built from a copy of the project, in which nothing is left, and run in an empty folder."""
    source, away = tmp_path / "source", tmp_path / "away"
    away.mkdir()
    files = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.split("\0")[:-1]  # fmt: skip
    for name in files:
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_bytes((ROOT / name).read_bytes())
    before = sorted(source.rglob("*"))
    uv = Path(sys.executable).parent / "uv"
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}

    def call(*words):
        done = subprocess.run(words, cwd=away, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    call(uv, "build", "--wheel", "--out-dir", tmp_path, source)
    assert sorted(source.rglob("*")) == before
    python = tmp_path / "venv/bin/python"
    call(uv, "venv", "--python", sys.executable, tmp_path / "venv")
    call(uv, "pip", "install", "--python", python, "--no-deps", next(tmp_path.glob("*.whl")))
    installed = Path(call(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip())
    (installed / "present.pth").write_text(str(Path(np.__file__).parents[1]))
    call(python, "-c", AWAY)
    satqkd = tmp_path / "venv/bin/satqkd"
    assert version("satqkd") in call(satqkd, "--version")
    call(satqkd, "new", "mine")
    assert "nothing is wrong" in call(satqkd, "check", "mine.yaml")
    assert "S = 2." in call(satqkd, "simulate", "yin2020", "out")
    assert {path.name for path in away.iterdir()} == {"mine.yaml", "out"}
