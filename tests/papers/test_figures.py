"""Every figure that shows data has its counterpart, with the published values where they belong."""

import re

import numpy as np
import pandas as pd
import pytest

from satqkd.papers import (
    CATALOGUE,
    deviations,
    draw_figures,
)
from satqkd.papers.figures import ranges
from satqkd.papers.marks import error_bar
from satqkd.validation import load_reference, observed
from satqkd.validation.reference import figure_id

MISSIONS = ("yin2017", "liao2017", "yin2020", "tiangong2")


@pytest.fixture(scope="module")
def references():
    return {name: load_reference(name) for name in MISSIONS}


def test_no_figure_is_forgotten_and_none_invented(references):
    assert set(CATALOGUE) == set(MISSIONS)
    for name, reference in references.items():
        assert [figure.title for figure in CATALOGUE[name].values()] == list(reference.figures)
    assert sum(map(len, CATALOGUE.values())) == 32


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
        if (name, figure) == ("yin2020", "ed_fig_2"):  # no value of it is printed in the text
            assert values == {}
            continue
        apparatus = {value.id for value in references[name].values if value.role == "input"}
        assert set(values) <= set(known) and set(one.inputs) <= apparatus, figure
        assert values or one.inputs, figure


def test_an_error_bar_is_the_papers_sigma_or_the_printed_digit(references):
    values = observed(references["yin2017"])
    assert error_bar(values["chsh_s"]) == 0.09
    assert [error_bar(values["range_lijiang"], end) for end in (0, 1)] == [5, 50]


def test_deviations_are_fractions_of_what_is_printed(missions, references):
    """A table that lies 1 % off at one place, and one that agrees."""
    table = {figure: None for figure in CATALOGUE["tiangong2"]}
    table["table_1"] = pd.DataFrame({"phase": ["acquisition", "communication"], "duration_s": [15.0, 117.0]})
    table["fig_2a"] = pd.DataFrame({"range_km": [388.0, 1.01 * 719], "efficiency": 10 ** -np.array([3.2, 4.2])})
    table["fig_2b"] = pd.DataFrame({"sifted_rate": [783.0], "sifted_rate_sigma": [9e3], "range_km": [400.0]})
    table["fig_2c"] = pd.DataFrame({"qber": [0.0184], "sifted_bits": [10.0]})
    by_id = deviations(table, missions["tiangong2"], references["tiangong2"]).set_index("id")
    assert by_id.relative_deviation["range"] == pytest.approx(0.01)
    assert by_id.relative_deviation["attenuation"] == pytest.approx(0, abs=1e-9)
    assert by_id.relative_deviation[["acquisition_time", "communication_time"]].tolist() == pytest.approx([0, -0.1])
    assert by_id.relative_deviation["sifted_bits"] == pytest.approx(783 / 112031 - 1)
    assert by_id.role[["attenuation", "sifted_rate"]].tolist() == ["calibrated", "predicted"]
    assert "verdict" not in by_id and "z" not in by_id


@pytest.mark.parametrize("name", ["yin2017", "yin2020", "tiangong2"])
def test_the_passes_lie_where_the_papers_have_them(tables, missions, references, name):
    two_percent = 0.02
    frame = deviations(tables[name], missions[name], references[name])
    ranges_of_pass = frame[frame.id.str.startswith("range")]
    assert len(ranges_of_pass) and (ranges_of_pass.relative_deviation.abs() <= two_percent).all()


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
