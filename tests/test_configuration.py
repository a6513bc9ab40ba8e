"""The workflow's configuration: every key is read by somebody, and one name is a list of one."""

import re

import pytest
import yaml

from satqkd.scenario import ScenarioError
from satqkd.workflow.configuration import KEYS, require_known, scenario_names


def test_the_known_keys_are_those_that_rules_read(root):
    rules = "".join(path.read_text() for path in [root / "Snakefile", *(root / "workflow/rules").glob("*.smk")])
    read = set(re.findall(r"""config(?:\.get\(|\[)["'](\w+)["']""", rules))
    read |= set(re.findall(r'checked_number\("(\w+)"', rules))
    assert read | {"start", "days"} == set(KEYS)  # these two are read in a loop
    assert 'for key in ("start", "days")' in rules
    assert set(yaml.safe_load((root / "workflow/config.yaml").read_text())) <= set(KEYS)


@pytest.mark.parametrize(("key", "way"), [("scenario", "did you mean scenarios"), ("xyz", "known are scenarios, seed")])
def test_an_unknown_key_is_refused_with_a_way_out(key, way):
    with pytest.raises(ScenarioError, match=f"unknown key {key}: {way}"):
        require_known(["seed", key])


def test_one_name_is_a_list_of_one():
    assert scenario_names("mine") == ["mine"] and scenario_names(["a", "b"]) == ["a", "b"]


@pytest.mark.parametrize(
    "value", [None, "", [], [1], {"mine": 1}, ["mine", ""], "yin2017,yin2020", "data/scenarios/mine.yaml"]
)
def test_what_is_no_list_of_names_is_refused(value):
    with pytest.raises(ScenarioError, match="is not a list of names: write it as in --config"):
        scenario_names(value)
