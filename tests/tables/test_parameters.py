"""Tables of what goes into a stage."""

import re

import pytest

from satqkd.scenario import load_scenario
from satqkd.tables import INPUTS, inputs, parameter_rows

MISSIONS = ("yin2017", "liao2017", "yin2020", "tiangong2", "jinan1", "spooqy1", "template")
# What names things, and what changes another experiment.
NO_INPUT = re.compile(r"(name|title|reference|stations\.name|outlook\..*)")


@pytest.mark.parametrize("name", MISSIONS)
def test_every_parameter_goes_into_some_stage_with_its_origin(root, name):
    scenario = load_scenario(root / f"data/scenarios/{name}.yaml")
    shown = {
        (row["parameter"], row["origin"], row["where or why"])
        for stage in INPUTS
        for _, row in inputs(scenario, stage).iterrows()
    }
    every = {(re.sub(r"\.\d+", "", key), origin, words) for key, _, origin, words, _ in parameter_rows(scenario)}
    assert shown == {row for row in every if not NO_INPUT.fullmatch(row[0])}


def test_stations_share_a_row_where_their_values_have_one_origin(root):
    table = inputs(load_scenario(root / "data/scenarios/yin2020.yaml"), "orbit").set_index("parameter")
    assert table.loc["stations.altitude_m", "value"] == "3153; 2028"
    assert table.loc["stations.altitude_m", "origin"] == "published"
    assert table.loc["stations.mount", ["value", "origin"]].tolist() == ["altazimuth", "default"]


def test_values_of_other_origins_keep_their_own_rows(root):
    table = inputs(load_scenario(root / "data/scenarios/yin2017.yaml"), "channel")
    extinction = table[table.parameter == "stations.zenith_extinction_db"]
    assert len(extinction) == extinction["where or why"].nunique() >= 1


def test_a_stage_without_inputs_is_named(root):
    with pytest.raises(ValueError, match="stage=validation has no table of inputs: give one of orbit, channel"):
        inputs(load_scenario(root / "data/scenarios/yin2020.yaml"), "validation")
