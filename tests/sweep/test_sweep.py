"""A sweep is the analytic chain at every point, and the event simulation at some."""

import json
import sys
from dataclasses import asdict

import numpy as np
import pytest
import xarray as xr
import yaml

from satqkd import detection
from satqkd.analytic.prospect import answer
from satqkd.channel import link_budget
from satqkd.dataset import load
from satqkd.files import hash_of
from satqkd.orbit import find_sessions
from satqkd.plot import save_figure
from satqkd.scenario import ScenarioError
from satqkd.sweep import grid as module
from satqkd.sweep.figures import sweep_figure
from satqkd.sweep.grid import ANSWERS, block, gather, simulate_point
from satqkd.sweep.sweepfile import load_sweep

PARAMETERS = {
    "aperture": ("stations.0.aperture_m", [0.8, 1.2, 1.6]),
    "lowest": ("orbit.min_elevation_deg", [10, 45]),
    "proof": ("key.bound", ["tiangong2", "chernoff"]),
    "jitter": ("transmitter.pointing_jitter_urad", [0, 2]),
}


@pytest.fixture(scope="module")
def sweep_of(root, tmp_path_factory):
    """A sweep of Tiangong-2 over some of the parameters."""

    def make(*names, **changes):
        data = tmp_path_factory.mktemp("project") / "data"
        (data / "sweeps").mkdir(parents=True)
        for folder in ("scenarios", "orbits"):
            (data / folder).symlink_to(root / "data" / folder)
        parameters = [
            {"name": name, "keys": [PARAMETERS[name][0]], "values": PARAMETERS[name][1], "unit": "m"} for name in names
        ]
        tree = {"name": "mine", "title": "mine", "scenario": "tiangong2", "parameters": parameters}
        (data / "sweeps/mine.yaml").write_text(yaml.safe_dump(tree | changes))
        return load_sweep(data / "sweeps/mine.yaml")

    return make


@pytest.fixture(scope="module")
def gathered(sweep_of):
    sweep = sweep_of("aperture", "lowest", "proof", points_per_job=5)
    return sweep, gather(sweep, [block(sweep, *ends) for ends in sweep.blocks().values], [])


def test_every_point_is_what_the_explorer_answers(gathered):
    sweep, data = gathered
    assert dict(data.key.sizes) == {"aperture": 3, "lowest": 2, "proof": 2}
    for point in sweep.points(0, sweep.size - 1):
        scenario = sweep.at(point)
        expected = answer(scenario, find_sessions(scenario))
        there = data.sel(point)
        assert {name: float(there[name]) for name in ANSWERS if name in data} == {
            name: value
            for name, value in asdict(expected).items()
            if name not in ("budget", "no_key") and value is not None
        }
        assert str(there.no_key.values) == expected.no_key and bool(expected.no_key) == (expected.key == 0)
        assert {str(c): float(there.loss.sel(component=c)) for c in data.component.values} == expected.budget


def test_a_higher_horizon_shortens_the_link_and_a_larger_mirror_helps(gathered):
    _, data = gathered
    assert (data.open_s.sel(lowest=45) < data.open_s.sel(lowest=10)).all()
    assert (data.sifted.diff("aperture") > 0).all() and (data.qber.diff("aperture") < 0).all()


def test_the_data_set_says_what_it_is(gathered):
    _, data = gathered
    assert data.aperture.attrs == {"units": "m", "keys": "stations.0.aperture_m"}
    assert data.attrs["sweep"] == "mine" and len(data.attrs["scenario_hash"]) == 64
    assert all({"units", "long_name"} <= set(values.attrs) for values in data.data_vars.values())


def test_jobs_of_another_size_and_order_give_the_same(gathered):
    sweep, data = gathered
    parts = [block(sweep, first, last) for first, last in ((7, 11), (0, 0), (1, 6))]
    assert gather(sweep, parts, []).identical(data)
    with pytest.raises(ValueError, match="blocks hold 7 points and not each of 12 once"):
        gather(sweep, parts[1:], [])
    with pytest.raises(ValueError, match="blocks hold 13 points"):
        gather(sweep, [*parts, parts[1]], [])


def test_pairs_have_s_as_well(sweep_of):
    sweep = sweep_of("jitter", scenario="yin2020")
    data = gather(sweep, [block(sweep, 0, 1)], [])
    assert data.chsh_s.dims == ("jitter",) and (np.abs(data.chsh_s) < 2 * np.sqrt(2)).all()


