"""Snakemake on a count table, and on a bench."""

import pandas as pd
import pytest

from satqkd.dataset import load

FOLDER = "results/counts_example/counts"


@pytest.fixture(scope="module")
def project(project_in, tmp_path_factory):
    """The project with the example table as its only scenario, and nothing in results."""
    return project_in(tmp_path_factory.mktemp("project"), scenarios=["counts_example"])


def test_the_workflow_goes_from_a_table_to_the_key(project):
    status, text = project.snakemake("quick", "--config", "quick=counts_example")
    assert status == 0, text
    folder = project.folder / FOLDER
    table = pd.read_csv(folder / "counts.csv").set_index("row")
    assert len(table) == 13 and table.loc["all", "key_projected"] > 7e5
    assert load(folder / "counts.nc").attrs["window_factor"] == pytest.approx(1, abs=0.2)
    assert (folder / "figures/row_key.svg").is_file() and (folder / "counts.nc.provenance.json").is_file()
    status, text = project.snakemake()
    assert status == 0 and "Nothing to be done" in text


def test_the_workflow_simulates_a_bench(project_in, tmp_path):
    made = project_in(tmp_path, scenarios=["bench_example"])
    scenario = made.folder / "data/scenarios/bench_example.yaml"
    scenario.write_text(scenario.read_text().replace("pump_mw: 5", "pump_mw: 0.5"))
    status, text = made.snakemake()
    assert status == 0, text
    folder = made.folder / "results/bench_example/bench"
    assert load(folder / "coincidence.nc").sizes["session"] == 4
    assert float(load(folder / "key.nc").length.sel(bound="projected")) > 0
    assert (folder / "figures/rate.svg").is_file()
