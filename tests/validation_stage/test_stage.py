"""Stage 8 on observables of runs, some of which gave no key, and on draws of predictive distributions."""

import json
import math

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy.stats import norm

from satqkd.files import save_observables
from satqkd.validation import gather, load_reference, simulated_values, validate, without_key
from satqkd.validation.__main__ import main
from satqkd.validation.compare import KnownDeviation
from satqkd.validation.figures import MARKERS, Z_LIMIT, deviation_figure, z_figure
from satqkd.validation.stage import chi_squared, judged, save_table, verdicts_that_moved

KEY = "key.observables.json"


def runs(folder, values):
    """The observables of the key, run by run."""
    for number, observables in enumerate(values, start=1):
        save_observables(observables, folder / f"run{number}" / KEY)
    return gather(folder)


def key(length, reason="", qber=0.02):
    return {"key_length": (length, "1"), "no_key": (reason, "reason"), "qber": (qber, "1")}


@pytest.mark.filterwarnings("error")
def test_reasons_are_counted_over_the_runs(tmp_path):
    few, none = "block too small", "no signal"
    found = runs(tmp_path, [key(10.0), key(0.0, few), key(0.0, none, np.nan), key(0.0, few)])
    assert without_key(found) == {"no_key": "block too small in 2 of 4 runs, no signal in 1 of 4 runs"}
    assert found["key.key_length"]["value"] == 2.5 and np.isnan(found["key.qber"]["value"])
    assert found["key.no_key"]["sigma"] is None


def test_runs_with_key_have_no_reason(tmp_path):
    assert without_key(runs(tmp_path, [key(10.0), key(12.0)])) == without_key({}) == {}


@pytest.mark.filterwarnings("error")
def test_numbers_without_bounds_have_no_scatter(tmp_path):
    assert np.isnan(runs(tmp_path, [{"s": (np.inf, "1")}, {"s": (np.inf, "1")}])["key.s"]["sigma"])


def test_the_table_and_the_summary_say_why_there_is_no_key(missions, tmp_path):
    reference, scenario = load_reference("yin2020"), missions["yin2020"]
    found = runs(tmp_path, [key(0.0, "uncorrelated", 0.5), key(0.0, "uncorrelated", np.nan)])
    frame = validate({"yin2020": reference}, {"yin2020": scenario}, {"yin2020": found}, []).set_index("id")
    said = "No key: uncorrelated in 2 of 2 runs."
    rows = [value for value in reference.values if value.role == "observed"]
    for row in rows:
        assert (said in frame.reason[row.id]) == (row.simulated_by or "").startswith("key.")
    names = {row.simulated_by: row.id for row in rows}
    assert frame.verdict[names["key.qber"]] == "missing" and frame.verdict[names["key.key_length"]] == "outside"
    summary = simulated_values(reference, scenario, {"yin2020": found}) | without_key(found)
    assert json.loads(json.dumps(summary))["no_key"] == "uncorrelated in 2 of 2 runs"


# --- predictive distributions ---


def drawn(folder, values, unit="bit/s"):
    """A predictive distribution: name to draws, of shape (draw,) or (draw, end)."""
    variables = {name: (("draw", "end")[: np.ndim(draws)], draws, {"units": unit}) for name, draws in values.items()}
    xr.Dataset(variables).to_netcdf(folder / "predictive.nc")


def frame_of(missions, folder, name="yin2020"):
    reference = load_reference(name)
    return validate({name: reference}, {name: missions[name]}, {name: gather(folder)}, []).set_index("id")


def quantiles_of_a_normal(mean, sigma, draws=401):
    return mean + sigma * norm.ppf((np.arange(draws) + 0.5) / draws)


