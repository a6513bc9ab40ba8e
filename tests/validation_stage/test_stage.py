"""Stage 8 on observables of runs, some of which gave no key."""

import json

import numpy as np
import pytest

from satqkd.files import save_observables
from satqkd.validation import gather, load_reference, simulated_values, validate, without_key

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
