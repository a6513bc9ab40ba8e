"""Figures of stage 5: what is drawn is what the data set holds."""

import numpy as np
import pytest
import xarray as xr

from satqkd.key.figures import length_figure, qber_figure

EPS = np.array([1e-3, 1e-6, 1e-9])


@pytest.fixture
def entangled():
    return xr.Dataset(
        {
            "qber": ("basis", [0.05, 0.04]),
            "qber_sigma": ("basis", [0.006, 0.005]),
            "qber_threshold": ((), 0.058),
            "length_by_eps": (("bound", "eps"), [[900.0, 900.0, 900.0], [300.0, 4.0, 0.0]]),
        },
        coords={"basis": ["z", "x"], "bound": ["asymptotic", "yin2020"], "eps": EPS},
        attrs={"eps_sec": 1e-9},
    )


@pytest.fixture
def decoy(entangled):
    rates = {
        "qber": [[0.01, 0.011], [0.013, 0.014], [0.5, 0.52]],
        "qber_sigma": [[1e-4, 1e-4], [5e-4, 5e-4], [0.03, 0.03]],
    }
    return (
        entangled.drop_vars(["qber", "qber_sigma", "qber_threshold"])
        .assign({name: (("intensity_level", "basis"), values) for name, values in rates.items()})
        .assign_coords(intensity_name=("intensity_level", ["signal", "decoy", "vacuum"]))
    )


def _points(axis):
    """Values and half widths of the error bars of an axis."""
    container = axis.containers[0]
    bars = np.array(container[2][0].get_segments())
    return container[0].get_ydata(), (bars[:, 1, 1] - bars[:, 0, 1]) / 2


def test_error_rates_are_drawn_in_percent_with_their_errors(entangled):
    axis = qber_figure(entangled).axes[0]
    values, errors = _points(axis)
    np.testing.assert_allclose(values, [5, 4])
    np.testing.assert_allclose(errors, [0.6, 0.5])
    threshold = next(line for line in axis.lines if line.get_label() == "no key above")
    np.testing.assert_allclose(threshold.get_ydata(), 5.8)
    assert axis.get_ylim()[0] == 0 and axis.get_ylim()[1] > 5.8


def test_a_threshold_that_does_not_exist_is_not_drawn(entangled):
    entangled["qber_threshold"] = np.nan
    labels = [line.get_label() for line in qber_figure(entangled).axes[0].lines]
    assert "no key above" not in labels


def test_each_intensity_has_a_panel(decoy):
    axes = qber_figure(decoy).axes
    assert [axis.get_title() for axis in axes] == ["signal", "decoy", "vacuum"]
    for level, axis in enumerate(axes):
        np.testing.assert_allclose(_points(axis)[0], 100 * decoy.qber[level])


def test_lengths_are_drawn_by_proof_and_the_scenario_is_marked(entangled):
    axis = length_figure(entangled).axes[0]
    for line, bound in zip(axis.lines[:2], ["asymptotic", "yin2020"], strict=True):
        assert line.get_label() == bound
        np.testing.assert_array_equal(line.get_xdata(), EPS)
        np.testing.assert_array_equal(line.get_ydata(), entangled.length_by_eps.sel(bound=bound))
    assert list(axis.lines[2].get_xdata()) == [1e-9, 1e-9]


def test_a_length_of_zero_can_be_seen_as_zero(entangled):
    axis = length_figure(entangled).axes[0]
    assert axis.get_ylim()[0] < 0 < 900 < axis.get_ylim()[1]
    assert 0 in axis.get_yticks()
    assert length_figure(entangled.isel(bound=[0])).axes[0].get_yscale() == "log"


def test_no_zero_stands_beside_a_key_without_a_word(entangled):
    """A proof that gives nothing, and the key that the two sides hold."""
    key = entangled.assign(
        no_key=("bound", ["", "assumed leak"]), real_length=("basis", [15000.0, 818.0])
    ).assign_attrs(compared_bound="yin2020")
    title = " ".join(qber_figure(key).get_suptitle().split())
    assert title.startswith("No key by yin2020: assumed leak")
    assert "15,818 bit" in title and "disclosed less" in title
    none = qber_figure(key.assign(real_length=0 * key.real_length)).get_suptitle()
    assert "hold" not in none
