"""A bench fitted to some rows of a table, and its predictions of the others."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from satqkd.counts import fit_bench, fit_table, predict, read_table
from satqkd.counts.figures import fit_figure
from satqkd.counts.fit import DEAD_TIME, EFFICIENCY, NOISE, RATE, SCALES, VISIBILITY, expected_counts, settings_of
from satqkd.counts.simulate import simulate_table
from satqkd.key.optimise.downlink import window_acceptance
from satqkd.scenario import ScenarioError, load_scenario
from satqkd.workflow.check import check

from ..sizes import examples

ROWS = [1, 4, 9, 12]


@pytest.fixture(scope="module")
def example():
    """The example, whose table is an event simulation with known truth."""
    scenario = load_scenario("counts_example")
    return scenario, read_table(scenario)


@pytest.fixture(scope="module")
def known(example):
    """A vector of parameters near those of the example."""
    vector = np.zeros(SCALES.size)
    vector[RATE], vector[EFFICIENCY], vector[NOISE] = np.log(4e5), np.log(0.12), 400
    vector[DEAD_TIME], vector[VISIBILITY] = 50e-9, 0.96
    return vector


def drawn(table, expected, rng):
    """The table with Poisson counts: true singles contain the coincidences."""
    singles, pairs = expected
    of_pairs = np.stack([pairs.sum(axis=(2, 4)), pairs.sum(axis=(1, 3))], axis=1).reshape(singles.shape)
    counted = rng.poisson(pairs)
    partnered = np.stack([counted.sum(axis=(2, 4)), counted.sum(axis=(1, 3))], axis=1).reshape(singles.shape)
    return replace(table, coincidences=counted, singles=rng.poisson(singles - of_pairs) + partnered)


def test_without_dead_time_and_noise_the_counts_follow_by_hand(example, known):
    scenario, table = example
    vector = known.copy()
    vector[NOISE], vector[DEAD_TIME] = 0, 0
    singles, pairs = expected_counts(vector, replace(settings_of(scenario, table), window_s=np.zeros(12)))
    made = 4e5 * 1 * 4  # pairs of the first row
    arms = 0.12 * 10 ** (-np.array([3, 6]) / 10)
    assert singles[0, 0, 0] == pytest.approx(made * arms[0])
    assert pairs[0, 0, 0, 0, 0] == pytest.approx(made * arms.prod() * (1 - 0.96))
    assert pairs[0, 1, 0, 1, 0] == pytest.approx(made * arms.prod())


@settings(max_examples=examples(20))
@given(
    seed=st.integers(0, 2**32 - 1),
    rate=st.floats(1e5, 1e6),
    dead_ns=st.floats(10, 100),
    noise=st.floats(200, 5000),
    visibilities=st.tuples(st.floats(0.8, 0.99), st.floats(0.8, 0.99)),
)
def test_drawn_tables_give_their_parameters_back(example, known, seed, rate, dead_ns, noise, visibilities):
    scenario, table = example
    rng, vector = np.random.default_rng(seed), known.copy()
    vector[RATE], vector[EFFICIENCY] = np.log(rate), np.log(rng.uniform(0.05, 0.2, 8))
    vector[NOISE], vector[DEAD_TIME], vector[VISIBILITY] = noise, dead_ns * 1e-9, visibilities
    fit = fit_bench(scenario, table=drawn(table, expected_counts(vector, settings_of(scenario, table)), rng))
    five_sigma = 5 * np.sqrt(np.diag(fit.covariance))
    assert (np.abs(fit.parameters - vector) < five_sigma).all()
    assert abs(fit.deviance - fit.freedom) < 6 * np.sqrt(2 * fit.freedom)


def test_two_of_three_tables_have_each_parameter_within_one_deviation(example, known):
    scenario, table = example
    expected = expected_counts(known, settings_of(scenario, table))
    rng, inside = np.random.default_rng(3), []
    for _ in range(30):
        fit = fit_bench(scenario, table=drawn(table, expected, rng))
        inside.append(np.abs(fit.parameters - known) < np.sqrt(np.diag(fit.covariance)))
    # 600 values, correlated within a table: 68 %, give or take 4.
    assert 0.56 < np.mean(inside) < 0.80


def test_the_event_simulation_of_a_known_bench_is_found(example):
    scenario, table = example
    bench, fit = load_scenario("bench_example"), fit_bench(scenario, table=table)
    accepted = float(window_acceptance(2e-9, np.sqrt(2) * 300e-12))
    efficiency = np.array([[d.efficiency for d in s.detectors] for s in bench.stations]) / 4 * accepted
    noise = np.array([[d.dark_rate_hz for d in s.detectors] for s in bench.stations])
    four_sigma = 4
    assert abs(fit.pair_rate_hz_per_mw - 4e5 / accepted) < four_sigma * fit.pair_rate_sigma
    assert (np.abs(fit.efficiency - efficiency) < four_sigma * fit.efficiency_sigma).all()
    assert (np.abs(fit.noise_hz - noise) < four_sigma * fit.noise_sigma).all()
    assert abs(fit.dead_time_s - 50e-9) < four_sigma * fit.dead_time_sigma < 10e-9
    assert (np.abs(fit.error - (1 - (4 * 0.97 - 1) / 3) / 2) < four_sigma * fit.error_sigma).all()


def test_rows_that_were_not_fitted_are_predicted_within_counting_noise(example):
    scenario, table = example
    others = predict(fit_bench(scenario, table=table, rows=ROWS), scenario, table=table).query("~fitted")
    assert len(others) == 8
    for name, most in (("coincidences", 0.03 * others.coincidences_predicted), ("qber", 0.003)):
        deviation = (others[name] - others[f"{name}_predicted"]) / others[f"{name}_sigma"]
        assert (deviation**2).sum() < 24  # of 8 rows; more once in 400
        assert (abs(others[f"{name}_predicted"] - others[name]) < most + 2 * others[f"{name}_sigma"]).all()


def test_the_example_names_the_rows_to_fit(example):
    scenario, table = example
    assert fit_bench(scenario, table=table).rows == tuple(ROWS)
    assert len(fit_table(fit_bench(scenario, table=table))) == SCALES.size
    assert len(fit_figure(predict(fit_bench(scenario), scenario)).axes) == 2 and fit_figure(None).axes


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([1], "do not determine the bench"),
        ([1, 4], "differ in power"),
        ([1, 9, 9], "name a row twice"),
        ([13], "row 13 is not in the table"),
    ],
)
def test_rows_that_do_not_tell_are_refused(example, rows, words):
    scenario, table = example
    with pytest.raises(ValueError, match=words):
        fit_bench(scenario, table=table, rows=rows)


@pytest.mark.parametrize(
    ("rows", "words"), [("[1, 4, 9, 13]", "row 13 is not in the table"), ("[1]", "do not determine")]
)
def test_rows_to_fit_are_tried_before_any_work(root, tmp_path, rows, words):
    text = (root / "data/scenarios/counts_example.yaml").read_text()
    path = tmp_path / "counts_example.yaml"
    path.write_text(text.replace("fit_rows: [1, 4, 9, 12]", f"fit_rows: {rows}"))
    with pytest.raises(ScenarioError, match=f"counts_example.yaml: fit_rows: .*{words}"):
        check(path)


@pytest.mark.slow
def test_any_loss_and_power_are_predicted_from_four_rows():
    """Up to a third of the clicks lost in dead time, from 6 to 46 dB; the rows fitted are the corners."""
    bench = load_scenario("bench_example").replaced(
        {"stations.0.loss_db": (0, 10, 25, 40), "detection.dead_time_ns": 150, "measurements.0.duration_s": 3}
    )
    made = simulate_table(bench, pump_mw=[2, 10, 50], seed=7)
    scenario = load_scenario("counts_example")
    counted = [np.stack([made[list(names)].to_numpy() for names in scenario.pairs.coincidence_columns], axis=1)]
    table = read_table(scenario)
    table = replace(
        table,
        duration_s=made.time_s.to_numpy(float),
        window_s=made.window_ns.to_numpy() * 1e-9,
        pump_mw=made.pump_mw.to_numpy(float),
        loss_db=made[["loss_alice_db", "loss_bob_db"]].to_numpy(),
        singles=np.stack([made[list(names)].to_numpy() for names in scenario.pairs.singles], axis=1),
        coincidences=counted[0].reshape(-1, 2, 2, 2, 2).transpose(0, 1, 3, 2, 4),
    )
    fit = fit_bench(scenario, table=table, rows=ROWS)
    others = predict(fit, scenario, table=table).query("~fitted")
    three_percent, points = 0.03, 0.003
    deviation = abs(others.coincidences / others.coincidences_predicted - 1)
    counting = others.coincidences_sigma / others.coincidences_predicted
    assert (deviation < three_percent + 3 * counting).all() and deviation[counting < 0.01].max() < three_percent
    assert (abs(others.qber - others.qber_predicted) < points + 3 * others.qber_sigma).all()
    assert abs(fit.dead_time_s - 150e-9) < 5e-9
