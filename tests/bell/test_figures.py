"""Figures of stage 6: what is drawn is what the data set holds."""

import numpy as np
import pytest
import xarray as xr

from satqkd.bell.figures import correlation_figure, counts_figure


@pytest.fixture
def bell():
    return xr.Dataset({
        "e": ("setting", [-0.57, 0.58, 0.56, 0.61]),
        "e_sigma": ("setting", [0.05, 0.04, 0.03, 0.02]),
        "ideal": ("setting", np.array([-1, 1, 1, 1]) / np.sqrt(2)),
        "s": ((), 2.32),
        "sigma": ((), 0.072),
        "basis_counts": (("basis", "alice_outcome", "bob_outcome"), [[[8, 38], [44, 10]], [[43, 3], [7, 47]]]),
    })


def test_correlations_are_drawn_with_errors_and_the_ideal_beside(bell):
    figure = correlation_figure(bell)
    axis = figure.axes[0]
    heights = [patch.get_height() for patch in axis.patches]
    np.testing.assert_allclose(heights[:4], bell.e)
    np.testing.assert_allclose(heights[4:], bell.ideal)
    bars = np.array(axis.collections[0].get_segments())
    np.testing.assert_allclose((bars[:, 1, 1] - bars[:, 0, 1]) / 2, bell.e_sigma)
    assert figure.get_suptitle() == "$S$ = 2.32 ± 0.07"


def test_counts_stand_in_brackets_above_their_share(bell):
    for axis, counts in zip(counts_figure(bell).axes, bell.basis_counts.values, strict=True):
        np.testing.assert_allclose([patch.get_height() for patch in axis.patches], counts.ravel() / 100)
        assert [text.get_text() for text in axis.texts] == [f"({count})" for count in counts.ravel()]
    assert axis.get_xticklabels()[1].get_text() == "+−"


@pytest.mark.parametrize(("figure", "missing"), [(correlation_figure, "e"), (counts_figure, "basis_counts")])
def test_what_was_not_measured_is_said_to_be_missing(bell, figure, missing):
    axis = figure(bell.drop_vars(missing)).axes[0]
    assert not axis.patches and axis.texts[0].get_text().startswith("No ")
