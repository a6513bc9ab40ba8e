"""Every figure that shows data has its counterpart, with the published values where they belong."""

import re

import numpy as np
import pandas as pd
import pytest

from satqkd.papers import (
    CATALOGUE,
    deviations,
    draw_figures,
    figure_tables,
    largest_deviations,
    read_results,
)
from satqkd.papers.figures import ranges
from satqkd.papers.marks import error_bar
from satqkd.validation import load_reference, observed, read_known_deviations
from satqkd.validation.reference import figure_id

MISSIONS = ("yin2017", "liao2017", "yin2020", "tiangong2")


@pytest.fixture(scope="module")
def references():
    return {name: load_reference(name) for name in MISSIONS}


@pytest.fixture(scope="module")
def tables(simulated, missions):
    previous = simulated["yin2017"] / "channel.nc"
    return {
        name: figure_tables(read_results(missions[name], simulated[name], previous if name == "yin2020" else None))
        for name in MISSIONS
    }


def test_no_figure_is_forgotten_and_none_invented(references):
    assert set(CATALOGUE) == set(MISSIONS)
    for name, reference in references.items():
        assert [figure.title for figure in CATALOGUE[name].values()] == list(reference.figures)
    assert sum(map(len, CATALOGUE.values())) == 24


@pytest.mark.parametrize("title, name", [("ED Fig 5a: histogram", "ed_fig_5a"), ("Fig 4A: range", "fig_4a")])
def test_names_of_files(title, name):
    assert figure_id(title) == name


def test_every_figure_has_its_caption_and_no_caption_is_left(root):
    captions = {path.stem: path.read_text() for path in (root / "workflow/report/papers").glob("*.rst")}
    expected = {f"{name}_{figure}" for name in MISSIONS for figure in CATALOGUE[name]}
    assert set(captions) == expected | {"deviations"}
    assert min(len(text.split()) for text in captions.values()) > 25


def test_the_notebook_has_the_parameters_of_the_rule(root):
    given = set(re.findall(r"-p (\w+) ", (root / "workflow/rules/overview.smk").read_text()))
    notebook = (root / "notebooks/overview.ipynb").read_text()
    assert given and all(f'"{name} = ' in notebook for name in given)


@pytest.mark.parametrize("name", MISSIONS)
def test_every_figure_is_held_against_something_published(tables, references, name):
    known = observed(references[name])
    for figure, one in CATALOGUE[name].items():
        values = one.values(tables[name][figure])
        assert values and set(values) <= set(known), figure


def test_an_error_bar_is_the_papers_sigma_or_the_tolerance(references):
    values = observed(references["yin2017"])
    assert error_bar(values["chsh_s"]) == (0.09, 0.09)
    assert error_bar(values["range_lijiang"], 1) == pytest.approx((34, 34))
    low, high = error_bar(values["signal_to_noise"])
    assert (8 - low, 8 + high) == pytest.approx((8 / 10**0.3, 8 * 10**0.3))


def test_deviations_count_tolerances(missions, references):
    """A table that lies two tolerances off at one place, and one that agrees."""
    table = {figure: None for figure in CATALOGUE["tiangong2"]}
    table["fig_2a"] = pd.DataFrame(
        {"range_km": [388.0, 719 + 2 * 0.02 * 719], "efficiency": 10 ** -np.array([3.2, 4.2])}
    )
    table["fig_2b"] = pd.DataFrame({"sifted_rate": [783.0], "sifted_rate_sigma": [np.nan], "range_km": [400.0]})
    table["fig_2c"] = pd.DataFrame({"qber": [0.0184], "sifted_bits": [10.0]})
    frame = deviations(table, missions["tiangong2"], references["tiangong2"])
    by_id = frame.set_index("id")
    assert by_id.loc["range", "deviation_over_tolerance"] == pytest.approx(2)
    assert by_id.loc["range", "verdict"] == "outside"
    assert by_id.loc["attenuation", "deviation_over_tolerance"] == pytest.approx(0, abs=1e-9)
    assert by_id.loc["sifted_rate", "verdict"] == "within"
    assert by_id.role[["attenuation", "sifted_rate"]].tolist() == ["calibrated", "predicted"]
    largest = largest_deviations(frame).set_index("figure")
    assert largest.loc["fig_2a", "id"] == "range" and len(largest) == 3


def test_a_deviation_with_a_reason_is_listed(tables, missions, references, root):
    known = read_known_deviations(root / "data/reference/known_deviations.yaml")
    rows = [
        deviations(tables["yin2017"], missions["yin2017"], references["yin2017"], k).set_index("id").verdict
        for k in ([], known)
    ]
    assert [row["max_path_difference"] for row in rows] == ["outside", "listed"]


@pytest.mark.parametrize("name", ["yin2017", "yin2020", "tiangong2"])
def test_the_passes_lie_where_the_papers_have_them(tables, missions, references, name):
    frame = deviations(tables[name], missions[name], references[name])
    ranges_of_pass = frame[frame.id.str.startswith("range")]
    assert len(ranges_of_pass) and (ranges_of_pass.verdict == "within").all()


def test_the_printed_orbits_of_liao2017(tables, missions, references):
    """Rates of other orbits than the fitted one: the peak at 530 km, and the mean of a low pass."""
    rows = deviations(tables["liao2017"], missions["liao2017"], references["liao2017"]).set_index("id")
    assert rows.loc[["sifted_rate_530km", "sifted_rate_1034p7km"], "verdict"].tolist() == ["within", "within"]


def test_printed_values_stand_at_the_ends_of_the_curves(tables, references):
    values = {value.id: value for value in references["yin2020"].values}
    axis = ranges(tables["yin2020"]["fig_2a"], values).axes[0]
    shown = sorted(float(bar[0].get_ydata()[0]) for bar in axis.containers)
    printed = [values[f"range_{name}"].value for name in ("nanshan", "delingha", "sum")]
    assert shown == sorted(np.ravel(printed))


@pytest.fixture(scope="module")
def drawn(tables, references, tmp_path_factory):
    """Folder of the figures by experiment."""
    folders = {name: tmp_path_factory.mktemp(name) for name in MISSIONS}
    for name, folder in folders.items():
        draw_figures(tables[name], references[name], folder)
    return folders


@pytest.mark.slow
@pytest.mark.parametrize("name", MISSIONS)
def test_every_figure_is_drawn_and_its_data_saved(drawn, tables, name):
    for figure in CATALOGUE[name]:
        for suffix in ("svg", "png", "csv"):
            assert (drawn[name] / f"{figure}.{suffix}").stat().st_size > 100
        again = pd.read_csv(drawn[name] / f"{figure}.csv")
        assert list(again.columns) == list(tables[name][figure].columns) and len(again) == len(tables[name][figure])


@pytest.mark.slow
def test_the_same_results_give_the_same_bytes(drawn, tables, references, tmp_path):
    draw_figures(tables["tiangong2"], references["tiangong2"], tmp_path)
    for path in sorted(drawn["tiangong2"].iterdir()):
        assert path.read_bytes() == (tmp_path / path.name).read_bytes()