def test_draws_are_the_prediction_and_the_mean_of_the_runs_stays_beside_it(missions, tmp_path):
    for number, rate in enumerate((0.2, 0.4), start=1):
        save_observables({"key_rate": (rate, "bit/s")}, tmp_path / f"run{number}" / KEY)
    drawn(tmp_path, {"key.key_rate": quantiles_of_a_normal(0.14, 0.01)})
    row = frame_of(missions, tmp_path).loc["finite_key_rate"]
    assert (row["median"], row.simulated) == ("0.14", "0.3") and row.simulated_sigma == pytest.approx(0.1414, abs=1e-4)
    assert (float(row.low), float(row.high)) == pytest.approx((0.13, 0.15), abs=2e-4)
    assert row.z == pytest.approx(0.02 / math.hypot(0.01, 0.005 / math.sqrt(3)), rel=0.02)
    summary = simulated_values(load_reference("yin2020"), missions["yin2020"], {"yin2020": gather(tmp_path)})
    assert json.loads(json.dumps(summary))["finite_key_rate"]["mean"] == pytest.approx(0.3)


def test_both_ends_of_a_range_have_their_own_draws(missions, tmp_path):
    save_observables({"attenuation": ([56.0, 71.0], "dB")}, tmp_path / "channel.observables.json")
    ends = np.stack([quantiles_of_a_normal(56, 0.2), quantiles_of_a_normal(73, 1.0)], axis=1)
    drawn(tmp_path, {"channel.attenuation": ends}, "dB")
    row = frame_of(missions, tmp_path).loc["attenuation_two_downlink"]
    assert [float(end) for end in row.low.split(" to ")] == pytest.approx([55.8, 72.0], abs=0.02)
    assert row.z == pytest.approx(2 / math.hypot(1, 0.5 / math.sqrt(3)), rel=0.02)


def test_a_difference_is_taken_draw_by_draw(missions, tmp_path):
    """Two losses that vary together: their difference does not vary."""
    folders = {name: tmp_path / name for name in ("yin2017", "yin2020")}
    for folder, loss in zip(folders.values(), (10.0, 7.0), strict=True):
        save_observables({"receiver_loss": (loss, "dB")}, folder / "channel.observables.json")
        drawn(folder, {"channel.receiver_loss": quantiles_of_a_normal(loss, 1.0)}, "dB")
    gathered = {name: gather(folder) for name, folder in folders.items()}
    found = simulated_values(load_reference("yin2020"), missions["yin2020"], gathered)["collection_gain_per_link"]
    assert (found["low"], found["value"], found["high"]) == pytest.approx((3, 3, 3))


def test_a_row_where_our_model_is_short_says_so_and_stays_outside(missions, tmp_path):
    save_observables({"qber": (0.2, "1")}, tmp_path / "run1" / KEY)
    drawn(tmp_path, {"key.qber": quantiles_of_a_normal(0.2, 0.001)}, "1")
    short = KnownDeviation(scenario="yin2020", id="qber", reason="Too short.", arithmetic="1 + 1", model_short=True)
    for known, verdict in ((short, "outside"), (short.model_copy(update={"model_short": False}), "listed")):
        frame = validate(
            {"yin2020": load_reference("yin2020")},
            {"yin2020": missions["yin2020"]},
            {"yin2020": gather(tmp_path)},
            [known],
        ).set_index("id")
        assert frame.loc["qber", "verdict"] == verdict
        assert frame.loc["qber", "reason"].startswith("Too short. 1 + 1 Printed:")


def test_draws_without_a_number_are_left_out(missions, tmp_path):
    save_observables({"qber": (0.045, "1")}, tmp_path / "run1" / KEY)
    drawn(tmp_path, {"key.qber": np.array([0.03, math.nan, 0.04, 0.05])}, "1")
    assert frame_of(missions, tmp_path).loc["qber", "median"] == "0.04"
    drawn(tmp_path, {"key.qber": np.array([0.04] * 3 + [math.inf] * 4)}, "1")
    assert frame_of(missions, tmp_path).loc["qber", ["low", "median", "verdict"]].tolist() == ["0.04", "inf", "outside"]
    drawn(tmp_path, {"key.qber": np.full(3, math.nan)}, "1")
    assert frame_of(missions, tmp_path).loc["qber", "verdict"] == "missing"