def test_optics_have_the_mean_contrast_of_each_points_own_frames(sweep_of):
    axes = ["velocity", "nadir"]
    parameter = {"name": "axis", "keys": ["polarization.satellite_axis"], "values": axes}
    sweep = sweep_of(parameters=[parameter])
    optics = {"satellite": [{"retardance_deg": 30}], "station": [{"retardance_deg": 30}], "own_contrast": 500}
    changes = {"source.polarization_contrast": None, "polarization.train": optics | {"contrast": "train"}}
    sweep._scenario = sweep.base.replaced(changes)
    nadir = sweep.base.replaced({"polarization.satellite_axis": "nadir"})
    first, second = block(sweep, 0, 1).qber.values
    assert second == answer(nadir, find_sessions(nadir)).qber != first


@pytest.mark.slow
def test_simulations_agree_with_the_analytic_chain_and_are_independent(sweep_of):
    sweep = sweep_of("aperture", simulate=[{"aperture": 1.2}], replicates=2)
    rows = sweep.events().to_dict("records")
    events = [
        vars(simulate_point(sweep, {"aperture": row["aperture"]}, replicate=row["replicate"], seed=7))
        | {"point": {"aperture": row["aperture"]}, "replicate": row["replicate"], "seed": 7}
        for row in rows
    ]
    data = gather(sweep, [block(sweep, 0, 2)], events)
    assert data.simulated_key.dims == ("aperture", "replicate")
    assert np.isnan(data.simulated_key.sel(aperture=[0.8, 1.6])).all()
    there = data.sel(aperture=1.2)
    five_sigma = 5
    assert (abs(there.simulated_key - there.key) < five_sigma * there.key_sigma).all()
    assert (abs(there.simulated_qber - there.qber) < five_sigma * np.sqrt(there.qber / there.sifted)).all()
    assert there.simulated_sifted[0] != there.simulated_sifted[1]
    again = simulate_point(sweep, {"aperture": 1.2}, replicate=1, seed=7)
    assert again.sifted == there.simulated_sifted[0] and again.key == there.simulated_key[0]
    assert simulate_point(sweep, {"aperture": 1.2}, replicate=1, seed=8) != again


def test_simulated_points_have_the_nights_of_the_workflow(sweep_of, monkeypatch):
    """All points and replicates have those that stage 2 draws with the seed of the configuration."""
    sweep = sweep_of("aperture", scenario="liao2017")
    drawn = {"channel.nights.sessions": "drawn", "channel.nights.stated": "median", "orbit.max_duration_s": 4}
    sweep._scenario = sweep.base.replaced(drawn)
    used = []

    def simulate(scenario, orbit, channel, **choices):
        used.append(channel)
        return detection.simulate(scenario, orbit, channel, **choices)

    monkeypatch.setattr(module, "simulate", simulate)
    for aperture, replicate in ((0.8, 1), (1.2, 2)):
        simulate_point(sweep, {"aperture": aperture}, replicate=replicate, seed=7)
        scenario = sweep.at({"aperture": aperture})
        orbit = find_sessions(scenario)
        workflow = link_budget(scenario, orbit, seed=7)
        assert used[-1].loss.equals(workflow.loss) and not used[-1].loss.equals(link_budget(scenario, orbit).loss)


@pytest.mark.parametrize("names", [("aperture",), ("proof",), ("aperture", "proof"), tuple(PARAMETERS)], ids="+".join)
def test_the_figure_has_a_line_for_each_value(sweep_of, names):
    events = [
        {"point": {"aperture": 1.2}, "replicate": r, "sifted": 1, "qber": 0.02, "key": 9e3, "seed": 7} for r in (1, 2)
    ]
    simulated = {"simulate": [{"aperture": 1.2}]} if names == ("aperture",) else {}
    sweep = sweep_of(*names, **simulated)
    data = gather(sweep, [block(sweep, 0, sweep.size - 1)], events if simulated else [])
    figure = sweep_figure(data)
    axes = np.reshape(figure.axes, (2, -1))
    assert axes.shape[1] == (2 if len(names) > 2 else 1)
    drawn = [line for line in axes[0, 0].lines if line.get_marker() == "."]
    second = dict(sweep.shape).get(names[1], 1) if len(names) > 1 else 1
    assert len(drawn) == second
    one = data.key[(slice(None), *[0] * (len(names) - 1))]
    np.testing.assert_array_equal(drawn[0].get_ydata(), one)
    if simulated:
        (bars,) = axes[0, 0].containers
        assert list(bars[0].get_ydata())[1] == 9e3


