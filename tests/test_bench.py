"""A bench: arms of known loss in place of an orbit, through every stage."""

import json

import numpy as np
import pytest
import yaml

from satqkd.analytic import expected
from satqkd.analytic.prospect import answer
from satqkd.bell import bell_test
from satqkd.channel import link_budget
from satqkd.channel import observables as channel_observables
from satqkd.coincidence import coincidences
from satqkd.detection import simulate
from satqkd.key import distill
from satqkd.orbit import find_sessions
from satqkd.scenario import Bench, ScenarioError, data_folder, load_scenario
from satqkd.sweep import load_sweep
from satqkd.sweep.grid import block
from satqkd.workflow.check import check

PULSES = {
    "kind": "decoy",
    "pulse_rate_hz": 1e8,
    "pulse_width_ps": 200,
    "mean_photon_numbers": {"signal": 0.8, "decoy": 0.1, "vacuum": 0},
    "intensity_probabilities": {"signal": 0.5, "decoy": 0.25, "vacuum": 0.25},
    "preparation_error": 0.01,
}


@pytest.fixture(scope="module")
def bench():
    return load_scenario("bench_example")


def changed(tmp_path, **values):
    """Write the example with some sections changed, and read it."""
    tree = yaml.safe_load((data_folder() / "scenarios/bench_example.yaml").read_text())
    (tmp_path / "bench_example.yaml").write_text(json.dumps(tree | values))  # JSON is YAML, and has no aliases
    return check(tmp_path / "bench_example.yaml")


def run(scenario, folder):
    orbit = find_sessions(scenario)
    link = link_budget(scenario, orbit)
    simulate(scenario, orbit, link, path=folder / "detection.zarr", seed=1, run=1)
    return orbit, link, coincidences(scenario, orbit, folder / "detection.zarr", path=folder / "coincidence.nc")


def test_each_step_is_a_session_with_its_loss(bench):
    orbit = find_sessions(bench)
    link = link_budget(bench, orbit)
    assert isinstance(bench, Bench) and orbit.sizes["time"] == 4 * (4 + 1)
    # Three decibels of attenuator and three of a kilometre of fibre in Bob's arm.
    assert link.attenuation.values[::5].tolist() == [[3, 6], [6, 6], [9, 6], [12, 6]]
    assert channel_observables(link) == {"attenuation": ([9, 18], "dB")}


def test_pairs_follow_the_pump(bench):
    assert bench.source.pair_rate_hz == 2e6
    assert bench.replaced({"source.pump_mw": 0.5}).source.pair_rate_hz == 2e5


def test_pairs_go_through_every_stage_as_the_analytic_chain_expects(bench, tmp_path):
    scenario = bench.replaced({"source.pump_mw": 0.5, "stations.0.loss_db": (3, 9), "measurements.0.duration_s": 3})
    orbit, link, pairs = run(scenario, tmp_path)
    expectation = expected(scenario, link)
    counted = float(pairs.counts.sum())
    five_sigma = 5 * np.sqrt(counted)
    assert abs(counted - expectation["key_coincidences"]) < five_sigma
    secret = distill(scenario, pairs)
    qber = float(secret.errors.sum() / secret.sifted.sum())
    assert abs(qber - expectation["qber"]) < 5 * float(secret.qber_sigma.max())
    assert float(secret.length.sel(bound="projected")) > 0 and bool(secret.keys_equal)
    assert float(bell_test(scenario, pairs, orbit).visibility.min()) > 0.9
    assert answer(scenario, orbit).qber == pytest.approx(expectation["qber"], rel=0.05)


@pytest.mark.slow
def test_pulses_go_through_every_stage(bench, tmp_path):
    station = bench.stations[0].model_dump(mode="json") | {"loss_db": 20}
    scenario = changed(
        tmp_path,
        source=PULSES,
        stations=[station],
        measurements=[{"name": "key", "duration_s": 3, "angles_deg": [[0, 45]]}],
        key={"eps_sec": 1e-10, "eps_cor": 1e-10, "f_ec": 1.16, "bound": "lim2014", "efficiency_mismatch": 0.1},
        detection={"basis_choice": "passive", "timing_jitter_ps": 100, "dead_time_ns": 50},
    )
    _, link, detections = run(scenario, tmp_path)
    secret, expectation = distill(scenario, detections), expected(scenario, link)
    sifted = float(secret.sifted[0].sum())
    assert abs(sifted / 3 / expectation["sifted_rate"] - 1) < 5 / np.sqrt(sifted)
    assert float(secret.length.sel(bound="asymptotic")) > 0


def test_a_sweep_over_loss_and_pump(example_in, tmp_path):
    (tmp_path / "sweeps").mkdir()
    example_in(tmp_path, "bench_example")
    sweep = {
        "name": "mine",
        "title": "Loss and pump",
        "scenario": "bench_example",
        "parameters": [
            {
                "name": "loss",
                "keys": ["stations.0.loss_db"],
                "unit": "dB",
                "range": {"start": 0, "stop": 20, "points": 3},
            },
            {"name": "pump", "keys": ["source.pump_mw"], "unit": "mW", "values": [1, 10]},
        ],
    }
    (tmp_path / "sweeps/mine.yaml").write_text(yaml.safe_dump(sweep))
    grid = load_sweep(tmp_path / "sweeps/mine.yaml")
    data = block(grid, 0, grid.size - 1)
    assert (np.diff(data.sifted.values.reshape(3, 2), axis=0) < 0).all()
    assert (np.diff(data.sifted.values.reshape(3, 2), axis=1) > 0).all()
    assert data.component.values.tolist() == ["arm"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"orbit": {}}, "unknown key orbit"),
        ({"measurements": [{"name": "key", "duration_s": 2, "angles_deg": [[0, 45]] * 2}]}, "at least 3 s are needed"),
        ({"measurements": [{"name": "key", "angles_deg": [[0, 45]] * 2}]}, "duration_s is missing"),
    ],
)
def test_wrong_benches_are_refused(tmp_path, change, words):
    with pytest.raises(ScenarioError) as error:
        changed(tmp_path, **change)
    assert words in str(error.value)


def test_lists_of_different_lengths_are_refused(bench):
    with pytest.raises(ScenarioError, match="loss_db has 2 of alice, 3 of bob"):
        bench.replaced({"stations.0.loss_db": (1, 2), "stations.1.loss_db": (1, 2, 3)})
