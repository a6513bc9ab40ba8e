"""Figures of stage 6: what is drawn is what the data set holds."""

import numpy as np
import pytest
import xarray as xr

from satqkd.bell.figures import CONDITION_STYLES, correlation_figure, counts_figure, locality_figure


@pytest.fixture
def bell():
    return xr.Dataset(
        {
            "e": ("setting", [-0.57, 0.58, 0.56, 0.61]),
            "e_sigma": ("setting", [0.05, 0.04, 0.03, 0.02]),
            "ideal": ("setting", np.array([-1, 1, 1, 1]) / np.sqrt(2)),
            "s": ((), 2.32),
            "sigma": ((), 0.072),
            "basis_counts": (("basis", "alice_outcome", "bob_outcome"), [[[8, 38], [44, 10]], [[43, 3], [7, 47]]]),
        }
    )


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


@pytest.fixture
def local():
    """Two sessions of four seconds; the paths differ most in the third second of the one that is shown."""
    conditions = [*CONDITION_STYLES, "emission, choice a", "emission, choice b"]
    separation = np.random.default_rng(3).uniform(1e-3, 4e-3, (len(conditions), 8))
    separation[0] = np.array([1, 1, 1, 1, 3, 2, 0.5, 2]) * 1e-3
    times = np.datetime64("2020-01-01T10:00:00", "ns") + np.arange(8) * np.timedelta64(10**9, "ns")
    each = ("time", "station")
    return xr.Dataset(
        {
            "separation": (("condition", "time"), separation),
            "first_choice_time": (each, np.full((8, 2), 1.8e-3)),
            "last_choice_time": (each, np.full((8, 2), 2e-3)),
            "measurement_time": (each, 2e-3 + np.arange(16).reshape(8, 2) * 1e-5),
            "along_baseline": ("time", np.arange(8) * 1e5),
            "baseline": ((), 1.2e6),
        },
        coords={
            "time": times,
            "station": ["here", "there"],
            "condition": conditions,
            "session_number": ("time", np.repeat([0, 1], 4)),
        },
        attrs={"showcase": 1},
    )


def test_separations_of_the_shown_session_are_drawn_in_microseconds(local):
    right = locality_figure(local).axes[1]
    assert [line.get_label() for line in right.lines] == list(CONDITION_STYLES)
    for line, separation in zip(right.lines, local.separation.values, strict=False):
        np.testing.assert_allclose(line.get_ydata(), separation[4:] * 1e6)
        np.testing.assert_allclose(line.get_xdata(), np.arange(4))


def test_space_and_time_show_the_second_of_the_smallest_separation(local):
    left = locality_figure(local).axes[0]
    photons, cones, choices, dots = left.lines[0::4], left.lines[1::4], left.lines[2::4], left.lines[3::4]
    for index, place in enumerate([0, 1200]):
        end = local.measurement_time.values[6, index] * 1e6
        np.testing.assert_allclose(dots[index].get_xydata(), [[place, end]])
        np.testing.assert_allclose(photons[index].get_xydata(), [[600, 0], [place, end]])
        np.testing.assert_allclose(choices[index].get_xydata(), [[place, 1800], [place, 2000]])
        # A cone runs over the baseline at the speed of light, from the earliest choice.
        np.testing.assert_allclose(
            cones[index].get_xydata(), [[place, 1800], [1200 - place, 1800 + 1.2e6 / 299.792458]]
        )


@pytest.mark.parametrize(
    ("figure", "missing"), [(correlation_figure, "e"), (counts_figure, "basis_counts"), (locality_figure, "separation")]
)
def test_what_was_not_measured_is_said_to_be_missing(bell, figure, missing):
    axis = figure(bell.drop_vars(missing, errors="ignore")).axes[0]
    assert not axis.patches and axis.texts[0].get_text().startswith("No ")