def drawn(figure):
    """By panel the points of its lines, and the limits of its axis."""
    panels = np.reshape(figure.axes, (2, -1))
    lines = [[line.get_xydata() for line in axis.lines if line.get_marker() == "."] for axis in panels.flat]
    return list(zip(lines, [(axis.get_xlim(), axis.get_ylim()) for axis in panels.flat], strict=True))


def grid(**sizes):
    """A sweep whose key grows a thousandfold from each value of the last parameter to the next."""
    names = list(sizes)
    axes = {name: (name, np.linspace(1.0, 2.0, size), {"units": "1"}) for name, size in sizes.items()}
    key = np.broadcast_to(1e3 ** np.arange(list(sizes.values())[-1]), list(sizes.values()))
    values = {"key": (names, key), "key_sigma": (names, key / 10), "qber": (names, np.full_like(key, 0.02))}
    return xr.Dataset(values, coords=axes, attrs={"title": "mine"})


def test_every_point_of_every_panel_can_be_seen():
    panels = drawn(sweep_figure(grid(divergence=3, jitter=2, aperture=4)))
    assert len(panels) == 2 * 4
    for lines, ((left, right), (bottom, top)) in panels:
        assert len(lines) == 2
        for x, y in np.concatenate(lines):
            assert left <= x <= right and bottom <= y <= top


@pytest.mark.parametrize(
    ("sizes", "words"),
    [
        ({"divergence": 3, "jitter": 6, "aperture": 4}, "mine"),
        ({"divergence": 3, "jitter": 7}, "6 of the 7 values of jitter are drawn"),
        ({"divergence": 3, "jitter": 2, "aperture": 5}, "4 of the 5 values of aperture are drawn"),
        ({"divergence": 3, "jitter": 2, "aperture": 2, "air": 3}, "air = 1, the first of 3 values"),
    ],
)
def test_the_figure_says_what_it_leaves_out(sizes, words):
    title = sweep_figure(grid(**sizes)).get_suptitle()
    assert title.splitlines()[-1] == words


@pytest.mark.slow
def test_the_figure_has_the_same_bytes_again(gathered, tmp_path):
    for name in ("a", "b"):
        save_figure(sweep_figure(gathered[1]), tmp_path / f"{name}.svg")
    for suffix in ("svg", "png"):
        assert hash_of(tmp_path / f"a.{suffix}") == hash_of(tmp_path / f"b.{suffix}")


def run(monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["sweep", *map(str, arguments)])
    module.main()


@pytest.mark.slow
def test_the_jobs_of_the_workflow(sweep_of, monkeypatch, tmp_path):
    sweep = sweep_of("aperture", "proof", simulate=[{"aperture": 1.2, "proof": "chernoff"}], replicates=1)
    for first, last in ((0, 3), (4, 5)):
        run(monkeypatch, sweep.path, "block", "--first", first, "--last", last, "--output", tmp_path / f"{first}.nc")
    point = ("--point", "aperture=1.2", "proof=chernoff")
    run(monkeypatch, sweep.path, "event", *point, "--replicate", 1, "--seed", 3, "--output", tmp_path / "e.json")
    parts = ("--blocks", tmp_path / "4.nc", tmp_path / "0.nc", "--events", tmp_path / "e.json")
    run(monkeypatch, sweep.path, "gather", *parts, "--output", tmp_path / "out/sweep.nc")
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        *("sweep.nc", "sweep.svg", "sweep.png", "sweep.nc.provenance.json")
    }
    data, event = load(tmp_path / "out/sweep.nc"), json.loads((tmp_path / "e.json").read_text())
    assert data.attrs["seed"] == 3
    assert float(data.simulated_key.sel(aperture=1.2, proof="chernoff", replicate=1)) == event["key"]


def test_a_point_without_a_session_is_named(sweep_of):
    sweep = sweep_of(
        "aperture", parameters=[{"name": "lowest", "keys": ["orbit.min_elevation_deg"], "values": [10, 85]}]
    )
    with pytest.raises(ScenarioError, match=r"mine.yaml: lowest=85.0: .*orbit gives 0 s of sessions"):
        block(sweep, 0, 1)


def test_a_wrong_job_ends_in_one_sentence(sweep_of, monkeypatch, tmp_path):
    hole = {"name": "hole", "keys": ["stations.0.obscuration_m"], "values": [0.1, 3]}
    sweep = sweep_of("aperture", parameters=[hole])
    with pytest.raises(SystemExit, match=r"hole=3.0: obscuration_m=3 is outside \[0, 1.2\)"):
        run(monkeypatch, sweep.path, "block", "--first", 0, "--last", 1, "--output", tmp_path / "b.nc")
    assert list(tmp_path.iterdir()) == []