def test_one_run_without_draws_is_not_judged(missions, tmp_path):
    save_observables({"qber": (0.045, "1")}, tmp_path / "run1" / KEY)
    row = frame_of(missions, tmp_path).loc["qber"]
    assert row.verdict == "missing" and "One run" in row.reason


def test_draws_in_another_unit_are_refused(tmp_path):
    save_observables({"key_rate": (1.0, "bit/s")}, tmp_path / "run1" / KEY)
    drawn(tmp_path, {"key.key_rate": np.ones(3)}, "kbit/s")
    with pytest.raises(ValueError, match=r"key.key_rate is in 'kbit/s', its observable in 'bit/s'"):
        gather(tmp_path)


# --- all rows together ---


def rows_of(z, role="predicted", verdict="within"):
    return pd.DataFrame({"scenario": "one", "id": [f"v{i}" for i in range(len(z))], "role": role, "z": z}).assign(
        verdict=verdict, relative_deviation=0.0, relative_width=0.1
    )


def test_predictions_that_hold_have_a_chi_squared_of_their_number():
    z = np.random.default_rng(1).normal(size=2000)
    found = chi_squared(rows_of(z))
    assert found.rows == 2000 and 1e-3 < found.probability < 1 - 1e-3
    assert chi_squared(rows_of(1.2 * z)).probability < 1e-6 and chi_squared(rows_of(0.8 * z)).probability > 1 - 1e-6


def test_chi_squared_counts_predictions_alone():
    frame = pd.concat([rows_of([3.0, 0.0, math.nan]), rows_of([9.0], "calibrated"), rows_of([9.0], "formula")])
    assert judged(frame).z.tolist() == [3.0] and chi_squared(frame).value == 9
    assert math.isnan(chi_squared(frame[:0]).probability)


def test_figures_hold_values_beyond_their_edges():
    frame = pd.concat([rows_of([50.0, -50.0], verdict="outside"), rows_of([1.0, math.nan])])
    frame.verdict = ["outside", "outside", "within", "missing"]
    drawing = deviation_figure(frame)
    points = [line for line in drawing.axes[0].lines if line.get_marker() == MARKERS["outside"][1]]
    assert [float(line.get_xdata()[0]) for line in points] == [Z_LIMIT, -Z_LIMIT]
    heights = [patch.get_height() for patch in z_figure(frame).axes[0].patches]
    assert sum(heights) == 3 and heights.count(1) == 3


def test_a_row_that_leaves_its_verdict_is_named():
    then = rows_of([0.0, 1.0])
    assert verdicts_that_moved(then, then) == []
    assert verdicts_that_moved(then.assign(verdict=["within", "vague"]), then) == [
        "one v1 predicted: within in the committed table, vague now"
    ]
    assert verdicts_that_moved(then[:1], then) == ["one v1 predicted: within in the committed table, not there now"]
    assert verdicts_that_moved(then, then[:1]) == ["one v1 predicted: not there in the committed table, within now"]
    elsewhere = then.assign(scenario="two")
    assert verdicts_that_moved(then, pd.concat([then, elsewhere])) == []


@pytest.mark.parametrize(("verdict", "status"), [("within", 0), ("outside", 1), ("vague", 1)])
def test_the_command_fails_where_a_row_leaves_its_verdict(tmp_path, capsys, verdict, status):
    save_table(rows_of([0.5]).assign(verdict=verdict), tmp_path / "now.csv")
    save_table(rows_of([0.5]), tmp_path / "committed.csv")
    assert main([str(tmp_path / "now.csv"), "--verdicts", str(tmp_path / "committed.csv")]) == status
    assert ("v0 predicted: within in the committed table" in capsys.readouterr().out) == bool(status)
